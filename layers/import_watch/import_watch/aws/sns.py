"""Publishes notifications to an SNS topic."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from import_watch.model.serialization import JSON
from import_watch.notifications.notification import (
    MAX_ATTRIBUTE,
    UNREADABLE,
    bounded,
    import_named_in,
    sns_message,
    stalled_mail,
)

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sns.type_defs import MessageAttributeValueTypeDef


class Topic:
    """Publishes to the outcome topic.

    Parameters
    ----------
    arn : str
        ARN of the topic.
    client : SNSClient, optional
        A boto3 client, for tests.
    """

    def __init__(self, arn: str, client: SNSClient | None = None) -> None:
        self._arn = arn
        self._sns: SNSClient = client or boto3.client(
            "sns", config=Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 3})
        )

    def publish(self, event: dict[str, JSON]) -> None:
        """Publish a notification: readable text to e-mail subscribers, JSON to all others.

        Raises
        ------
        botocore.exceptions.ClientError
            If SNS does not accept it.
        """
        event, message = bounded(event)
        self._send(event, message, subject_of(event))

    def publish_stalled(self, event: dict[str, JSON]) -> None:
        """Publish that an import is stalled: readable text to e-mail subscribers, JSON to all others.

        Raises
        ------
        botocore.exceptions.ClientError
            If SNS does not accept it.
        """
        message = sns_message(event, stalled_mail(event))
        self._send(event, message, f"STALLED: import {import_named_in(event['data'])}")

    def _send(self, event: dict[str, JSON], message: str, subject: str) -> None:
        data = event["data"]
        attributes: dict[str, MessageAttributeValueTypeDef] = {
            name: {"DataType": "String", "StringValue": UNREADABLE.sub("?", value)}
            for name, value in {
                "eventType": event["type"],
                "vendor": data["vendor"],
                "connection": data["connection"],
                "outcome": data.get("outcome"),
                "reason": (data.get("reason") or "")[:MAX_ATTRIBUTE],
            }.items()
            if value
        }
        self._sns.publish(
            TopicArn=self._arn,
            # SNS accepts up to 100 visible ASCII characters.
            Subject=re.sub(r"[^ -~]", "?", subject)[:100],
            Message=message,
            MessageStructure="json",
            MessageAttributes=attributes,
        )


def subject_of(event: dict[str, JSON]) -> str:
    """Subject of the e-mail about an outcome."""
    return f"{event['data']['outcome']}: import {import_named_in(event['data'])}"
