"""What a person does with watches: start one, start it again, wake it, stop it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from import_watch.lifecycle.attempts import NotStarted, why_not_started
from import_watch.lifecycle.start_event import IMPORT_CHANGED, IMPORT_STARTED, parse
from import_watch.model.outcome import Reason
from import_watch.model.record import StoredWatch
from import_watch.model.serialization import JSON
from import_watch.model.watch import MAX_TIMEOUT_SECONDS

from import_watch_cli.checkout import vendor_registry
from import_watch_cli.durations import age_in
from import_watch_cli.errors import NOT_DONE, USAGE, CommandError, code_of, one_line
from import_watch_cli.rows import is_invalid
from import_watch_cli.stack import Stack
from import_watch_cli.watches import Watches

if TYPE_CHECKING:
    from import_watch.aws.watch_store import WatchStore

SOURCE = "import-watch-cli"
"""Source of the events: `import-watch` is that of outcomes."""
FIRST_RELEASE = (0, 3, 0)
"""Release of the stack from which on watches can be started again, woken and stopped with a reason."""
MAX_REASON = 200
"""Maximum characters of the reason for stopping a watch."""
MAX_STOPS = 3
"""Executions of one watch that are stopped, if it is handed over meanwhile."""


@dataclass(frozen=True, slots=True)
class Done:
    """What was done.

    Parameters
    ----------
    action : str
        `start`, `again`, `wake` or `stop`.
    watch_id : str
    text : str
        One sentence for a person.
    event_id : str or None
        The event that was sent.
    """

    action: str
    watch_id: str
    text: str
    event_id: str | None = None

    def to_json(self) -> dict[str, JSON]:
        """Stable form for programs."""
        return {"action": self.action, "watchId": self.watch_id, "eventId": self.event_id, "text": self.text}


def start(
    stack: Stack,
    vendor: str,
    import_id: str,
    connection: str = "default",
    *,
    correlation_id: str | None = None,
    timeout_seconds: int | None = None,
) -> Done:
    """Start to watch an import: send its start event.

    Raises
    ------
    CommandError
        If the event is invalid, naming each fault, or the bus does not accept it.
    """
    detail: dict[str, JSON] = {"vendor": vendor, "importId": import_id, "connection": connection}
    if correlation_id is not None:
        detail["correlationId"] = correlation_id
    if timeout_seconds is not None:
        detail["timeoutSeconds"] = timeout_seconds
    key = _checked(detail)
    event = _send(stack, IMPORT_STARTED, detail)
    return Done("start", key, f"The start event was sent; the watch is {key}.", event)


def watch_key(vendor: str, import_id: str, connection: str = "default") -> str:
    """Id of the watch of an import.

    Raises
    ------
    CommandError
        Naming each invalid argument.
    """
    return _checked({"vendor": vendor, "importId": import_id, "connection": connection})


def why_nothing_starts(record: StoredWatch, *, watch_again: bool = False) -> str | None:
    """Why a start event starts nothing where there is this watch already; None where it starts an attempt.

    Parameters
    ----------
    record : StoredWatch
        The latest attempt.
    watch_again : bool
        Whether the event wants an attempt although the outcome is known.
    """
    key = record.watch.watch_id
    outcome = record.result.outcome.value if record.result else "active"
    match why_not_started(record, "", watch_again=watch_again):
        case NotStarted.OUTCOME_KNOWN:
            return f"{key} has ended as {outcome} already: `import-watch again` watches it again."
        case NotStarted.TOO_MANY_ATTEMPTS:
            return (
                f"{key} has had {record.watch.attempt} attempts, and no more are made: check the import at the vendor."
            )
        case None:
            return None
        case _:
            return f"{key} is watched already."


def again(stack: Stack, record: StoredWatch, *, timeout_seconds: int | None = None) -> Done:
    """Start a new attempt of an ended watch, as its start event had it.

    Parameters
    ----------
    stack : Stack
    record : StoredWatch
        The latest attempt.
    timeout_seconds : int, optional
        How long the new attempt may last; by default as long as the latest one.

    Raises
    ------
    CommandError
        If it has not ended, or cannot be started again.
    """
    watch = record.watch
    stack.require(FIRST_RELEASE, "Starting a watch again")
    if record.result is None:
        raise CommandError(
            f"{watch.watch_id} is still active: wait for its outcome, or end it with `import-watch stop`.", NOT_DONE
        )
    if is_invalid(watch.watch_id):
        raise CommandError(
            "The start event of this watch was invalid, so there is no import to watch: send a valid one with "
            "`import-watch start`."
        )
    refusal = why_nothing_starts(record, watch_again=True)
    if refusal is not None:
        raise CommandError(refusal, NOT_DONE)
    detail: dict[str, JSON] = {
        "vendor": watch.vendor,
        "importId": watch.import_id,
        "connection": watch.connection,
        "watchAgain": True,
        "timeoutSeconds": timeout_of(record) if timeout_seconds is None else timeout_seconds,
    }
    if record.correlation_id is not None:
        detail["correlationId"] = record.correlation_id
    if record.metadata is not None:
        detail["metadata"] = record.metadata
    _checked(detail)
    event = _send(stack, IMPORT_STARTED, detail)
    attempt = watch.attempt + 1
    return Done("again", watch.watch_id, f"The start event of attempt {attempt} of {watch.watch_id} was sent.", event)


def timeout_of(record: StoredWatch) -> int:
    """How many seconds a watch could last, within what a start event may have."""
    return max(1, min(round(record.watch.deadline - record.watch.registered_at), MAX_TIMEOUT_SECONDS))


def checked_timeout(age: str) -> int:
    """Seconds that a watch may last, from an age.

    Raises
    ------
    CommandError
        If it is no age, or a watch cannot last so long.
    """
    seconds = int(age_in(age))
    if not 1 <= seconds <= MAX_TIMEOUT_SECONDS:
        raise CommandError(f"--watch-for must be from 1s to {MAX_TIMEOUT_SECONDS // 86_400}d, not {age!r}.")
    return seconds


def wake(stack: Stack, record: StoredWatch) -> Done:
    """Have an active watch polled in the next free slot of its connection.

    Raises
    ------
    CommandError
        If it is not active.
    """
    watch = record.watch
    stack.require(FIRST_RELEASE, "Waking a watch")
    if record.result is not None:
        raise CommandError(
            f"{watch.watch_id} has ended as {record.result.outcome.value}: `import-watch again` watches it again.",
            NOT_DONE,
        )
    if watch.awaiting_log is not None:
        raise CommandError(
            f"The import of {watch.watch_id} has ended as {watch.awaiting_log.outcome.value}, and its log is awaited, "
            "for a minute at most: nothing was changed.",
            NOT_DONE,
        )
    detail = {"vendor": watch.vendor, "importId": watch.import_id, "connection": watch.connection}
    event = _send(stack, IMPORT_CHANGED, detail)
    return Done(
        "wake", watch.watch_id, f"A poll of {watch.watch_id} was requested, in its connection's next free slot.", event
    )


def stop(stack: Stack, record: StoredWatch, reason: str) -> Done:
    """End an active watch as UNKNOWN, WATCH_STOPPED; the import itself continues at the vendor.

    Parameters
    ----------
    stack : Stack
    record : StoredWatch
    reason : str
        For the notification.

    Raises
    ------
    CommandError
        If it is not active, or its outcome is known already.
    """
    reason = checked_reason(reason)
    stack.require(FIRST_RELEASE, "Stopping a watch with a reason")
    store = Watches(stack).store
    for _ in range(MAX_STOPS):
        _stop_owner(stack, store, record, reason)
        latest = store.get(record.watch.watch_id)
        if latest is None or latest.result is not None or latest.watch.generation == record.watch.generation:
            break
        record = latest  # it was handed over, or woken, before its execution could be stopped
    watch_id = record.watch.watch_id
    if latest is not None and latest.result is not None and latest.result.reason != Reason.WATCH_STOPPED:
        raise CommandError(
            f"{watch_id} has ended as {latest.result.outcome.value}: there was nothing to stop.", NOT_DONE
        )
    return Done("stop", watch_id, f"The watch {watch_id} was stopped; the import itself continues.")


def _stop_owner(stack: Stack, store: WatchStore, record: StoredWatch, reason: str) -> None:
    from import_watch.aws.watch_writer import Conflict

    watch = record.watch
    _refuse_outcome(record)
    try:
        store.record_stop(watch, reason)
    except Conflict as conflict:
        if conflict.record is not None:
            _refuse_outcome(conflict.record)
        raise CommandError(
            f"{watch.watch_id} has changed in the meantime: look at it with `import-watch show`, then stop it again.",
            NOT_DONE,
        ) from None
    _stop_execution(stack, record.execution, reason)


def _refuse_outcome(record: StoredWatch) -> None:
    """Refuse to stop a watch whose outcome is known: that outcome stands."""
    watch = record.watch
    if record.result is not None:
        raise CommandError(
            f"{watch.watch_id} has ended as {record.result.outcome.value} already: there is nothing to stop.", NOT_DONE
        ) from None
    if watch.awaiting_log is not None:
        raise CommandError(
            f"The import of {watch.watch_id} has ended as {watch.awaiting_log.outcome.value}, and that outcome stands: "
            "it is published once its log is there, in a minute at most. The watch was not stopped.",
            NOT_DONE,
        ) from None


def checked_reason(reason: str) -> str:
    """Reason for stopping a watch, without blanks around it.

    Raises
    ------
    CommandError
        If it is empty, too long, or not printable.
    """
    reason = reason.strip()
    if not 1 <= len(reason) <= MAX_REASON or not reason.isprintable():
        raise CommandError(f"--reason must be a text of 1 to {MAX_REASON} printable characters.")
    return reason


def _stop_execution(stack: Stack, execution: str, reason: str) -> None:
    from botocore.exceptions import ClientError

    try:
        stack.client("stepfunctions").stop_execution(executionArn=execution, error="WatchStopped", cause=reason)
    except ClientError as error:
        # It may have ended in this moment, or never have started: recover_watches ends the watch in each case.
        if code_of(error) != "ExecutionDoesNotExist":
            raise


def _checked(detail: Mapping[str, JSON]) -> str:
    """Key of the watch that a start event starts.

    Raises
    ------
    CommandError
        Naming each fault of the event.
    """
    registry = vendor_registry()
    read = parse({"detail": dict(detail)}, registry.names, registry.adapter)
    if read.faults:
        raise CommandError(f"No import can be watched so: {one_line('; '.join(read.faults))}.", USAGE)
    return read.watch_id


def _send(stack: Stack, kind: str, detail: Mapping[str, JSON]) -> str:
    """Put an event on the stack's bus, and return its id.

    Raises
    ------
    CommandError
        If the bus does not accept it.
    """
    entry: dict[str, Any] = {
        "Source": SOURCE,
        "DetailType": kind,
        "Detail": json.dumps(detail),
        "EventBusName": stack.output("ImportBusName"),
    }
    done = stack.client("events").put_events(Entries=[entry])
    result = done["Entries"][0]
    if done["FailedEntryCount"]:
        why = " ".join(str(result[name]) for name in ("ErrorCode", "ErrorMessage") if result.get(name))
        raise CommandError(f"The bus {entry['EventBusName']} did not accept the event: {one_line(why)}.", NOT_DONE)
    return str(result["EventId"])
