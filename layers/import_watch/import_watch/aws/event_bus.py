"""Sends outcomes to an EventBridge bus, for rules of other systems."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from import_watch.model.serialization import JSON
from import_watch.notifications.notification import bounded, json_text

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

SOURCE = "import-watch"
"""Source of these events, by which the stack's own rules exclude them."""


class EventNotAccepted(Exception):
    """EventBridge responded that it did not accept an event."""


class EventBus:
    """An event bus.

    Parameters
    ----------
    name : str
        Its name or ARN.
    client : EventBridgeClient, optional
        An existing boto3 client.
    """

    def __init__(self, name: str, client: EventBridgeClient | None = None) -> None:
        self._name = name
        self._given = client

    @cached_property
    def _client(self) -> EventBridgeClient:
        return self._given or boto3.client(
            "events", config=Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 3})
        )

    def send(self, event: dict[str, JSON]) -> None:
        """Send a notification: its type is the event's detail-type, and the notification is the detail.

        Raises
        ------
        EventNotAccepted
            If EventBridge refuses it, for example because it throttles.
        botocore.exceptions.ClientError
            If the request fails.
        """
        shortened, _ = bounded(event)
        response = self._client.put_events(
            Entries=[
                {
                    "EventBusName": self._name,
                    "Source": SOURCE,
                    "DetailType": shortened["type"],
                    "Detail": json_text(shortened),
                }
            ]
        )
        if response["FailedEntryCount"]:
            raise EventNotAccepted(f"EventBridge did not accept the event: {response['Entries'][0].get('ErrorCode')}")
