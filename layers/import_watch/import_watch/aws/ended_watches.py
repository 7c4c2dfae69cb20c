"""Lists ended watches by outcome and time, for people: no function of the stack loads it."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby, islice, takewhile
from typing import TYPE_CHECKING, Any

from import_watch.aws.dynamodb import PageToken, deserialize
from import_watch.aws.watch_items import ENDED_INDEX, ENDED_SHARDS, ended_partition
from import_watch.model.outcome import Outcome

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef, QueryOutputTypeDef

MAX_PAGE_SIZE = 1_000
"""Maximum entries that one request reads of a partition."""
EXTRA_ENTRIES = 12
"""Entries that a page has besides a partition's expected share of a list and half of it: so it is seldom too short."""
SIMULTANEOUS_REQUESTS = 10
"""Maximum simultaneous requests: as many as a client keeps connections for."""


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
    if limit < 1 or not outcomes:
        return []
    names = [ended_partition(outcome.value, shard) for outcome in outcomes for shard in range(ENDED_SHARDS)]
    page_size = _page_size(limit) if vendor is None else MAX_PAGE_SIZE
    read = partial(_read_page, client, table_name, after, page_size)
    # A list needs the first page of every partition; one after the other, they would take as many round trips.
    with ThreadPoolExecutor(SIMULTANEOUS_REQUESTS) as pool:
        first_pages = list(pool.map(read, names))
    partitions = [
        _partition(_entries(partial(read, name), page), since, vendor, after)
        for name, page in zip(names, first_pages, strict=True)
    ]
    return list(islice(heapq.merge(*partitions, key=_position), limit))


def _page_size(limit: int) -> int:
    """Entries of a page: the watches of an outcome are evenly distributed over its partitions."""
    share = -(-limit // ENDED_SHARDS)
    return min(limit, share + share // 2 + EXTRA_ENTRIES, MAX_PAGE_SIZE)


def _position(entry: dict[str, Any]) -> tuple[float, str]:
    """Position of an entry in the list: ids are the order of watches that ended at the same time."""
    return -float(entry["detectedAt"]), entry["watchId"]


def _partition(
    entries: Iterator[dict[str, Any]], since: float, vendor: str | None, after: tuple[float, str] | None
) -> Iterator[dict[str, Any]]:
    # No condition of the query: it would save less than a page of each partition, and the emulator evaluates conditions
    # for every entry of a partition.
    recent: Iterator[dict[str, Any]] = takewhile(lambda entry: entry["detectedAt"] >= since, entries)
    if vendor is not None:
        recent = (entry for entry in recent if entry.get("vendor") == vendor)
    # An index has no order of its own among equal times.
    for _, simultaneous in groupby(recent, key=lambda entry: entry["detectedAt"]):
        for entry in sorted(simultaneous, key=_position):
            if after is None or _position(entry) > (-after[0], after[1]):
                yield entry


def _entries(read: Callable[..., QueryOutputTypeDef], page: QueryOutputTypeDef) -> Iterator[dict[str, Any]]:
    """Entries of a partition from its first page on, the latest first."""
    yield from map(deserialize, page["Items"])
    while "LastEvaluatedKey" in page:
        page = read(start=page["LastEvaluatedKey"])
        yield from map(deserialize, page["Items"])


def _read_page(
    client: DynamoDBClient,
    table_name: str,
    after: tuple[float, str] | None,
    page_size: int,
    partition: str,
    start: PageToken | None = None,
) -> QueryOutputTypeDef:
    query: QueryInputTypeDef = {
        "TableName": table_name,
        "IndexName": ENDED_INDEX,
        "KeyConditionExpression": "ended = :ended",
        "ExpressionAttributeValues": {":ended": {"S": partition}},
        "ScanIndexForward": False,
        "Limit": page_size,
    }
    if after is not None:
        query["KeyConditionExpression"] = "ended = :ended AND detectedAt <= :latest"
        query["ExpressionAttributeValues"] = {":ended": {"S": partition}, ":latest": {"N": str(after[0])}}
    if start is not None:
        query["ExclusiveStartKey"] = start
    return client.query(**query)
