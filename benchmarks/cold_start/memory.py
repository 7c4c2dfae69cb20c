"""What each memory size of a poll function costs, from its measured CPU time. Pure.

Lambda gives CPU time in proportion to the memory, and one vCPU for 1,769 MB:
https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html. What is measured here took a whole core of this
machine, so it is divided by the share of a vCPU; what a core of this machine and one of Lambda do in a second is not
the same, and is taken to be.
"""

from __future__ import annotations

from dataclasses import dataclass

from import_watch.notifications.cost import GIGABYTE_SECOND, INVOCATION

SIZES = (256, 512, 768, 1_024, 1_769)
"""Memory sizes in MB. Less than 256 is too little for a large response of Document360."""
VCPU_MB = 1_769
WAIT_SECONDS = 0.2
"""Time for which a poll waits for the vendor and the table, which no memory size changes."""


@dataclass(frozen=True, slots=True)
class Size:
    """A memory size: seconds of a warm poll and of a first invocation, and their price in USD for 1,000 of each."""

    megabytes: int
    warm_seconds: float
    cold_seconds: float

    @property
    def warm_price(self) -> float:
        """USD for 1,000 warm polls."""
        return self._price(self.warm_seconds)

    @property
    def cold_price(self) -> float:
        """USD for 1,000 first invocations."""
        return self._price(self.cold_seconds)

    def _price(self, seconds: float) -> float:
        return 1_000 * (INVOCATION + seconds * self.megabytes / 1_024 * GIGABYTE_SECOND)


def sizes(warm_cpu_seconds: float, cold_cpu_seconds: float) -> list[Size]:
    """Convert the CPU time of a warm poll and of a first invocation to each memory size."""
    return [
        Size(
            megabytes,
            WAIT_SECONDS + warm_cpu_seconds / min(1.0, megabytes / VCPU_MB),
            WAIT_SECONDS + cold_cpu_seconds / min(1.0, megabytes / VCPU_MB),
        )
        for megabytes in SIZES
    ]
