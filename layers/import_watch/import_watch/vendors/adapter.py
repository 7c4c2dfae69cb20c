"""What a vendor folder defines: the adapter contract and the declarative status map.

An adapter is a value without I/O, which has one API, or several versions of one: `http_client` sends the request that
an API defines, and the API returns the meaning of the response. Vendor responses are untrusted, so every field is read
through a reader of `fields`, which returns None for anything that is not of the documented type.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from import_watch.model.observation import FailedPoll, ImportState, Observation
from import_watch.vendors.authentication import Authentication
from import_watch.vendors.request import IMPORT_ID, RequestSpec
from import_watch.vendors.response_body import HttpResponse

if TYPE_CHECKING:
    from import_watch.vendors.details import Details

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


def _no_deprecation(_fields: Mapping[str, str]) -> None:
    return None


class FieldForm(NamedTuple):
    """What a field of a connection has to look like.

    Parameters
    ----------
    read : callable
        Returns the canonical value of a text, or None where it is invalid.
    hint : str
        What a valid value looks like, for the message about an invalid one.
    """

    read: Callable[[str], str | None]
    hint: str


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
    defaults : mapping of str to str
        Values of optional fields that a connection does not have.
    forms : mapping of str to FieldForm
        Forms of fields that are not any text.

    Raises
    ------
    ValueError
        If it names a field that it does not have.
    """

    required: tuple[str, ...]
    secret: tuple[str, ...]
    base_url: Callable[[Mapping[str, str]], str | None]
    base_url_fields: str
    hosts: tuple[str, ...]
    optional: tuple[str, ...] = ()
    defaults: Mapping[str, str] = field(default_factory=dict)
    forms: Mapping[str, FieldForm] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _all_of((*self.secret, *self.forms), (*self.required, *self.optional), "the connection has no field")
        _all_of(self.defaults, self.optional, "the connection has no optional field")

    def with_defaults(self, fields: Mapping[str, str]) -> dict[str, str]:
        """Fields of a connection, with the defaults of those that it does not have."""
        return {**self.defaults, **fields}


@dataclass(frozen=True, slots=True, eq=False)
class Api:
    """One API of a vendor, or one version of it.

    Parameters
    ----------
    statuses : StatusMap
    connection : ConnectionSpec
    request : RequestSpec
        The status request. Its templates may have `importId`, and fields that every connection has a value of.
    authentication : ApiKey, Basic or ClientCredentials
    read : callable
        Returns the meaning of a response to the request for an import id, for every HTTP status that `parse_response`
        does not handle.
    keeps_log : bool
        Whether the vendor keeps a log at all.
    max_bytes : int
        Maximum bytes that are read of a response.
    status_overrides : mapping of int to FailedPoll
        HTTP statuses that have a special meaning in this API.
    unknown_id_phrases : tuple of str
        Phrases of a 400, 404 or 422 about an id that the vendor does not know; compared by letters and digits alone.
    read_refusal : callable or None
        Returns the meaning of a 401, 403 or 429 whose body decides it, or None where it means what it means everywhere.
    details : Details or None
        A further request for imports that have ended.
    log_hosts : tuple of str
        Hosts from which logs may be fetched by https, as regular expressions.
    deprecation : callable
        Returns a sentence for connections whose API will end, from their fields; None for all others.

    Raises
    ------
    ValueError
        If a template of the request has an unknown placeholder, or its URL a secret.
    """

    statuses: StatusMap
    connection: ConnectionSpec
    request: RequestSpec
    authentication: Authentication
    read: Callable[[HttpResponse, str], Observation | FailedPoll]
    keeps_log: bool
    max_bytes: int = MAX_BYTES
    status_overrides: Mapping[int, FailedPoll] = field(default_factory=dict)
    unknown_id_phrases: tuple[str, ...] = ()
    read_refusal: Callable[[HttpResponse, str], Observation | FailedPoll | None] | None = None
    details: Details | None = None
    log_hosts: tuple[str, ...] = ()
    deprecation: Callable[[Mapping[str, str]], str | None] = _no_deprecation

    def __post_init__(self) -> None:
        given = (*self.connection.required, *self.connection.defaults)
        _all_of(self.authentication.fields, given, "no connection has to have the field")
        self._check(self.request, given)
        if self.details is not None:
            from import_watch.vendors.details import CURSOR  # an API without details does not load what they need

            self._check(self.details.request, (*given, *self.details.values, CURSOR))

    def _check(self, request: RequestSpec, given: tuple[str, ...]) -> None:
        _all_of(request.placeholders, (IMPORT_ID, *given), "no connection has to have the field")
        if secret := request.url_placeholders.intersection(self.connection.secret):
            raise ValueError(f"a URL is no place for a secret: {', '.join(sorted(secret))}")
        if self.authentication.header.lower() in map(str.lower, request.headers):
            raise ValueError(f"the header {self.authentication.header} is that of the authentication")


class Versions(NamedTuple):
    """The APIs of a vendor that has several: a field of the connection chooses one.

    Parameters
    ----------
    field : str
        Name of that field.
    default : str
        Version of a connection that does not have it.
    modules : mapping of str to str
        The module of each version, in the folder of the adapter: its `API` is loaded on its first use.
    beside : str
        Name of the adapter's module: `__name__`.
    keeps_log : bool
        Whether the default version keeps a log: a start event is read without its module.
    """

    field: str
    default: str
    modules: Mapping[str, str]
    beside: str
    keeps_log: bool


@dataclass(frozen=True, slots=True, eq=False)
class Adapter:
    """Everything that is specific to one vendor.

    Parameters
    ----------
    vendor : str
        The name in start events, in function names and of the folder (`functions/poll_<vendor>`).
    title : str
        The name for people.
    apis : Api or Versions
    import_id : callable
        Returns the canonical id for the id of a start event, or None where it is invalid.
    import_id_hint : str
        What a valid id looks like, for the message about an invalid one.
    key_id : callable
        Returns the spelling of an id that is used in keys.
    requests_per_minute : float or None
        The rate limit of a connection that names none; None where the vendor documents none.
    """

    vendor: str
    title: str
    apis: Api | Versions
    import_id: Callable[[str], str | None]
    import_id_hint: str
    key_id: Callable[[str], str] = str
    requests_per_minute: float | None = None

    def __post_init__(self) -> None:
        if isinstance(self.apis, Versions):
            _all_of((self.apis.default,), tuple(self.apis.modules), "there is no version")

    @property
    def keeps_log(self) -> bool:
        """Whether the vendor keeps a log, where the connection and so the version are not known."""
        return self.apis.keeps_log

    @property
    def version_field(self) -> str | None:
        """Field of a connection that chooses its API; None for a vendor with one."""
        return self.apis.field if isinstance(self.apis, Versions) else None

    @property
    def versions(self) -> tuple[str, ...]:
        """Values of the field that chooses the API, the default first; one empty text for a vendor with one API."""
        if isinstance(self.apis, Api):
            return ("",)
        return tuple(sorted(self.apis.modules, key=lambda version: version != self.default_version))

    @property
    def default_version(self) -> str:
        """Version of a connection that names none; empty for a vendor with one API."""
        return self.apis.default if isinstance(self.apis, Versions) else ""

    def version_of(self, fields: Mapping[str, object]) -> str:
        """Version that a connection uses.

        Raises
        ------
        ValueError
            If it names one that does not exist.
        """
        if isinstance(self.apis, Api):
            return ""
        value = fields.get(self.apis.field)
        if value is None:
            return self.apis.default
        # The console and Terraform write a number where the version is one; `v3` and `3` mean the same.
        text = "" if isinstance(value, bool) else str(value).strip().casefold().removeprefix("v")
        for version in self.apis.modules:
            if version.casefold().removeprefix("v") == text:
                return version
        raise ValueError(f"{self.apis.field} must be {' or '.join(self.apis.modules)}")

    def api(self, version: str | None = None) -> Api:
        """API of one of `versions`, by default of the default one."""
        if isinstance(self.apis, Api):
            return self.apis
        package = self.apis.beside.rpartition(".")[0]
        module = self.apis.modules[self.apis.default if version is None else version]
        api: Api = import_module(f"{package}.{module}" if package else module).API
        return api

    def api_of(self, fields: Mapping[str, object]) -> Api:
        """API that a connection uses.

        Raises
        ------
        ValueError
            If it names a version that does not exist.
        """
        return self.api(self.version_of(fields))


def _all_of(names: Iterable[str], known: Collection[str], otherwise: str) -> None:
    for name in names:
        if name not in known:
            raise ValueError(f"{otherwise} {name!r}")
