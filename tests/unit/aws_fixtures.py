"""What the tests of the I/O modules share: an AWS account in memory, and watches to keep in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from threading import RLock
from typing import Any

import boto3
import moto.core.models
import pytest
from import_watch.connection_state import ConnectionState, ConnectionStates
from import_watch.executions import Executions
from import_watch.model import Ending, Outcome, Start, Tolerance, Watch
from import_watch.registration import Registrar, Vendors
from import_watch.vendor import Adapter
from import_watch.watches import Record, Watches
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
VENDORS = Vendors(FUNCTIONS)
_LOCK = RLock()
_STUBBED = BotocoreStubber.__call__


def _one_by_one(stubber: BotocoreStubber, *given: Any, **named: Any) -> Any:
    """Answer a request when those before it are answered."""
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
    # It stubs boto3 without them: the patterns of a thousand URLs, for whoever uses `requests`, take longer to make
    # than most tests. A session is kept too, since each reads the services' models anew.
    monkeypatch.setattr(moto.core.models, "RESPONSES_METHODS", [])
    # A service takes one write after the other; the one in memory loses some of those that come at once.
    monkeypatch.setattr(BotocoreStubber, "__call__", _one_by_one)
    with mock_aws(config={"core": {"reset_boto3_session": False}}):
        yield


@cache
def client(service: str) -> Any:
    """Give a boto3 client; clients are slow to make, and know nothing of the account behind them."""
    return boto3.client(service, region_name=REGION)  # type: ignore[call-overload]


@cache
def _table() -> dict[str, Any]:
    properties = yaml_parse(TEMPLATE.read_text())["Resources"]["WatchTable"]["Properties"]
    names = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    return {name: properties[name] for name in names}


def watch_table() -> Watches:
    """Create the table as the template has it."""
    client("dynamodb").create_table(TableName=TABLE, **_table())
    return Watches(TABLE, RETENTION, client("dynamodb"))


def connection_states() -> ConnectionStates:
    """Give what connections share, in that table."""
    return ConnectionStates(TABLE, client("dynamodb"))


def shared(vendor: str = "voyado", connection: str = "default") -> ConnectionState:
    """Give what the watches of a connection share."""
    return connection_states().get(vendor, connection, consistent=True)


def state_machine() -> str:
    """Create a state machine whose executions run until they are stopped, start the first, and give its ARN."""
    arn: str = client("stepfunctions").create_state_machine(
        name="watch", definition="{}", roleArn="arn:aws:iam::123456789012:role/watch"
    )["stateMachineArn"]
    client("stepfunctions").start_execution(stateMachineArn=arn, name="first")
    return arn


def registrar(watches: Watches) -> Registrar:
    """Give what registers start events in that table."""
    return Registrar(VENDORS, watches, connection_states(), Executions(client("stepfunctions")), Tolerance())


def stored_item(watch_id: str) -> dict[str, Any]:
    """Read an item as DynamoDB has it."""
    found = client("dynamodb").get_item(TableName=TABLE, Key={"watchId": {"S": watch_id}})
    return dict(found["Item"])


def indexed() -> list[str]:
    """Give the ids of the watches in the sparse index, the next poll first."""
    found = client("dynamodb").query(
        TableName=TABLE,
        IndexName=INDEX,
        KeyConditionExpression="active = :active",
        ExpressionAttributeValues={":active": {"S": "ACTIVE"}},
    )
    return [item["watchId"]["S"] for item in found["Items"]]


def adapter(vendor: str) -> Adapter:
    """Give a vendor's adapter."""
    return VENDORS.adapter(vendor)


def a_watch(**changes: Any) -> Watch:
    """Give a watch of an import that was registered at `NOW`."""
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
    """Give the start event of that import."""
    return replace(Start(vendor="voyado", import_id="5512340987651234567"), **changes)


def an_ending(**changes: Any) -> Ending:
    """Give the ending of an import that succeeded a minute after `NOW`."""
    return replace(Ending(Outcome.SUCCEEDED, "Import 5512340987651234567 at voyado completed.", NOW + 60), **changes)


def a_record(**changes: Any) -> Record:
    """Give the record of a watch that has ended."""
    return replace(Record(a_watch(), EXECUTION, keeps_log=False, ending=an_ending()), **changes)
