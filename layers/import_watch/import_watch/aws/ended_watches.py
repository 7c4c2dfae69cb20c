"""Lists ended watches by outcome and time, for people: no function of the stack loads it."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

from import_watch.aws.dynamodb import deserialize
from import_watch.aws.watch_items import ENDED_INDEX, ENDED_SHARDS, ended_partition
from import_watch.model.outcome import Outcome

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PAGE_SIZE = 100
"""Maximum entries that one request reads of a partition."""
LATEST = 1e12
"""Later than every time, in epoch seconds."""


def ended_watches(
    client: DynamoDBClient,
    table_name: str,
    *,
    outcomes: Collection[Outcome] = tuple(Outcome),
    since: float = 0.0,
    vendor: str | None = None,
    after: tuple[float, str] | None = None,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """Ended watches, the latest first, from an eventually consistent index.

    Watches that ended before the stack was updated to 0.3.0 are not in it.

    Parameters
    ----------
    client : DynamoDBClient
    table_name : str
    outcomes : collection of Outcome
    since : float
        Least `detectedAt`, in epoch seconds.
    vendor : str, optional
        The only vendor. The entries of the others are read, too.
    after : tuple of float and str, optional
        `detectedAt` and `watchId` of the last entry of the page before.
    limit : int
        Maximum number of entries.

    Returns
    -------
    list of dict
        `watchId` (an earlier attempt has another key than its watch), `vendor`, `connection`, `importId`, `attempt`
        (absent for the first one of an older release), `outcome`, `outcomeReason`, `detectedAt`, `registeredAt`,
        `polls`, `correlationId`.
    """
    partitions = [
        _partition(
            client, table_name, ended_partition(outcome.value, shard), since, vendor, after, min(limit, PAGE_SIZE)
        )
        for outcome in outcomes
        for shard in range(ENDED_SHARDS)
    ]
    return list(islice(heapq.merge(*partitions, key=_position), limit))


def _position(entry: dict[str, Any]) -> tuple[float, str]:
    """Position of an entry in the list: ids are the order of watches that ended at the same time."""
    return -float(entry["detectedAt"]), entry["watchId"]


def _partition(
    client: DynamoDBClient,
    table_name: str,
    partition: str,
    since: float,
    vendor: str | None,
    after: tuple[float, str] | None,
    page_size: int,
) -> Iterator[dict[str, Any]]:
    if page_size < 1:
        return
    latest = after[0] if after else LATEST
    entries = _query(client, table_name, partition, since, vendor, latest, page_size)
    # An index has no order of its own among equal times.
    for _, simultaneous in groupby(entries, key=lambda entry: entry["detectedAt"]):
        for entry in sorted(simultaneous, key=_position):
            if after is None or _position(entry) > (-after[0], after[1]):
                yield entry


def _query(
    client: DynamoDBClient,
    table_name: str,
    partition: str,
    since: float,
    vendor: str | None,
    latest: float,
    page_size: int,
) -> Iterator[dict[str, Any]]:
    query: dict[str, Any] = {
        "TableName": table_name,
        "IndexName": ENDED_INDEX,
        "KeyConditionExpression": "ended = :ended AND detectedAt BETWEEN :since AND :latest",
        "ExpressionAttributeValues": {
            ":ended": {"S": partition},
            ":since": {"N": str(since)},
            ":latest": {"N": str(latest)},
        },
        "ScanIndexForward": False,
    }
    if vendor is None:
        query["Limit"] = page_size
    else:
        # The limit would be one of the entries that are read: a page has as many as a response can have.
        query["FilterExpression"] = "vendor = :vendor"
        query["ExpressionAttributeValues"][":vendor"] = {"S": vendor}
    while True:
        page = client.query(**query)
        yield from map(deserialize, page["Items"])
        if "LastEvaluatedKey" not in page:
            return
        query["ExclusiveStartKey"] = page["LastEvaluatedKey"]
