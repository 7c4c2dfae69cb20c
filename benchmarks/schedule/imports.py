"""Simulates imports: when they start and end, and how their vendor responds meanwhile. The same seed, the same imports.

How long they run is drawn from `running_times`; the reasons for both are in
`docs/schedule.md`. Every scenario has as many imports as any other.
"""

from __future__ import annotations

import math
import random
import zlib
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from import_watch.scheduling.history import history_of
from import_watch.scheduling.interval import History

from benchmarks.schedule.running_times import CHOSEN, RunningTimes

CHANGED_KIND = 0.10
"""Share of imports with a history that are not at all like those before them."""
LATE_START = 0.30
"""Share of announced starts that come late, by up to two minutes."""
THROTTLED_MINUTES = 0.25
"""Share of minutes in which a throttling vendor refuses every request."""
WITHOUT_RETRY_AFTER = 0.20
"""Share of throttling vendors that send no Retry-After."""


class Response(NamedTuple):
    """What a poll brings. `refused` is None, or the seconds in Retry-After, or 0 for a 429 without one."""

    ended: bool = False
    queued: bool = False
    announced_start: float | None = None
    running_since: float | None = None
    fraction: float | None = None
    resolution: float | None = None
    refused: float | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """Progress over the running time: piecewise linear through `points`, bent by `power`, shown in `steps`.

    Parameters
    ----------
    points : tuple of (float, float)
        Share of the running time and share done, both from 0 to 1, in order.
    power : float
        Above 1 the end goes faster than it seems, below 1 more slowly.
    steps : int
        Into how many steps the vendor divides the work.
    resolution : float or None
        What the vendor lets be known of that: None for a percentage.
    """

    points: tuple[tuple[float, float], ...] = ((0.0, 0.0), (1.0, 1.0))
    power: float = 1.0
    steps: int = 100
    resolution: float | None = None

    def at(self, share: float) -> float:
        """Progress that the vendor reports at a share of the running time."""
        after = min(bisect_right(self.points, (share, math.inf)), len(self.points) - 1)
        (x0, y0), (x1, y1) = self.points[after - 1], self.points[after]
        done = y0 + (y1 - y0) * (share - x0) / (x1 - x0)
        return math.floor(math.pow(done, self.power) * self.steps + 1e-9) / self.steps


@dataclass(frozen=True, slots=True)
class Import:
    """One import. Times are seconds since it was accepted, which is when its watch begins."""

    scenario: str
    number: int
    seconds: float
    starts: float = 0.0
    announced_start: float | None = None
    progress: Curve | None = None
    history: History | None = None
    throttled: int | None = None
    sends_retry_after: bool = True

    @property
    def ends(self) -> float:
        """When it ends."""
        return self.starts + self.seconds

    def refused(self, now: float) -> float | None:
        """Refusal of a poll at this time: its Retry-After, or 0; None where it is not refused."""
        if self.throttled is None:
            return None
        minute = int(now // 60)
        if zlib.crc32(f"{self.throttled}/{minute}".encode()) / 2**32 >= THROTTLED_MINUTES:
            return None
        return (minute + 1) * 60 - now if self.sends_retry_after else 0.0

    def response(self, now: float) -> Response:
        """Response to a poll at this time."""
        refused = self.refused(now)
        if refused is not None:
            return Response(refused=refused)
        if now >= self.ends:
            return Response(ended=True)
        if now < self.starts:
            return Response(queued=True, announced_start=self.announced_start)
        since = self.starts if self.announced_start is not None else None
        if self.progress is None:
            return Response(running_since=since)
        return Response(
            running_since=since,
            fraction=self.progress.at((now - self.starts) / self.seconds),
            resolution=self.progress.resolution,
        )


def imports(scenario: str, count: int, seed: int, times: RunningTimes = CHOSEN) -> list[Import]:
    """Simulate imports of a scenario.

    Parameters
    ----------
    scenario : str
        One of `SCENARIOS`.
    count : int
    seed : int
        The same seed gives the same imports, whatever else is simulated.
    times : RunningTimes
        How long they run.
    """
    simulate = SCENARIOS[scenario]
    return [simulate(scenario, number, random.Random(f"{seed}/{scenario}/{number}"), times) for number in range(count)]


def _log_uniform(chance: random.Random, least: float, most: float) -> float:
    return math.exp(chance.uniform(math.log(least), math.log(most)))


def _status_only(scenario: str, number: int, chance: random.Random, times: RunningTimes) -> Import:
    return Import(scenario, number, times.draw(chance))


def _with_history(scenario: str, number: int, chance: random.Random, times: RunningTimes) -> Import:
    """Import of a kind that has run 5 to 20 times, with a scatter of its own; some have changed since."""
    seconds, scatter = times.draw(chance), chance.uniform(0.15, 0.6)
    typical = math.log(times.draw(chance) if chance.random() < CHANGED_KIND else seconds)
    middle = typical - scatter * chance.gauss()
    past = [math.exp(middle + scatter * chance.gauss()) for _ in range(chance.randint(5, 20))]
    return Import(scenario, number, seconds, history=history_of(past))


def _exact_progress(scenario: str, number: int, chance: random.Random, times: RunningTimes) -> Import:
    """Items counted as they are done, some quicker than others."""
    total = round(_log_uniform(chance, 100, 100_000))
    curve = Curve(power=math.exp(chance.gauss(0, 0.25)), steps=total, resolution=1 / total)
    return Import(scenario, number, times.draw(chance), progress=curve)


def _stalls(scenario: str, number: int, chance: random.Random, times: RunningTimes) -> Import:
    """Progress that stalls up to three times, and then for long at 99 or 100 % while the import finishes."""
    finish, last = chance.uniform(0.6, 0.95), chance.choice((0.99, 1.0))
    stalls = chance.randint(1, 3)
    done = sorted(chance.uniform(0.1, 0.95) for _ in range(stalls))
    stands, share = chance.uniform(0.1, 0.5) * finish / stalls, 0.0
    moving = (finish - stands * stalls) / last
    points, reached = [(0.0, 0.0)], 0.0
    for stop in done:
        share += (stop - reached) * moving
        points += [(share, stop), (share + stands, stop)]
        share, reached = share + stands, stop
    points += [(finish, last), (1.0, last)]
    return Import(scenario, number, times.draw(chance), progress=Curve(points=tuple(points)))


def _coarse_progress(scenario: str, number: int, chance: random.Random, times: RunningTimes) -> Import:
    """Percentage in steps of ten that misleads: what it calls half may take 1/8 of the time, or 4/5."""
    curve = Curve(power=_log_uniform(chance, 1 / 3, 3), steps=10)
    return Import(scenario, number, times.draw(chance), progress=curve)


def _queued(scenario: str, number: int, chance: random.Random, times: RunningTimes) -> Import:
    """Half wait for an unknown time; half for an announced start, which may come late and is then reported.

    The one vendor that announces starts also counts what is done.
    """
    if number % 2:
        return Import(scenario, number, times.draw(chance), starts=_log_uniform(chance, 5, 3_600))
    announced = _log_uniform(chance, 60, 4 * 3_600)
    late = chance.uniform(0, 120) if chance.random() < LATE_START else 0.0
    counted = _exact_progress(scenario, number, chance, times)
    return replace(counted, starts=announced + late, announced_start=announced)


def _throttled(scenario: str, number: int, chance: random.Random, times: RunningTimes) -> Import:
    return Import(
        scenario,
        number,
        times.draw(chance),
        throttled=chance.getrandbits(32),
        sends_retry_after=chance.random() >= WITHOUT_RETRY_AFTER,
    )


SCENARIOS: Mapping[str, Callable[[str, int, random.Random, RunningTimes], Import]] = {
    "status only": _status_only,
    "with history": _with_history,
    "exact progress": _exact_progress,
    "stalls, long finish": _stalls,
    "coarse progress": _coarse_progress,
    "queued, scheduled": _queued,
    "throttled": _throttled,
}
