"""Statistics of the running times of past imports of one job type. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median, quantiles

from import_watch.model.watch import History

REMEMBERED = 20
"""Number of running times that are kept for one job type: the latest ones."""
NORMAL_IQR = 1.349
"""Interquartile range of a normal distribution, in standard deviations."""
MIN_SIGMA = 0.25
"""Minimum spread: the spread of a few running times may be small by chance."""
MIN_RUNNING_TIME = 1.0
"""Minimum in seconds: shorter running times count as this, because the logarithm of a time near zero is extreme."""


def history_of(running_times: Sequence[float]) -> History:
    """Median and robust spread of running times: one import that hung for a day has no more weight than another.

    Parameters
    ----------
    running_times : sequence of float
        Seconds, at least one.
    """
    logs = [math.log(max(MIN_RUNNING_TIME, time)) for time in running_times]
    sigma = 0.0
    if len(logs) > 1:
        lower, _, upper = quantiles(logs, n=4, method="inclusive")
        sigma = (upper - lower) / NORMAL_IQR
    return History(len(logs), median(logs), max(MIN_SIGMA, sigma))


def remembering(running_times: Sequence[float], another: float) -> tuple[float, ...]:
    """Running times of a job type with one more; the oldest are dropped."""
    return (*running_times, another)[-REMEMBERED:]
