"""Registers a start event as a watch, once for all deliveries of the event, and resumes an existing watch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from import_watch.aws.connection_store import ConnectionState, ConnectionStore
from import_watch.aws.executions import Executions
from import_watch.aws.watch_store import MAX_TOKENS, WatchStore
from import_watch.aws.watch_writer import Conflict, TooManyTokens
from import_watch.lifecycle.attempts import NotStarted, as_next_attempt, why_not_started, with_event
from import_watch.lifecycle.start_event import StartEvent
from import_watch.lifecycle.transitions import hand_over, resume_delay, start_watch
from import_watch.model.outcome import Outcome, Reason, WatchResult
from import_watch.model.record import StoredWatch
from import_watch.model.step import NextAction, Step
from import_watch.model.watch import Start, Tolerance, Watch
from import_watch.notifications.messages import with_message
from import_watch.observability import Metric, emit_metrics, logger
from import_watch.scheduling.history import history_of
from import_watch.scheduling.interval import DEFAULT_POLICY, Policy
from import_watch.scheduling.rate_limit import RateShare
from import_watch.services.vendor_registry import VendorRegistry

if TYPE_CHECKING:
    from import_watch.aws.task_tokens import TaskTokens

MAX_CONFLICTS = 6
"""Attempts to register an event while others write the same watch."""


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
    tokens : callable, optional
        Builds what fails the task of a token that is one too many.
    """

    def __init__(
        self,
        vendors: VendorRegistry,
        watches: WatchStore,
        connections: ConnectionStore,
        executions: Executions,
        tolerance: Tolerance,
        policy_for: Callable[[str], Policy] = lambda _vendor: DEFAULT_POLICY,
        tokens: Callable[[], TaskTokens] | None = None,
    ) -> None:
        self.vendors = vendors
        self._watches = watches
        self._connections = connections
        self._executions = executions
        self._tolerance = tolerance
        self._policy_for = policy_for
        self._tokens = tokens

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
            WAIT for a new watch, a new attempt, and a watch that is taken over from a dead execution; PUBLISH for an
            invalid event, for an outcome that no living execution will publish, and for one that a task token of the
            event waits for; ALREADY_WATCHED for an event that starts nothing. An execution that registers a second
            time, because the response to the first was lost, gets the same step again.

        Raises
        ------
        Conflict
            If the watch keeps changing.
        """
        if event.faults:
            return self._register_invalid(event, execution, now)
        start, given = event.start, event.id or execution
        keeps_log = self.vendors.adapter(start.vendor).keeps_log
        shared = self._connections.watch_began(start.vendor, start.connection)
        share = self._share(start.vendor, shared, now)
        histories = {job_type: history_of(times) for job_type, times in shared.running_times.items() if times}
        watch = start_watch(start, now, self._tolerance, self._policy_for(start.vendor), share, histories)
        watch = replace(watch, correlation=event.correlation)
        stored: StoredWatch | None = None
        for _ in range(MAX_CONFLICTS):
            try:
                if stored is None:
                    self._watches.register(watch, execution, start, keeps_log=keeps_log, start_events=(given,))
                else:
                    why = why_not_started(stored, given, watch_again=start.watch_again)
                    if why is not None or stored.execution == execution:
                        step = self._resolve(stored, why or NotStarted.SAME_EVENT, start, given, execution, now)
                        self._connections.watch_withdrawn(start.vendor, start.connection)
                        return step
                    watch, events = as_next_attempt(watch, stored.watch), with_event(stored.start_events, given)
                    self._watches.start_attempt(
                        watch, execution, start, ended=stored, keeps_log=keeps_log, start_events=events
                    )
            except Conflict as conflict:
                stored = conflict.record
            except TooManyTokens:
                start = self._without_token(start)
            else:
                emit_metrics({Metric.WATCHES_STARTED: 1}, vendor=start.vendor)
                return Step(NextAction.WAIT, watch, round((watch.next_poll_at or now) - now))
        self._connections.watch_withdrawn(start.vendor, start.connection)
        raise Conflict(stored)

    def register_late(self, event: StartEvent, execution: str, now: float) -> None:
        """Register the start event of an execution that has died, unless it did that itself.

        An active watch is not taken over: that is left to the recovery.

        Raises
        ------
        Conflict
            If the watch keeps changing.
        """
        stored, given = self._watches.get(event.watch_id), event.id or execution
        if stored is not None and execution in stored.owners:
            return  # it did; an item of an older release does not name its start events
        if stored is None or (stored.result is not None and given not in stored.start_events):
            self.register(event, execution, now)
        elif given not in stored.start_events:
            events = with_event(stored.start_events, given)
            try:
                self._watches.add_start_event(stored, events, event.start)
            except TooManyTokens:
                self._watches.add_start_event(stored, events, self._without_token(event.start))
            _report_ignored(NotStarted.ALREADY_WATCHED, stored.watch)

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

    def _without_token(self, start: Start) -> Start:
        """Start event without its task token, which is one too many: its task fails at once."""
        from import_watch.aws.task_tokens import TokenResult  # hardly any watch has that many

        why = f"Import Watch keeps at most {MAX_TOKENS} task tokens for one import, and as many wait for this one."
        logger.error("a task token is refused", why=why, watchId=start.watch_id)
        emit_metrics({Metric.CALLBACKS: 1}, result=TokenResult.REFUSED)
        if self._tokens is not None and start.task_token is not None:
            self._tokens().refuse(start.task_token, why)
        return replace(start, task_token=None)

    def _share(self, vendor: str, shared: ConnectionState, now: float) -> RateShare:
        return shared.share(self.vendors.adapter(vendor).requests_per_minute, now)

    def _resolve(
        self, stored: StoredWatch, why: NotStarted, start: Start, given: str, execution: str, now: float
    ) -> Step:
        """Next action for a start event that starts nothing: a watch that no living execution owns is taken over.

        Raises
        ------
        Conflict
            If the watch changed meanwhile.
        """
        if stored.execution == execution:
            return self._owned(stored, now)
        if why is not NotStarted.SAME_EVENT:
            self._watches.add_start_event(stored, with_event(stored.start_events, given), start)
        _report_ignored(why, stored.watch)
        already_watched = Step(NextAction.ALREADY_WATCHED, stored.watch)
        if stored.is_settled:
            if start.task_token is not None and why is not NotStarted.SAME_EVENT:
                return Step(NextAction.PUBLISH, stored.watch)  # the token waits, and nothing else will publish to it
            return already_watched
        status = self._executions.status(stored.execution)
        if status.is_alive:
            return already_watched
        latest = self._watches.reload_if_same_owner(stored, owner_is_over=status.is_over)
        if latest is None or latest.is_settled:
            return already_watched
        if latest.result is not None:
            return Step(NextAction.PUBLISH, latest.watch)
        taken_over = hand_over(latest.watch)
        try:
            self._watches.transfer_ownership(taken_over, execution)
        except Conflict:
            return already_watched
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
            self._watches.register(
                watch, execution, start, keeps_log=False, result=result, start_events=(event.id or execution,)
            )
        except Conflict as conflict:
            if conflict.record is None or conflict.record.execution != execution:
                _report_ignored(NotStarted.SAME_EVENT, watch)
                return Step(NextAction.ALREADY_WATCHED, watch)
        return Step(NextAction.PUBLISH, watch)


def _report_ignored(why: NotStarted, watch: Watch) -> None:
    """Log and count a start event that starts nothing."""
    logger.info("the start event starts nothing", reason=why.value, watchId=watch.watch_id)
    emit_metrics({Metric.START_EVENTS_IGNORED: 1}, reason=why)
