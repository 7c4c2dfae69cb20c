"""Running times of past imports of one kind, and what they say of the next. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median, quantiles

from import_watch.model.watch import History

REMEMBERED = 20
"""Running times that are kept of a kind, the latest."""
NORMAL_IQR = 1.349
"""Interquartile range of a normal distribution, in standard deviations."""
MIN_SIGMA = 0.25
"""Spread below which few running times are not believed."""
SHORTEST = 1.0
"""Seconds: shorter running times count as this, so that their logarithm says something."""


def history_of(running_times: Sequence[float]) -> History:
    """Give what running times say, robustly: one import that hung for a day does not count for more than another.

    Parameters
    ----------
    running_times : sequence of float
        Seconds, at least one.
    """
    logs = [math.log(max(SHORTEST, time)) for time in running_times]
    sigma = 0.0
    if len(logs) > 1:
        lower, _, upper = quantiles(logs, n=4, method="inclusive")
        sigma = (upper - lower) / NORMAL_IQR
    return History(len(logs), median(logs), max(MIN_SIGMA, sigma))


def remembering(running_times: Sequence[float], another: float) -> tuple[float, ...]:
    """Add a running time to those of a kind; the oldest are forgotten."""
    return (*running_times, another)[-REMEMBERED:]
