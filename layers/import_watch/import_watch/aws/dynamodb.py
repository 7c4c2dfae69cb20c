"""Access to the table: plain JSON as DynamoDB attributes and back, the client, and queries of an index."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import boto3
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.config import Config

from import_watch import USER_AGENT
from import_watch.model.serialization import JSON

ACTIVE_INDEX = "active-by-next-poll"
ATTEMPTS = 4
"""Maximum attempts of one request."""
MAX_BATCH = 100
"""Maximum items that DynamoDB reads in one request."""
PageToken: TypeAlias = dict[str, Any]
"""Position in an index after which a query continues: a key, as DynamoDB returns it."""

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def table_client() -> DynamoDBClient:
    """DynamoDB client with short timeouts, so that a slow table costs one poll and not the function's whole time."""
    client: DynamoDBClient = boto3.client(
        "dynamodb",
        config=Config(
            connect_timeout=2,
            read_timeout=5,
            retries={"total_max_attempts": ATTEMPTS},
            # The SDK builds its own user agent twice for every call, which takes a seventh of the call's CPU time.
            user_agent=USER_AGENT,
            # DynamoDB validates every request itself, and this code writes all of them; validation takes a quarter of a
            # write's CPU time.
            parameter_validation=False,
        ),
    )
    client.meta.events.register("needs-retry.dynamodb.UpdateItem", _delay_after_conflict)  # type: ignore[arg-type]  # stubs know no result
    return client


def _delay_after_conflict(response: Any, attempts: int, **_event: Any) -> float | None:
    """Seconds after which a write that met a transaction of the same item is repeated, which the SDK does not do.

    The write was not made. Without the repetition, an outcome that has just been published would be published again.
    """
    code = None if response is None else response[1].get("Error", {}).get("Code")
    if code != "TransactionConflictException" or attempts >= ATTEMPTS:
        return None
    return float(0.05 * 2**attempts)


def serialize(value: JSON) -> Any:
    """Convert plain JSON to an attribute.

    Frequent types are converted here, which takes a fifth of the SDK's time: every poll writes some twenty values.
    """
    kind = type(value)
    if kind is str:
        return {"S": value}
    if kind is int:
        return {"N": str(value)}
    if kind is float and math.isfinite(value):
        # DynamoDB's numbers are decimal; nine decimal places are enough.
        return {"N": str(round(value, 9))}
    if kind is dict:
        return {"M": {key: serialize(item) for key, item in value.items()}}
    if kind is list:
        return {"L": [serialize(item) for item in value]}
    return TypeSerializer().serialize(value)


def deserialize(item: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the attributes of an item to plain values; numbers are Decimals."""
    read = TypeDeserializer().deserialize
    return {name: read(value) for name, value in item.items()}


def read_batches(
    client: DynamoDBClient, table_name: str, keys: Iterable[str], attributes: Collection[str] = ()
) -> Iterator[dict[str, Any]]:
    """Items of a table by their keys, with consistent reads, in any order; without those that do not exist.

    Parameters
    ----------
    client : DynamoDBClient
    table_name : str
    keys : iterable of str
    attributes : collection of str
        The only attributes that are read; all by default.
    """
    names = {f"#a{index}": name for index, name in enumerate(attributes)}
    projection = {"ProjectionExpression": ", ".join(names), "ExpressionAttributeNames": names} if names else {}
    unread: deque[Any] = deque({"watchId": {"S": key}} for key in dict.fromkeys(keys))
    while unread:
        batch = [unread.popleft() for _ in range(min(MAX_BATCH, len(unread)))]
        wanted: Any = {table_name: {"Keys": batch, "ConsistentRead": True, **projection}}
        page = client.batch_get_item(RequestItems=wanted)
        yield from page["Responses"].get(table_name, [])
        if page.get("UnprocessedKeys"):
            unread.extend(page["UnprocessedKeys"][table_name]["Keys"])


def query_index(
    client: DynamoDBClient,
    table_name: str,
    index: str,
    partition: tuple[str, str],
    order: str,
    start: PageToken | None = None,
    until: float | None = None,
) -> Iterator[tuple[str, float, PageToken]]:
    """Entries of one partition of an index of keys, in its order.

    Parameters
    ----------
    client : DynamoDBClient
    table_name, index : str
    partition : tuple of str
        Name and value of the index' partition key.
    order : str
        Name of its sort key, a number.
    start : PageToken, optional
        The token of the last entry of an earlier query.
    until : float, optional
        Greatest sort key.

    Yields
    ------
    tuple of str, float and PageToken
        Key and sort key of an item, and the token with which a query continues after it.
    """
    name, value = partition
    query: dict[str, Any] = {
        "TableName": table_name,
        "IndexName": index,
        "KeyConditionExpression": f"{name} = :{name}",
        "ExpressionAttributeValues": {f":{name}": {"S": value}},
    }
    if until is not None:
        query["KeyConditionExpression"] += f" AND {order} <= :until"
        query["ExpressionAttributeValues"][":until"] = serialize(until)
    while True:
        if start:
            query["ExclusiveStartKey"] = start
        page = client.query(**query)
        for item in page["Items"]:
            key: PageToken = {part: dict(item[part]) for part in ("watchId", name, order)}
            yield item["watchId"]["S"], float(item[order]["N"]), key
        start = page.get("LastEvaluatedKey")
        if not start:
            return
