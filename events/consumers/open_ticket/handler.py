"""Opens a ticket for an import that failed: a Lambda function that is subscribed to the outcome topic.

Environment: TICKETS_URL, the address that accepts tickets as JSON. The notification's id is the idempotency key, so a
repeat opens no second ticket. An error makes SNS deliver the notification again.
"""

import json
import os
import urllib.request
from typing import Any

SECONDS = 10


def ticket(notification: dict[str, Any]) -> dict[str, Any]:
    """Ticket for a notification: what happened, what to do next, and where the log is."""
    data = notification["data"]
    log = data["log"]["location"] or data["log"]["source"] or "there is none"
    lines = [data["message"], f"Log: {log}", *(problem["text"] for problem in data["problems"])]
    return {
        "title": f"{data['outcome']}: import {data['importId']} at {data['vendor']}",
        "text": "\n".join(lines),
        # UNKNOWN means that the result is not known: a person has to look before anything is started again.
        "urgent": data["outcome"] == "UNKNOWN" or data["retryable"] is False,
    }


def handler(event: dict[str, Any], _context: object) -> None:
    """Open one ticket for each notification."""
    for record in event["Records"]:
        notification = json.loads(record["Sns"]["Message"])
        if notification["type"] != "ImportFailed":
            continue
        request = urllib.request.Request(  # noqa: S310 - the address is the operator's own
            os.environ["TICKETS_URL"],
            data=json.dumps(ticket(notification)).encode(),
            headers={"Content-Type": "application/json", "Idempotency-Key": notification["id"]},
        )
        with urllib.request.urlopen(request, timeout=SECONDS):  # noqa: S310
            pass
