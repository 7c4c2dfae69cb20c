"""Times, ages and numbers as text for a person."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

from import_watch_cli.errors import CommandError

AGE = re.compile(r"(\d{1,6})\s*([smhdw])")
SECONDS_OF = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400}
UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
"""Units of the ages that are printed, the largest first."""


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
