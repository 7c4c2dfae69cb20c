"""A clock that runs faster than the machine's, for the functions and the simulators of a local stack.

`SFN_WAIT_SCALE` shortens the waits of the state machine alone: everything that compares times (how late a poll is, how
long a vendor has failed, how old an import is) would still use the machine's clock. With a clock that is as much faster
as the waits are shorter, an hour of failures is an hour for all of them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

FAST_CLOCK = Path(__file__).with_name("fast_clock")


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock that starts at the machine's time and runs at its own speed.

    It is based on the machine's monotonic clock, which is the same for all processes: if the machine's time were set
    meanwhile, a clock that is 16 times as fast would jump 16 times as far.

    Parameters
    ----------
    speed : float
        Its seconds per second of the machine's clock.
    origin : float
        Its time at its start, in epoch seconds.
    began : float
        The machine's monotonic seconds at its start.
    """

    speed: float
    origin: float = field(default_factory=time.time)
    began: float = field(default_factory=time.monotonic)

    def now(self) -> float:
        """Its time, in epoch seconds."""
        return self.origin + (time.monotonic() - self.began) * self.speed

    def at(self, moment: float) -> float:
        """Its time at a moment of the machine's clock (epoch seconds)."""
        return self.origin + (moment - self.origin) * self.speed

    def machine_seconds(self, moment: float) -> float:
        """The machine's monotonic seconds at a moment of this clock (epoch seconds)."""
        return self.began + (moment - self.origin) / self.speed

    def environment(self) -> dict[str, str]:
        """Environment that makes `time.time()` of a Python process return the time of this clock."""
        return {
            "PYTHONPATH": str(FAST_CLOCK),
            "FAST_CLOCK_SPEED": repr(self.speed),
            "FAST_CLOCK_ORIGIN": repr(self.origin),
            "FAST_CLOCK_BEGAN": repr(self.began),
        }
