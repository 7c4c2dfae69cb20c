"""A watch as it is stored in the table."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from import_watch.model.observation import LogRecord
from import_watch.model.outcome import WatchResult
from import_watch.model.serialization import JSON
from import_watch.model.watch import Watch, attempt_key


@dataclass(frozen=True, slots=True)
class StartRecord:
    """What is stored of the start of an attempt, in an item of its own: no poll reads or writes it.

    Parameters
    ----------
    metadata : JSON
    ignored_fields : tuple of str
        Unknown fields of the start event.
    start_events : tuple of str
        Ids of the last start events of the watch, of all attempts.
    owners : tuple of str
        ARNs of the first executions that have owned this attempt, the first one first, and of the present one.
    """

    metadata: JSON = None
    ignored_fields: tuple[str, ...] = ()
    start_events: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredWatch:
    """A watch as the table has it.

    Parameters
    ----------
    watch : Watch
    execution : str
        ARN of the execution that owns the watch.
    start : StartRecord or None
        None where it was not read.
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
    event_revision : int
        Increases with every start event whose id is kept; it never restarts.
    stop_reason : str or None
        Why a person stopped the watch in its present generation.
    is_earlier_attempt : bool
        Whether a later attempt has replaced this one.
    """

    watch: Watch
    execution: str
    start: StartRecord | None = field(default_factory=StartRecord)
    correlation_id: str | None = None
    keeps_log: bool = True
    result: WatchResult | None = None
    log: LogRecord | None = None
    response: str | None = None
    published_at: float | None = None
    event_sent_at: float | None = None
    unpublished: bool = False
    callbacks: int = 0
    event_revision: int = 0
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

    @property
    def metadata(self) -> JSON:
        """The start event's metadata."""
        return self._start.metadata

    @property
    def ignored_fields(self) -> tuple[str, ...]:
        """Unknown fields of the start event."""
        return self._start.ignored_fields

    @property
    def start_events(self) -> tuple[str, ...]:
        """Ids of the last start events, of all attempts."""
        return self._start.start_events

    @property
    def owners(self) -> tuple[str, ...]:
        """ARNs of the executions that have owned this attempt, as far as they are listed."""
        return self._start.owners

    def owned_by(self, execution: str, watch: Watch) -> StoredWatch:
        """Record of the watch once another execution owns it."""
        start = replace(self._start, owners=(*self.owners, execution))
        return replace(self, watch=watch, execution=execution, start=start)

    @property
    def _start(self) -> StartRecord:
        if self.start is None:
            raise LookupError("the watch was read without the record of its start")  # a fault of this code
        return self.start
