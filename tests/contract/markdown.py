"""Reads the project's Markdown pages: their prose, tables, headings and links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from local.paths import ROOT

ADDED_BY_TOOLS = {".venv", ".local", ".aws-sam", "node_modules", ".pytest_cache", ".git"}
_CONTINUED = {"prose": ("prose", "item", "quote"), "quote": ("quote",)}
"""Kinds of lines, and the kinds that they continue if there is no blank line between them."""
_ITEM = re.compile(r"\s*(?:[-*+]|\d+[.)])\s+\S")
_CODE_SPAN = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a page, by its number and its kind: prose, item, quote, heading, table, code, comment or blank."""

    number: int
    kind: str
    text: str


def pages() -> list[Path]:
    """Every Markdown file of the project."""
    found = ROOT.rglob("*.md")
    return sorted(page for page in found if not ADDED_BY_TOOLS & set(page.relative_to(ROOT).parts))


def lines(text: str) -> Iterator[Line]:
    """Lines of a page, each with its kind."""
    fence, before = "", "blank"
    for number, line in enumerate(text.splitlines(), 1):
        kind = "code" if fence else _kind(line, before)
        if opened := re.match(r"\s*(`{3,}|~{3,})", line):
            kind = "code"
            if not fence:
                fence = opened[1]
            elif line.strip().startswith(fence):
                fence = ""
        before = kind
        yield Line(number, kind, line)


def _kind(line: str, before: str) -> str:
    if not line.strip():
        # Blank lines belong to an indented block only if another line of it follows; either way they hold no prose.
        return "code" if before == "code" else "blank"
    if line.startswith("    ") and before in ("blank", "code"):
        return "code"
    if _ITEM.match(line):
        return "item"
    starts = {"#": "heading", "|": "table", ">": "quote", "<!--": "comment"}
    return next((kind for start, kind in starts.items() if line.lstrip().startswith(start)), "prose")


def wrapped(text: str) -> list[int]:
    """Numbers of the lines that continue the paragraph, list item or quotation of the line before."""
    found, before = [], "blank"
    for line in lines(text):
        if before in _CONTINUED.get(line.kind, ()):
            found.append(line.number)
        before = line.kind
    return found


def without_code_spans(text: str) -> str:
    """A line without code spans and link targets."""
    return re.sub(r"\]\([^)]*\)", "]", _CODE_SPAN.sub(" ", text))


def code_spans(text: str) -> list[str]:
    """Contents of the code spans of a text."""
    return [found[0].strip("` ") for found in _CODE_SPAN.finditer(text)]


def links(text: str) -> list[str]:
    """Targets of the links and images of a page, code excluded."""
    found: list[str] = []
    for line in lines(text):
        if line.kind != "code":
            found += _LINK.findall(_CODE_SPAN.sub("code", line.text))
    return found


def anchors(text: str) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    titles = [line.text.lstrip("#").strip() for line in lines(text) if line.kind == "heading"]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def tables(text: str, heading: str) -> list[list[list[str]]]:
    """Tables in the section with a heading, each a list of rows without its head.

    Raises
    ------
    LookupError
        If there is no such section, or no table in it.
    """
    found: list[list[list[str]]] = []
    inside, before = False, ""
    for line in lines(text):
        if line.kind == "heading":
            inside = line.text.lstrip("#").strip() == heading
        elif inside and line.kind == "table":
            if before != "table":
                found.append([])
            found[-1].append([cell.strip() for cell in line.text.strip().strip("|").split("|")])
        before = line.kind
    if not found:
        raise LookupError(f"no table under the heading {heading!r}")
    return [rows[2:] for rows in found]
