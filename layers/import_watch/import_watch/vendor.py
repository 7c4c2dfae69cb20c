"""What a vendor folder states: the adapter contract, the declarative status map, and how to read fields safely.

An adapter is a value. It holds no I/O: `http` sends what it asks for, `poller` hands it the answer, and it
returns what the answer means. Vendor answers are untrusted, so every field is read through one of the small
readers at the end, which give None for anything that is not of the documented type.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from import_watch.model import (
    JSON,
    TEXT_KEPT,
    FailedPoll,
    ImportState,
    Observation,
    Problem,
    Severity,
    Trouble,
    parse_iso,
)

LONGEST_ID = 200
"""Characters of an import id: every vendor's ids are far shorter, and table and archive keys are bounded."""
MAX_TEXTS = 1_000
"""Texts that are read out of one list: it may have millions."""
TEXT_FIELDS = ("description", "message", "detail", "details", "title", "error", "code")
"""Where the text of an error may stand, the most telling first."""
EARLIEST_TIME = 946_684_800.0
"""The year 2000: before it no vendor imported anything."""
MOST_BYTES = 1024 * 1024
"""What is read of an answer that carries no inline log."""
MOST_BYTES_WITH_LOG = 5 * 1024 * 1024
"""What is read of an answer that may carry an inline log."""


def _unambiguous(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    """Refuse an object that has a key twice: parsers disagree on which of the two counts."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def normalized_status(raw: str) -> str:
    """Give a status without what makes no difference: case, blanks, `_`, `-`, and the two spellings of cancelled."""
    return re.sub(r"[\s_-]+", "", raw).casefold().replace("canceled", "cancelled")


class StatusMap:
    """A vendor's raw statuses as import states; compared as `normalized_status` writes them.

    Parameters
    ----------
    statuses : mapping of ImportState to tuple of str
        Every raw status that the vendor documents, under the state that it means.

    Raises
    ------
    ValueError
        If a raw status stands under two states or a state has none: the map would be a guess.
    """

    def __init__(self, statuses: Mapping[ImportState, tuple[str, ...]]) -> None:
        self._states: dict[str, ImportState] = {}
        for state, raw_statuses in statuses.items():
            if not raw_statuses:
                raise ValueError(f"{state} is mapped from no status")
            for raw in raw_statuses:
                status = normalized_status(raw)
                if status in self._states:
                    raise ValueError(f"status {raw!r} is mapped twice")
                self._states[status] = state

    def __getitem__(self, raw: str) -> ImportState:
        return self._states.get(normalized_status(raw), ImportState.UNRECOGNISED)

    def items(self) -> tuple[tuple[str, ImportState], ...]:
        """Give every mapped status (normalized) with its state."""
        return tuple(self._states.items())


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer as it came: `status`, `headers` with lower-case names, the (bounded) `body`."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    truncated: bool = False

    @property
    def is_success(self) -> bool:
        """Whether the HTTP status is one of success: each may carry the status of an import."""
        return 200 <= self.status < 300

    def json(self) -> JSON:
        """Parse the body; None where it is not JSON, or the null that says as little, or says a thing twice."""
        try:
            return json.loads(self.body, object_pairs_hook=_unambiguous)
        except (ValueError, RecursionError):
            return None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """Authentication by a header that carries a field of the connection as it is."""

    header: str
    field: str


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """OAuth 2.0 client credentials: a form POST to the connection's `tokenUrl` buys a bearer token.

    `scope_hint` is another scope that the vendor gives to some clients, for the message about a refused scope.
    """

    default_scope: str
    scope_hint: str = ""


@dataclass(frozen=True, slots=True)
class ConnectionShape:
    """Which fields a connection's secret has, and which hosts it may lead to.

    Parameters
    ----------
    required, optional : tuple of str
        Names of text fields, besides those that give the base URL.
    secret : tuple of str
        Those of them that are never to be seen.
    base_url : callable
        Gives the base URL from the fields, or None where they do not name one.
    base_url_fields : str
        The same for a person: which field to set.
    hosts : tuple of str
        Regular expressions; a host must match one of them whole.
    """

    required: tuple[str, ...]
    secret: tuple[str, ...]
    base_url: Callable[[Mapping[str, str]], str | None]
    base_url_fields: str
    hosts: tuple[str, ...]
    optional: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Adapter:
    """All that is particular to one vendor.

    Parameters
    ----------
    vendor : str
        The name in start events, in function names and of the folder (`functions/poll_<vendor>`).
    title : str
        The name that a person knows.
    statuses : StatusMap
    connection : ConnectionShape
    authentication : ApiKey or ClientCredentials
    path : str
        Path of the status request; `{import_id}` is replaced by the escaped id.
    read : callable
        Gives what an answer to the question for an import id means, for every status that `read_answer` leaves.
    keeps_log : bool
        Whether the vendor keeps a log at all.
    import_id : callable
        Gives the canonical id from what was in the start event, or None where it cannot be one.
    import_id_hint : str
        What an id looks like, for the message about one that cannot be right.
    most_bytes : int
        How much of an answer is read.
    settled : mapping of int to FailedPoll
        HTTP statuses that this vendor gives a meaning of its own.
    unknown_id_phrases : tuple of str
        What a 400, 404 or 422 says of an id that the vendor does not know; compared by letters and digits alone.
    key_id : callable
        Gives the one spelling of an id by which imports are told apart.
    requests_per_minute : float or None
        The limit of a connection that names none; None where the vendor documents none.
    """

    vendor: str
    title: str
    statuses: StatusMap
    connection: ConnectionShape
    authentication: ApiKey | ClientCredentials
    path: str
    read: Callable[[Answer, str], Observation | FailedPoll]
    keeps_log: bool
    import_id: Callable[[str], str | None]
    import_id_hint: str
    most_bytes: int = MOST_BYTES
    settled: Mapping[int, FailedPoll] = field(default_factory=dict)
    unknown_id_phrases: tuple[str, ...] = ()
    key_id: Callable[[str], str] = str
    requests_per_minute: float | None = None

    def url(self, base_url: str, import_id: str) -> str:
        """Give the address to ask for an import: `base_url` gives scheme, host and port, the path is ours."""
        base = urlsplit(base_url)
        return f"{base.scheme}://{base.netloc}{self.path.format(import_id=quote(import_id, safe=''))}"


def read_answer(adapter: Adapter, answer: Answer, import_id: str) -> Observation | FailedPoll:
    """Say what an answer means: what all vendors share is settled here, the rest by the adapter.

    Returns
    -------
    Observation or FailedPoll
        Never an exception: an answer that cannot be read is a `FailedPoll` of trouble UNREADABLE.
    """
    if is_unknown_id(adapter, answer):
        said = error_text(answer)
        return Observation(ImportState.NOT_FOUND, problems=errors_of([said] if said else []))
    settled = adapter.settled.get(answer.status)
    if settled is not None:
        return settled
    told = f"{adapter.title} answered HTTP {answer.status}"
    trouble = _trouble(answer)
    if trouble is not None:
        said = error_text(answer)
        return FailedPoll(trouble, f"{told}: {said}" if said else told)
    if 300 <= answer.status < 400:
        return FailedPoll(Trouble.UNREADABLE, f"{told}, a redirect, which is never followed")
    if answer.truncated:
        return FailedPoll(Trouble.UNREADABLE, f"{told} with more than {adapter.most_bytes:,} bytes")
    return adapter.read(answer, import_id)


def is_unknown_id(adapter: Adapter, answer: Answer) -> bool:
    """Whether a response says for certain that the vendor does not know the import."""
    if answer.status == 410:
        return True
    if answer.status not in (400, 404, 422):
        return False
    words = _words(answer.body[:10_000].decode("utf-8", "replace"))
    return any(f" {_words(phrase)} " in f" {words} " for phrase in adapter.unknown_id_phrases)


def _words(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", text.casefold()))


def _trouble(answer: Answer) -> Trouble | None:
    """Give what an HTTP status means at every vendor; None where it is the vendor's to say.

    A 403 that names a time to come back throttles, and one that is a web page is a proxy's or a firewall's. Any other
    4xx is no response about an import: asking again may help, and the vendor's own words say what is wrong.
    """
    status = answer.status
    if status == 403 and answer.headers.get("retry-after", "").strip():
        return Trouble.THROTTLED
    if status == 403 and is_html(answer):
        return Trouble.UNAVAILABLE
    if status in (401, 403):
        return Trouble.UNAUTHORIZED
    if status == 429:
        return Trouble.THROTTLED
    return Trouble.UNAVAILABLE if status >= 400 and status != 404 else None


def unreadable(answer: Answer, why: str) -> FailedPoll:
    """Say that an answer is not what the vendor's page promises."""
    said = error_text(answer)
    return FailedPoll(Trouble.UNREADABLE, f"HTTP {answer.status}: {why}" + (f" ({said})" if said else ""))


def error_text(answer: Answer) -> str:
    """Give what an error answer says to a person: a message out of its JSON, else the start of its text."""
    body = answer.json()
    if isinstance(body, dict):
        for key in ("developerMessage", "message", "userMessage", "error_description", "error", "detail"):
            if found := text_of(body.get(key)):
                return found[:200]
        errors = body.get("errors")
        if isinstance(errors, list):
            said = [
                found for error in errors if isinstance(error, dict) if (found := text_of(error.get("description")))
            ]
            return "; ".join(said)[:200]
        return ""
    if isinstance(body, str):
        return clean(body[:400])[:200]
    if body is not None or b"<html" in answer.body[:1_000].lower():
        return ""
    return clean(answer.body[:400].decode("utf-8", "replace"))[:200]


def is_html(answer: Answer) -> bool:
    """Whether a body is a web page, whatever its headers say."""
    start = answer.body[:1_000].decode("utf-8", "replace").casefold()
    return any(mark in start for mark in ("<!doctype html", "<html", "<head", "<body"))


def printable_id(raw: str) -> str | None:
    """Give the id if it can stand in a path: visible ASCII, and no dot segment; None otherwise."""
    raw = raw.strip()
    if not re.fullmatch(rf"[!-~]{{1,{LONGEST_ID}}}", raw) or raw in (".", ".."):
        return None
    return raw


def clean(text: str) -> str:
    """Take control characters out of vendor text, and blanks at its ends; lone surrogates become '?'."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(char if char.isprintable() else " " for char in text).strip()


def text_of(value: JSON) -> str | None:
    """Give a non-empty text, cleaned and cut at `TEXT_KEPT` characters."""
    # Cut before it is cleaned, too: that takes a hundred times the memory of a text.
    if isinstance(value, str) and (cleaned := clean(value.lstrip()[: 2 * TEXT_KEPT])):
        return cleaned[:TEXT_KEPT]
    return None


def integer_of(value: JSON) -> int | None:
    """Give a count: a non-negative whole number, or a string of digits (one vendor sends those)."""
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,15}\s*", value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**15:
        return value
    return None


def number_of(value: JSON) -> float | None:
    """Give a number of sane size; NaN is none."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not -(10**15) < value < 10**15:
        return None
    return float(value)


def time_of(value: JSON) -> float | None:
    """Give an ISO 8601 date-time as epoch seconds; a date that stands for "none", such as year 1, is none."""
    time = parse_iso(value)
    return time if time is not None and time >= EARLIEST_TIME else None


def object_of(value: JSON) -> dict[str, JSON]:
    """Give an object, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def list_of(value: JSON) -> list[JSON]:
    """Give a list, an empty one for anything else."""
    return value if isinstance(value, list) else []


def id_of(value: JSON) -> str | None:
    """Give an id that a response names, also where it is a whole number; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**40:
        return str(value)
    return text_of(value)


def count_of(value: JSON, otherwise: int | None = None) -> int | None:
    """Give how many there are, whatever the vendor wrote: a number, a number as text, or the things themselves.

    Parameters
    ----------
    value : JSON
        An object of numbers counts as their sum, any other by its entries.
    otherwise : int or None
        What a value that cannot be read counts as: something is there, and errors that cannot be counted must not make
        an import a success.
    """
    if value is None or value == "":
        return None
    if isinstance(value, bool | list):
        return int(value) if isinstance(value, bool) else len(value)
    if isinstance(value, dict):
        numbers = [integer_of(number) for number in value.values()]
        return len(value) if None in numbers else sum(number for number in numbers if number is not None)
    if isinstance(value, str) and (
        found := re.fullmatch(rf"\s*(?:{GROUPED}|([0-9]{{1,15}}))(?:\.0+)?\s*[a-z]*\s*", value)
    ):
        value = int(re.sub(r"[^0-9]", "", found[1] or found[2]))
    count = integer_of(value)
    return otherwise if count is None else count


GROUPED = r"([0-9]{1,3}(?:[,.'\u2019_\s][0-9]{3})+)"


def texts_of(value: JSON) -> list[str]:
    """Give the texts of a list of errors or the like (the first `MAX_TEXTS`): texts, objects with one, or one alone."""
    items = value[:MAX_TEXTS] if isinstance(value, list) else [value]
    found = (
        next((text for name in TEXT_FIELDS if (text := text_of(item.get(name)))), None)
        if isinstance(item, dict)
        else text_of(item)
        for item in items
    )
    return [text for text in found if text]


def errors_of(texts: list[str]) -> tuple[Problem, ...]:
    """Give texts as problems of severity ERROR."""
    return tuple(Problem(Severity.ERROR, text) for text in texts)
