"""No change of a schema breaks a sender or a consumer of the last release, unless the changelog announces it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.paths import ROOT
from releases.schemas import ACCEPTED, RELEASED, last_released
from releases.versions import released_bundles
from tests.contract.compatibility import breaks
from tests.contract.schemas import INCOMING, NAMES, schema

OLD: dict[str, Any] = {
    "type": "object",
    "required": ["kind"],
    "properties": {
        "kind": {"enum": ["A", "B"]},
        "name": {"type": ["string", "null"], "pattern": "^a", "maxLength": 5},
        "count": {"type": "integer", "minimum": 0},
        "time": {"$ref": "#/$defs/time"},
        "list": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "string"}}}},
        "map": {"type": "object", "additionalProperties": {"type": "integer"}},
        "id": {"oneOf": [{"type": "string"}, {"type": "integer", "maximum": 9}]},
    },
    "if": {"properties": {"kind": {"const": "A"}}},
    "then": {"properties": {"name": {"type": "string"}}},
    "$defs": {"time": {"type": "string", "pattern": "Z$"}},
}
CHANGES: list[tuple[dict[str, Any], list[str], list[str]]] = [
    # Values by their places; what breaks senders, and what breaks consumers.
    ({}, [], []),
    ({"title": "New", "properties.name.description": "New."}, [], []),
    ({"properties.new": {"type": "string"}}, [], []),
    ({"required": ["kind", "name"]}, [".name: required"], []),
    ({"required": []}, [], [".kind: no longer required"]),
    ({"properties.name": None}, [".name: removed"], [".name: removed"]),
    ({"properties.kind.enum": ["A", "B", "C"]}, [], ['.kind: value "C"']),
    ({"properties.kind.enum": ["A"]}, ['.kind: value "B"'], []),
    ({"properties.kind": {"type": "string"}}, [], ['.kind: value "any value"']),
    ({"properties.name.type": ["string", "null", "integer"]}, [], [".name: type integer"]),
    ({"properties.name.type": "string"}, [".name: type null"], []),
    ({"properties.name.type": None}, [], [".name: type any"]),
    ({"properties.count.type": "number"}, [], [".count: type number"]),
    ({"properties.name.maxLength": 4}, [".name: maxLength"], []),
    ({"properties.name.maxLength": 6}, [], [".name: maxLength"]),
    ({"properties.name.maxLength": None}, [], [".name: maxLength"]),
    ({"properties.count.minimum": 1}, [".count: minimum"], []),
    ({"properties.count.maximum": 1}, [".count: maximum"], []),
    ({"properties.name.pattern": "^b"}, [".name: pattern"], [".name: pattern"]),
    ({"properties.name.not": {"const": "ab"}}, [".name: not"], []),
    ({"$defs.time.pattern": None}, [], [".time: pattern"]),
    ({"properties.time": {"oneOf": [{"$ref": "#/$defs/time"}, {"type": "null"}]}}, [], [".time: type null"]),
    ({"properties.list.items.required": ["a"]}, [".list[].a: required"], []),
    ({"properties.list.items.properties.a.type": ["string", "null"]}, [], [".list[].a: type null"]),
    ({"properties.map.additionalProperties.type": "number"}, [], [".map.*: type number"]),
    ({"properties.id.oneOf": [{"type": "string"}]}, [".id: oneOf"], [".id: oneOf"]),
    ({"additionalProperties": False}, [": additionalProperties"], []),
    ({"then": {"properties": {"name": {"const": "a"}}}}, [": then"], [": then"]),
    ({"else": {"required": ["name"]}}, [": else"], []),
    ({"dependentRequired": {"name": ["count"]}}, [": dependentRequired"], []),
]


def changed(changes: dict[str, Any]) -> dict[str, Any]:
    """The old schema with other values; without those that are None."""
    found: dict[str, Any] = json.loads(json.dumps(OLD))
    for path, value in changes.items():
        *folders, name = path.split(".")
        inner = found
        for folder in folders:
            inner = inner[folder]
        if value is None:
            del inner[name]
        else:
            inner[name] = value
    return found


@pytest.mark.parametrize(("changes", "senders", "consumers"), CHANGES)
def test_a_change_is_a_break_for_those_who_do_not_expect_it(
    changes: dict[str, Any], senders: list[str], consumers: list[str]
) -> None:
    new = changed(changes)
    assert breaks(OLD, new, incoming=True) == senders
    assert breaks(OLD, new, incoming=False) == consumers


def test_every_break_since_the_last_release_is_in_the_changelog() -> None:
    """For a deliberate break, add its line to the file of accepted breaks, and announce it under Breaking."""
    found = {
        name + line
        for name, old in last_released(ROOT).items()
        for line in ([": removed"] if name not in NAMES else breaks(old, schema(name), incoming=name in INCOMING))
    }
    accepted: dict[str, str] = json.loads((ROOT / ACCEPTED).read_text())
    assert found == set(accepted)
    unreleased = (ROOT / "CHANGELOG.md").read_text().partition("\n## Unreleased\n")[2].partition("\n## ")[0]
    breaking = unreleased.partition("### Breaking\n")[2].partition("\n### ")[0]
    assert [text for text in accepted.values() if text not in breaking] == []


def test_a_schema_that_breaks_its_users_has_another_id() -> None:
    for name, old in last_released(ROOT).items():
        if "$id" in old and breaks(old, schema(name), incoming=name in INCOMING):
            assert schema(name)["$id"] != old["$id"]


def test_the_stored_schemas_are_those_of_the_last_release() -> None:
    (folder,) = (ROOT / RELEASED).iterdir()
    assert folder.name == str(list(released_bundles(ROOT))[-1])
