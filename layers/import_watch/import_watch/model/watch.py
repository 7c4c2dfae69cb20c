"""The words of Import Watch as types: imports, observations, watches and outcomes, without any I/O.

Everything here is a plain value. Other modules know the model; the model knows nobody.
Times are epoch seconds (float, UTC) unless a name says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeAlias

JSON: TypeAlias = Any
"""A JSON value as `json.loads` gives it: its shape is never taken for granted."""

PROBLEMS_KEPT = 20
"""Vendor messages carried in a notification; the rest is in the archived log."""
TEXT_KEPT = 1_000
"""Characters kept of one vendor message."""
KIND_KEPT = 60
"""Characters kept of a job type where running times are kept by it."""


class ImportState(StrEnum):
    """What a vendor says of an import, in our words."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    NOT_FOUND = "NOT_FOUND"
    UNRECOGNISED = "UNRECOGNISED"


FINISHED = (ImportState.SUCCEEDED, ImportState.FAILED, ImportState.CANCELLED)
"""States of an import that has ended."""


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


class Trouble(StrEnum):
    """What went wrong with a poll. A failed poll says nothing of the import."""

    UNAVAILABLE = "UNAVAILABLE"
    THROTTLED = "THROTTLED"
    UNREADABLE = "UNREADABLE"
    UNAUTHORIZED = "UNAUTHORIZED"
    MISCONFIGURED = "MISCONFIGURED"


class Severity(StrEnum):
    """How grave a vendor message is."""

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
    """How far an import is by its vendor's word.

    Parameters
    ----------
    fraction : float
        Share done, in [0, 1].
    resolution : float or None
        The smallest step that it can show; None for a percentage, whose steps are learned from what is seen.
    """

    fraction: float
    resolution: float | None = None


@dataclass(frozen=True, slots=True)
class InlineLog:
    """A log that came inside the vendor's answer: the vendor's own object, and the same for a person to read."""

    content: JSON
    text: str


@dataclass(frozen=True, slots=True)
class StoredLog:
    """A log that the vendor says is kept at `location`: an untrusted string."""

    location: str


@dataclass(frozen=True, slots=True)
class MissingLog:
    """A log that should be there and is not; `expected` when another look may find it, `source` where it should be."""

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
"""What is known of the log: as the response has it, or what came of fetching it.

None where the vendor keeps none, or it is too early to know."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What one readable answer of a vendor says of an import."""

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


@dataclass(frozen=True, slots=True)
class FailedPoll:
    """A poll that brought no readable response.

    Parameters
    ----------
    trouble : Trouble
    detail : str
        The cause, for a person.
    retry_after : float or None
        Seconds after which the vendor wants the next request, if it says so.
    problems : tuple of Problem
        Messages of the vendor.
    after_grace : bool
        With MISCONFIGURED: whether a gateway may say the same for a moment, so that it is final only after the grace
        period of an import that is not found. With UNAVAILABLE: whether it is a misconfiguration, after the same time,
        where the watch never had a readable response.
    """

    trouble: Trouble
    detail: str
    retry_after: float | None = None
    problems: tuple[Problem, ...] = ()
    after_grace: bool = False


@dataclass(frozen=True, slots=True)
class Ending:
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


@dataclass(frozen=True, slots=True)
class Start:
    """A valid `ImportStarted`: what to watch.

    `key_id` is the id as it stands in the watch's key, where that is another spelling of `import_id`.
    """

    vendor: str
    import_id: str
    connection: str = "default"
    correlation_id: str | None = None
    metadata: JSON = None
    started_at: float | None = None
    timeout_seconds: int | None = None
    vendor_title: str | None = None
    key_id: str | None = None


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Grace periods in seconds: how long an error is tolerated before a watch ends as UNKNOWN.

    Parameters
    ----------
    not_found : int
        For an import that the vendor does not know, from the start of the watch (or, if it had been known,
        from the first such answer).
    unrecognised : int
        For a status that nobody has mapped.
    failing : int
        For nothing but failed polls.
    unauthorized : int
        For refused credentials, once the watch has had a readable response; before it, a minute of this at most.
    timeout : int
        For the whole watch, unless the start event says otherwise.
    """

    not_found: int = 120
    unrecognised: int = 600
    failing: int = 3_600
    unauthorized: int = 300
    timeout: int = 86_400


@dataclass(frozen=True, slots=True)
class History:
    """Running times of past imports of one kind, as the median and spread of their natural logarithms."""

    count: int
    log_median: float
    log_sigma: float


@dataclass(frozen=True, slots=True)
class Watch:
    """The small state of one watch: what the state machine carries from poll to poll and the table keeps.

    `generation` says which execution may write; `executions` counts those that have owned the watch, and
    `takeovers` those since its last poll that took it over from a dead one. `execution_polls` counts the polls of
    the present execution, those put off included. `place` is its place among the watches of its connection when it
    was registered, and `paced_for` the requests per minute that its first wait was made for. `histories` are those
    of its connection when it was registered, by job type. `stalled_at` is when people were told that
    it does not get on. `correlation` is what all its log lines are found by: the `correlationId` of the start event,
    else the event's own id; at most 256 characters. Every `…_since` is the time of the first of an unbroken run of
    such polls, and the `…_polls` beside it counts them; for runs of failed polls that time moves on by the time for
    which a poll was late. `seen_at` is the time of the last readable response, `unfinished_at` that of the last one
    with the import queued or running. Before `not_before` the vendor wants no request.
    """

    watch_id: str
    vendor: str
    connection: str
    import_id: str
    registered_at: float
    deadline: float
    started_at: float | None = None
    generation: int = 1
    executions: int = 1
    takeovers: int = 0
    execution_polls: int = 0
    place: int = 1
    paced_for: float | None = None
    histories: dict[str, History] = field(default_factory=dict)
    polls: int = 0
    vendor_errors: int = 0
    poll_milliseconds: int = 0
    last_poll_at: float | None = None
    next_poll_at: float | None = None
    import_state: ImportState | None = None
    vendor_status: str | None = None
    job_type: str | None = None
    running_since: float | None = None
    not_running_at: float | None = None
    progress: ReportedProgress | None = None
    progress_changed_at: float | None = None
    percent_step: int | None = None
    stalled_at: float | None = None
    seen_at: float | None = None
    unfinished_at: float | None = None
    announced_start: float | None = None
    starts_at: float | None = None
    not_found_since: float | None = None
    not_found_polls: int | None = None
    unrecognised_since: float | None = None
    unrecognised_polls: int | None = None
    unauthorized_since: float | None = None
    unauthorized_polls: int | None = None
    misconfigured_since: float | None = None
    misconfigured_polls: int | None = None
    failing_since: float | None = None
    failures: int = 0
    only_unreadable: bool = True
    last_trouble: str | None = None
    not_before: float | None = None
    awaiting_log: Ending | None = None
    log_polls: int = 0
    log_missing: str | None = None
    log_source: str | None = None
    kept_answer: str | None = None
    vendor_title: str | None = None
    correlation: str | None = None


FIXED_FIELDS = frozenset(
    {
        "watch_id",
        "vendor",
        "connection",
        "import_id",
        "registered_at",
        "deadline",
        "started_at",
        "place",
        "histories",
        "vendor_title",
        "correlation",
    }
)
"""Fields of a `Watch` that stand from its registration on."""


def watch_id(vendor: str, connection: str, import_id: str) -> str:
    """Give the key of a watch, `vendor#connection#importId`, escaped so that no two imports share one.

    Parameters
    ----------
    vendor, connection, import_id : str
        As in the start event, the id already in the vendor's canonical form.
    """
    return _key(vendor, connection, import_id)


def connection_key(vendor: str, connection: str) -> str:
    """Give the key of what the watches of a connection share: with one part less, it can be no watch's."""
    return _key(vendor, connection)


def key_parts(key: str) -> tuple[str, ...]:
    """Give what a key was made of."""
    return tuple(part.replace("%23", "#").replace("%25", "%") for part in key.split("#"))


def _key(*parts: str) -> str:
    return "#".join(part.replace("%", "%25").replace("#", "%23") for part in parts)


def kind_of(job_type: str | None) -> str:
    """Give the kind of an import, whose running times are kept together: its job type, cut, if the vendor tells one."""
    return (job_type or "-")[:KIND_KEPT]


def iso(time: float | None) -> str | None:
    """Write epoch seconds as ISO 8601 in UTC with milliseconds, as every time in a notification is."""
    if time is None:
        return None
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_iso(text: object) -> float | None:
    """Read an ISO 8601 date-time into epoch seconds; no offset is read as UTC; None where it is not one."""
    if not isinstance(text, str) or not 11 <= len(text) <= 40 or text[10] not in "Tt ":
        return None
    try:
        moment = datetime.fromisoformat(text)
        time = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        iso(time)  # a time at the edge of the calendar can be read in its own zone, and not be written in UTC
    except (ValueError, OverflowError):
        return None
    return time
