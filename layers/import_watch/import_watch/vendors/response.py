"""The meaning of a response, as far as it is the same at every vendor; the adapter decides the rest."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from import_watch.model.observation import FINISHED, FailedPoll, ImportState, Observation, PollError
from import_watch.model.serialization import JSON
from import_watch.model.text import clean
from import_watch.vendors.adapter import Adapter, Api
from import_watch.vendors.fields import MAX_NAME, errors_of, object_of, text_of
from import_watch.vendors.response_body import NOT_JSON, HttpResponse

if TYPE_CHECKING:
    from import_watch.vendors.details import Details, Page

MAX_ERROR_TEXT = 200
"""Maximum characters of an error response that are shown to a person."""
MAX_ERRORS_SHOWN = 20
REFUSALS = (401, 403, 429)
"""Statuses whose meaning the body may decide: a refusal, a rate limit, or an import of another account."""
MAX_HTML_PROLOG = 64 * 1024
"""Maximum characters before the first element of an HTML document, comments included."""
HTML_BEGINNINGS = "!doctype|html|head|body|title|meta|link|style|script|center|h1|h2|p|div|table"
"""Elements with which an HTML page, or a part of one, begins."""
MESSAGE_DEPTH = 4
"""Maximum nesting of objects and lists in which a message is searched."""
MESSAGE_KEYS = (
    *("developerMessage", "message", "userMessage", "error_description", "error", "detail"),
    *("errorMessage", "error_message", "errorMessages", "errors", "description", "title", "reason", "msg"),
)
"""Keys of an error response that contain its message for a person; the first one with a text counts."""


def parse_response(
    adapter: Adapter, response: HttpResponse, import_id: str, api: Api | None = None
) -> Observation | FailedPoll:
    """Meaning of a response: the part that all vendors share is decided here, the rest by the API.

    Parameters
    ----------
    adapter : Adapter
    response : HttpResponse
    import_id : str
    api : Api or None
        The API that responded; None for the vendor's default one.

    Returns
    -------
    Observation or FailedPoll
        Never an exception: a response that cannot be read is a `FailedPoll` with the error UNREADABLE.
    """
    polled = _parse(adapter.title, api or adapter.api(), response, import_id)
    if isinstance(polled, Observation) and polled.state in FINISHED and not response.is_success:
        return unreadable(response, "the response states the end of an import, and is no success")
    return polled


def _parse(title: str, api: Api, response: HttpResponse, import_id: str) -> Observation | FailedPoll:
    if is_unknown_id(api, response, import_id):
        return not_found(response)
    if response.status in REFUSALS and api.read_refusal and (polled := api.read_refusal(response, import_id)):
        return polled
    status_overrides = api.status_overrides.get(response.status)
    if status_overrides is not None:
        return status_overrides
    return _failure(title, api, response) or api.read(response, import_id)


def parse_page(title: str, api: Api, details: Details, response: HttpResponse, seen: Observation) -> Page | FailedPoll:
    """Meaning of a response to the request for a page of details; only a success has one.

    Parameters
    ----------
    title : str
        The vendor's name for people.
    api : Api
    details : Details
    response : HttpResponse
    seen : Observation
        With the pages before it.
    """
    if (failed := _failure(title, api, response)) is not None:
        return failed
    if not response.is_success:
        return unreadable(response, "the details of an import were requested")
    return details.read(response, seen)


def _failure(title: str, api: Api, response: HttpResponse) -> FailedPoll | None:
    """Failed poll for a response that has the same meaning whatever was requested."""
    summary = f"{title} responded with HTTP {response.status}"
    error = _shared_error(response)
    if error is not None:
        text = error_text(response)
        return FailedPoll(error, f"{summary}: {text}" if text else summary)
    if 300 <= response.status < 400:
        return FailedPoll(PollError.UNREADABLE, f"{summary}, a redirect, which is never followed")
    if response.truncated and response.is_success:
        return FailedPoll(PollError.UNREADABLE, f"{summary} with more than {api.max_bytes:,} bytes")
    return None


def status_in(response: HttpResponse, thing: str, *path: str) -> tuple[dict[str, JSON], str] | FailedPoll:
    """Body of a success and the status in it; for any other response, why it is unreadable.

    Parameters
    ----------
    response : HttpResponse
    thing : str
        What the status is of, with its article, for the message.
    path : str
        Keys that lead to the status: `status` where there are none.
    """
    body = response.json()
    if not isinstance(body, dict):
        return unreadable(response, "the body is not a JSON object")
    *above, last = path or ("status",)
    place = body
    for key in above:
        place = object_of(place.get(key))
    status = text_of(place.get(last))
    if not response.is_success or status is None:
        return unreadable(response, f"the response has no status of {thing}")
    return body, status


def not_found(response: HttpResponse) -> Observation:
    """Observation of an import that the vendor does not know; its problem is the message of the response, if any."""
    text = error_text(response)
    return Observation(ImportState.NOT_FOUND, problems=errors_of([text] if text else []))


def is_unknown_id(api: Api, response: HttpResponse, import_id: str) -> bool:
    """Whether a response states clearly that the vendor does not know the import."""
    if response.status == 410:
        return True
    if response.status not in (400, 404, 422):
        return False
    # The id itself may be between the words of a phrase; each sentence or text of the body is compared by itself.
    text = response.text[:MAX_WORDS_TEXT].replace('\\"', " ")
    text = re.sub(re.escape(import_id), " ", text, flags=re.IGNORECASE) if import_id else text
    sentences = [f"{_words(sentence)} ".removeprefix("the ") for sentence in re.split(r'[".;:!?,\n{}<>()\[\]]+', text)]
    phrases = tuple(f"{_words(phrase)} " for phrase in api.unknown_id_phrases)
    return bool(phrases) and any(sentence.startswith(phrases) for sentence in sentences)


def unknown_id_phrases(id_name: str, thing: str) -> tuple[str, ...]:
    """Phrases about an unknown id, for an API whose ids are of such a thing: `"job id", "job"`."""
    return (
        *(f"{word} {name}" for word in ("invalid", "unknown") for name in {id_name, id_name.replace(" ", "")}),
        *(f"{id_name} {what}" for what in ("is invalid", "is not valid", "not found", "does not exist")),
        *(f"{thing} {what}" for what in ("not found", "was not found", "does not exist")),
        *(f"no such {thing}", f"no {thing} with this id"),
    )


MAX_WORDS_TEXT = 10_000
"""Maximum characters of an error response that are searched for a phrase about an id."""


def _words(text: str) -> str:
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return " ".join(re.findall(r"[^\W_]+", apart.casefold()))


def _shared_error(response: HttpResponse) -> PollError | None:
    """Error that an HTTP status means at every vendor; None where the adapter decides.

    A 403 with a Retry-After means throttling, and a 403 with a web page comes from a proxy or a firewall. Any other 4xx
    has no information about an import: a later request may succeed, and the vendor's message explains the error.
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
    """Failed poll for a response that is not as documented; a fault of its JSON is more specific than `why`."""
    if response.fault not in (None, NOT_JSON):
        return FailedPoll(PollError.UNREADABLE, f"HTTP {response.status}: {response.fault}")
    text = error_text(response)
    return FailedPoll(PollError.UNREADABLE, f"HTTP {response.status}: {why}" + (f" ({text})" if text else ""))


def error_text(response: HttpResponse) -> str:
    """Message of an error response for a person: from its JSON, else the start of its text, or empty."""
    if response.fault is None:
        return _message(response.json(), MESSAGE_DEPTH)[:MAX_ERROR_TEXT]
    if response.fault != NOT_JSON or is_html(response):
        return ""
    return clean(response.text[: 2 * MAX_ERROR_TEXT])[:MAX_ERROR_TEXT]


def is_html(response: HttpResponse) -> bool:
    """Whether a body is an HTML document, whatever its Content-Type, for example from a proxy or a sign-in page."""
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
    """Message for a person in a value of an error response, in any of the usual places; empty where there is none."""
    if isinstance(value, str):
        return text_of(value) or ""
    if depth == 0:
        return ""
    if isinstance(value, list):
        return "; ".join(found for item in value[:MAX_ERRORS_SHOWN] if (found := _message(item, depth - 1)))
    if not isinstance(value, dict):
        return ""
    details = _details(value, depth)
    for key in MESSAGE_KEYS:
        found = details if key == "errors" else _first_message(value, key, depth)
        if found:
            # A summary such as `Validation failed` needs the single errors, which are beside it.
            return f"{found} ({details})" if details and details not in found else found
    return ""


def _first_message(value: dict[str, JSON], key: str, depth: int) -> str:
    spellings = (key, key[0].upper() + key[1:])
    return next((found for one in spellings if (found := _message(value.get(one), depth - 1))), "")


def _details(value: dict[str, JSON], depth: int) -> str:
    """Texts of the single errors that a message is about, as a list or by the names of the invalid fields."""
    if found := _first_message(value, "errors", depth):
        return found
    return next((found for one in ("errors", "Errors") if (found := _by_field(value.get(one), depth - 1))), "")


def _by_field(errors: JSON, depth: int) -> str:
    """Errors that are listed under the names of the invalid fields."""
    found = [(name, _message(text, depth)) for name, text in list(object_of(errors).items())[:MAX_ERRORS_SHOWN]]
    return "; ".join(f"{clean(name[:MAX_NAME])}: {text}" for name, text in found if text)
