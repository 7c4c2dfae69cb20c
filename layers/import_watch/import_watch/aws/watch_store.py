"""The table of watches: the authoritative state of every watch, one item each, every write conditional.

An item is the flat state of a watch plus the fields of its start event that the notification returns (`metadata`,
`correlationId`), its result (`ending`) with the locations of its log and its last response, and the time of the
publication (`publishedAt`). Two sparse indexes list the open work: an active watch has `active` and is found by
`nextPollAt`; an ended one has `unpublished` and is found by `detectedAt`, until its outcome is published. Only then may
it expire. A third index lists ended watches by outcome and time, for people (`ended_watches`).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any
from zlib import crc32

from botocore.exceptions import BotoCoreError, ClientError

from import_watch.aws.dynamodb import ACTIVE_INDEX, PageToken, deserialize, query_index, serialize, table_client
from import_watch.model.observation import LogRecord
from import_watch.model.outcome import UNSTORED_FACTS, WatchResult
from import_watch.model.record import StoredWatch
from import_watch.model.serialization import JSON, camel, from_json, to_json
from import_watch.model.watch import FIXED_FIELDS, Start, Watch

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

UNPUBLISHED_INDEX, ENDED_INDEX = "unpublished-by-detection", "ended-by-detection"
ACTIVE, UNPUBLISHED = "ACTIVE", "UNPUBLISHED"
"""Values of `active` and `unpublished`: the one partition of each sparse index."""
ENDED_SHARDS = 4
"""Partitions of each outcome in the index of ended watches."""
MAX_INDEXED_REASON = 200
"""Maximum characters of a vendor's reason in that index."""
KNOWN_TO_PASS = (
    *("ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded", "InternalServerError"),
    *("EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError"),
)
"""Errors that every definition of the state machine retries for a long time, also that of the first release."""
MAX_BATCH = 100
"""Maximum items that DynamoDB reads in one request."""
SCHEMA_VERSION = 1
"""Version of the item's format, for code that reads an item of another release."""
CHANGING_ATTRIBUTES = ("active", *(camel(part.name) for part in fields(Watch) if part.name not in FIXED_FIELDS))
"""Attributes that each write after the first sets or, where the state has no value, removes."""


class Conflict(Exception):
    """A conditional write that failed because the item is not as expected.

    Attributes
    ----------
    record : StoredWatch or None
        The stored item; None where there is none.
    """

    def __init__(self, record: StoredWatch | None) -> None:
        super().__init__("the watch is not as expected")
        self.record = record


class WriteUnconfirmed(Exception):
    """A write that failed, or whose response did not arrive: it is not known whether it was done."""


@dataclass(frozen=True, slots=True)
class Committed:
    """The table's state of a watch after a poll was written.

    Parameters
    ----------
    watch : Watch
    result : WatchResult or None
    by_lost_attempt : bool
        Whether an earlier attempt of the same execution, whose response was lost, had written it.
    """

    watch: Watch
    result: WatchResult | None = None
    by_lost_attempt: bool = False


class WatchStore:
    """Reads and writes the table.

    Parameters
    ----------
    table_name : str
    retention_seconds : int
        Seconds for which an ended watch is kept.
    client : DynamoDBClient, optional
        A boto3 client, for tests.
    """

    def __init__(self, table_name: str, retention_seconds: int, client: DynamoDBClient | None = None) -> None:
        self._table = table_name
        self._retention = retention_seconds
        self._client: DynamoDBClient = client or table_client()

    def get(self, watch_id: str) -> StoredWatch | None:
        """Read a watch with a consistent read; None where there is none."""
        found = self._client.get_item(TableName=self._table, Key={"watchId": {"S": watch_id}}, ConsistentRead=True)
        return _record(found["Item"]) if "Item" in found else None

    def get_many(self, watch_ids: Iterable[str]) -> dict[str, StoredWatch]:
        """Read watches by their ids, with consistent reads; without those that do not exist, or are no watches."""
        found: dict[str, StoredWatch] = {}
        unread: list[Any] = [{"watchId": {"S": key}} for key in dict.fromkeys(watch_ids)]
        while unread:
            wanted: Any = {self._table: {"Keys": unread[:MAX_BATCH], "ConsistentRead": True}}
            page = self._client.batch_get_item(RequestItems=wanted)
            items = page["Responses"].get(self._table, [])
            found |= {item["watchId"]["S"]: _record(item) for item in items if "registeredAt" in item}
            refused = page["UnprocessedKeys"][self._table]["Keys"] if page.get("UnprocessedKeys") else ()
            unread = [*refused, *unread[MAX_BATCH:]]
        return found

    def reload_if_same_owner(self, seen: StoredWatch, *, owner_is_over: bool) -> StoredWatch | None:
        """Latest state of a watch that its owner wrote; None where the owner has changed since `seen` was read.

        `seen` may not have the last write of an ended owner, such as that the outcome was published. An owner that was
        never started has written nothing, and may start meanwhile: then `seen` itself is returned.
        """
        record = self.get(seen.watch.watch_id) if owner_is_over else seen
        return record if record is not None and record.execution == seen.execution else None

    def register(
        self, watch: Watch, execution: str, start: Start, *, keeps_log: bool, result: WatchResult | None = None
    ) -> None:
        """Write a new watch, which is active unless it has a `result` at once.

        Raises
        ------
        Conflict
            If there is such a watch already.
        """
        attributes: dict[str, JSON] = {
            "execution": execution,
            "keepsLog": keeps_log,
            "schemaVersion": SCHEMA_VERSION,
            **to_json(watch),
            **_standing(watch, result),
        }
        if start.metadata is not None:
            # As text, so that every number in it stays exactly as it was.
            attributes["metadata"] = json.dumps(start.metadata)
        if start.correlation_id is not None:
            attributes["correlationId"] = start.correlation_id
        self._put(attributes, "attribute_not_exists(watchId)")

    def save(self, watch: Watch, before: Watch | None = None) -> None:
        """Write the state of an active watch after a poll.

        Parameters
        ----------
        watch : Watch
        before : Watch, optional
            As it was read, where the write sets, changes or drops an outcome that awaits its log: the table must still
            have what was read.

        Raises
        ------
        Conflict
            If the watch has ended, another generation owns it, or a later poll is written: a function that the state
            machine gave up may still be running. Also if the table has another outcome that awaits its log, or none.
        WriteUnconfirmed
            If DynamoDB cannot be reached or refuses the write for another reason.
        """
        with _unconfirmed():
            self._update(watch, None, before, owner=watch.generation, polls=watch.polls)

    def transfer_ownership(self, watch: Watch, execution: str, before: Watch | None = None) -> None:
        """Write the state of an active watch that another execution owns from now on: the next generation.

        Parameters
        ----------
        watch : Watch
            As the new owner gets it, with the new owner's generation.
        execution : str
            ARN of the new owner, which need not have started yet.
        before : Watch, optional
            As in `save`.

        Raises
        ------
        Conflict
            If the watch has ended, a generation other than the one before owns it, or a later poll is written; or as
            in `save`.
        WriteUnconfirmed
            As in `save`.
        """
        with _unconfirmed(KNOWN_TO_PASS):
            self._update(watch, None, before, owner=watch.generation - 1, polls=watch.polls, execution=execution)

    def end(self, watch: Watch, result: WatchResult, before: Watch | None = None) -> None:
        """Write the result of a watch: the first write decides.

        Parameters
        ----------
        watch : Watch
        result : WatchResult
        before : Watch, optional
            As in `save`.

        Raises
        ------
        Conflict
            If the watch has ended already, or another generation owns it; or as in `save`.
        WriteUnconfirmed
            As in `save`.
        """
        with _unconfirmed(KNOWN_TO_PASS):
            self._update(watch, result, before, owner=watch.generation)

    def commit(
        self, watch: Watch, before: Watch, *, result: WatchResult | None = None, successor: str | None = None
    ) -> Committed | None:
        """Write a poll of an active watch: its state, its end, or its transfer to a successor.

        Parameters
        ----------
        watch : Watch
        before : Watch
            As in `save`.
        result : WatchResult, optional
            Where the watch ends.
        successor : str, optional
            ARN of the execution that owns the watch from now on.

        Returns
        -------
        Committed or None
            The state in the table, which may be that of an earlier attempt of the same execution; None where another
            execution owns the watch.

        Raises
        ------
        WriteUnconfirmed
            As in `save`.
        """
        try:
            if result is not None:
                self.end(watch, result, before)
            elif successor is not None:
                self.transfer_ownership(watch, successor, before)
            else:
                self.save(watch, before)
        except Conflict as conflict:
            record = conflict.record
            if record is None:
                return None
            if record.watch.generation == before.generation:
                return Committed(record.watch, record.result, by_lost_attempt=True)
            return Committed(watch, by_lost_attempt=True) if record.execution == successor else None
        return Committed(watch, result)

    def record_log(self, watch_id: str, log: LogRecord, response: str | None) -> None:
        """Write the locations of the log and the last response of an ended watch; the first record stands.

        Raises
        ------
        Conflict
            If the watch has not ended, or its log is recorded already.
        """
        values: dict[str, JSON] = {"log": to_json(log)}
        if response is not None:
            values["answer"] = response
        self._change(watch_id, values, (), "attribute_exists(ending) AND attribute_not_exists(#log)", {"#log": "log"})

    def record_published(self, watch_id: str, now: float) -> None:
        """Write that the outcome was published, so that it is not published again.

        Raises
        ------
        Conflict
            If the watch has not ended, or its outcome was published already.
        """
        self._change(
            watch_id,
            {"publishedAt": now, "expiresAt": int(now) + self._retention},
            ("unpublished",),
            "attribute_exists(ending) AND attribute_not_exists(publishedAt)",
        )

    def active(self, token: PageToken | None = None) -> Iterator[tuple[str, float, PageToken]]:
        """All active watches, by the time of their next poll, from an eventually consistent index.

        Parameters
        ----------
        token : PageToken, optional
            The token of the last watch of an earlier listing.

        Yields
        ------
        tuple of str, float and PageToken
            Its id, the time of its next poll (epoch seconds), and the token with which a listing continues after it.
        """
        return self._query_index(ACTIVE_INDEX, ("active", ACTIVE), "nextPollAt", token)

    def unpublished(self, token: PageToken | None = None) -> Iterator[tuple[str, float, PageToken]]:
        """All ended watches whose outcome is not published, by the time of their end."""
        return self._query_index(UNPUBLISHED_INDEX, ("unpublished", UNPUBLISHED), "detectedAt", token)

    def _query_index(
        self, index: str, partition: tuple[str, str], order: str, token: PageToken | None
    ) -> Iterator[tuple[str, float, PageToken]]:
        return query_index(self._client, self._table, index, partition, order, token)

    def _update(
        self,
        watch: Watch,
        result: WatchResult | None,
        before: Watch | None,
        *,
        owner: int,
        polls: int | None = None,
        **more: JSON,
    ) -> None:
        values = {**_standing(watch, result), **to_json(watch, FIXED_FIELDS), **more}
        gone = tuple(name for name in CHANGING_ATTRIBUTES if name not in values)
        conditions = ["attribute_not_exists(ending)", "generation = :owner"]
        numbers: dict[str, float] = {":owner": owner}
        if polls is not None:
            conditions.append("polls <= :polls")
            numbers[":polls"] = polls
        # A write never removes an outcome that its writer has not read.
        read = before or watch
        if read.awaiting_log is None:
            conditions.append("attribute_not_exists(awaitingLog)")
        else:
            conditions += ["awaitingLog.detectedAt = :detected", "logPolls = :looks"]
            numbers |= {":detected": read.awaiting_log.detected_at, ":looks": read.log_polls}
        self._change(watch.watch_id, values, gone, " AND ".join(conditions), numbers=numbers)

    def _change(
        self,
        watch_id: str,
        values: Mapping[str, JSON],
        remove: tuple[str, ...],
        condition: str,
        condition_names: Mapping[str, str] | None = None,
        numbers: Mapping[str, float] | None = None,
    ) -> None:
        sets = ", ".join(f"#s{index} = :s{index}" for index in range(len(values)))
        removes = ", ".join(f"#r{index}" for index in range(len(remove)))
        names = {f"#s{index}": name for index, name in enumerate(values)}
        names |= {f"#r{index}": name for index, name in enumerate(remove)} | dict(condition_names or {})
        attribute_values = {f":s{index}": serialize(value) for index, value in enumerate(values.values())}
        attribute_values |= {name: serialize(number) for name, number in (numbers or {}).items()}
        try:
            self._client.update_item(
                TableName=self._table,
                Key={"watchId": {"S": watch_id}},
                UpdateExpression=f"SET {sets}" + (f" REMOVE {removes}" if removes else ""),
                ConditionExpression=condition,
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=attribute_values,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._client.exceptions.ConditionalCheckFailedException as error:
            raise Conflict(_conflicting(error.response)) from None

    def _put(self, values: Mapping[str, JSON], condition: str) -> None:
        try:
            self._client.put_item(
                TableName=self._table,
                Item={name: serialize(value) for name, value in values.items()},
                ConditionExpression=condition,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._client.exceptions.ConditionalCheckFailedException as error:
            raise Conflict(_conflicting(error.response)) from None


@contextmanager
def _unconfirmed(known: Collection[str] = ()) -> Iterator[None]:
    """Raise WriteUnconfirmed for errors of the table or the network, but for errors of these names."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        if type(error).__name__ in known:
            raise
        if isinstance(error, ClientError) and error.response["Error"]["Code"] == "ValidationException":
            raise  # a fault of this code, which a later poll would not fix
        raise WriteUnconfirmed(str(error)) from error


def ended_partition(outcome: str, shard: int) -> str:
    """Value of `ended`: one partition of the index of ended watches."""
    return f"{outcome}#{shard}"


def _standing(watch: Watch, result: WatchResult | None) -> dict[str, JSON]:
    """Attributes by which a watch is active or ended, with those of its indexes."""
    if result is None:
        return {"active": ACTIVE}
    if not result.message:
        raise ValueError("a result is stored with its message")
    return {
        "ending": to_json(result, UNSTORED_FACTS),
        "outcome": result.outcome.value,
        "detectedAt": result.detected_at,
        "outcomeReason": result.reason and result.reason[:MAX_INDEXED_REASON],
        "unpublished": UNPUBLISHED,
        "ended": ended_partition(result.outcome.value, crc32(watch.watch_id.encode()) % ENDED_SHARDS),
    }


def _record(item: Mapping[str, Any]) -> StoredWatch:
    values = deserialize(item)
    metadata = values.get("metadata")
    published_at = values.get("publishedAt")
    return StoredWatch(
        watch=from_json(Watch, values),
        execution=values["execution"],
        metadata=None if metadata is None else json.loads(metadata),
        correlation_id=values.get("correlationId"),
        keeps_log=values["keepsLog"],
        result=from_json(WatchResult, values["ending"]) if "ending" in values else None,
        log=from_json(LogRecord, values["log"]) if "log" in values else None,
        response=values.get("answer"),
        published_at=None if published_at is None else float(published_at),
    )


def _conflicting(response: Mapping[str, Any]) -> StoredWatch | None:
    return _record(response["Item"]) if response.get("Item") else None
