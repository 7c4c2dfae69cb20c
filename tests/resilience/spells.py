"""Lets the whiles come and go in which a service fails, or a vendor refuses connections."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import cycle
from random import Random

from tests.resilience.plan import CONNECTIONS, Spell
from tests.resilience.weather import Weather


class Spells:
    """Lets the spells of a plan come and go.

    Parameters
    ----------
    spells : sequence of Spell
    weather : Weather
    random : Random
        Chooses whose vendor refuses.
    connect : callable
        Stores the secret of a vendor's connection, leading to a base URL, or to the vendor where that is None.
    """

    def __init__(
        self,
        spells: Sequence[Spell],
        weather: Weather,
        random: Random,
        connect: Callable[[str, str, str | None], None],
    ) -> None:
        self._coming = cycle(spells)
        self._weather = weather
        self._random = random
        self._connect = connect
        self._now: Spell | None = None
        self._next = next(self._coming)
        self._changes_at = time.monotonic() + self._next.before
        self._refusal = ExitStack()

    def go_on(self) -> None:
        """Have the next spell begin, or the present one end, if it is time."""
        if time.monotonic() < self._changes_at:
            return
        if self._now is not None:
            self.end()
            return
        self._now = self._next
        self._changes_at = time.monotonic() + self._now.seconds
        self._weather.spells[self._now.name] += 1
        if self._now.operations:
            self._weather.change(self._now)
        else:
            troubled = [(vendor, name) for vendor, names in CONNECTIONS.items() for name in names[1:]]
            vendor, name = self._random.choice(troubled)
            # Bound, so that nobody else can listen there, and not listening: Linux refuses connections to it.
            deaf = self._refusal.enter_context(socket.socket())
            deaf.bind(("127.0.0.1", 0))
            self._refusal.callback(self._connect, vendor, name, None)
            self._connect(vendor, name, f"http://127.0.0.1:{deaf.getsockname()[1]}")

    def end(self) -> None:
        """Have the present spell end."""
        self._weather.change(None)
        self._refusal.close()
        self._now, self._next = None, next(self._coming)
        self._changes_at = time.monotonic() + self._next.before
