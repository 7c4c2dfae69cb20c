"""Polls a watch sooner, because its import is known to have changed.

The execution that the event started takes the watch over, by the same write as every hand-over, and stops the one that
waited for the next poll.
"""

from __future__ import annotations

import math
from enum import StrEnum

from import_watch.aws.connection_store import ConnectionStore
from import_watch.aws.executions import Executions
from import_watch.aws.watch_items import MAX_LISTED_OWNERS
from import_watch.aws.watch_store import WatchStore
from import_watch.aws.watch_writer import Conflict
from import_watch.lifecycle.start_event import StartEvent
from import_watch.lifecycle.transitions import start_watch, wake
from import_watch.model.record import StoredWatch
from import_watch.model.step import NextAction, Step
from import_watch.model.watch import Tolerance
from import_watch.observability import Metric, emit_metrics, logger
from import_watch.services.vendor_registry import VendorRegistry

MAX_OWNERS = MAX_LISTED_OWNERS
"""Executions of one attempt up to which a watch is woken: all owners before must be known, to be stopped."""
MAX_STOPPED = 3
"""Earlier owners that are stopped: one that also woke the watch may be stopped before it has stopped others."""
STOP_CAUSE = "another execution polls this watch sooner, because its import has changed"


class Woken(StrEnum):
    """What an `ImportChanged` event did."""

    WOKEN = "WOKEN"
    INVALID_EVENT = "INVALID_EVENT"
    NOT_WATCHED = "NOT_WATCHED"
    LOG_AWAITED = "LOG_AWAITED"
    POLLED_SOON = "POLLED_SOON"
    CHANGED_MEANWHILE = "CHANGED_MEANWHILE"
    TOO_OFTEN = "TOO_OFTEN"
    FAILED = "FAILED"


class Waker:
    """Wakes watches.

    Parameters
    ----------
    vendors : VendorRegistry
    watches : WatchStore
    connections : ConnectionStore
    executions : Executions
    """

    def __init__(
        self, vendors: VendorRegistry, watches: WatchStore, connections: ConnectionStore, executions: Executions
    ) -> None:
        self._vendors = vendors
        self._watches = watches
        self._connections = connections
        self._executions = executions

    def wake(self, event: StartEvent, execution: str, now: float) -> Step:
        """Make this execution poll the watch that an event names, in its connection's next free slot.

        Parameters
        ----------
        event : StartEvent
            An `ImportChanged`.
        execution : str
            ARN of the execution that the event started.
        now : float
            Epoch seconds.

        Returns
        -------
        Step
            WAIT where this execution owns the watch from now on; NOT_WOKEN where nothing is changed. An execution that
            registers a second time, because the response to the first was lost, gets the same step again.
        """
        if event.faults:
            logger.warning("the ImportChanged event is invalid", faults=list(event.faults))
            return not_woken(Woken.INVALID_EVENT, event, None, now)
        record = self._watches.get(event.watch_id)
        if record is None or record.result is not None:
            return not_woken(Woken.NOT_WATCHED, event, record, now)
        if record.execution == execution:
            return self._woken(record, now)
        watch = record.watch
        if watch.awaiting_log is not None:
            return not_woken(Woken.LOG_AWAITED, event, record, now)
        if len(record.owners) >= MAX_OWNERS:
            return not_woken(Woken.TOO_OFTEN, event, record, now)
        shared = self._connections.get(watch.vendor, watch.connection)
        share = shared.share(self._vendors.adapter(watch.vendor).requests_per_minute, now)
        woken = wake(watch, now, share, shared.throttled_until)
        if woken is None:
            return not_woken(Woken.POLLED_SOON, event, record, now)
        try:
            self._watches.transfer_ownership(woken, execution, watch)
        except Conflict:
            # It was polled, or it has ended: no earlier poll is needed.
            return not_woken(Woken.CHANGED_MEANWHILE, event, record, now)
        emit_metrics({Metric.WAKES: 1}, result=Woken.WOKEN)
        return self._woken(record.owned_by(execution, woken), now)

    def _woken(self, record: StoredWatch, now: float) -> Step:
        for owner in reversed(record.owners[-1 - MAX_STOPPED : -1]):
            self._executions.stop(owner, STOP_CAUSE)
        seconds = math.ceil(max(0.0, (record.watch.next_poll_at or now) - now))
        logger.info("woken", watchId=record.watch.watch_id, seconds=seconds)
        return Step(NextAction.WAIT, record.watch, seconds)


def not_woken(why: Woken, event: StartEvent, record: StoredWatch | None, now: float) -> Step:
    """Step of an `ImportChanged` that changes nothing, which is logged and counted."""
    logger.info("the ImportChanged event changes nothing", reason=why.value, importId=event.start.import_id)
    emit_metrics({Metric.WAKES: 1}, result=why)
    return Step(NextAction.NOT_WOKEN, record.watch if record else start_watch(event.start, now, Tolerance()))
