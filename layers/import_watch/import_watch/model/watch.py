"""The central types of Import Watch: start events, grace periods, watches and their keys, without any I/O.

All of them are plain values. Other modules import the model; the model imports none of them. Times are epoch seconds
(float, UTC), unless the name contains another unit.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from import_watch.model.observation import ImportState, LogRecord, ReportedProgress
from import_watch.model.outcome import WatchResult
from import_watch.model.serialization import JSON

MAX_ATTEMPTS = 20
"""Maximum attempts of one watch: something that sends start events in a loop must come to an end."""
MAX_TIMEOUT_SECONDS = 30 * 86_400
"""Maximum duration of a watch in seconds."""
MAX_JOB_TYPE_KEY = 60
"""Maximum characters of a job type as a key of running times."""


@dataclass(frozen=True, slots=True)
class Start:
    """A valid `ImportStarted`: what to watch.

    `key_id` is the id in the watch's key, where that is another spelling of `import_id`. With `watch_again` a new
    attempt starts although the outcome is known. `ignored_fields` are the names of unknown fields. `task_token` is a
    credential: with it a task of the caller's state machine can be ended.
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
    watch_again: bool = False
    ignored_fields: tuple[str, ...] = ()
    task_token: str | None = field(default=None, repr=False)

    @property
    def watch_id(self) -> str:
        """Key of the watch that a valid event starts."""
        return watch_id(self.vendor, self.connection, self.key_id or self.import_id)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Grace periods in seconds: how long an error is tolerated before a watch ends as UNKNOWN.

    Parameters
    ----------
    not_found : int
        For an import that the vendor does not know, from the start of the watch (or, if the vendor knew it before, from
        the first such response).
    unrecognised : int
        For an unmapped status.
    failing : int
        For failed polls without a good one between them.
    unauthorized : int
        For refused credentials, once the watch has had a readable response; before that, at most a minute.
    timeout : int
        For the whole watch, unless the start event sets another.
    """

    not_found: int = 120
    unrecognised: int = 600
    failing: int = 3_600
    unauthorized: int = 300
    timeout: int = 86_400


@dataclass(frozen=True, slots=True)
class History:
    """Running times of past imports of one job type, as the median and spread of their natural logarithms."""

    count: int
    log_median: float
    log_sigma: float


@dataclass(frozen=True, slots=True)
class Watch:
    """The small state of one watch, which the state machine carries from poll to poll and the table stores.

    `attempt` counts the times that the import has been watched. `generation` identifies the execution that may write,
    and never decreases, also from one attempt to the next; `executions` counts those that have owned this attempt, and
    `takeovers` those since its last poll that took it over from a dead one. `execution_polls` counts the polls of the
    present execution, deferred ones included. `arrival_index` is its position among the watches of its connection when
    it was registered, and `initial_rate` the requests per minute that its first interval was made for. `histories` are
    those of its connection when it was registered, by job type. `stalled_at` is the time of the poll after which it was
    published that the import is stalled. `correlation` is on all its log lines: the `correlationId` of the start event,
    else the event's own id; at most 256 characters. Every `…_since` is the time of the first of an unbroken run of such
    polls, and the `…_polls` beside it counts them; for runs of failed polls, that time is moved forward by the time for
    which a poll was late. `seen_at` is the time of the last readable response, `unfinished_at` that of the last one
    with the import queued or running. Before `refused_until` the vendor accepts no request; before `not_before`, which
    includes back-off and floor, no poll is made.
    """

    watch_id: str
    vendor: str
    connection: str
    import_id: str
    registered_at: float
    deadline: float
    started_at: float | None = None
    attempt: int = 1
    generation: int = 1
    executions: int = 1
    takeovers: int = 0
    execution_polls: int = 0
    arrival_index: int = 1
    initial_rate: float | None = None
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
    refused_until: float | None = None
    not_before: float | None = None
    awaiting_log: WatchResult | None = None
    log_polls: int = 0
    log_missing: str | None = None
    log_source: str | None = None
    kept_answer: str | None = None
    kept_log: LogRecord | None = None
    vendor_title: str | None = None
    correlation: str | None = None

    @property
    def is_last_attempt(self) -> bool:
        """Whether no further attempt may begin."""
        return self.attempt >= MAX_ATTEMPTS


FIXED_FIELDS = frozenset(
    {
        "watch_id",
        "vendor",
        "connection",
        "import_id",
        "registered_at",
        "deadline",
        "started_at",
        "attempt",
        "arrival_index",
        "histories",
        "vendor_title",
        "correlation",
    }
)
"""Fields of a `Watch` that never change after its registration."""


def watch_id(vendor: str, connection: str, import_id: str) -> str:
    """Key of a watch, `vendor#connection#importId`, escaped so that no two imports share one.

    Parameters
    ----------
    vendor, connection, import_id : str
        As in the start event, with the id in the vendor's canonical form.
    """
    return _key(vendor, connection, import_id)


def attempt_key(watch_id: str, attempt: int) -> str:
    """Key of an earlier attempt of a watch, which a later one has replaced."""
    return f"{watch_id}#{attempt}"


def callbacks_key(watch_id: str) -> str:
    """Key of the task tokens that wait for the outcome of a watch."""
    return f"{watch_id}#callbacks"


def start_key(watch_id: str, attempt: int) -> str:
    """Key of what is stored of the start of an attempt; it stays the same when a later attempt begins."""
    return f"{watch_id}#{attempt}#start"


def connection_key(vendor: str, connection: str) -> str:
    """Key of what the watches of a connection share: it has one part less than the key of a watch."""
    return _key(vendor, connection)


def key_parts(key: str) -> tuple[str, ...]:
    """Unescaped parts of a key."""
    return tuple(part.replace("%23", "#").replace("%25", "%") for part in key.split("#"))


def _key(*parts: str) -> str:
    return "#".join(part.replace("%", "%25").replace("#", "%23") for part in parts)


def job_type_key(job_type: str | None) -> str:
    """Key under which the running times of a job type are kept: its first characters; `-` for no job type."""
    return (job_type or "-")[:MAX_JOB_TYPE_KEY]
