"""Writes watches with the code of one release, and counts the units: a process of its own, with that code on its path.

python writer.py template.yaml < watched.json > counted.json
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from import_watch.aws.watch_store import WatchStore
from import_watch.model.outcome import WatchResult
from import_watch.model.serialization import from_json
from import_watch.model.watch import Start, Watch
from moto import mock_aws
from samtranslator.yaml_helper import yaml_parse

from tests.support.capacity import size_of, write_units

TABLE = "watches"


class CountedTable:
    """A table in memory, and the units of the writes to it."""

    def __init__(self, template: Path) -> None:
        properties = yaml_parse(template.read_text())["Resources"]["WatchTable"]["Properties"]
        names = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
        self.client = boto3.client("dynamodb", region_name="eu-west-1")
        self.client.create_table(TableName=TABLE, **{name: properties[name] for name in names})
        self.client.meta.events.register("provide-client-params.dynamodb.*", self._note)
        self._indexes = properties["GlobalSecondaryIndexes"]
        self._noted: list[tuple[str, list[str]]] = []
        self._items: dict[str, Any] = {}

    def units(self, write: Callable[[], object]) -> Counter[str]:
        """Units of what a call writes, by the name of the index; the table has an empty name."""
        self._noted.clear()
        write()
        units: Counter[str] = Counter()
        for operation, keys in list(self._noted):
            for key in keys:
                before, after = self._items.get(key), self.item(key)
                in_transaction = operation == "TransactWriteItems"
                units.update(write_units(before, after, self._indexes, in_transaction=in_transaction))
                self._items[key] = after
        return units

    def item(self, key: str) -> dict[str, Any] | None:
        """Item of a key."""
        found = self.client.get_item(TableName=TABLE, Key={"watchId": {"S": key}})
        return found.get("Item")

    def _note(self, params: dict[str, Any], model: Any, **_more: Any) -> None:
        writes = [write for one in params.get("TransactItems", ()) for write in one.values()] or [params]
        if model.name in ("PutItem", "UpdateItem", "TransactWriteItems"):
            keys = [write.get("Item", write.get("Key"))["watchId"]["S"] for write in writes]
            self._noted.append((model.name, keys))


def count(table: CountedTable, watches: WatchStore, imported: dict[str, Any]) -> dict[str, Any]:
    """Write the watch of an import, and count."""
    watch, execution = from_json(Watch, imported["watch"]), imported["execution"]
    start = from_json(Start, imported["start"])
    registered = table.units(lambda: watches.register(watch, execution, start, keeps_log=True))
    polls: list[dict[str, Any]] = []
    ended: Counter[str] = Counter()
    for poll in imported["polls"]:
        read, watch = watch, from_json(Watch, poll["watch"])
        if poll["result"] is not None:
            result = from_json(WatchResult, poll["result"])
            ended = table.units(lambda: watches.end(watch, result, read))  # noqa: B023 - it is called at once
        elif poll["owner"] is not None:
            polls.append(table.units(lambda: watches.transfer_ownership(watch, poll["owner"], read)))  # noqa: B023
        else:
            polls.append(table.units(lambda: watches.save(watch, read)))  # noqa: B023
        if poll["result"] is None:
            polls[-1] = {"units": dict(polls[-1]), "bytes": size_of(table.item(watch.watch_id) or {})}
    return {"registered": dict(registered), "polls": polls, "ended": dict(ended)}


def main() -> None:
    """Count the units of the watches of the standard input."""
    with mock_aws():
        table = CountedTable(Path(sys.argv[1]))
        watches = WatchStore(TABLE, 90 * 86_400, table.client)
        json.dump([count(table, watches, imported) for imported in json.load(sys.stdin)], sys.stdout)


if __name__ == "__main__":
    main()
