"""A table with very many ended watches on the emulator, in seconds: it imports a file, as DynamoDB does."""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Iterator, Sequence
from typing import Any
from zlib import crc32

from import_watch.aws.watch_items import ENDED_SHARDS, ended_partition
from import_watch.aws.watch_store import WatchStore
from import_watch.model.outcome import Outcome, WatchResult
from import_watch.model.watch import Start, Watch, watch_id
from samtranslator.yaml_helper import yaml_parse

from local.emulator import REGION, Emulator
from local.paths import TEMPLATE
from local.waiting import wait_until

NOW = 1_767_225_600.0
"""When the last of them ended: 2026-01-01T00:00:00Z."""
DAY = 86_400.0
EXECUTION = f"arn:aws:states:{REGION}:123456789012:execution:watch:first"
TABLE_PROPERTIES = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
IMPORT_SECONDS = 120


def many_ended_watches(emulator: Emulator, table: str, count: int, outcomes: Sequence[Outcome], days: float) -> None:
    """Create a table of watches that ended at regular intervals until `NOW`, with recurring outcomes.

    Parameters
    ----------
    emulator : Emulator
    table : str
        Name of the table, which must not exist.
    count : int
    outcomes : sequence of Outcome
        Of the last watch, the one before, and so on; then from the first one again.
    days : float
        Days between the first and the last end.

    Raises
    ------
    RuntimeError
        If the emulator does not import an item.
    """
    s3, dynamodb = emulator.client("s3"), emulator.client("dynamodb")
    properties = yaml_parse(TEMPLATE.read_text())["Resources"]["WatchTable"]["Properties"]
    definition = {name: properties[name] for name in TABLE_PROPERTIES}
    samples = _samples(emulator, f"{table}-sample", definition)
    lines = "\n".join(json.dumps({"Item": item}) for item in _items(samples, count, outcomes, days))
    s3.create_bucket(Bucket=table, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=table, Key="items.json.gz", Body=gzip.compress(lines.encode(), compresslevel=1))
    arn = dynamodb.import_table(
        S3BucketSource={"S3Bucket": table},
        InputFormat="DYNAMODB_JSON",
        InputCompressionType="GZIP",
        TableCreationParameters={"TableName": table, **definition},
    )["ImportTableDescription"]["ImportArn"]

    def imported() -> dict[str, Any] | None:
        found: dict[str, Any] = dynamodb.describe_import(ImportArn=arn)["ImportTableDescription"]
        return None if found["ImportStatus"] == "IN_PROGRESS" else found

    done = wait_until(imported, IMPORT_SECONDS, f"{count} items are imported")
    if done["ImportedItemCount"] != count:
        raise RuntimeError(f"{done['ImportedItemCount']} of {count} items were imported: {done.get('FailureMessage')}")


def _samples(emulator: Emulator, table: str, definition: dict[str, Any]) -> dict[Outcome, dict[str, Any]]:
    """Item of an ended watch of each outcome, as it is stored."""
    dynamodb = emulator.client("dynamodb")
    dynamodb.create_table(TableName=table, **definition)
    store = WatchStore(table, int(90 * DAY), dynamodb)
    found = {}
    for outcome in Outcome:
        key = watch_id("voyado", "default", outcome.value)
        watch = Watch(key, "voyado", "default", outcome.value, registered_at=NOW, deadline=NOW + DAY, next_poll_at=NOW)
        result = WatchResult(outcome, NOW, f"Import {outcome.value} at voyado ended.", reason="The feed is not valid.")
        store.register(watch, EXECUTION, Start("voyado", outcome.value), keeps_log=False, result=result)
        store.record_published(watch, NOW)
        found[outcome] = dynamodb.get_item(TableName=table, Key={"watchId": {"S": key}})["Item"]
    return found


def _items(
    samples: dict[Outcome, dict[str, Any]], count: int, outcomes: Sequence[Outcome], days: float
) -> Iterator[dict[str, Any]]:
    for number in range(count):
        outcome = outcomes[number % len(outcomes)]
        import_id = str(5_512_340_987_650_000_000 + number)
        key = watch_id("voyado", "default", import_id)
        detected_at = {"N": str(NOW - days * DAY * number / count)}
        item = copy.copy(samples[outcome])
        item["watchId"], item["importId"] = {"S": key}, {"S": import_id}
        item["ended"] = {"S": ended_partition(outcome.value, crc32(key.encode()) % ENDED_SHARDS)}
        item["detectedAt"] = detected_at
        item["ending"] = {"M": {**item["ending"]["M"], "detectedAt": detected_at}}
        yield item
