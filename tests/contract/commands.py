"""Finds the blocks of commands on the pages, and what runs each: the comment before it names it.

One of these comments is before every block, or before the first of several for which it holds:

    <!-- run by tests/website/test_commands.py -->
    <!-- run by `python -m tests.readme --full` -->
    <!-- blocks below: run by tests/packaging/test_operating_page.py -->
    <!-- like tests/cli/test_local_commands.py::test_remove_publishes_outcomes_before_the_stack_is_gone -->
    <!-- not run: needs an AWS account -->

A module that is named takes its blocks from here, so that it runs every block that names it.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from local.paths import ROOT
from tests.contract import markdown

REASONS = (
    "needs an AWS account",
    "needs credentials of a vendor",
    "installs from a package registry",
    "takes several minutes",
    "makes a release",
    "works on what the reader has written",
)
"""Why a block is not run."""
README = "`python -m tests.readme --full`"
"""Runs what takes minutes, in a new clone."""
SHELLS = frozenset({"bash", "sh", "shell", "console"})
_COMMENT = re.compile(r"<!-- (?P<below>blocks below: )?(?P<how>run by|like|not run:) (?P<what>.+) -->")
_OUTPUT = re.compile(r"<!-- what `(?P<command>[^`]+)` prints(?P<shortened>, shortened)? -->")
_FENCE = re.compile(r"(?P<indent>\s*)(?P<fence>`{3,}|~{3,})(?P<language>\w*)")
_COMMAND = re.compile(
    r"(?:export |\w+=\S+ )*"
    r"(?:make|import-watch|aws|git|uvx?|pipx?|sam|cdk|terraform|curl|wget|npm|npx|node|python3?|docker|apt|apt-get|sudo"
    r"|sha256sum|unzip|cd|cp|cat|source|pre-commit|ruff|pytest|export \w+=.*|\w+=\$\(.*|\.venv/\S+|\./\S+)(?:\s|$)"
)
"""How a block without a language begins if it has commands."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block of commands.

    Parameters
    ----------
    page : str
        Its path in the repository.
    line : int
        Of its first command.
    text : str
    how, what : str
        What the comment states: `run by`, `like` or `not run:`, and by what, like what or why; empty without one.
    output : str
        What it prints, as the page shows it; empty if the page does not.
    """

    page: str
    line: int
    text: str
    how: str
    what: str
    output: str = ""


def blocks(page: Path, text: str | None = None, *, root: Path = ROOT) -> list[Block]:
    """Blocks of commands of a page, in their order.

    Parameters
    ----------
    page : Path
    text : str, optional
        What the page reads; its file's text where it is left out.
    root : Path
        Of the repository.
    """
    found: list[Block] = []
    below: tuple[str, str] = ("", "")
    for line, language, code, before in _code(text if text is not None else page.read_text("utf-8")):
        for comment in map(_COMMENT.fullmatch, before):
            if comment and comment["below"]:
                below = (comment["how"], comment["what"])
        if any(map(_OUTPUT.fullmatch, before)) and found:
            last = found[-1]
            found[-1] = Block(last.page, last.line, last.text, last.how, last.what, code)
        elif language in SHELLS or (not language and _COMMAND.match(code)):
            own = [one for one in map(_COMMENT.fullmatch, before) if one and not one["below"]]
            how, what = (own[-1]["how"], own[-1]["what"]) if own else below
            found.append(Block(str(page.relative_to(root)), line, code, how, what))
    return found


def run_by(runner: str) -> dict[str, list[Block]]:
    """Blocks that a module of tests runs, by their page.

    Parameters
    ----------
    runner : str
        As the comments name it.
    """
    pages = {str(page.relative_to(ROOT)): blocks(page) for page in markdown.pages()}
    chosen = {
        name: [one for one in found if (one.how, one.what) == ("run by", runner)] for name, found in pages.items()
    }
    return {name: found for name, found in chosen.items() if found}


def _code(text: str) -> Iterator[tuple[int, str, str, list[str]]]:
    """Blocks of code: the line, the language, the text, and the comments since the last block."""
    comments: list[str] = []
    collected: list[str] = []
    begin, language, fence = 0, "", ""
    for line in [*markdown.lines(text), markdown.Line(0, "end", "")]:
        opened = _FENCE.match(line.text) if line.kind == "code" else None
        if fence:
            if line.text.strip() == fence:
                yield begin, language, textwrap.dedent("\n".join(collected)), comments
                comments, collected, fence = [], [], ""
            else:
                collected.append(line.text)
        elif line.kind == "code" and not opened and (collected or line.text.strip()):
            begin, language = begin if collected else line.number, ""
            collected.append(line.text)
        else:
            if collected:
                yield begin, "", textwrap.dedent("\n".join(collected)).rstrip(), comments
                comments, collected = [], []
            if opened:
                begin, language, fence = line.number + 1, opened["language"], opened["fence"]
            elif line.kind == "comment":
                comments.append(line.text.strip())
