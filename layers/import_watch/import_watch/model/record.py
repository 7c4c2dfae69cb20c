"""A watch as the table has it."""

from __future__ import annotations

from dataclasses import dataclass

from import_watch.model.observation import LogRecord
from import_watch.model.outcome import WatchResult
from import_watch.model.serialization import JSON
from import_watch.model.watch import Watch


@dataclass(frozen=True, slots=True)
class StoredWatch:
    """A watch as the table has it.

    Parameters
    ----------
    watch : Watch
    execution : str
        ARN of the execution that owns the watch.
    ending : Ending or None
        None while the watch is active.
    log, answer : LogRecord, str or None
        Where the log and the vendor's last answer are; None until they were looked after.
    published_at : float or None
        When the outcome was told.
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
