"""Counts what DynamoDB charges for a write: units of a kilobyte, those of the indexes included.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html and, for the indexes,
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

UNIT = 1_024
"""Bytes of a unit of writing."""
Item = Mapping[str, Any]


def size_of(item: Item) -> int:
    """Bytes of an item: the names and values of its attributes."""
    return sum(len(name.encode()) + _size(value) for name, value in item.items())


def write_units(
    before: Item | None, after: Item | None, indexes: Sequence[Mapping[str, Any]], *, in_transaction: bool = False
) -> dict[str, int]:
    """Units of one write, by the name of the index; the table has an empty name.

    Parameters
    ----------
    before, after : mapping or None
        The item before and after the write, as DynamoDB has it.
    indexes : sequence of mapping
        The table's indexes, as in the template.
    in_transaction : bool
        Such a write of the table counts twice.
    """
    largest = max(size_of(item) for item in (before, after) if item is not None)
    units = {"": _units(largest) * (2 if in_transaction else 1)}
    for index in indexes:
        old, new = _entry(before, index), _entry(after, index)
        keys = [key["AttributeName"] for key in index["KeySchema"]]
        if old == new:
            continue
        if old is None or new is None:
            units[index["IndexName"]] = _units(size_of(old or new or {}))
        elif all(old[key] == new[key] for key in keys):
            units[index["IndexName"]] = _units(max(size_of(old), size_of(new)))
        else:  # the entry is deleted in one place, and put into the other
            units[index["IndexName"]] = _units(size_of(old)) + _units(size_of(new))
    return units


def _entry(item: Item | None, index: Mapping[str, Any]) -> dict[str, Any] | None:
    """Entry of an item in an index; None where it has none."""
    keys = [key["AttributeName"] for key in index["KeySchema"]]
    if item is None or not all(key in item for key in keys):
        return None
    projected = {"watchId", *keys, *index["Projection"].get("NonKeyAttributes", ())}
    return {name: value for name, value in item.items() if name in projected}


def _units(size: int) -> int:
    return max(1, math.ceil(size / UNIT))


def _size(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            # A byte for two significant digits, and one more.
            return math.ceil(len(content.lstrip("-").replace(".", "").strip("0")) / 2) + 1
        case "L":
            return 3 + sum(1 + _size(one) for one in content)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _size(one) for name, one in content.items())
        case "SS":
            return sum(len(one.encode()) for one in content)
    return 1
