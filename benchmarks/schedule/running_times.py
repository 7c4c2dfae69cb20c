"""How long imports run: the distributions that they are drawn from, and what the optimum has to know of each. Pure.

Nobody gives away how long imports run. What is told of them is the range, 10 seconds to 24 hours, and that the tail is
heavy. The log-normal was chosen before any figure was seen, and most tables rest on it. The targets are told beside it
for what a heavy tail means elsewhere in computing, a power law, of the same range and mean; and one table shows what
hangs on its exponent.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol

SHORTEST, LONGEST = 10.0, 86_400.0
"""Seconds: the range of running times."""
_NORMAL = NormalDist()
_CUT_BELOW, _CUT_ABOVE = 0.01, 0.99
_LOG_MEDIAN = (math.log(SHORTEST) + math.log(LONGEST)) / 2
_LOG_SIGMA = (math.log(LONGEST) - math.log(SHORTEST)) / 2 / _NORMAL.inv_cdf(_CUT_ABOVE)


class RunningTimes(Protocol):
    """A distribution of running times between `SHORTEST` and `LONGEST`."""

    @property
    def name(self) -> str:
        """What it is called in tables."""

    def draw(self, chance: random.Random) -> float:
        """Give the running time of an import, in seconds."""

    def ended_by(self, seconds: float) -> float:
        """Give the share of imports that run for so long at most."""

    def mean_up_to(self, seconds: float) -> float:
        """Give the mean running time of those that run for so long at most, times their share."""


@dataclass(frozen=True, slots=True)
class LogNormal:
    """Log-normal with 1 % below the range and 1 % above it, which are cut off."""

    name: str = "log-normal"

    def draw(self, chance: random.Random) -> float:
        """Give the running time of an import, in seconds."""
        return math.exp(_LOG_MEDIAN + _LOG_SIGMA * _NORMAL.inv_cdf(chance.uniform(_CUT_BELOW, _CUT_ABOVE)))

    def ended_by(self, seconds: float) -> float:
        """Give the share of imports that run for so long at most."""
        share = (_NORMAL.cdf(self._standard(seconds)) - _CUT_BELOW) / (_CUT_ABOVE - _CUT_BELOW)
        return min(1.0, max(0.0, share))

    def mean_up_to(self, seconds: float) -> float:
        """Give the mean running time of those that run for so long at most, times their share."""
        whole = math.exp(_LOG_MEDIAN + _LOG_SIGMA**2 / 2) / (_CUT_ABOVE - _CUT_BELOW)
        shortest, reached = (_NORMAL.cdf(self._standard(until) - _LOG_SIGMA) for until in (SHORTEST, seconds))
        return whole * max(0.0, reached - shortest)

    @staticmethod
    def _standard(seconds: float) -> float:
        return (math.log(min(max(seconds, SHORTEST), LONGEST)) - _LOG_MEDIAN) / _LOG_SIGMA


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """Power law (Pareto), cut off at both ends: the density falls by `exponent` faster than 1 / seconds.

    With 0 there are as many imports between one minute and two as between one hour and two.
    """

    exponent: float

    @property
    def name(self) -> str:
        """What it is called in tables."""
        return f"power law {self.exponent:g}"

    def draw(self, chance: random.Random) -> float:
        """Give the running time of an import, in seconds."""
        share = chance.random()
        if self.exponent == 0:
            return float(SHORTEST * (LONGEST / SHORTEST) ** share)
        return float((SHORTEST**-self.exponent - share * self._whole()) ** (-1 / self.exponent))

    def ended_by(self, seconds: float) -> float:
        """Give the share of imports that run for so long at most."""
        within = min(max(seconds, SHORTEST), LONGEST)
        if self.exponent == 0:
            return math.log(within / SHORTEST) / math.log(LONGEST / SHORTEST)
        return float((SHORTEST**-self.exponent - within**-self.exponent) / self._whole())

    def mean_up_to(self, seconds: float) -> float:
        """Give the mean running time of those that run for so long at most, times their share."""
        within = min(max(seconds, SHORTEST), LONGEST)
        if self.exponent == 0:
            return (within - SHORTEST) / math.log(LONGEST / SHORTEST)
        power = 1 - self.exponent
        return float(self.exponent / power * (within**power - SHORTEST**power) / self._whole())

    def _whole(self) -> float:
        return float(SHORTEST**-self.exponent - LONGEST**-self.exponent)


CHOSEN: RunningTimes = LogNormal()
"""What every table rests on that names no other."""
POWER_LAWS: tuple[RunningTimes, ...] = tuple(map(PowerLaw, (0.0, 0.1, 0.2, 0.3)))
"""Added when the figures of the others were known. Beyond, half of all imports end in a minute."""


def _power_law_of_mean(mean: float) -> PowerLaw:
    low, high = PowerLaw(0.0), PowerLaw(0.99)
    for _ in range(50):
        middle = PowerLaw((low.exponent + high.exponent) / 2)
        low, high = (middle, high) if middle.mean_up_to(LONGEST) > mean else (low, middle)
    return low


SAME_MEAN = _power_law_of_mean(CHOSEN.mean_up_to(LONGEST))
"""The power law over the range whose imports run for as long, on average, as those of what was chosen."""
