"""Converts the model's values to plain JSON and back, for states, items and events. Pure."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import cache, partial
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast

JSON: TypeAlias = Any
"""A JSON value as `json.loads` returns it: every reader checks its shape."""


def camel(name: str) -> str:
    """JSON name of a field: `import_id` is `importId` in states, items and events."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


_PLAIN = frozenset({str, int, float, bool, types.NoneType})


def to_json(value: object, without: Collection[str] = ()) -> JSON:
    """Convert a value of the model to plain JSON, without fields that are None or that `without` names."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if is_dataclass(kind):
        found = {}
        for part in _parts(kind):
            current = getattr(value, part.name)
            if current is not None and part.name not in without:
                found[part.key] = current if type(current) in _PLAIN else to_json(current)
        return found
    if isinstance(value, Mapping):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_json(item) for item in value]
    return value.value if isinstance(value, StrEnum) else value


Value = TypeVar("Value")


def from_json(kind: type[Value], value: JSON) -> Value:
    """Build a dataclass of the model from the result of `to_json`; unknown keys are ignored.

    Raises
    ------
    ValueError
        If a field without a default is missing, naming it: the state was not written by Import Watch.
    """
    found: dict[str, Any] = {}
    for part in _parts(cast("Hashable", kind)):
        current = value.get(part.key, MISSING)
        if current is not MISSING:
            found[part.name] = current if current is None or part.revive is None else part.revive(current)
        elif part.required:
            raise ValueError(f"{kind.__name__}.{part.key} is missing")
    return kind(**found)


Reviver: TypeAlias = Callable[[JSON], Any]


class _Part(NamedTuple):
    """A field of a dataclass, inspected once: every poll reads a watch and writes it twice.

    `revive` makes a value of the field from JSON other than null; None where it is the same.
    """

    name: str
    key: str
    revive: Reviver | None
    required: bool


@cache
def _parts(kind: Hashable) -> tuple[_Part, ...]:
    hints = typing.get_type_hints(kind)
    return tuple(
        _Part(
            part.name,
            camel(part.name),
            _reviver(hints[part.name]),
            required=part.default is MISSING and part.default_factory is MISSING,
        )
        for part in fields(cast("Any", kind))
    )


def _reviver(hint: Any) -> Reviver | None:
    if isinstance(hint, types.UnionType):
        hint = next(option for option in hint.__args__ if option is not types.NoneType)
    if is_dataclass(hint):
        return partial(from_json, cast("type[Any]", hint))
    if typing.get_origin(hint) is tuple:
        return partial(_revived_items, _reviver(typing.get_args(hint)[0]))
    if typing.get_origin(hint) is dict:
        return partial(_revived_values, _reviver(typing.get_args(hint)[1]))
    if hint in (float, int) or (isinstance(hint, type) and issubclass(hint, StrEnum)):
        return cast("Reviver", hint)
    return None


def _revived_items(revive: Reviver | None, items: list[JSON]) -> tuple[Any, ...]:
    return tuple(item if item is None or revive is None else revive(item) for item in items)


def _revived_values(revive: Reviver | None, values: dict[str, JSON]) -> dict[str, Any]:
    return {key: item if item is None or revive is None else revive(item) for key, item in values.items()}
