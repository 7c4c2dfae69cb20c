"""Encodes a log as JSON that every reader accepts, whatever it contains, without several copies in memory. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

from import_watch.model.serialization import JSON

BATCH = 1_000
"""Entries that are encoded together, where a log cannot be encoded as a whole."""
ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False)


def json_bytes(content: JSON) -> bytes:
    """Write a JSON value as UTF-8, without indentation.

    Values that JSON cannot represent (NaN, infinity) and those that few readers accept (an integer of thousands of
    digits) become null. A lone surrogate stays an escape.
    """
    try:
        return _encoded(ENCODER.encode(content))
    except (ValueError, RecursionError):
        # The encoder fails for the whole value: only the parts that it cannot encode are encoded here.
        written = bytearray()
        for piece in _pieces(content):
            written += _encoded(piece)
        return bytes(written)


def _encoded(text: str) -> bytes:
    # Only surrogates cannot be encoded, only strings contain them, and within strings this escape is valid JSON.
    return text.encode("utf-8", "backslashreplace")


def _pieces(content: JSON) -> Iterator[str]:
    """Text of a value, piece by piece; with a stack of its own, so that there is no maximum depth."""
    open_values: list[Iterator[str | tuple[JSON]]] = [iter([(content,)])]
    while open_values:
        for piece in open_values[-1]:
            if isinstance(piece, str):
                yield piece
                continue
            value = piece[0]
            if isinstance(value, dict):
                open_values.append(_of_object(value))
                break
            if isinstance(value, list):
                open_values.append(_of_list(value))
                break
            yield _scalar(value)
        else:
            open_values.pop()


def _of_object(value: dict[str, JSON]) -> Iterator[str | tuple[JSON]]:
    """Texts, and in tuples the values that are still to be encoded."""
    before = "{"
    for key, item in value.items():
        yield f"{before}{ENCODER.encode(str(key))}:"
        yield (item,)
        before = ","
    yield "}" if value else "{}"


def _of_list(value: list[JSON]) -> Iterator[str | tuple[JSON]]:
    yield "["
    for start in range(0, len(value), BATCH):
        batch = value[start : start + BATCH]
        before = "," if start else ""
        # A deep value is not tried again at every level.
        text = None if len(batch) == 1 else _at_once(batch)
        if text is not None:
            yield f"{before}{text[1:-1]}"
            continue
        for item in batch:
            yield before
            yield (item,)
            before = ","
    yield "]"


def _at_once(batch: list[JSON]) -> str | None:
    try:
        return ENCODER.encode(batch)
    except (ValueError, RecursionError):
        return None


def _scalar(value: JSON) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "null"
    try:
        return ENCODER.encode(value)
    except ValueError:  # too many digits
        return "null"
