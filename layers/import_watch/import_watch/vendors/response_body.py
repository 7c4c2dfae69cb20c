"""Reads the body of a response: its encoding, its text and its JSON value, each once and within bounds. Pure.

Whatever a server sends becomes a text, and a JSON value or the description of a fault: nothing here raises. A deviation
from the standard is accepted where the meaning is clear; two different values under one key are not clear.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate

from import_watch.model.serialization import JSON

NOT_JSON = "the body is not JSON"
TOO_MANY_VALUES = "more values than can be read"
MAX_DEPTH = 100
"""Maximum nesting of lists and objects; deeper values are not read, and no vendor documents any."""
TOO_DEEP = "(too deep to be read)"
MAX_VALUE_BYTES = 100 * 1024 * 1024
"""Maximum memory for the values of one body: a function has 512 MB, also for its code and the body."""
MAX_KEY_SHOWN = 60
MAX_CHARSET_NAME = 40

# Measured on CPython 3.11 to 3.13, rounded up to the allocator's block sizes.
OBJECT_BYTES, LIST_BYTES, ITEM_BYTES, STRING_BYTES, NUMBER_BYTES = 190, 112, 9, 64, 32
MIN_STRING, MIN_NUMBER = 2, 3
"""Minimum characters of a string, and of a number, with an object of its own; shorter equal ones share one."""
KEY_BYTES = 30
"""Bytes of a key in its object's table."""
DISTINCT_KEY_BYTES = 160
"""Bytes of a key that occurs for the first time: its text, and its entry in the parser's cache of keys."""
PAIR_BYTES = 80
"""Bytes of a key and its value while both are passed to `object_pairs_hook`."""

_BOMS = (  # UTF-32 first, because its byte order mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CHARSET = re.compile(r"""charset\s*=\s*["']?\s*([A-Za-z0-9][A-Za-z0-9._:+-]*)""", re.IGNORECASE)
# Python also has codecs that no server uses for text (idna, rot13, unicode_escape, utf-7).
_TEXT_CODEC = re.compile(
    r"utf-(?:8|16|32)(?:-[lb]e)?|ascii|iso8859-\d+|cp\d+|koi8-[rtu]|mac-[a-z]+|kz1048|tis-620|ptcp154"
    r"|shift_jis\w*|euc_\w+|iso2022_\w+|gb\w+|big5\w*|hz|johab"
)
_WIDE = ("utf-16", "utf-32")
_OUTER = " \t\r\n\v\f\0\x1a\x1e\xa0\u200b\u2028\u2029\ufeff"
"""Characters without meaning around a JSON text: blanks, NUL, end-of-file and record separators, byte order marks."""
_STRING = re.compile(r'"[^"]*"')
_STRING_OR_BRACKET = re.compile(r'"[^"]*"|[][{}]')
_KEY = re.compile(r'"([^"]*)"\s*:')
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NONE: dict[str, JSON] = {}
"""Shared by all empty objects: no code changes values that a vendor sent."""


class ResponseBody:
    """The body of a response as text and as JSON.

    Parameters
    ----------
    body : bytes
    content_type : str
        The Content-Type header; it may be missing and may be wrong.
    """

    def __init__(self, body: bytes, content_type: str = "") -> None:
        self._body = body
        self._content_type = content_type

    @cached_property
    def encoding(self) -> str:
        """Encoding by the byte order mark, else by the positions of NUL bytes, else as declared, else UTF-8."""
        return self._mark[1] or _shown(self._body) or _declared(self._content_type, self._body)

    @cached_property
    def text(self) -> str:
        """Text without its byte order mark; U+FFFD replaces each byte that is invalid in the encoding."""
        return self._body[len(self._mark[0]) :].decode(self.encoding, "replace")

    @property
    def value(self) -> JSON:
        """JSON value of the text; None where it has none."""
        return self._parsed[0]

    @property
    def fault(self) -> str | None:
        """Why there is no JSON value; None where there is one."""
        return self._parsed[1]

    def encoded(self, text: str) -> bytes:
        """Another text as bytes in this body's encoding, with its byte order mark."""
        return self._mark[0] + text.encode(self.encoding, "replace")

    @cached_property
    def _mark(self) -> tuple[bytes, str]:
        return next((found for found in _BOMS if self._body.startswith(found[0])), (b"", ""))

    @cached_property
    def _parsed(self) -> tuple[JSON, str | None]:
        return parse(self.text)


def parse(text: str) -> tuple[JSON, str | None]:
    """JSON value of a text, and None; or None, and why there is no value.

    Numbers that Python cannot represent (of thousands of digits, Infinity) are `NumberText`, NaN is null, and values
    deeper than `MAX_DEPTH` are `TOO_DEEP`.
    """
    text = text.strip(_OUTER)
    if not text or not (text[0] in '{["-' or text[0].isalnum()):
        return None, NOT_JSON
    shape = _Shape(text)
    if shape.depth > MAX_DEPTH:
        text = _cut(text)
        shape = _Shape(text)
        if shape.depth > MAX_DEPTH:
            return None, NOT_JSON
    if shape.bytes_of_values(0) > MAX_VALUE_BYTES:
        return None, TOO_MANY_VALUES
    keys = 0

    def count(found: dict[str, JSON]) -> dict[str, JSON]:
        nonlocal keys
        keys += len(found)
        return found or _NONE

    try:
        value = _decoded(text, object_hook=count)
        if keys != shape.keys:
            # A key occurs twice somewhere. This is rare, so only this branch pays for checking every pair.
            value = None
            if shape.bytes_of_values(PAIR_BYTES) > MAX_VALUE_BYTES:
                return None, TOO_MANY_VALUES
            value = _decoded(text, object_pairs_hook=_unambiguous)
    except _TwoValuesError as error:
        return None, str(error)
    except (ValueError, RecursionError):
        return None, NOT_JSON
    return value, None


class _TwoValuesError(ValueError):
    """One key has two different values: parsers disagree on which of them counts."""


class NumberText(str):
    """A number that Python cannot represent, as it is written: it is not empty, and it is not a text."""

    __slots__ = ()


class _Shape:
    """Counts of the parts of a JSON text, without parsing it."""

    def __init__(self, text: str) -> None:
        self._text = text
        outside, self._strings = _STRING.subn("", _without_escapes(text))
        self.keys = outside.count(":")
        self._objects = outside.count("{") - outside.count("{}")
        self._lists = outside.count("[")
        self._items = outside.count(",") + self._objects + self._lists
        self._string_characters = len(text) - len(outside) - 2 * self._strings
        structure = sum(map(outside.count, "[]{}:,"))
        self._number_characters = len(outside) - structure
        # The nesting cannot be deeper than the number of brackets.
        self.depth = outside.count("{") + self._lists
        if self.depth > MAX_DEPTH:
            brackets = outside.encode("ascii", "replace").translate(None, _NO_BRACKETS)
            self.depth = max(accumulate(map(_STEP.__getitem__, brackets)))

    def bytes_of_values(self, pair_bytes: int) -> int:
        """Upper bound of the memory of all values, with `pair_bytes` additional bytes for every key."""
        texts = len(self._text) * (1 if self._text.isascii() else 2)
        strings = max(0, self._strings - self.keys)
        least = (
            self._objects * OBJECT_BYTES
            + self._lists * LIST_BYTES
            + self._items * ITEM_BYTES
            + self.keys * (KEY_BYTES + pair_bytes)
            + min(strings, self._string_characters // MIN_STRING) * STRING_BYTES
            + min(self._items, self._number_characters // MIN_NUMBER) * NUMBER_BYTES
            + texts
        )
        most = least + self.keys * DISTINCT_KEY_BYTES
        if least > MAX_VALUE_BYTES or most <= MAX_VALUE_BYTES:
            return most
        # Most keys occur in many objects, and the parser keeps each once.
        distinct = len({found[1] for found in _KEY.finditer(_without_escapes(self._text))})
        return least + distinct * DISTINCT_KEY_BYTES


def _without_escapes(text: str) -> str:
    """Text of the same length in which every quote begins or ends a string."""
    return text.replace("\\\\", "__").replace('\\"', "__") if "\\" in text else text


def _cut(text: str) -> str:
    """Text in which `TOO_DEEP` replaces everything deeper than `MAX_DEPTH`."""
    pieces, depth, kept = [], 0, 0
    for found in _STRING_OR_BRACKET.finditer(_without_escapes(text)):
        bracket = found[0]
        if bracket in "[{":
            depth += 1
            if depth == MAX_DEPTH + 1:
                pieces.append(text[kept : found.start()])
        elif bracket in "]}":
            if depth == MAX_DEPTH + 1:
                pieces.append(f'"{TOO_DEEP}"')
                kept = found.end()
            depth -= 1
    pieces.append(text[kept:])
    return "".join(pieces)


def _decoded(text: str, **hooks: JSON) -> JSON:
    try:
        return json.loads(text, strict=False, parse_float=_float, parse_constant=_constant, **hooks)
    except json.JSONDecodeError:
        raise
    except _TwoValuesError:
        raise
    except ValueError:  # an integer with more digits than Python accepts
        return json.loads(text, strict=False, parse_float=_float, parse_constant=_constant, parse_int=_int, **hooks)


def _float(text: str) -> float | str:
    """Number; as text where a float cannot represent it, so that the value is not lost."""
    number = float(text)
    return number if math.isfinite(number) else NumberText(text)


def _int(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:
        return NumberText(text)


def _constant(name: str) -> NumberText | None:
    """Infinity as text, and NaN as None; neither is valid JSON, but some servers send them."""
    return None if name == "NaN" else NumberText(name)


def _unambiguous(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found or _NONE
    found = {}
    for key, value in pairs:
        if key in found and not _same(found[key], value):
            raise _TwoValuesError(f"the key {key[:MAX_KEY_SHOWN]!r} occurs twice with different values")
        found[key] = value
    return found


def _same(one: JSON, other: JSON) -> bool:
    """Whether two values are one JSON value: 1 is not 1.0, nor is it true."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _shown(body: bytes) -> str:
    """Encoding by the positions of NUL bytes: a JSON text begins with two ASCII characters (RFC 4627, 3)."""
    first = body[:4]
    match [byte != 0 for byte in first]:
        case [False, False, False, True]:
            return "utf-32-be"
        case [True, False, False, False]:
            return "utf-32-le"
        case [False, True, False, True] | [False, True]:
            return "utf-16-be"
        case [True, False, True, False] | [True, False]:
            return "utf-16-le"
    return ""


def _declared(content_type: str, body: bytes) -> str:
    found = _CHARSET.search(content_type)
    if not found or len(found[1]) > MAX_CHARSET_NAME:
        return "utf-8"
    try:
        name = codecs.lookup(found[1]).name
    except (LookupError, ValueError):
        return "utf-8"
    if not _TEXT_CODEC.fullmatch(name) or name == "ascii":  # UTF-8 is a superset of ASCII
        return "utf-8"
    if name.startswith(_WIDE):
        if body[:1] in (b"{", b"[", b'"') and b"\0" not in body[:64]:
            # The declared encoding is wrong: a JSON text begins with ASCII characters, which have NUL bytes in it.
            return "utf-8"
        return name if name.endswith("e") else f"{name}-be"  # RFC 2781, 4.3: without a mark
    return name


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """An HTTP response as it was received: `status`, `headers` with lower-case names, the (bounded) `body`."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    truncated: bool = False
    content: ResponseBody = field(init=False, repr=False, compare=False)
    """The body as text and as JSON; each is decoded once and cached."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "content", ResponseBody(self.body, self.headers.get("content-type", "")))

    @property
    def text(self) -> str:
        """The body as text; U+FFFD replaces bytes that are invalid in its encoding."""
        return self.content.text

    @property
    def fault(self) -> str | None:
        """Why the body has no JSON value; None where it has one."""
        return self.content.fault

    @property
    def is_success(self) -> bool:
        """Whether the HTTP status means success: any such response may contain the status of an import."""
        return 200 <= self.status < 300

    def json(self) -> JSON:
        """JSON value of the body; None where it is null, not JSON, or ambiguous: see `fault`."""
        return self.content.value
