"""Readers of the fields of an untrusted response: each returns None for what is not of the documented type."""

from __future__ import annotations

import re
from itertools import islice

from import_watch.model.observation import (
    MAX_PROBLEM_TEXT,
    MissingLog,
    Problem,
    ReportedProgress,
    Severity,
    StoredLog,
)
from import_watch.model.serialization import JSON
from import_watch.model.text import clean
from import_watch.model.timestamps import parse_iso
from import_watch.vendors.response_body import NumberText, parse

MAX_ID_LENGTH = 200
"""Maximum characters of an import id: every vendor's ids are far shorter, and table and archive keys are bounded."""
MAX_TEXTS = 1_000
"""Maximum texts that are read from one list, which may have millions."""
MAX_NAMED, MAX_NAME = 100, 100
"""Maximum errors that are listed by the names of their fields, and maximum characters of such a name."""
TEXT_FIELDS = ("description", "message", "detail", "details", "title", "error", "code")
"""Fields that may contain the text of an error, the most specific first."""
UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
EARLIEST_TIME = 946_684_800.0
"""The year 2000: no vendor imported anything before it."""


def printable_id(raw: str) -> str | None:
    """The id, if it is valid in a path: visible ASCII, and no dot segment; None otherwise."""
    raw = raw.strip()
    if not re.fullmatch(rf"[!-~]{{1,{MAX_ID_LENGTH}}}", raw) or raw in (".", ".."):
        return None
    return raw


def text_of(value: JSON) -> str | None:
    """Non-empty text, cleaned and cut at `MAX_PROBLEM_TEXT` characters."""
    # Cut before it is cleaned, too: cleaning takes a hundred times the memory of a text.
    is_text = isinstance(value, str) and not isinstance(value, NumberText)
    if is_text and (cleaned := clean(value.lstrip()[: 2 * MAX_PROBLEM_TEXT])):
        return cleaned[:MAX_PROBLEM_TEXT]
    return None


def integer_of(value: JSON) -> int | None:
    """Count: a non-negative whole number, or a string of digits (one vendor sends those)."""
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,15}\s*", value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**15:
        return value
    return None


def number_of(value: JSON) -> float | None:
    """Number of plausible size; NaN is not a number."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not -(10**15) < value < 10**15:
        return None
    return float(value)


def time_of(value: JSON) -> float | None:
    """Epoch seconds of an ISO 8601 date-time; None for a date that means "no date", such as year 1."""
    time = parse_iso(value)
    return time if time is not None and time >= EARLIEST_TIME else None


def log_at(body: dict[str, JSON], name: str) -> StoredLog | MissingLog:
    """The log that a vendor keeps at the location in this field."""
    location = body.get(name)
    if isinstance(location, str) and location.strip():
        return StoredLog(location.strip())
    return MissingLog(f"the response has no {name}", expected=False)


def first_time(body: dict[str, JSON], *names: str) -> float | None:
    """Time of the first of these fields that has one."""
    return next((time for name in names if (time := time_of(body.get(name))) is not None), None)


def progress_of(done: JSON, total: JSON, percentage: JSON = None) -> ReportedProgress | None:
    """Progress by the things that are done, whose step is one of them; else by a percentage."""
    count, of = integer_of(done), integer_of(total)
    if count is not None and of:  # some vendors send a total of 0 before the start
        return ReportedProgress(min(1.0, count / of), 1 / of)
    percent = number_of(percentage)
    return ReportedProgress(percent / 100) if percent is not None and 0 <= percent <= 100 else None


def summed(value: JSON, *names: str) -> dict[str, JSON]:
    """Object of counts, also where it is JSON in a text; of a list of objects, the sums, so that no errors are lost."""
    if isinstance(value, str):
        value = json_in(value)
    if not isinstance(value, list):
        return object_of(value)
    parts = [object_of(part) for part in value]
    return {
        name: sum(count_of(part.get(name), otherwise=1) or 0 for part in parts)
        for name in names
        if any(name in part for part in parts)
    }


def first_count(body: dict[str, JSON], *names: str) -> int | None:
    """The first count of these fields that is not 0; 0 where only such a one is there."""
    found = [count for name in names if (count := count_of(body.get(name))) is not None]
    return next((count for count in found if count), found[0] if found else None)


def counts_of(**counts: int | None) -> dict[str, int]:
    """Counts that are known, by their names."""
    return {name: count for name, count in counts.items() if count is not None}


def joined(texts: list[str], most: int = 3) -> str | None:
    """The first texts joined, at most as long as one vendor message; None where there is none."""
    return "; ".join(texts[:most])[:MAX_PROBLEM_TEXT] or None


def json_in(text: str) -> JSON:
    """JSON value of a text; None where it has none."""
    return parse(text)[0]


def object_of(value: JSON) -> dict[str, JSON]:
    """Object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def list_of(value: JSON) -> list[JSON]:
    """List; an empty one for anything else."""
    return value if isinstance(value, list) else []


def id_of(value: JSON) -> str | None:
    """Id in a response, also where it is a whole number; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**40:
        return str(value)
    return text_of(value)


def count_of(value: JSON, otherwise: int | None = None) -> int | None:
    """Count in any form that a vendor writes: a number, a number as text, or the counted things themselves.

    Parameters
    ----------
    value : JSON
        An object counts as its total or count, an object of numbers as their sum, any other as the number of its
        entries; an object that is not empty counts as more than 0.
    otherwise : int or None
        Count of a value that cannot be read: errors that cannot be counted must not make an import a success.
    """
    if value is None or value == "":
        return None
    if isinstance(value, bool | list):
        return int(value) if isinstance(value, bool) else len(value)
    if isinstance(value, dict):
        total = next((found for name in ("total", "count") if (found := count_of(value.get(name)))), 0)
        return total or sum(count_of(entry, otherwise=1) or 0 for entry in value.values())
    if isinstance(value, str):
        value = 0 if value.strip().casefold() in NO_COUNT else value
    if isinstance(value, str) and (written := re.fullmatch(WRITTEN_COUNT, value)):
        value = int(re.sub(r"[^0-9]", "", written[1]))
    count = integer_of(value)
    return otherwise if count is None else count


NO_COUNT = ("none", "no", "no errors", "no warnings", "n/a", "-")
WRITTEN_COUNT = r"\s*([0-9]{1,3}(?:[,.'\u2019_\s][0-9]{3})+|[0-9]{1,15})(?:\.0+)?\s*(?i:errors?|warnings?|items?)?\s*"
"""A count as text: its digits, grouped or not, and optionally the name of what is counted."""


def errors_in(value: JSON) -> tuple[list[str], int]:
    """Texts of a list of errors or similar, and how many entries it has, those without a text included.

    Parameters
    ----------
    value : JSON
        A list, a single error, errors by the names of fields, or only their number. Of a list, the first `MAX_TEXTS`
        are read.
    """
    if isinstance(value, list):
        found = [item for item in value if item is not None and item is not False and item not in ("", {}, [])]
        return [text for item in found[:MAX_TEXTS] if (text := _text_in(item))], len(found)
    if isinstance(value, dict):
        if text := _text_in(value):
            return [text], 1
        named = (
            f"{clean(name[:MAX_NAME])}: {text}"[:MAX_PROBLEM_TEXT]
            for name, entry in value.items()
            for item in (entry if isinstance(entry, list) else [entry])
            if (text := _text_in(item))
        )
        by_field = list(islice(named, MAX_NAMED))
        return by_field, max(len(by_field), count_of(value, otherwise=1) or 0)
    count = count_of(value)
    if count is not None or value is None or value == "":
        return [], count or 0
    text = text_of(value)
    return [text] if text else [], 1


def texts_of(value: JSON) -> list[str]:
    """Texts of a list of errors or similar (the first `MAX_TEXTS`): see `errors_in`."""
    return errors_in(value)[0]


def _text_in(item: JSON) -> str | None:
    if isinstance(item, dict):
        return next((text for name in TEXT_FIELDS if (text := text_of(item.get(name)))), None)
    return text_of(item)


def errors_of(texts: list[str]) -> tuple[Problem, ...]:
    """Problems of severity ERROR with these texts."""
    return tuple(Problem(Severity.ERROR, text) for text in texts)
