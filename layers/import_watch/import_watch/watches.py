"""The table of watches: the truth about every watch, one item each, every write conditional.

An item is the flat state of a watch plus what its start event asked to be given back (`metadata`,
`correlationId`), what it ended as (`ending`, `log`, `answer`) and when that was told (`publishedAt`). An
active watch carries `active`, the key of the sparse index that finds it by `nextPollAt`; an ended one does not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import boto3
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.config import Config

from import_watch.encoding import camel, from_json, to_json
from import_watch.model import JSON, Ending, LogRecord, Start, Watch

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ACTIVE = "ACTIVE"
"""Value of `active` in every active watch: the partition of the sparse index."""
SCHEMA_VERSION = 1
"""Version of the item's shape, for whoever has to read one written by another release."""
STATE_ATTRIBUTES = ("active", *(camel(part.name) for part in fields(Watch)))
"""What a write of the state sets or, where the state no longer has it, removes."""


@dataclass(frozen=True, slots=True)
class Record:
    """A watch as the table has it.

    Parameters
    ----------
    watch : Watch
    execution : str
        ARN of the execution that owns the watch.
    ending : Ending or None
        None while the watch is active.
    log, answer : LogRecord, str or None
        Where the log and the vendor's last answer are; None until they were looked after.
    published_at : float or None
        When the outcome was told.
    """

    watch: Watch
    execution: str
    metadata: JSON = None
    correlation_id: str | None = None
    keeps_log: bool = True
    ending: Ending | None = None
    log: LogRecord | None = None
    answer: str | None = None
    published_at: float | None = None


class Conflict(Exception):
    """A conditional write that did not go through because the item is not as expected.

    Attributes
    ----------
    record : Record or None
        The item as it is; None where there is none.
    """

    def __init__(self, record: Record | None) -> None:
        super().__init__("the watch is not as expected")
        self.record = record


class Watches:
    """Reads and writes the table.

    Parameters
    ----------
    table_name : str
    retention_seconds : int
        How long an ended watch is kept.
    client : DynamoDBClient, optional
        A boto3 client, for tests.
    """

    def __init__(self, table_name: str, retention_seconds: int, client: DynamoDBClient | None = None) -> None:
        self._table = table_name
        self._retention = retention_seconds
        self._client: DynamoDBClient = client or boto3.client(
            "dynamodb", config=Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 4})
        )

    def get(self, watch_id: str) -> Record | None:
        """Read a watch, consistently; None where there is none."""
        found = self._client.get_item(TableName=self._table, Key={"watchId": {"S": watch_id}}, ConsistentRead=True)
        return _record(found["Item"]) if "Item" in found else None

    def register(
        self, watch: Watch, execution: str, start: Start, *, keeps_log: bool, ending: Ending | None = None
    ) -> None:
        """Write a new watch, active unless it has an `ending` at once.

        Raises
        ------
        Conflict
            If there is such a watch already.
        """
        attributes: dict[str, JSON] = {
            "execution": execution,
            "keepsLog": keeps_log,
            "schemaVersion": SCHEMA_VERSION,
            **_changing(watch, ending, self._retention),
        }
        if start.metadata is not None:
            # As text, so that any number in it comes back as it came.
            attributes["metadata"] = json.dumps(start.metadata)
        if start.correlation_id is not None:
            attributes["correlationId"] = start.correlation_id
        self._put(attributes, "attribute_not_exists(watchId)")

    def save(self, watch: Watch) -> None:
        """Write the state of an active watch after a poll.

        Raises
        ------
        Conflict
            If the watch has ended, or another generation owns it.
        """
        self._update(watch, _changing(watch, None, self._retention))

    def end(self, watch: Watch, ending: Ending) -> None:
        """Write how a watch ended: the first who does so decides.

        Raises
        ------
        Conflict
            If the watch has ended already, or another generation owns it.
        """
        self._update(watch, _changing(watch, ending, self._retention))

    def record_log(self, watch_id: str, log: LogRecord, answer: str | None) -> None:
        """Write where the log and the last answer of an ended watch are; the first record stands.

        Raises
        ------
        Conflict
            If the watch has not ended, or its log is recorded already.
        """
        values: dict[str, JSON] = {"log": to_json(log)}
        if answer is not None:
            values["answer"] = answer
        self._change(watch_id, values, (), "attribute_exists(ending) AND attribute_not_exists(#log)", {"#log": "log"})

    def record_published(self, watch_id: str, now: float) -> None:
        """Write that the outcome was told, so that nobody tells it again.

        Raises
        ------
        Conflict
            If the watch has not ended, or was told of already.
        """
        self._change(
            watch_id, {"publishedAt": now}, (), "attribute_exists(ending) AND attribute_not_exists(publishedAt)"
        )

    def _update(self, watch: Watch, values: dict[str, JSON]) -> None:
        values.pop("watchId")
        gone = tuple(name for name in STATE_ATTRIBUTES if name not in values and name != "watchId")
        condition = "attribute_exists(active) AND generation = :owner"
        self._change(watch.watch_id, values, gone, condition, owner=watch.generation)

    def _change(
        self,
        watch_id: str,
        values: Mapping[str, JSON],
        remove: tuple[str, ...],
        condition: str,
        condition_names: Mapping[str, str] | None = None,
        owner: int | None = None,
    ) -> None:
        sets = ", ".join(f"#s{index} = :s{index}" for index in range(len(values)))
        removes = ", ".join(f"#r{index}" for index in range(len(remove)))
        names = {f"#s{index}": name for index, name in enumerate(values)}
        names |= {f"#r{index}": name for index, name in enumerate(remove)} | dict(condition_names or {})
        attribute_values = {f":s{index}": _attribute(value) for index, value in enumerate(values.values())}
        if owner is not None:
            attribute_values[":owner"] = {"N": str(owner)}
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
                Item={name: _attribute(value) for name, value in values.items()},
                ConditionExpression=condition,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._client.exceptions.ConditionalCheckFailedException as error:
            raise Conflict(_conflicting(error.response)) from None


def _changing(watch: Watch, ending: Ending | None, retention: int) -> dict[str, JSON]:
    """Give the attributes of a watch's state, with those of the sparse index or of its end."""
    values: dict[str, JSON] = to_json(watch)
    if ending is None:
        values["active"] = ACTIVE
    else:
        values["ending"] = to_json(ending)
        values["outcome"] = ending.outcome.value
        values["expiresAt"] = int(ending.detected_at) + retention
    return values


def _record(item: Mapping[str, Any]) -> Record:
    read = TypeDeserializer().deserialize
    values: dict[str, Any] = {name: read(value) for name, value in item.items()}
    metadata = values.get("metadata")
    published_at = values.get("publishedAt")
    return Record(
        watch=from_json(Watch, values),
        execution=values["execution"],
        metadata=None if metadata is None else json.loads(metadata),
        correlation_id=values.get("correlationId"),
        keeps_log=values["keepsLog"],
        ending=from_json(Ending, values["ending"]) if "ending" in values else None,
        log=from_json(LogRecord, values["log"]) if "log" in values else None,
        answer=values.get("answer"),
        published_at=None if published_at is None else float(published_at),
    )


def _conflicting(response: Mapping[str, Any]) -> Record | None:
    return _record(response["Item"]) if response.get("Item") else None


def _attribute(value: JSON) -> Any:
    return TypeSerializer().serialize(_decimal(value))


def _decimal(value: JSON) -> JSON:
    """DynamoDB takes no floats; nine decimals of a second, or of a share, are all that is meant."""
    if isinstance(value, float):
        return Decimal(str(round(value, 9)))
    if isinstance(value, dict):
        return {key: _decimal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_decimal(item) for item in value]
    return value
