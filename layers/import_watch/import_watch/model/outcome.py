"""How a watch ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from import_watch.model.observation import Problem


class Outcome(StrEnum):
    """The result of a watch. UNKNOWN is not FAILED: Import Watch could not determine how the import ended."""

    SUCCEEDED = "SUCCEEDED"
    PARTIAL = "PARTIAL"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    UNKNOWN = "UNKNOWN"


COMPLETED = frozenset({Outcome.SUCCEEDED, Outcome.PARTIAL})
"""Outcomes of an import that ran to its end."""


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
    """The result of a watch with its facts: the part of the notification that is decided once.

    Parameters
    ----------
    outcome : Outcome
    detected_at : float
        Epoch seconds at which the outcome was first seen.
    message : str
        The sentence for a person. The rules state facts only; it is written from them when the result is stored.
    implausible : bool or None
        True where the vendor's end time cannot be right: such a running time is not used for the history.
    detail : str or None
        The cause of an UNKNOWN outcome, for a person.
    grace_seconds : float or None
        The grace period that was used up.
    has_log : bool or None
        Whether a log is available to a person.
    missing_log : str or None
        Why the log of a finished import is not available; empty where no reason is known.
    missing_details : str or None
        Why its details, or some of them, are not in this result.
    """

    outcome: Outcome
    detected_at: float
    message: str = ""
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
    detail: str | None = None
    grace_seconds: float | None = None
    has_log: bool | None = None
    missing_log: str | None = None
    missing_details: str | None = None


UNSTORED_FACTS = ("detail", "grace_seconds", "has_log", "missing_log", "missing_details")
"""Fields of a `WatchResult` that are needed for its sentence alone: a stored result has the sentence."""
