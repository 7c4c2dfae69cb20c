"""Positions of the marks of the time line and of the curve of the progress chart. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from import_watch_cli.page.states import Shown, state_shown
from import_watch_cli.page.words import count, local, percent
from import_watch_cli.story import Poll

MAX_MARKS = 600
"""Maximum marks of a time line: no screen shows more of them as separate marks."""
MAX_TICKS = 6
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800)
"""Seconds between two ticks."""
DAY = 86_400
HEIGHTS = {"QUEUED": 46, "RUNNING": 34}
"""Upper end of a mark, from the upper end of the picture; other states have the height of an end."""
FULL_HEIGHT = 22
CHART_TOP, CHART_HEIGHT = 20, 120


@dataclass(frozen=True, slots=True)
class Mark:
    """One poll on the time line."""

    x: float
    y: int
    tone: str
    is_failed: bool
    title: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A time on the axis."""

    x: float
    text: str
    anchor: str


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """A colour and what it means, with the number of polls."""

    tone: str
    text: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """Polls of a watch, with intervals to scale."""

    marks: tuple[Mark, ...]
    ticks: tuple[Tick, ...]
    legend: tuple[LegendEntry, ...]
    description: str


@dataclass(frozen=True, slots=True)
class ChartStep:
    """A horizontal line of the chart."""

    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Progress over time."""

    curve: str
    area: str
    steps: tuple[ChartStep, ...]
    description: str


def timeline(polls: Sequence[Poll], begins: float, ends: float) -> Timeline | None:
    """Time line of a watch; None without polls.

    Parameters
    ----------
    polls : sequence of Poll
        In their order.
    begins, ends : float
        Epoch seconds of the ends of the axis.
    """
    if not polls:
        return None
    begins, ends = min(begins, polls[0].at), max(ends, polls[-1].at, begins + 1)
    shown = [(poll, state_shown(poll.state)) for poll in polls]
    counts = Counter(state for _, state in shown)
    marks = tuple(
        Mark(
            x=_x(poll.at, begins, ends),
            y=HEIGHTS.get(poll.state or "", FULL_HEIGHT),
            tone=state.tone,
            is_failed=poll.state is None,
            title=_title(poll, state),
        )
        for poll, state in _fewer(shown)
    )
    legend = tuple(LegendEntry(state.tone, f"{number:,} {state.label.lower()}") for state, number in counts.items())
    of_states = ", ".join(entry.text for entry in legend)
    description = f"Time line of {count(len(polls), 'poll')} from {_time(begins)} to {_time(ends)}: {of_states}"
    return Timeline(marks, _ticks(begins, ends), legend, description)


def chart(polls: Sequence[Poll], begins: float, ends: float) -> Chart | None:
    """Progress over time; None where fewer than two polls have it."""
    known = [(poll.at, poll.fraction) for poll in polls if poll.fraction is not None]
    if len(known) < 2:
        return None
    begins, ends = min(begins, known[0][0]), max(ends, known[-1][0], begins + 1)
    points = [(10 * _x(at, begins, ends), 100 - 100 * min(1.0, max(0.0, done))) for at, done in _every(known)]
    curve = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    area = f"{points[0][0]:.1f},100 {curve} {points[-1][0]:.1f},100"
    steps = tuple(ChartStep(CHART_TOP + CHART_HEIGHT * (1 - part / 100), f"{part} %") for part in (50, 100))
    first, last = known[0], known[-1]
    description = (
        f"Progress over time: {percent(first[1])} % at {_time(first[0])}, {percent(last[1])} % at {_time(last[0])}"
    )
    return Chart(curve, area, steps, description)


def _x(at: float, begins: float, ends: float) -> float:
    """Position in percent; the marks stay within the picture."""
    return round(0.3 + 99.4 * (at - begins) / (ends - begins), 3)


def _fewer(shown: list[tuple[Poll, Shown]]) -> list[tuple[Poll, Shown]]:
    """At most `MAX_MARKS` polls: those where the state changes first, then evenly chosen others."""
    if len(shown) <= MAX_MARKS:
        return shown
    changes = [index for index in range(len(shown)) if not index or shown[index][1] != shown[index - 1][1]]
    chosen = {*changes[: MAX_MARKS // 2], len(shown) - 1}
    left = MAX_MARKS - len(chosen)
    chosen |= {index * len(shown) // left for index in range(left)}
    return [shown[index] for index in sorted(chosen)]


def _every(known: list[tuple[float, float]]) -> list[tuple[float, float]]:
    if len(known) <= MAX_MARKS:
        return known
    return [*(known[index * len(known) // MAX_MARKS] for index in range(MAX_MARKS)), known[-1]]


def _title(poll: Poll, state: Shown) -> str:
    parts = [f"{_time(poll.at)} {state.label}"]
    if poll.fraction is not None:
        parts.append(f"{percent(poll.fraction)} %")
    if poll.error:
        parts.append(poll.error)
    elif poll.vendor_status:
        parts.append(poll.vendor_status)
    return " · ".join(parts)


def _ticks(begins: float, ends: float) -> tuple[Tick, ...]:
    length = ends - begins
    step = next((one for one in STEPS if length / one <= MAX_TICKS), None)
    if step is None:
        step = DAY * (1 + int(length / DAY / MAX_TICKS))
    # Aligned to the local clock: a tick is at a full hour, not at a full hour of UTC.
    offset = (local(begins).utcoffset() or local(0).utcoffset()).total_seconds()  # type: ignore[union-attr]
    first = -(-(begins + offset) // step) * step - offset
    times = [first + step * index for index in range(MAX_TICKS + 2) if first + step * index <= ends]
    return tuple(_tick(at, begins, ends, step) for at in times)


def _tick(at: float, begins: float, ends: float, step: int) -> Tick:
    moment, x = local(at), _x(at, begins, ends)
    text = f"{moment.day} {moment:%b}" if step >= DAY else f"{moment:%H:%M:%S}" if step < 60 else f"{moment:%H:%M}"
    return Tick(x, text, "start" if x < 4 else "end" if x > 96 else "middle")


def _time(at: float) -> str:
    return f"{local(at):%H:%M:%S}"
