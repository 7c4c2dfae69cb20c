"""Writes lines to a terminal, a file or a pipe, with what each of them can show; and redraws lines in place."""

from __future__ import annotations

import codecs
import io
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from import_watch_cli.display import HighestProgress, Standing, flowed, one, plain_line, table

PLAIN_WIDTH = 140
"""Columns of a table where the output is no terminal."""
REPLACEMENTS = {
    "✓": "+",
    "✗": "x",
    "█": "#",
    "░": ".",
    "…": ".",
    "–": "-",
    "\u2014": "-",
    "·": "-",
    "×": "x",
    **dict.fromkeys("\u2018\u2019", "'"),
    **dict.fromkeys("\u201c\u201d«»", '"'),
}
"""What is written for a character that the encoding does not have; each is one column wide, like the character."""
ASCII_LOCALES = frozenset({"C", "POSIX"})
COERCED = frozenset({"C.UTF-8", "C.utf8", "UTF-8"})
ERRORS = "import-watch-replace"
Lines = Callable[[Mapping[str, Standing], int, int, float, float], list[Text]]
"""Lines for watches, from columns, lines, the present and the start of the display."""


def _replace(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(REPLACEMENTS.get(char, "?") for char in error.object[error.start : error.end]), error.end


codecs.register_error(ERRORS, _replace)


class Terminal:
    """The output of a command.

    Parameters
    ----------
    stream : TextIO, optional
        Standard output by default.
    environment : mapping of str to str, optional
        Environment variables: `NO_COLOR`, `TERM`, `COLUMNS`, `LINES`, and the locale's.
    """

    def __init__(self, stream: TextIO | None = None, environment: Mapping[str, str] | None = None) -> None:
        self._stream = sys.stdout if stream is None else stream
        self._environment = os.environ if environment is None else environment
        if isinstance(self._stream, io.TextIOWrapper):
            # With a locale that names no characters beyond ASCII, Python writes UTF-8 all the same.
            ascii_only = _shows_ascii_only(self._environment)
            self._stream.reconfigure(encoding="ascii" if ascii_only else None, errors=ERRORS)
        self.is_terminal = self._stream.isatty()
        self.is_live = self.is_terminal and self._environment.get("TERM", "").lower() not in ("dumb", "unknown")
        self.console = Console(
            file=self._stream,
            force_terminal=True if self.is_live else None,
            # Lines are made for the terminal's present size, and written as they are.
            width=max(PLAIN_WIDTH, self.width),
            height=max(PLAIN_WIDTH, self.height),
            highlight=False,
            markup=False,
            emoji=False,
            soft_wrap=True,
            _environ=self._environment,
        )

    @property
    def width(self) -> int:
        """Columns, at present."""
        return self._size()[0]

    @property
    def height(self) -> int:
        """Lines, at present."""
        return self._size()[1]

    def write(self, *lines: str | Text) -> None:
        """Write lines; one that is too long continues on the next line of the terminal."""
        for line in lines:
            self.console.print(line)

    def write_wrapped(self, text: str, *, hanging: int = 0) -> None:
        """Write a text, on several lines where it does not fit; a pipe gets it on one.

        Parameters
        ----------
        text : str
        hanging : int
            Number of blanks before all lines but the first.
        """
        lines = flowed(map(Text, text.split(" ")), self.width, gap=1, hanging=hanging) if self.is_terminal else [text]
        self.write(*lines)

    def _size(self) -> tuple[int, int]:
        size = _size_of(self._stream) if self.is_terminal else (PLAIN_WIDTH, 0)
        columns, lines = (self._environment.get(name, "") for name in ("COLUMNS", "LINES"))
        return (
            int(columns) if columns.isdecimal() and int(columns) else size[0],
            int(lines) if lines.isdecimal() and int(lines) else size[1],
        )


class WatchDisplay:
    """Shows the state of watches while they run, in place on a terminal and as lines elsewhere; a context manager.

    Parameters
    ----------
    terminal : Terminal
    lines : callable
        Returns the lines for a terminal.
    clock : callable
        Returns epoch seconds.
    """

    def __init__(self, terminal: Terminal, lines: Lines, clock: Callable[[], float] = time.time) -> None:
        self._terminal = terminal
        self._lines = lines
        self._clock = clock
        self._began = clock()
        self._progress = HighestProgress()
        self._shown: dict[str, Standing] = {}
        self._live = (
            Live(console=terminal.console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)
            if terminal.is_live
            else None
        )

    def show(self, watches: Mapping[str, Standing]) -> None:
        """Show watches by their names: all of them in place, or a line for each that has changed."""
        watches, now = self._progress.apply(watches), self._clock()
        if self._live is not None:
            # The cursor needs a line of its own: if the terminal scrolled, the first line could not be redrawn.
            width, height = self._terminal.width, max(1, self._terminal.height - 1)
            lines = self._lines(watches, width, height, now, self._began)[:height]
            self._live.update(Group(*lines), refresh=True)
            return
        for name, standing in watches.items():
            if self._shown.get(name) != standing:
                self._shown[name] = standing
                self._terminal.write_wrapped(plain_line(name, standing, now=now, began=self._began), hanging=2)

    def __enter__(self) -> WatchDisplay:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()


def write_error(text: str) -> None:
    """Write one line about an error, for a person, to standard error."""
    Terminal(sys.stderr).write(Text(" ".join(text.split())))


def _shows_ascii_only(environment: Mapping[str, str]) -> bool:
    """Whether the locale was set to one without other characters; where none is set, terminals show UTF-8."""
    everything, characters, language = (environment.get(name, "") for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    if not everything and characters in COERCED and language in ASCII_LOCALES:
        # Not set by a person: the interpreter itself does so where it finds such a locale.
        return True
    return (everything or characters or language) in ASCII_LOCALES


def _size_of(stream: TextIO) -> tuple[int, int]:
    try:
        size = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        size = shutil.get_terminal_size()
    # A terminal may not know its size.
    return size.columns or 80, size.lines or 24


def lines_of_one(vendor: str) -> Lines:
    """Lines for a display of one watch.

    Parameters
    ----------
    vendor : str
        Title of its vendor.
    """

    def lines(watches: Mapping[str, Standing], width: int, _height: int, now: float, _began: float) -> list[Text]:
        return [
            line
            for name, standing in watches.items()
            for line in one(name, standing, width=width, now=now, vendor=vendor)
        ]

    return lines


def lines_of_several(watches: Mapping[str, Standing], width: int, height: int, now: float, began: float) -> list[Text]:
    """Lines for a display of several watches."""
    return table(watches, width=width, height=height, now=now, began=began)
