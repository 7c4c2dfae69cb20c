"""Stores where the last sweep of `recover_watches` ran out of time, so that the next one continues from there.

It is one item of the table. Simultaneous sweeps may overwrite it: then a part is processed twice, or later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from import_watch.aws.dynamodb import PageToken
from import_watch.model.watch import connection_key, key_parts

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEY = {"watchId": {"S": "sweep"}}
"""With one part only, it cannot be the key of a watch or a connection."""


@dataclass(frozen=True, slots=True)
class SweepCursor:
    """Where a sweep stopped.

    Parameters
    ----------
    unpublished, active : PageToken or None
        The last item that it processed in each index; None where it reached the end.
    connection : tuple of str or None
        Vendor and name of the last connection whose count it checked; None where it reached the end.
    """

    unpublished: PageToken | None = None
    active: PageToken | None = None
    connection: tuple[str, str] | None = None


class SweepCursorStore:
    """Reads and writes the cursor.

    Parameters
    ----------
    table_name : str
        The table of watches.
    client : DynamoDBClient
    """

    def __init__(self, table_name: str, client: DynamoDBClient) -> None:
        self._table = table_name
        self._client = client

    def get(self) -> SweepCursor:
        """Read the cursor."""
        item = self._client.get_item(TableName=self._table, Key=KEY, ConsistentRead=True).get("Item", {})
        return SweepCursor(
            _token(item.get("afterUnpublished")),
            _token(item.get("afterOverdue")),
            _connection(item.get("afterConnection")),
        )

    def keep(self, cursor: SweepCursor) -> None:
        """Write the cursor."""
        item: dict[str, Any] = dict(KEY)
        # `active` and `unpublished` are keys of the table's indexes, so DynamoDB refuses an item with maps under these
        # names.
        if cursor.unpublished is not None:
            item["afterUnpublished"] = {"M": cursor.unpublished}
        if cursor.active is not None:
            # Under another name than before 0.3.0, whose functions know only one partition.
            item["afterOverdue"] = {"M": cursor.active}
        if cursor.connection is not None:
            item["afterConnection"] = {"S": connection_key(*cursor.connection)}
        self._client.put_item(TableName=self._table, Item=item)


def _token(found: Mapping[str, Any] | None) -> PageToken | None:
    return None if found is None else dict(found["M"])


def _connection(found: Mapping[str, Any] | None) -> tuple[str, str] | None:
    if found is None:
        return None
    vendor, connection = key_parts(found["S"])
    return vendor, connection
