"""The one body that every poll function runs: one vendor call, one conditional write, and what comes next.

Where the table does not take the write, the state machine carries the state, and the next poll writes it.

The vendor is the adapter that lies beside it in the function's own folder (`adapter.py`).
"""

from __future__ import annotations

import importlib
import math
import time
from collections.abc import Collection
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from import_watch import settings, storage
from import_watch.archiving import LOG_SECONDS, Archiving
from import_watch.connection_state import ConnectionState, ConnectionStates
from import_watch.connections import Connection, Connections
from import_watch.encoding import from_json, to_json
from import_watch.http import Client
from import_watch.lifecycle import LONGEST_LOG_WAIT, End, Wait, advance, passed_on, put_off, without_our_time
from import_watch.model import (
    FINISHED,
    JSON,
    Ending,
    FailedPoll,
    ImportState,
    Observation,
    StoredLog,
    Tolerance,
    Trouble,
    Watch,
)
from import_watch.observability import Metric, logger, measure, speak_of_watch
from import_watch.pacing import stands_still, throttled_until
from import_watch.rate_limit import Share, share_of
from import_watch.schedule import Policy
from import_watch.vendor import Adapter, Answer
from import_watch.watches import Conflict, NotWritten, Record, Watches

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

FIRST_RELEASE = {"STALLED": "WAIT", "HAND_OVER": "SUPERSEDED"}
"""What is said in place of an action to a definition that does not know it yet."""


OF_THE_VENDOR = (Trouble.UNAVAILABLE, Trouble.UNREADABLE, Trouble.THROTTLED)
"""Trouble that other connections are likely to have as well."""


class Poller:
    """Polls the imports of one vendor.

    Parameters
    ----------
    adapter : Adapter
    connections : Connections
    client : Client
    watches : Watches
    states : ConnectionStates
    archiving : Archiving
    tolerance : Tolerance
    policy : Policy
        The vendor's, unless a connection's secret has its own.
    hand_over_polls : int
        Polls after which an execution hands its watch over to a fresh one.
    """

    def __init__(
        self,
        adapter: Adapter,
        connections: Connections,
        client: Client,
        watches: Watches,
        states: ConnectionStates,
        archiving: Archiving,
        tolerance: Tolerance,
        policy: Policy,
        hand_over_polls: int,
    ) -> None:
        self._adapter = adapter
        self._connections = connections
        self._client = client
        self._watches = watches
        self._states = states
        self._archiving = archiving
        self._tolerance = tolerance
        self._policy = policy
        self._hand_over_polls = hand_over_polls

    def poll(self, watch: Watch, execution: str) -> dict[str, JSON]:
        """Poll once, if it is the watch's turn.

        Parameters
        ----------
        watch : Watch
            As the state machine carries it.
        execution : str
            ARN of the execution that polls.

        Returns
        -------
        dict
            `action` WAIT or STALLED (with `seconds`), HAND_OVER (with the `successor` to start), PUBLISH or
            SUPERSEDED, and the `watch` as it is now.
        """
        before = watch
        watch = without_our_time(watch, time.time())
        # Credentials that were refused may have been replaced since.
        connection = self._connections.get(watch.connection, fresh=watch.unauthorized_polls is not None)
        shared = self._states.get(watch.vendor, watch.connection)
        share = self._share(connection, shared, time.time())
        step = put_off(watch, time.time(), share, shared.throttled_until)
        if step is not None:
            logger.info("put off: it is not this watch's turn", active=share.active)
            measure({Metric.RATE_LIMIT_WAITS: 1}, vendor=watch.vendor)
            return self._keep(before, step, execution)
        began = time.monotonic()
        answer, polled, connection = self._ask(watch, connection)
        asked = (time.monotonic() - began) * 1000
        now = time.time()
        polled = self._with_log(watch, polled, connection, now)
        policy = connection.policy if isinstance(connection, Connection) and connection.policy else self._policy
        step = advance(watch, polled, now, self._tolerance, policy, share)
        spent = round((time.monotonic() - began) * 1000)
        after = replace(step.watch, poll_milliseconds=watch.poll_milliseconds + spent)
        _tell(after, polled, asked if isinstance(connection, Connection) else None)
        self._tell_others(watch, polled, connection, shared, now)
        if after.awaiting_log is not None and after.awaiting_log != watch.awaiting_log and answer is not None:
            # This answer decided the outcome; the polls that look for the log may bring none.
            after = replace(after, kept_answer=self._archiving.keep(after, answer))
        return self._keep(before, replace(step, watch=after), execution, (answer, polled, connection))

    def _with_log(
        self, watch: Watch, polled: Observation | FailedPoll, connection: Connection | FailedPoll, now: float
    ) -> Observation | FailedPoll:
        """Fetch the stored log of an import that has ended before its ending is written: it may come a moment later."""
        if not isinstance(polled, Observation) or polled.state not in FINISHED or not isinstance(polled.log, StoredLog):
            return polled
        detected_at = now if watch.awaiting_log is None else watch.awaiting_log.detected_at
        seconds = min(LOG_SECONDS, detected_at + LONGEST_LOG_WAIT - now)
        reader = connection if isinstance(connection, Connection) else None
        return replace(polled, log=self._archiving.fetch(watch, polled.log, reader, seconds))

    def _keep(
        self,
        before: Watch,
        step: Wait | End,
        execution: str,
        asked: tuple[Answer | None, Observation | FailedPoll, Connection | FailedPoll] | None = None,
    ) -> dict[str, JSON]:
        """Write what became of a watch, and say what comes next."""
        try:
            if isinstance(step, End):
                self._watches.end(step.watch, step.ending, before)
                after, ending = step.watch, step.ending
                self._states.watch_ended(after, ending)
            elif step.watch.execution_polls < self._hand_over_polls:
                return self._go_on(step, before)
            else:
                return self._hand_over(step.watch, execution, before)
        except Conflict as conflict:
            decided = _decided_before(before, conflict.record)
            if decided is None and (further := _polled_before(before, conflict.record)) is not None:
                logger.info("an attempt whose answer was lost has polled: the watch goes on from there")
                return further
            if decided is None:
                logger.info("superseded: another execution owns this watch")
                return {"action": "SUPERSEDED", "watch": to_json(before)}
            after, ending = decided
        answer, polled, connection = asked or (None, None, None)
        self._archiving.archive(
            after, ending, answer, polled, connection if isinstance(connection, Connection) else None
        )
        return {"action": "PUBLISH", "watch": to_json(after)}

    def _go_on(self, step: Wait, before: Watch) -> dict[str, JSON]:
        watch, now = step.watch, time.time()
        stalled = watch.stalled_at is None and stands_still(watch, now) is not None
        if stalled:
            watch = replace(watch, stalled_at=now)
        try:
            self._watches.save(watch, before)
        except NotWritten:
            if watch.awaiting_log is not None or before.awaiting_log is not None:
                raise  # An outcome that is known must not stand in the state machine alone.
            # Raised, it would have the vendor asked again, and what it said just now forgotten: that may have been the
            # one good answer in an hour.
            logger.exception("the poll could not be written: the state machine carries it to the next")
            measure({Metric.POLL_WRITE_FAILURES: 1})
            stalled, watch = False, step.watch
        seconds = step.seconds
        if watch.awaiting_log is not None and watch.next_poll_at is not None:
            # Fetching the log took a part of it.
            seconds = max(1, min(seconds, math.ceil(watch.next_poll_at - now)))
        return {"action": "STALLED" if stalled else "WAIT", "seconds": seconds, "watch": to_json(watch)}

    def _hand_over(self, watch: Watch, execution: str, before: Watch) -> dict[str, JSON]:
        """Pass the watch on to an execution with an empty history, long before this one's is full."""
        after = passed_on(watch)
        # One poll in thousands hands over.
        from import_watch.succession import named_like, resume_input, successor_name

        name = successor_name(after)
        heir = named_like(execution, name)
        try:
            self._watches.pass_on(after, heir, before)
        except Conflict as conflict:
            # This very hand-over may have been written by an attempt whose answer was lost.
            if conflict.record is None or conflict.record.execution != heir:
                raise
        logger.info("handed over", successor=name)
        return {
            "action": "HAND_OVER",
            "watch": to_json(after),
            "successor": {"name": name, "input": resume_input(after)},
        }

    def _share(self, connection: Connection | FailedPoll, shared: ConnectionState, now: float) -> Share:
        """Give the watch's share of its connection: by its secret, else by what the vendor documents."""
        limit = connection.requests_per_minute if isinstance(connection, Connection) else None
        limit = limit or self._adapter.requests_per_minute
        return share_of(shared.active_watches, limit, shared.throttled_until, now)

    def _tell_others(
        self,
        watch: Watch,
        polled: Observation | FailedPoll,
        connection: Connection | FailedPoll,
        shared: ConnectionState,
        now: float,
    ) -> None:
        """Let the connection's other watches know what concerns them all."""
        if isinstance(polled, FailedPoll) and polled.trouble is Trouble.THROTTLED:
            self._states.throttled(watch, throttled_until(polled, watch, now))
        if isinstance(connection, Connection) and connection.requests_per_minute != shared.requests_per_minute:
            self._states.limit_read(watch, connection.requests_per_minute)

    def _ask(
        self, watch: Watch, connection: Connection | FailedPoll
    ) -> tuple[Answer | None, Observation | FailedPoll, Connection | FailedPoll]:
        """Ask once; and where the credentials are refused, once more with those that may have replaced them."""
        refused_before = watch.unauthorized_polls is not None
        answer, polled = self._ask_once(watch, connection, fresh=refused_before)
        if isinstance(polled, FailedPoll) and polled.trouble is Trouble.UNAUTHORIZED and not refused_before:
            if polled.retry_after:
                return answer, polled, connection  # the next poll reads the secret afresh
            connection = self._connections.get(watch.connection, fresh=True)
            answer, polled = self._ask_once(watch, connection, fresh=True)
        return answer, polled, connection

    def _ask_once(
        self, watch: Watch, connection: Connection | FailedPoll, *, fresh: bool
    ) -> tuple[Answer | None, Observation | FailedPoll]:
        if isinstance(connection, FailedPoll):
            return None, connection
        return self._client.ask(connection, watch.import_id, fresh=fresh)


def handler(event: dict[str, JSON], _context: LambdaContext) -> dict[str, JSON]:
    """Handle one invocation by the state machine: `{"watch": …, "execution": …, "actions": …}`."""
    watch = from_json(Watch, event["watch"])
    speak_of_watch(watch, event["execution"], poll=watch.polls + 1)
    return _in_words_of(event.get("actions", ()), _poller().poll(watch, event["execution"]))


def _in_words_of(actions: Collection[str], done: dict[str, JSON]) -> dict[str, JSON]:
    """Say what happened in actions that the execution's definition knows: it may be that of the first release.

    One that knows no hand-over ends quietly, and `recover_watches` finds the successor that was named and not started.
    """
    action = done["action"]
    return done if action in actions else {**done, "action": FIRST_RELEASE.get(action, action)}


@cache
def _poller() -> Poller:
    adapter: Adapter = importlib.import_module("adapter").ADAPTER
    hosts = settings.hosts()
    return Poller(
        adapter=adapter,
        connections=Connections(
            prefix=settings.text("SECRET_PREFIX"),
            adapter=adapter,
            hosts=hosts,
            cache_seconds=settings.whole("SECRET_CACHE_SECONDS"),
        ),
        client=Client(adapter, private_addresses=hosts.loopback_http),
        watches=storage.watches(),
        states=storage.states(),
        archiving=Archiving(settings.text("ARCHIVE_BUCKET"), storage.watches(), keeps_log=adapter.keeps_log),
        tolerance=settings.tolerance(),
        policy=settings.policy(adapter.vendor),
        hand_over_polls=settings.whole("MAX_POLLS_PER_EXECUTION"),
    )


def _decided_before(watch: Watch, record: Record | None) -> tuple[Watch, Ending] | None:
    """Give the end that this very execution wrote in an attempt whose answer was lost; None if it did not."""
    if record is None or record.ending is None or record.watch.generation != watch.generation:
        return None
    return record.watch, record.ending


def _polled_before(watch: Watch, record: Record | None) -> dict[str, JSON] | None:
    """Give how to go on from a later poll that this very execution wrote in such an attempt; None if it did not."""
    if record is None or record.ending is not None or record.watch.generation != watch.generation:
        return None
    seconds = math.ceil((record.watch.next_poll_at or 0.0) - time.time())
    return {"action": "WAIT", "seconds": max(1, seconds), "watch": to_json(record.watch)}


def _tell(watch: Watch, polled: Observation | FailedPoll, milliseconds: float | None) -> None:
    """Log and measure a poll; `milliseconds` is how long the vendor took, None where it was not asked."""
    # With every poll, also where it is 0: an alarm compares the two.
    failed = isinstance(polled, FailedPoll) and polled.trouble in OF_THE_VENDOR
    values = {Metric.POLLS: 1.0, Metric.POLLS_FAILED: float(failed)}
    if milliseconds is not None:
        values[Metric.VENDOR_LATENCY] = milliseconds = round(milliseconds, 1)
    if isinstance(polled, FailedPoll):
        logger.warning(
            "poll failed",
            error=polled.trouble.value,
            detail=polled.detail,
            failures=watch.failures,
            milliseconds=milliseconds,
        )
        measure({Metric.VENDOR_ERRORS: 1}, vendor=watch.vendor, error=polled.trouble)
    elif polled.state is ImportState.UNRECOGNISED:
        logger.warning(
            "the vendor gives a status that nobody has mapped",
            vendorStatus=polled.vendor_status,
            milliseconds=milliseconds,
        )
        values[Metric.UNRECOGNISED_STATUS] = 1
    else:
        logger.info(
            "polled", importState=polled.state.value, vendorStatus=polled.vendor_status, milliseconds=milliseconds
        )
    measure(values, vendor=watch.vendor)
