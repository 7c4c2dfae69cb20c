"""A table that throttles a transaction: the write is repeated for minutes, and a sweep ends at its position."""

from __future__ import annotations

import boto3
import pytest
from botocore.config import Config
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
