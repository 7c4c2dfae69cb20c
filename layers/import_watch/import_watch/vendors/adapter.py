"""What a vendor folder defines: the adapter contract and the declarative status map.

An adapter is a value without I/O: `http_client` sends the request that it defines, and it returns the meaning of the
response. Vendor responses are untrusted, so an adapter reads every field through a reader of `fields`, which returns
None for anything that is not of the documented type.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from import_watch.model.observation import FailedPoll, ImportState, Observation
from import_watch.vendors.response_body import HttpResponse

MAX_BYTES = 1024 * 1024
"""Maximum bytes that are read of a response without an inline log."""
MAX_BYTES_WITH_LOG = 5 * 1024 * 1024
"""Maximum bytes that are read of a response that may contain an inline log."""


def normalized_status(raw: str) -> str:
    """Status without differences in case, blanks, `_` and `-`, and with one spelling of cancelled."""
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
        If a raw status is under two states or a state has none: such a map is ambiguous.
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
        """Every mapped status (normalized) with its state."""
        return tuple(self._states.items())


@dataclass(frozen=True, slots=True)
class ApiKey:
    """Authentication by a header whose value is a field of the connection, unchanged."""

    header: str
    field: str


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """OAuth 2.0 client credentials: a form POST to the connection's `tokenUrl` returns a bearer token.

    `scope_hint` is another scope that the vendor gives to some clients, for the message about a refused scope.
    """

    default_scope: str
    scope_hint: str = ""


@dataclass(frozen=True, slots=True)
class ConnectionSpec:
    """Fields of a connection's secret, and the hosts that its URLs may have.

    Parameters
    ----------
    required, optional : tuple of str
        Names of text fields, besides those that give the base URL.
    secret : tuple of str
        Those of them that must never appear in output.
    base_url : callable
        Returns the base URL from the fields, or None where they do not name one.
    base_url_fields : str
        Which field a person has to set for it.
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
    """Everything that is specific to one vendor.

    Parameters
    ----------
    vendor : str
        The name in start events, in function names and of the folder (`functions/poll_<vendor>`).
    title : str
        The name for people.
    statuses : StatusMap
    connection : ConnectionSpec
    authentication : ApiKey or ClientCredentials
    path : str
        Path of the status request; `{import_id}` is replaced by the escaped id.
    read : callable
        Returns the meaning of a response to the request for an import id, for every HTTP status that `parse_response`
        does not handle.
    keeps_log : bool
        Whether the vendor keeps a log at all.
    import_id : callable
        Returns the canonical id for the id of a start event, or None where it is invalid.
    import_id_hint : str
        What a valid id looks like, for the message about an invalid one.
    max_bytes : int
        Maximum bytes that are read of a response.
    status_overrides : mapping of int to FailedPoll
        HTTP statuses that have a special meaning at this vendor.
    unknown_id_phrases : tuple of str
        Phrases of a 400, 404 or 422 about an id that the vendor does not know; compared by letters and digits alone.
    key_id : callable
        Returns the spelling of an id that is used in keys.
    requests_per_minute : float or None
        The rate limit of a connection that names none; None where the vendor documents none.
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
        """URL of the status request: scheme, host and port are those of `base_url`, the path is the adapter's."""
        base = urlsplit(base_url)
        return f"{base.scheme}://{base.netloc}{self.path.format(import_id=quote(import_id, safe=''))}"
