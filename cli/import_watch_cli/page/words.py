"""Words of the page: durations, times and untrusted text. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from import_watch.model.timestamps import iso

from import_watch_cli.durations import due, duration

LINES = frozenset("\n\t")


def short_duration(seconds: float) -> str:
    """Seconds as the page shows them: `41 s`, `12 m`, `1 h 4 m`, `2 d 3 h`."""
    return duration(seconds, in_minutes=True)


def next_poll(seconds: float) -> str:
    """Time until a poll: `in 41 s`, or `now` where it is due."""
    return due(seconds, in_minutes=True)


def percent(fraction: float) -> int:
    """Whole percentage of a fraction; 100 only where it is complete."""
    return max(0, min(100, int(fraction * 100 + 1e-9)))


def clock_time(time: float, now: float) -> str:
    """Local time of an event, with its day where that is not today."""
    moment, today = local(time), local(now)
    if moment.date() == today.date():
        return f"{moment:%H:%M:%S}"
    return f"{moment.day} {moment:%b, %H:%M}" if moment.year == today.year else f"{moment:%Y-%m-%d, %H:%M}"


def local(time: float) -> datetime:
    """Local date and time of epoch seconds."""
    return datetime.fromtimestamp(time, UTC).astimezone()


def machine_time(time: float) -> str:
    """ISO 8601 text of epoch seconds, for the `datetime` attribute."""
    return iso(time) or ""


def count(number: int, thing: str) -> str:
    """Number and noun: `1 poll`, `2 polls`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def size(number: int) -> str:
    """Bytes in a unit for a person: `812 B`, `18 KB`, `2.4 MB`."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if number >= factor:
            return f"{number / factor:.1f} {unit}"
    return f"{number / 1e3:.0f} KB" if number >= 1_000 else f"{number} B"


def dollars(amount: float) -> str:
    """Cost in USD: to the cent, or with more digits where it is below ten cents."""
    return f"${amount:,.2f}" if amount >= 0.1 or amount == 0 else f"${amount:.4f}"


def visible(text: str, keep: frozenset[str] = frozenset()) -> str:
    r"""Text with an escape such as `\x1b` in place of each character that is not printable.

    Parameters
    ----------
    text : str
        Untrusted: control characters could hide a part of it, and direction marks could show it in another order.
    keep : frozenset of str
        Characters that stay, such as line breaks.
    """
    if text.isprintable():
        return text
    return "".join(char if char in keep or char.isprintable() else _escape(ord(char)) for char in text)


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
