"""Processes each notification of a queue once: a worker that drops repeats.

Environment: QUEUE_URL, a queue that is subscribed to the outcome topic with raw delivery; SEEN_TABLE, a DynamoDB table
with the key `id` and the TTL attribute `expiresAt`. A worker that dies between its claim and the end of its work leaves
the claim, which another one takes over after CLAIM_SECONDS.
"""

import json
import os
import time
from collections.abc import Callable
from typing import Any

import boto3

CLAIM_SECONDS, KEEP_SECONDS = 300, 14 * 86_400


def claim(table: Any, notification_id: str) -> bool:
    """Whether this worker may process a notification: it is not done, and no other worker has claimed it."""
    now = int(time.time())
    try:
        table.put_item(
            Item={"id": notification_id, "claimedAt": now, "expiresAt": now + KEEP_SECONDS},
            ConditionExpression="attribute_not_exists(id) OR (attribute_not_exists(done) AND claimedAt < :old)",
            ExpressionAttributeValues={":old": now - CLAIM_SECONDS},
        )
    except table.meta.client.exceptions.ConditionalCheckFailedException:
        return False
    return True


def work(process: Callable[[dict[str, Any]], None], *, wait_seconds: int = 20) -> int:
    """Receive messages once and process those that are new; returns their number."""
    queue = boto3.resource("sqs").Queue(os.environ["QUEUE_URL"])
    table = boto3.resource("dynamodb").Table(os.environ["SEEN_TABLE"])
    processed = 0
    for message in queue.receive_messages(MaxNumberOfMessages=10, WaitTimeSeconds=wait_seconds):
        notification = json.loads(message.body)
        key = {"id": notification["id"]}
        if claim(table, notification["id"]):
            process(notification)
            table.update_item(Key=key, UpdateExpression="SET done = :done", ExpressionAttributeValues={":done": True})
            processed += 1
        elif "done" not in table.get_item(Key=key, ConsistentRead=True).get("Item", {}):
            continue  # another worker is at it: the message comes again
        message.delete()
    return processed


if __name__ == "__main__":
    while True:
        work(lambda notification: print(notification["data"]["message"]))  # noqa: T201 - replace this by your work
