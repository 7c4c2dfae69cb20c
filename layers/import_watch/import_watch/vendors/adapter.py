"""What a vendor folder states: the adapter contract, the declarative status map, and how to read fields safely.

An adapter is a value. It holds no I/O: `http` sends what it asks for, `poller` hands it the answer, and it
returns what the answer means. Vendor answers are untrusted, so every field is read through one of the small
readers at the end, which give None for anything that is not of the documented type.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from urllib.parse import quote, urlsplit

from import_watch.model.watch import (
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
from import_watch.vendors.response_body import NOT_JSON, NumberText, ResponseBody, parse

LONGEST_ID = 200
"""Characters of an import id: every vendor's ids are far shorter, and table and archive keys are bounded."""
MAX_TEXTS = 1_000
"""Texts that are read out of one list: it may have millions."""
MAX_NAMED, MAX_NAME = 100, 100
"""Errors that are listed by the names of their fields, and characters of such a name."""
TEXT_FIELDS = ("description", "message", "detail", "details", "title", "error", "code")
"""Where the text of an error may stand, the most telling first."""
EARLIEST_TIME = 946_684_800.0
"""The year 2000: before it no vendor imported anything."""
MOST_BYTES = 1024 * 1024
"""What is read of an answer that carries no inline log."""
MOST_BYTES_WITH_LOG = 5 * 1024 * 1024
"""What is read of an answer that may carry an inline log."""
OUTER_BLANKS = (
    " \t\n\r\v\f\0\x1c\x1d\x1e\x1f\x85\xa0\xad\u1680\u180e\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"
    "\u200a\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
)
"""What cannot be seen around a text that somebody pasted: blanks, line breaks, marks of width, direction and order."""
MAX_ERROR_TEXT = 200
"""Characters of an error answer that are shown to a person."""
MAX_ERRORS_SHOWN = 20
MAX_HTML_PROLOG = 64 * 1024
"""Characters among which an HTML document has begun, comments before it included."""
HTML_BEGINNINGS = "!doctype|html|head|body|title|meta|link|style|script|center|h1|h2|p|div|table"
"""Elements with which a page, or a piece of one, begins."""
MESSAGE_DEPTH = 4
"""Objects and lists in each other within which a message is looked for."""
MESSAGE_KEYS = (
    *("developerMessage", "message", "userMessage", "error_description", "error", "detail"),
    *("errors", "description", "title", "reason"),
)
"""Where an error answer's message for a person stands; the first that has one counts."""


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
    content: ResponseBody = field(init=False, repr=False, compare=False)
    """The body as text and as JSON; each is made once, and kept for whoever asks next."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "content", ResponseBody(self.body, self.headers.get("content-type", "")))

    @property
    def text(self) -> str:
        """The body as text; U+FFFD stands for what is not of its encoding."""
        return self.content.text

    @property
    def fault(self) -> str | None:
        """Why the body has no JSON value; None where it has one."""
        return self.content.fault

    @property
    def is_success(self) -> bool:
        """Whether the HTTP status is one of success: each may carry the status of an import."""
        return 200 <= self.status < 300

    def json(self) -> JSON:
        """JSON value of the body; None where it is not JSON, or null, or more or less than one meaning: see `fault`."""
        return self.content.value


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
    if is_unknown_id(adapter, answer, import_id):
        return not_found(answer)
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
    if answer.truncated and answer.is_success:
        return FailedPoll(Trouble.UNREADABLE, f"{told} with more than {adapter.most_bytes:,} bytes")
    return adapter.read(answer, import_id)


def not_found(answer: Answer) -> Observation:
    """Give what a response means that knows no such import: its words, if it has any, are kept for a person."""
    said = error_text(answer)
    return Observation(ImportState.NOT_FOUND, problems=errors_of([said] if said else []))


def is_unknown_id(adapter: Adapter, answer: Answer, import_id: str) -> bool:
    """Whether a response says for certain that the vendor does not know the import."""
    if answer.status == 410:
        return True
    if answer.status not in (400, 404, 422):
        return False
    # The id itself may stand between the words of a phrase, and each sentence or text of the body for itself.
    text = answer.text[:MAX_WORDS_TEXT].replace('\\"', " ")
    text = re.sub(re.escape(import_id), " ", text, flags=re.IGNORECASE) if import_id else text
    sentences = [f"{_words(sentence)} ".removeprefix("the ") for sentence in re.split(r'[".;:!?,\n{}<>()\[\]]+', text)]
    phrases = tuple(f"{_words(phrase)} " for phrase in adapter.unknown_id_phrases)
    return bool(phrases) and any(sentence.startswith(phrases) for sentence in sentences)


MAX_WORDS_TEXT = 10_000
"""Characters of an error response that are searched for what it says of an id."""


def _words(text: str) -> str:
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return " ".join(re.findall(r"[^\W_]+", apart.casefold()))


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
    """Say that an answer is not what the vendor's page promises; a fault of its JSON says more than `why`."""
    if answer.fault not in (None, NOT_JSON):
        return FailedPoll(Trouble.UNREADABLE, f"HTTP {answer.status}: {answer.fault}")
    said = error_text(answer)
    return FailedPoll(Trouble.UNREADABLE, f"HTTP {answer.status}: {why}" + (f" ({said})" if said else ""))


def error_text(answer: Answer) -> str:
    """Give what an error answer says to a person: a message out of its JSON, else the start of its text, or nothing."""
    if answer.fault is None:
        return _message(answer.json(), MESSAGE_DEPTH)[:MAX_ERROR_TEXT]
    if answer.fault != NOT_JSON or is_html(answer):
        return ""
    return clean(answer.text[: 2 * MAX_ERROR_TEXT])[:MAX_ERROR_TEXT]


def is_html(answer: Answer) -> bool:
    """Whether a body is an HTML document, whatever its Content-Type: such as a proxy or a sign-in page sends."""
    text = answer.text[:MAX_HTML_PROLOG]
    while True:
        text = text.lstrip("\ufeff\0 \t\r\n\f")
        for begins, ends in (("<!--", "-->"), ("<?", "?>")):
            if text.startswith(begins):
                text = text.partition(ends)[2]
                break
        else:
            return re.match(rf"<(?:{HTML_BEGINNINGS})(?![a-z0-9-])", text, re.IGNORECASE) is not None


def _message(value: JSON, depth: int) -> str:
    """Message for a person in a value of an error answer, wherever it is used to stand; empty where there is none."""
    if isinstance(value, str):
        return text_of(value) or ""
    if depth == 0:
        return ""
    if isinstance(value, list):
        return "; ".join(found for item in value[:MAX_ERRORS_SHOWN] if (found := _message(item, depth - 1)))
    if not isinstance(value, dict):
        return ""
    for key in MESSAGE_KEYS:
        for spelled in (key, key[0].upper() + key[1:]):
            if found := _message(value.get(spelled), depth - 1):
                return found
            if key == "errors" and (found := _by_field(value.get(spelled), depth - 1)):
                return found
    return ""


def _by_field(errors: JSON, depth: int) -> str:
    """Errors that stand under the names of the fields at fault."""
    found = [(name, _message(said, depth)) for name, said in list(object_of(errors).items())[:MAX_ERRORS_SHOWN]]
    return "; ".join(f"{clean(name[:MAX_NAME])}: {said}" for name, said in found if said)


def printable_id(raw: str) -> str | None:
    """Give the id if it can stand in a path: visible ASCII, and no dot segment; None otherwise."""
    raw = raw.strip()
    if not re.fullmatch(rf"[!-~]{{1,{LONGEST_ID}}}", raw) or raw in (".", ".."):
        return None
    return raw


def trimmed(text: str) -> str:
    """Text without what stands around it and cannot be seen."""
    return text.strip(OUTER_BLANKS)


def with_scheme(location: str) -> str:
    """URL of a host as people write one, `https://` if it names no scheme; what is no host stays what it is."""
    location = re.sub(r"(?:https?://)+(?=https?://)", "", location, count=1, flags=re.IGNORECASE)
    if re.match(r"[a-z][a-z0-9+.-]*://|https?[:/]", location, re.IGNORECASE):
        return location
    return f"https://{location.removeprefix('//')}"


def clean(text: str) -> str:
    """Take control characters out of vendor text, and blanks at its ends; lone surrogates become '?'."""
    if text.isprintable():
        return text.strip()
    text = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(char if char.isprintable() else " " for char in text).strip()


def text_of(value: JSON) -> str | None:
    """Give a non-empty text, cleaned and cut at `TEXT_KEPT` characters."""
    # Cut before it is cleaned, too: that takes a hundred times the memory of a text.
    is_text = isinstance(value, str) and not isinstance(value, NumberText)
    if is_text and (cleaned := clean(value.lstrip()[: 2 * TEXT_KEPT])):
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


def json_in(text: str) -> JSON:
    """Give the JSON value that a text holds; None where it holds none."""
    return parse(text)[0]


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
        An object with a total or a count is that many, one of numbers their sum, any other its entries; one that has
        anything is more than 0.
    otherwise : int or None
        What a value that cannot be read counts as: something is there, and errors that cannot be counted must not make
        an import a success.
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
"""A count as text: its digits, grouped or not, and perhaps what is counted."""


def errors_in(value: JSON) -> tuple[list[str], int]:
    """Give the texts of a list of errors or the like, and how many there are, also those without a text.

    Parameters
    ----------
    value : JSON
        A list, one error alone, errors by the names of fields, or just their number. Of a list, the first `MAX_TEXTS`
        are looked into.
    """
    if isinstance(value, list):
        found = [item for item in value if item is not None and item is not False and item not in ("", {}, [])]
        return [text for item in found[:MAX_TEXTS] if (text := _text_in(item))], len(found)
    if isinstance(value, dict):
        if text := _text_in(value):
            return [text], 1
        named = (
            f"{clean(name[:MAX_NAME])}: {text}"[:TEXT_KEPT]
            for name, said in value.items()
            for item in (said if isinstance(said, list) else [said])
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
    """Give the texts of a list of errors or the like (the first `MAX_TEXTS`): see `errors_in`."""
    return errors_in(value)[0]


def _text_in(item: JSON) -> str | None:
    if isinstance(item, dict):
        return next((text for name in TEXT_FIELDS if (text := text_of(item.get(name)))), None)
    return text_of(item)


def errors_of(texts: list[str]) -> tuple[Problem, ...]:
    """Give texts as problems of severity ERROR."""
    return tuple(Problem(Severity.ERROR, text) for text in texts)
