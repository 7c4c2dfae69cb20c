"""Reads the state of each watch from the table, to display it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from boto3.dynamodb.types import TypeDeserializer


@dataclass(frozen=True, slots=True)
class Standing:
    """The state of one watch.

    Parameters
    ----------
    state : str
        The last known state of the import, or the outcome of an ended watch.
    polls : int
    next_poll_at : float or None
        Epoch seconds; None once the watch has ended.
    fraction : float or None
        Progress, where the vendor reports it.
    error : str or None
        The error of the last poll.
    ended : bool
    """

    state: str = "-"
    polls: int = 0
    next_poll_at: float | None = None
    fraction: float | None = None
    error: str | None = None
    ended: bool = False


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
    ended = "ending" in values
    waiting_for_log = "awaitingLog" in values
    state = values["ending"]["outcome"] if ended else values.get("importState", "registered")
    progress = values.get("progress")
    next_poll_at = values.get("nextPollAt")
    return Standing(
        state="SUCCEEDED, log awaited" if waiting_for_log and not ended else state,
        polls=int(values["polls"]),
        next_poll_at=None if ended or next_poll_at is None else float(next_poll_at),
        fraction=float(progress["fraction"]) if progress else None,
        error=None if ended else values.get("lastTrouble"),
        ended=ended,
    )
