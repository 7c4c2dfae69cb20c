"""Whether a start event begins a new attempt to watch an import that was watched before. Pure."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from import_watch.model.outcome import Outcome
from import_watch.model.record import StoredWatch
from import_watch.model.watch import Watch

MAX_START_EVENTS = 20
"""Start events of a watch whose ids are kept: EventBridge may deliver one again within a day."""


class NotStarted(StrEnum):
    """Why a start event starts nothing."""

    SAME_EVENT = "SAME_EVENT"
    ALREADY_WATCHED = "ALREADY_WATCHED"
    OUTCOME_KNOWN = "OUTCOME_KNOWN"
    TOO_MANY_ATTEMPTS = "TOO_MANY_ATTEMPTS"


def why_not_started(stored: StoredWatch, event: str, *, watch_again: bool) -> NotStarted | None:
    """Why a start event starts no new attempt of a stored watch; None where it starts one.

    Parameters
    ----------
    stored : StoredWatch
        The latest attempt.
    event : str
        Identifies the event: its id, or the ARN of the execution that it started.
    watch_again : bool
        Whether it wants an attempt although the outcome is known.
    """
    if event in stored.start_events:
        return NotStarted.SAME_EVENT
    if stored.result is None:
        return NotStarted.ALREADY_WATCHED
    if stored.result.outcome is not Outcome.UNKNOWN and not watch_again:
        return NotStarted.OUTCOME_KNOWN
    return NotStarted.TOO_MANY_ATTEMPTS if stored.watch.is_last_attempt else None


def as_next_attempt(watch: Watch, ended: Watch) -> Watch:
    """New watch as the attempt after one that has ended: its generation follows, and nothing else is inherited."""
    return replace(watch, attempt=ended.attempt + 1, generation=ended.generation + 1)


def with_event(events: tuple[str, ...], event: str) -> tuple[str, ...]:
    """Ids of the last start events, with one more."""
    return (*(one for one in events if one != event), event)[-MAX_START_EVENTS:]
