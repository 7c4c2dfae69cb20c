"""Reads the fields of a connection's secret as people, the console and Terraform write them. Pure.

A value with one clear meaning is accepted: with a blank or a line break around it, a number or a list as text, a bucket
as an ARN. Everything else is refused by a `ValueError` that names the field, what is wrong and where, and never the
value.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Collection

from import_watch.model.serialization import JSON
from import_watch.model.text import OUTER_BLANKS, clean, trimmed
from import_watch.vendors.allowed_hosts import host_of
from import_watch.vendors.response_body import NOT_JSON, ResponseBody, parse

BUCKETS_FIELD, HOSTS_FIELD, NUMBER_FIELD, POLICY_FIELD = "logBuckets", "logHosts", "requestsPerMinute", "policy"
"""Fields of every vendor's connections."""
_QUOTES = "\"'`"
_LINE_BREAKS = "\n\r\v\f\x85\u2028\u2029"
_BUCKET = r"(?P<bucket>[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9])"
_BUCKET_FORMS = tuple(
    form.format(_BUCKET)
    for form in (
        r"(?:(?i:https?)://)?s3[.-](?:[a-z0-9-]+\.)*amazonaws\.com(?:\.cn)?/{}(?:/.*)?",
        r"(?:(?i:https?)://)?{}\.s3[.-](?:[a-z0-9-]+\.)*amazonaws\.com(?:\.cn)?(?:/.*)?",
        r"(?i:arn:aws[a-z-]*:s3):::{}(?:/.*)?",
        r"(?:(?i:s3[an]?)://)?{}(?:/.*)?",
    )
)


def fields_of(secret: str | bytes, known: Callable[[], Collection[str]]) -> dict[str, JSON]:
    """Fields of a secret, by their names; an empty one has the value None.

    Parameters
    ----------
    secret : str or bytes
        As Secrets Manager stores it.
    known : callable
        Returns the names of the fields of this vendor's connections.

    Raises
    ------
    ValueError
        Where it is not a JSON object, or has two values for one name.
    """
    text = ResponseBody(secret).text if isinstance(secret, bytes) else secret
    if isinstance(secret, bytes) and "\ufffd" in text:
        raise ValueError("it is binary and no text: store it as text")
    value, fault = parse(trimmed(text))
    if fault is not None:
        raise ValueError(_fault_of_json(text) if fault == NOT_JSON else _without_value(fault, known()))
    if isinstance(value, str):
        # Encoded as JSON twice, as by `jsonencode` of a text that was JSON already.
        value, fault = parse(trimmed(value))
        if fault not in (None, NOT_JSON):
            raise ValueError(_without_value(fault, known()))
    if not isinstance(value, dict):
        raise ValueError("it is not a JSON object")
    fields: dict[str, JSON] = {}
    for name, field in value.items():
        short = trimmed(name)
        if short in fields and fields[short] != field:
            raise ValueError(_without_value(f"the key {short!r} occurs twice with different values", known()))
        fields[short] = None if _is_empty(field) else field
    return fields


def misspelled(fields: Collection[str], known: Collection[str]) -> list[str]:
    """A fault for each name that differs from an absent known one only in case, `_`, `-` and blanks."""
    meant = {_spelling(name): name for name in known}
    return [
        f"unknown field {clean(name)}: did you mean {meant[_spelling(name)]}?"
        for name in fields
        if name not in known and meant.get(_spelling(name), name) not in fields
    ]


def text_field(name: str, value: JSON, *, ascii_only: bool, blanks: bool = True) -> str:
    """Text of a field, without invisible characters around it.

    Parameters
    ----------
    name : str
        Name of the field, for the message.
    value : JSON
    ascii_only : bool
        Whether it must be visible ASCII: it is sent as a header, or is a host name.
    blanks : bool
        Whether blanks are allowed within it.

    Raises
    ------
    ValueError
        Naming the field, and the first invalid character with its position in the stored value.
    """
    kind = "visible ASCII" if ascii_only else "printable"
    if not isinstance(value, str):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        fix = ": put it in quotes" if number else f", not {_type_name(value)}"
        raise ValueError(f"{name} must be a text of {kind} characters{fix}")
    text = trimmed(value)
    before = len(value) - len(value.lstrip(OUTER_BLANKS))
    for position, char in enumerate(text, before + 1):
        if what := _fault_of(char, ascii_only=ascii_only, blanks=blanks):
            raise ValueError(f"{name} has {what} at character {position}: it must be a text of {kind} characters")
    if ascii_only and len(text) > 1 and text[0] == text[-1] and text[0] in _QUOTES:
        raise ValueError(f"{name} is in quotation marks: remove them")
    return text


def host_fault(name: str, text: str) -> str:
    """Why a field does not name a host, and at which character; the value itself is not quoted."""
    position = next((at for at, char in enumerate(text, 1) if not re.match(r"[A-Za-z0-9.:/-]", char)), None)
    what = "a blank" if position and text[position - 1] == " " else "a character that no host name has"
    return f"{name} has {what} at character {position}" if position else f"{name} is not the name of a host"


def buckets_of(value: JSON) -> tuple[str, ...]:
    """Bucket names, each once, from a list or a text of names, `s3://` or `https://` locations or ARNs.

    Raises
    ------
    ValueError
        Naming the item that is not a bucket, by its position.
    """
    return _names_of(BUCKETS_FIELD, "bucket names", value, _bucket_of)


def log_hosts_of(value: JSON) -> tuple[str, ...]:
    """Names of hosts, each once and in lower case, from a list or a text of names or URLs.

    Raises
    ------
    ValueError
        Naming the item that is not a host, by its position.
    """
    return _names_of(HOSTS_FIELD, "host names", value, host_of)


def _names_of(field: str, kind: str, value: JSON, read: Callable[[str], str | None]) -> tuple[str, ...]:
    if isinstance(value, str):
        listed = parse(value)[0] if trimmed(value).startswith("[") else None
        value = listed if isinstance(listed, list) else [part for part in re.split(r"[\s,;]+", trimmed(value)) if part]
    if not isinstance(value, list):
        raise ValueError(f"{field} must be a list of {kind}")
    names: dict[str, None] = {}
    for position, item in enumerate(value, 1):
        if _is_empty(item):
            continue
        if (name := read(trimmed(item)) if isinstance(item, str) else None) is None:
            raise ValueError(f"{field} must be a list of {kind}: item {position} is none")
        names[name] = None
    return tuple(names)


def _bucket_of(text: str) -> str | None:
    found = next((found for form in _BUCKET_FORMS if (found := re.fullmatch(form, text))), None)
    return None if found is None or found["bucket"] in ("arn", "s3", "https") else found["bucket"]


def _is_empty(value: JSON) -> bool:
    return value is None or value == [] or (isinstance(value, str) and trimmed(value) in ("", "null", "[]"))


def _type_name(value: JSON) -> str:
    return "a list" if isinstance(value, list) else "an object" if isinstance(value, dict) else "true or false"


def _spelling(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


def _fault_of_json(text: str) -> str:
    """Where a text stops being JSON, with the parser's message for what it expects there, which quotes nothing."""
    text = trimmed(text)
    if not text:
        return "it is empty"
    try:
        json.loads(text, strict=False)
    except json.JSONDecodeError as error:
        char = text[error.pos : error.pos + 1]
        if char and unicodedata.category(char) in ("Pi", "Pf", "Ps"):
            return (
                f'it is not JSON: it has a typographic quotation mark at character {error.pos + 1}, where a " must be'
            )
        return f"it is not JSON: {error.msg} at character {error.pos + 1}"
    except (ValueError, RecursionError):
        return "it is not JSON"
    return "it is not JSON"


def _without_value(fault: str | None, known: Collection[str]) -> str:
    """Keep the name in a fault of JSON where it is the name of a field: any other may be a value in the wrong place."""
    if fault is None or any(repr(name) in fault for name in known):
        return fault or ""
    return re.sub(r"""the key ('.*'|".*")""", "a key", fault)


def _fault_of(char: str, *, ascii_only: bool, blanks: bool) -> str | None:
    if char in _LINE_BREAKS:
        return "a line break"
    if char == "\t":
        return "a tab"
    if char == " ":
        return None if blanks else "a blank"
    if char in "\xa0\u202f":
        return "a no-break space"
    if not char.isprintable():
        return f"an invisible character (U+{ord(char):04X})"
    return "a character that is not ASCII" if ascii_only and not char.isascii() else None
