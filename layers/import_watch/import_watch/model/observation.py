"""The result of one poll: an observation of the import, or a failed poll."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from import_watch.model.serialization import JSON

MAX_RETRY_AFTER = 900
"""Maximum of a vendor's Retry-After that is honoured, in seconds."""
MAX_PROBLEMS = 20
"""Vendor messages in a notification; the rest is in the archived log."""
MAX_PROBLEM_TEXT = 1_000
"""Characters kept of one vendor message."""


class ImportState(StrEnum):
    """States of an import: the meaning of a vendor's status.

    PARTIAL is a status of its own for an import that left something out; one that SUCCEEDED with errors has the same
    outcome. REVERTED ran and was undone, EXPIRED was given up by the vendor before its end, and of RESULT_EXPIRED the
    vendor knows only that it has ended.
    """

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    PARTIAL = "PARTIAL"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"
    REVERTED = "REVERTED"
    RESULT_EXPIRED = "RESULT_EXPIRED"
    NOT_FOUND = "NOT_FOUND"
    UNRECOGNISED = "UNRECOGNISED"


FINISHED = (
    ImportState.SUCCEEDED,
    ImportState.PARTIAL,
    ImportState.FAILED,
    ImportState.EXPIRED,
    ImportState.CANCELLED,
    ImportState.REVERTED,
)
"""States of an import that has ended in a known way."""


class PollError(StrEnum):
    """Why a poll failed. A failed poll has no information about the import."""

    UNAVAILABLE = "UNAVAILABLE"
    THROTTLED = "THROTTLED"
    UNREADABLE = "UNREADABLE"
    UNAUTHORIZED = "UNAUTHORIZED"
    MISCONFIGURED = "MISCONFIGURED"


class Severity(StrEnum):
    """Severity of a vendor message."""

    ERROR = "ERROR"
    WARNING = "WARNING"
    INFO = "INFO"


class LogStatus(StrEnum):
    """Where the log of an ended import is."""

    ARCHIVED = "ARCHIVED"
    VENDOR_ONLY = "VENDOR_ONLY"
    NONE = "NONE"
    UNAVAILABLE = "UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class Problem:
    """One message of the vendor about the import."""

    severity: Severity
    text: str


@dataclass(frozen=True, slots=True)
class ReportedProgress:
    """Progress of an import, as its vendor reports it.

    Parameters
    ----------
    fraction : float
        Completed share, in [0, 1].
    resolution : float or None
        The smallest step that it can show; None for a percentage, whose steps are inferred from the polls.
    """

    fraction: float
    resolution: float | None = None


@dataclass(frozen=True, slots=True)
class InlineLog:
    """A log inside the vendor's response: the vendor's own object, and its content as text for a person."""

    content: JSON
    text: str


@dataclass(frozen=True, slots=True)
class StoredLog:
    """A log that the vendor keeps at `location`, which is an untrusted string.

    `url` is the location as it was received, where that may be fetched: its query may be a signature, so it is used for
    the request alone, and never shown or stored.
    """

    location: str
    url: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class MissingLog:
    """A log that was not found; `expected` if a later poll may find it, `source` where it should be."""

    reason: str
    expected: bool
    source: str | None = None


@dataclass(frozen=True, slots=True)
class LogRecord:
    """Where the log is: `location` in our archive, `source` as the vendor named it."""

    status: LogStatus
    location: str | None = None
    source: str | None = None
    reason: str | None = None
    bytes: int | None = None


LogReference: TypeAlias = InlineLog | StoredLog | MissingLog | LogRecord | None
"""What is known of the log: as the response has it, or the result of fetching it.

None where the vendor keeps no log, or it is too early to know."""


@dataclass(frozen=True, slots=True)
class MissingDetails:
    """Details of an ended import that could not be read.

    Parameters
    ----------
    reason : str
    expected : bool
        Whether a later poll may read them.
    throttled : bool
        Whether the vendor limits the rate of requests, which concerns all watches of the connection.
    """

    reason: str
    expected: bool
    throttled: bool = False


@dataclass(frozen=True, slots=True)
class Observation:
    """The content of one readable response of a vendor about an import.

    Parameters
    ----------
    details : mapping of str to str or None
        Values for the request of its details; None where the vendor has none, or they would add nothing.
    missing_details : MissingDetails or None
        Why the details are not, or not all, in this observation.
    """

    state: ImportState
    vendor_status: str | None = None
    job_type: str | None = None
    progress: ReportedProgress | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    log: LogReference = None
    started_at: float | None = None
    ended_at: float | None = None
    retryable: bool | None = None
    reason: str | None = None
    retry_after: float | None = None
    details: Mapping[str, str] | None = None
    missing_details: MissingDetails | None = None


@dataclass(frozen=True, slots=True)
class FailedPoll:
    """A poll that brought no readable response.

    Parameters
    ----------
    error : PollError
    detail : str
        The cause, for a person.
    retry_after : float or None
        Seconds after which the vendor accepts the next request, if the response names a time.
    problems : tuple of Problem
        Messages of the vendor.
    after_grace : bool
        With MISCONFIGURED: whether a gateway may send the same response for a short time, so that it is final only
        after the grace period of an import that is not found. With UNAVAILABLE: whether it is a misconfiguration, after
        the same time, where the watch never had a readable response.
    """

    error: PollError
    detail: str
    retry_after: float | None = None
    problems: tuple[Problem, ...] = ()
    after_grace: bool = False

    def is_misconfiguration_after_grace(self, *, worked_before: bool) -> bool:
        """Whether this is a misconfiguration once it has lasted for the grace period of an unknown import.

        Parameters
        ----------
        worked_before : bool
            Whether the watch has had a readable response.
        """
        return self.after_grace and (self.error is PollError.MISCONFIGURED or not worked_before)
