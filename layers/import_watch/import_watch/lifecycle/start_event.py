"""Reads an `ImportStarted` event: a valid start, or every fault by the name of its field. Pure.

The published JSON Schema (`events/schemas/import-started.schema.json`) defines the same rules; they are repeated here
because a schema validator would cost every cold start more than the rest of the function.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from import_watch.model.serialization import JSON
from import_watch.model.text import clean
from import_watch.model.timestamps import parse_iso
from import_watch.model.watch import Start
from import_watch.vendors.adapter import Adapter
from import_watch.vendors.fields import printable_id

MAX_TIMEOUT_SECONDS = 30 * 86_400
MAX_METADATA_BYTES = 4_096
MAX_METADATA_DEPTH = 100
"""Maximum nesting of objects and lists: many subscribers' parsers accept only a little more."""
MAX_EXCERPT_BITS = 1_024
"""Maximum bits of an integer that is written as text: the time for that grows with the square of its length."""
MAX_TEXT_LENGTH = 256
MAX_EVENT_ID_LENGTH = 100
MAX_NUMERIC_ID = 10**38
SAFE_INTEGER = 2.0**53
"""Maximum of a float as an id: a larger one may have lost digits, and would name another import."""
DATE_TIME = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,9})?)?([Zz]|[+-][0-9]{2}:?[0-9]{2})?"
)
MAX_IGNORED_FIELDS = 10
REDRIVEN = "import-watch/event/"
"""Prefix of a resource in an event that was sent to the bus again; the rest is the event's first id."""
CONNECTION_RULE = "must be 1 to 64 letters, digits, '-', '_' or '.', and neither . nor .."
METADATA_RULE = f"must be an object of at most {MAX_METADATA_BYTES:,} bytes of JSON and {MAX_METADATA_DEPTH} levels"
ENVELOPE = frozenset({"version", "id", "account", "time", "region", "resources"})
"""Fields that EventBridge replaces in an event that is sent to the bus again."""
KNOWN_FIELDS = ("vendor", "importId", "connection", "correlationId", "metadata", "startedAt", "timeoutSeconds")


@dataclass(frozen=True, slots=True)
class StartEvent:
    """An `ImportStarted` event after parsing.

    Parameters
    ----------
    start : Start
        What could be read; empty texts for missing fields.
    watch_id : str
        Key of the watch that it starts; a separate key where the event is invalid.
    correlation : str or None
        Correlation id of all log lines of the import: its `correlationId`, else the id of the event.
    faults : tuple of str
        One for each invalid field, beginning with its name; empty where the event is valid.
    ignored_fields : tuple of str
        Names of unknown fields.
    """

    start: Start
    watch_id: str
    correlation: str | None = None
    faults: tuple[str, ...] = ()
    ignored_fields: tuple[str, ...] = ()


def parse(event: JSON, vendors: tuple[str, ...], adapter_of: Callable[[str], Adapter]) -> StartEvent:
    """Read a start event.

    Parameters
    ----------
    event : JSON
        The whole EventBridge event, untrusted.
    vendors : tuple of str
        Names of the known vendors.
    adapter_of : callable
        Returns the adapter of one of them.
    """
    detail = event.get("detail") if isinstance(event, Mapping) else None
    if not isinstance(detail, Mapping):
        no_detail = ("detail must be a JSON object",)
        return StartEvent(Start("", ""), _invalid_id(event), event_id(event), no_detail)
    start, faults = _start(detail, vendors, adapter_of)
    key = _invalid_id(event) if faults else start.watch_id
    ignored = sorted(_excerpt(name) for name in detail if name not in KNOWN_FIELDS)[:MAX_IGNORED_FIELDS]
    return StartEvent(start, key, start.correlation_id or event_id(event), faults, tuple(ignored))


def event_id(event: JSON) -> str | None:
    """The id that EventBridge gave to an event, at most 100 characters; None where there is no usable one.

    For an event that was sent to the bus again and so got another id, it is the first id.
    """
    if not isinstance(event, Mapping):
        return None
    resources = event.get("resources")
    marks = [mark for mark in resources if isinstance(mark, str)] if isinstance(resources, list) else []
    first = next((mark.removeprefix(REDRIVEN) for mark in marks if mark.startswith(REDRIVEN)), None)
    identifier = event.get("id") if first is None else first
    usable = (
        isinstance(identifier, str)
        and 1 <= len(identifier) <= MAX_EVENT_ID_LENGTH
        and identifier.isascii()
        and identifier.isprintable()
    )
    return identifier if usable else None


REQUIRED = object()


def _start(
    detail: Mapping[str, JSON], vendors: tuple[str, ...], adapter_of: Callable[[str], Adapter]
) -> tuple[Start, tuple[str, ...]]:
    faults: list[str] = []

    def read(name: str, check: Callable[[Any], Any], fix: str, default: Any = None) -> Any:
        if detail.get(name) is None and default is not REQUIRED:
            return default
        try:
            return check(detail.get(name))
        except (ValueError, TypeError, RecursionError):
            faults.append(f"{name} {fix}")
            return None

    vendor = read("vendor", lambda value: _one_of(value, vendors), f"must be one of {', '.join(vendors)}", REQUIRED)
    adapter = adapter_of(vendor) if vendor else None
    id_fix = f"must be {_id_hint(adapter)}"
    import_id = read("importId", lambda value: _import_id(value, adapter), id_fix, REQUIRED)
    start = Start(
        vendor=vendor or _excerpt(detail.get("vendor")),
        import_id=import_id or _excerpt(detail.get("importId")),
        key_id=_key_id(import_id, adapter) if adapter and import_id else None,
        connection=read("connection", _connection, CONNECTION_RULE, "default") or _excerpt(detail.get("connection")),
        correlation_id=read("correlationId", _text, f"must be a text of 1 to {MAX_TEXT_LENGTH} printable characters"),
        metadata=read("metadata", _metadata, METADATA_RULE),
        started_at=read("startedAt", _time, "must be an ISO 8601 date-time, for example 2026-01-31T09:30:00Z"),
        vendor_title=adapter.title if adapter else None,
        timeout_seconds=read("timeoutSeconds", _timeout, f"must be a whole number from 1 to {MAX_TIMEOUT_SECONDS}"),
    )
    return start, tuple(faults)


def _one_of(value: JSON, names: tuple[str, ...]) -> str:
    if value not in names:
        raise ValueError
    return str(value)


def _import_id(value: JSON, adapter: Adapter | None) -> str:
    if isinstance(value, float) and value.is_integer() and value < SAFE_INTEGER:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MAX_NUMERIC_ID:
        value = str(value)
    if not isinstance(value, str):
        raise ValueError
    canonical = adapter.import_id(value) if adapter else printable_id(value)
    if canonical is None:
        raise ValueError
    return canonical


def _key_id(import_id: str, adapter: Adapter) -> str | None:
    found = adapter.key_id(import_id)
    return None if found == import_id else found


def _id_hint(adapter: Adapter | None) -> str:
    return adapter.import_id_hint if adapter else "the id that the import request gave, without blanks"


def _connection(value: JSON) -> str:
    # In a path, such as the secret's name or a key of the archive, these two names would lead elsewhere.
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", value) or value in (".", ".."):
        raise ValueError
    return str(value)


def _text(value: JSON) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_TEXT_LENGTH or not value.isprintable():
        raise ValueError
    return value


def _metadata(value: JSON) -> JSON:
    if not _is_nested_within(MAX_METADATA_DEPTH, value):
        raise ValueError
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    if not isinstance(value, dict) or len(text.encode("utf-8", "replace")) > MAX_METADATA_BYTES:
        raise ValueError
    return value


def _is_nested_within(levels: int, value: JSON) -> bool:
    """Whether a value has at most `levels` levels; without recursion, because a deep value would exceed its limit."""
    level = [value]
    for _ in range(levels + 1):
        level = [part for part in level if isinstance(part, dict | list)]
        if not level:
            return True
        level = [part for outer in level for part in (outer.values() if isinstance(outer, dict) else outer)]
    return False


def _time(value: JSON) -> float:
    moment = parse_iso(value.upper()) if re.fullmatch(DATE_TIME, value) else None
    if moment is None:
        raise ValueError
    return moment


def _timeout(value: JSON) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError
    if not 1 <= value <= MAX_TIMEOUT_SECONDS or int(value) != value:
        raise ValueError
    return int(value)


def _excerpt(value: JSON) -> str:
    """Content of an invalid field, short and without control characters; numbers as they are written."""
    if isinstance(value, str):
        # Cut before it is cleaned as well: a text may be as long as a whole event.
        return clean(value[: 2 * MAX_TEXT_LENGTH])[:MAX_TEXT_LENGTH]
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)[:MAX_TEXT_LENGTH] if value.bit_length() <= MAX_EXCERPT_BITS else ""
    return str(value) if isinstance(value, float) and math.isfinite(value) else ""


def _invalid_id(event: JSON) -> str:
    """Id of the watch of an invalid event, from the event's id and its content.

    The event's id alone is not enough: a sender may name any other event as the one that is sent again, and a caller
    who starts an execution chooses the id in its input. An event that is sent again has its first content.
    """
    identifier = event_id(event)
    content = _without_error(event)
    if identifier is None:
        return f"invalid#{_digest(content)}"
    resources = content.get("resources")
    named = [one for one in resources if not _is_mark(one)] if isinstance(resources, list) else resources
    content = {name: value for name, value in content.items() if name not in ENVELOPE} | {"resources": named or None}
    return f"invalid#{identifier}#{_digest(content)}"


def _without_error(event: JSON) -> JSON:
    """Event as it came, without the error that the state machine adds when register_watch fails with it."""
    error = event.get("error") if isinstance(event, Mapping) else None
    if not isinstance(error, Mapping) or not error.keys() <= {"Error", "Cause"}:
        return event
    return {name: value for name, value in event.items() if name != "error"}


def _is_mark(resource: JSON) -> bool:
    return isinstance(resource, str) and resource.startswith(REDRIVEN)


def _digest(value: JSON) -> str:
    """Hash of a JSON value, as 32 hexadecimal digits.

    The value is not encoded as JSON for it: that fails for a deep value, a long number and a lone surrogate.
    """
    digest = hashlib.sha256()
    rest = [value]
    while rest:
        part = rest.pop()
        if isinstance(part, Mapping):
            written = f"object {len(part)}"
            for name, member in sorted(part.items(), key=lambda item: str(item[0])):
                rest += (member, name)
        elif isinstance(part, list):
            written = f"list {len(part)}"
            rest += part
        elif isinstance(part, str):
            written = f"text {len(part)} {part}"
        elif isinstance(part, int) and not isinstance(part, bool):
            written = f"{part:x}"
        else:
            written = repr(part)
        digest.update(f"{written}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:32]
