"""Reads the state of each watch from the table, to display it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from boto3.dynamodb.types import TypeDeserializer
from import_watch_cli.display import Standing


def standings(dynamodb: Any, table_name: str) -> dict[str, Standing]:
    """State of every watch by its id."""
    read = TypeDeserializer().deserialize
    found: dict[str, Standing] = {}
    for page in dynamodb.get_paginator("scan").paginate(TableName=table_name, ConsistentRead=True):
        for item in page["Items"]:
            values = {name: read(value) for name, value in item.items()}
            if "importId" in values:  # a connection's item has none
                found[values["watchId"]] = _standing(values)
    return found


def _standing(values: Mapping[str, Any]) -> Standing:
    result = values.get("ending")
    progress = values.get("progress")
    next_poll_at = values.get("pollAt")
    return Standing(
        state=values.get("importState", "registered") if result is None else result["outcome"],
        polls=int(values["polls"]),
        next_poll_at=None if result is not None or next_poll_at is None else float(next_poll_at),
        fraction=float(progress["fraction"]) if progress else None,
        error=values.get("lastTrouble") if result is None else None,
        since=float(values["registeredAt"]),
        ended_at=None if result is None else float(result["detectedAt"]),
        awaits_log=result is None and "awaitingLog" in values,
        attempt=int(values.get("attempt", 1)),
    )
