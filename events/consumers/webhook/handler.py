"""Wakes the watch of an import when its vendor calls: a Lambda function behind a function URL.

Environment: BUS, the output ImportBusName of the stack; VENDOR; WEBHOOK_SECRET, which the vendor signs its requests
with: HMAC-SHA256 of the body, in hex, in the header `x-signature`. The role needs `events:PutEvents` on the bus.
"""

import base64
import hashlib
import hmac
import json
import os
from typing import Any

import boto3

events = boto3.client("events")


def is_signed(body: bytes, signature: str) -> bool:
    """Whether the body was signed with the shared secret; anybody can call a function URL."""
    expected = hmac.new(os.environ["WEBHOOK_SECRET"].encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode())


def handler(event: dict[str, Any], _context: object) -> dict[str, int]:
    """Send an `ImportChanged` event for the import that a request names by its `id`."""
    text = event.get("body") or ""
    body = base64.b64decode(text) if event.get("isBase64Encoded") else text.encode()
    if not is_signed(body, event["headers"].get("x-signature", "")):
        return {"statusCode": 401}
    try:
        import_id = str(json.loads(body)["id"])
    except (ValueError, KeyError, TypeError):
        return {"statusCode": 400}
    entry = {
        "EventBusName": os.environ["BUS"],
        "Source": "my.webhook",
        "DetailType": "ImportChanged",
        "Detail": json.dumps({"vendor": os.environ["VENDOR"], "importId": import_id}),
    }
    done = events.put_events(Entries=[entry])
    # The vendor calls again after an error.
    return {"statusCode": 502 if done["FailedEntryCount"] else 204}
