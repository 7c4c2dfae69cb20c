"""The model's values as plain JSON and back: what states, items and events are made of. Pure."""

from __future__ import annotations

import types
import typing
from collections.abc import Hashable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar, cast

from import_watch.model import JSON


def camel(name: str) -> str:
    """Give the JSON name of a field: `import_id` is `importId` in states, items and events."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def to_json(value: object) -> JSON:
    """Turn a value of this module into plain JSON; fields that are None are left out."""
    if is_dataclass(value) and not isinstance(value, type):
        return {
            camel(part.name): to_json(current)
            for part in fields(value)
            if (current := getattr(value, part.name)) is not None
        }
    if isinstance(value, Mapping):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_json(item) for item in value]
    return value.value if isinstance(value, StrEnum) else value


Value = TypeVar("Value")


def from_json(kind: type[Value], value: JSON) -> Value:
    """Build a dataclass of this module from what `to_json` gave; keys it does not know are passed over.

    Raises
    ------
    ValueError
        If a field without a default is missing, naming it: the state was not written by us.
    """
    hints = _hints(cast(Hashable, kind))
    found: dict[str, Any] = {}
    for part in fields(cast(Any, kind)):
        key = camel(part.name)
        if key in value:
            found[part.name] = _revive(hints[part.name], value[key])
        elif part.default is MISSING and part.default_factory is MISSING:
            raise ValueError(f"{kind.__name__}.{key} is missing")
    return kind(**found)


@cache
def _hints(kind: Hashable) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _revive(hint: Any, value: JSON) -> Any:
    if value is None:
        return None
    if isinstance(hint, types.UnionType):
        hint = next(option for option in hint.__args__ if option is not types.NoneType)
    if is_dataclass(hint):
        return from_json(cast(Any, hint), value)
    if typing.get_origin(hint) is tuple:
        return tuple(_revive(typing.get_args(hint)[0], item) for item in value)
    if typing.get_origin(hint) is dict:
        return {key: _revive(typing.get_args(hint)[1], item) for key, item in value.items()}
    if hint in (float, int) or (isinstance(hint, type) and issubclass(hint, StrEnum)):
        return hint(value)
    return value
