"""One poll of one watch, step by step: context, request, transition, interval, one write, effects, next step.

Where the table does not confirm the write, the state machine carries the state, and the next poll writes it.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace

from import_watch.aws.connection_store import ConnectionState, ConnectionStore
from import_watch.aws.secrets import Connections
from import_watch.aws.watch_store import Committed, WatchStore, WriteUnconfirmed
from import_watch.lifecycle.execution_names import successor_of
from import_watch.lifecycle.transitions import Transition, advance, defer_poll, schedule
from import_watch.model.observation import FailedPoll, PollError
from import_watch.model.step import NextAction, Step
from import_watch.model.watch import Tolerance, Watch
from import_watch.notifications.messages import sentence
from import_watch.observability import Metric, emit_metrics, logger
from import_watch.scheduling.interval import Policy
from import_watch.scheduling.poll_delay import next_interval, rate_limit_delay, throttled_until
from import_watch.scheduling.rate_limit import rate_share
from import_watch.scheduling.running_time import measured_running_time
from import_watch.services.archiving import Archiving
from import_watch.services.poll_telemetry import emit_deferral_metrics, emit_poll_metrics
from import_watch.services.reply import Reply
from import_watch.services.status_request import StatusRequests


class Poller:
    """Polls the imports of one vendor.

    Parameters
    ----------
    connections, requests, watches, connection_store, archiving
        The parts that it uses.
    tolerance : Tolerance
    policy, requests_per_minute
        The vendor's, unless a connection's secret has its own.
    max_polls : int
        Polls after which an execution hands its watch over to its successor.
    """

    def __init__(
        self,
        *,
        connections: Connections,
        requests: StatusRequests,
        watches: WatchStore,
        connection_store: ConnectionStore,
        archiving: Archiving,
        tolerance: Tolerance,
        policy: Policy,
        requests_per_minute: float | None,
        max_polls: int,
    ) -> None:
        self._connections = connections
        self._requests = requests
        self._watches = watches
        self._connection_store = connection_store
        self._archiving = archiving
        self._tolerance = tolerance
        self._policy = policy
        self._requests_per_minute = requests_per_minute
        self._max_polls = max_polls

    def poll(self, watch: Watch, execution: str) -> Step:
        """Poll once, unless the connection's rate limit defers the poll.

        Parameters
        ----------
        watch : Watch
            As the state machine carries it.
        execution : str
            ARN of the execution that polls.
        """
        read, reply, now = watch, None, time.time()
        # Refused credentials may have been replaced since.
        connection = self._connections.get(watch.connection, force_refresh=watch.unauthorized_polls is not None)
        shared = self._connection_store.get(watch.vendor, watch.connection)
        own = None if isinstance(connection, FailedPoll) else connection
        limit = (own and own.requests_per_minute) or self._requests_per_minute
        share = rate_share(shared.active_watches, limit, shared.throttled_until, now)
        seconds = rate_limit_delay(watch, now, share, shared.throttled_until)
        if seconds:
            transition = defer_poll(watch, now, share)
        else:
            reply, began = self._requests.send(watch, connection), now
            now, policy = reply.received_at, (reply.connection and reply.connection.policy) or self._policy
            transition = advance(watch, reply.polled, now, self._tolerance, began)
            seconds = next_interval(transition.watch, reply.polled, now, policy, share)
        transition = schedule(transition, now, seconds, self._max_polls)
        if reply is not None:
            transition = replace(transition, watch=self._archiving.keep_response(read, transition.watch, reply))
        step = self._write(read, transition, execution, reply, seconds)
        if reply is None:
            emit_deferral_metrics(watch, share)
        else:
            emit_poll_metrics(transition.watch, reply)
            self._update_connection(watch, reply, shared)
        return step

    def _write(self, read: Watch, transition: Transition, execution: str, reply: Reply | None, seconds: int) -> Step:
        """Write a transition in one conditional write, and archive what belongs to an outcome."""
        watch, result, successor = transition.watch, transition.result, None
        if result is not None:
            result = replace(result, message=sentence(watch, result))
        elif transition.handed_over:
            successor = successor_of(watch, execution)
        try:
            committed = self._watches.commit(watch, read, result=result, successor=successor and successor.arn)
        except WriteUnconfirmed:
            if result or successor or watch.awaiting_log or read.awaiting_log:
                raise  # A known outcome must not be only in the state machine's state.
            # If it were raised, the poll would be repeated and this response lost, which may be the only good one in an
            # hour.
            logger.exception("the poll could not be written: the state machine carries it to the next poll")
            emit_metrics({Metric.POLL_WRITE_FAILURES: 1})
            committed = Committed(replace(watch, stalled_at=read.stalled_at))
        if committed is None:
            logger.info("superseded: another execution owns this watch")
            return Step(NextAction.SUPERSEDED, read)
        watch = committed.watch
        if committed.result is not None:
            if not committed.by_lost_attempt:
                self._connection_store.watch_ended(watch, measured_running_time(watch, committed.result))
            self._archiving.archive(watch, committed.result, reply)
            return Step(NextAction.PUBLISH, watch)
        if successor is not None and watch.generation != read.generation:
            logger.info("handed over", successor=successor.name)
            return Step(NextAction.HAND_OVER, watch, successor={"name": successor.name, "input": successor.input})
        if committed.by_lost_attempt:
            logger.info("an earlier attempt, whose response was lost, has polled: the watch continues from there")
        left = max(1, math.ceil((watch.next_poll_at or 0.0) - time.time()))
        if committed.by_lost_attempt or watch.awaiting_log is not None:
            seconds = left if committed.by_lost_attempt else min(seconds, left)  # copying a log took some time
        stalled = transition.stalled and watch.stalled_at is not None and not committed.by_lost_attempt
        return Step(NextAction.STALLED if stalled else NextAction.WAIT, watch, seconds)

    def _update_connection(self, watch: Watch, reply: Reply, shared: ConnectionState) -> None:
        """Store what concerns all watches of the connection: throttling, and its rate limit."""
        polled, connection = reply.polled, reply.connection
        if isinstance(polled, FailedPoll) and polled.error is PollError.THROTTLED:
            self._connection_store.throttled(watch, throttled_until(polled, watch, reply.received_at))
        if connection is not None and connection.requests_per_minute != shared.requests_per_minute:
            self._connection_store.limit_read(watch, connection.requests_per_minute)
