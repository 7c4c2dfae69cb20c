"""When a vendor wants to be asked again, out of the headers of its answer. Pure."""

from __future__ import annotations

import math
from datetime import UTC
from email.utils import parsedate_to_datetime

from import_watch.model import parse_iso
from import_watch.pacing import LONGEST_RETRY_AFTER
from import_watch.vendor import Answer


def retry_after(answer: Answer, now: float) -> float | None:
    """Give the seconds after which the vendor wants to be asked again, within [0, 900]; None where it says nothing.

    Parameters
    ----------
    answer : Answer
        Its `Retry-After` may be seconds or an HTTP date; `X-RateLimit-Reset` seconds (Document360 v2), epoch
        seconds (Document360 v3) or a date-time (eGain).
    now : float
        Epoch seconds.
    """
    for name in ("retry-after", "x-ratelimit-reset"):
        told = answer.headers.get(name, "").strip()
        seconds = _seconds(told, now)
        if seconds is not None:
            return min(max(seconds, 0.0), float(LONGEST_RETRY_AFTER))
    return None


def _seconds(told: str, now: float) -> float | None:
    try:
        number = float(told)
    except ValueError:
        moment = parse_iso(told)
        return _http_date(told, now) if moment is None else moment - now
    if not math.isfinite(number):
        return None
    # No vendor asks for 30 years: so large a number is the time of day, not a span.
    return number - now if number > 1e9 else number


def _http_date(told: str, now: float) -> float | None:
    try:
        moment = parsedate_to_datetime(told)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now
