"""A clock that runs faster than the machine's, for the functions and the simulators of a local stack.

`SFN_WAIT_SCALE` shortens the waits of the state machine alone: everything that compares times (how late a poll is, how
long a vendor has been away, how old an import is) would still go by the machine's clock. With a clock that is as much
faster as the waits are shorter, an hour of trouble is an hour to all of them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

FAST_CLOCK = Path(__file__).with_name("fast_clock")


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock that showed the machine's time when it was made, and has gone at its own speed since.

    Parameters
    ----------
    speed : float
        Its seconds in one of the machine's.
    """

    speed: float
    origin: float = field(default_factory=time.time)

    def now(self) -> float:
        """Give its time, in epoch seconds."""
        return self.at(time.time())

    def at(self, moment: float) -> float:
        """Give its time at a moment of the machine's clock (epoch seconds)."""
        return self.origin + (moment - self.origin) * self.speed

    def machine_time(self, moment: float) -> float:
        """Give the machine's time (epoch seconds) at a moment of this clock."""
        return self.origin + (moment - self.origin) / self.speed

    def environment(self) -> dict[str, str]:
        """Give the environment that makes `time.time()` of a Python process show this clock."""
        return {
            "PYTHONPATH": str(FAST_CLOCK),
            "FAST_CLOCK_SPEED": repr(self.speed),
            "FAST_CLOCK_ORIGIN": repr(self.origin),
        }
