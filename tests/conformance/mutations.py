"""Responses that differ from the vendor's documentation: fields missing, null or of another type."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, TypeAlias

from hypothesis import strategies as st

Path: TypeAlias = tuple[str | int, ...]
GONE = object()
WRONG: dict[str, Any] = {
    "null": None,
    "true": True,
    "false": False,
    "zero": 0,
    "a negative number": -1,
    "a fraction": 0.5,
    "a number beyond every float": 10**400,
    "infinity": float("inf"),
    "NaN": float("nan"),
    "an empty text": "",
    "blanks": " \t ",
    "a text": "text",
    "a long text": "x" * 5_000,
    "half a surrogate pair": "\ud800",
    "control characters": "\x00\x1b[31m\r\n",
    "a date in year 1": "0001-01-01T00:00:00Z",
    "a date in year 9999": "9999-12-31T23:59:59-14:00",
    "an empty list": [],
    "a list of nulls": [None, [None], {}],
    "an empty object": {},
    "an object": {"a": {"b": None}},
    "nothing at all": GONE,
}


def paths(body: Any, above: Path = ()) -> Iterator[Path]:
    """Paths of all values of a body, except the body itself."""
    items = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for key, value in items:
        yield (*above, key)
        yield from paths(value, (*above, key))


def changed(body: Any, path: Path, value: Any) -> Any:
    """Copy of a body with another value in one place, or with none; a missing place stays missing."""
    result = deepcopy(body)
    parent = result
    try:
        for key in path[:-1]:
            parent = parent[key]
        if value is GONE:
            del parent[path[-1]]
        else:
            parent[path[-1]] = value
    except (KeyError, IndexError, TypeError):
        return result
    return result


def any_json() -> st.SearchStrategy[Any]:
    """Strategy for any JSON value."""
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
    return st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | _objects(inner), max_leaves=6)


def _objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.dictionaries(st.text(max_size=10), inner, max_size=3)


def mutations(body: Any, without: Path) -> st.SearchStrategy[Any]:
    """Strategy for bodies with up to five places changed, never the place `without` or what it is in."""
    # A body with nothing else to change has a field added.
    places = [path for path in paths(body) if not without or path != without[: len(path)]] or [("added",)]
    value = any_json() | st.sampled_from(list(WRONG.values())) | st.integers(-1, 3)

    def mutated(changes: list[tuple[Path, Any]]) -> Any:
        result = body
        for path, new in changes:
            result = changed(result, path, new)
        return result

    return st.lists(st.tuples(st.sampled_from(places), value), min_size=1, max_size=5).map(mutated)
