"""The bill of materials lists what is in the layer that `sam build` has made: all of it, and nothing else."""

from __future__ import annotations

import csv
import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from releases.components import digests, pins
from releases.sbom import bill_of_materials
from tests.packaging.sam import Sam

pytestmark = pytest.mark.xdist_group("packaging")


@pytest.fixture(scope="module")
def layer(sam: Sam) -> Path:
    return sam.built / "ImportWatchLayer" / "python"


@pytest.fixture(scope="module")
def bill(layer: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bill_of_materials(layer))
    return found


def test_it_lists_every_package_that_is_pinned(bill: dict[str, Any]) -> None:
    components = bill["components"]
    assert {one["name"]: one["version"] for one in components} == pins()
    assert {one["name"]: [one["hashes"][0]["content"]] for one in components} == digests()
    assert all(one["licenses"] for one in components)


def test_every_file_of_the_layer_belongs_to_something_that_it_lists(layer: Path, bill: dict[str, Any]) -> None:
    listed = {f"{one['name']}-{one['version']}" for one in bill["components"]}
    folders = {folder.name.removesuffix(".dist-info").replace("_", "-"): folder for folder in layer.glob("*.dist-info")}
    assert set(folders) == listed
    known = {
        (layer / row[0]).resolve()
        for folder in folders.values()
        for row in csv.reader((folder / "RECORD").read_text("utf-8").splitlines())
    }
    files = {path.resolve() for path in layer.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    own = {path for path in files if path.is_relative_to((layer / "import_watch").resolve())}
    # pip writes these where it installs, after the package's own list.
    of_pip = {path for path in files if path.name in ("INSTALLER", "REQUESTED", "direct_url.json")}
    assert files - own - of_pip - known == set()


def test_the_layer_has_the_notice_of_every_package(layer: Path) -> None:
    for folder in layer.glob("*.dist-info"):
        notices = [
            path for path in folder.rglob("*") if path.name.upper().startswith(("LICENSE", "LICENCE", "COPYING"))
        ]
        assert notices, folder.name


def test_it_has_the_form_of_its_schema_and_is_always_the_same(layer: Path) -> None:
    text = bill_of_materials(layer)
    with warnings.catch_warnings():
        # The validator of the library uses a part of jsonschema that will be renamed.
        warnings.simplefilter("ignore", DeprecationWarning)
        assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert bill_of_materials(layer) == text
