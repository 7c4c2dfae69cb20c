"""One line of a list of watches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from import_watch.model.outcome import Outcome
from import_watch.model.record import StoredWatch
from import_watch.model.serialization import JSON
from import_watch.model.timestamps import iso

REGISTERED, AWAITING_LOG, ENDED = "REGISTERED", "AWAITING_LOG", "ENDED"
"""States of a watch besides the import states: not polled yet, waiting for the log of an ended import, and ended."""
FAILED = (Outcome.FAILED, Outcome.CANCELLED, Outcome.UNKNOWN)
"""Outcomes that are published as ImportFailed."""
WATCH_KEY_PARTS = 3
"""Parts of a watch's key; that of an earlier attempt has one more."""


@dataclass(frozen=True, slots=True)
class WatchRow:
    """A watch in a list.

    Parameters
    ----------
    watch_id, vendor, connection, import_id : str
        Empty where an invalid event named none.
    attempt : int
    state : str
        REGISTERED, an import state, AWAITING_LOG or ENDED.
    outcome, reason : str or None
        Of an ended watch.
    polls : int
    next_poll_at : float or None
        Epoch seconds; None once the watch has ended.
    ended_at : float or None
        Epoch seconds at which the outcome was detected.
    registered_at : float
        Epoch seconds.
    fraction : float or None
        Progress, where the vendor reports it.
    error : str or None
        Error of the last poll of an active watch, if it failed.
    failures : int
        Number of consecutive failed polls of an active watch.
    failing_since : float or None
        Epoch seconds of the first of them.
    correlation_id : str or None
    """

    watch_id: str
    vendor: str
    connection: str
    import_id: str
    attempt: int
    state: str
    outcome: str | None
    reason: str | None
    polls: int
    next_poll_at: float | None
    ended_at: float | None
    registered_at: float
    fraction: float | None = None
    error: str | None = None
    failures: int = 0
    failing_since: float | None = None
    correlation_id: str | None = None

    def to_json(self) -> dict[str, JSON]:
        """Stable form for programs; times are ISO 8601."""
        return {
            "watchId": self.watch_id,
            "vendor": self.vendor or None,
            "connection": self.connection or None,
            "importId": self.import_id or None,
            "attempt": self.attempt,
            "state": self.state,
            "outcome": self.outcome,
            "reason": self.reason,
            "polls": self.polls,
            "nextPollAt": iso(self.next_poll_at),
            "endedAt": iso(self.ended_at),
            "registeredAt": iso(self.registered_at),
            "fraction": self.fraction,
            "error": self.error,
            "failures": self.failures,
            "failingSince": iso(self.failing_since),
            "correlationId": self.correlation_id,
        }


def is_invalid(watch_id: str) -> bool:
    """Whether a watch id is that of an invalid start event, which names no import."""
    return watch_id.startswith("invalid#")


def row_of(record: StoredWatch) -> WatchRow:
    """Row of a stored watch."""
    watch, result = record.watch, record.result
    active = result is None
    return WatchRow(
        watch_id=watch.watch_id,
        vendor=watch.vendor,
        connection=watch.connection,
        import_id=watch.import_id,
        attempt=watch.attempt,
        state=_state(record),
        outcome=None if result is None else result.outcome.value,
        reason=None if result is None else result.reason,
        polls=watch.polls,
        next_poll_at=watch.next_poll_at if active else None,
        ended_at=None if result is None else result.detected_at,
        registered_at=watch.registered_at,
        fraction=watch.progress.fraction if watch.progress else None,
        error=watch.last_trouble if active else None,
        failures=watch.failures if active else 0,
        failing_since=watch.failing_since if active else None,
        correlation_id=record.correlation_id,
    )


def row_of_index(values: Mapping[str, Any]) -> WatchRow:
    """Row of an ended watch.

    Parameters
    ----------
    values : mapping
        Projected attributes of an entry of the index of ended watches.
    """
    return WatchRow(
        # An earlier attempt has its number as a fourth part of its key.
        watch_id="#".join(values["watchId"].split("#")[:WATCH_KEY_PARTS]),
        vendor=values.get("vendor", ""),
        connection=values.get("connection", ""),
        import_id=values.get("importId", ""),
        attempt=int(values.get("attempt", 1)),
        state=ENDED,
        outcome=values.get("outcome") or values["ended"].partition("#")[0],
        reason=values.get("outcomeReason"),
        polls=int(values.get("polls", 0)),
        next_poll_at=None,
        ended_at=float(values["detectedAt"]),
        registered_at=float(values.get("registeredAt", values["detectedAt"])),
        correlation_id=values.get("correlationId"),
    )


def _state(record: StoredWatch) -> str:
    if record.result is not None:
        return ENDED
    if record.watch.awaiting_log is not None:
        return AWAITING_LOG
    return record.watch.import_state.value if record.watch.import_state else REGISTERED
