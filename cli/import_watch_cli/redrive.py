"""Sends dead letters again: start events to the bus, events about executions to the function that handles them.

It is safe to run twice: a repeated event starts no second watch, and a letter is removed from the queue only after its
event was accepted. An event is sent exactly as it is in the letter, digit for digit.
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from import_watch.aws.event_bus import SOURCE as OUTCOME_SOURCE
from import_watch.lifecycle.start_event import REDRIVEN, event_id
from import_watch.model.serialization import JSON
from import_watch.model.text import clean

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

HIDDEN_SECONDS = 120
"""Seconds for which a received letter is hidden at first: one that is left can soon be received again."""
MAX_HIDDEN_SECONDS = 43_200
"""Maximum of SQS for hiding a letter, in seconds."""
MAX_DEAD_LETTERS = 100_000
"""Maximum letters of one run: letters that return at once, because their cause is not fixed, do not keep it running
forever."""
MAX_SECONDS = 3_600
"""Maximum seconds of one run, for the same reason."""
EMPTY_RECEIVES = 3
"""Consecutive empty receives after which the queue counts as empty."""
MAX_ENTRY_BYTES = 262_144
"""Maximum bytes of an execution's input, which is the whole event. A bus accepts more."""
MAX_REASON = 500
"""Maximum characters of a reason, which may quote the content of a letter."""
CLOSED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "ResourceNotFoundException",
        "UnrecognizedClientException",
    }
)
"""Errors that every letter for the same destination would meet."""
PART = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]:,]')
"""A string, or a separator of values; the rest is numbers, literals and blanks."""


@dataclass
class Redriven:
    """The result of a run: how many letters of each kind were sent again, and why others were left."""

    put_back: Counter[str] = field(default_factory=Counter)
    left: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Stack:
    """The queue of the letters and the destinations of their events.

    Parameters
    ----------
    queue_url : str
        The dead letter queue.
    bus : str
        Name of the bus that receives start events.
    recover_function : str
        Name of the function that handles events about executions.
    """

    queue_url: str
    bus: str
    recover_function: str


@dataclass(frozen=True)
class Event:
    """An event in a letter.

    Parameters
    ----------
    kind, source : str
        Its `detail-type` and `source`.
    first_id : str or None
        The id that the bus gave it the first time, if it is usable.
    resources : tuple of str
        Without the mark of an event that was sent again.
    text, detail : str
        The event and its detail as they are written.
    """

    kind: str
    source: str
    first_id: str | None
    resources: tuple[str, ...]
    text: str
    detail: str


class NotAnEvent(ValueError):
    """The content of a letter is not an event."""


def redrive(stack: Stack, sqs: SQSClient, events: EventBridgeClient, functions: LambdaClient) -> Redriven:
    """Send every letter again that can be delivered, and return the result.

    Raises
    ------
    botocore.exceptions.ClientError
        If the queue cannot be read at all.
    """
    done = Redriven()
    letters = _Letters(sqs, stack.queue_url)
    destinations = _Destinations(stack, events, functions)
    delivered: set[str] = set()
    reasons: dict[str, str] = {}
    for key, letter in letters:
        if key in reasons and key not in delivered:
            continue
        if key not in delivered:
            try:
                event = read_event(letter.get("Body", ""))
                fault = destinations.deliver(event)
            except NotAnEvent as error:
                fault = str(error)
            if fault is not None:
                reasons[key] = fault
                continue
            delivered.add(key)
            done.put_back[event.kind] += 1
        try:
            sqs.delete_message(QueueUrl=stack.queue_url, ReceiptHandle=letter["ReceiptHandle"])
        except (ClientError, BotoCoreError) as error:
            reasons[key] = f"it was put back, and could not be taken out of the queue: {error}"
        else:
            reasons.pop(key, None)
    done.left = [f"{key}: {clean(reason)[:MAX_REASON]}" for key, reason in reasons.items()]
    if letters.unfinished is not None:
        done.left.append(letters.unfinished)
    return done


class _Letters:
    """The letters of the queue with a key for each, until it is empty; a letter that returns is listed again.

    A letter that is left returns after some time, and must neither end the run nor block the letters behind it. So a
    letter that returns is hidden for twice as long as before.

    Attributes
    ----------
    unfinished : str or None
        Why the queue may have letters that were not received.
    """

    def __init__(self, sqs: SQSClient, queue_url: str) -> None:
        self._sqs = sqs
        self._queue_url = queue_url
        self.unfinished: str | None = None

    def __iter__(self) -> Iterator[tuple[str, MessageTypeDef]]:
        hidden_for: dict[str, int] = {}
        seconds, empty, without_new = HIDDEN_SECONDS, 0, 0
        ends = time.monotonic() + MAX_SECONDS
        # The run also ends for a queue that returns the same letters however long they are hidden.
        while empty < EMPTY_RECEIVES and without_new < EMPTY_RECEIVES + len(hidden_for):
            if len(hidden_for) >= MAX_DEAD_LETTERS or time.monotonic() >= ends:
                self.unfinished = f"the run ended after {len(hidden_for):,} letters: start another for the rest"
                return
            try:
                found = self._sqs.receive_message(
                    QueueUrl=self._queue_url, MaxNumberOfMessages=10, VisibilityTimeout=seconds, WaitTimeSeconds=1
                ).get("Messages", [])
            except (ClientError, BotoCoreError) as error:
                if not hidden_for:
                    raise
                self.unfinished = f"the queue could not be read to its end: {error}"
                return
            known = len(hidden_for)
            letters = [(letter.get("MessageId") or letter["ReceiptHandle"], letter) for letter in found]
            for key, _ in letters:
                seconds = max(seconds, min(2 * hidden_for.get(key, 0), MAX_HIDDEN_SECONDS))
            for key, letter in letters:
                hidden_for[key] = seconds
                yield key, letter
            empty = 0 if found else empty + 1
            without_new = 0 if len(hidden_for) > known else without_new + 1


class _Destinations:
    """The destinations of events; one that would refuse every event is not tried again."""

    def __init__(self, stack: Stack, events: EventBridgeClient, functions: LambdaClient) -> None:
        self._stack = stack
        self._events = events
        self._functions = functions
        self._closed: dict[str, str] = {}

    def deliver(self, event: Event) -> str | None:
        """Send an event to its destination; the reason why it was not accepted, None where it was."""
        for_function = event.source == "aws.states"
        name = f"the function {self._stack.recover_function}" if for_function else f"the bus {self._stack.bus}"
        if name in self._closed:
            return f"it was not tried: {name} did not accept an earlier one: {self._closed[name]}"
        try:
            return _put_back(event, self._stack, self._events, self._functions)
        except (ClientError, BotoCoreError, ValueError) as error:
            code = error.response.get("Error", {}).get("Code") if isinstance(error, ClientError) else None
            if code in CLOSED:
                self._closed[name] = str(code)
            return f"{name} did not accept it: {error}"


def _put_back(event: Event, stack: Stack, events: EventBridgeClient, functions: LambdaClient) -> str | None:
    """Send an event to its destination; the reason why it was not accepted, None where it was."""
    if event.kind == "Scheduled Event":
        return None  # a failed sweep, which the next one has replaced
    if event.source == "aws.states":
        functions.invoke(FunctionName=stack.recover_function, InvocationType="Event", Payload=event.text.encode())
        return None
    if event.source == OUTCOME_SOURCE:
        return f"{event.kind} is an outcome, which starts nothing"
    # The bus gives it a new id, and an invalid event is identified by its first one.
    mark = () if event.first_id is None else (f"{REDRIVEN}{event.first_id}",)
    resources = [*event.resources, *mark]
    parts = (event.source, event.kind, event.detail, *resources)
    entry = sum(len(part.encode("utf-8", "surrogatepass")) for part in parts)
    # The whole event becomes the input of an execution.
    added = sum(len(part) + 3 for part in mark if part not in event.text)
    size = max(entry, len(event.text.encode("utf-8", "surrogatepass")) + added)
    if size > MAX_ENTRY_BYTES:
        return (
            f"it has {size:,} bytes, and an execution accepts {MAX_ENTRY_BYTES:,}: send its event again with less "
            "metadata, then delete it"
        )
    done = events.put_events(
        Entries=[
            {
                "EventBusName": stack.bus,
                "Source": event.source,
                "DetailType": event.kind,
                "Detail": event.detail,
                "Resources": resources,
            }
        ]
    )
    if not done["FailedEntryCount"]:
        return None
    refused, *_ = done["Entries"]
    why = " ".join(str(refused[name]) for name in ("ErrorCode", "ErrorMessage") if refused.get(name))
    return f"the bus {stack.bus} did not accept it: {why}"


def read_event(body: str) -> Event:
    """Read the event in a letter, which comes from a rule, or from a function that failed with it.

    Raises
    ------
    NotAnEvent
    """
    text = body.strip()
    members = _members(text)
    if members.get("requestPayload", "").startswith("{"):
        text = members["requestPayload"]
        members = _members(text)
    kind, source, resources = (_value(members.get(name)) for name in ("detail-type", "source", "resources"))
    if not isinstance(kind, str):
        raise NotAnEvent("it is not an event: it has no detail-type")
    named = [one for one in resources if isinstance(one, str)] if isinstance(resources, list) else []
    return Event(
        kind=kind,
        source=source if isinstance(source, str) else "unknown",
        first_id=event_id({"id": _value(members.get("id")), "resources": named}),
        resources=tuple(one for one in named if not one.startswith(REDRIVEN)),
        text=text,
        detail=members.get("detail", "null"),
    )


def _members(text: str) -> dict[str, str]:
    """Members of a JSON object, the value of each as it is written.

    Raises
    ------
    NotAnEvent
        If it is not a JSON object.
    """
    try:
        whole = json.loads(text, parse_int=str, parse_float=str, parse_constant=_refuse)
    except RecursionError:
        # The receiver decides whether it is too deep; the members of its first level are found nevertheless.
        whole = {} if text.lstrip().startswith("{") else None
    except ValueError as error:
        raise NotAnEvent(f"it is not an event: {error}") from None
    if not isinstance(whole, dict):
        raise NotAnEvent("it is not an event: it is no JSON object")
    found: dict[str, str] = {}
    depth, name, start = 0, "", None
    for part in PART.finditer(text):
        sign = part[0]
        if depth == 1 and sign in ",}" and start is not None:
            found[_name(name)] = text[start : part.start()].strip()
            start = None
        if depth == 1 and sign == ":":
            start = part.end()
        elif depth == 1 and start is None:
            name = sign
        depth += (sign in "{[") - (sign in "}]")
    return found


def _name(text: str) -> str:
    try:
        return str(json.loads(text, strict=False))
    except (ValueError, RecursionError):
        raise NotAnEvent("it is not an event: a name in it is no JSON") from None


def _refuse(constant: str) -> None:
    raise NotAnEvent(f"it is not an event: {constant} is not JSON")


def _value(text: str | None) -> JSON:
    """A value that is short and flat in a valid event; None where it is not JSON or too deep."""
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        return None
