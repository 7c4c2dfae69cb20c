"""The items of the table of watches: how a watch is written as one, and read from one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from zlib import crc32

from import_watch.aws.dynamodb import deserialize, serialize
from import_watch.model.observation import LogRecord
from import_watch.model.outcome import UNSTORED_FACTS, WatchResult
from import_watch.model.serialization import JSON, from_json, to_json
from import_watch.model.watch import Start, Watch

if TYPE_CHECKING:
    from import_watch.model.record import StoredWatch

UNPUBLISHED_INDEX, ENDED_INDEX = "unpublished-by-detection", "ended-by-detection"
ACTIVE, UNPUBLISHED = "ACTIVE", "UNPUBLISHED"
"""Values of `active` and `unpublished`: the one partition of each sparse index."""
ENDED_SHARDS = 4
"""Partitions of each outcome in the index of ended watches."""
MAX_INDEXED_REASON = 200
"""Maximum characters of a vendor's reason in that index."""
MAX_LISTED_OWNERS = 100
"""Owners of a watch that its item lists: every poll writes the whole item, and each kilobyte of it has a price."""
SCHEMA_VERSION = 1
"""Version of the item's format, for code that reads an item of another release."""


def new_item(
    watch: Watch,
    execution: str,
    start: Start,
    *,
    keeps_log: bool,
    result: WatchResult | None = None,
    start_events: Sequence[str] = (),
) -> dict[str, Any]:
    """Item of a new watch, or of a new attempt."""
    attributes: dict[str, JSON] = {
        "execution": execution,
        "owners": [name_of(execution)],
        "keepsLog": keeps_log,
        "schemaVersion": SCHEMA_VERSION,
        **to_json(watch),
        **standing(watch, result),
    }
    if start.metadata is not None:
        # As text, so that every number in it stays exactly as it was.
        attributes["metadata"] = json.dumps(start.metadata)
    if start.correlation_id is not None:
        attributes["correlationId"] = start.correlation_id
    if start_events:
        attributes["startEvents"] = list(start_events)
    if start.ignored_fields:
        attributes["ignoredFields"] = list(start.ignored_fields)
    if start.task_token is not None:
        attributes["callbacks"] = 1
    return {name: serialize(value) for name, value in attributes.items()}


def name_of(execution: str) -> str:
    """Name of an execution: all executions of a watch have the rest of its ARN in common."""
    return execution.rpartition(":")[2]


def ended_partition(outcome: str, shard: int) -> str:
    """Value of `ended`: one partition of the index of ended watches."""
    return f"{outcome}#{shard}"


def standing(watch: Watch, result: WatchResult | None) -> dict[str, JSON]:
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


def record_of(item: Mapping[str, Any]) -> StoredWatch:
    """Watch of an item, whose numbers and texts may be those of an older release."""
    from import_watch.model.record import StoredWatch  # a poll reads no item, unless its write is refused

    values = deserialize(item)
    metadata = values.get("metadata")
    earlier = "attemptOf" in values
    if earlier:
        values["watchId"] = values["attemptOf"]
    stopped = values.get("stopGeneration") == values.get("generation", 1)
    return StoredWatch(
        watch=from_json(Watch, values),
        execution=values["execution"],
        metadata=None if metadata is None else json.loads(metadata),
        correlation_id=values.get("correlationId"),
        keeps_log=values["keepsLog"],
        result=from_json(WatchResult, values["ending"]) if "ending" in values else None,
        log=from_json(LogRecord, values["log"]) if "log" in values else None,
        response=values.get("answer"),
        published_at=_time(values.get("publishedAt")),
        event_sent_at=_time(values.get("eventSentAt")),
        unpublished="unpublished" in values,
        callbacks=int(values.get("callbacks", 0)),
        start_events=tuple(values.get("startEvents", ())),
        owners=_owners(values.get("owners", ()), values["execution"]),
        ignored_fields=tuple(values.get("ignoredFields", ())),
        stop_reason=values.get("stopReason") if stopped else None,
        is_earlier_attempt=earlier,
    )


def _owners(names: Sequence[str], execution: str) -> tuple[str, ...]:
    """ARNs of the executions that have owned a watch, as far as its item has them, and of the present one."""
    state_machine = execution.rpartition(":")[0]
    return tuple(dict.fromkeys((*(f"{state_machine}:{name}" for name in names), execution)))


def _time(value: JSON) -> float | None:
    return None if value is None else float(value)
