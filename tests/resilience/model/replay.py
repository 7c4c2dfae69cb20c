"""Runs the real functions one operation at a time, so that a search may do anything between two of them.

A function runs on a replay of the results that its operations have had so far. The first operation without a result
suspends it: the search performs that one at any time, and runs the function again on the longer replay. So a
function that is under way is a plain value, the replay, which can be stored, compared and continued twice; and each
of them runs the code once, however often the search reaches it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from import_watch.aws.connection_store import ConnectionState, ConnectionStore
from import_watch.aws.dynamodb import PageToken
from import_watch.aws.event_bus import EventBus
from import_watch.aws.executions import Executions, ExecutionStatus
from import_watch.aws.log_archive import Archived, LogArchive
from import_watch.aws.sns import Topic
from import_watch.aws.sweep_cursor_store import SweepCursor, SweepCursorStore
from import_watch.aws.task_tokens import TaskTokens, TokenResult
from import_watch.aws.watch_store import WatchStore
from import_watch.aws.watch_writer import Conflict, WriteUnconfirmed
from import_watch.model.observation import LogRecord, LogStatus
from import_watch.model.outcome import WatchResult
from import_watch.model.record import StoredWatch
from import_watch.model.serialization import JSON
from import_watch.model.watch import Start, Watch, attempt_key
from import_watch.scheduling.running_time import RunningTime
from import_watch.services.archiving import Archiving

READS = frozenset(
    {
        *("get", "get_state", "with_start", "owners", "active", "unpublished", "known", "waiting"),
        *("status", "running", "input", "request_status"),
    }
)
"""Methods that change nothing that is ours."""


class Operation(NamedTuple):
    """One request to a service."""

    port: str
    method: str
    arguments: tuple[Any, ...]


class Suspended(BaseException):
    """A function reaches an operation that has no result yet; not an Exception, which functions may catch."""

    def __init__(self, operation: Operation) -> None:
        super().__init__(operation)
        self.operation = operation


class Unavailable(Exception):
    """An operation failed, as one of a service that cannot be reached; whether it was done is not known."""


class Replay:
    """The results of a function's operations so far."""

    def __init__(self) -> None:
        self._results: tuple[Any, ...] = ()
        self._read = 0

    def load(self, results: tuple[Any, ...]) -> None:
        """Start again, with these results."""
        self._results, self._read = results, 0

    def perform(self, port: str, method: str, *arguments: Any) -> Any:
        """Result of the next operation; suspends the function if there is none."""
        if self._read == len(self._results):
            raise Suspended(Operation(port, method, arguments))
        result = self._results[self._read]
        self._read += 1
        if isinstance(result, Exception):
            raise result.with_traceback(None)
        return result


class ReplayedWatchStore(WatchStore):
    def __init__(self, replay: Replay) -> None:
        self._replay = replay

    def get(self, watch_id: str) -> StoredWatch | None:
        found = self.get_state(watch_id)
        return found and self._replay.perform("watches", "with_start", found)

    def get_state(self, watch_id: str) -> StoredWatch | None:
        found: StoredWatch | None = self._replay.perform("watches", "get_state", watch_id)
        return found

    def owners(self, watch_ids: Iterable[str]) -> dict[str, str]:
        found: dict[str, str] = self._replay.perform("watches", "owners", tuple(watch_ids))
        return found

    def register(
        self,
        watch: Watch,
        execution: str,
        start: Start,
        *,
        keeps_log: bool,
        result: WatchResult | None = None,
        start_events: Sequence[str] = (),
    ) -> None:
        self._replay.perform("watches", "register", watch, execution, start, keeps_log, result, tuple(start_events))

    def start_attempt(
        self,
        watch: Watch,
        execution: str,
        start: Start,
        *,
        ended: StoredWatch,
        keeps_log: bool,
        start_events: Sequence[str],
    ) -> None:
        read, events = self.get_state(watch.watch_id), tuple(start_events)
        self._replay.perform("watches", "replace_attempt", read, ended, watch, execution, start, keeps_log, events)

    def add_start_event(self, record: StoredWatch, events: Sequence[str], start: Start) -> None:
        self._replay.perform("watches", "add_start_event", record, tuple(events), start)

    def save(self, watch: Watch, before: Watch | None = None) -> None:
        try:
            self._replay.perform("watches", "save", watch, before)
        except Unavailable as error:
            raise WriteUnconfirmed(str(error)) from None

    def transfer_ownership(self, watch: Watch, execution: str, before: Watch | None = None) -> None:
        self._replay.perform("watches", "transfer_ownership", watch, execution, before)

    def end(self, watch: Watch, result: WatchResult, before: Watch | None = None) -> None:
        self._replay.perform("watches", "end", watch, result, before)

    def record_log(self, watch: Watch, log: LogRecord, response: str | None) -> None:
        self._change_attempt(watch, "record_log", watch, log, response)

    def record_published(self, watch: Watch, now: float) -> None:
        self._change_attempt(watch, "record_published", watch, now)

    def record_event_sent(self, watch: Watch, now: float) -> None:
        self._change_attempt(watch, "record_event_sent", watch, now)

    def record_settled(self, record: StoredWatch, now: float) -> None:
        self._change_attempt(record.watch, "record_settled", record, now)

    def active(
        self, token: PageToken | None = None, *, until: float | None = None
    ) -> Iterator[tuple[str, float, PageToken]]:
        yield from self._replay.perform("watches", "active", token, until)

    def unpublished(self, token: PageToken | None = None) -> Iterator[tuple[str, float, PageToken]]:
        yield from self._replay.perform("watches", "unpublished", token)

    def _change_attempt(self, watch: Watch, method: str, *arguments: Any) -> None:
        """Change an ended attempt as the real one does: where a later one has replaced it, with a second request."""
        try:
            self._replay.perform("watches", method, *arguments, watch.watch_id)
        except Conflict as conflict:
            if conflict.record is None or conflict.record.watch.attempt <= watch.attempt:
                raise
            self._replay.perform("watches", method, *arguments, attempt_key(watch.watch_id, watch.attempt))


class ReplayedTaskTokens(TaskTokens):
    def __init__(self, replay: Replay) -> None:
        self._replay = replay

    def waiting(self, watch_id: str, attempt: int) -> list[str]:
        return list(self._replay.perform("tokens", "waiting", watch_id, attempt))

    def send(self, entry: str, event: dict[str, JSON]) -> TokenResult:
        done: TokenResult = self._replay.perform("tokens", "send", entry, event)
        return done

    def delete(self, watch_id: str, entry: str) -> None:
        self._replay.perform("tokens", "delete", watch_id, entry)


class ReplayedConnectionStore(ConnectionStore):
    def __init__(self, replay: Replay) -> None:
        self._replay = replay

    def get(self, vendor: str, connection: str, *, consistent: bool = False) -> ConnectionState:  # noqa: ARG002
        found: ConnectionState = self._replay.perform("states", "get", vendor, connection)
        return found

    def get_many(self, connections: Iterable[tuple[str, str]]) -> dict[tuple[str, str], ConnectionState]:
        return {one: self.get(*one) for one in connections}

    def known(self, after: tuple[str, str] | None = None) -> Iterator[tuple[str, str]]:
        yield from self._replay.perform("states", "known", after)

    def watch_began(self, vendor: str, connection: str) -> ConnectionState:
        found: ConnectionState = self._replay.perform("states", "watch_began", vendor, connection)
        return found

    def watch_withdrawn(self, vendor: str, connection: str) -> None:
        self._replay.perform("states", "watch_withdrawn", vendor, connection)

    def watch_ended(self, watch: Watch, running_time: RunningTime | None) -> None:
        with suppress(Unavailable):
            self._replay.perform("states", "watch_ended", watch, running_time)

    def throttled(self, watch: Watch, until: float) -> None:
        with suppress(Unavailable):  # the real one raises nothing either
            self._replay.perform("states", "throttled", watch, until)

    def limit_read(self, watch: Watch, per_minute: float | None) -> None:
        with suppress(Unavailable):
            self._replay.perform("states", "limit_read", watch, per_minute)

    def repair(self, vendor: str, connection: str, counted: int, seen: int) -> bool:
        done: bool = self._replay.perform("states", "repair", vendor, connection, counted, seen)
        return done


class ReplayedSweepCursorStore(SweepCursorStore):
    def __init__(self, replay: Replay) -> None:
        self._replay = replay

    def get(self) -> SweepCursor:
        found: SweepCursor = self._replay.perform("cursors", "get")
        return found

    def keep(self, token: SweepCursor) -> None:
        self._replay.perform("cursors", "keep", token)


class ReplayedExecutions(Executions):
    def __init__(self, replay: Replay) -> None:
        super().__init__()
        self._replay = replay

    def status(self, execution: str) -> ExecutionStatus:
        found: ExecutionStatus = self._replay.perform("executions", "status", execution)
        return found

    def running(self, state_machine: str) -> Iterator[list[str]]:  # noqa: ARG002
        yield self._replay.perform("executions", "running")

    def input(self, execution: str) -> JSON:
        return self._replay.perform("executions", "input", execution)

    def start(self, watch: Watch, state_machine: str) -> None:
        self._replay.perform("executions", "start", watch, state_machine)

    def stop(self, execution: str, cause: str) -> None:  # noqa: ARG002
        self._replay.perform("executions", "stop", execution)


class ReplayedTopic(Topic):
    def __init__(self, replay: Replay) -> None:
        self._replay = replay

    def publish(self, event: dict[str, JSON]) -> None:
        self._replay.perform("topic", "publish", event)

    def publish_stalled(self, event: dict[str, JSON]) -> None:
        self._replay.perform("stalled", "publish", event)


class ReplayedEventBus(EventBus):
    def __init__(self, replay: Replay) -> None:
        self._replay = replay

    def send(self, event: dict[str, JSON]) -> None:
        self._replay.perform("bus", "send", event)


class ReplayedArchiving(Archiving):
    """The real one, over an archive that is no bucket."""

    def __init__(self, replay: Replay, watches: WatchStore) -> None:
        super().__init__("archive", watches, keeps_log=False)
        self._replay = replay

    def _logs(self) -> LogArchive:
        return _ReplayedLogArchive(self._replay)


class _ReplayedLogArchive(LogArchive):
    def __init__(self, replay: Replay) -> None:
        self._replay = replay

    def keep(self, *_of: object) -> tuple[str, None]:
        self._replay.perform("archive", "put")
        return "s3://archive/answer.json", None

    def archive(self, *_of: object) -> Archived:
        self._replay.perform("archive", "put")
        return Archived(LogRecord(LogStatus.NONE), "s3://archive/answer.json")
