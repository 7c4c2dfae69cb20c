"""Lines that show watches in a terminal of any width: pure functions from values to styled text.

No line is wider than the terminal, and nothing is cut: what does not fit beside something else gets lines of its own.
Every line is a `Text` whose `plain` is what is written where the terminal shows no colours.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len
from rich.text import Text

from import_watch_cli.durations import due, duration

COLOURS = {
    "SUCCEEDED": "green",
    "PARTIAL": "cyan",
    "FAILED": "red",
    "CANCELLED": "bright_black",
    "UNKNOWN": "yellow",
}
"""Colour of each outcome; that of CANCELLED is grey."""
MARKS = {"SUCCEEDED": "✓", "PARTIAL": "✓", "FAILED": "✗", "CANCELLED": "✗", "UNKNOWN": "?"}
RUNNING_COLOUR, WARNING_COLOUR, QUIET = "blue", "yellow", "bright_black"
MESSAGE_BESIDE = 110
"""Columns from which a message stands beside its import; below, it has lines of its own."""
MIN_MESSAGE = 40
"""Minimum columns of a message beside its import."""
INDENT = 3
MIN_WIDTH = 10
"""Narrower terminals get lines of this width."""
PLAIN_NAME, PLAIN_STATE = 24, 24
"""Columns of a plain line."""
RIGHT = frozenset({"RUNNING", "NEXT POLL", "NEXT", "POLLS", "LAG"})
"""Headings of columns that are aligned to the right."""
CONTROL_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


@dataclass(frozen=True, slots=True)
class Standing:
    """The state of one watch, as it is shown.

    Parameters
    ----------
    state : str
        The last known state of the import, or the outcome of an ended watch.
    polls : int
    next_poll_at : float or None
        Epoch seconds; None once the watch has ended.
    fraction : float or None
        Progress, where the vendor reports it.
    error : str or None
        The error of the last poll.
    since : float or None
        Epoch seconds at which the watch started.
    ended_at : float or None
        Epoch seconds at which its outcome was detected.
    awaits_log : bool
        Whether the import has ended, as `state` has it, and its log is awaited.
    attempt : int
    """

    state: str = "-"
    polls: int = 0
    next_poll_at: float | None = None
    fraction: float | None = None
    error: str | None = None
    since: float | None = None
    ended_at: float | None = None
    awaits_log: bool = False
    attempt: int = 1

    @property
    def ended(self) -> bool:
        """Whether the watch has its outcome."""
        return self.ended_at is not None


@dataclass(frozen=True, slots=True)
class OutcomeLine:
    """The outcome of one import of several.

    Parameters
    ----------
    name : str
    expected : bool
        Whether it is the one that was expected.
    outcome : str
    log : str
        Status of its log.
    lag : float or None
        Detection lag in seconds.
    polls : int or None
    message : str
    """

    name: str
    expected: bool
    outcome: str = "-"
    log: str = "-"
    lag: float | None = None
    polls: int | None = None
    message: str = ""


class HighestProgress:
    """Remembers the highest progress of each watch, so that a bar never moves backwards."""

    def __init__(self) -> None:
        self._highest: dict[tuple[str, int], float] = {}

    def apply(self, watches: Mapping[str, Standing]) -> dict[str, Standing]:
        """Watches whose progress is the highest that each has had in its present attempt."""
        shown = {}
        for name, standing in watches.items():
            key = (name, standing.attempt)
            found = [value for value in (self._highest.get(key), standing.fraction) if value is not None]
            if found:
                self._highest[key] = max(found)
            shown[name] = replace(standing, fraction=self._highest.get(key))
        return shown


# ------------------------------------------------------------ several watches


def table(watches: Mapping[str, Standing], *, width: int, height: int, now: float, began: float) -> list[Text]:
    """Lines for several watches: one line each where they fit, with headings above and a summary below.

    Parameters
    ----------
    watches : mapping of str to Standing
        By the names that identify them.
    width, height : int
        Columns, and maximum number of lines. Where the watches need more lines, ended ones are left out first, and
        the last line counts those that are not shown.
    now, began : float
        Epoch seconds: the present, and the start of the display.
    """
    width = max(MIN_WIDTH, width)
    rows = list(watches.items())
    body = _one_line_each(rows, width, now) or _several_lines_each(rows, width, now)
    errors = [
        _indented(f"poll failed: {standing.error}", width, WARNING_COLOUR) if standing.error else []
        for _, standing in rows
    ]
    summary = wrapped(_summary(watches, now - began), width, QUIET)
    room = max(0, height - len(body.headings) - len(summary))
    blocks = [[*lines, *more] for lines, more in zip(body.rows, errors, strict=True)]
    if sum(map(len, blocks)) > room:
        blocks = body.rows
    hidden = _hidden(blocks, [standing.ended for _, standing in rows], room)
    lines = [*body.headings, *(line for at, block in enumerate(blocks) if at not in hidden for line in block)]
    if hidden:
        lines += _not_shown(len(hidden), width)
    return (lines + summary)[: max(1, height)]


def plain_line(name: str, standing: Standing, *, now: float, began: float) -> str:
    """One line about a change of a watch, for an output that is no terminal."""
    state = state_text(standing)
    if standing.fraction is not None:
        state += f" {percentage(standing.fraction)}"
    # A longer name takes the columns that it needs, and one blank.
    name, state = f"{printable(name)} ".ljust(PLAIN_NAME), f"{state} ".ljust(PLAIN_STATE)
    line = f"{now - began:5.1f} s  {name}{state}polls {standing.polls}"
    if standing.error:
        line += f"  poll failed: {printable(standing.error)}"
    return line if standing.next_poll_at is None else f"{line}  next in {duration(standing.next_poll_at - now)}"


# ------------------------------------------------------------ one watch


def one(name: str, standing: Standing, *, width: int, now: float, vendor: str = "") -> list[Text]:
    """Lines for one watch: everything on one line where it fits.

    Parameters
    ----------
    name : str
        Its import id.
    standing : Standing
    width : int
    now : float
        Epoch seconds.
    vendor : str
        Title of its vendor.
    """
    width = max(MIN_WIDTH, width)
    parts = [Text(printable(f"{name} at {vendor}" if vendor else name))]
    if cell_len(parts[0].plain) > width:
        parts = [Text(printable(name)), *([Text(printable(f"at {vendor}"))] if vendor else [])]
    parts.append(_state(standing))
    if standing.fraction is not None:
        parts.append(_progress(standing, 12 if width >= 60 else 6))
    if (running := running_time(standing, now)) is not None:
        parts.append(Text(duration(running)))
    if standing.next_poll_at is not None:
        parts.append(Text(f"next poll {due(standing.next_poll_at - now)}"))
    lines = flowed(parts, width)
    return lines + (_indented(f"poll failed: {standing.error}", width, WARNING_COLOUR) if standing.error else [])


def result(
    outcome: str, *, width: int, seconds: float | None, reason: str | None = None, message: str = ""
) -> list[Text]:
    """Lines for the outcome of one watch: what it is, and the message on lines of its own.

    Parameters
    ----------
    outcome : str
    width : int
    seconds : float or None
        How long the watch ran.
    reason : str or None
    message : str
    """
    text = outcome + (f" after {duration(seconds)}" if seconds is not None else "") + (f": {reason}" if reason else "")
    return [
        *wrapped(f"{MARKS.get(outcome, '?')} {text}", width, COLOURS.get(outcome, ""), hanging=2),
        *_indented(message, width, indent=2),
    ]


# ------------------------------------------------------------ outcomes of several imports


def outcomes(rows: Sequence[OutcomeLine], width: int) -> list[Text]:
    """Lines for the outcomes of several imports; the message is beside the import where the terminal is wide."""
    width = max(MIN_WIDTH, width)
    cells = [
        [
            Text("✓", "green") if row.expected else Text("✗", "red"),
            Text(printable(row.name)),
            Text(row.outcome, COLOURS.get(row.outcome, "")),
            Text(row.log),
            Text("-" if row.lag is None else f"{row.lag:.1f} s"),
            Text("-" if row.polls is None else str(row.polls)),
        ]
        for row in rows
    ]
    headings = ["", "IMPORT", "OUTCOME", "LOG", "LAG", "POLLS"]
    laid_out = next((found for gap in (2, 1) if (found := _columns(headings, cells, width, gap))), None)
    if laid_out is None:
        blocks = [flowed([Text.assemble(cell[0], " ", cell[1]), *cell[2:4]], width) for cell in cells]
        return [line for row, block in zip(rows, blocks, strict=True) for line in block + _message_below(row, width)]
    heading, *lines = laid_out
    beside = max((cell_len(line.plain) for line in laid_out), default=0) + 2
    if width < MESSAGE_BESIDE or width - beside < MIN_MESSAGE:
        shown = [heading]
        for row, line in zip(rows, lines, strict=True):
            shown += [line, *_message_below(row, width)]
        return shown
    shown = [_padded(heading, beside) + Text("MESSAGE", "bold")]
    for row, line in zip(rows, lines, strict=True):
        first, *others = folded(row.message, width - beside) or [""]
        shown.append(_padded(line, beside) + Text(first))
        shown += [Text(" " * beside + other) for other in others]
    return shown


def suggestions(commands: Mapping[str, str], width: int) -> list[Text]:
    """Lines with commands to try next and what each is for; a command is never broken, so that it can be copied."""
    lines = [Text("Try next:", "bold")]
    column = max(map(len, commands), default=0) + INDENT + 2
    for command, purpose in commands.items():
        line = Text(" " * INDENT) + Text(command, "bold")
        if column + len(purpose) <= width:
            lines.append(_padded(line, column) + Text(purpose))
        else:
            lines += [line, *_indented(purpose, width, indent=2 * INDENT)]
    return lines


# ------------------------------------------------------------ values as text


def percentage(fraction: float) -> str:
    """Progress as a percentage, rounded down: only what is complete is 100 %."""
    return f"{math.floor(min(1.0, max(0.0, fraction)) * 100 + 1e-9)} %"


def state_text(standing: Standing) -> str:
    """State of a watch in words."""
    if standing.awaits_log and not standing.ended:
        return f"{standing.state}, log awaited"
    return standing.state


def running_time(standing: Standing, now: float) -> float | None:
    """Seconds for which a watch has run, or ran."""
    if standing.since is None:
        return None
    return max(0.0, (now if standing.ended_at is None else standing.ended_at) - standing.since)


def printable(text: str) -> str:
    """Text on one line, with single blanks, and without characters that would control a terminal."""
    return without_controls(" ".join(text.split()))


def without_controls(line: str) -> str:
    """Line without characters that would control a terminal; each of them becomes a question mark."""
    return "".join("?" if unicodedata.category(char) in CONTROL_CATEGORIES else char for char in line)


def folded(text: str, width: int) -> list[str]:
    """Words of a text in lines of at most a width; only a word that is longer is broken."""
    width = max(1, width)
    lines: list[str] = []
    line = ""
    for word in printable(text).split():
        if line and cell_len(line) + 1 + cell_len(word) <= width:
            line += f" {word}"
            continue
        if line:
            lines.append(line)
        *full, line = _broken(word, width)
        lines += full
    return [*lines, line] if line else lines


def wrapped(text: str, width: int, style: str = "", *, hanging: int = 0) -> list[Text]:
    """Lines of a text; all but the first begin with some blanks."""
    width = max(MIN_WIDTH, width)
    first, *others = folded(text, width - hanging) or [""]
    return [Text(first, style), *(Text(" " * hanging + line, style) for line in others)]


def flowed(parts: Iterable[Text], width: int, *, gap: int = 2, hanging: int = 2) -> list[Text]:
    """Parts in lines, with a gap between them; a part is broken only if it is wider than a line."""
    lines: list[Text] = []
    for part in parts:
        size = cell_len(part.plain)
        if lines and cell_len(lines[-1].plain) + gap + size <= width:
            lines[-1] = lines[-1] + Text(" " * gap) + part
        elif size + (hanging if lines else 0) <= width:
            lines.append(Text(" " * hanging if lines else "") + part)
        else:
            before = hanging if lines else 0
            lines += [Text(" " * before) + Text(piece, part.style) for piece in _broken(part.plain, width - before)]
    return lines


# ------------------------------------------------------------ layout


@dataclass(frozen=True, slots=True)
class _Body:
    """Headings, and the lines of each watch."""

    headings: list[Text]
    rows: list[list[Text]]


def _one_line_each(rows: Sequence[tuple[str, Standing]], width: int, now: float) -> _Body | None:
    """The widest layout that fits; None where not even a name and its state fit."""
    for bar, columns in (
        (12, ("IMPORT", "STATE", "PROGRESS", "RUNNING", "NEXT POLL", "POLLS")),
        (6, ("IMPORT", "STATE", "PROGRESS", "RUNNING", "NEXT POLL", "POLLS")),
        (6, ("IMPORT", "STATE", "PROGRESS", "RUNNING", "NEXT POLL")),
        (0, ("IMPORT", "STATE", "DONE", "RUNNING", "NEXT POLL")),
        (0, ("IMPORT", "STATE", "DONE", "RUNNING", "NEXT")),
        (0, ("IMPORT", "STATE", "DONE", "NEXT")),
        (0, ("IMPORT", "STATE", "DONE")),
    ):
        cells = [_cells(name, standing, columns, bar, now) for name, standing in rows]
        if found := _columns(columns, cells, width, 2, _minima(columns, bar)):
            return _Body(found[:1], [[line] for line in found[1:]])
    return None


def _several_lines_each(rows: Sequence[tuple[str, Standing]], width: int, now: float) -> _Body:
    columns = ("STATE", "DONE", "RUNNING", "NEXT")
    blocks = []
    for name, standing in rows:
        cells = [cell for cell in _cells(name, standing, columns, 0, now) if cell.plain]
        blocks.append([*flowed([Text(printable(name))], width), *flowed([Text(" "), *cells], width, gap=1, hanging=2)])
    return _Body([], blocks)


def _cells(name: str, standing: Standing, columns: Sequence[str], bar: int, now: float) -> list[Text]:
    running = running_time(standing, now)
    waiting = "" if standing.next_poll_at is None else due(standing.next_poll_at - now)
    values = {
        "IMPORT": lambda: Text(printable(name)),
        "STATE": lambda: _state(standing, short=True),
        "PROGRESS": lambda: Text("") if standing.fraction is None else _progress(standing, bar),
        "DONE": lambda: Text("" if standing.fraction is None else f"{percentage(standing.fraction):>5}"),
        "RUNNING": lambda: Text("" if running is None else duration(running)),
        "NEXT POLL": lambda: Text(waiting),
        "NEXT": lambda: Text(waiting),
        "POLLS": lambda: Text(str(standing.polls)),
    }
    return [values[column]() for column in columns]


def _minima(columns: Sequence[str], bar: int) -> list[int]:
    """Columns that each value needs at least, so that they do not move from one moment to the next."""
    minima = {"STATE": 11, "PROGRESS": bar + 6, "DONE": 5, "RUNNING": 8, "NEXT POLL": 9, "NEXT": 7}
    return [minima.get(column, 0) for column in columns]


def _columns(
    headings: Sequence[str], rows: Sequence[Sequence[Text]], width: int, gap: int, minima: Sequence[int] = ()
) -> list[Text] | None:
    """Headings and rows in columns; None where they do not fit."""
    sizes = [
        max([len(heading), *(cell_len(row[at].plain) for row in rows), *minima[at : at + 1]])
        for at, heading in enumerate(headings)
    ]
    # The mark in the first column belongs to the name beside it.
    gaps = [1 if heading == "" else gap for heading in headings[:-1]]
    if sum(sizes) + sum(gaps) > width:
        return None
    lines = []
    for cells in ([Text(heading, "bold") for heading in headings], *rows):
        line = Text("")
        for at, cell in enumerate(cells):
            blanks = " " * (sizes[at] - cell_len(cell.plain))
            line += Text(blanks) + cell if headings[at] in RIGHT else cell + Text(blanks)
            if at < len(gaps):
                line += Text(" " * gaps[at])
        line.rstrip()
        lines.append(line)
    return lines


def _state(standing: Standing, *, short: bool = False) -> Text:
    colour = COLOURS.get(standing.state) or (RUNNING_COLOUR if standing.state == "RUNNING" else "")
    if short and standing.error and not standing.ended:
        return Text("POLL FAILED", WARNING_COLOUR)
    return Text("LOG AWAITED" if short and standing.awaits_log and not standing.ended else state_text(standing), colour)


def _progress(standing: Standing, bar: int) -> Text:
    fraction = min(1.0, max(0.0, standing.fraction or 0.0))
    full = math.floor(fraction * bar + 1e-9)
    colour = COLOURS.get(standing.state, RUNNING_COLOUR) if standing.ended else RUNNING_COLOUR
    return Text.assemble(("█" * full, colour), ("░" * (bar - full), QUIET), f" {percentage(fraction):>5}")


def _summary(watches: Mapping[str, Standing], seconds: float) -> str:
    ended = sum(standing.ended for standing in watches.values())
    return f"{duration(seconds)}: {len(watches) - ended} active, {ended} ended"


def _hidden(blocks: Sequence[Sequence[Text]], ended: Sequence[bool], room: int) -> set[int]:
    """Positions of the watches that are not shown: ended ones first, then the last ones."""
    total, hidden = sum(map(len, blocks)), set[int]()
    order = [at for at, over in enumerate(ended) if over] + [
        at for at, over in reversed([*enumerate(ended)]) if not over
    ]
    for at in order:
        # One line counts those that are not shown.
        if total + bool(hidden) <= room:
            break
        hidden.add(at)
        total -= len(blocks[at])
    return hidden


def _not_shown(count: int, width: int) -> list[Text]:
    return wrapped(f"… and {count} more", width, QUIET)


def _message_below(row: OutcomeLine, width: int) -> list[Text]:
    return _indented(row.message, width)


def _indented(text: str, width: int, style: str = "", *, indent: int = INDENT) -> list[Text]:
    return [Text(" " * indent + line, style) for line in folded(text, max(MIN_WIDTH, width) - indent)]


def _padded(line: Text, width: int) -> Text:
    return line + Text(" " * max(0, width - cell_len(line.plain)))


def _broken(word: str, width: int) -> list[str]:
    """Word in pieces of at most a width; a character that is wider has a piece of its own."""
    pieces = [""]
    size = 0
    for char in word:
        step = cell_len(char)
        if pieces[-1] and size + step > width:
            pieces.append("")
            size = 0
        pieces[-1] += char
        size += step
    return pieces
