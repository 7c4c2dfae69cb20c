"""The entry points of the functions: short, and the same for every vendor."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
from import_watch.services.vendor_registry import VendorRegistry

from local.paths import FUNCTIONS

HANDLERS = sorted(FUNCTIONS.glob("*/handler.py"))
POLL_HANDLERS = sorted(FUNCTIONS.glob("poll_*/handler.py"))
VENDOR_MODULES = sorted(set(FUNCTIONS.glob("poll_*/**/*.py")) - set(POLL_HANDLERS))


def test_every_vendor_folder_has_a_handler() -> None:
    assert {path.parent for path in POLL_HANDLERS} == {path.parent for path in FUNCTIONS.glob("poll_*/adapter.py")}


def test_poll_handlers_differ_in_their_first_line_only() -> None:
    first, *others = [path.read_text().partition("\n")[2] for path in POLL_HANDLERS]
    assert others == [first] * len(others)
    for path in POLL_HANDLERS:
        assert path.read_text().startswith(f'"""{path.parent.name}: polls one import at ')


@pytest.mark.parametrize("path", HANDLERS, ids=lambda path: path.parent.name)
def test_a_handler_is_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 40


@pytest.mark.parametrize("path", VENDOR_MODULES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_module_of_a_vendor_has_at_most_120_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 120


def test_an_adapter_and_its_default_version_agree_on_the_log() -> None:
    vendors = VendorRegistry(FUNCTIONS)
    for adapter in map(vendors.adapter, vendors.names):
        assert adapter.keeps_log is adapter.api().keeps_log, adapter.vendor


@pytest.mark.parametrize("folder", sorted(FUNCTIONS.glob("poll_*")), ids=lambda folder: folder.name)
def test_the_folder_of_a_vendor_has_at_most_240_lines(folder: Path) -> None:
    assert sum(len(path.read_text().splitlines()) for path in folder.glob("**/*.py")) <= 240


@pytest.mark.parametrize("path", VENDOR_MODULES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_module_of_a_vendor_imports_only_values_and_the_contract(path: Path) -> None:
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)]
    modules = {node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name for node in nodes}
    ours = {".".join(module.split(".")[:2]) for module in modules if module.startswith("import_watch")}
    assert ours <= {"import_watch.model", "import_watch.vendors"}
    assert {module.partition(".")[0] for module in modules} - {"import_watch"} <= sys.stdlib_module_names
