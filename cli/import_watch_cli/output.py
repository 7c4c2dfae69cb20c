"""What the commands print: results on standard output, notes on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from import_watch.model.serialization import JSON

    from import_watch_cli.terminal import Terminal

WIDE = 110
"""Columns from which on a list is a table; a narrower terminal shows each watch on lines of its own."""
MIN_WIDTH = 20
Cell = tuple[str, str]
"""Text and style of a cell."""


@dataclass(frozen=True)
class Output:
    """Where and how a command prints.

    Parameters
    ----------
    as_json : bool
        Objects for programs instead of text for people.
    quiet : bool
        Results and errors only.
    utc : bool
        Times in UTC instead of local time.
    """

    as_json: bool = False
    quiet: bool = False
    utc: bool = False

    @cached_property
    def terminal(self) -> Terminal:
        """Standard output."""
        from import_watch_cli.terminal import Terminal

        return Terminal()

    @property
    def is_wide(self) -> bool:
        """Whether a list has room for a table."""
        return not self.terminal.is_terminal or self.terminal.width >= WIDE

    def value(self, value: JSON) -> None:
        """Print an object as one line of JSON; its characters are escaped, and none reaches a terminal as it is."""
        sys.stdout.write(f"{json.dumps(value)}\n")
        sys.stdout.flush()

    def line(self, text: str = "", style: str = "") -> None:
        """Print a line for a person, on several lines where it does not fit; vendors' text in it is plain text."""
        self.parts((text, style))

    def parts(self, *cells: Cell) -> None:
        """Print a line of several styles, on several lines where it does not fit."""
        from rich.text import Text

        line = Text.assemble(*((printable(text), style) for text, style in cells))
        if not self.terminal.is_terminal or line.cell_len <= self.terminal.width:
            self.terminal.write(line)
            return
        indent = len(line.plain) - len(line.plain.lstrip())
        text = line[indent:]
        for part in text.wrap(self.terminal.console, max(MIN_WIDTH, self.terminal.width - indent)):
            part.rstrip()
            self.terminal.write(Text(" " * indent) + part)

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[Cell]], right: Sequence[int] = ()) -> None:
        """Print aligned columns; nothing in them is cut.

        Parameters
        ----------
        headings : sequence of str
        rows : sequence of sequence of Cell
        right : sequence of int
            Numbers of the columns that are aligned to the right.
        """
        from rich.cells import cell_len
        from rich.text import Text

        lines = [[(heading, "bold") for heading in headings], *rows]
        lines = [[(printable(text), style) for text, style in line] for line in lines]
        widths = [max(cell_len(line[column][0]) for line in lines) for column in range(len(headings))]
        for line in lines:
            cells: list[Cell] = []
            end = max((column for column, (text, _) in enumerate(line) if text), default=0)
            for column, (text, style) in enumerate(line[: end + 1]):
                blanks = " " * (widths[column] - cell_len(text))
                last = column == end
                cells += [(blanks + text, style)] if column in right else [(text, style), ("" if last else blanks, "")]
                cells.append(("" if last else "   ", ""))
            # A table is not wrapped: a terminal that is too narrow for it continues its lines.
            self.terminal.write(Text.assemble(*cells))

    def note(self, text: str) -> None:
        """Print a note for a person on standard error, unless only results are wanted."""
        if not self.quiet:
            sys.stderr.write(f"{printable(text)}\n")


def printable(text: str) -> str:
    """Text without control characters, which vendors and callers may have put into it."""
    return text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)
