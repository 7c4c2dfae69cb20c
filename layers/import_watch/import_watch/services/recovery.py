"""Recovers orphaned watches, and publishes pending outcomes.

Every action is safe at any time and any number of times: a watch is taken over by a conditional write, an execution is
started under a name made of watch and generation, and an outcome is published under the id of its watch. A watch whose
execution is alive is not changed, however late its poll is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import replace
from enum import StrEnum
from itertools import islice

from import_watch.aws.connection_store import ConnectionStore
from import_watch.aws.dynamodb import PageToken
from import_watch.aws.executions import Executions, ExecutionStatus, parse_input
from import_watch.aws.sweep_cursor_store import SweepCursor, SweepCursorStore
from import_watch.aws.throttling import is_throttling
from import_watch.aws.watch_store import WatchStore
from import_watch.aws.watch_writer import Conflict
from import_watch.lifecycle.execution_names import executions_of, resumed_watch, sibling_arn, successor_name
from import_watch.lifecycle.outcome_rules import broken, stopped
from import_watch.lifecycle.start_event import is_change
from import_watch.lifecycle.transitions import hand_over
from import_watch.model.outcome import WatchResult
from import_watch.model.record import StoredWatch
from import_watch.model.serialization import JSON
from import_watch.model.watch import Watch
from import_watch.observability import Metric, bind_log_context, bind_watch_log_context, emit_metrics, logger
from import_watch.services.active_counts import ActiveCounts
from import_watch.services.publication import Publisher
from import_watch.services.registration import Registrar

MAX_TAKEOVERS = 3
"""Consecutive executions that may die without a poll before the watch ends as WATCH_BROKEN."""
MAX_PUBLISHING_SHARE = 0.5
"""Share of a sweep's time after which it publishes no more: outcomes that cannot be published, because the topic is
gone, must not keep watches from being recovered."""
MAX_LISTED = 50_000
"""Overdue watches, or outcomes, that one sweep takes at once; the next one continues."""
MAX_DESCRIBED = 50
"""Overdue watches up to which the status of each execution is requested at once. Of more, lists of running executions
rule out most: Step Functions returns 1,000 in a response, and some 15 statuses in a second."""
MAX_LISTING_SHARE = 0.5
"""Share of a sweep's time after which it lists no further executions."""
MIN_COUNTING_SHARE = 0.1
"""Share of a sweep's time that is kept for the counts of active watches, however many watches are to be recovered."""


class Recovered(StrEnum):
    """What was done for a watch."""

    UNCHANGED = "UNCHANGED"
    STARTED = "STARTED"
    TAKEN_OVER = "TAKEN_OVER"
    BROKEN = "BROKEN"
    STOPPED = "STOPPED"
    PUBLISHED = "PUBLISHED"
    FAILED = "FAILED"
    THROTTLED = "THROTTLED"


ENDED = (Recovered.BROKEN, Recovered.STOPPED, Recovered.PUBLISHED)
"""After these a watch is no longer active."""


class Recovery:
    """Recovers watches.

    Parameters
    ----------
    watches : WatchStore
    connections : ConnectionStore
    executions : Executions
    registrar : Registrar
    publisher : Publisher
    cursors : SweepCursorStore
    state_machine : str
        ARN of the state machine.
    overdue_seconds : float
        How late a poll, or a publication, must be before it is recovered.
    """

    def __init__(
        self,
        watches: WatchStore,
        connections: ConnectionStore,
        executions: Executions,
        registrar: Registrar,
        publisher: Publisher,
        cursors: SweepCursorStore,
        state_machine: str,
        overdue_seconds: float,
    ) -> None:
        self._watches = watches
        self._connections = connections
        self._executions = executions
        self._registrar = registrar
        self._publisher = publisher
        self._cursors = cursors
        self._counts = ActiveCounts(watches, connections, registrar.vendors.names)
        self._state_machine = state_machine
        self._overdue_seconds = overdue_seconds

    def sweep(self, now: float, time_left: Callable[[], float]) -> dict[str, int]:
        """Recover everything that is overdue, and repair the counts of active watches.

        The next sweep continues where this one runs out of time.

        Parameters
        ----------
        now : float
            Epoch seconds.
        time_left : callable
            Seconds that this sweep may still take.

        Returns
        -------
        dict of str to int
            Number of times that each thing was done.
        """
        done: Counter[str] = Counter()
        before = self._cursors.get()
        whole = time_left()
        unpublished_from, unpublished = self._publish_overdue(
            now, lambda: time_left() > whole * (1 - MAX_PUBLISHING_SHARE), before.unpublished, done
        )
        active, ended = self._recover_overdue(
            now, lambda: time_left() - whole * MIN_COUNTING_SHARE, before.active, done
        )
        bind_log_context(None)
        after = SweepCursor(unpublished_from, active, before.connection)
        # Written before the counts are checked, so that no failure there undoes it.
        self._cursors.keep(after)
        connection = self._counts.check(before.connection, ended, time_left, done)
        if connection != after.connection:
            self._cursors.keep(replace(after, connection=connection))
        emit_metrics({Metric.SWEEPS: 1, Metric.OUTCOMES_UNPUBLISHED: unpublished})
        return dict(done)

    def _publish_overdue(
        self, now: float, has_time: Callable[[], bool], start: PageToken | None, done: Counter[str]
    ) -> tuple[PageToken | None, int]:
        """Publish what is overdue; where the next sweep continues, and how many outcomes are still unpublished."""
        unpublished, position = 0, start
        for watch_id, detected_at, token in self._watches.unpublished(start):
            if detected_at > now - self._overdue_seconds:
                return None, unpublished
            recovered = self._attempt(watch_id, now)
            done[recovered] += 1
            unpublished += recovered not in ENDED
            if recovered is Recovered.THROTTLED:
                return position, unpublished
            position = token
            if not has_time():
                return position, unpublished
        return None, unpublished

    def _recover_overdue(
        self, now: float, time_left: Callable[[], float], start: PageToken | None, done: Counter[str]
    ) -> tuple[PageToken | None, set[str]]:
        """Recover the watches whose poll is overdue; where the next sweep continues, and which have ended."""
        found = list(islice(self._watches.active(start, until=now - self._overdue_seconds), MAX_LISTED + 1))
        overdue = found[:MAX_LISTED]
        owned = self._owned_by_running([watch_id for watch_id, _, _ in overdue], time_left, done)
        ended: set[str] = set()
        position = start
        for watch_id, _, token in overdue:
            recovered = Recovered.UNCHANGED if watch_id in owned else self._attempt(watch_id, now)
            done[recovered] += 1
            if recovered in ENDED:
                ended.add(watch_id)
            if recovered is Recovered.THROTTLED:
                return position, ended
            position = token
            if watch_id not in owned and time_left() <= 0:
                bind_log_context(None)
                logger.warning("the sweep ran out of time; the next one continues", done=dict(done))
                return position, ended
        return position if len(found) > MAX_LISTED else None, ended

    def _owned_by_running(
        self, watch_ids: list[str], time_left: Callable[[], float], done: Counter[str]
    ) -> Collection[str]:
        """Those of many watches whose execution is listed as running; a list may lack some that are running."""
        if len(watch_ids) <= MAX_DESCRIBED:
            return ()
        reserve = time_left() * (1 - MAX_LISTING_SHARE)
        found: set[str] = set()
        try:
            owners = {execution: watch_id for watch_id, execution in self._watches.owners(watch_ids).items()}
            for page in self._executions.running(self._state_machine):
                done["PAGES_LISTED"] += 1
                found |= {watch_id for execution in page if (watch_id := owners.pop(execution, None))}
                if len(owners) <= MAX_DESCRIBED or time_left() <= reserve:
                    break
        except Exception:  # noqa: BLE001
            # Without the lists it takes longer.
            done["LISTS_FAILED"] += 1
            logger.warning("the running executions could not be listed completely", exc_info=True)
        return found

    def execution_ended(self, execution: str, status: ExecutionStatus, given: JSON, now: float) -> Recovered:
        """Recover the watch of an execution that did not end by itself.

        Parameters
        ----------
        execution : str
            Its ARN.
        status : ExecutionStatus
            How it ended.
        given : JSON
            Its input; None where that is not known.
        now : float
            Epoch seconds.
        """
        given = self._executions.input(execution) if given is None else given
        if given is None:
            return Recovered.UNCHANGED
        resumed = resumed_watch(given)
        if resumed is not None:
            watch_id = resumed.watch_id
        elif is_change(given):
            watch_id = self._registrar.vendors.parse_change(given).watch_id
        else:
            event = self._registrar.vendors.parse(given)
            watch_id = event.watch_id
            # It may have died before it could register its start event.
            self._registrar.register_late(event, execution, now)
        record = self._watches.get(watch_id)
        if record is not None and record.execution != execution:
            # It was a duplicate, or it named its successor and could not start it.
            return self._recover_unless_alive(record, now)
        return Recovered.UNCHANGED if record is None else self._recover(record, status, now)

    def _attempt(self, watch_id: str, now: float) -> Recovered:
        """Recover one watch; a failure is logged and measured, and does not delay the others."""
        bind_log_context(None, watch_id=watch_id)
        try:
            record = self._watches.get_state(watch_id)
            return Recovered.UNCHANGED if record is None else self._recover_unless_alive(record, now)
        except Exception as error:  # noqa: BLE001
            if is_throttling(error):
                logger.warning("AWS accepts no more requests now; the next sweep continues", exc_info=True)
                emit_metrics({Metric.RECOVERIES: 1}, result=Recovered.THROTTLED)
                return Recovered.THROTTLED
            logger.exception("a watch could not be recovered")
            emit_metrics({Metric.RECOVERIES: 1}, result=Recovered.FAILED)
            return Recovered.FAILED

    def _recover_unless_alive(self, seen: StoredWatch, now: float) -> Recovered:
        """Recover a watch, unless its execution is alive or its owner has changed."""
        status = self._executions.status(seen.execution)
        record = self._watches.reload_if_same_owner(seen, owner_is_over=status.is_over)
        return Recovered.UNCHANGED if record is None else self._recover(record, status, now)

    def _recover(self, record: StoredWatch, status: ExecutionStatus, now: float) -> Recovered:
        if status.is_alive or record.is_settled:
            return Recovered.UNCHANGED
        watch = record.watch
        bind_watch_log_context(watch, record.execution)
        logger.warning("orphaned watch", executionStatus=status.value)
        if record.result is not None:
            done = self._published(record, now, Recovered.PUBLISHED)
        elif status is ExecutionStatus.ABORTED or record.stop_reason is not None:
            done = self._ended(record, lambda watch: stopped(watch, now, record.stop_reason), now, Recovered.STOPPED)
        elif status is ExecutionStatus.MISSING and record.execution == self._named(successor_name(watch)):
            self._executions.start(watch, self._state_machine)
            done = Recovered.STARTED
        elif watch.takeovers >= MAX_TAKEOVERS:
            why = f"{MAX_TAKEOVERS} consecutive executions died without a poll"
            done = self._ended(record, lambda watch: broken(watch, now, why), now, Recovered.BROKEN)
        else:
            done = self._taken_over(record)
        if done is not Recovered.UNCHANGED:
            emit_metrics({Metric.RECOVERIES: 1}, result=done)
        return done

    def _taken_over(self, record: StoredWatch) -> Recovered:
        watch = hand_over(replace(record.watch, takeovers=record.watch.takeovers + 1))
        try:
            self._watches.transfer_ownership(watch, self._named(successor_name(watch)))
        except Conflict:
            return Recovered.UNCHANGED
        self._executions.start(watch, self._state_machine)
        return Recovered.TAKEN_OVER

    def _ended(
        self, record: StoredWatch, result_of: Callable[[Watch], WatchResult], now: float, done: Recovered
    ) -> Recovered:
        ended = self._publisher.end(record, result_of)
        return Recovered.UNCHANGED if ended is None else self._published(ended, now, done)

    def _published(self, record: StoredWatch, now: float, done: Recovered) -> Recovered:
        action = self._publisher.publish(record, now)
        logger.info("outcome", action=action)
        return done

    def _named(self, name: str) -> str:
        return sibling_arn(executions_of(self._state_machine), name)


def read_status_change(event: JSON) -> tuple[str, ExecutionStatus, JSON]:
    """Read an event of Step Functions about an execution: its ARN, its final status, and its input if the event has it.

    Raises
    ------
    ValueError
        If it is not such an event.
    """
    try:
        detail = event["detail"]
        given = detail.get("input")
        return (
            str(detail["executionArn"]),
            ExecutionStatus(detail["status"]),
            None if given is None else parse_input(given),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("the event is not a status change of an execution") from error
