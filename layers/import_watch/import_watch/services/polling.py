"""One poll of one watch, step by step: context, request, transition, interval, one write, effects, next step.

Where the table does not confirm the write, the state machine carries the state, and the next poll writes it.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from import_watch.aws.connection_store import ConnectionState, ConnectionStore
from import_watch.aws.secrets import Connections
from import_watch.aws.watch_store import Committed, WatchStore
from import_watch.aws.watch_writer import WriteUnconfirmed
from import_watch.lifecycle.transitions import Transition, advance, defer_poll, schedule
from import_watch.model.observation import FailedPoll, Observation, PollError
from import_watch.model.step import NextAction, Step
from import_watch.model.watch import Tolerance, Watch
from import_watch.observability import Metric, emit_metrics, logger
from import_watch.scheduling.interval import Policy
from import_watch.scheduling.poll_delay import next_interval, rate_limit_delay, throttled_until
from import_watch.scheduling.rate_limit import rate_share
from import_watch.scheduling.running_time import measured_running_time
from import_watch.services.archiving import Archiving
from import_watch.services.poll_telemetry import emit_deferral_metrics, emit_poll_metrics
from import_watch.services.reply import Reply
from import_watch.services.shared_states import SharedStates
from import_watch.services.status_request import StatusRequests

if TYPE_CHECKING:
    from import_watch.lifecycle.execution_names import Successor


class Poller:
    """Polls one vendor's imports; its policy and rate limit apply unless a connection's secret has its own."""

    def __init__(
        self,
        *,
        connections: Connections,
        requests: StatusRequests,
        watches: WatchStore,
        connection_store: ConnectionStore,
        shared_states: SharedStates,
        archiving: Archiving,
        tolerance: Tolerance,
        policy: Policy,
        requests_per_minute: float | None,
        max_polls: int,
    ) -> None:
        self._connections, self._requests, self._watches = connections, requests, watches
        self._connection_store, self._archiving = connection_store, archiving
        self._shared = shared_states
        self._tolerance, self._policy = tolerance, policy
        self._requests_per_minute, self._max_polls = requests_per_minute, max_polls

    def poll(self, watch: Watch, execution: str) -> Step:
        """Poll once, unless the connection's rate limit defers the poll.

        Parameters
        ----------
        watch : Watch
            As the state machine carries it.
        execution : str
            ARN of the execution that polls.
        """
        now, reply, policy = time.time(), None, self._policy
        # Refused credentials may have been replaced since.
        connection = self._connections.get(watch.connection, force_refresh=watch.unauthorized_polls is not None)
        shared = self._shared.get(watch)
        own = None if isinstance(connection, FailedPoll) else connection
        limit = (own and own.requests_per_minute) or self._requests_per_minute
        share = rate_share(shared.active_watches, limit, shared.throttled_until, now)
        seconds = rate_limit_delay(watch, now, share, shared.throttled_until)
        if seconds:
            transition = defer_poll(watch, now, share)
        else:
            reply, began = self._requests.send(watch, connection), now
            now, policy = reply.received_at, (reply.connection and reply.connection.policy) or policy
            transition = advance(watch, reply.polled, now, self._tolerance, began, reply.milliseconds)
            seconds = next_interval(transition.watch, reply.polled, now, policy, share)
        transition = schedule(transition, now, seconds, policy.floor, self._max_polls)
        if reply is None:
            emit_deferral_metrics(watch, share)
        else:
            # Before the write: one that fails loses neither the log line nor the vendor's throttling.
            emit_poll_metrics(transition.watch, reply)
            self._update_connection(watch, reply, shared)
        transition = self._complete(watch, transition, reply)
        successor = None
        if transition.handed_over:
            from import_watch.lifecycle.execution_names import successor_of  # one poll in hundreds

            successor = successor_of(transition.watch, execution)
        committed = self._commit(watch, transition, successor)
        if committed is None:
            logger.info("superseded: another execution owns this watch")
            return Step(NextAction.SUPERSEDED, watch)
        if committed.result is not None:
            ran = measured_running_time(committed.watch, committed.result)
            if not committed.by_lost_attempt:
                self._connection_store.watch_ended(committed.watch, ran)
                self._shared.changed(watch)
            self._archiving.archive(committed.watch, committed.result, reply)
            return Step(NextAction.PUBLISH, committed.watch)
        if committed.watch.generation != watch.generation and successor is not None:
            logger.info("handed over", successor=successor.name)
            return Step(NextAction.HAND_OVER, committed.watch, successor=successor.for_state_machine())
        left = max(1, math.ceil((committed.watch.next_poll_at or 0.0) - time.time()))
        if committed.by_lost_attempt:
            logger.info("an earlier attempt, whose response was lost, has polled: the watch continues from there")
            return Step(NextAction.WAIT, committed.watch, left)
        if committed.watch.awaiting_log is not None:
            seconds = min(seconds, left)  # copying a log took some time
        stalled = transition.stalled and committed.watch.stalled_at is not None
        return Step(NextAction.STALLED if stalled else NextAction.WAIT, committed.watch, seconds)

    def _complete(self, read: Watch, transition: Transition, reply: Reply | None) -> Transition:
        """Transition with the sentence of its result, and the response that decided an outcome."""
        watch, result = transition.watch, transition.result
        if result is None and watch.awaiting_log is None:
            return transition
        from import_watch.notifications.messages import with_messages  # only the last polls of a watch load it

        watch, result = with_messages(watch, result)
        if reply is not None and reply.response is not None and watch.awaiting_log not in (None, read.awaiting_log):
            log = reply.polled.log if isinstance(reply.polled, Observation) else None
            watch = self._archiving.keep(watch, reply.response, log)
        return replace(transition, watch=watch, result=result)

    def _commit(self, read: Watch, transition: Transition, successor: Successor | None) -> Committed | None:
        """Write a transition once; the state machine carries what cannot be written, unless that must not be lost."""
        watch, result = transition.watch, transition.result
        try:
            return self._watches.commit(watch, read, result=result, successor=successor and successor.arn)
        except WriteUnconfirmed:
            if result or successor or watch.awaiting_log or read.awaiting_log:
                raise  # a known outcome must not be only in the state machine's state
            # Raised, the poll would be repeated, and this response lost: it may be the only good one in an hour.
            logger.exception("the poll could not be written: the state machine carries it to the next poll")
            emit_metrics({Metric.POLL_WRITE_FAILURES: 1})
            return Committed(replace(watch, stalled_at=read.stalled_at))

    def _update_connection(self, watch: Watch, reply: Reply, shared: ConnectionState) -> None:
        """Store what concerns all watches of the connection: throttling, and its rate limit."""
        polled, connection = reply.polled, reply.connection
        if isinstance(polled, FailedPoll):
            throttled = polled.error is PollError.THROTTLED
        else:
            # Without a time of the vendor, a later poll for the details may come too late for them.
            missing, hint = polled.missing_details, polled.retry_after
            throttled = missing is not None and missing.throttled and hint is not None
        self._shared.responded(watch, throttled=throttled)
        if throttled:
            self._connection_store.throttled(watch, throttled_until(polled, watch, reply.received_at))
        if connection is not None and connection.requests_per_minute != shared.requests_per_minute:
            self._connection_store.limit_read(watch, connection.requests_per_minute)
            self._shared.changed(watch)
