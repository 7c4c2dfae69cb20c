"""What the watches of one connection share: how many there are, its limit, and how long its past imports ran.

One item a connection, in the table of watches. No poll writes it: only a watch that begins or ends, a vendor that
throttles, and a limit that has changed do. A count that a crash left wrong, or an answer that was lost and asked for
again, is set right by `recover_watches`; that finds every connection in an index, also where none of its watches is
active. Names of connections come from start events, so an item that nobody writes any more expires.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from import_watch.aws.dynamodb import ACTIVE_INDEX, PageToken, deserialize, query_index, serialize, table_client
from import_watch.model.serialization import JSON
from import_watch.model.watch import Watch, connection_key, key_parts
from import_watch.observability import logger
from import_watch.scheduling.running_time import RunningTime

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CONNECTION = "CONNECTION"
"""Value of `active` in a connection's item: its own partition of the index of active watches."""
RETENTION_SECONDS = 180 * 86_400
"""Seconds for which an item is kept after its last write. Every start and end of a watch writes, and no watch lasts
longer than 30 days, so that no item expires while a watch of its connection is active."""
KEPT = "active = :connection, nextPollAt = :never, expiresAt = :expires"
"""What every write sets besides: the keys of the index, which stay the same, and when the item expires."""
MAX_JOB_TYPES = 10
"""Job types of a connection whose running times are kept: vendors have two or three."""
ATTEMPTS = 5
"""Tries to add a running time while others add theirs, before it is let go: the count is what matters."""


@dataclass(frozen=True, slots=True)
class ConnectionState:
    """What the watches of a connection share.

    Parameters
    ----------
    active_watches : int
        Wrong until it is repaired, also below 0, where a write was made twice or never.
    throttled_until : float or None
        Epoch seconds until which the vendor wants none of them.
    requests_per_minute : float or None
        The limit, as a poll last read it in the connection's secret.
    running_times : mapping of str to tuple of float
        Seconds that past imports ran, the latest last, by job type.
    revision : int
        Changes with every running time that is added.
    """

    active_watches: int = 0
    throttled_until: float | None = None
    requests_per_minute: float | None = None
    running_times: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    revision: int = 0


class ConnectionStore:
    """Reads and writes what connections share.

    Parameters
    ----------
    table_name : str
        The table of watches.
    client : DynamoDBClient, optional
        A boto3 client that is there already.
    """

    def __init__(self, table_name: str, client: DynamoDBClient | None = None) -> None:
        self._table = table_name
        self._client: DynamoDBClient = client or table_client()

    def get(self, vendor: str, connection: str, *, consistent: bool = False) -> ConnectionState:
        """Read what is shared; nothing yet where no watch has begun."""
        found = self._client.get_item(TableName=self._table, Key=_key(vendor, connection), ConsistentRead=consistent)
        return _state(found.get("Item", {}))

    def known(self, after: tuple[str, str] | None = None) -> Iterator[tuple[str, str]]:
        """Give every vendor and connection of which anything is kept.

        Parameters
        ----------
        after : tuple of str, optional
            The last vendor and connection of an earlier look, which need not be kept any more: the rest follows.
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
        """Count one more active watch, and give what is shared with it in."""
        return self._count(vendor, connection, 1)

    def watch_withdrawn(self, vendor: str, connection: str) -> None:
        """Take back a watch that was counted and did not begin."""
        self._count(vendor, connection, -1)

    def watch_ended(self, watch: Watch, running_time: RunningTime | None) -> None:
        """Count one active watch less; the running time of its import joins those of its job type.

        Nothing that fails here is raised: the outcome stands, only the poll intervals of other watches depend on the
        count, and `recover_watches` repairs it.

        Parameters
        ----------
        watch : Watch
        running_time : RunningTime or None
            None where nothing is learned from this import.
        """
        try:
            if running_time is None or not self._remember(watch, running_time):
                self._count(watch.vendor, watch.connection, -1)
        except Exception:  # noqa: BLE001
            logger.exception("the watch was not removed from the count of its connection")

    def _remember(self, watch: Watch, running_time: RunningTime) -> bool:
        """Count one active watch less and add a running time in one write; False where others kept writing."""
        # Only the end of a watch loads this.
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
        """Have every watch of a connection keep away until a time; a later time that is known already stands.

        Nothing that goes wrong here is raised: the vendor would be asked again, just after it said to stay away.
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
            logger.exception("the connection's other watches were not told to keep away")

    def limit_read(self, watch: Watch, per_minute: float | None) -> None:
        """Keep the limit that the connection's secret names, for watches that are yet to begin.

        Nothing that goes wrong here is raised: the next poll finds the same difference, and this one's answer counts.
        """
        try:
            self._update(
                watch.vendor, watch.connection, "requestsPerMinute = :limit", {":limit": per_minute}, condition=None
            )
        except (BotoCoreError, ClientError):
            logger.exception("the connection's limit was not kept for watches to come")

    def repair(self, vendor: str, connection: str, counted: int, seen: int) -> bool:
        """Set the count of active watches right, unless it has changed since it was seen.

        Returns
        -------
        bool
            Whether it was set.
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
            UpdateExpression=f"SET {KEPT} ADD activeWatches :more",
            ExpressionAttributeValues=_attributes({":more": more, **_kept()}),
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
                UpdateExpression=f"SET {KEPT}, {sets}",
                ExpressionAttributeValues=_attributes({**values, **_kept()}),
                **({"ConditionExpression": condition} if condition else {}),  # type: ignore[arg-type]
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True


def _kept() -> dict[str, JSON]:
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
