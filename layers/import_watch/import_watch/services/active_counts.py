"""Counts the active watches of each connection, and repairs the counts that the watches share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from itertools import islice

from import_watch.aws.connection_store import ConnectionStore
from import_watch.aws.dynamodb import MAX_BATCH
from import_watch.aws.watch_store import WatchStore
from import_watch.model.watch import key_parts
from import_watch.observability import Metric, emit_metrics, logger

MAX_CONNECTIONS = 1_000
"""Maximum connections whose counts one sweep checks: the older a count is, the likelier it is that equally many watches
have begun and ended since it was read."""


class ActiveCounts:
    """The counts of active watches.

    Parameters
    ----------
    watches : WatchStore
    connections : ConnectionStore
    vendors : collection of str
        Names of the known vendors.
    """

    def __init__(self, watches: WatchStore, connections: ConnectionStore, vendors: Collection[str]) -> None:
        self._watches = watches
        self._connections = connections
        self._vendors = vendors

    def check(
        self,
        start: tuple[str, str] | None,
        ended: Collection[str],
        time_left: Callable[[], float],
        done: Counter[str],
    ) -> tuple[str, str] | None:
        """Repair the counts of active watches, of as many connections as there is time for.

        Parameters
        ----------
        start : tuple of str or None
            The last connection that was checked; None to begin with the first.
        ended : collection of str
            Watches that this sweep has ended: the index may still list them.
        time_left : callable
        done : Counter of str

        Returns
        -------
        tuple of str or None
            The last connection that was checked; None where all connections were checked.
        """
        budget = time_left()
        if budget <= 0:
            return start
        # Read before the watches are counted: a watch that begins meanwhile changes the count, and then nothing is
        # repaired. Half of the time is reserved for counting, without which the values that were read are useless.
        stored: dict[tuple[str, str], int] = {}
        complete = True
        known = self._connections.known() if start is None else self._connections.known(start)
        while keys := list(islice(known, MAX_BATCH)):
            if len(stored) >= MAX_CONNECTIONS or (stored and time_left() <= budget / 2):
                complete = False
                break
            stored |= {key: state.active_watches for key, state in self._connections.get_many(keys).items()}
        # One complete pass: between two partial ones, a watch may poll and move from one part to the other.
        active: set[str] = set()
        for watch_id, _due, _token in self._watches.active():
            if time_left() <= 0:
                logger.warning("the sweep had no time to count the active watches")
                return start
            active.add(watch_id)  # once, although a watch that polls meanwhile may be listed again
        counted = Counter(_connection_of(watch_id) for watch_id in active.difference(ended))
        self._emit_metrics(counted)
        if start is None and complete:
            # A connection that is not known has no item, unless a watch has begun since: then nothing is repaired.
            stored = dict.fromkeys(counted, 0) | stored
        checked = start
        for key, seen in stored.items():
            if time_left() <= 0:
                return checked
            done["COUNTS_REPAIRED"] += self._repair(key, seen, counted[key])
            checked = key
        return None if complete else checked

    def _emit_metrics(self, counted: Counter[tuple[str, str]]) -> None:
        active = Counter(dict.fromkeys(self._vendors, 0))
        for (vendor, _connection), watches in counted.items():
            active[vendor] += watches
        for vendor, watches in active.items():
            emit_metrics({Metric.ACTIVE_WATCHES: watches}, vendor=vendor)

    def _repair(self, key: tuple[str, str], seen: int, counted: int) -> bool:
        """Repair the count of a connection's active watches; whether it was wrong and is repaired."""
        vendor, connection = key
        if seen == counted or not self._connections.repair(vendor, connection, counted, seen):
            return False
        logger.warning("a count of active watches was wrong", connection=connection, counted=counted, was=seen)
        return True


def _connection_of(watch_id: str) -> tuple[str, str]:
    vendor, connection, *_ = key_parts(watch_id)
    return vendor, connection
