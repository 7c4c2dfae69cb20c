"""What is written for each kind of output: a terminal, one without abilities, a pipe, and each encoding."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Mapping

import pytest
from import_watch_cli.display import Standing
from import_watch_cli.terminal import Terminal, WatchDisplay, lines_of_one, lines_of_several

COLOUR, CURSOR = re.compile(r"\x1b\[[0-9;]*m"), re.compile(r"\x1b\[[0-9;?]*[A-Za-ln-z]")
MOVES_UP = re.compile(r"\x1b\[(?:1)?A")
RUNNING = Standing("RUNNING", 2, 45.0, 0.5, None, 0.0)
FAILED = Standing("FAILED", 3, None, 0.5, None, 0.0, 50.0)


class Output(io.TextIOWrapper):
    """A stream that is a terminal or not, and keeps what is written."""

    def __init__(self, *, terminal: bool, encoding: str = "utf-8") -> None:
        self.kept = io.BytesIO()
        super().__init__(self.kept, encoding=encoding, write_through=True)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    @property
    def text(self) -> str:
        return self.kept.getvalue().decode("utf-8")


def written(environment: Mapping[str, str], *, terminal: bool, encoding: str = "utf-8") -> str:
    output = Output(terminal=terminal, encoding=encoding)
    target = Terminal(output, environment)
    with WatchDisplay(target, lines_of_several, clock=lambda: 40.0) as display:
        display.show({"an-import": RUNNING})
        display.show({"an-import": RUNNING})
        display.show({"an-import": FAILED})
    target.write("✓ done – it’s über")
    return output.text


XTERM = {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}


@pytest.mark.parametrize(
    ("environment", "terminal", "coloured", "live"),
    [
        (XTERM, True, True, True),
        (XTERM | {"NO_COLOR": "1"}, True, False, True),
        (XTERM | {"TERM": "dumb"}, True, False, False),
        (XTERM | {"TERM": "dumb", "NO_COLOR": "1"}, True, False, False),
        (XTERM, False, False, False),
        ({}, False, False, False),
        (XTERM | {"FORCE_COLOR": "1"}, False, False, False),
    ],
)
def test_control_sequences(environment: dict[str, str], terminal: bool, coloured: bool, live: bool) -> None:
    text = written(environment, terminal=terminal)
    assert ("\x1b[34m" in text or "\x1b[31m" in text) is coloured
    assert bool(CURSOR.search(text)) is live
    if not live:
        assert "\x1b" not in text
        # One line for each change.
        assert [line.split()[2:5] for line in text.splitlines()[:2]] == [
            ["an-import", "RUNNING", "50"],
            ["an-import", "FAILED", "50"],
        ]


@pytest.mark.parametrize(
    ("environment", "encoding", "expected"),
    [
        ({}, "utf-8", "✓ done – it’s über"),
        ({"LANG": "en_GB.UTF-8"}, "utf-8", "✓ done – it’s über"),
        ({"LC_CTYPE": "C.UTF-8"}, "utf-8", "✓ done – it’s über"),
        ({"LANG": "C"}, "utf-8", "+ done - it's ?ber"),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, "utf-8", "+ done - it's ?ber"),
        ({"LC_ALL": "C", "LANG": "en_GB.UTF-8"}, "utf-8", "+ done - it's ?ber"),
        ({"LC_ALL": "POSIX"}, "utf-8", "+ done - it's ?ber"),
        ({"LC_ALL": "C.UTF-8", "LANG": "C"}, "utf-8", "✓ done – it’s über"),
        ({}, "ascii", "+ done - it's ?ber"),
    ],
)
@pytest.mark.parametrize("terminal", [True, False])
def test_characters_that_the_encoding_does_not_have(
    environment: dict[str, str], encoding: str, expected: str, terminal: bool
) -> None:
    text = written(XTERM | environment, terminal=terminal, encoding=encoding)
    assert CURSOR.sub("", text.splitlines()[-1]) == expected
    assert text.isascii() is expected.isascii()
    bar = "###..." if expected.isascii() else "███░░░"
    assert (bar in COLOUR.sub("", text)) is terminal


def test_at_most_the_height_of_the_terminal_is_redrawn() -> None:
    output = Output(terminal=True)
    with WatchDisplay(Terminal(output, XTERM | {"LINES": "9"}), lines_of_several, clock=lambda: 40.0) as display:
        for _ in range(3):
            display.show({f"import-{number}": RUNNING for number in range(30)})
    # The cursor moves up from below the last line to the first one.
    assert max(len(MOVES_UP.findall(line)) for line in output.text.splitlines()) <= 8


def test_a_bar_does_not_move_backwards() -> None:
    output = Output(terminal=False)
    with WatchDisplay(Terminal(output, {}), lines_of_one("eGain")) as display:
        for fraction in (0.3, 0.58, 0.25, None, 0.6):
            display.show({"an-import": Standing("RUNNING", fraction=fraction)})
    assert re.findall(r"(\d+) %", output.text) == ["30", "58", "60"]


@pytest.mark.parametrize(
    ("environment", "terminal", "size"),
    [
        (XTERM | {"COLUMNS": "60"}, True, (60, 24)),
        (XTERM | {"COLUMNS": "60", "TERM": "dumb"}, True, (60, 24)),
        ({"COLUMNS": "100"}, False, (100, 0)),
        ({}, False, (140, 0)),
    ],
)
def test_the_size(environment: dict[str, str], terminal: bool, size: tuple[int, int]) -> None:
    target = Terminal(Output(terminal=terminal), environment)
    assert (target.width, target.height) == size


def test_the_size_of_a_real_terminal() -> None:
    import fcntl
    import struct
    import termios

    ours, theirs = os.openpty()
    try:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 17, 61, 0, 0))
        with os.fdopen(os.dup(theirs), "w") as stream:
            target = Terminal(stream, {"TERM": "xterm"})
            assert (target.width, target.height, target.is_live) == (61, 17, True)
            fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 0, 0, 0, 0))
            assert (target.width, target.height) == (80, 24)
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_long_line_is_not_broken_in_a_pipe() -> None:
    output = Output(terminal=False)
    line = "word " * 100 + "end"
    Terminal(output, {"COLUMNS": "60"}).write_wrapped(line)
    Terminal(output, {"COLUMNS": "60"}).write(line)
    assert output.text == f"{line}\n" * 2
