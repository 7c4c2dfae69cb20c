"""A table that throttles, or has another transaction of the item: the write is repeated, and a sweep ends there."""

from __future__ import annotations

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from import_watch.aws.dynamodb import ATTEMPTS, table_client
from import_watch.aws.throttling import is_throttling
from import_watch.aws.watch_store import WatchStore
from import_watch.aws.watch_writer import WriteUnconfirmed

from tests.loopback_server import Exchange, Serve
from tests.unit.aws_fixtures import EXECUTION, REGION, RETENTION, TABLE, a_start, a_watch


@pytest.mark.parametrize(
    ("reason", "throttled"),
    [("ThrottlingError", True), ("ProvisionedThroughputExceeded", True), ("TransactionConflict", False)],
)
def test_a_cancelled_transaction_is_repeated(serve: Serve, reason: str, throttled: bool) -> None:
    def behave(exchange: Exchange) -> None:
        reasons = [{"Code": "None"}, {"Code": reason, "Message": "later"}]
        body = {"__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException", "Message": "cancelled"}
        exchange.response(400, {**body, "CancellationReasons": reasons})

    client = boto3.client(
        "dynamodb",
        endpoint_url=serve(behave).url,
        region_name=REGION,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(retries={"total_max_attempts": 1}),
    )
    watches = WatchStore(TABLE, RETENTION, client)
    with pytest.raises(WriteUnconfirmed, match=reason) as raised:
        watches.register(a_watch(), EXECUTION, a_start(), keeps_log=False)
    assert is_throttling(raised.value) is throttled


@pytest.mark.parametrize("conflicts", [0, 1, ATTEMPTS - 1, ATTEMPTS])
def test_a_write_that_meets_a_transaction_is_repeated(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, conflicts: int
) -> None:
    requests = 0

    def behave(exchange: Exchange) -> None:
        nonlocal requests
        requests += 1
        if requests > conflicts:
            exchange.response(200, {})
        else:
            exchange.response(400, {"__type": "com.amazonaws.dynamodb.v20120810#TransactionConflictException"})

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", serve(behave).url)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    watches = WatchStore(TABLE, RETENTION, table_client())
    if conflicts < ATTEMPTS:
        watches.record_published(a_watch(), 1.0)
    else:
        with pytest.raises(ClientError, match="TransactionConflictException"):
            watches.record_published(a_watch(), 1.0)
    assert requests == min(conflicts + 1, ATTEMPTS)
