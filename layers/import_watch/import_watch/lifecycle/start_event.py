"""Reads `ImportStarted` and `ImportChanged` events: a valid event, or every fault by the name of its field. Pure.

The published JSON Schema (`events/schemas/import-started.schema.json`) defines the same rules; they are repeated here
because a schema validator would cost every cold start more than the rest of the function.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from import_watch.model.serialization import JSON
from import_watch.model.text import clean
from import_watch.model.timestamps import parse_iso
from import_watch.model.watch import MAX_TIMEOUT_SECONDS, Start
from import_watch.vendors.adapter import Adapter
from import_watch.vendors.fields import printable_id

MAX_METADATA_BYTES = 4_096
MAX_METADATA_DEPTH = 100
"""Maximum nesting of objects and lists: many subscribers' parsers accept only a little more."""
MAX_EXCERPT_BITS = 1_024
"""Maximum bits of an integer that is written as text: the time for that grows with the square of its length."""
MAX_TEXT_LENGTH = 256
MAX_EVENT_ID_LENGTH = 100
SAFE_INTEGER = 2**53
"""Maximum of a number as an id: many programs keep no digits beyond it, and would name another import."""
UNSAFE_ID = "must be sent as a text: programs on the way may change the last digits of a number beyond 2^53"
MAX_TOKEN_LENGTH = 2_048
"""Maximum characters of a task token: https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html"""
DATE_TIME = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,9})?)?([Zz]|[+-][0-9]{2}:?[0-9]{2})?"
)
MAX_IGNORED_FIELDS, MAX_IGNORED_LENGTH = 10, 100
"""Maximum number of unknown fields that are kept, and of the characters of their names."""
REDRIVEN = "import-watch/event/"
"""Prefix of a resource in an event that was sent to the bus again; the rest is the event's first id."""
CONNECTION_RULE = "must be 1 to 64 letters, digits, '-', '_' or '.', and neither . nor .."
METADATA_RULE = f"must be an object of at most {MAX_METADATA_BYTES:,} bytes of JSON and {MAX_METADATA_DEPTH} levels"
ENVELOPE = frozenset({"version", "id", "account", "time", "region", "resources"})
"""Fields that EventBridge replaces in an event that is sent to the bus again."""
KNOWN_FIELDS = (
    *("vendor", "importId", "connection", "correlationId", "metadata", "startedAt", "timeoutSeconds"),
    *("watchAgain", "taskToken"),
)
CHANGED_FIELDS = ("vendor", "importId", "connection")
IMPORT_STARTED, IMPORT_CHANGED = "ImportStarted", "ImportChanged"


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
        One for each invalid field, with its name; empty where the event is valid.
    id : str or None
        Id of the event.
    """

    start: Start
    watch_id: str
    correlation: str | None = None
    faults: tuple[str, ...] = ()
    id: str | None = None


class UnsafeNumber(ValueError):
    """A number as an id that may have lost digits."""


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
    identifier = event_id(event)
    if not isinstance(detail, Mapping):
        faults: tuple[str, ...] = (*_type_faults(event), "detail must be a JSON object")
        return StartEvent(Start("", ""), _invalid_id(event), identifier, faults, identifier)
    start, faults = _start(detail, vendors, adapter_of)
    if type_faults := _type_faults(event):
        # The fields of another event have another meaning; those of one with a misspelled type are checked too.
        faults = (*type_faults, *faults) if _same_name(event["detail-type"], IMPORT_STARTED) else type_faults
    key = _invalid_id(event) if faults else start.watch_id
    return StartEvent(start, key, start.correlation_id or identifier, faults, identifier)


def is_change(event: JSON) -> bool:
    """Whether an event is an `ImportChanged`."""
    return isinstance(event, Mapping) and event.get("detail-type") == IMPORT_CHANGED


def parse_change(event: JSON, vendors: tuple[str, ...], adapter_of: Callable[[str], Adapter]) -> StartEvent:
    """Read an `ImportChanged` event: it names the watch that it is about. Other fields are ignored, and listed.

    A task token is one of them: such an event starts nothing whose outcome the token could get.

    Parameters
    ----------
    event, vendors, adapter_of
        As in `parse`.
    """
    detail = event.get("detail")
    given = detail if isinstance(detail, Mapping) else {}
    named = {name: value for name, value in given.items() if _plain(name) in map(_plain, CHANGED_FIELDS)}
    start, faults = _start(named, vendors, adapter_of)
    others = sorted(_excerpt(name)[:MAX_IGNORED_LENGTH] for name in given if name not in named)
    start = replace(start, ignored_fields=tuple(sorted({*start.ignored_fields, *others})[:MAX_IGNORED_FIELDS]))
    identifier = event_id(event)
    return StartEvent(start, start.watch_id, identifier, faults, identifier)


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
    faults, ignored = _unknown_fields(detail)
    misspelled = {_plain(name) for name in detail if name not in KNOWN_FIELDS}

    def read(name: str, check: Callable[[Any], Any], fix: str, default: Any = None) -> Any:
        if detail.get(name) is None:
            if default is not REQUIRED:
                return default
            if _plain(name) not in misspelled:
                faults.append(f"{name} is missing: it {fix}")
            return None
        try:
            return check(detail[name])
        except UnsafeNumber:
            faults.append(f"{name} {UNSAFE_ID}")
            return None
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
        watch_again=read("watchAgain", _boolean, "must be true or false", default=False) or False,
        task_token=read("taskToken", _token, f"must be a text of 1 to {MAX_TOKEN_LENGTH:,} printable characters")
        or _misspelled_token(detail),
        ignored_fields=ignored,
    )
    return start, tuple(faults)


def _unknown_fields(detail: Mapping[str, JSON]) -> tuple[list[str], tuple[str, ...]]:
    """Faults of unknown fields that are likely meant as known ones, and the names of the others.

    A field is likely meant as a known one that is absent, if their names differ only in case, `_` and `-`.
    """
    absent = {_plain(name): name for name in KNOWN_FIELDS if detail.get(name) is None}
    faults, ignored = [], []
    for name in detail:
        if name in KNOWN_FIELDS:
            continue
        if meant := absent.get(_plain(name)):
            faults.append(f"unknown field {_excerpt(name)}: did you mean {meant}?")
        else:
            ignored.append(_excerpt(name)[:MAX_IGNORED_LENGTH])
    return sorted(faults), tuple(sorted(ignored)[:MAX_IGNORED_FIELDS])


def _misspelled_token(detail: Mapping[str, JSON]) -> str | None:
    """Task token under a misspelled name: its event is invalid, and the task that waits gets that outcome."""
    for name, value in detail.items():
        if _same_name(name, "taskToken") and isinstance(value, str) and 1 <= len(value) <= MAX_TOKEN_LENGTH:
            return value if value.isprintable() and detail.get("taskToken") is None else None
    return None


def _plain(name: str) -> str:
    """Name without what people and tools write differently; a long one is not a misspelled field."""
    return name.replace("_", "").replace("-", "").replace(" ", "").lower() if len(name) <= MAX_TEXT_LENGTH else name


def _same_name(one: JSON, other: str) -> bool:
    return isinstance(one, str) and _plain(one) == _plain(other)


def _type_faults(event: JSON) -> tuple[str, ...]:
    """Fault of an event of another type; an execution may also be started with an input that has none."""
    given = event.get("detail-type") if isinstance(event, Mapping) else None
    if given is None or given == IMPORT_STARTED:
        return ()
    return (f"detail-type must be {IMPORT_STARTED} (or {IMPORT_CHANGED}), not {_excerpt(given) or 'an empty text'}",)


def _one_of(value: JSON, names: tuple[str, ...]) -> str:
    if value not in names:
        raise ValueError
    return str(value)


def _import_id(value: JSON, adapter: Adapter | None) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool) and value > SAFE_INTEGER:
        raise UnsafeNumber
    if isinstance(value, float) and value.is_integer() and value < SAFE_INTEGER:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
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


def _boolean(value: JSON) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _token(value: JSON) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_TOKEN_LENGTH or not value.isprintable():
        raise ValueError
    return value


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
