"""Reads the dashboard out of the template."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from local.paths import TEMPLATE


def dashboard(values: Mapping[str, str]) -> dict[str, Any]:
    """Give the body of the template's dashboard.

    Parameters
    ----------
    values : mapping of str to str
        What stands for the names in `${…}`; a name that is not there stays as it is.
    """
    text = yaml_parse(TEMPLATE.read_text())["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    filled = re.sub(r"\$\{([^!}][^}]*)\}", lambda match: values.get(match[1], match[0]), text)
    body: dict[str, Any] = json.loads(filled.replace("${!", "${"))
    return body
