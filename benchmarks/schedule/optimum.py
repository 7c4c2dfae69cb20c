"""The best checking schedule there can be where the distribution of running times is known and nothing else.

Barlow, Hunter and Proschan, "Optimum Checking Procedures", 1963: what is lost is a price per check, and a price per
second from the end to the check that sees it. The times of the checks that lose least are found by dynamic programming
over a fine grid, from the longest running time back to the start; the price per second is then chosen so that the mean
lag is the requested one. No schedule that knows as little has fewer polls at that mean lag. It is bound by nothing:
neither by a floor, nor by whole seconds, nor by a longest wait.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from import_watch.scheduling.interval import Policy, first_wait, jitter_of, next_wait

from benchmarks.schedule.running_times import CHOSEN, MAX_SECONDS

Shares = Callable[[float], float]
"""Of seconds: the share of imports that has ended by then, or their mean running time times that share."""
CHEAPEST, DEAREST = 1e-3, 50.0
"""Prices of a second of lag, in polls, between which the right one is looked for."""
HALVINGS = 14
"""Steps by which the price of a second is found; what is left is interpolated."""
FINENESS = 6
"""Points of the grid between two checks. The best checks lie about sqrt(2 / (price × hazard)) seconds apart, so the
grid is made for the price: fine where they are close, coarse where they are not. Twice as many
change the polls by a millionth."""
FINEST = 0.25
"""Seconds between two points of the grid at least."""
WATCHES = 50
"""Watches over which our schedule is averaged: each has a jitter of its own."""


@dataclass(frozen=True, slots=True)
class Checks:
    """A schedule's mean number of polls and mean lag in seconds, and when it polls."""

    polls: float
    lag: float
    times: tuple[float, ...] = ()


class Optimum:
    """The best schedules for a distribution.

    Parameters
    ----------
    longest : float
        Seconds after which every import has ended.
    ended, mean : callable
        The distribution: see `Shares`.
    """

    def __init__(
        self, longest: float = MAX_SECONDS, ended: Shares = CHOSEN.ended_by, mean: Shares = CHOSEN.mean_up_to
    ) -> None:
        self._longest = longest
        self._of_time = (ended, mean)

    def at_price(self, second: float) -> Checks:
        """Schedule that loses least where a poll costs 1 and a second of lag this much."""
        grid = self._grid(second)
        ended, mean = ([share(time) for time in grid] for share in self._of_time)
        last = len(grid) - 1
        lost, following = [0.0] * (last + 1), [last] * (last + 1)
        furthest = last
        for here in range(last - 1, -1, -1):
            by_now, mean_by_now, best = ended[here], mean[here], math.inf
            # The later a check, the later the best one after it: none beyond the last one's best needs a look.
            for there in range(here + 1, furthest + 1):
                lag = grid[there] * (ended[there] - by_now) - (mean[there] - mean_by_now)
                loss = second * lag + lost[there]
                if loss < best:
                    best, following[here] = loss, there
            lost[here], furthest = best + 1 - by_now, following[here]
        times, here = [], 0
        while here < last:
            here = following[here]
            times.append(grid[here])
        return self.evaluate(times)

    def at_lag(self, lag: float) -> Checks:
        """Fewest polls with which this mean lag in seconds can be reached: without the times of the polls.

        Raises
        ------
        ValueError
            If so short, or so long, a lag is never best.
        """
        low, high = CHEAPEST, DEAREST
        cheap = dear = None
        for _ in range(HALVINGS):
            price = math.sqrt(low * high)
            tried = self.at_price(price)
            if tried.lag > lag:
                low, cheap = price, tried
            else:
                high, dear = price, tried
        if cheap is None or dear is None:
            raise ValueError(
                f"a mean lag of {lag:g} s is never best between {CHEAPEST:g} and {DEAREST:g} polls a second"
            )
        between = 0.0 if cheap.lag == dear.lag else (cheap.lag - lag) / (cheap.lag - dear.lag)
        return Checks(cheap.polls + between * (dear.polls - cheap.polls), lag)

    def evaluate(self, times: Iterable[float]) -> Checks:
        """Exact polls and lag of any schedule with this distribution; `times` must reach the longest import."""
        polls = lag = before = 0.0
        ended_before = mean_before = 0.0
        listed = tuple(times)
        for time in listed:
            ended, mean = (share(time) for share in self._of_time)
            polls += 1 - ended_before
            lag += time * (ended - ended_before) - (mean - mean_before)
            before, ended_before, mean_before = time, ended, mean
        if before < self._longest:
            raise ValueError(f"the last poll, at {before:g} s, comes before the longest import ends")
        return Checks(polls, lag, listed)

    def _grid(self, second: float) -> list[float]:
        grid, (ended, _) = [0.0], self._of_time
        while grid[-1] < self._longest:
            time = grid[-1]
            ahead = max(FINEST, 0.001 * time)
            running = 1 - ended(time)
            hazard = (ended(time + ahead) - ended(time)) / ahead / running if running > 0 else math.inf
            apart = math.sqrt(2 / (second * hazard)) if hazard > 0 else 1.0
            grid.append(min(self._longest, time + max(FINEST, min(apart / FINENESS, 0.02 * time + 1))))
        return grid


def poll_times(wait: Callable[[float, int], float], longest: float = MAX_SECONDS) -> Iterator[float]:
    """Times at which a schedule polls until the longest import has ended.

    Parameters
    ----------
    wait : callable
        Of the age in seconds and the number of polls so far: the seconds to the next.
    longest : float
    """
    time, polls = 0.0, 0
    while time < longest:
        time += wait(time, polls)
        polls += 1
        yield time


def ours(optimum: Optimum, policy: Policy, watches: int = WATCHES) -> Checks:
    """Polls and lag of our schedule with nothing but the status, averaged over the jitter of many watches."""

    def of_watch(watch: int) -> Checks:
        def wait(age: float, polls: int) -> float:
            if polls == 0:
                return first_wait(age, policy)
            return next_wait(age, jitter=jitter_of(f"optimum#{watch}", polls), policy=policy)

        return optimum.evaluate(poll_times(wait))

    each = [of_watch(watch) for watch in range(watches)]
    return Checks(
        math.fsum(checks.polls for checks in each) / watches,
        math.fsum(checks.lag for checks in each) / watches,
    )
