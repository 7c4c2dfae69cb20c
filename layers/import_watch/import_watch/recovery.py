"""Finds watches that nobody carries on and outcomes that nobody was told, and sees to them.

What it does is safe at any time and in any number: a watch is taken over by a conditional write, an execution is
started under a name that stands for watch and generation, and an outcome is published under the id that is the
watch's. A watch whose execution lives is left alone, however late its poll is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import replace
from enum import StrEnum

from import_watch.connection_state import ConnectionStates
from import_watch.endings import broken, stopped
from import_watch.executions import Executions, ExecutionStatus, parse_input
from import_watch.items import Position
from import_watch.lifecycle import passed_on
from import_watch.model import JSON, Ending, Watch, key_parts
from import_watch.observability import Metric, logger, measure, speak_of, speak_of_watch
from import_watch.publication import Publisher
from import_watch.registration import Registrar
from import_watch.succession import RESUME, executions_of, named_like, successor_name
from import_watch.sweep_position import SweepPosition, SweepPositions
from import_watch.watches import Conflict, Record, Watches

MOST_TAKEOVERS = 3
"""Executions on end that may die without a single poll before a watch ends as broken."""
MAX_PUBLISHING_SHARE = 0.5
"""Share of a sweep's time after which it publishes no more: outcomes that cannot be published, because the topic is
gone, must not keep watches from being recovered."""
MIN_COUNTING_SHARE = 0.1
"""Share of a sweep's time that is kept for the counts of active watches, however many watches are to be recovered."""

MAX_CONNECTIONS = 1_000
"""Connections whose counts one sweep checks: the longer ago a count was read, the likelier it is that as many watches
have begun as have ended since."""


class Recovered(StrEnum):
    """What was done for a watch."""

    LEFT_ALONE = "LEFT_ALONE"
    STARTED = "STARTED"
    TAKEN_OVER = "TAKEN_OVER"
    BROKEN = "BROKEN"
    STOPPED = "STOPPED"
    PUBLISHED = "PUBLISHED"
    FAILED = "FAILED"


ENDED = (Recovered.BROKEN, Recovered.STOPPED, Recovered.PUBLISHED)
"""After these a watch is active no more."""


class Recovery:
    """Recovers watches.

    Parameters
    ----------
    watches : Watches
    states : ConnectionStates
    executions : Executions
    registrar : Registrar
    publisher : Publisher
    positions : SweepPositions
    state_machine : str
        ARN of the state machine.
    overdue_seconds : float
        How late a poll, or a publishing, must be before somebody looks after it.
    """

    def __init__(
        self,
        watches: Watches,
        states: ConnectionStates,
        executions: Executions,
        registrar: Registrar,
        publisher: Publisher,
        positions: SweepPositions,
        state_machine: str,
        overdue_seconds: float,
    ) -> None:
        self._watches = watches
        self._states = states
        self._executions = executions
        self._registrar = registrar
        self._publisher = publisher
        self._positions = positions
        self._state_machine = state_machine
        self._overdue_seconds = overdue_seconds

    def sweep(self, now: float, time_left: Callable[[], float]) -> dict[str, int]:
        """Look after everything that is overdue, and set the counts of active watches right.

        What there is no time for is left to the next sweep, which goes on from there.

        Parameters
        ----------
        now : float
            Epoch seconds.
        time_left : callable
            Gives the seconds that this sweep may still take.

        Returns
        -------
        dict of str to int
            How often each thing was done.
        """
        done: Counter[str] = Counter()
        before = self._positions.get()
        whole = time_left()
        unpublished, untold = self._publish_overdue(
            now, lambda: time_left() > whole * (1 - MAX_PUBLISHING_SHARE), before.unpublished, done
        )
        active, ended = self._recover_overdue(
            now, lambda: time_left() > whole * MIN_COUNTING_SHARE, before.active, done
        )
        speak_of(None)
        after = SweepPosition(unpublished, active, before.connection)
        # Written before the counts are looked at: what goes wrong there takes nothing of this back.
        self._positions.keep(after)
        connection = self._check_counts(before.connection, ended, time_left, done)
        if connection != after.connection:
            self._positions.keep(replace(after, connection=connection))
        measure({Metric.SWEEPS: 1, Metric.OUTCOMES_UNPUBLISHED: untold})
        return dict(done)

    def _publish_overdue(
        self, now: float, goes_on: Callable[[], bool], start: Position | None, done: Counter[str]
    ) -> tuple[Position | None, int]:
        """Publish what is overdue; give where to go on the next time, and how many outcomes are still not told."""
        untold = 0
        for watch_id, detected_at, position in self._watches.unpublished(start):
            if detected_at > now - self._overdue_seconds:
                return None, untold
            recovered = self._attempt(watch_id, now)
            done[recovered] += 1
            untold += recovered not in ENDED
            if not goes_on():
                return position, untold
        return None, untold

    def _recover_overdue(
        self, now: float, goes_on: Callable[[], bool], start: Position | None, done: Counter[str]
    ) -> tuple[Position | None, set[str]]:
        """Recover the watches whose poll is overdue; give where to go on the next time, and which have ended."""
        ended: set[str] = set()
        for watch_id, due, position in self._watches.active(start):
            if due > now - self._overdue_seconds:
                break  # as is every one after it
            recovered = self._attempt(watch_id, now)
            done[recovered] += 1
            if recovered in ENDED:
                ended.add(watch_id)
            if not goes_on():
                speak_of(None)
                logger.warning("the sweep ran out of time, and goes on next time", done=dict(done))
                return position, ended
        return None, ended

    def _check_counts(
        self,
        start: tuple[str, str] | None,
        ended: Collection[str],
        time_left: Callable[[], float],
        done: Counter[str],
    ) -> tuple[str, str] | None:
        """Set the counts of active watches right, of as many connections as there is time for.

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
            The last connection that was checked; None where that was the last of all.
        """
        budget = time_left()
        if budget <= 0:
            return start
        # Read before the watches are counted: a watch that begins meanwhile changes it, and nothing is set then.
        # Half of the time is kept for the count, without which nothing that was read is of use.
        stored: dict[tuple[str, str], int] = {}
        complete = True
        for key in self._states.known() if start is None else self._states.known(start):
            if len(stored) >= MAX_CONNECTIONS or (stored and time_left() <= budget / 2):
                complete = False
                break
            stored[key] = self._states.get(*key, consistent=True).active_watches
        # One pass, and a whole one: between two a watch polls, and moves past the other.
        active: set[str] = set()
        for watch_id, _due, _position in self._watches.active():
            if time_left() <= 0:
                logger.warning("the sweep had no time to count the active watches")
                return start
            active.add(watch_id)  # once, though one that polls meanwhile comes again
        counted = Counter(_connection_of(watch_id) for watch_id in active.difference(ended))
        self._measure_active(counted)
        if start is None and complete:
            # A connection that is not known has no item, unless a watch has begun since: then nothing is set.
            stored = dict.fromkeys(counted, 0) | stored
        checked = start
        for key, seen in stored.items():
            if time_left() <= 0:
                return checked
            done["COUNTS_REPAIRED"] += self._repair(key, seen, counted[key])
            checked = key
        return None if complete else checked

    def execution_ended(self, execution: str, status: ExecutionStatus, given: JSON, now: float) -> Recovered:
        """Look after the watch of an execution that did not end by itself.

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
            return Recovered.LEFT_ALONE
        resumed = _resumed(given)
        watch_id = resumed or self._registrar.key_of(given)
        if resumed is None and self._watches.get(watch_id) is None:
            # It died before it could register: what it was started for is not lost.
            self._registrar.register(given, execution, now)
        record = self._watches.get(watch_id)
        if record is not None and record.execution != execution:
            # A duplicate's, or one that named its successor and could not start it.
            return self._look_after(record, now)
        return Recovered.LEFT_ALONE if record is None else self._recover(record, status, now)

    def _attempt(self, watch_id: str, now: float) -> Recovered:
        """Recover one watch; what goes wrong with it is seen, and does not keep the others waiting."""
        speak_of(None, watch_id=watch_id)
        try:
            record = self._watches.get(watch_id)
            return Recovered.LEFT_ALONE if record is None else self._look_after(record, now)
        except Exception:  # noqa: BLE001
            logger.exception("a watch could not be recovered")
            measure({Metric.RECOVERIES: 1}, result=Recovered.FAILED)
            return Recovered.FAILED

    def _look_after(self, seen: Record, now: float) -> Recovered:
        """Recover a watch, unless its execution lives or it has changed hands."""
        status = self._executions.status(seen.execution)
        record = self._watches.as_left(seen, owner_is_over=status.is_over)
        return Recovered.LEFT_ALONE if record is None else self._recover(record, status, now)

    def _recover(self, record: Record, status: ExecutionStatus, now: float) -> Recovered:
        if status.is_alive or record.published_at is not None:
            return Recovered.LEFT_ALONE
        watch = record.watch
        speak_of_watch(watch, record.execution)
        logger.warning("nobody carries this watch on", executionStatus=status.value)
        if record.ending is not None:
            done = self._published(record, now, Recovered.PUBLISHED)
        elif status is ExecutionStatus.ABORTED:
            done = self._ended(record, lambda watch: stopped(watch, now), now, Recovered.STOPPED)
        elif status is ExecutionStatus.MISSING and record.execution == self._named(successor_name(watch)):
            self._executions.start(watch, self._state_machine)
            done = Recovered.STARTED
        elif watch.takeovers >= MOST_TAKEOVERS:
            why = f"{MOST_TAKEOVERS} executions on end died without a poll"
            done = self._ended(record, lambda watch: broken(watch, now, why), now, Recovered.BROKEN)
        else:
            done = self._taken_over(record)
        if done is not Recovered.LEFT_ALONE:
            measure({Metric.RECOVERIES: 1}, result=done)
        return done

    def _taken_over(self, record: Record) -> Recovered:
        watch = passed_on(replace(record.watch, takeovers=record.watch.takeovers + 1))
        try:
            self._watches.pass_on(watch, self._named(successor_name(watch)))
        except Conflict:
            return Recovered.LEFT_ALONE
        self._executions.start(watch, self._state_machine)
        return Recovered.TAKEN_OVER

    def _ended(self, record: Record, ending_of: Callable[[Watch], Ending], now: float, done: Recovered) -> Recovered:
        ended = self._publisher.end(record, ending_of)
        return Recovered.LEFT_ALONE if ended is None else self._published(ended, now, done)

    def _published(self, record: Record, now: float, done: Recovered) -> Recovered:
        action = self._publisher.publish(record, now)
        logger.info("outcome", action=action)
        return done

    def _named(self, name: str) -> str:
        return named_like(executions_of(self._state_machine), name)

    def _measure_active(self, counted: Counter[tuple[str, str]]) -> None:
        active = Counter(dict.fromkeys(self._registrar.vendors, 0))
        for (vendor, _connection), watches in counted.items():
            active[vendor] += watches
        for vendor, watches in active.items():
            measure({Metric.ACTIVE_WATCHES: watches}, vendor=vendor)

    def _repair(self, key: tuple[str, str], seen: int, counted: int) -> bool:
        """Set the count of a connection's active watches right; give whether it was wrong and is set."""
        vendor, connection = key
        if seen == counted or not self._states.repair(vendor, connection, counted, seen):
            return False
        logger.warning("a count of active watches was wrong", connection=connection, counted=counted, was=seen)
        return True


def _connection_of(watch_id: str) -> tuple[str, str]:
    vendor, connection, *_ = key_parts(watch_id)
    return vendor, connection


def _resumed(given: JSON) -> str | None:
    """Give the watch that an execution was started to carry on; None where it was started for a start event."""
    resumed = given.get(RESUME) if isinstance(given, dict) else None
    watch_id = resumed.get("watchId") if isinstance(resumed, dict) else None
    return watch_id if isinstance(watch_id, str) and watch_id else None


def read_status_change(event: JSON) -> tuple[str, ExecutionStatus, JSON]:
    """Read an event of Step Functions about an execution: its ARN, how it ended, and its input if it is told.

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
