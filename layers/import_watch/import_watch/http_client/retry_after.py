"""Reads from the headers of a response when the vendor accepts the next request. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import UTC
from email.utils import parsedate_to_datetime

from import_watch.model.observation import MAX_RETRY_AFTER
from import_watch.model.timestamps import parse_iso
from import_watch.vendors.response_body import HttpResponse

MAX_HEADER_LENGTH = 1_000
"""Maximum characters of a header that is read; no real one is longer."""
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_EPOCH_UNITS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3), (1e9, 1.0))
"""Sizes from which a number is a time since the epoch, each with its fraction of a second. No vendor requests a wait of
30 years."""
_RESETS = ("x-ratelimit-reset", "ratelimit-reset", "x-rate-limit-reset")
_REMAINING = ("x-ratelimit-remaining", "ratelimit-remaining", "x-rate-limit-remaining")


def retry_after(response: HttpResponse, now: float) -> float | None:
    """Seconds until the vendor accepts the next request, within [0, 900]; None where the headers name no time.

    `Retry-After` counts with every status. The reset time of a rate limit counts only where the limit was reached: with
    429, and with a 403 or 503 whose headers show that no request remains. Of several values the longest counts.

    Parameters
    ----------
    response : HttpResponse
        Of a request that failed. Each value may be seconds, a time since the epoch in seconds or fractions of them, an
        HTTP date or an ISO 8601 date-time.
    now : float
        Epoch seconds.
    """
    seconds = _longest(_header(response, "retry-after"), now)
    if seconds is None and _limit_reached(response):
        found = [_longest(text, now) for text in _resets(response)]
        seconds = max((one for one in found if one is not None), default=None)
    return None if seconds is None else min(max(seconds, 0.0), float(MAX_RETRY_AFTER))


def _header(response: HttpResponse, name: str) -> str:
    text = response.headers.get(name, "")
    # `float` and the date parsers accept the digits of every script.
    return text if text.isascii() and len(text) <= MAX_HEADER_LENGTH else ""


def _limit_reached(response: HttpResponse) -> bool:
    if response.status == 429:
        return True
    if response.status not in (403, 503):
        return False
    texts = [_header(response, name) for name in _REMAINING]
    texts += [fields[name] for fields in _rate_limit(response) for name in ("remaining", "r") if name in fields]
    numbers = [number for text in texts for part in text.split(",") if (number := _number(part)) is not None]
    return any(number <= 0 for number in numbers)


def _resets(response: HttpResponse) -> Iterator[str]:
    for name in _RESETS:
        yield _header(response, name)
    policies = _rate_limit(response)
    # Of several policies, those with requests left do not delay the next request.
    reached = [fields for fields in policies if _number(fields.get("r", "")) == 0]
    for fields in reached or policies:
        for name in ("reset", "t"):
            yield fields.get(name, "")


def _rate_limit(response: HttpResponse) -> list[dict[str, str]]:
    """Read `RateLimit: limit=100, remaining=0, reset=5` and the later `RateLimit: "policy";r=0;t=5`, by policy."""
    text = re.sub(r'"[^"]*"', "", _header(response, "ratelimit")).lower()
    return [dict(re.findall(r"([a-z]+)\s*=\s*([^;,\s]+)", member)) for member in text.split(",")]


def _longest(text: str, now: float) -> float | None:
    """Read one value, or several where a header occurred more than once: requests joins them by commas."""
    # A comma between a weekday and a day of a month is part of a date.
    parts = re.split(r",(?!\s*[0-9]{1,2}[ -][A-Za-z]{3})", text)
    return max((one for part in parts if (one := _seconds(part, now)) is not None), default=None)


def _seconds(text: str, now: float) -> float | None:
    text = text.strip().strip('"').strip()
    number = _number(text)
    if number is not None:
        return next((number / unit - now for size, unit in _EPOCH_UNITS if number > size), number)
    if _NUMBER.fullmatch(text):
        return None  # a number that is too large for a time
    moment = parse_iso(text)
    return _http_date(text, now) if moment is None else moment - now


def _number(text: str) -> float | None:
    text = text.strip()
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    return number if math.isfinite(number) else None


def _http_date(text: str, now: float) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
