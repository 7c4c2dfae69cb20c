"""Where the last sweep of `recover_watches` ran out of time, so that the next one goes on from there.

One item of the table. Sweeps that run at once may overwrite it: then a part is looked at twice, or later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from import_watch.items import attribute, values_of
from import_watch.model import connection_key, key_parts
from import_watch.watches import Position

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEY = {"watchId": {"S": "sweep"}}
"""With one part only, it is no watch's and no connection's."""
MOST_CONNECTIONS = 2_000
"""Connections whose counts are kept between two sweeps: an item takes 400 KB."""


@dataclass(frozen=True, slots=True)
class SweepPosition:
    """Where a sweep left off.

    Parameters
    ----------
    unpublished, active : Position or None
        The last item that it saw in each index; None where it came to the end.
    counted : Counter
        Active watches that it counted so far, by vendor and connection.
    """

    unpublished: Position | None = None
    active: Position | None = None
    counted: Counter[tuple[str, ...]] = field(default_factory=Counter)


class SweepPositions:
    """Reads and writes the position.

    Parameters
    ----------
    table_name : str
        The table of watches.
    client : DynamoDBClient
    """

    def __init__(self, table_name: str, client: DynamoDBClient) -> None:
        self._table = table_name
        self._client = client

    def get(self) -> SweepPosition:
        """Read where to go on."""
        item = self._client.get_item(TableName=self._table, Key=KEY, ConsistentRead=True).get("Item", {})
        counted = values_of({"counted": item["counted"]})["counted"] if "counted" in item else {}
        return SweepPosition(
            _position(item.get("unpublished")),
            _position(item.get("active")),
            Counter({key_parts(key): int(count) for key, count in counted.items()}),
        )

    def keep(self, position: SweepPosition) -> None:
        """Write where to go on."""
        counted = {connection_key(*key): count for key, count in position.counted.most_common(MOST_CONNECTIONS)}
        item = {**KEY, "counted": attribute(counted)}
        if position.unpublished is not None:
            item["unpublished"] = {"M": position.unpublished}
        if position.active is not None:
            item["active"] = {"M": position.active}
        self._client.put_item(TableName=self._table, Item=item)


def _position(found: Mapping[str, Any] | None) -> Position | None:
    return None if found is None else dict(found["M"])
