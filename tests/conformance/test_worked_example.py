"""The vendor of `docs/adding-a-vendor.md`, built from that page, goes through the conformance kit."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest
from import_watch.model.observation import ImportState
from import_watch.vendors.adapter import Adapter
from samtranslator.yaml_helper import yaml_parse

from local.paths import FUNCTIONS, ROOT, TEMPLATE
from tests.conformance.harness import VendorUnderTest
from tests.conformance.kit import Conformance
from tests.conformance.samples import Sample

PAGE = (ROOT / "docs" / "adding-a-vendor.md").read_text()


def block(language: str, number: int = 0, blocks: int = 1) -> str:
    """One of the page's blocks of code in a language."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert len(found) == blocks
    return str(found[number])


def built(folder: Path) -> Adapter:
    path = folder / "poll_papyrus" / "adapter.py"
    path.parent.mkdir()
    path.write_text(block("python", 0, blocks=2))
    spec = importlib.util.spec_from_file_location("papyrus_adapter", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    adapter: Adapter = module.ADAPTER
    return adapter


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> VendorUnderTest:
    sample = json.loads(block("json"))
    return VendorUnderTest(
        built(tmp_path_factory.mktemp("functions")),
        Sample(
            import_id=sample["import_id"],
            fields=sample["fields"],
            responses={ImportState(state): body for state, body in sample["responses"].items()},
            partial=sample["partial"],
            not_found={int(status): body for status, body in sample["not_found"].items()},
        ),
    )


class TestPapyrus(Conformance):
    pass


def test_its_handler_is_that_of_the_others() -> None:
    first, rest = block("python", 1, blocks=2).split("\n", 1)
    assert first == '"""poll_papyrus: polls one import at Papyrus."""'
    assert rest == (FUNCTIONS / "poll_egain" / "handler.py").read_text().partition("\n")[2]


def test_its_block_of_the_template_has_the_shape_of_the_others() -> None:
    def shape(resources: dict[str, Any], vendor: str) -> str:
        found = {name: value for name, value in resources.items() if vendor in name.lower()}
        for resource in found.values():
            for words in ("Description", "AlarmDescription"):
                resource["Properties"].pop(words, None)
        return re.sub(vendor, "vendor", json.dumps(found, sort_keys=True), flags=re.IGNORECASE)

    theirs = yaml_parse(TEMPLATE.read_text())["Resources"]
    assert shape(yaml_parse(block("yaml")), "papyrus") == shape(theirs, "voyado")
