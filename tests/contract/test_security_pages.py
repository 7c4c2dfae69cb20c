"""What the pages about security name exists: every test, path, parameter and link; and each defence names its tests."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from samtranslator.yaml_helper import yaml_parse

from local.paths import ROOT, TEMPLATE
from tests.contract import markdown

PAGES = ("SECURITY.md", "docs/threat-model.md")
TOP = {path.name for path in ROOT.iterdir()}
TEST = re.compile(r"tests/[\w/]+\.py(::\w+)+")
PARAMETER = re.compile(r"[A-Z][a-z]+([A-Z][a-z]+)+")
NO_PARAMETERS = frozenset({"Version"})
"""Outputs of the stack, and other names of this form."""
MODEL = (ROOT / "docs" / "threat-model.md").read_text("utf-8")


@cache
def names_in(path: Path) -> frozenset[str]:
    """Tests of a module, those of a class with its name before them."""
    found: set[str] = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{one.name}" for one in node.body if isinstance(one, ast.FunctionDef)}
    return frozenset(name for name in found if name.rpartition("::")[2].startswith("test_"))


def missing(page: str) -> list[str]:
    """Code spans of a page that name what does not exist."""
    parameters = yaml_parse(TEMPLATE.read_text("utf-8"))["Parameters"]
    found = []
    for span in markdown.code_spans(page):
        if TEST.fullmatch(span):
            path, _, name = span.partition("::")
            exists = (ROOT / path).is_file() and name in names_in(ROOT / path)
        elif span.partition("/")[0] in TOP and "/" in span:
            exists = (ROOT / span).exists()
        elif PARAMETER.fullmatch(span) and span not in NO_PARAMETERS:
            exists = span in parameters
        else:
            exists = True
        if not exists:
            found.append(span)
    return found


@pytest.mark.parametrize("name", PAGES)
def test_what_a_page_names_exists(name: str) -> None:
    assert missing((ROOT / name).read_text("utf-8")) == []


@pytest.mark.parametrize(
    "span",
    [
        "tests/unit/test_leaks.py::test_that_was_renamed",
        "tests/unit/test_gone.py::test_of_it",
        "tests/unit/aws/test_watch_store.py::test_the_first_end_stands",
        "layers/gone.py",
        "NoSuchParameter",
    ],
)
def test_what_does_not_exist_is_found(span: str) -> None:
    assert missing(f"See `{span}`, and `docs/page.md`.") == [span]


def test_every_defence_names_a_test_and_every_boundary_has_a_defence() -> None:
    rows = markdown.tables(MODEL, "Defences")[0]
    for row in rows:
        spans = markdown.code_spans(row[3])
        assert spans, row[1]
        assert all(map(TEST.fullmatch, spans)), row[1]
    boundaries = re.findall(r"-- (\d) -->|(?<=<--) (\d) -->", MODEL)
    assert {row[0] for row in rows} == {one or other for one, other in boundaries}


def test_a_report_is_private_and_names_no_person() -> None:
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    assert "Report a vulnerability" in text
    assert "@" not in text
