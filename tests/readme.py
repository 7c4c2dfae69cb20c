"""Follows README.md, and other pages, to the letter: in a new clone in an empty folder.

    python -m tests.readme [--full] [PAGE …]

Each block of commands that names this script in its comment is run in a terminal of the width of the page, and what it
prints is compared with what the page shows. Without `--full`, only those that are quick are run; the table names what
runs the others, or why nothing does. The exit status is 1 if one fails.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from local.paths import ROOT
from tests.contract import commands

PAGES = ("README.md", "docs/quick-start.md", "CONTRIBUTING.md")
QUICK = re.compile(r"make help\b.*")
"""Commands that take no minutes and install nothing."""
LIMIT_SECONDS = 3_600
"""Of a block: `make test` in a new clone installs everything first."""
LEFT_OUT = "…"
COLUMNS, LINES = 80, 50
GIT = shutil.which("git") or "git"
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_BAR = re.compile("[█▉▊▋▌▍▎▏░]+")
OF_THE_CALLER = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "IMPORT_WATCH_STATE", "PYTHONPATH", "VIRTUAL_ENV")
"""Environment variables that lead to this checkout, or to the make that runs it."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a block.

    Parameters
    ----------
    block : commands.Block
    text : str
        For a person.
    failed : bool
    """

    block: commands.Block
    text: str
    failed: bool = False


def shape(line: str) -> str:
    """A line without what differs from run to run: numbers, ids, progress bars and widths of columns."""
    line = _BAR.sub(" ", _CONTROL.sub("", line))
    return " ".join(_NUMBER.sub("0", _UUID.sub("id", line)).split())


def missing(shown: str, printed: str) -> list[str]:
    """Lines that a page shows and a command did not print in this shape.

    Parameters
    ----------
    shown : str
        What the page shows; a line `…` stands for lines that are left out.
    printed : str
        What the command printed.
    """
    found = set(map(shape, re.split(r"[\r\n]+", printed)))
    return [line for line in shown.splitlines() if line.strip() not in ("", LEFT_OUT) and shape(line) not in found]


def follow(page: str, clone: Path, *, full: bool) -> list[Result]:
    """Run the blocks of a page in a clone.

    Parameters
    ----------
    page : str
        Its path in the repository.
    clone : Path
    full : bool
        Whether also those that take minutes are run.
    """
    results = []
    for block in commands.blocks(clone / page, (clone / page).read_text("utf-8"), root=clone):
        if (block.how, block.what) != ("run by", commands.README):
            results.append(Result(block, f"{block.how} {block.what}"))
            continue
        lines = block.text.splitlines()
        chosen = lines if full else [line for line in lines if QUICK.fullmatch(line)]
        if not chosen:
            results.append(Result(block, "left out: takes minutes, so it needs --full"))
            continue
        began = time.monotonic()
        status, printed = run("\n".join(["set -e", *chosen]), clone)
        seconds = time.monotonic() - began
        absent = missing(block.output, printed) if full else []
        if status:
            results.append(Result(block, f"exit status {status}: …{printed[-2_000:]}", failed=True))
        elif absent:
            results.append(Result(block, f"it did not print: {absent}\n…{printed[-2_000:]}", failed=True))
        else:
            compared = f", and prints the {len(block.output.splitlines())} lines shown" if block.output and full else ""
            results.append(Result(block, f"works in {seconds:.0f} s{compared}"))
    return results


def run(script: str, folder: Path) -> tuple[int, str]:
    """Exit status of a script, and what it printed on a terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in OF_THE_CALLER}
    process = subprocess.Popen(
        ["/bin/bash", "-c", script],
        cwd=folder,
        env=environment | {"TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "LINES": str(LINES)},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    printed, ends = bytearray(), time.monotonic() + LIMIT_SECONDS
    try:
        # A process that a command leaves running, such as the local stack, may hold the terminal open.
        while time.monotonic() < ends:
            if select.select([ours], [], [], 0.2)[0]:
                data = _read(ours)
                if not data:
                    break
                printed += data
            elif process.poll() is not None:
                break
        status = process.wait(max(0.1, ends - time.monotonic()))
    except subprocess.TimeoutExpired:
        status = -signal.SIGKILL
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        os.close(ours)
    return status, printed.decode(errors="replace")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # the other end has been closed
        return b""


def clone_to(folder: Path, source: Path = ROOT) -> None:
    """Clone what is committed into an empty folder."""
    subprocess.run([GIT, "clone", "--quiet", "--no-hardlinks", source, folder], check=True)


def table(results: Mapping[str, Iterable[Result]]) -> str:
    """Lines for a person, one for each block."""
    return "\n".join(
        f"{'FAILED ' * one.failed}{page}:{one.block.line}  {one.block.text.splitlines()[0]}\n    {one.text}"
        for page, found in results.items()
        for one in found
    )


def main(arguments: list[str]) -> int:
    """Follow pages, print what became of each block, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.readme", description=__doc__.partition("\n")[0])
    parser.add_argument("--full", action="store_true", help="also run what takes minutes, such as `make test`")
    parser.add_argument("pages", nargs="*", default=PAGES, metavar="PAGE")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="readme-") as folder:
        clone = Path(folder) / "import-watch"
        clone_to(clone)
        try:
            results = {page: follow(page, clone, full=given.full) for page in given.pages}
        finally:
            if (clone / ".local" / "stack.json").exists():  # a page has not come to its `make down`
                run("make down", clone)
    sys.stdout.write(f"{table(results)}\n")
    return 1 if any(one.failed for found in results.values() for one in found) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
