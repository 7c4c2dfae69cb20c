"""How long imports run: the distributions that they are drawn from, and what the optimum has to know of each. Pure.

No vendor publishes how long imports run. Known are the range, 10 seconds to 24 hours, and that the tail is heavy.
The log-normal was chosen before any figure was seen, and most tables rest on it. The targets are reported beside it
for what a heavy tail means elsewhere in computing, a power law, of the same range and mean; and one table shows what
hangs on its exponent.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol

MIN_SECONDS, MAX_SECONDS = 10.0, 86_400.0
"""Seconds: the range of running times."""
_NORMAL = NormalDist()
_CUT_BELOW, _CUT_ABOVE = 0.01, 0.99
_LOG_MEDIAN = (math.log(MIN_SECONDS) + math.log(MAX_SECONDS)) / 2
_LOG_SIGMA = (math.log(MAX_SECONDS) - math.log(MIN_SECONDS)) / 2 / _NORMAL.inv_cdf(_CUT_ABOVE)


class RunningTimes(Protocol):
    """A distribution of running times between `MIN_SECONDS` and `MAX_SECONDS`."""

    @property
    def name(self) -> str:
        """Its name in tables."""

    def draw(self, chance: random.Random) -> float:
        """Running time of an import, in seconds."""

    def ended_by(self, seconds: float) -> float:
        """Share of imports that end by then."""

    def mean_up_to(self, seconds: float) -> float:
        """Mean running time of the imports that end by then, times their share."""


@dataclass(frozen=True, slots=True)
class LogNormal:
    """Log-normal with 1 % below the range and 1 % above it, which are cut off."""

    name: str = "log-normal"

    def draw(self, chance: random.Random) -> float:
        """Running time of an import, in seconds."""
        return math.exp(_LOG_MEDIAN + _LOG_SIGMA * _NORMAL.inv_cdf(chance.uniform(_CUT_BELOW, _CUT_ABOVE)))

    def ended_by(self, seconds: float) -> float:
        """Share of imports that end by then."""
        share = (_NORMAL.cdf(self._standard(seconds)) - _CUT_BELOW) / (_CUT_ABOVE - _CUT_BELOW)
        return min(1.0, max(0.0, share))

    def mean_up_to(self, seconds: float) -> float:
        """Mean running time of the imports that end by then, times their share."""
        whole = math.exp(_LOG_MEDIAN + _LOG_SIGMA**2 / 2) / (_CUT_ABOVE - _CUT_BELOW)
        shortest, reached = (_NORMAL.cdf(self._standard(until) - _LOG_SIGMA) for until in (MIN_SECONDS, seconds))
        return whole * max(0.0, reached - shortest)

    @staticmethod
    def _standard(seconds: float) -> float:
        return (math.log(min(max(seconds, MIN_SECONDS), MAX_SECONDS)) - _LOG_MEDIAN) / _LOG_SIGMA


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """Power law (Pareto), cut off at both ends: the density falls by `exponent` faster than 1 / seconds.

    With 0 there are as many imports between one minute and two as between one hour and two.
    """

    exponent: float

    @property
    def name(self) -> str:
        """Its name in tables."""
        return f"power law {self.exponent:g}"

    def draw(self, chance: random.Random) -> float:
        """Running time of an import, in seconds."""
        share = chance.random()
        if self.exponent == 0:
            return float(MIN_SECONDS * (MAX_SECONDS / MIN_SECONDS) ** share)
        return float((MIN_SECONDS**-self.exponent - share * self._whole()) ** (-1 / self.exponent))

    def ended_by(self, seconds: float) -> float:
        """Share of imports that end by then."""
        within = min(max(seconds, MIN_SECONDS), MAX_SECONDS)
        if self.exponent == 0:
            return math.log(within / MIN_SECONDS) / math.log(MAX_SECONDS / MIN_SECONDS)
        return float((MIN_SECONDS**-self.exponent - within**-self.exponent) / self._whole())

    def mean_up_to(self, seconds: float) -> float:
        """Mean running time of the imports that end by then, times their share."""
        within = min(max(seconds, MIN_SECONDS), MAX_SECONDS)
        if self.exponent == 0:
            return (within - MIN_SECONDS) / math.log(MAX_SECONDS / MIN_SECONDS)
        power = 1 - self.exponent
        return float(self.exponent / power * (within**power - MIN_SECONDS**power) / self._whole())

    def _whole(self) -> float:
        return float(MIN_SECONDS**-self.exponent - MAX_SECONDS**-self.exponent)


CHOSEN: RunningTimes = LogNormal()
"""What every table rests on that names no other."""
POWER_LAWS: tuple[RunningTimes, ...] = tuple(map(PowerLaw, (0.0, 0.1, 0.2, 0.3)))
"""Added when the figures of the others were known. Beyond, half of all imports end in a minute."""


def _power_law_of_mean(mean: float) -> PowerLaw:
    low, high = PowerLaw(0.0), PowerLaw(0.99)
    for _ in range(50):
        middle = PowerLaw((low.exponent + high.exponent) / 2)
        low, high = (middle, high) if middle.mean_up_to(MAX_SECONDS) > mean else (low, middle)
    return low


SAME_MEAN = _power_law_of_mean(CHOSEN.mean_up_to(MAX_SECONDS))
"""The power law over the range whose imports run for as long, on average, as those of what was chosen."""
