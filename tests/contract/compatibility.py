"""Compares two versions of a JSON Schema: what breaks a sender or a consumer that follows the first one.

What comes in must stay accepted, and what goes out must stay within what was announced. The comparison follows the
structure of the schemas: a difference in what it does not understand counts as a break, and never the other way.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TypeAlias

Schema: TypeAlias = dict[str, Any]
ANNOTATIONS = {"$schema", "$id", "$comment", "$defs", "title", "description", "examples", "default"}
MAXIMA = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
MINIMA = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
LISTS = ("allOf", "anyOf", "oneOf")
SAME = ("const", "not", "if", "then", "else", "pattern", "format", "multipleOf", "uniqueItems")
"""Keywords that are compared as a whole."""
MEMBERS = ("type", "enum", "required", "properties", "items", "additionalProperties")
KNOWN = {*ANNOTATIONS, *MAXIMA, *MINIMA, *LISTS, *SAME, *MEMBERS}


def breaks(old: Schema, new: Schema, *, incoming: bool) -> list[str]:
    """What breaks a sender (of what comes in) or a consumer (of what goes out) of the old schema.

    Parameters
    ----------
    old, new : dict
        The schemas, whose references are to their own `$defs`.
    incoming : bool
        Whether the documents come in; otherwise they go out.
    """
    first, second = normal(old, old), normal(new, new)
    return list(_narrowed("", first, second) if incoming else _narrowed("", second, first, reverse=True))


def _narrowed(path: str, inner: Schema, outer: Schema, *, reverse: bool = False) -> Iterator[str]:
    """Where a document of the inner schema may be invalid by the outer one; `reverse` where that is the old one."""
    yield from _values(path, inner, outer)
    for name in (name for name in MAXIMA if name in outer):
        if inner.get(name) is None or inner[name] > outer[name]:
            yield f"{path}: {name}"
    for name in (name for name in MINIMA if name in outer):
        if inner.get(name) is None or inner[name] < outer[name]:
            yield f"{path}: {name}"
    for name in (name for name in SAME if name in outer):
        if inner.get(name) != outer[name]:
            yield f"{path}: {name}"
    for name in LISTS:
        yield from _list(path, name, inner, outer, reverse=reverse)
    for name in sorted(set(outer.get("required", ())) - set(inner.get("required", ()))):
        yield f"{path}.{name}: {'no longer required' if reverse else 'required'}"
    yield from _members(path, inner, outer, reverse=reverse)
    for name in sorted(set(outer) - KNOWN):
        if inner.get(name) != outer[name]:
            yield f"{path}: {name}"


def _values(path: str, inner: Schema, outer: Schema) -> Iterator[str]:
    allowed, possible = _types(outer), _types(inner)
    if allowed and (not possible or not possible <= allowed):
        yield f"{path}: type {', '.join(sorted(possible - allowed)) or 'any'}"
    if "enum" in outer:
        more = [value for value in inner.get("enum", ["any value"]) if value not in outer["enum"]]
        yield from (f"{path}: value {json.dumps(value)}" for value in more)


def _members(path: str, inner: Schema, outer: Schema, *, reverse: bool) -> Iterator[str]:
    first, second = inner.get("properties", {}), outer.get("properties", {})
    for name in sorted(first.keys() & second.keys()):
        yield from _narrowed(f"{path}.{name}", first[name], second[name], reverse=reverse)
    old, new = (second, first) if reverse else (first, second)
    yield from (f"{path}.{name}: removed" for name in sorted(old.keys() - new.keys()))
    if "items" in outer:
        yield from _narrowed(f"{path}[]", inner.get("items", {}), outer["items"], reverse=reverse)
    others = outer.get("additionalProperties", True)
    if others is False and inner.get("additionalProperties") is not False:
        yield f"{path}: additionalProperties"
    elif isinstance(others, dict):
        given = inner.get("additionalProperties", {})
        if given is not False:
            yield from _narrowed(f"{path}.*", given if isinstance(given, dict) else {}, others, reverse=reverse)


def _list(path: str, name: str, inner: Schema, outer: Schema, *, reverse: bool) -> Iterator[str]:
    """Branches in the same places are compared; another number of them is a break, where it limits the document."""
    first, second = inner.get(name), outer.get(name)
    if second is None:
        return
    if first is None or len(first) != len(second):
        yield f"{path}: {name}"
        return
    for number, (one, other) in enumerate(zip(first, second, strict=True)):
        yield from _narrowed(f"{path}({name} {number})", one, other, reverse=reverse)


def _types(schema: Schema) -> set[str]:
    given = schema.get("type")
    if given is None:
        return {_type(value) for value in schema.get("enum", ())}
    found = {given} if isinstance(given, str) else set(given)
    return found | {"integer"} if "number" in found else found


def _type(value: Any) -> str:
    names = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null", list: "array"}
    return names.get(type(value), "object")


def normal(schema: Any, root: Schema) -> Any:
    """Schema with its references resolved, without annotations, and with one form of what can be written in several."""
    if isinstance(schema, list):
        return [normal(item, root) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        *_, name = schema["$ref"].split("/")
        schema = root["$defs"][name] | {key: value for key, value in schema.items() if key != "$ref"}
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties":
            found[key] = {name: normal(member, root) for name, member in value.items()}
        elif key not in ANNOTATIONS:
            found[key] = value if key in ("enum", "const", "required") else normal(value, root)
    if "const" in found:
        found["enum"] = [found.pop("const")]
    alternatives: list[Any] = found.get("oneOf", [])
    if len(alternatives) == 2 and {"type": "null"} in alternatives and set(found) == {"oneOf"}:
        (other,) = (one for one in alternatives if one != {"type": "null"})
        return other | {"type": [*sorted(_types(other)), "null"]}
    return found
