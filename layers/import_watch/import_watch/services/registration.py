"""Registers a start event as a watch, once for all deliveries of the event, and resumes an existing watch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from import_watch.aws.connection_store import ConnectionState, ConnectionStore
from import_watch.aws.executions import Executions
from import_watch.aws.watch_store import Conflict, WatchStore
from import_watch.lifecycle.start_event import StartEvent
from import_watch.lifecycle.transitions import hand_over, resume_delay, start_watch
from import_watch.model.outcome import Outcome, Reason, WatchResult
from import_watch.model.record import StoredWatch
from import_watch.model.step import NextAction, Step
from import_watch.model.watch import Tolerance, Watch
from import_watch.notifications.messages import with_message
from import_watch.observability import Metric, emit_metrics
from import_watch.scheduling.history import history_of
from import_watch.scheduling.interval import DEFAULT_POLICY, Policy
from import_watch.scheduling.rate_limit import RateShare, rate_share
from import_watch.services.vendor_registry import VendorRegistry


class Registrar:
    """Registers start events.

    Parameters
    ----------
    vendors : VendorRegistry
    watches : WatchStore
    connections : ConnectionStore
    executions : Executions
        Used only for a watch that another execution owns.
    tolerance : Tolerance
    policy_for : callable
        The schedule policy of a vendor.
    """

    def __init__(
        self,
        vendors: VendorRegistry,
        watches: WatchStore,
        connections: ConnectionStore,
        executions: Executions,
        tolerance: Tolerance,
        policy_for: Callable[[str], Policy] = lambda _vendor: DEFAULT_POLICY,
    ) -> None:
        self.vendors = vendors
        self._watches = watches
        self._connections = connections
        self._executions = executions
        self._tolerance = tolerance
        self._policy_for = policy_for

    def register(self, event: StartEvent, execution: str, now: float) -> Step:
        """Register a start event.

        Parameters
        ----------
        event : StartEvent
        execution : str
            ARN of the execution that owns the watch: the one that the event started.
        now : float
            Epoch seconds.

        Returns
        -------
        Step
            WAIT for a new watch, and for one that is taken over from a dead execution; PUBLISH for an invalid event,
            and for an outcome that no living execution will publish; ALREADY_WATCHED for a duplicate. An execution
            that registers a second time, because the response to the first was lost, gets the same step again.
        """
        if event.faults:
            return self._register_invalid(event, execution, now)
        start = event.start
        adapter = self.vendors.adapter(start.vendor)
        shared = self._connections.watch_began(start.vendor, start.connection)
        share = self._share(start.vendor, shared, now)
        histories = {job_type: history_of(times) for job_type, times in shared.running_times.items() if times}
        watch = start_watch(start, now, self._tolerance, self._policy_for(start.vendor), share, histories)
        watch = replace(watch, correlation=event.correlation)
        try:
            self._watches.register(watch, execution, start, keeps_log=adapter.keeps_log)
        except Conflict as conflict:
            self._connections.watch_withdrawn(start.vendor, start.connection)
            return self._resolve_duplicate(conflict.record, watch, execution, now)
        emit_metrics({Metric.WATCHES_STARTED: 1}, vendor=start.vendor)
        return Step(NextAction.WAIT, watch, round((watch.next_poll_at or now) - now))

    def resume(self, watch_id: str, generation: int, execution: str, now: float) -> Step:
        """Resume a watch whose ownership was transferred to an execution.

        Parameters
        ----------
        watch_id : str
        generation : int
            The one in which this execution owns the watch.
        execution : str
            ARN of this execution.
        now : float
            Epoch seconds.

        Returns
        -------
        Step
            WAIT; PUBLISH for a watch that has ended since; SUPERSEDED where another execution owns it by now.

        Raises
        ------
        LookupError
            If there is no such watch.
        """
        record = self._watches.get(watch_id)
        if record is None:
            raise LookupError(f"there is no watch {watch_id}")
        if record.watch.generation != generation or record.execution != execution:
            return Step(NextAction.SUPERSEDED, record.watch)
        return self._owned(record, now)

    def _owned(self, record: StoredWatch, now: float) -> Step:
        if record.result is not None:
            return Step(NextAction.PUBLISH, record.watch)
        watch = record.watch
        shared = self._connections.get(watch.vendor, watch.connection)
        share = self._share(watch.vendor, shared, now)
        return Step(NextAction.WAIT, watch, resume_delay(watch, now, share, self._policy_for(watch.vendor)))

    def _share(self, vendor: str, shared: ConnectionState, now: float) -> RateShare:
        """Share of a watch of a connection, whose last poll stored the limit that its secret sets."""
        limit = shared.requests_per_minute or self.vendors.adapter(vendor).requests_per_minute
        return rate_share(shared.active_watches, limit, shared.throttled_until, now)

    def _resolve_duplicate(self, record: StoredWatch | None, watch: Watch, execution: str, now: float) -> Step:
        """Next action for a start event whose watch exists: a watch that no living execution owns is taken over."""
        if record is None or (record.execution != execution and record.published_at is not None):
            return Step(NextAction.ALREADY_WATCHED, watch)
        if record.execution == execution:
            return self._owned(record, now)
        status = self._executions.status(record.execution)
        if status.is_alive:
            return Step(NextAction.ALREADY_WATCHED, record.watch)
        latest = self._watches.reload_if_same_owner(record, owner_is_over=status.is_over)
        if latest is None or latest.published_at is not None:
            return Step(NextAction.ALREADY_WATCHED, record.watch)
        if latest.result is not None:
            return Step(NextAction.PUBLISH, latest.watch)
        taken_over = hand_over(latest.watch)
        try:
            self._watches.transfer_ownership(taken_over, execution)
        except Conflict:
            return Step(NextAction.ALREADY_WATCHED, latest.watch)
        return self._owned(replace(latest, watch=taken_over), now)

    def _register_invalid(self, event: StartEvent, execution: str, now: float) -> Step:
        """Record an invalid event under a key of its own, so that it never ends a real watch."""
        start = event.start
        watch = replace(
            start_watch(start, now, Tolerance()),
            watch_id=event.watch_id,
            next_poll_at=None,
            deadline=now,
            correlation=event.correlation,
        )
        result = WatchResult(
            outcome=Outcome.UNKNOWN,
            reason=Reason.INVALID_EVENT.value,
            detected_at=now,
            started_at=start.started_at,
            detail="; ".join(event.faults),
        )
        result = with_message(watch, result)
        try:
            self._watches.register(watch, execution, start, keeps_log=False, result=result)
        except Conflict as conflict:
            if conflict.record is None or conflict.record.execution != execution:
                return Step(NextAction.ALREADY_WATCHED, watch)
        return Step(NextAction.PUBLISH, watch)
