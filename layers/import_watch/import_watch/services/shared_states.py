"""Keeps what the watches of a connection share for some seconds, so that not every poll of a container reads it."""

from __future__ import annotations

import time

from import_watch.aws.connection_store import ConnectionState, ConnectionStore
from import_watch.model.watch import Watch

MAX_AGE = 5.0
"""Seconds for which a state is kept: what another container stores, such as a vendor's throttling, is known here later
by at most as much."""
MAX_STATES = 100
"""Maximum number of connections whose states are kept: their names come from start events."""


class SharedStates:
    """Reads the states of connections, each at most once in `MAX_AGE` seconds, unless that could matter.

    Parameters
    ----------
    store : ConnectionStore
    seconds : float
        Used instead of `MAX_AGE` where it is less.
    """

    def __init__(self, store: ConnectionStore, seconds: float = MAX_AGE) -> None:
        self._store, self._seconds = store, min(seconds, MAX_AGE)
        self._kept: dict[tuple[str, str], tuple[float, ConnectionState]] = {}
        self._throttled: set[tuple[str, str]] = set()

    def get(self, watch: Watch) -> ConnectionState:
        """Read the state of a watch's connection, or return what was read a moment ago.

        It is always read before the first poll of a watch, whose start has changed the count and whose first interval
        may have been computed without the limit; and after a failed poll of the watch, or a throttled poll of any
        watch of the connection: then other containers are likely to learn about the vendor at the same time.
        """
        key, now = (watch.vendor, watch.connection), time.time()
        kept = self._kept.get(key)
        may_be_kept = watch.polls > 0 and watch.failures == 0 and key not in self._throttled
        # Time since it was read is negative if the clock was set back: then its age is unknown.
        if kept is not None and may_be_kept and 0 <= now - kept[0] < self._seconds:
            return kept[1]
        state = self._store.get(*key)
        if len(self._kept) >= MAX_STATES:
            self._kept.clear()
        self._kept[key] = (now, state)
        return state

    def responded(self, watch: Watch, *, throttled: bool) -> None:
        """Take note of whether the vendor throttled the last poll of a connection."""
        key = (watch.vendor, watch.connection)
        if throttled:
            self._throttled.add(key)
        else:
            self._throttled.discard(key)

    def changed(self, watch: Watch) -> None:
        """Read the state again next time, because this container has changed it."""
        self._kept.pop((watch.vendor, watch.connection), None)
