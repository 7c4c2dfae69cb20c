"""The table of watches: the authoritative state of every watch, every write conditional.

The item of a watch is its flat state plus its result (`ending`) with the locations of its log and its last response,
and the time of the publication (`publishedAt`). The rest of its start event is in an item of its own, which is written
with it in one transaction where both change. An attempt that a later one has replaced is moved to an item of its own;
task tokens that wait for the outcome are in another one.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from import_watch.aws.dynamodb import serialize
from import_watch.aws.watch_items import (
    INDEX_SECONDS,
    MAX_LISTED_OWNERS,
    UNPUBLISHED,
    changes_of,
    name_of,
    new_items,
)
from import_watch.aws.watch_writer import (
    KNOWN_TO_PASS,
    LIMITS_TOKENS,
    Conflict,
    WatchWriter,
    attributes,
    unconfirmed,
)
from import_watch.model.observation import LogRecord
from import_watch.model.outcome import WatchResult
from import_watch.model.serialization import JSON, camel, to_json
from import_watch.model.watch import FIXED_FIELDS, Start, Watch, attempt_key, callbacks_key, start_key
from import_watch.observability import logger

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from import_watch.model.record import StoredWatch

ATTRIBUTES_OF_AN_END = (
    *("log", "answer", "publishedAt", "eventSentAt", "unpublished", "expiresAt", "callbacks", "eventRevision", "ended"),
)
"""Attributes that may change after a watch has ended."""
MAX_TOKENS = 100
"""Task tokens that may wait for one watch: an item has 400 KB, and a token up to 2 KB."""
TOKENS_SECONDS = 366 * 86_400
"""Seconds for which a task token is kept at most: a task waits for a year at most."""
START_SECONDS = 366 * 86_400
"""Seconds after its deadline for which the start of a watch is kept at most, whatever becomes of the watch."""
CHANGING_ATTRIBUTES = (
    *("active", "pollAt"),
    *(camel(part.name) for part in fields(Watch) if part.name not in FIXED_FIELDS),
)
"""Attributes that each write after the first sets or, where the state has no value, removes."""


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


class WatchStore(WatchWriter):
    """Reads and writes the table.

    Parameters
    ----------
    table_name : str
    retention_seconds : int
        Seconds for which an ended watch is kept.
    client : DynamoDBClient, optional
        A boto3 client, for tests.
    index_seconds : int, optional
        Seconds to which the index of active watches knows the times of the next polls.
    """

    def __init__(
        self,
        table_name: str,
        retention_seconds: int,
        client: DynamoDBClient | None = None,
        index_seconds: int = INDEX_SECONDS,
    ) -> None:
        super().__init__(table_name, client)
        self._retention = retention_seconds
        self._index_seconds = index_seconds

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
        TooManyTokens
            If its task token is one too many: nothing is written.
        """
        item, of_start = self._new_items(watch, execution, start, start_events, keeps_log=keeps_log, result=result)
        put: Any = {"TableName": self._table, "Item": item, "ConditionExpression": "attribute_not_exists(watchId)"}
        self.transact(watch.watch_id, [{"Put": put}, of_start, *self._token_of(watch, start)])

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
        TooManyTokens
            If its task token is one too many: nothing is written.
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
        expected = {name: value for name, value in item.items() if name != "eventRevision"}
        if ended.event_revision:
            expected["eventRevision"] = serialize(ended.event_revision)
        for index, name in enumerate(ATTRIBUTES_OF_AN_END):
            names[f"#n{index}"] = name
            if name in expected:
                conditions.append(f"#n{index} = :n{index}")
                values[f":n{index}"] = expected[name]
            else:
                conditions.append(f"attribute_not_exists(#n{index})")
        revision = ended.event_revision + 1
        new, of_start = self._new_items(
            watch, execution, start, start_events, keeps_log=keeps_log, event_revision=revision
        )
        replacing = {
            "TableName": self._table,
            "Item": new,
            "ConditionExpression": " AND ".join(conditions),
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
        }
        # An attempt of the same number may be left of a watch that has expired; it is settled then.
        settled = (
            "attribute_not_exists(watchId) OR (attribute_exists(publishedAt) AND attribute_not_exists(unpublished))"
        )
        moving = {"TableName": self._table, "Item": moved, "ConditionExpression": settled}
        writes = [{"Put": replacing}, {"Put": moving}, of_start, *self._token_of(watch, start)]
        self.transact(watch.watch_id, writes)

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
        TooManyTokens
            If its task token is one too many: nothing is written.
        """
        watch = record.watch
        state = "attribute_exists(ending)" if record.result is not None else "attribute_not_exists(ending)"
        # Another owner of the same attempt may have the watch by now, which does not matter. Another attempt has
        # another revision.
        state += " AND generation >= :generation AND "
        values: dict[str, JSON] = {":generation": watch.generation, ":one": 1}
        state += "eventRevision = :seen" if record.event_revision else "attribute_not_exists(eventRevision)"
        if record.event_revision:
            values[":seen"] = record.event_revision
        update = "ADD eventRevision :one"
        if start.task_token is not None:
            state += f" AND attribute_{'exists' if record.unpublished else 'not_exists'}(unpublished)"
            update += ", callbacks :one REMOVE expiresAt"
            if record.result is not None:
                update += " SET unpublished = :unpublished"
                values[":unpublished"] = UNPUBLISHED
        change = {
            "TableName": self._table,
            "Key": {"watchId": {"S": watch.watch_id}},
            "UpdateExpression": update,
            "ConditionExpression": state,
            "ExpressionAttributeValues": attributes(values),
        }
        of_start = self._change_of_start(
            watch, "SET startEvents = :events", {":events": list(events)}, keeps_longer=start.task_token is not None
        )
        self.transact(watch.watch_id, [{"Update": change}, of_start, *self._token_of(watch, start)])

    def record_stop(self, watch: Watch, reason: str) -> None:
        """Write why a person stops a watch, before its execution is stopped.

        Raises
        ------
        Conflict
            If the watch has ended, its outcome is known and awaits its log, or another generation owns it.
        """
        self.change(
            watch.watch_id,
            {"stopReason": reason, "stopGeneration": watch.generation},
            (),
            "attribute_not_exists(ending) AND attribute_not_exists(awaitingLog) AND generation = :generation",
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
        with unconfirmed():
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
        with unconfirmed(KNOWN_TO_PASS):
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
        with unconfirmed(KNOWN_TO_PASS):
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
                stored = replace(record.watch, histories=before.histories)  # the item does not have them
                return Committed(stored, record.result, by_lost_attempt=True)
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
        self._change_ended(watch, values, (), "attribute_not_exists(#log)")

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
        self._expire_start(record.watch, now)

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
        values = changes_of(watch, result, self._index_seconds)
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
        condition = " AND ".join(conditions)
        if listed is None:
            self.change(watch.watch_id, values, gone, condition, numbers=numbers)
            return
        change = self.change_request(watch.watch_id, values, gone, condition, numbers=numbers)
        owners = "SET owners = list_append(if_not_exists(owners, :none), :owners)"
        of_start = self._change_of_start(watch, owners, {":none": [], ":owners": [listed]})
        self.transact(watch.watch_id, [{"Update": change}, of_start])

    def _change_ended(
        self,
        watch: Watch,
        values: Mapping[str, JSON],
        remove: tuple[str, ...],
        condition: str,
        numbers: Mapping[str, float] | None = None,
    ) -> None:
        """Change an attempt that has ended; a later attempt may have replaced it since it was read."""
        has_ended = f"attribute_exists(ending) AND {condition}"
        same = "attempt = :attempt" if watch.attempt > 1 else "(attribute_not_exists(attempt) OR attempt = :attempt)"
        try:
            self.change(
                watch.watch_id,
                values,
                remove,
                f"{has_ended} AND {same}",
                {**(numbers or {}), ":attempt": watch.attempt},
            )
        except Conflict as conflict:
            if conflict.record is None or conflict.record.watch.attempt <= watch.attempt:
                raise
            key = attempt_key(watch.watch_id, watch.attempt)
            self.change(key, values, remove, has_ended, numbers)

    def _new_items(
        self,
        watch: Watch,
        execution: str,
        start: Start,
        start_events: Sequence[str],
        *,
        keeps_log: bool,
        result: WatchResult | None = None,
        event_revision: int = 0,
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Item of a new watch, and the write of its start."""
        item, of_start = new_items(
            watch,
            execution,
            start,
            keeps_log=keeps_log,
            index_seconds=self._index_seconds,
            expires_at=watch.deadline + START_SECONDS,
            result=result,
            start_events=start_events,
            event_revision=event_revision,
        )
        return item, {"Put": {"TableName": self._table, "Item": of_start}}

    def _change_of_start(
        self, watch: Watch, update: str, values: Mapping[str, JSON], *, keeps_longer: bool = False
    ) -> dict[str, Any]:
        """Write of the start of an attempt, which has an item from then on also where an older release began it.

        With `keeps_longer` it no longer expires with its watch, until that is settled again.
        """
        expires = ":expires" if keeps_longer else "if_not_exists(expiresAt, :expires)"
        return {
            "Update": {
                "TableName": self._table,
                "Key": {"watchId": {"S": start_key(watch.watch_id, watch.attempt)}},
                "UpdateExpression": f"{update}, expiresAt = {expires}",
                "ExpressionAttributeValues": attributes(
                    {**values, ":expires": int(max(watch.deadline, time.time())) + START_SECONDS}
                ),
            }
        }

    def _expire_start(self, watch: Watch, now: float) -> None:
        """Let the start of an attempt expire with its watch; if that fails, it expires later."""
        key = start_key(watch.watch_id, watch.attempt)
        try:
            self.change(key, {"expiresAt": int(now) + self._retention}, (), "attribute_exists(watchId)")
        except Conflict:
            return  # an older release began the watch
        except (BotoCoreError, ClientError):
            logger.exception("the start of the watch is kept for longer than the watch")

    def _token_of(self, watch: Watch, start: Start) -> list[dict[str, Any]]:
        """Write of a task token, beside the watch: a set has it once, however often it is added."""
        if start.task_token is None:
            return []
        return [
            {
                "Update": {
                    "TableName": self._table,
                    "Key": {"watchId": {"S": callbacks_key(watch.watch_id)}},
                    "UpdateExpression": "SET expiresAt = :expires ADD tokens :tokens",
                    "ConditionExpression": LIMITS_TOKENS,
                    "ExpressionAttributeValues": {
                        ":expires": {"N": str(int(time.time()) + TOKENS_SECONDS)},
                        ":tokens": {"SS": [f"{watch.attempt}:{start.task_token}"]},
                        ":token": {"S": f"{watch.attempt}:{start.task_token}"},
                        ":most": {"N": str(MAX_TOKENS)},
                    },
                }
            }
        ]
