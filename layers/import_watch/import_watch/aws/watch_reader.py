"""Reads the table of watches, and lists those that are active, and those whose outcome is not published.

Two sparse indexes list the open work: an active watch has `active`, one of several partitions, and `nextPollAt`, the
time of its next poll, rounded up; an ended one has `unpublished`, and is found by `detectedAt`, until its outcome is
published. A third index lists ended watches by outcome and time, for people (`ended_watches`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from import_watch.aws.dynamodb import ACTIVE_INDEX, PageToken, query_index, read_batches, table_client
from import_watch.aws.watch_items import (
    UNPUBLISHED,
    UNPUBLISHED_INDEX,
    active_partitions,
    record_of,
    start_key_of,
)
from import_watch.model.watch import attempt_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from import_watch.model.record import StoredWatch


class WatchReader:
    """Reads the table.

    Parameters
    ----------
    table_name : str
    client : DynamoDBClient, optional
        An existing boto3 client.
    """

    def __init__(self, table_name: str, client: DynamoDBClient | None = None) -> None:
        self._table = table_name
        self._client: DynamoDBClient = client or table_client()

    def get(self, watch_id: str) -> StoredWatch | None:
        """Read a watch, and the record of its start, with consistent reads; None where there is none."""
        item = self._item(watch_id)
        return None if item is None else record_of(item, self._item(start_key_of(item)) or {})

    def get_attempt(self, watch_id: str, attempt: int) -> StoredWatch | None:
        """Read one attempt of a watch, which a later one may have replaced; None where there is none."""
        record = self.get(watch_id)
        if record is None or record.watch.attempt <= attempt:
            return record
        return self.get(attempt_key(watch_id, attempt))

    def get_many(self, watch_ids: Iterable[str]) -> dict[str, StoredWatch]:
        """Read watches by their ids, with consistent reads, and without the records of their starts.

        Without those that do not exist, or are no watches.
        """
        items = read_batches(self._client, self._table, watch_ids)
        return {item["watchId"]["S"]: record_of(item) for item in items if "registeredAt" in item}

    def get_state(self, watch_id: str) -> StoredWatch | None:
        """Read a watch with a consistent read, without the record of its start; None where there is none."""
        item = self._item(watch_id)
        return None if item is None else record_of(item)

    def owners(self, watch_ids: Iterable[str]) -> dict[str, str]:
        """ARNs of the executions that own watches, by the ids of those that exist, with consistent reads."""
        items = read_batches(self._client, self._table, watch_ids, ("watchId", "execution"))
        return {item["watchId"]["S"]: item["execution"]["S"] for item in items if "execution" in item}

    def reload_if_same_owner(self, seen: StoredWatch, *, owner_is_over: bool) -> StoredWatch | None:
        """Latest state of a watch that its owner wrote; None where the owner has changed since `seen` was read.

        `seen` may not have the last write of an ended owner, such as that the outcome was published. An owner that was
        never started has written nothing, and may start meanwhile: then `seen` itself is returned.
        """
        record = self.get(seen.key) if owner_is_over else seen
        return record if record is not None and record.execution == seen.execution else None

    def active(
        self, token: PageToken | None = None, *, until: float | None = None
    ) -> Iterator[tuple[str, float, PageToken]]:
        """All active watches, partition by partition, from an eventually consistent index.

        Parameters
        ----------
        token : PageToken, optional
            The token of the last watch of an earlier listing.
        until : float, optional
            Greatest `nextPollAt`, in epoch seconds.

        Yields
        ------
        tuple of str, float and PageToken
            Its id, the time of its next poll, rounded up (epoch seconds), and the token with which a listing continues
            after it. In a partition, the next poll is first.
        """
        partitions = active_partitions()
        first = 0 if token is None else partitions.index(token["active"]["S"])
        for partition in partitions[first:]:
            yield from self._query(ACTIVE_INDEX, ("active", partition), "nextPollAt", token, until)
            token = None

    def active_by_time(self) -> Iterator[str]:
        """Ids of all active watches, the next poll first, as far as the index knows its time."""
        import heapq  # no function of the stack needs it

        partitions = (self._query(ACTIVE_INDEX, ("active", name), "nextPollAt") for name in active_partitions())
        return (key for _, key in heapq.merge(*(((due, key) for key, due, _ in one) for one in partitions)))

    def unpublished(self, token: PageToken | None = None) -> Iterator[tuple[str, float, PageToken]]:
        """All ended watches whose outcome is not published, by the time of their end."""
        return self._query(UNPUBLISHED_INDEX, ("unpublished", UNPUBLISHED), "detectedAt", token)

    def _query(
        self,
        index: str,
        partition: tuple[str, str],
        order: str,
        token: PageToken | None = None,
        until: float | None = None,
    ) -> Iterator[tuple[str, float, PageToken]]:
        return query_index(self._client, self._table, index, partition, order, token, until)

    def _item(self, key: str) -> dict[str, Any] | None:
        found = self._client.get_item(TableName=self._table, Key={"watchId": {"S": key}}, ConsistentRead=True)
        return found.get("Item")
