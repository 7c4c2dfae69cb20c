"""The command `demo` in a terminal of 60 columns that becomes one of 80 while it runs: no line is cut or too wide."""

from __future__ import annotations

import fcntl
import json
import os
import re
import select
import struct
import subprocess
import sys
import termios
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from import_watch.model.serialization import JSON
from rich.cells import cell_len

from local.demo import commands
from local.paths import ROOT
from local.scenarios import SCENARIOS

pytestmark = pytest.mark.xdist_group("demo")
MAX_SECONDS = 120
SOME_ENDED = re.compile(rb"active, (?:[4-9]|1\d) ended")
NARROW, WIDE, LINES = 60, 80, 24
SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
MOVES_UP = re.compile(r"(?:\x1b\[2K|\r|\x1b\[1A)+")


@dataclass(frozen=True, slots=True)
class Recording:
    """What the demo wrote before and after its terminal was widened, its exit status, and its JSON."""

    narrow: str
    wide: str
    status: int
    printed: JSON

    @property
    def report(self) -> str:
        """What stays on the terminal after the last redrawing."""
        return SEQUENCE.sub("", self.wide.rpartition("\x1b[?25h")[2])


def set_size(terminal: int, columns: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, columns, 0, 0))


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # the other end has been closed
        return b""


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    ours, theirs = os.openpty()
    set_size(theirs, NARROW)
    demo = subprocess.Popen(
        [sys.executable, ROOT / "cli" / "launch.py", "demo", "--json"],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "IMPORT_WATCH_STATE": str(tmp_path_factory.mktemp("state")),
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
        },
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    parts = [b"", b""]
    ends = time.monotonic() + MAX_SECONDS
    try:
        while time.monotonic() < ends:
            if not select.select([ours], [], [], 1.0)[0]:
                continue
            data = read(ours)
            if not data:
                break
            widened = bool(parts[1])
            parts[widened] += data
            if not widened and SOME_ENDED.search(parts[0]):
                set_size(ours, WIDE)
                # The demo may be writing lines that it made for the size before.
                parts[1] = b"\n"
        printed, _ = demo.communicate(timeout=30)
    finally:
        demo.kill()
        demo.wait()
        os.close(ours)
    return Recording(parts[0].decode(), parts[1].decode(), demo.returncode, json.loads(printed))


def lines(text: str) -> list[str]:
    return re.split(r"[\r\n]+", SEQUENCE.sub("", text))


def test_every_outcome_is_the_expected_one(recording: Recording) -> None:
    assert (recording.status, recording.printed) == (0, {"asExpected": True}), recording.report
    assert f"{len(SCENARIOS)} of {len(SCENARIOS)} outcomes as expected, " in recording.report


def test_no_line_is_wider_than_the_terminal(recording: Recording) -> None:
    narrow, wide = lines(recording.narrow), lines(recording.wide)
    assert [line for line in narrow if cell_len(line) > NARROW] == []
    # A location may be longer than a line; the terminal breaks it, so that it can be copied.
    assert [line for line in wide if cell_len(line) > WIDE and not line.startswith("s3://")] == []
    assert any(cell_len(line) > NARROW for line in wide)


def test_at_most_the_height_of_the_terminal_is_redrawn(recording: Recording) -> None:
    moves = [found[0].count("\x1b[1A") for found in MOVES_UP.finditer(recording.narrow + recording.wide)]
    assert 0 < max(moves) < LINES


def test_no_name_is_cut(recording: Recording) -> None:
    for text in (*map(" ".join, (lines(recording.narrow), lines(recording.wide))), recording.report):
        assert [scenario.name for scenario in SCENARIOS if scenario.name not in text] == []
    ids = [scenario.event["detail"]["importId"] for scenario in SCENARIOS if scenario.steps]
    shown = [one.removesuffix("/status").rpartition("/")[2] for one in ids]
    assert [one for one in shown if one not in recording.report] == []


def test_no_progress_moves_backwards(recording: Recording) -> None:
    text = SEQUENCE.sub("", recording.narrow + recording.wide)
    for scenario in SCENARIOS:
        shown = [int(found) for found in re.findall(rf"{scenario.name} .*?(\d+) %", text)]
        assert shown == sorted(shown)
        if scenario.name == "egain-failed":
            assert shown[-1] == 25


def test_it_ends_with_commands_to_try_next(recording: Recording) -> None:
    end = recording.report.partition("Try next:")[2]
    shown = commands(has_command_line=(ROOT / ".venv" / "bin" / "import-watch").exists())
    assert [command for command in shown if command not in end] == []


def test_every_command_to_try_next_exists() -> None:
    targets = re.findall(r"^([a-z-]+):", (Path(ROOT) / "Makefile").read_text(), re.MULTILINE)
    tried = [command.split() for command in commands(has_command_line=True)]
    assert {words[1] for words in tried if words[0] == "make"} <= set(targets)
