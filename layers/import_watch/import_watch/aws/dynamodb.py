"""Items of the table: plain JSON as DynamoDB attributes and back, the client for them, and a look through an index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

import boto3
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.config import Config

from import_watch import USER_AGENT
from import_watch.model.serialization import JSON

ACTIVE_INDEX = "active-by-next-poll"
PageToken: TypeAlias = dict[str, Any]
"""Where a look through an index left off, as DynamoDB names it."""

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def table_client() -> DynamoDBClient:
    """Give a client whose patience is bounded, so that a slow table costs a poll and not the function's whole time."""
    return boto3.client(
        "dynamodb",
        config=Config(
            connect_timeout=2,
            read_timeout=5,
            retries={"total_max_attempts": 4},
            # The SDK's own is put together anew, twice, for every call: a seventh of its work in one.
            user_agent=USER_AGENT,
            # DynamoDB checks every request itself, and these are written by us alone: a quarter of the work in a write.
            parameter_validation=False,
        ),
    )


def serialize(value: JSON) -> Any:
    """Turn plain JSON into an attribute."""
    return TypeSerializer().serialize(_decimal(value))


def deserialize(item: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the attributes of an item into plain values; numbers are Decimals."""
    read = TypeDeserializer().deserialize
    return {name: read(value) for name, value in item.items()}


def query_index(
    client: DynamoDBClient,
    table_name: str,
    index: str,
    partition: tuple[str, str],
    order: str,
    start: PageToken | None = None,
) -> Iterator[tuple[str, float, PageToken]]:
    """Give what is in one partition of an index of keys, in its order.

    Parameters
    ----------
    client : DynamoDBClient
    table_name, index : str
    partition : tuple of str
        Name and value of the index' partition key.
    order : str
        Name of its sort key, a number.
    start : Position, optional
        Where an earlier look left off.

    Yields
    ------
    tuple of str, float and Position
        Key and sort key of an item, and where to go on after it.
    """
    name, value = partition
    query: dict[str, Any] = {
        "TableName": table_name,
        "IndexName": index,
        "KeyConditionExpression": f"{name} = :{name}",
        "ExpressionAttributeValues": {f":{name}": {"S": value}},
    }
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


def _decimal(value: JSON) -> JSON:
    """DynamoDB takes no floats; nine decimals of a second, or of a share, are all that is meant."""
    if isinstance(value, float):
        return Decimal(str(round(value, 9)))
    if isinstance(value, dict):
        return {key: _decimal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_decimal(item) for item in value]
    return value
