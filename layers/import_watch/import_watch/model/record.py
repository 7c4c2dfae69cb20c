"""A watch as it is stored in the table."""

from __future__ import annotations

from dataclasses import dataclass

from import_watch.model.observation import LogRecord
from import_watch.model.outcome import WatchResult
from import_watch.model.serialization import JSON
from import_watch.model.watch import Watch, attempt_key


@dataclass(frozen=True, slots=True)
class StoredWatch:
    """A watch as the table has it.

    Parameters
    ----------
    watch : Watch
    execution : str
        ARN of the execution that owns the watch.
    result : WatchResult or None
        None while the watch is active.
    log, response : LogRecord, str or None
        Locations of the log and of the vendor's last response; None until they are archived.
    published_at : float or None
        When the outcome was published to the topic.
    event_sent_at : float or None
        When the outcome was sent to the event bus.
    unpublished : bool
        Whether the outcome is still to be published, in one way or another.
    callbacks : int
        Number of task tokens that have been stored for the watch.
    start_events : tuple of str
        Ids of its last start events, of all attempts.
    owners : tuple of str
        ARNs of the first executions that have owned this attempt, the first one first, and of the present one.
    ignored_fields : tuple of str
        Unknown fields of the start event.
    stop_reason : str or None
        Why a person stopped the watch in its present generation.
    is_earlier_attempt : bool
        Whether a later attempt has replaced this one.
    """

    watch: Watch
    execution: str
    metadata: JSON = None
    correlation_id: str | None = None
    keeps_log: bool = True
    result: WatchResult | None = None
    log: LogRecord | None = None
    response: str | None = None
    published_at: float | None = None
    event_sent_at: float | None = None
    unpublished: bool = False
    callbacks: int = 0
    start_events: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    ignored_fields: tuple[str, ...] = ()
    stop_reason: str | None = None
    is_earlier_attempt: bool = False

    @property
    def key(self) -> str:
        """Key of the item."""
        if self.is_earlier_attempt:
            return attempt_key(self.watch.watch_id, self.watch.attempt)
        return self.watch.watch_id

    @property
    def is_settled(self) -> bool:
        """Whether the watch has ended and nothing is left to be published."""
        return self.published_at is not None and not self.unpublished
