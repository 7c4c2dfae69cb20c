"""Converts the model's values to plain JSON and back, for states, items and events. Pure."""

from __future__ import annotations

import types
import typing
from collections.abc import Collection, Hashable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast

JSON: TypeAlias = Any
"""A JSON value as `json.loads` returns it: every reader checks its shape."""


def camel(name: str) -> str:
    """JSON name of a field: `import_id` is `importId` in states, items and events."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def to_json(value: object, without: Collection[str] = ()) -> JSON:
    """Convert a value of the model to plain JSON, without fields that are None or that `without` names."""
    if is_dataclass(value) and not isinstance(value, type):
        return {
            part.key: to_json(current)
            for part in _parts(type(value))
            if part.name not in without and (current := getattr(value, part.name)) is not None
        }
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
        if part.key in value:
            found[part.name] = _revive(part.hint, value[part.key])
        elif part.required:
            raise ValueError(f"{kind.__name__}.{part.key} is missing")
    return kind(**found)


class _Part(NamedTuple):
    """A field of a dataclass, inspected once: every poll reads a watch and writes it twice."""

    name: str
    key: str
    hint: Any
    required: bool


@cache
def _parts(kind: Hashable) -> tuple[_Part, ...]:
    hints = typing.get_type_hints(kind)
    return tuple(
        _Part(
            part.name,
            camel(part.name),
            hints[part.name],
            required=part.default is MISSING and part.default_factory is MISSING,
        )
        for part in fields(cast("Any", kind))
    )


def _revive(hint: Any, value: JSON) -> Any:
    if value is None:
        return None
    if isinstance(hint, types.UnionType):
        hint = next(option for option in hint.__args__ if option is not types.NoneType)
    if is_dataclass(hint):
        return from_json(cast("Any", hint), value)
    if typing.get_origin(hint) is tuple:
        return tuple(_revive(typing.get_args(hint)[0], item) for item in value)
    if typing.get_origin(hint) is dict:
        return {key: _revive(typing.get_args(hint)[1], item) for key, item in value.items()}
    if hint in (float, int) or (isinstance(hint, type) and issubclass(hint, StrEnum)):
        return hint(value)
    return value
