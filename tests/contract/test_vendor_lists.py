"""A new vendor needs no change but those that `docs/adding-a-vendor.md` names: nothing else lists the vendors."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
from import_watch.services.vendor_registry import VendorRegistry

from local.paths import EVENTS, FUNCTIONS, ROOT
from local.simulators.registry import VENDORS as SIMULATED
from local.simulators.registry import simulated

VENDORS = VendorRegistry(FUNCTIONS)
MODULES = [
    path for folder in ("cli", "layers", "local", "tests", "benchmarks") for path in (ROOT / folder).rglob("*.py")
]
OWN_DATA = {"tests/page/seeding.py"}
"""Modules whose made-up watches are those of the vendors that they list."""


@pytest.mark.parametrize("event", ["import-started", "import-changed"])
def test_the_schemas_list_every_vendor(event: str) -> None:
    schema = json.loads((EVENTS / "schemas" / f"{event}.schema.json").read_text())
    assert set(schema["properties"]["detail"]["properties"]["vendor"]["enum"]) == set(VENDORS.names)


def test_every_vendor_has_a_simulator() -> None:
    assert VENDORS.names == SIMULATED


@pytest.mark.parametrize("vendor", VENDORS.names)
def test_an_example_import_has_a_valid_id_and_a_valid_connection(vendor: str) -> None:
    adapter, found = VENDORS.adapter(vendor), simulated(vendor)
    assert adapter.import_id(found.import_id) == found.import_id
    connections = found.connections("http://127.0.0.1:1")
    assert "default" in connections
    for fields in connections.values():
        assert set(adapter.api_of({name: str(value) for name, value in fields.items()}).connection.required) <= {
            *fields
        }


def test_no_module_lists_all_vendors() -> None:
    assert [
        f"{path.relative_to(ROOT)}:{line}: take the vendors from their folders instead"
        for path in MODULES
        if "node_modules" not in path.parts and str(path.relative_to(ROOT)) not in OWN_DATA
        for line in lists_of_vendors(path)
    ] == []


def lists_of_vendors(path: Path) -> list[int]:
    """Lines of a module on which a list, tuple or set of texts begins that has all vendors."""
    text = path.read_text()
    if not all(name in text for name in VENDORS.names):
        return []
    literals = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.List | ast.Tuple | ast.Set))
    return [
        node.lineno
        for node in literals
        if {one.value for one in node.elts if isinstance(one, ast.Constant)}.issuperset(VENDORS.names)
    ]
