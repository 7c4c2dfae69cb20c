"""Publishes the outcome of a watch: once, unless it dies between telling and noting that it told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from import_watch.aws.connection_store import ConnectionStore
from import_watch.aws.sns import Topic
from import_watch.aws.watch_store import Conflict, WatchStore
from import_watch.lifecycle.outcome_rules import broken
from import_watch.model.observation import LogStatus
from import_watch.model.outcome import Outcome, Reason, WatchResult
from import_watch.model.record import StoredWatch
from import_watch.model.serialization import JSON
from import_watch.model.watch import Watch
from import_watch.notifications.cost import estimated_cost
from import_watch.notifications.notification import notification, stall_notification
from import_watch.observability import Metric, emit_metrics, logger, vendor_of
from import_watch.scheduling.poll_delay import running_time

MAX_END_ATTEMPTS = 5
"""Tries to end a watch whose last polls are still being written: there are at most as many looks for a log."""
Action = Literal["PUBLISHED", "ALREADY_PUBLISHED", "SUPERSEDED"]


class Publisher:
    """Ends watches that nobody else can end, and tells outcomes.

    Parameters
    ----------
    watches : Watches
    states : ConnectionStates
    topic : Topic
    source : str
        CloudEvents source.
    stalled_topic : Topic, optional
        Where it is told that an import does not get on.
    """

    def __init__(
        self,
        watches: WatchStore,
        states: ConnectionStore,
        topic: Topic,
        source: str,
        stalled_topic: Topic | None = None,
    ) -> None:
        self._watches = watches
        self._states = states
        self._topic = topic
        self._source = source
        self._stalled_topic = stalled_topic

    def publish_for(self, watch_id: str, generation: int, error: JSON, now: float) -> Action:
        """Publish the outcome of a watch for the execution that owns it.

        Parameters
        ----------
        watch_id : str
        generation : int
            The one in which the execution owns the watch; the table is the truth.
        error : JSON
            What the state machine caught, if anything.
        now : float
            Epoch seconds.

        Returns
        -------
        Action
            SUPERSEDED where another execution owns the watch, so that the outcome is not ours to tell.

        Raises
        ------
        LookupError
            If the table has no such watch.
        """
        record = self._watches.get(watch_id)
        if record is None:
            raise LookupError(f"there is no watch {watch_id}")
        if record.watch.generation != generation:
            return "SUPERSEDED"
        if record.result is None:
            # Only an execution that failed comes here with a watch that has not ended.
            why = _why(error)
            logger.error("the execution failed; the watch ends as broken", why=why)
            ended = self.end(record, lambda watch: broken(watch, now, why))
            if ended is None:
                return "SUPERSEDED"
            record = ended
        return self.publish(record, now)

    def publish_stalled(self, watch_id: str, now: float) -> bool:
        """Tell that an import does not get on, unless it has ended by now; give whether that was told.

        Raises
        ------
        botocore.exceptions.ClientError
            If SNS does not take it.
        """
        record = self._watches.get(watch_id)
        if record is None or record.result is not None or self._stalled_topic is None:
            return False
        self._stalled_topic.publish_stalled(stall_notification(record, self._source, now))
        emit_metrics({Metric.IMPORTS_STALLED: 1}, vendor=record.watch.vendor)
        return True

    def end(self, record: StoredWatch, result_of: Callable[[Watch], WatchResult]) -> StoredWatch | None:
        """End a watch that has not ended; give it as it has ended, or None where another generation owns it.

        Parameters
        ----------
        record : Record
        ending_of : callable
            Gives the ending of the watch as it stands: a poll may have seen an outcome since the record was read.
        """
        generation = record.watch.generation
        for _ in range(MAX_END_ATTEMPTS):
            watch, result = record.watch, result_of(record.watch)
            try:
                self._watches.end(watch, result)
            except Conflict as conflict:
                if conflict.record is None or conflict.record.watch.generation != generation:
                    return None
                record = conflict.record
                if record.result is not None:
                    return record
            else:
                self._states.watch_ended(watch, result)
                return self._watches.get(watch.watch_id)
        return None

    def publish(self, record: StoredWatch, now: float) -> Action:
        """Tell the outcome of a watch that has ended, whoever owns it, unless it was told.

        Raises
        ------
        botocore.exceptions.ClientError
            If SNS does not take it; nothing is lost then.
        """
        if record.published_at is not None:
            return "ALREADY_PUBLISHED"
        event = notification(record, self._source)
        self._topic.publish(event)
        logger.info("told", outcome=event["data"]["outcome"], reason=event["data"]["reason"], notification=event["id"])
        try:
            self._watches.record_published(record.watch.watch_id, now)
        except Conflict:
            logger.warning("the outcome was told twice, under the same id")
        else:
            _emit_metrics(record, now)
        return "PUBLISHED"


def _emit_metrics(record: StoredWatch, now: float) -> None:
    """Count a watch whose outcome is told; here, because every watch comes by here, and once."""
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


def _why(error: JSON) -> str:
    """Name the kind of error only: its cause may quote what a vendor sent, or a secret."""
    name = error.get("Error") if isinstance(error, dict) else None
    return name[:100] if isinstance(name, str) and name.isprintable() and name else "the execution lost its way"
