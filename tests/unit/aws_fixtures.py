"""Fixtures of the tests with I/O: an AWS account in memory, and watches to store in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from threading import RLock
from typing import Any

import boto3
import moto.core.models
import pytest
from import_watch.aws.connection_store import CONNECTION, ConnectionState, ConnectionStore
from import_watch.aws.executions import Executions
from import_watch.aws.watch_store import WatchStore
from import_watch.model.outcome import Outcome, WatchResult
from import_watch.model.record import StoredWatch
from import_watch.model.watch import Start, Tolerance, Watch
from import_watch.services.registration import Registrar
from import_watch.services.vendor_registry import VendorRegistry
from import_watch.vendors.adapter import Adapter
from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber
from samtranslator.yaml_helper import yaml_parse

from local.paths import FUNCTIONS, TEMPLATE

REGION = "eu-west-1"
TABLE = "watches"
INDEX = "active-by-next-poll"
RETENTION = 90 * 86_400
NOW = 1_767_225_600.0
"""2026-01-01T00:00:00Z."""
EXECUTION = f"arn:aws:states:{REGION}:123456789012:execution:watch:first"
OTHER_EXECUTION = f"arn:aws:states:{REGION}:123456789012:execution:watch:second"
VENDORS = VendorRegistry(FUNCTIONS)
_LOCK = RLock()
_STUBBED = BotocoreStubber.__call__


def _one_by_one(stubber: BotocoreStubber, *given: Any, **named: Any) -> Any:
    """Respond to a request once the earlier ones have their responses."""
    with _LOCK:
        return _STUBBED(stubber, *given, **named)


@contextmanager
def aws_account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put an empty account in memory behind every boto3 client."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    # It stubs boto3 without them: the patterns of a thousand URLs, for users of `requests`, take longer to make
    # than most tests. A session is kept too, since each reads the services' models again.
    monkeypatch.setattr(moto.core.models, "RESPONSES_METHODS", [])
    # A service takes one write after the other; the one in memory loses some of those that come at once.
    monkeypatch.setattr(BotocoreStubber, "__call__", _one_by_one)
    with mock_aws(config={"core": {"reset_boto3_session": False}}):
        yield


@cache
def client(service: str) -> Any:
    """Cached boto3 client; clients are slow to make, and do not depend on the account.

    It has credentials of its own: one that looked for them outside an account, where there are none, would fail
    in every later test of this process.
    """
    return boto3.client(  # type: ignore[call-overload]
        service, region_name=REGION, aws_access_key_id="testing", aws_secret_access_key="testing"
    )


@cache
def _table() -> dict[str, Any]:
    properties = yaml_parse(TEMPLATE.read_text())["Resources"]["WatchTable"]["Properties"]
    names = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    return {name: properties[name] for name in names}


def watch_table() -> WatchStore:
    """Create the table as the template has it."""
    client("dynamodb").create_table(TableName=TABLE, **_table())
    return WatchStore(TABLE, RETENTION, client("dynamodb"))


def connection_store() -> ConnectionStore:
    """Store of connection state in that table."""
    return ConnectionStore(TABLE, client("dynamodb"))


def shared(vendor: str = "voyado", connection: str = "default") -> ConnectionState:
    """State that the watches of a connection share."""
    return connection_store().get(vendor, connection, consistent=True)


def state_machine() -> str:
    """Create a state machine whose executions run until they are stopped; start the first, and return its ARN."""
    arn: str = client("stepfunctions").create_state_machine(
        name="watch", definition="{}", roleArn="arn:aws:iam::123456789012:role/watch"
    )["stateMachineArn"]
    client("stepfunctions").start_execution(stateMachineArn=arn, name="first")
    return arn


def registrar(watches: WatchStore) -> Registrar:
    """Registrar of start events for that table."""
    return Registrar(VENDORS, watches, connection_store(), Executions(client("stepfunctions")), Tolerance())


@dataclass(frozen=True)
class Subscriber:
    """A queue that is subscribed to a topic."""

    topic: str
    queue: str

    def messages(self) -> list[dict[str, Any]]:
        """Take the messages, as SQS has them, that came since this was last called."""
        found = client("sqs").receive_message(
            QueueUrl=self.queue, MaxNumberOfMessages=10, WaitTimeSeconds=0, MessageAttributeNames=["All"]
        )
        return list(found.get("Messages", []))

    def events(self) -> list[dict[str, Any]]:
        """Take the notifications that came since this was last called."""
        return [json.loads(message["Body"]) for message in self.messages()]


def subscriber(name: str = "outcomes") -> Subscriber:
    """Create a topic with one subscriber."""
    topic: str = client("sns").create_topic(Name=name)["TopicArn"]
    queue: str = client("sqs").create_queue(QueueName=name)["QueueUrl"]
    client("sns").subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=f"arn:aws:sqs:{REGION}:123456789012:{name}",
        Attributes={"RawMessageDelivery": "true"},
    )
    return Subscriber(topic, queue)


def stored_item(watch_id: str) -> dict[str, Any]:
    """Read an item as DynamoDB has it."""
    found = client("dynamodb").get_item(TableName=TABLE, Key={"watchId": {"S": watch_id}})
    return dict(found["Item"])


def indexed() -> list[str]:
    """Ids of the watches in the sparse index, the next poll first."""
    return [key for _, key in sorted((due, key) for key, (_, due) in indexed_at().items())]


def indexed_at() -> dict[str, tuple[str, float]]:
    """Partition and sort key of each watch in the sparse index, by its id."""
    found = client("dynamodb").scan(TableName=TABLE, IndexName=INDEX)["Items"]
    watches = [item for item in found if item["active"]["S"] != CONNECTION]
    return {item["watchId"]["S"]: (item["active"]["S"], float(item["nextPollAt"]["N"])) for item in watches}


def adapter(vendor: str) -> Adapter:
    """Adapter of a vendor."""
    return VENDORS.adapter(vendor)


def a_watch(**changes: Any) -> Watch:
    """Watch of an import that was registered at `NOW`."""
    watch = Watch(
        watch_id="voyado#default#5512340987651234567",
        vendor="voyado",
        connection="default",
        import_id="5512340987651234567",
        registered_at=NOW,
        deadline=NOW + 86_400,
        next_poll_at=NOW + 5,
    )
    return replace(watch, **changes)


def a_start(**changes: Any) -> Start:
    """Start of that import."""
    return replace(Start(vendor="voyado", import_id="5512340987651234567"), **changes)


def a_result(**changes: Any) -> WatchResult:
    """Result of an import that succeeded a minute after `NOW`."""
    return replace(
        WatchResult(Outcome.SUCCEEDED, NOW + 60, "Import 5512340987651234567 at voyado completed."), **changes
    )


def a_stored_watch(**changes: Any) -> StoredWatch:
    """Record of a watch that has ended."""
    return replace(StoredWatch(a_watch(), EXECUTION, keeps_log=False, result=a_result()), **changes)
