"""The items of the table of watches: how a watch is written as two of them, and read from them.

Every poll writes the item of the watch, so nothing is in it that a poll does not need, and it stays below 1 KB. The
rest (metadata, ids of start events, owners, histories) is in the item of the start, under a key of its own.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from zlib import crc32

from import_watch.aws.dynamodb import deserialize, serialize
from import_watch.model.observation import LogRecord
from import_watch.model.outcome import UNSTORED_FACTS, WatchResult
from import_watch.model.serialization import JSON, from_json, to_json
from import_watch.model.watch import FIXED_FIELDS, Start, Watch, start_key

if TYPE_CHECKING:
    from import_watch.model.record import StoredWatch

UNPUBLISHED_INDEX, ENDED_INDEX = "unpublished-by-detection", "ended-by-detection"
UNPUBLISHED = "UNPUBLISHED"
"""Value of `unpublished`: the one partition of that index."""
ACTIVE_SHARDS = 10
"""Partitions of the index of active watches: one takes 1,000 writes a second."""
ACTIVE_BEFORE = "ACTIVE"
"""The one partition of that index before 0.3.0: a watch is in it until it is polled by a later release."""
ENDED_SHARDS = 4
"""Partitions of each outcome in the index of ended watches."""
MAX_INDEXED_REASON = 200
"""Maximum characters of a vendor's reason in that index."""
MAX_LISTED_OWNERS = 100
"""Owners of a watch that are listed."""
MAX_METADATA_IN_ITEM = 100
"""Bytes of metadata that stay in the item of the watch, where the functions of 0.2.0 find them too: while a stack is
updated, or returns to it."""
INDEX_SECONDS = 900
"""Maximum seconds between two values of the sort key of the index of active watches."""
SCHEMA_VERSION = 2
"""Version of the items' format, for code that reads an item of another release."""
START_FIELDS = frozenset({"histories"})
"""Fields of a `Watch` that are in the item of its start: the state machine carries them to the polls."""


def new_items(
    watch: Watch,
    execution: str,
    start: Start,
    *,
    keeps_log: bool,
    index_seconds: int,
    expires_at: float,
    result: WatchResult | None = None,
    start_events: Sequence[str] = (),
    event_revision: int = 0,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Items of a new watch or a new attempt, and of its start, which expires at a time unless that is changed."""
    attributes: dict[str, JSON] = {
        "execution": execution,
        "keepsLog": keeps_log,
        "schemaVersion": SCHEMA_VERSION,
        **state_of(watch, result, index_seconds, START_FIELDS),
    }
    of_start: dict[str, JSON] = {
        "watchId": start_key(watch.watch_id, watch.attempt),
        "owners": [name_of(execution)],
        "expiresAt": int(expires_at),
    }
    if watch.histories:
        of_start["histories"] = to_json(watch.histories)
    if start.metadata is not None:
        # As text, so that every number in it stays exactly as it was.
        text = json.dumps(start.metadata)
        (attributes if len(text) <= MAX_METADATA_IN_ITEM else of_start)["metadata"] = text
    if start.correlation_id is not None:
        attributes["correlationId"] = start.correlation_id
        if watch.correlation == start.correlation_id:
            del attributes["correlation"]
    if start_events:
        of_start["startEvents"] = list(start_events)
    if event_revision:
        attributes["eventRevision"] = event_revision
    if start.ignored_fields:
        of_start["ignoredFields"] = list(start.ignored_fields)
    if start.task_token is not None:
        attributes["callbacks"] = 1
    return _serialized(attributes), _serialized(of_start)


def changes_of(watch: Watch, result: WatchResult | None, index_seconds: int) -> dict[str, JSON]:
    """Attributes of the item that a write after the first sets."""
    return state_of(watch, result, index_seconds, FIXED_FIELDS)


def state_of(watch: Watch, result: WatchResult | None, index_seconds: int, without: frozenset[str]) -> dict[str, JSON]:
    """Attributes of the state of a watch, with those of its indexes."""
    values: dict[str, JSON] = to_json(watch, without)
    poll_at = values.pop("nextPollAt", None)
    if poll_at is not None:
        values["pollAt"] = poll_at
    if result is None:
        values["active"] = active_partition(watch.watch_id)
        if poll_at is not None:
            values["nextPollAt"] = indexed_time(watch.watch_id, poll_at, index_seconds)
        return values
    if not result.message:
        raise ValueError("a result is stored with its message")
    return values | {
        "ending": to_json(result, UNSTORED_FACTS),
        "outcome": result.outcome.value,
        "detectedAt": result.detected_at,
        "outcomeReason": result.reason and result.reason[:MAX_INDEXED_REASON],
        "unpublished": UNPUBLISHED,
        "ended": ended_partition(result.outcome.value, crc32(watch.watch_id.encode()) % ENDED_SHARDS),
    }


def indexed_time(watch_id: str, poll_at: float, index_seconds: int) -> int:
    """Sort key of the index of active watches: the time of the next poll, rounded up, so that few polls change it.

    Each watch has a grid of its own: on a common one, all would write the index in the minute before each quarter of an
    hour.
    """
    own = crc32(watch_id.encode()) // ACTIVE_SHARDS % index_seconds
    return math.ceil((poll_at - own) / index_seconds) * index_seconds + own


def name_of(execution: str) -> str:
    """Name of an execution: all executions of a watch have the rest of its ARN in common."""
    return execution.rpartition(":")[2]


def active_partition(watch_id: str) -> str:
    """Value of `active`: the partition of a watch in the index of active watches."""
    return f"{ACTIVE_BEFORE}#{crc32(watch_id.encode()) % ACTIVE_SHARDS}"


def active_partitions() -> tuple[str, ...]:
    """All partitions of the index of active watches, in the order in which they are listed."""
    return (ACTIVE_BEFORE, *(f"{ACTIVE_BEFORE}#{shard}" for shard in range(ACTIVE_SHARDS)))


def ended_partition(outcome: str, shard: int) -> str:
    """Value of `ended`: one partition of the index of ended watches."""
    return f"{outcome}#{shard}"


def start_key_of(item: Mapping[str, Any]) -> str:
    """Key of the start of the attempt that an item has."""
    return start_key(item.get("attemptOf", item["watchId"])["S"], int(item.get("attempt", {"N": "1"})["N"]))


def record_of(item: Mapping[str, Any], of_start: Mapping[str, Any] | None = None) -> StoredWatch:
    """Watch of an item, whose numbers and texts may be those of an older release.

    Parameters
    ----------
    item : mapping
    of_start : mapping, optional
        Item of its start; empty where there is none. It may be of a later moment. Without it, the watch has no record
        of its start, and no histories.
    """
    from import_watch.model.record import StartRecord, StoredWatch  # a poll reads no item, unless its write is refused

    values = deserialize(item)
    earlier = "attemptOf" in values
    if earlier:
        values["watchId"] = values["attemptOf"]
    # A function of 0.2.0 does not know `pollAt`: it leaves the one that was there.
    if "pollAt" in values and values.get("active") != ACTIVE_BEFORE:
        values["nextPollAt"] = values["pollAt"]
    if "correlationId" in values:
        values.setdefault("correlation", values["correlationId"])
    stopped = values.get("stopGeneration") == values.get("generation", 1)
    start = None
    if of_start is not None:
        whole = deserialize(of_start)
        metadata = values.get("metadata", whole.get("metadata"))
        start = StartRecord(
            metadata=None if metadata is None else json.loads(metadata),
            ignored_fields=tuple(whole.get("ignoredFields", ())),
            start_events=tuple(whole.get("startEvents", ())),
            owners=_owners(whole.get("owners", ()), values["execution"]),
        )
        values.setdefault("histories", whole.get("histories", {}))
    return StoredWatch(
        watch=from_json(Watch, values),
        execution=values["execution"],
        start=start,
        correlation_id=values.get("correlationId"),
        keeps_log=values["keepsLog"],
        result=from_json(WatchResult, values["ending"]) if "ending" in values else None,
        log=from_json(LogRecord, values["log"]) if "log" in values else None,
        response=values.get("answer"),
        published_at=_time(values.get("publishedAt")),
        event_sent_at=_time(values.get("eventSentAt")),
        unpublished="unpublished" in values,
        callbacks=int(values.get("callbacks", 0)),
        event_revision=int(values.get("eventRevision", 0)),
        stop_reason=values.get("stopReason") if stopped else None,
        is_earlier_attempt=earlier,
    )


def _serialized(attributes: Mapping[str, JSON]) -> dict[str, Any]:
    return {name: serialize(value) for name, value in attributes.items()}


def _owners(names: Sequence[str], execution: str) -> tuple[str, ...]:
    """ARNs of the executions that have owned a watch, as far as they are listed, up to the present one.

    Names that follow its own are of a later moment than the watch.
    """
    state_machine, own = execution.rpartition(":")[0], name_of(execution)
    before = list(names)[: list(names).index(own)] if own in names else names
    return tuple(dict.fromkeys((*(f"{state_machine}:{name}" for name in before), execution)))


def _time(value: JSON) -> float | None:
    return None if value is None else float(value)
