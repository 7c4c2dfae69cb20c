"""Puts dead letters back: start events on the bus, events about executions to the function that they were meant for.

Safe to run twice: an event that comes again starts no second watch, and a letter is taken out of the queue only once
it was accepted.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from import_watch.start_event import REDRIVEN

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

HIDDEN_SECONDS = 120
"""How long a letter that was taken is hidden from others, and one that cannot be put back from us."""
MOST_LETTERS = 100_000
"""Letters of one run: what comes back at once, because the cause is not mended, does not keep it running for ever."""


@dataclass
class Redriven:
    """What became of the letters: how many of each kind were put back, and why others were left."""

    put_back: Counter[str] = field(default_factory=Counter)
    left: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Stack:
    """Where letters are and where they belong.

    Parameters
    ----------
    queue_url : str
        The dead letter queue.
    bus : str
        Name of the bus that takes start events.
    recover_function : str
        Name of the function that takes events about executions.
    """

    queue_url: str
    bus: str
    recover_function: str


def redrive(stack: Stack, sqs: SQSClient, events: EventBridgeClient, functions: LambdaClient) -> Redriven:
    """Put every letter back that can be read, and give what became of them.

    Raises
    ------
    botocore.exceptions.ClientError
        If AWS does not let us; what was not put back by then is still in the queue.
    """
    done = Redriven()
    for letter in _letters(sqs, stack.queue_url):
        event = _event(letter.get("Body", ""))
        kind = str(event["detail-type"]) if event else "unreadable"
        fault = "it is not an event" if event is None else _put_back(event, stack, events, functions)
        if fault is None:
            sqs.delete_message(QueueUrl=stack.queue_url, ReceiptHandle=letter["ReceiptHandle"])
            done.put_back[kind] += 1
        else:
            done.left.append(f"{letter.get('MessageId')}: {fault}")
    return done


def _put_back(event: Mapping[str, Any], stack: Stack, events: EventBridgeClient, functions: LambdaClient) -> str | None:
    """Put an event back where it belongs; give why it was not taken, None where it was."""
    if event["detail-type"] == "Scheduled Event":
        return None  # a sweep that failed: the next one has made up for it
    if event.get("source") == "aws.states":
        functions.invoke(
            FunctionName=stack.recover_function, InvocationType="Event", Payload=json.dumps(event).encode()
        )
        return None
    if event["detail-type"] != "ImportStarted":
        return f"{event['detail-type']} is not an event of ours"
    done = events.put_events(
        Entries=[
            {
                "EventBusName": stack.bus,
                "Source": str(event.get("source")),
                "DetailType": "ImportStarted",
                "Detail": json.dumps(event.get("detail")),
                # The bus gives it a new id, and an event that cannot be watched is known by the one it had.
                "Resources": [f"{REDRIVEN}{event.get('id')}"],
            }
        ]
    )
    return f"the bus did not take it: {done['Entries'][0].get('ErrorCode')}" if done["FailedEntryCount"] else None


def _letters(sqs: SQSClient, queue_url: str) -> Iterator[MessageTypeDef]:
    seen: set[str] = set()
    while len(seen) < MOST_LETTERS:
        found = sqs.receive_message(
            QueueUrl=queue_url, MaxNumberOfMessages=10, VisibilityTimeout=HIDDEN_SECONDS, WaitTimeSeconds=1
        )
        fresh = [letter for letter in found.get("Messages", []) if letter.get("MessageId") not in seen]
        if not fresh:
            return
        seen.update(letter.get("MessageId", "") for letter in fresh)
        yield from fresh


def _event(body: str) -> dict[str, Any] | None:
    """Give the event in a letter: as a rule left it there, or as a function did that failed with it."""
    try:
        found = json.loads(body)
    except ValueError:
        return None
    if isinstance(found, Mapping) and isinstance(found.get("requestPayload"), Mapping):
        found = found["requestPayload"]
    return dict(found) if isinstance(found, Mapping) and "detail-type" in found else None
