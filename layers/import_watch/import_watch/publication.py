"""Publishes the outcome of a watch: once, unless it dies between telling and noting that it told."""

from __future__ import annotations

from typing import Literal

from import_watch.lifecycle import broken
from import_watch.model import JSON, Watch
from import_watch.notifications import Topic, notification
from import_watch.observability import logger
from import_watch.watches import Conflict, Record, Watches

Action = Literal["PUBLISHED", "ALREADY_PUBLISHED", "SUPERSEDED"]


def publish(watch: Watch, error: JSON, now: float, watches: Watches, topic: Topic, source: str) -> Action:
    """Tell the outcome of a watch.

    Parameters
    ----------
    watch : Watch
        As the state machine carries it; the table is the truth.
    error : JSON
        What the state machine caught, if anything.
    now : float
        Epoch seconds.
    source : str
        CloudEvents source.

    Returns
    -------
    Action
        SUPERSEDED where another execution owns the watch, so that the outcome is not ours to tell.

    Raises
    ------
    LookupError
        If the table has no such watch.
    """
    record = watches.get(watch.watch_id)
    if record is None:
        raise LookupError(f"there is no watch {watch.watch_id}")
    if record.watch.generation != watch.generation:
        return "SUPERSEDED"
    if record.ending is None:
        # Only an execution that failed comes here with a watch that has not ended.
        record = _end_broken(record, error, now, watches)
        if record is None:
            return "SUPERSEDED"
    if record.published_at is not None:
        return "ALREADY_PUBLISHED"
    topic.publish(notification(record, source))
    try:
        watches.record_published(watch.watch_id, now)
    except Conflict:
        logger.warning("the outcome was told twice, under the same id")
    return "PUBLISHED"


def _end_broken(record: Record, error: JSON, now: float, watches: Watches) -> Record | None:
    why = _why(error)
    logger.error("the execution failed; the watch ends as broken", why=why)
    try:
        watches.end(record.watch, broken(record.watch, now, why))
    except Conflict as conflict:
        ended = conflict.record
        return ended if ended and ended.ending and ended.watch.generation == record.watch.generation else None
    return watches.get(record.watch.watch_id)


def _why(error: JSON) -> str:
    """Name the kind of error only: its cause may quote what a vendor sent, or a secret."""
    name = error.get("Error") if isinstance(error, dict) else None
    return name[:100] if isinstance(name, str) and name.isprintable() and name else "the execution lost its way"
