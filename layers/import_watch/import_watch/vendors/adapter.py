"""What a vendor folder states: the adapter contract, the declarative status map, and how to read fields safely.

An adapter is a value. It holds no I/O: `http` sends what it asks for, `poller` hands it the answer, and it
returns what the answer means. Vendor answers are untrusted, so every field is read through one of the small
readers at the end, which give None for anything that is not of the documented type.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from import_watch.model.observation import FailedPoll, ImportState, Observation
from import_watch.vendors.response_body import HttpResponse

MAX_BYTES = 1024 * 1024
"""What is read of an answer that carries no inline log."""
MAX_BYTES_WITH_LOG = 5 * 1024 * 1024
"""What is read of an answer that may carry an inline log."""


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
class ConnectionSpec:
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


@dataclass(frozen=True, slots=True, eq=False)
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
        Gives what an answer to the question for an import id means, for every status that `parse_response` leaves.
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
    connection: ConnectionSpec
    authentication: ApiKey | ClientCredentials
    path: str
    read: Callable[[HttpResponse, str], Observation | FailedPoll]
    keeps_log: bool
    import_id: Callable[[str], str | None]
    import_id_hint: str
    max_bytes: int = MAX_BYTES
    status_overrides: Mapping[int, FailedPoll] = field(default_factory=dict)
    unknown_id_phrases: tuple[str, ...] = ()
    key_id: Callable[[str], str] = str
    requests_per_minute: float | None = None

    def url(self, base_url: str, import_id: str) -> str:
        """Give the address to ask for an import: `base_url` gives scheme, host and port, the path is ours."""
        base = urlsplit(base_url)
        return f"{base.scheme}://{base.netloc}{self.path.format(import_id=quote(import_id, safe=''))}"
