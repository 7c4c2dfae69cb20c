"""Publishes the outcome of a watch: to the topic, to the event bus, and to the task tokens that wait for it.

Each of them gets it once, unless the function dies between publishing it and recording that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from import_watch.aws.connection_store import ConnectionStore
from import_watch.aws.sns import Topic
from import_watch.aws.watch_store import WatchStore
from import_watch.aws.watch_writer import Conflict
from import_watch.lifecycle.outcome_rules import broken
from import_watch.model.observation import LogStatus
from import_watch.model.outcome import Outcome, Reason, WatchResult
from import_watch.model.record import StoredWatch
from import_watch.model.serialization import JSON
from import_watch.model.step import NextAction
from import_watch.model.watch import Watch
from import_watch.notifications.cost import estimated_cost
from import_watch.notifications.messages import with_message
from import_watch.notifications.notification import notification, notification_id, stall_notification
from import_watch.observability import Metric, emit_metrics, logger, vendor_of
from import_watch.scheduling.running_time import measured_running_time, running_time

if TYPE_CHECKING:
    from import_watch.aws.event_bus import EventBus
    from import_watch.services.callbacks import Callbacks

MAX_SETTLE_ATTEMPTS = 5
"""Attempts to publish an outcome while further task tokens are stored for it."""
MAX_END_ATTEMPTS = 5
"""Attempts to end a watch whose last polls are still being written: at most as many as there are polls for a log."""


@dataclass(frozen=True, slots=True)
class Publication:
    """What was done for the outcome of a watch, and the watch.

    Parameters
    ----------
    action : NextAction
    record : StoredWatch
    """

    action: NextAction
    record: StoredWatch

    def to_output(self) -> dict[str, JSON]:
        """Output of the execution: the console and DescribeExecution show it."""
        watch, result = self.record.watch, self.record.result
        return {
            "action": self.action.value,
            "watchId": watch.watch_id,
            "attempt": watch.attempt,
            "outcome": result and result.outcome.value,
            "reason": result and result.reason,
            "notificationId": result and notification_id(watch),
        }


class Publisher:
    """Publishes outcomes, and ends watches whose execution has failed.

    Parameters
    ----------
    watches : WatchStore
    connections : ConnectionStore
    topic : Topic
    source : str
        CloudEvents source.
    stalled_topic : Topic, optional
        For imports that make no progress.
    bus : EventBus, optional
        Gets every outcome as an event.
    callbacks : callable, optional
        Builds what sends outcomes to task tokens.
    """

    def __init__(
        self,
        watches: WatchStore,
        connections: ConnectionStore,
        topic: Topic,
        source: str,
        stalled_topic: Topic | None = None,
        *,
        bus: EventBus | None = None,
        callbacks: Callable[[], Callbacks] | None = None,
    ) -> None:
        self._watches = watches
        self._connections = connections
        self._topic = topic
        self._source = source
        self._stalled_topic = stalled_topic
        self._bus = bus
        self._callbacks = callbacks

    def publish_for(self, watch_id: str, attempt: int, generation: int, error: JSON, now: float) -> Publication:
        """Publish the outcome of a watch for the execution that owns it.

        Parameters
        ----------
        watch_id : str
        attempt, generation : int
            Those in which the execution owns the watch; the table is the truth.
        error : JSON
            What the state machine caught, if anything.
        now : float
            Epoch seconds.

        Returns
        -------
        Publication
            PUBLISHED or ALREADY_PUBLISHED; SUPERSEDED where another execution owns the watch and publishes its outcome.

        Raises
        ------
        LookupError
            If the table has no such watch.
        """
        record = self._watches.get_attempt(watch_id, attempt)
        if record is None:
            raise LookupError(f"there is no watch {watch_id}")
        if record.watch.generation != generation:
            return Publication(NextAction.SUPERSEDED, record)
        if record.result is None:
            # Only a failed execution publishes a watch that has not ended.
            why = _error_name(error)
            logger.error("the execution failed; the watch ends as broken", why=why)
            ended = self.end(record, lambda watch: broken(watch, now, why))
            if ended is None:
                return Publication(NextAction.SUPERSEDED, record)
            record = ended
        return Publication(self.publish(record, now), record)

    def publish_stalled(self, watch_id: str, attempt: int, now: float) -> NextAction:
        """Publish that an import makes no progress; NOT_PUBLISHED where it has ended by now.

        Raises
        ------
        botocore.exceptions.ClientError
            If SNS does not accept it.
        """
        record = self._watches.get_attempt(watch_id, attempt)
        if record is None or record.result is not None or self._stalled_topic is None:
            return NextAction.NOT_PUBLISHED
        self._stalled_topic.publish_stalled(stall_notification(record, self._source, now))
        emit_metrics({Metric.IMPORTS_STALLED: 1}, vendor=record.watch.vendor)
        return NextAction.PUBLISHED

    def end(self, record: StoredWatch, result_of: Callable[[Watch], WatchResult]) -> StoredWatch | None:
        """End a watch that has not ended, and return it as it has ended; None where another generation owns it.

        Parameters
        ----------
        record : StoredWatch
        result_of : callable
            The result of the watch as it is: a poll may have seen an outcome since the record was read.
        """
        generation = record.watch.generation
        for _ in range(MAX_END_ATTEMPTS):
            watch = record.watch
            result = with_message(watch, result_of(watch))
            try:
                self._watches.end(watch, result)
            except Conflict as conflict:
                if conflict.record is None or conflict.record.watch.generation != generation:
                    return None
                record = conflict.record
                if record.result is not None:
                    return record
            else:
                self._connections.watch_ended(watch, measured_running_time(watch, result))
                return self._watches.get_attempt(watch.watch_id, watch.attempt)
        return None

    def publish(self, record: StoredWatch, now: float) -> NextAction:
        """Publish the outcome of a watch that has ended, in every way that is left, whichever execution owns it.

        The topic comes first. A way that fails does not keep the outcome from the others, and is tried again alone.

        Raises
        ------
        botocore.exceptions.ClientError, EventNotAccepted, CallbackDenied
            If one of them does not accept it; nothing is lost then.
        """
        action = NextAction.ALREADY_PUBLISHED
        if record.start is None and not record.is_settled:
            record = self._watches.get_attempt(record.watch.watch_id, record.watch.attempt) or record
        for _ in range(MAX_SETTLE_ATTEMPTS):
            if record.is_settled:
                return action
            if record.published_at is None:
                action = NextAction.PUBLISHED
            sent = self._publish_what_is_left(record, now)
            try:
                self._watches.record_settled(sent, now)
            except Conflict as conflict:
                # A task token was stored meanwhile, or another execution was quicker.
                latest = self._watches.get_attempt(record.watch.watch_id, record.watch.attempt)
                if latest is None or latest.result is None:
                    raise conflict from None
                record = replace(latest, event_sent_at=latest.event_sent_at or sent.event_sent_at)
            else:
                return action
        raise Conflict(record)

    def _publish_what_is_left(self, record: StoredWatch, now: float) -> StoredWatch:
        """Publish an outcome to the topic, the bus and the task tokens that do not have it; each one in any case."""
        event, errors, sent = notification(record, self._source), [], record
        for publish in (self._to_topic, self._to_bus, self._to_task_tokens):
            try:
                sent = publish(sent, event, now)
            except Exception as error:  # noqa: BLE001
                logger.exception("the outcome could not be published in one way; the others are not affected")
                errors.append(error)
        if errors:
            if sent.event_sent_at != record.event_sent_at:
                self._record_event_sent(record, now)
            raise errors[0]
        return sent

    def _record_event_sent(self, record: StoredWatch, now: float) -> None:
        try:
            self._watches.record_event_sent(record.watch, now)
        except Conflict:
            logger.info("another execution has recorded that the event was sent")

    def _to_topic(self, record: StoredWatch, event: dict[str, JSON], now: float) -> StoredWatch:
        if record.published_at is not None:
            return record
        self._topic.publish(event)
        data = event["data"]
        logger.info("published", outcome=data["outcome"], reason=data["reason"], notification=event["id"])
        try:
            self._watches.record_published(record.watch, now)
        except Conflict:
            logger.warning("the outcome was published twice, under the same id")
        else:
            _emit_metrics(record, now)
        return replace(record, published_at=now)

    def _to_bus(self, record: StoredWatch, event: dict[str, JSON], now: float) -> StoredWatch:
        if self._bus is None or record.event_sent_at is not None:
            return record
        self._bus.send(event)
        return replace(record, event_sent_at=now)

    def _to_task_tokens(self, record: StoredWatch, event: dict[str, JSON], now: float) -> StoredWatch:
        if record.callbacks and self._callbacks is not None:
            self._callbacks().send(record, event, now)
        return record


def _emit_metrics(record: StoredWatch, now: float) -> None:
    """Emit the metrics of a watch whose outcome is published: for every watch, exactly once."""
    watch, result = record.watch, record.result
    if result is None:
        return
    vendor = vendor_of(watch.watch_id)
    values = {
        Metric.PUBLICATION_DELAY: max(0.0, now - result.detected_at),
        Metric.ESTIMATED_COST: estimated_cost(watch),
    }
    if result.detection_lag_seconds is not None:
        values[Metric.DETECTION_LAG] = result.detection_lag_seconds
    if result.outcome is Outcome.UNKNOWN:
        if result.reason:
            emit_metrics({Metric.OUTCOMES_UNKNOWN: 1}, reason=Reason(result.reason))
    else:
        values[Metric.IMPORT_DURATION] = running_time(watch, result.ended_at or result.detected_at)
        if (record.log.status is LogStatus.UNAVAILABLE) if record.log else record.keeps_log:
            values[Metric.LOG_ARCHIVE_FAILURES] = 1
    emit_metrics({Metric.WATCHES_ENDED: 1}, vendor=vendor, outcome=result.outcome)
    emit_metrics(values, vendor=vendor)


def _error_name(error: JSON) -> str:
    """Name of an error, without its cause, which may quote what a vendor sent, or a secret."""
    name = error.get("Error") if isinstance(error, dict) else None
    return (
        name[:100] if isinstance(name, str) and name.isprintable() and name else "the execution failed without an error"
    )
