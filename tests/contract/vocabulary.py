"""Uses of words that the glossary refuses; `python -m tests.contract.vocabulary [area]` lists them.

The glossary (`docs/glossary.md`) is the only table of words. An area is a set of texts or identifiers of the project.
"""

from __future__ import annotations

import ast
import json
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from local.paths import EVENTS, ROOT, TEMPLATE
from tests.contract import markdown

GLOSSARY = ROOT / "docs" / "glossary.md"
MESSAGES_PAGE = ROOT / "docs" / "notification-messages.md"
DEFINITION = ROOT / "statemachine" / "watch_import.asl.json"
PRODUCT = ("layers/import_watch/import_watch", "functions", "cli", "local")
CODE = (*PRODUCT, "locks", "benchmarks", "tests")
CONFIGURATION = ("Makefile", "layers/import_watch/Makefile", "template.yaml", "pyproject.toml", "samconfig.toml")
OPENINGS = ("Give", "Gives", "Say", "Says", "Tell", "Tells", "Ask", "Asks")
"""Words that start no docstring: it starts with a noun, or with the imperative of what the function does."""
LOGGING = ("debug", "info", "warning", "error", "exception")
_FORMS = r"(?:s|es|d|ed|ing)?"
_SCOPED = re.compile(r"`([^`]+)`(?: \((names|text)\))?")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@dataclass(frozen=True, slots=True)
class Refused:
    """A refused word or phrase, with what to use in its place."""

    word: str
    use: str
    in_names: bool
    in_text: bool

    @property
    def pattern(self) -> re.Pattern[str]:
        """Matches the word and its forms, in a text or in the words of a name; case counts only for constants."""
        if self.constant:
            return re.compile(rf"(?:^|_){self.word.strip('_')}(?:_|$)")
        words = re.split("[ _]", self.word)
        return re.compile(rf"\b{'[ ]'.join(words)}{_FORMS}\b", re.IGNORECASE)

    @property
    def constant(self) -> bool:
        """Whether it is a part of the names of constants."""
        return self.word.startswith("_") or self.word.endswith("_")


@dataclass(frozen=True, slots=True)
class Use:
    """A text or an identifier, and where it is."""

    path: Path
    line: int
    text: str

    def __str__(self) -> str:
        """The place and the text, on one line."""
        return f"{self.path.relative_to(ROOT)}:{self.line}: {' '.join(self.text.split())[:100]}"


@dataclass(frozen=True, slots=True)
class Finding:
    """A use of a refused word."""

    use: Use
    word: str
    instead: str

    def __str__(self) -> str:
        """The use, the refused word and the one to use."""
        return f"{self.use} [{self.word} -> {self.instead}]"


class Glossary:
    """The words of the glossary, as the tests use them."""

    def __init__(self, page: str) -> None:
        self.terms = markdown.tables(page, "Terms")[0]
        others = markdown.tables(page, "Other words")[0]
        allowed = [_SCOPED.findall(text) for text, _reason in markdown.tables(page, "Exceptions")[0]]
        self.allowed = tuple(word for words in allowed for word, scope in words if scope != "names")
        self.allowed_names = frozenset(word for words in allowed for word, scope in words if scope != "text")
        pairs = [(row[2], row[0]) for row in self.terms] + [(row[0], row[1]) for row in others]
        self.refused = tuple(
            Refused(word, use, in_names=scope != "text", in_text=scope != "names" and not word.isupper())
            for cell, use in pairs
            for word, scope in _SCOPED.findall(cell)
        )
        self._names = [(one, one.pattern) for one in self.refused if one.in_names]
        self._text = [(one, one.pattern) for one in self.refused if one.in_text]
        spans = sorted(map(re.escape, self.allowed), key=len, reverse=True)
        self._allowed = re.compile(rf"\b(?:{'|'.join(spans)})s?\b")

    def in_text(self, use: Use) -> Iterator[Finding]:
        """Refused words of a text."""
        text = self._allowed.sub(" ", " ".join(use.text.split()))
        yield from (Finding(use, found[0], one.use) for one, pattern in self._text for found in pattern.finditer(text))

    def in_name(self, use: Use) -> Iterator[Finding]:
        """Refused words of an identifier."""
        if use.text in self.allowed_names:
            return
        words = " ".join(_WORDS.findall(use.text))
        for one, pattern in self._names:
            subject = words
            if one.constant:
                subject = use.text if use.text.isupper() else ""
            if found := pattern.search(subject):
                yield Finding(use, found[0].strip("_"), one.use)


# ------------------------------------------------------------ what the areas consist of


def docs() -> Iterator[Use]:
    """Prose of the pages: no code, no generated tables, no messages of the product (the area `messages` has those)."""
    for page in markdown.pages():
        generated = False
        for line in markdown.lines(page.read_text()):
            if line.kind == "comment":
                generated = "figures:" in line.text or "made by" in line.text
            if generated or line.kind in ("code", "comment", "blank"):
                continue
            text = line.text
            if page == MESSAGES_PAGE and line.kind == "table":
                text = text.strip("| ").partition("|")[0]
            yield Use(page, line.number, markdown.without_code_spans(text))


def names() -> Iterator[Use]:
    """Identifiers that the project's code defines, and the names of its modules."""
    for path in _python(CODE):
        yield Use(path, 1, path.stem)
        for node in ast.walk(_parsed(path)):
            match node:
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                    yield Use(path, node.lineno, node.name)
                case ast.arg():
                    yield Use(path, node.lineno, node.arg)
                case ast.Name(id=name, ctx=ast.Store()):
                    yield Use(path, node.lineno, name)
                case ast.Attribute(attr=name, ctx=ast.Store()):
                    yield Use(path, node.lineno, name)
                case ast.ExceptHandler(name=str(name)):
                    yield Use(path, node.lineno, name)


def messages() -> Iterator[Use]:
    """Literals of the product that people read in messages, logs and terminals: of several words, or logged."""
    for path in _python(PRODUCT):
        tree = _parsed(path)
        skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        logged = {
            id(node.args[0])
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args
            if node.func.attr in LOGGING
        }
        inner: set[int] = set()
        for node in ast.walk(tree):
            if id(node) in skipped | inner:
                continue
            text = ""
            if isinstance(node, ast.JoinedStr):
                parts = [part for part in node.values if isinstance(part, ast.Constant)]
                inner |= {id(part) for part in parts}
                text = " … ".join(str(part.value) for part in parts)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
            if (id(node) in logged or re.search(r"\S\s+\S", text)) and isinstance(node, ast.expr):
                yield Use(path, node.lineno, text)


def comments() -> Iterator[Use]:
    """Comments and docstrings of the code, and comments of the configuration."""
    for path in _python(CODE):
        with path.open("rb") as source:
            found = [token for token in tokenize.tokenize(source.readline) if token.type == tokenize.COMMENT]
        yield from (Use(path, token.start[0], token.string) for token in found)
        yield from _docstrings(path)
    for name in CONFIGURATION:
        for number, line in enumerate((ROOT / name).read_text().splitlines(), 1):
            if comment := re.search(r'(?:^|\s)#+ (.*)|^description = "(.*)"', line):
                yield Use(ROOT / name, number, comment[1] or comment[2])


def openings() -> Iterator[Use]:
    """First words of docstrings that start with a verb of the list above."""
    for path in _python(CODE):
        for use in _docstrings(path):
            if use.text.partition(" ")[0] in OPENINGS:
                yield use


def template() -> Iterator[Use]:
    """Descriptions of the template, and the comment of the state machine."""
    stack = yaml_parse(TEMPLATE.read_text())
    yield from _located(TEMPLATE, _values(stack, ("Description", "AlarmDescription")))
    yield from _located(DEFINITION, _values(json.loads(DEFINITION.read_text()), ("Comment",)))


def template_names() -> Iterator[Use]:
    """Logical ids of the template: parameters, conditions, resources and outputs; states of the state machine."""
    stack = yaml_parse(TEMPLATE.read_text())
    for section in ("Parameters", "Mappings", "Conditions", "Resources", "Outputs"):
        yield from _located(TEMPLATE, stack.get(section, {}))
    yield from _located(DEFINITION, json.loads(DEFINITION.read_text())["States"])


def schemas() -> Iterator[Use]:
    """Titles and descriptions of the JSON Schemas."""
    for path in sorted((EVENTS / "schemas").glob("*.json")):
        yield from _located(path, _values(json.loads(path.read_text()), ("title", "description")))


TEXTS: Mapping[str, Callable[[], Iterable[Use]]] = {
    "docs": docs,
    "messages": messages,
    "template": template,
    "schemas": schemas,
    "comments": comments,
}
NAMES: Mapping[str, Callable[[], Iterable[Use]]] = {"names": names, "template names": template_names}
AREAS = (*TEXTS, *NAMES, "docstring openings")


def findings(area: str) -> list[Finding]:
    """Uses of refused words in an area.

    Raises
    ------
    LookupError
        If there is no such area.
    """
    glossary = Glossary(GLOSSARY.read_text())
    if area == "docstring openings":
        return [Finding(use, use.text.partition(" ")[0], "a noun or an imperative") for use in openings()]
    if area in TEXTS:
        return [found for use in TEXTS[area]() for found in glossary.in_text(use)]
    if area in NAMES:
        return [found for use in NAMES[area]() for found in glossary.in_name(use)]
    raise LookupError(f"no area is called {area!r}; known are {', '.join(AREAS)}")


def _python(folders: Iterable[str]) -> Iterator[Path]:
    for folder in folders:
        found = sorted((ROOT / folder).rglob("*.py"))
        yield from (path for path in found if not markdown.ADDED_BY_TOOLS & set(path.relative_to(ROOT).parts))


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def _docstrings(path: Path) -> Iterator[Use]:
    for node in ast.walk(_parsed(path)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(found))):
                yield Use(path, node.lineno, found)


def _located(path: Path, texts: Iterable[str]) -> Iterator[Use]:
    """Texts of a file, each with the line in which it starts; a text of a parsed file may be folded in its source."""
    source = path.read_text()
    for text in texts:
        position = source.find(" ".join(text.split(" ")[:4]))
        yield Use(path, source.count("\n", 0, max(0, position)) + 1, text)


def _values(value: Any, keys: tuple[str, ...]) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, one in value.items():
            if key in keys and isinstance(one, str):
                yield one
            else:
                yield from _values(one, keys)
    elif isinstance(value, list):
        for one in value:
            yield from _values(one, keys)


def main(areas: list[str]) -> int:
    """Print the findings of the areas, or of all; 1 if there is any."""
    counts: Counter[str] = Counter()
    for area in areas or AREAS:
        for finding in findings(area):
            counts[area] += 1
            sys.stdout.write(f"{area}: {finding}\n")
    for area in areas or AREAS:
        sys.stdout.write(f"{counts[area]:6} {area}\n")
    return 1 if any(counts.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
