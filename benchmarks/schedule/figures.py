"""The figures that are reported of a schedule, and how two schedules compare. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from import_watch.notifications.cost import price

from benchmarks.schedule.driver import Run

POLL_SECONDS = 0.2
"""Billed time that a warm poll function is taken to need, most of it waiting for the vendor's response."""
POLLS_PER_EXECUTION = 200
"""Polls after which an execution hands over to a fresh one."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a schedule did over many imports.

    Parameters
    ----------
    polls : float
        Mean number of polls of an import.
    lag : float
        Mean seconds from the end of an import to the poll that saw it; `lag_p50`, `lag_p95` and `lag_p99` likewise.
    relative_lag : float
        95 % quantile of the lag as a share of the running time.
    dollars : float
        What 1,000 imports cost where Import Watch polls them so, at the prices in `import_watch.notifications.cost`.
    executions : float
        Mean number of executions of an import.
    watched : float
        Mean seconds from the start of a watch to its end.
    """

    polls: float
    lag: float
    lag_p50: float
    lag_p95: float
    lag_p99: float
    relative_lag: float
    dollars: float
    executions: float
    watched: float


COLUMNS: Mapping[str, str] = {
    "polls": "polls",
    "lag": "mean lag s",
    "lag_p50": "p50 lag s",
    "lag_p95": "p95 lag s",
    "lag_p99": "p99 lag s",
    "relative_lag": "p95 lag/time",
    "dollars": "$ per 1,000",
}
"""The columns by which schedules are compared, and their headings."""


def figures_of(runs: Sequence[Run]) -> Figures:
    """Figures of many runs."""
    lags = sorted(run.lag for run in runs)
    executions = [1 + (run.polls - 1) // POLLS_PER_EXECUTION for run in runs]
    polls, handed = _mean(run.polls for run in runs), _mean(executions)
    return Figures(
        polls=polls,
        lag=_mean(lags),
        lag_p50=quantile(lags, 0.5),
        lag_p95=quantile(lags, 0.95),
        lag_p99=quantile(lags, 0.99),
        relative_lag=quantile(sorted(run.lag / run.seconds for run in runs), 0.95),
        dollars=1_000 * price(polls, handed, polls * POLL_SECONDS),
        executions=handed,
        watched=_mean(run.watched for run in runs),
    )


def quantile(ordered: Sequence[float], share: float) -> float:
    """Smallest value that this share of the values does not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def ratios(figures: Figures, to: Figures) -> dict[str, float]:
    """Each column of a schedule over the same one of another."""
    one, other = asdict(figures), asdict(to)
    return {column: one[column] / other[column] for column in COLUMNS}


def dominates(one: Figures, other: Figures) -> bool:
    """Whether a schedule is no worse than another in every column, and better in one."""
    compared = ratios(one, other).values()
    return max(compared) <= 1 and min(compared) < 1


def frontier(schedules: Mapping[str, Figures]) -> list[str]:
    """Name the schedules to which none is better in polls and no worse in p95 lag, or vice versa; by polls."""
    reached, best = math.inf, []
    for name in sorted(schedules, key=lambda name: (schedules[name].polls, schedules[name].lag_p95)):
        if schedules[name].lag_p95 < reached:
            reached = schedules[name].lag_p95
            best.append(name)
    return best


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return math.fsum(listed) / len(listed)
