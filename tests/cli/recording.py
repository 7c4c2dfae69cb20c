"""Records the demo as a picture that moves: `python -m tests.cli.recording` writes docs/pictures/demo.svg.

The demo runs in a terminal of a fixed size. A terminal emulator gives what a person sees at each moment, and every line
of the screen becomes a text that is visible for as long as it was there. The picture has no script and loads nothing.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from xml.sax.saxutils import escape

import pyte

from local.paths import ROOT

PICTURE = ROOT / "docs" / "pictures" / "demo.svg"
COMMAND = [str(ROOT / ".venv" / "bin" / "import-watch"), "demo"]
COLUMNS, LINES = 96, 40
MAX_SECONDS = 180.0
SPEED = 3.0
"""How much faster the picture moves than the demo."""
HOLD_SECONDS = 6.0
"""How long the end stays."""
CHARACTER, LINE, MARGIN = 8.0, 18.0, 16.0
BACKGROUND, TEXT = "#16181d", "#d8dbe2"
COLORS = {
    "red": "#f2777a",
    "green": "#92d192",
    "brown": "#e6c07b",
    "blue": "#7aa6f0",
    "magenta": "#cf9de6",
    "cyan": "#7fd4d4",
    "white": "#f4f5f7",
    "black": "#7d828f",
    "brightblack": "#7d828f",
}

Run = tuple[str, str, bool]
"""A text with one color, and whether it is bold."""


@dataclass(frozen=True)
class Shown:
    """A line of the screen, from one second to another."""

    row: int
    runs: tuple[Run, ...]
    begins: float
    ends: float


def main() -> int:
    """Record the demo and write the picture; its exit status, where it failed."""
    screens, status = record()
    if status:
        sys.stderr.write("".join(f"{''.join(text for text, _, _ in line)}\n" for line in screens[-1][1]))
        return status
    PICTURE.write_text(picture(screens))
    sys.stdout.write(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size:,} bytes\n")
    return 0


def record() -> tuple[list[tuple[float, list[tuple[Run, ...]]]], int]:
    """Screens of the demo, each with its second, and the exit status."""
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "LANG": "C.UTF-8", "COLUMNS": str(COLUMNS)}
    environment.pop("NO_COLOR", None)
    began = time.monotonic()
    screens: list[tuple[float, list[tuple[Run, ...]]]] = []
    with subprocess.Popen(COMMAND, stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT, env=environment) as demo:
        os.close(theirs)
        try:
            for data in _received(ours, began + MAX_SECONDS):
                stream.feed(data)
                lines = list(lines_of(screen))
                if not screens or lines != screens[-1][1]:
                    screens.append((time.monotonic() - began, lines))
        finally:
            demo.kill()
            os.close(ours)
    return screens, demo.returncode


def _received(terminal: int, ends: float) -> Iterator[bytes]:
    """What is written to a terminal, until its writer has ended."""
    while (left := ends - time.monotonic()) > 0:
        if not select.select([terminal], [], [], left)[0]:
            return
        try:
            data = os.read(terminal, 65_536)
        except OSError as error:
            if error.errno != errno.EIO:  # the writer has ended
                raise
            return
        if not data:
            return
        yield data


def lines_of(screen: pyte.Screen) -> Iterator[tuple[Run, ...]]:
    """Lines of a terminal's screen."""
    for row in range(screen.lines):
        cells = [screen.buffer[row][column] for column in range(screen.columns)]
        runs = [
            ("".join(cell.data for cell in same), color, bold)
            for (color, bold), same in groupby(cells, key=lambda cell: (cell.fg, cell.bold))
        ]
        while runs and not runs[-1][0].strip():
            runs.pop()
        yield tuple(runs)


def picture(screens: list[tuple[float, list[tuple[Run, ...]]]]) -> str:
    """SVG of the screens; where it does not move, it shows the last one."""
    total = screens[-1][0] / SPEED + HOLD_SECONDS
    height = max(row for row, line in enumerate(screens[-1][1]) if line) + 1
    shown = [line for row in range(LINES) for line in _intervals(screens, row, total)]
    height = max(height, *(line.row + 1 for line in shown))
    width = COLUMNS * CHARACTER + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height * LINE + 2 * MARGIN:g}" '
        'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="13" role="img" '
        'aria-label="What make demo prints">',
        f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>',
        *(_line(line, total) for line in shown),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _intervals(screens: list[tuple[float, list[tuple[Run, ...]]]], row: int, total: float) -> Iterator[Shown]:
    for line, same in groupby(enumerate(screens), key=lambda one: one[1][1][row]):
        if line:
            first, *_, last = [number for number, _ in same] * 2
            begins = screens[first][0] / SPEED
            ends = screens[last + 1][0] / SPEED if last + 1 < len(screens) else total
            yield Shown(row, line, begins, ends)


def _line(line: Shown, total: float) -> str:
    y = MARGIN + (line.row + 0.75) * LINE
    texts, column = [], 0
    for text, color, bold in line.runs:
        if text.strip():
            start = column + len(text) - len(text.lstrip())
            shown, weight = text.strip(), ' font-weight="bold"' if bold else ""
            texts.append(
                f'<text x="{MARGIN + start * CHARACTER:g}" y="{y:g}" textLength="{len(shown) * CHARACTER:g}" '
                f'fill="{COLORS.get(color, TEXT)}"{weight} xml:space="preserve">{escape(shown)}</text>'
            )
        column += len(text)
    is_last = line.ends >= total
    if line.begins == 0 and is_last:
        return "".join(texts)
    begins, ends = line.begins / total, line.ends / total
    values = "0;1" if is_last else "0;1;0"
    times = f"0;{begins:.4f}" if is_last else f"0;{begins:.4f};{ends:.4f}"
    return (
        f'<g opacity="{int(is_last)}"><animate attributeName="opacity" values="{values}" keyTimes="{times}" '
        f'calcMode="discrete" dur="{total:.2f}s" repeatCount="indefinite"/>{"".join(texts)}</g>'
    )


if __name__ == "__main__":
    sys.exit(main())
