"""How a watch ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from import_watch.model.observation import Problem


class Outcome(StrEnum):
    """How a watch ended. UNKNOWN is not FAILED: it says that *we* do not know how the import ended."""

    SUCCEEDED = "SUCCEEDED"
    PARTIAL = "PARTIAL"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    UNKNOWN = "UNKNOWN"


class Reason(StrEnum):
    """Why an outcome is UNKNOWN."""

    NOT_FOUND = "NOT_FOUND"
    UNAUTHORIZED = "UNAUTHORIZED"
    MISCONFIGURED = "MISCONFIGURED"
    VENDOR_UNAVAILABLE = "VENDOR_UNAVAILABLE"
    UNRECOGNISED_STATUS = "UNRECOGNISED_STATUS"
    UNREADABLE_ANSWER = "UNREADABLE_ANSWER"
    TIMED_OUT = "TIMED_OUT"
    INVALID_EVENT = "INVALID_EVENT"
    WATCH_STOPPED = "WATCH_STOPPED"
    WATCH_BROKEN = "WATCH_BROKEN"


@dataclass(frozen=True, slots=True)
class WatchResult:
    """How a watch ended and what is known of it: the part of the notification that is decided once.

    `implausible` is True where the vendor's end cannot be right: nothing is learned from such a running time.
    """

    outcome: Outcome
    message: str
    detected_at: float
    reason: str | None = None
    retryable: bool | None = None
    vendor_status: str | None = None
    job_type: str | None = None
    counts: dict[str, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    started_at: float | None = None
    ended_at: float | None = None
    detection_lag_seconds: float | None = None
    implausible: bool | None = None
