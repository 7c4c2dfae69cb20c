"""Runs the real functions one operation at a time, so that a search may do anything between two of them.

A function is run on a tape of the results that its operations have had so far. The first operation that has none
suspends it: the search performs that one when it likes, and has the function run again on the longer tape. So a
function that is under way is a plain value, the tape, which can be kept, compared and carried on twice; and each of
them runs the code once, however often the search comes by.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from import_watch.aws.connection_store import ConnectionState, ConnectionStates
from import_watch.aws.dynamodb import Position
from import_watch.aws.executions import Executions, ExecutionStatus
from import_watch.aws.log_archive import Archived, LogArchive
from import_watch.aws.sns import Topic
from import_watch.aws.sweep_cursor_store import SweepPosition, SweepPositions
from import_watch.aws.watch_store import NotWritten, Watches
from import_watch.model.observation import LogRecord, LogStatus
from import_watch.model.outcome import Ending
from import_watch.model.record import Record
from import_watch.model.serialization import JSON
from import_watch.model.watch import Start, Watch
from import_watch.services.archiving import Archiving

READS = frozenset({"get", "active", "unpublished", "known", "status", "input", "ask"})
"""Methods that change nothing that is ours."""


class Operation(NamedTuple):
    """One request to a service."""

    port: str
    method: str
    arguments: tuple[Any, ...]


class Suspended(BaseException):
    """A function comes to an operation that has no result yet; not an Exception, which functions may catch."""

    def __init__(self, operation: Operation) -> None:
        super().__init__(operation)
        self.operation = operation


class Unavailable(Exception):
    """An operation failed, as one of a service that cannot be reached; whether it was done is not known."""


class Tape:
    """The results of a function's operations so far."""

    def __init__(self) -> None:
        self._results: tuple[Any, ...] = ()
        self._read = 0

    def load(self, results: tuple[Any, ...]) -> None:
        """Begin anew, with these results."""
        self._results, self._read = results, 0

    def perform(self, port: str, method: str, *arguments: Any) -> Any:
        """Give the result of the next operation, or suspend the function before it."""
        if self._read == len(self._results):
            raise Suspended(Operation(port, method, arguments))
        result = self._results[self._read]
        self._read += 1
        if isinstance(result, Exception):
            raise result.with_traceback(None)
        return result


class TapedWatches(Watches):
    def __init__(self, tape: Tape) -> None:
        self._tape = tape

    def get(self, watch_id: str) -> Record | None:
        found: Record | None = self._tape.perform("watches", "get", watch_id)
        return found

    def register(
        self, watch: Watch, execution: str, start: Start, *, keeps_log: bool, ending: Ending | None = None
    ) -> None:
        self._tape.perform("watches", "register", watch, execution, start, keeps_log, ending)

    def save(self, watch: Watch, before: Watch | None = None) -> None:
        try:
            self._tape.perform("watches", "save", watch, before)
        except Unavailable as error:
            raise NotWritten(str(error)) from None

    def pass_on(self, watch: Watch, execution: str, before: Watch | None = None) -> None:
        self._tape.perform("watches", "pass_on", watch, execution, before)

    def end(self, watch: Watch, ending: Ending, before: Watch | None = None) -> None:
        self._tape.perform("watches", "end", watch, ending, before)

    def record_log(self, watch_id: str, log: LogRecord, answer: str | None) -> None:
        self._tape.perform("watches", "record_log", watch_id, log, answer)

    def record_published(self, watch_id: str, now: float) -> None:
        self._tape.perform("watches", "record_published", watch_id, now)

    def active(self, position: Position | None = None) -> Iterator[tuple[str, float, Position]]:
        yield from self._tape.perform("watches", "active", position)

    def unpublished(self, position: Position | None = None) -> Iterator[tuple[str, float, Position]]:
        yield from self._tape.perform("watches", "unpublished", position)


class TapedConnectionStates(ConnectionStates):
    def __init__(self, tape: Tape) -> None:
        self._tape = tape

    def get(self, vendor: str, connection: str, *, consistent: bool = False) -> ConnectionState:  # noqa: ARG002
        found: ConnectionState = self._tape.perform("states", "get", vendor, connection)
        return found

    def known(self, after: tuple[str, str] | None = None) -> Iterator[tuple[str, str]]:
        yield from self._tape.perform("states", "known", after)

    def watch_began(self, vendor: str, connection: str) -> ConnectionState:
        found: ConnectionState = self._tape.perform("states", "watch_began", vendor, connection)
        return found

    def watch_withdrawn(self, vendor: str, connection: str) -> None:
        self._tape.perform("states", "watch_withdrawn", vendor, connection)

    def watch_ended(self, watch: Watch, ending: Ending) -> None:
        with suppress(Unavailable):
            self._tape.perform("states", "watch_ended", watch, ending)

    def throttled(self, watch: Watch, until: float) -> None:
        with suppress(Unavailable):  # the real one raises nothing either
            self._tape.perform("states", "throttled", watch, until)

    def limit_read(self, watch: Watch, per_minute: float | None) -> None:
        with suppress(Unavailable):
            self._tape.perform("states", "limit_read", watch, per_minute)

    def repair(self, vendor: str, connection: str, counted: int, seen: int) -> bool:
        done: bool = self._tape.perform("states", "repair", vendor, connection, counted, seen)
        return done


class TapedSweepPositions(SweepPositions):
    def __init__(self, tape: Tape) -> None:
        self._tape = tape

    def get(self) -> SweepPosition:
        found: SweepPosition = self._tape.perform("positions", "get")
        return found

    def keep(self, position: SweepPosition) -> None:
        self._tape.perform("positions", "keep", position)


class TapedExecutions(Executions):
    def __init__(self, tape: Tape) -> None:
        super().__init__()
        self._tape = tape

    def status(self, execution: str) -> ExecutionStatus:
        found: ExecutionStatus = self._tape.perform("executions", "status", execution)
        return found

    def input(self, execution: str) -> JSON:
        return self._tape.perform("executions", "input", execution)

    def start(self, watch: Watch, state_machine: str) -> None:
        self._tape.perform("executions", "start", watch, state_machine)


class TapedTopic(Topic):
    def __init__(self, tape: Tape) -> None:
        self._tape = tape

    def publish(self, event: dict[str, JSON]) -> None:
        self._tape.perform("topic", "publish", event)


class TapedArchiving(Archiving):
    """The real one, over an archive that is no bucket."""

    def __init__(self, tape: Tape, watches: Watches) -> None:
        super().__init__("archive", watches, keeps_log=False)
        self._tape = tape

    def _logs(self) -> LogArchive:
        return _TapedLogArchive(self._tape)


class _TapedLogArchive(LogArchive):
    def __init__(self, tape: Tape) -> None:
        self._tape = tape

    def keep(self, *_of: object) -> str:
        self._tape.perform("archive", "put")
        return "s3://archive/answer.json"

    def archive(self, *_of: object) -> Archived:
        self._tape.perform("archive", "put")
        return Archived(LogRecord(LogStatus.NONE), "s3://archive/answer.json")
