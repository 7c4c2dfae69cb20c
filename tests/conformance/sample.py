"""Samples: the facts of a vendor's API, as its documentation has them, in one JSON file for each version of the API.

A file has values only, so that nothing in it comes from the adapter. `samples/NAME.json` is that of a vendor with one
API, `samples/NAME-VERSION.json` that of a version.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from import_watch.model.observation import ImportState, PollError
from import_watch.model.outcome import Outcome, Reason

from tests.conformance.mutations import Path as Place
from tests.conformance.mutations import paths

SAMPLES = Path(__file__).parent / "samples"
SECRET = "{secret}"
"""Placeholder of the connection's secret, in a field and in what is sent of it."""
TOKEN = "{token}"
"""Placeholder of a token that was issued for the secret."""
ENDS = {
    ImportState.SUCCEEDED: Outcome.SUCCEEDED,
    ImportState.PARTIAL: Outcome.PARTIAL,
    ImportState.FAILED: Outcome.FAILED,
    ImportState.EXPIRED: Outcome.FAILED,
    ImportState.CANCELLED: Outcome.CANCELLED,
    ImportState.REVERTED: Outcome.CANCELLED,
    ImportState.RESULT_EXPIRED: Outcome.UNKNOWN,
}
"""States of an ended import, with the outcome that is published."""
OBSERVED = ("jobType", "progress", "counts", "problems", "log", "startedAt", "endedAt", "retryable", "reason")
"""What a vendor may report beside a status. The sample shows each in some response, or names it in `absent`."""


def filled(template: str, secret: str = "", token: str = "") -> str:
    """Text with its placeholders replaced; `{base64:…}` and `{quoted:…}` encode what is in them."""
    text = template.replace(SECRET, secret).replace(TOKEN, token)
    while found := re.search(r"\{(base64|quoted):([^{}]*)\}", text):
        name, plain = found.groups()
        encoded = quote_plus(plain) if name == "quoted" else base64.b64encode(plain.encode()).decode()
        text = text[: found.start()] + encoded + text[found.end() :]
    return text


@dataclass(frozen=True)
class ExpectedRequest:
    """A request, exactly.

    Parameters
    ----------
    url : str
    headers : mapping of str to str
        All headers but those of the transport, with placeholders.
    method : str
    body : JSON
        The JSON body; None where there is none.
    connection : mapping of str to str
        Fields of the connection that differ from those of the sample.
    deprecated : str or None
        Where such a connection uses an API that will end: what the warning has to contain, as its date.
    """

    url: str
    headers: Mapping[str, str]
    method: str = "GET"
    body: Any = None
    connection: Mapping[str, str] = field(default_factory=dict)
    deprecated: str | None = None


@dataclass(frozen=True)
class ExpectedTokenRequest:
    """The form POST for a token, exactly, with placeholders; `scopes` are those that the vendor gives to clients."""

    url: str
    headers: Mapping[str, str]
    form: Mapping[str, str]
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Response:
    """A response of the vendor.

    Parameters
    ----------
    body : JSON
    means : JSON
        The whole observation or failed poll, as `facts.meaning` writes it.
    status : int
    without : mapping of str to JSON
        For each field of the body that matters, by its place: what the response means otherwise without it, by its
        place in `means`; null where the observation does not have it then. Without any other field, the response means
        the same.
    """

    body: Any
    means: Mapping[str, Any]
    status: int = 200
    without: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class ExpectedPage:
    """A page of details: its exact request, and the response to it.

    Parameters
    ----------
    url : str
    response : JSON
    status : int
    method : str
    headers : mapping of str to str or None
        None where they are those of the status request.
    body : JSON
        JSON body of the request.
    """

    url: str
    response: Any
    status: int = 200
    method: str = "GET"
    headers: Mapping[str, str] | None = None
    body: Any = None


@dataclass(frozen=True)
class ExpectedDetails:
    """An ended import, the pages of its details, and what all of them mean together.

    Parameters
    ----------
    of : JSON
        Body of the status response.
    pages : tuple of ExpectedPage
        All that are requested, in their order; none where this end has no details.
    means : JSON
        The whole observation.
    missing : bool
        Whether some of the details are missing then.
    """

    of: Any
    pages: tuple[ExpectedPage, ...]
    means: Mapping[str, Any]
    missing: bool = False


@dataclass(frozen=True)
class Sample:
    """The facts of one API.

    Parameters
    ----------
    vendor, title : str
        The vendor's name in events, which is that of the file, and its name for people.
    source : str
        Where the facts are from.
    import_id : str
        One that the vendor could have given, in its canonical form.
    requests : tuple of ExpectedRequest
        Requests for the status of `import_id`; the first one is that of the connection without changes.
    required, location, optional, version : mapping of str to str
        Fields of the connection's secret: those without which it is invalid, those that name the vendor's host for it,
        the other ones, and the one that chooses the version of the API.
    statuses : mapping of str to ImportState
        Every raw status that the adapter knows.
    responses : tuple of Response
    allowed_hosts, refused_hosts : tuple of str
    refused_fields : mapping of str to tuple of str
        Invalid values of fields of the connection.
    ids : mapping of str to JSON
        Ids of start events, with the URL that is requested for each, or `url` and `body`; None for an invalid one.
    token_request : ExpectedTokenRequest or None
    status_field, id_field : str, str or None
        Where the body has the status and, if it has, the id: `data.status` is the status in the object `data`, and
        `jobs.0.status` that of the first object of a list.
    absent : tuple of str
        Which of `OBSERVED` the vendor never reports.
    numbers_only : tuple of str
        Places of numbers that are ignored where they are texts of digits.
    keeps_log : bool
    details : tuple of ExpectedDetails
        For an API with a further request for ended imports; the first one has no errors.
    log_hosts, refused_log_hosts : tuple of str
        Hosts from which a log behind a URL may be fetched, and may not.
    case_matters : bool
        Whether ids that differ in case are those of different imports.
    requests_per_minute : int or None
        The documented rate limit.
    """

    vendor: str
    title: str
    source: str
    import_id: str
    requests: tuple[ExpectedRequest, ...]
    required: Mapping[str, str]
    statuses: Mapping[str, ImportState]
    responses: tuple[Response, ...]
    allowed_hosts: tuple[str, ...]
    refused_hosts: tuple[str, ...]
    ids: Mapping[str, Any]
    location: Mapping[str, str] = field(default_factory=dict)
    optional: Mapping[str, str] = field(default_factory=dict)
    version: Mapping[str, str] = field(default_factory=dict)
    refused_fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    token_request: ExpectedTokenRequest | None = None
    status_field: str = "status"
    id_field: str | None = None
    absent: tuple[str, ...] = ()
    numbers_only: tuple[str, ...] = ()
    keeps_log: bool = False
    details: tuple[ExpectedDetails, ...] = ()
    log_hosts: tuple[str, ...] = ()
    refused_log_hosts: tuple[str, ...] = ()
    case_matters: bool = True
    requests_per_minute: int | None = None

    @property
    def fields(self) -> dict[str, str]:
        """Fields of the connection, without those that name its host."""
        return {**self.version, **self.required}

    @property
    def status_path(self) -> Place:
        """Keys that lead to the status."""
        return place_of(self.status_field)

    @property
    def id_path(self) -> Place:
        """Keys that lead to the id; none where the body has none."""
        return place_of(self.id_field) if self.id_field else ()

    @property
    def secret_headers(self) -> dict[str, str]:
        """Headers of a request that the secret, or its token, is in."""
        headers = self.requests[0].headers
        return {name: text for name, text in headers.items() if SECRET in text or TOKEN in text}

    @property
    def sent_in_headers(self) -> bool:
        """Whether the secret itself is a header, which has to be ASCII."""
        return any(SECRET in text and "{base64:" not in text for text in self.secret_headers.values())

    @property
    def bodies(self) -> dict[ImportState, Any]:
        """For each state, the first body with a status that means it, of a response with a status of a success."""
        found: dict[ImportState, Any] = {}
        for response in self.responses:
            if 200 <= response.status < 300 and self.status_path in paths(response.body) and "state" in response.means:
                state = self.statuses[str(value_at(response.body, self.status_path))]
                if state == response.means["state"]:  # else something besides the status decided
                    found.setdefault(state, response.body)
        return found

    @property
    def first_pages(self) -> tuple[ExpectedPage, ...]:
        """Pages of an import whose details have no errors."""
        return self.details[0].pages if self.details else ()

    @property
    def log_url(self) -> tuple[Any, Place] | None:
        """First body of an ended import with a log behind a URL, and the place of the URL; None where there is none."""
        for response in self.responses:
            location = response.means.get("log", {}).get("location", "")
            if location.startswith("https://") and response.means.get("state") in ENDS and self.log_hosts:
                body = response.body
                return body, next(path for path in paths(body) if value_at(body, path) == location)
        return None

    @property
    def ends(self) -> dict[ImportState, Outcome]:
        """States of an ended import that the vendor has, with their outcomes."""
        return {state: outcome for state, outcome in ENDS.items() if state in self.bodies}

    @property
    def failure(self) -> ImportState:
        """An end that is no success; a success where the vendor has no other."""
        others = (ImportState.FAILED, ImportState.CANCELLED, *self.ends)
        return next(state for state in others if state in self.ends)

    @property
    def partials(self) -> list[Any]:
        """Bodies of imports that are done but for some errors."""
        return [
            response.body
            for response in self.responses
            if response.means.get("state") == ImportState.SUCCEEDED and response.means.get("counts", {}).get("errors")
        ]

    @property
    def not_found(self) -> dict[int, Any]:
        """HTTP statuses that are no success and mean an unknown import, with their bodies."""
        return {
            response.status: response.body
            for response in self.responses
            if response.means.get("state") == ImportState.NOT_FOUND and not 200 <= response.status < 300
        }

    @property
    def after_grace(self) -> dict[int, Reason]:
        """HTTP statuses that end a watch once they last for the grace period of an import that is not found."""
        return {
            response.status: Reason.MISCONFIGURED
            for response in self.responses
            if response.means.get("error") == PollError.MISCONFIGURED and response.means.get("afterGrace")
        }

    def body(self, state: ImportState, changes: Mapping[str, Any] | None = None) -> Any:
        """Body for a state, with the values of some places changed."""
        body = self.bodies[state]
        for name, value in (changes or {}).items():
            body = placed(body, place_of(name), value)
        return body

    def status(self, state: ImportState) -> str:
        """The raw status of a state."""
        return str(value_at(self.bodies[state], self.status_path))

    def only_status(self, state: ImportState) -> Any:
        """Body for a state that has nothing but the status."""
        return placed({}, self.status_path, self.status(state))


def place_of(name: str) -> Place:
    """Keys that lead to a place, which a name has with dots between them; a number is the index of a list."""
    return tuple(int(key) if key.isdigit() else key for key in name.split("."))


def name_of(place: Place) -> str:
    """Name of a place, as `place_of` reads it."""
    return ".".join(map(str, place))


def value_at(body: Any, place: Place) -> Any:
    """Value in a place of a body."""
    for key in place:
        body = body[key]
    return body


def placed(body: Any, place: Place, value: Any) -> Any:
    """Copy of a body with a value in one place, with all that leads there."""
    if not place:
        return value
    first, *rest = place
    if isinstance(first, int):
        items = list(body) if isinstance(body, list) else []
        items += [{}] * (first + 1 - len(items))
        return [*items[:first], placed(items[first], tuple(rest), value), *items[first + 1 :]]
    above = body if isinstance(body, dict) else {}
    return {**above, first: placed(above.get(first), tuple(rest), value)}


def samples(folder: Path = SAMPLES) -> dict[tuple[str, str], Sample]:
    """Samples by vendor and version; the version of a vendor with one API is empty."""
    paths = sorted(folder.glob("*.json"))
    names = [(path, *path.stem.partition("-")) for path in paths]
    return {(vendor, version): sample_of(path.read_text(), vendor) for path, vendor, _, version in names}


def sample_of(text: str, vendor: str) -> Sample:
    """Sample of the JSON text of a vendor's file; an unknown name in it raises a TypeError."""
    facts: dict[str, Any] = {_snake(name): value for name, value in json.loads(text).items()}
    facts["requests"] = tuple(ExpectedRequest(**request) for request in facts["requests"])
    facts["responses"] = tuple(Response(**response) for response in facts["responses"])
    facts["details"] = tuple(
        ExpectedDetails(**{**one, "pages": tuple(ExpectedPage(**page) for page in one["pages"])})
        for one in facts.get("details", ())
    )
    facts["statuses"] = {raw: ImportState(state) for raw, state in facts["statuses"].items()}
    if "token_request" in facts:
        facts["token_request"] = ExpectedTokenRequest(**facts["token_request"])
    lists = {name: tuple(value) for name, value in facts.items() if isinstance(value, list)}
    return Sample(vendor=vendor, **{**facts, **lists})


def _snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", name)
