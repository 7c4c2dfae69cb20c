"""The table of watches: the authoritative state of every watch, one item each, every write conditional.

An item is the flat state of a watch plus the fields of its start event that the notification returns (`metadata`,
`correlationId`), its result (`ending`) with the locations of its log and its last response, and the time of the
publication (`publishedAt`). An attempt that a later one has replaced is moved to an item of its own; task tokens that
wait for the outcome are in another one. Two sparse indexes list the open work: an active watch has `active` and is
found by `nextPollAt`; an ended one has `unpublished` and is found by `detectedAt`, until its outcome is published. Only
then may it expire. A third index lists ended watches by outcome and time, for people (`ended_watches`).
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from import_watch.aws.dynamodb import ACTIVE_INDEX, PageToken, query_index, serialize, table_client
from import_watch.aws.watch_items import (
    ACTIVE,
    MAX_LISTED_OWNERS,
    UNPUBLISHED,
    UNPUBLISHED_INDEX,
    name_of,
    new_item,
    record_of,
    standing,
)
from import_watch.model.observation import LogRecord
from import_watch.model.outcome import WatchResult
from import_watch.model.serialization import JSON, camel, to_json
from import_watch.model.watch import FIXED_FIELDS, Start, Watch, attempt_key, callbacks_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from import_watch.model.record import StoredWatch

KNOWN_TO_PASS = (
    *("ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded", "InternalServerError"),
    *("EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError"),
)
"""Errors that every definition of the state machine retries for a long time, also that of the first release."""
MAX_BATCH = 100
"""Maximum items that DynamoDB reads in one request."""
ATTRIBUTES_OF_AN_END = (
    *("log", "answer", "publishedAt", "eventSentAt", "unpublished", "expiresAt", "callbacks", "startEvents", "ended"),
)
"""Attributes that may change after a watch has ended."""
TOKENS_SECONDS = 366 * 86_400
"""Seconds for which a task token is kept at most: a task waits for a year at most."""
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
        return record_of(found["Item"]) if "Item" in found else None

    def get_attempt(self, watch_id: str, attempt: int) -> StoredWatch | None:
        """Read one attempt of a watch, which a later one may have replaced; None where there is none."""
        record = self.get(watch_id)
        if record is None or record.watch.attempt <= attempt:
            return record
        return self.get(attempt_key(watch_id, attempt))

    def get_many(self, watch_ids: Iterable[str]) -> dict[str, StoredWatch]:
        """Read watches by their ids, with consistent reads; without those that do not exist, or are no watches."""
        found: dict[str, StoredWatch] = {}
        unread: list[Any] = [{"watchId": {"S": key}} for key in dict.fromkeys(watch_ids)]
        while unread:
            wanted: Any = {self._table: {"Keys": unread[:MAX_BATCH], "ConsistentRead": True}}
            page = self._client.batch_get_item(RequestItems=wanted)
            items = page["Responses"].get(self._table, [])
            found |= {item["watchId"]["S"]: record_of(item) for item in items if "registeredAt" in item}
            refused = page["UnprocessedKeys"][self._table]["Keys"] if page.get("UnprocessedKeys") else ()
            unread = [*refused, *unread[MAX_BATCH:]]
        return found

    def reload_if_same_owner(self, seen: StoredWatch, *, owner_is_over: bool) -> StoredWatch | None:
        """Latest state of a watch that its owner wrote; None where the owner has changed since `seen` was read.

        `seen` may not have the last write of an ended owner, such as that the outcome was published. An owner that was
        never started has written nothing, and may start meanwhile: then `seen` itself is returned.
        """
        record = self.get(seen.key) if owner_is_over else seen
        return record if record is not None and record.execution == seen.execution else None

    def register(
        self,
        watch: Watch,
        execution: str,
        start: Start,
        *,
        keeps_log: bool,
        result: WatchResult | None = None,
        start_events: Sequence[str] = (),
    ) -> None:
        """Write a new watch, which is active unless it has a `result` at once, with the task token of its start event.

        Raises
        ------
        Conflict
            If there is such a watch already.
        """
        item = new_item(watch, execution, start, keeps_log=keeps_log, result=result, start_events=start_events)
        is_new = "attribute_not_exists(watchId)"
        if start.task_token is not None:
            put: Any = {"TableName": self._table, "Item": item, "ConditionExpression": is_new}
            self._transact(watch.watch_id, [{"Put": put}, self._add_token(watch.watch_id, watch.attempt, start)])
            return
        try:
            self._client.put_item(
                TableName=self._table,
                Item=item,
                ConditionExpression=is_new,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._client.exceptions.ConditionalCheckFailedException as error:
            raise Conflict(_conflicting(error.response)) from None

    def start_attempt(
        self,
        watch: Watch,
        execution: str,
        start: Start,
        *,
        ended: StoredWatch,
        keeps_log: bool,
        start_events: Sequence[str],
    ) -> None:
        """Replace a watch that has ended by its next attempt; the ended one is moved, and is still published.

        Parameters
        ----------
        watch : Watch
            The next attempt, in the next generation.
        ended : StoredWatch
            The attempt before, as it was read when the next one was decided on: no start event may be kept meanwhile.
        execution : str
            ARN of the execution that owns it.
        start : Start
        keeps_log : bool
            Whether the vendor keeps logs.
        start_events : sequence of str
            Ids of the last start events, those of earlier attempts included.

        Raises
        ------
        Conflict
            If the watch has not ended, or is not in the generation before, or changed at the same time.
        """
        key = {"watchId": {"S": watch.watch_id}}
        item = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item", {})
        moved = {
            **item,
            "watchId": {"S": attempt_key(watch.watch_id, watch.attempt - 1)},
            "attemptOf": {"S": watch.watch_id},
        }
        conditions, names = ["attribute_exists(ending)", "generation = :before"], {}
        values = {":before": serialize(watch.generation - 1)}
        expected = {name: value for name, value in item.items() if name != "startEvents"}
        if ended.start_events:
            expected["startEvents"] = serialize(list(ended.start_events))
        for index, name in enumerate(ATTRIBUTES_OF_AN_END):
            names[f"#n{index}"] = name
            if name in expected:
                conditions.append(f"#n{index} = :n{index}")
                values[f":n{index}"] = expected[name]
            else:
                conditions.append(f"attribute_not_exists(#n{index})")
        replacing = {
            "TableName": self._table,
            "Item": new_item(watch, execution, start, keeps_log=keeps_log, start_events=start_events),
            "ConditionExpression": " AND ".join(conditions),
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
        }
        # An attempt of the same number may be left of a watch that has expired; it is settled then.
        settled = (
            "attribute_not_exists(watchId) OR (attribute_exists(publishedAt) AND attribute_not_exists(unpublished))"
        )
        moving = {"TableName": self._table, "Item": moved, "ConditionExpression": settled}
        tokens = [] if start.task_token is None else [self._add_token(watch.watch_id, watch.attempt, start)]
        self._transact(watch.watch_id, [{"Put": replacing}, {"Put": moving}, *tokens])

    def add_start_event(self, record: StoredWatch, events: Sequence[str], start: Start) -> None:
        """Keep the id of a start event that starts nothing, and its task token: it waits for the outcome.

        Where the watch has ended, its outcome is to be published to the token: by the caller if the record was settled,
        else by the execution that publishes the outcome anyway.

        Parameters
        ----------
        record : StoredWatch
        events : sequence of str
            Ids of the last start events, this one included.
        start : Start

        Raises
        ------
        Conflict
            If the watch has ended, was settled or was started again meanwhile, or another start event was kept.
        """
        watch = record.watch
        has_ended = "attribute_exists(ending)" if record.result is not None else "attribute_not_exists(ending)"
        values: dict[str, JSON] = {":events": list(events), ":generation": watch.generation}
        same_events = "attribute_not_exists(startEvents)"
        if record.start_events:
            same_events = "startEvents = :seen"
            values[":seen"] = list(record.start_events)
        sets, same_state = "startEvents = :events", has_ended
        if start.task_token is not None:
            values[":one"] = 1
            same_state += f" AND attribute_{'exists' if record.unpublished else 'not_exists'}(unpublished)"
            if record.result is not None:
                sets += ", unpublished = :unpublished"
                values[":unpublished"] = UNPUBLISHED
            sets += " REMOVE expiresAt ADD callbacks :one"
        # Another owner of the same attempt may have the watch by now, which does not matter.
        same_attempt = "generation >= :generation"
        change = {
            "TableName": self._table,
            "Key": {"watchId": {"S": watch.watch_id}},
            "UpdateExpression": f"SET {sets}",
            "ConditionExpression": f"{same_state} AND {same_events} AND {same_attempt}",
            "ExpressionAttributeValues": {name: serialize(value) for name, value in values.items()},
        }
        tokens = [] if start.task_token is None else [self._add_token(watch.watch_id, watch.attempt, start)]
        self._transact(watch.watch_id, [{"Update": change}, *tokens])

    def record_stop(self, watch: Watch, reason: str) -> None:
        """Write why a person stops a watch, before its execution is stopped.

        Raises
        ------
        Conflict
            If the watch has ended, or another generation owns it.
        """
        self._change(
            watch.watch_id,
            {"stopReason": reason, "stopGeneration": watch.generation},
            (),
            "attribute_not_exists(ending) AND generation = :generation",
            numbers={":generation": watch.generation},
        )

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
            self._update(watch, None, before, owner=watch.generation - 1, polls=watch.polls, new_owner=execution)

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
            if record is not None and record.watch.attempt > before.attempt:
                record = self.get_attempt(before.watch_id, before.attempt)  # it was replaced at once
            if record is None:
                return None
            if record.watch.generation == before.generation:
                return Committed(record.watch, record.result, by_lost_attempt=True)
            return Committed(watch, by_lost_attempt=True) if record.execution == successor else None
        return Committed(watch, result)

    def record_log(self, watch: Watch, log: LogRecord, response: str | None) -> None:
        """Write the locations of the log and the last response of an ended watch; the first record stands.

        Raises
        ------
        Conflict
            If the watch has not ended, or its log is recorded already.
        """
        values: dict[str, JSON] = {"log": to_json(log)}
        if response is not None:
            values["answer"] = response
        self._change_ended(watch, values, (), "attribute_not_exists(#log)", {"#log": "log"})

    def record_published(self, watch: Watch, now: float) -> None:
        """Write that the outcome was published to the topic, so that it is not published there again.

        Raises
        ------
        Conflict
            If the watch has not ended, or its outcome was published already.
        """
        self._change_ended(watch, {"publishedAt": now}, (), "attribute_not_exists(publishedAt)")

    def record_event_sent(self, watch: Watch, now: float) -> None:
        """Write that the outcome was sent to the event bus, where another way of publishing has failed.

        Raises
        ------
        Conflict
            If the watch has not ended, or that was written already.
        """
        self._change_ended(watch, {"eventSentAt": now}, (), "attribute_not_exists(eventSentAt)")

    def record_settled(self, record: StoredWatch, now: float) -> None:
        """Write that nothing is left to be published: the watch may expire.

        Raises
        ------
        Conflict
            If a task token was stored since the record was read.
        """
        same = "callbacks = :callbacks" if record.callbacks else "attribute_not_exists(callbacks)"
        numbers = {":callbacks": record.callbacks} if record.callbacks else {}
        values: dict[str, JSON] = {"expiresAt": int(now) + self._retention}
        if record.event_sent_at is not None:
            values["eventSentAt"] = record.event_sent_at
        self._change_ended(
            record.watch, values, ("unpublished",), f"attribute_exists(publishedAt) AND {same}", numbers=numbers
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
        new_owner: str | None = None,
    ) -> None:
        values = {**standing(watch, result), **to_json(watch, FIXED_FIELDS)}
        listed = None
        if new_owner is not None:
            values["execution"] = new_owner
            listed = name_of(new_owner) if watch.executions <= MAX_LISTED_OWNERS else None
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
        self._change(watch.watch_id, values, gone, " AND ".join(conditions), numbers=numbers, listed=listed)

    def _change(
        self,
        watch_id: str,
        values: Mapping[str, JSON],
        remove: tuple[str, ...],
        condition: str,
        condition_names: Mapping[str, str] | None = None,
        numbers: Mapping[str, float] | None = None,
        listed: str | None = None,
    ) -> None:
        sets = ", ".join(f"#s{index} = :s{index}" for index in range(len(values)))
        removes = ", ".join(f"#r{index}" for index in range(len(remove)))
        names = {f"#s{index}": name for index, name in enumerate(values)}
        names |= {f"#r{index}": name for index, name in enumerate(remove)} | dict(condition_names or {})
        attribute_values = {f":s{index}": serialize(value) for index, value in enumerate(values.values())}
        attribute_values |= {name: serialize(number) for name, number in (numbers or {}).items()}
        if listed is not None:
            sets += ", owners = list_append(if_not_exists(owners, :none), :owners)"
            attribute_values |= {":none": serialize([]), ":owners": serialize([listed])}
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

    def _change_ended(
        self,
        watch: Watch,
        values: Mapping[str, JSON],
        remove: tuple[str, ...],
        condition: str,
        condition_names: Mapping[str, str] | None = None,
        numbers: Mapping[str, float] | None = None,
    ) -> None:
        """Change an attempt that has ended; a later attempt may have replaced it since it was read."""
        has_ended = f"attribute_exists(ending) AND {condition}"
        same = "attempt = :attempt" if watch.attempt > 1 else "(attribute_not_exists(attempt) OR attempt = :attempt)"
        try:
            self._change(
                watch.watch_id,
                values,
                remove,
                f"{has_ended} AND {same}",
                condition_names,
                {**(numbers or {}), ":attempt": watch.attempt},
            )
        except Conflict as conflict:
            if conflict.record is None or conflict.record.watch.attempt <= watch.attempt:
                raise
            key = attempt_key(watch.watch_id, watch.attempt)
            self._change(key, values, remove, has_ended, condition_names, numbers)

    def _add_token(self, watch_id: str, attempt: int, start: Start) -> dict[str, Any]:
        """Write of a task token, beside the watch: a set has it once, however often it is added."""
        return {
            "Update": {
                "TableName": self._table,
                "Key": {"watchId": {"S": callbacks_key(watch_id)}},
                "UpdateExpression": "SET expiresAt = :expires ADD tokens :tokens",
                "ExpressionAttributeValues": {
                    ":expires": {"N": str(int(time.time()) + TOKENS_SECONDS)},
                    ":tokens": {"SS": [f"{attempt}:{start.task_token}"]},
                },
            }
        }

    def _transact(self, watch_id: str, writes: list[Any]) -> None:
        try:
            self._client.transact_write_items(TransactItems=writes)
        except self._client.exceptions.TransactionCanceledException as error:
            reasons = [reason.get("Code") for reason in error.response.get("CancellationReasons", [])]
            if "ConditionalCheckFailed" not in reasons:
                raise  # such as a transaction of the same moment: the state machine repeats the step
            raise Conflict(self.get(watch_id)) from None


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


def _conflicting(response: Mapping[str, Any]) -> StoredWatch | None:
    return record_of(response["Item"]) if response.get("Item") else None
