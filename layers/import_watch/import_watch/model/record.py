"""A watch as it is stored in the table."""

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
    result : WatchResult or None
        None while the watch is active.
    log, response : LogRecord, str or None
        Locations of the log and of the vendor's last response; None until they are archived.
    published_at : float or None
        When the outcome was published.
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
