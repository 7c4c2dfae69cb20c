"""The whole story of one watch: from its item, the histories of the executions that owned it, and the archive."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise
from typing import Any

from import_watch.lifecycle.execution_names import sibling_arn, successor_name
from import_watch.model.observation import FINISHED
from import_watch.model.outcome import Reason
from import_watch.model.record import StoredWatch
from import_watch.model.serialization import JSON
from import_watch.model.text import clean
from import_watch.model.timestamps import iso
from import_watch.notifications.console_pages import execution_page, object_page
from import_watch.notifications.cost import estimated_cost
from import_watch.notifications.messages import duration

from import_watch_cli.durations import counted
from import_watch_cli.errors import code_of, sentence_of
from import_watch_cli.rows import WatchRow, row_of
from import_watch_cli.stack import Stack
from import_watch_cli.watches import Watches

MAX_EXECUTIONS = 200
"""Maximum executions whose histories are read; the latest ones."""
MAX_PAGES = 40
"""Maximum pages of one history: one of 25,000 events has 25."""
PAGE_SIZE = 1_000
MAX_TEXT = 500
ENDS = {
    "ExecutionFailed": "the execution failed",
    "ExecutionAborted": "the execution was stopped",
    "ExecutionTimedOut": "the execution timed out",
}


@dataclass(frozen=True, slots=True)
class Poll:
    """One poll of a watch.

    Parameters
    ----------
    number : int
    at : float
        Epoch seconds.
    state : str or None
        Import state; None where the poll failed.
    fraction : float or None
    vendor_status : str or None
        The raw status.
    error : str or None
        Why the poll failed.
    seconds : float or None
        Until the next poll; None for the last one.
    """

    number: int
    at: float
    state: str | None
    fraction: float | None
    vendor_status: str | None
    error: str | None
    seconds: float | None

    def to_json(self) -> dict[str, JSON]:
        """Stable form for programs."""
        return {
            "number": self.number,
            "at": iso(self.at),
            "state": self.state,
            "fraction": self.fraction,
            "vendorStatus": self.vendor_status,
            "error": self.error,
            "seconds": self.seconds,
        }


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the story.

    Parameters
    ----------
    at : float or None
        Epoch seconds; None where the time is not known.
    kind : str
        `registered`, an import state, `poll failed`, `handed over`, `execution ended`, an outcome, `log`, `published`.
    text : str
    """

    at: float | None
    kind: str
    text: str

    def to_json(self) -> dict[str, JSON]:
        """Stable form for programs."""
        return {"at": iso(self.at), "kind": self.kind, "text": self.text}


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """An object of the archive."""

    location: str
    bytes: int
    at: float


@dataclass(frozen=True, slots=True)
class Story:
    """The story of one attempt of a watch.

    Parameters
    ----------
    record : StoredWatch
    row : WatchRow
    events : tuple of Event
    polls : tuple of Poll
    attempts : tuple of WatchRow
        All attempts that are still stored, the first one first.
    executions : tuple of str
        ARNs of the executions that owned it, as far as they are known, the first one first.
    files : tuple of ArchivedFile
        Objects of the archive.
    cost_usd : float
        Estimated cost.
    links : mapping of str to str
        Pages of the AWS console.
    notes : tuple of str
        What could not be read, and why.
    """

    record: StoredWatch
    row: WatchRow
    events: tuple[Event, ...]
    polls: tuple[Poll, ...]
    attempts: tuple[WatchRow, ...]
    executions: tuple[str, ...]
    files: tuple[ArchivedFile, ...]
    cost_usd: float
    links: dict[str, str]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, JSON]:
        """Stable form for programs: that of a list's line, and more."""
        result, log = self.record.result, self.record.log
        return {
            **self.row.to_json(),
            "message": result.message if result else None,
            "vendorStatus": result.vendor_status if result else self.record.watch.vendor_status,
            "counts": dict(result.counts) if result else {},
            "problems": [{"severity": one.severity.value, "text": one.text} for one in result.problems]
            if result
            else [],
            "detectionLagSeconds": result.detection_lag_seconds if result else None,
            "publishedAt": iso(self.record.published_at),
            "log": None
            if log is None
            else {"status": log.status.value, "location": log.location, "source": log.source, "bytes": log.bytes},
            "response": self.record.response,
            "metadata": self.record.metadata,
            "estimatedCostUsd": self.cost_usd,
            "events": [event.to_json() for event in self.events],
            "pollsSeen": [poll.to_json() for poll in self.polls],
            "attempts": [row.to_json() for row in self.attempts],
            "executions": list(self.executions),
            "files": [{"location": one.location, "bytes": one.bytes, "at": iso(one.at)} for one in self.files],
            "links": dict(self.links),
            "notes": list(self.notes),
        }


@dataclass(slots=True)
class _Read:
    """What the histories of the executions have."""

    polls: list[Poll] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    started_by: str | None = None


def story_of(stack: Stack, record: StoredWatch) -> Story:
    """Story of a watch, or of one of its earlier attempts; what cannot be read is missing, with a note.

    Parameters
    ----------
    stack : Stack
    record : StoredWatch
    """
    owners = owners_of(record)
    read = _Read()
    if record.watch.executions > len(owners):
        missing = record.watch.executions - len(owners)
        read.notes.append(f"The polls of {missing} earlier execution(s) are not known: their names are not stored.")
    for number, execution in enumerate(owners[-MAX_EXECUTIONS:], 1):
        _read_history(stack, record, execution, read, first=number == 1)
    polls = _unique(read.polls)
    files = _files(stack, record, read)
    return Story(
        record=record,
        row=row_of(record),
        events=tuple(_events(record, polls, read, files)),
        polls=tuple(polls),
        attempts=tuple(Watches(stack).attempts(record)),
        executions=owners,
        files=files,
        cost_usd=estimated_cost(record.watch),
        links=_links(stack, record),
        notes=tuple(read.notes),
    )


def owners_of(record: StoredWatch) -> tuple[str, ...]:
    """ARNs of the executions that owned an attempt, as far as they are known, the first one first.

    Items of older releases have only the present one; the names of all but the first follow from the watch.
    """
    if record.owners:
        return tuple(dict.fromkeys((*record.owners, record.execution)))
    watch, execution = record.watch, record.execution
    earlier = (
        sibling_arn(execution, successor_name(replace(watch, generation=generation)))
        for generation in range(max(2, watch.generation - MAX_EXECUTIONS), watch.generation)
    )
    return tuple(dict.fromkeys((*earlier, execution)))


def _read_history(stack: Stack, record: StoredWatch, execution: str, read: _Read, *, first: bool) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        for event in _history(stack, execution):
            _take(event, record, read, first=first)
    except (BotoCoreError, ClientError) as error:
        name = execution.rpartition(":")[2]
        if code_of(error) == "ExecutionDoesNotExist":
            read.notes.append(f"The history of execution {name} no longer exists: AWS keeps it for 90 days.")
        else:
            read.notes.append(f"The history of execution {name} could not be read: {sentence_of(error, stack.region)}")


def _history(stack: Stack, execution: str) -> Iterator[dict[str, Any]]:
    client = stack.client("stepfunctions")
    query = {"executionArn": execution, "maxResults": PAGE_SIZE, "includeExecutionData": True}
    for _ in range(MAX_PAGES):
        page = client.get_execution_history(**query)
        yield from page["events"]
        if not page.get("nextToken"):
            return
        query["nextToken"] = page["nextToken"]


def _take(event: dict[str, Any], record: StoredWatch, read: _Read, *, first: bool) -> None:
    """Add what an event of a history means."""
    at, kind = event["timestamp"].timestamp(), event["type"]
    if kind == "ExecutionStarted" and first:
        given = _json(event.get("executionStartedEventDetails", {}).get("input"))
        identifier = given.get("id")
        read.started_by = clean(identifier)[:100] if isinstance(identifier, str) else None
    elif kind in ENDS:
        details: dict[str, Any] = next((value for name, value in event.items() if name.endswith("EventDetails")), {})
        cause = clean(str(details.get("cause") or details.get("error") or ""))[:MAX_TEXT]
        read.events.append(Event(at, "execution ended", ENDS[kind] + (f": {cause}" if cause else "")))
    elif kind == "TaskStateExited":
        details = event.get("stateExitedEventDetails", {})
        output = _json(details.get("output"))
        if details.get("name") == "PollVendor":
            _take_poll(at, output, record, read)
        elif details.get("name") == "HandOver":
            read.events.append(Event(at, "handed over", "to the next execution"))


def _take_poll(at: float, output: dict[str, Any], record: StoredWatch, read: _Read) -> None:
    watch = output.get("watch")
    if not isinstance(watch, dict) or watch.get("watchId") != record.watch.watch_id:
        return
    number = watch.get("polls")
    if not isinstance(number, int) or (read.polls and number <= read.polls[-1].number):
        return  # a poll that was deferred, or of an execution that had lost the watch
    failed = bool(watch.get("failures"))
    progress = watch.get("progress")
    seconds = output.get("seconds")
    polled_at = watch.get("lastPollAt")
    read.polls.append(
        Poll(
            number=number,
            at=float(polled_at) if isinstance(polled_at, int | float) else at,
            state=None if failed else _text(watch.get("importState")),
            fraction=progress.get("fraction") if isinstance(progress, dict) and not failed else None,
            vendor_status=None if failed else _text(watch.get("vendorStatus")),
            error=(_text(watch.get("lastTrouble")) or "no reason is stored") if failed else None,
            seconds=float(seconds) if isinstance(seconds, int | float) else None,
        )
    )


def _unique(polls: Sequence[Poll]) -> list[Poll]:
    return sorted({poll.number: poll for poll in polls}.values(), key=lambda poll: poll.number)


def _events(record: StoredWatch, polls: Sequence[Poll], read: _Read, files: Sequence[ArchivedFile]) -> Iterator[Event]:
    watch = record.watch
    by = f"by ImportStarted {read.started_by}" if read.started_by else "by ImportStarted"
    found = [
        Event(watch.registered_at, "registered", by + _reference(record)),
        *_runs(_unfinished(record, polls)),
        *read.events,
    ]
    yield from sorted(found, key=lambda event: event.at or 0.0)
    result = record.result
    # A reason is stored before the watch ends, and another outcome may come first.
    if record.stop_reason and (result is None or result.reason == Reason.WATCH_STOPPED):
        yield Event(None, "stop requested" if result is None else "stopped", clean(record.stop_reason))
    if result is None:
        awaited = watch.awaiting_log
        if awaited is not None:
            yield Event(awaited.detected_at, "awaiting log", f"ended as {awaited.outcome.value}; its log is awaited")
        return
    status = f'"{clean(result.vendor_status)}"; ' if result.vendor_status else ""
    yield Event(result.detected_at, result.outcome.value, status + result.message)
    log = record.log
    if log is not None:
        archived = next((one.at for one in files if one.location == log.location), None)
        where = log.location or log.source or ""
        reason = f" ({log.reason})" if log.reason else ""
        yield Event(archived, f"log {log.status.value.lower().replace('_', ' ')}", clean(where) + reason)
    if record.published_at is not None:
        yield Event(record.published_at, "published", "on the outcome topic")


def _unfinished(record: StoredWatch, polls: Sequence[Poll]) -> list[Poll]:
    """Polls before the outcome, which has a line of its own."""
    return [poll for poll in polls if record.result is None or poll.state not in FINISHED]


def _runs(polls: Sequence[Poll]) -> Iterator[Event]:
    """One event for each run of polls with the same result."""
    for (state, error), run in groupby(polls, key=lambda poll: (poll.state, poll.error)):
        mine = list(run)
        count = counted(len(mine), "poll")
        apart = [later.at - earlier.at for earlier, later in pairwise(mine)]
        if apart:
            least, most = round(min(apart)), round(max(apart))
            count += f", {least} s apart" if least == most else f", {least} to {most} s apart"
        following = mine[-1].seconds
        if error is not None:
            again = f"; polled again after {duration(following)}" if following is not None else ""
            yield Event(mine[0].at, "poll failed", f"{clean(error)[:MAX_TEXT]} ({count}){again}")
            continue
        status = f', status "{clean(mine[-1].vendor_status)}"' if mine[-1].vendor_status else ""
        done = f", {mine[-1].fraction:.0%} done" if mine[-1].fraction is not None else ""
        yield Event(mine[0].at, state or "polled", f"{count}{status}{done}")


def _reference(record: StoredWatch) -> str:
    return f" (correlationId {clean(record.correlation_id)})" if record.correlation_id else ""


def _files(stack: Stack, record: StoredWatch, read: _Read) -> tuple[ArchivedFile, ...]:
    from botocore.exceptions import BotoCoreError, ClientError

    location = (record.log.location if record.log else None) or record.response
    if location is None:
        return ()
    bucket, _, key = location.removeprefix("s3://").partition("/")
    if bucket != stack.outputs.get("LogArchiveBucketName"):
        return ()
    try:
        page = stack.client("s3").list_objects_v2(Bucket=bucket, Prefix=f"{key.rpartition('/')[0]}/", MaxKeys=PAGE_SIZE)
    except (BotoCoreError, ClientError) as error:
        read.notes.append(f"The archive could not be listed: {sentence_of(error, stack.region)}")
        return ()
    return tuple(
        ArchivedFile(f"s3://{bucket}/{one['Key']}", int(one["Size"]), one["LastModified"].timestamp())
        for one in page.get("Contents", ())
    )


def _links(stack: Stack, record: StoredWatch) -> dict[str, str]:
    if stack.is_local:
        return {}
    pages = {
        "execution": execution_page(record.execution),
        "log": object_page(record.log.location if record.log else None, record.execution),
    }
    return {name: page for name, page in pages.items() if page is not None}


def _json(text: Any) -> dict[str, Any]:
    try:
        value = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return clean(value)[:MAX_TEXT] if isinstance(value, str) else None
