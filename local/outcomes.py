"""Reads what subscribers get: the messages of the outcomes queue, and the objects that they name."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the outcome topic, as an SQS subscriber with raw delivery gets it."""

    event: dict[str, Any]
    attributes: dict[str, str]


def receive(sqs: Any, queue_url: str) -> list[Message]:
    """Receive the available messages, and remove them from the queue."""
    found = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
    messages = []
    for message in found.get("Messages", []):
        attributes = {name: value["StringValue"] for name, value in message.get("MessageAttributes", {}).items()}
        messages.append(Message(json.loads(message["Body"]), attributes))
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
    return messages


def fetch(s3: Any, location: str) -> bytes:
    """Read an object by its `s3://` location."""
    bucket, _, key = location.removeprefix("s3://").partition("/")
    body: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return body
