"""Items of the table: plain JSON as DynamoDB attributes and back, and the client that reads and writes them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import boto3
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.config import Config

from import_watch.model import JSON

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def table_client() -> DynamoDBClient:
    """Give a client whose patience is bounded, so that a slow table costs a poll and not the function's whole time."""
    return boto3.client("dynamodb", config=Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 4}))


def attribute(value: JSON) -> Any:
    """Turn plain JSON into an attribute."""
    return TypeSerializer().serialize(_decimal(value))


def values_of(item: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the attributes of an item into plain values; numbers are Decimals."""
    read = TypeDeserializer().deserialize
    return {name: read(value) for name, value in item.items()}


def _decimal(value: JSON) -> JSON:
    """DynamoDB takes no floats; nine decimals of a second, or of a share, are all that is meant."""
    if isinstance(value, float):
        return Decimal(str(round(value, 9)))
    if isinstance(value, dict):
        return {key: _decimal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_decimal(item) for item in value]
    return value
