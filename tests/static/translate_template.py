"""Writes the template as SAM translates it, for checks of what CloudFormation is given: `translate_template.py <file>`.

There is no request to AWS: local folders stand for themselves, and every parameter has its default.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from boto3.session import Session
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

from local.deployment import ARTEFACT_PROPERTIES
from local.emulator import REGION
from local.paths import TEMPLATE


def translated() -> dict[str, Any]:
    """The template as CloudFormation gets it after the transform."""
    template: dict[str, Any] = yaml_parse(TEMPLATE.read_text())
    for resource in template["Resources"].values():
        name = ARTEFACT_PROPERTIES.get(resource["Type"])
        if name is not None:
            resource["Properties"][name] = f"s3://artefacts/{resource['Properties'][name]}"
    defaults = {
        name: parameter["Default"] for name, parameter in template["Parameters"].items() if "Default" in parameter
    }
    # No statement of the template stands for a managed policy, so no list of them is needed.
    translator = Translator({}, Parser(), boto_session=Session(region_name=REGION))
    found: dict[str, Any] = translator.translate(template, defaults)
    return found


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(translated(), indent=1) + "\n")
