"""What the watches of one connection share: how many there are, its limit, and how long its past imports ran.

Each connection has one item in the table of watches. A normal poll does not write it: only the start and the end of a
watch, throttling, and a changed limit do. A count that is wrong, after a crash or after a repeated write whose first
response was lost, is repaired by `recover_watches`, which finds every connection in an index, also without active
watches. Names of connections come from start events, so an item that is no longer written expires.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from import_watch.aws.dynamodb import (
    ACTIVE_INDEX,
    PageToken,
    deserialize,
    query_index,
    read_batches,
    serialize,
    table_client,
)
from import_watch.model.serialization import JSON
from import_watch.model.watch import Watch, connection_key, key_parts
from import_watch.observability import logger
from import_watch.scheduling.rate_limit import RateShare, rate_share
from import_watch.scheduling.running_time import RunningTime

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CONNECTION = "CONNECTION"
"""Value of `active` in a connection's item: its own partition of the index of active watches."""
RETENTION_SECONDS = 180 * 86_400
"""Seconds for which an item is kept after its last write. Every start and end of a watch writes, and no watch lasts
longer than 30 days, so that no item expires while a watch of its connection is active."""
COMMON_ASSIGNMENTS = "active = :connection, nextPollAt = :never, expiresAt = :expires"
"""Assignments of every write: the keys of the index, which never change, and the expiry of the item."""
MAX_JOB_TYPES = 10
"""Maximum job types of a connection whose running times are kept: vendors have two or three."""
ATTEMPTS = 5
"""Maximum attempts to add a running time while others add theirs; after that only the count is written, which matters
more."""


@dataclass(frozen=True, slots=True)
class ConnectionState:
    """What the watches of a connection share.

    Parameters
    ----------
    active_watches : int
        Wrong, possibly below 0, until it is repaired, where a write was made twice or never.
    throttled_until : float or None
        Epoch seconds until which the vendor accepts no request of them.
    requests_per_minute : float or None
        The limit that a poll last read from the connection's secret.
    running_times : mapping of str to tuple of float
        Running times of past imports in seconds, the latest last, by job type.
    revision : int
        Increases with every running time that is added.
    """

    active_watches: int = 0
    throttled_until: float | None = None
    requests_per_minute: float | None = None
    running_times: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    revision: int = 0

    def share(self, vendor_limit: float | None, now: float) -> RateShare:
        """Share of one of the watches, by the limit that the last poll stored.

        Parameters
        ----------
        vendor_limit : float or None
            Requests per minute of a connection that names no limit.
        now : float
            Epoch seconds.
        """
        limit = self.requests_per_minute or vendor_limit
        return rate_share(self.active_watches, limit, self.throttled_until, now)


class ConnectionStore:
    """Reads and writes what connections share.

    Parameters
    ----------
    table_name : str
        The table of watches.
    client : DynamoDBClient, optional
        An existing boto3 client.
    """

    def __init__(self, table_name: str, client: DynamoDBClient | None = None) -> None:
        self._table = table_name
        self._client: DynamoDBClient = client or table_client()

    def get(self, vendor: str, connection: str, *, consistent: bool = False) -> ConnectionState:
        """Read the state of a connection; the initial one where no watch has begun."""
        found = self._client.get_item(TableName=self._table, Key=_key(vendor, connection), ConsistentRead=consistent)
        return _state(found.get("Item", {}))

    def get_many(self, connections: Iterable[tuple[str, str]]) -> dict[tuple[str, str], ConnectionState]:
        """Read the states of connections, by vendor and name, with consistent reads."""
        names = {connection_key(*one): one for one in connections}
        found = dict.fromkeys(names.values(), ConnectionState())
        for item in read_batches(self._client, self._table, names):
            found[names[item["watchId"]["S"]]] = _state(item)
        return found

    def known(self, after: tuple[str, str] | None = None) -> Iterator[tuple[str, str]]:
        """Vendor and name of every connection that has an item.

        Parameters
        ----------
        after : tuple of str, optional
            The last vendor and connection of an earlier listing, which continues after it; its item may have expired.
        """
        start: PageToken | None = None
        if after is not None:
            start = {**_key(*after), "active": {"S": CONNECTION}, "nextPollAt": {"N": "0"}}
        for key, _, _ in query_index(
            self._client, self._table, ACTIVE_INDEX, ("active", CONNECTION), "nextPollAt", start
        ):
            vendor, connection = key_parts(key)
            yield vendor, connection

    def watch_began(self, vendor: str, connection: str) -> ConnectionState:
        """Count one more active watch, and return the state that includes it."""
        return self._count(vendor, connection, 1)

    def watch_withdrawn(self, vendor: str, connection: str) -> None:
        """Uncount a watch that was counted and did not begin."""
        self._count(vendor, connection, -1)

    def watch_ended(self, watch: Watch, running_time: RunningTime | None) -> None:
        """Count one active watch less; the running time of its import joins those of its job type.

        Nothing that fails here is raised: the outcome stands, only the poll intervals of other watches depend on the
        count, and `recover_watches` repairs it.

        Parameters
        ----------
        watch : Watch
        running_time : RunningTime or None
            None where this import is not used for the history.
        """
        try:
            if running_time is None or not self._remember(watch, running_time):
                self._count(watch.vendor, watch.connection, -1)
        except Exception:  # noqa: BLE001
            logger.exception("the watch was not removed from the count of its connection")

    def _remember(self, watch: Watch, running_time: RunningTime) -> bool:
        """Count one active watch less and add a running time in one write; False where others kept writing."""
        # Needed only at the end of a watch, so loaded only then.
        from import_watch.scheduling.history import remembering

        job_type, seconds = running_time
        for _ in range(ATTEMPTS):
            state = self.get(watch.vendor, watch.connection, consistent=True)
            times = dict(state.running_times)
            times[job_type] = remembering(times.pop(job_type, ()), seconds)
            values: dict[str, JSON] = {":more": -1, ":next": state.revision + 1, ":seen": state.revision}
            values[":times"] = {name: list(kept) for name, kept in list(times.items())[-MAX_JOB_TYPES:]}
            if self._update(
                watch.vendor,
                watch.connection,
                "runningTimes = :times, revision = :next ADD activeWatches :more",
                values,
                "revision = :seen" if state.revision else "attribute_not_exists(revision) OR revision = :seen",
            ):
                return True
        return False

    def throttled(self, watch: Watch, until: float) -> None:
        """Stop the polls of a connection's watches until a time; a later stored time stays.

        A failure here is not raised: the poll would be repeated, immediately after the vendor throttled it.
        """
        try:
            self._update(
                watch.vendor,
                watch.connection,
                "throttledUntil = :until",
                {":until": until},
                "attribute_not_exists(throttledUntil) OR throttledUntil < :until",
            )
        except (BotoCoreError, ClientError):
            logger.exception("the connection's other watches were not informed of the throttling")

    def limit_read(self, watch: Watch, per_minute: float | None) -> None:
        """Store the limit that the connection's secret names, for later watches.

        A failure here is not raised: the next poll finds the same difference, and the response of this one counts.
        """
        try:
            self._update(
                watch.vendor, watch.connection, "requestsPerMinute = :limit", {":limit": per_minute}, condition=None
            )
        except (BotoCoreError, ClientError):
            logger.exception("the connection's limit was not stored for later watches")

    def repair(self, vendor: str, connection: str, counted: int, seen: int) -> bool:
        """Correct the count of active watches, unless it has changed since it was read.

        Returns
        -------
        bool
            Whether it was corrected.
        """
        return self._update(
            vendor,
            connection,
            "activeWatches = :counted",
            {":counted": counted, ":seen": seen},
            "activeWatches = :seen" if seen else "attribute_not_exists(activeWatches) OR activeWatches = :seen",
        )

    def _count(self, vendor: str, connection: str, more: int) -> ConnectionState:
        found = self._client.update_item(
            TableName=self._table,
            Key=_key(vendor, connection),
            UpdateExpression=f"SET {COMMON_ASSIGNMENTS} ADD activeWatches :more",
            ExpressionAttributeValues=_attributes({":more": more, **_common_values()}),
            ReturnValues="ALL_NEW",
        )
        return _state(found["Attributes"])

    def _update(
        self, vendor: str, connection: str, sets: str, values: Mapping[str, JSON], condition: str | None
    ) -> bool:
        try:
            self._client.update_item(
                TableName=self._table,
                Key=_key(vendor, connection),
                UpdateExpression=f"SET {COMMON_ASSIGNMENTS}, {sets}",
                ExpressionAttributeValues=_attributes({**values, **_common_values()}),
                **({"ConditionExpression": condition} if condition else {}),  # type: ignore[arg-type]
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True


def _common_values() -> dict[str, JSON]:
    return {":connection": CONNECTION, ":never": 0, ":expires": int(time.time()) + RETENTION_SECONDS}


def _key(vendor: str, connection: str) -> dict[str, Any]:
    return {"watchId": {"S": connection_key(vendor, connection)}}


def _attributes(values: Mapping[str, JSON]) -> dict[str, Any]:
    return {name: serialize(value) for name, value in values.items()}


def _state(item: Mapping[str, Any]) -> ConnectionState:
    values = deserialize(item)
    kinds: Mapping[str, Any] = values.get("runningTimes", {})
    return ConnectionState(
        active_watches=int(values.get("activeWatches", 0)),
        throttled_until=_float(values.get("throttledUntil")),
        requests_per_minute=_float(values.get("requestsPerMinute")),
        running_times={kind: tuple(float(time) for time in times) for kind, times in kinds.items()},
        revision=int(values.get("revision", 0)),
    )


def _float(value: JSON) -> float | None:
    return None if value is None else float(value)
