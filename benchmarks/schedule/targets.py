"""The targets, and whether each was reached. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.schedule.figures import COLUMNS, Figures, dominates, ratios
from benchmarks.schedule.peers import PEERS
from benchmarks.schedule.runs import OURS, SCHEDULES, Results

SIXTY = "fixed 60 s"
OF_FIXED_60: Mapping[str, tuple[float, float]] = {
    "polls": (0.80, 0.70),
    "lag": (0.61, 0.45),
    "lag_p50": (1.0, 1.0),
    "lag_p95": (1.0, 1.0),
    "lag_p99": (1.0, 1.0),
    "relative_lag": (1.0, 1.0),
}
"""At most this much of what one poll a minute has, pooled, by the default policy: with running times that are
log-normal, and with those of a power law."""
PEERS_DOMINATED = 6
OF_OPTIMUM = 1.25
"""At most this many times the polls of the best schedule there can be at the same mean lag, with nothing but status."""


@dataclass(frozen=True, slots=True)
class Target:
    """A target, and what was reached."""

    name: str
    bound: float
    reached: float
    at_most: bool = True

    @property
    def met(self) -> bool:
        """Whether it was reached."""
        return self.reached <= self.bound if self.at_most else self.reached >= self.bound


def targets(results: Results, of_optimum: float, *, power_law: bool = False) -> list[Target]:
    """Every target with its measured value.

    Parameters
    ----------
    results : Results
    of_optimum : float
        Our polls over the optimum's.
    power_law : bool
        Whether running times follow a power law.
    """
    dominated = sum(1 for by in dominated_by(results.pooled).values() if by)
    return [
        *of_the_default(results, of_optimum, power_law=power_law),
        Target("peers dominated by one preset each", PEERS_DOMINATED, dominated, at_most=False),
    ]


def of_the_default(results: Results, of_optimum: float, *, power_law: bool = False) -> list[Target]:
    """Targets that compare with nothing but one poll a minute and the optimum."""
    reached = ratios(results.pooled[OURS], results.pooled[SIXTY])
    compared = [
        Target(f"{COLUMNS[column]} of fixed 60 s", bounds[power_law], reached[column])
        for column, bounds in OF_FIXED_60.items()
    ]
    return [*compared, Target("polls over the optimum's, status only", OF_OPTIMUM, of_optimum)]


def bound_of(same: Sequence[Target]) -> str:
    """Write the bound of a target; several, in the order of their columns, where it depends on the running times."""
    return " or ".join(dict.fromkeys(f"{target.bound:g}" for target in same))


def dominated_by(pooled: Mapping[str, Figures]) -> dict[str, Sequence[str]]:
    """Give, for every peer, which of our presets are no worse in every column."""
    peers = [peer.name for peer in PEERS]
    own = [name for name in SCHEDULES if name not in peers]
    return {peer: [name for name in own if dominates(pooled[name], pooled[peer])] for peer in peers}
