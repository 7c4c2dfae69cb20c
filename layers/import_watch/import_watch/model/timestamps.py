"""Converts times to ISO 8601 text and back; a time is epoch seconds, UTC."""

from __future__ import annotations

from datetime import UTC, datetime


def iso(time: float | None) -> str | None:
    """Write epoch seconds as ISO 8601 in UTC with milliseconds, as every time in a notification is."""
    if time is None:
        return None
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_iso(text: object) -> float | None:
    """Epoch seconds of an ISO 8601 date-time, without an offset in UTC; None where the text is none."""
    if not isinstance(text, str) or not 11 <= len(text) <= 40 or text[10] not in "Tt ":
        return None
    try:
        moment = datetime.fromisoformat(text)
        time = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        iso(time)  # a time at the edge of the calendar can be valid in its own zone and have no equivalent in UTC
    except (ValueError, OverflowError):
        return None
    return time
