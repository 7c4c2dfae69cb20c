"""Begins and ends the outages, in which a service fails or a vendor refuses connections."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import cycle
from random import Random

from tests.loopback_server import refusing
from tests.resilience.fault_injector import FaultInjector
from tests.resilience.plan import CONNECTIONS, Outage


class Outages:
    """Begins and ends the outages of a plan.

    Parameters
    ----------
    outages : sequence of Outage
    fault_injector : FaultInjector
    random : Random
        Chooses the connection whose vendor refuses.
    connect : callable
        Stores the secret of a vendor's connection, leading to a base URL, or to the vendor where that is None.
    """

    def __init__(
        self,
        outages: Sequence[Outage],
        fault_injector: FaultInjector,
        random: Random,
        connect: Callable[[str, str, str | None], None],
    ) -> None:
        self._coming = cycle(outages)
        self._fault_injector = fault_injector
        self._random = random
        self._connect = connect
        self._now: Outage | None = None
        self._next = next(self._coming)
        self._changes_at = time.monotonic() + self._next.before
        self._refusal = ExitStack()

    def update(self) -> None:
        """Begin the next outage, or end the present one, if it is time."""
        if time.monotonic() < self._changes_at:
            return
        if self._now is not None:
            self.end()
            return
        self._now = self._next
        self._changes_at = time.monotonic() + self._now.seconds
        self._fault_injector.outages[self._now.name] += 1
        if self._now.operations:
            self._fault_injector.change(self._now)
        else:
            failed = [(vendor, name) for vendor, names in CONNECTIONS.items() for name in names[1:]]
            vendor, name = self._random.choice(failed)
            url = self._refusal.enter_context(refusing())
            self._refusal.callback(self._connect, vendor, name, None)
            self._connect(vendor, name, url)

    def end(self) -> None:
        """End the present outage."""
        self._fault_injector.change(None)
        self._refusal.close()
        self._now, self._next = None, next(self._coming)
        self._changes_at = time.monotonic() + self._next.before
