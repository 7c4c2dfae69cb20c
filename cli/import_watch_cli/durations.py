"""Times, ages and numbers as text for a person."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

from import_watch_cli.errors import CommandError

AGE = re.compile(r"(\d{1,6})\s*([smhdw])")
SECONDS_OF = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400}
UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
"""Units of the ages and durations that are printed, the largest first."""


def age_in(text: str) -> float:
    """Seconds of an age such as `7d`, `12h` or `30m`.

    Raises
    ------
    CommandError
        If the text is no age.
    """
    found = AGE.fullmatch(text.strip().lower())
    if found is None:
        raise CommandError(f"{text!r} is no age: write it as 30m, 12h, 7d or 2w.")
    return float(int(found[1]) * SECONDS_OF[found[2]])


def age_of(seconds: int) -> str:
    """Age as `age_in` reads it, rounded up: in the largest unit of which it has two or more."""
    unit, size = next(((unit, size) for unit, size in UNITS if seconds >= 2 * size), UNITS[-1])
    return f"{math.ceil(seconds / size)}{unit}"


def duration(seconds: float, *, in_minutes: bool = False) -> str:
    """Seconds as short text, rounded down: at most two units, the largest first.

    Parameters
    ----------
    seconds : float
    in_minutes : bool
        Whether a minute or more is without its seconds, which would change all the time on a page; page.js has the
        same rule.
    """
    # A difference of two times is some nanoseconds off.
    left = max(0, math.floor(seconds + 1e-6))
    if in_minutes and left >= 60:
        left -= left % 60
    parts: list[tuple[int, str]] = []
    for unit, size in UNITS:
        count, left = divmod(left, size)
        if count or parts:
            parts.append((count, unit))
    return " ".join(f"{count} {unit}" for count, unit in parts[:2] if count) or "0 s"


def due(seconds: float, *, in_minutes: bool = False) -> str:
    """When something happens that is due in some seconds: `in 41 s`, or `now`; page.js has the same rule."""
    return "now" if seconds < 1 else f"in {duration(seconds, in_minutes=in_minutes)}"


def counted(number: int, thing: str) -> str:
    """Number of things, as text."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def clock_time(at: float, *, utc: bool = False) -> str:
    """Time of day, local or in UTC."""
    return _moment(at, utc=utc).strftime("%H:%M:%S")


def date_time(at: float, *, utc: bool = False) -> str:
    """Date and time, local or in UTC."""
    return _moment(at, utc=utc).strftime("%Y-%m-%d %H:%M:%S") + (" UTC" if utc else "")


def _moment(at: float, *, utc: bool) -> datetime:
    moment = datetime.fromtimestamp(at, UTC)
    return moment if utc else moment.astimezone()
