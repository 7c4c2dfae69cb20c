"""What a response means at every vendor; the rest is decided by the adapter."""

from __future__ import annotations

import re

from import_watch.model.observation import FailedPoll, ImportState, Observation, PollError
from import_watch.model.serialization import JSON
from import_watch.model.text import clean
from import_watch.vendors.adapter import Adapter
from import_watch.vendors.fields import MAX_NAME, errors_of, object_of, text_of
from import_watch.vendors.response_body import NOT_JSON, HttpResponse

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


def parse_response(adapter: Adapter, response: HttpResponse, import_id: str) -> Observation | FailedPoll:
    """Say what an answer means: what all vendors share is settled here, the rest by the adapter.

    Returns
    -------
    Observation or FailedPoll
        Never an exception: an answer that cannot be read is a `FailedPoll` of trouble UNREADABLE.
    """
    if is_unknown_id(adapter, response, import_id):
        return not_found(response)
    status_overrides = adapter.status_overrides.get(response.status)
    if status_overrides is not None:
        return status_overrides
    told = f"{adapter.title} answered HTTP {response.status}"
    error = _shared_error(response)
    if error is not None:
        said = error_text(response)
        return FailedPoll(error, f"{told}: {said}" if said else told)
    if 300 <= response.status < 400:
        return FailedPoll(PollError.UNREADABLE, f"{told}, a redirect, which is never followed")
    if response.truncated and response.is_success:
        return FailedPoll(PollError.UNREADABLE, f"{told} with more than {adapter.max_bytes:,} bytes")
    return adapter.read(response, import_id)


def not_found(response: HttpResponse) -> Observation:
    """Give what a response means that knows no such import: its words, if it has any, are kept for a person."""
    said = error_text(response)
    return Observation(ImportState.NOT_FOUND, problems=errors_of([said] if said else []))


def is_unknown_id(adapter: Adapter, response: HttpResponse, import_id: str) -> bool:
    """Whether a response says for certain that the vendor does not know the import."""
    if response.status == 410:
        return True
    if response.status not in (400, 404, 422):
        return False
    # The id itself may stand between the words of a phrase, and each sentence or text of the body for itself.
    text = response.text[:MAX_WORDS_TEXT].replace('\\"', " ")
    text = re.sub(re.escape(import_id), " ", text, flags=re.IGNORECASE) if import_id else text
    sentences = [f"{_words(sentence)} ".removeprefix("the ") for sentence in re.split(r'[".;:!?,\n{}<>()\[\]]+', text)]
    phrases = tuple(f"{_words(phrase)} " for phrase in adapter.unknown_id_phrases)
    return bool(phrases) and any(sentence.startswith(phrases) for sentence in sentences)


MAX_WORDS_TEXT = 10_000
"""Characters of an error response that are searched for what it says of an id."""


def _words(text: str) -> str:
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return " ".join(re.findall(r"[^\W_]+", apart.casefold()))


def _shared_error(response: HttpResponse) -> PollError | None:
    """Give what an HTTP status means at every vendor; None where it is the vendor's to say.

    A 403 that names a time to come back throttles, and one that is a web page is a proxy's or a firewall's. Any other
    4xx is no response about an import: asking again may help, and the vendor's own words say what is wrong.
    """
    status = response.status
    if status == 403 and response.headers.get("retry-after", "").strip():
        return PollError.THROTTLED
    if status == 403 and is_html(response):
        return PollError.UNAVAILABLE
    if status in (401, 403):
        return PollError.UNAUTHORIZED
    if status == 429:
        return PollError.THROTTLED
    return PollError.UNAVAILABLE if status >= 400 and status != 404 else None


def unreadable(response: HttpResponse, why: str) -> FailedPoll:
    """Say that an answer is not what the vendor's page promises; a fault of its JSON says more than `why`."""
    if response.fault not in (None, NOT_JSON):
        return FailedPoll(PollError.UNREADABLE, f"HTTP {response.status}: {response.fault}")
    said = error_text(response)
    return FailedPoll(PollError.UNREADABLE, f"HTTP {response.status}: {why}" + (f" ({said})" if said else ""))


def error_text(response: HttpResponse) -> str:
    """Give what an error answer says to a person: a message out of its JSON, else the start of its text, or nothing."""
    if response.fault is None:
        return _message(response.json(), MESSAGE_DEPTH)[:MAX_ERROR_TEXT]
    if response.fault != NOT_JSON or is_html(response):
        return ""
    return clean(response.text[: 2 * MAX_ERROR_TEXT])[:MAX_ERROR_TEXT]


def is_html(response: HttpResponse) -> bool:
    """Whether a body is an HTML document, whatever its Content-Type: such as a proxy or a sign-in page sends."""
    text = response.text[:MAX_HTML_PROLOG]
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
