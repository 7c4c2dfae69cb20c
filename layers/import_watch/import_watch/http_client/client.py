"""The vendor client: requests the status of an import from one vendor, with a connection's credentials."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from import_watch.http_client.redaction import redacted
from import_watch.http_client.transport import EXCHANGE_SECONDS, HttpTransport, Request
from import_watch.model.observation import FailedPoll, MissingLog, Observation, PollError, StoredLog
from import_watch.vendors.adapter import Adapter, Api
from import_watch.vendors.allowed_hosts import Hosts
from import_watch.vendors.authentication import Basic, ClientCredentials
from import_watch.vendors.connection import Connection
from import_watch.vendors.request import RequestSpec
from import_watch.vendors.response import parse_response
from import_watch.vendors.response_body import HttpResponse

if TYPE_CHECKING:
    from import_watch.http_client.log_download import LogDownload
    from import_watch.http_client.oauth import Tokens


NO_OTHER_HOSTS = Hosts()
NO_VALUES: Mapping[str, str] = {}


class _Credentials(NamedTuple):
    """The header that authenticates a request, and all secrets that are in it or behind it."""

    header: Mapping[str, str]
    secrets: list[str]

    def __repr__(self) -> str:
        return "_Credentials()"


class Client:
    """Client of one vendor.

    Parameters
    ----------
    adapter : Adapter
        The vendor.
    hosts : Hosts
        Hosts that the stack allows; an address that is not public only on the local stack.
    clock : callable
        Returns epoch seconds; a parameter so that a test need not wait until a token expires.
    """

    def __init__(
        self, adapter: Adapter, *, hosts: Hosts = NO_OTHER_HOSTS, clock: Callable[[], float] = time.time
    ) -> None:
        self._adapter = adapter
        self._hosts = hosts
        self._clock = clock
        self._transport = self._new_transport()
        self._tokens: Tokens | None = None

    def request_status(
        self, connection: Connection, import_id: str, *, force_refresh: bool = False
    ) -> tuple[HttpResponse | None, Observation | FailedPoll]:
        """Request the status of one import.

        Parameters
        ----------
        connection : Connection
            The base URL and the credentials.
        import_id : str
            In the vendor's canonical form.
        force_refresh : bool
            Whether to fetch a new token instead of using a cached one.

        Returns
        -------
        response : HttpResponse or None
            As it was received, without the connection's secrets and signed query strings; None where none was received.
        polled : Observation or FailedPoll
            The meaning of the response.
        """
        api = self._adapter.api_of(connection.fields)
        sent = self._send(connection, api.request, import_id, force_refresh=force_refresh)
        if isinstance(sent, FailedPoll):
            return None, sent
        received, secrets = sent
        response = redacted(received, secrets)
        polled = parse_response(self._adapter, response, import_id, api)
        was_changed = response is not received
        if was_changed and api.log_hosts and isinstance(polled, Observation) and isinstance(polled.log, StoredLog):
            polled = replace(polled, log=_with_url(polled.log, parse_response(self._adapter, received, import_id, api)))
        failed = isinstance(polled, FailedPoll) or response.status >= 400  # for example, an import that is not found
        if failed:
            from import_watch.http_client.retry_after import retry_after  # few polls fail

            if (hint := retry_after(response, self._clock())) is not None:
                polled = replace(polled, retry_after=hint)
        return response, polled

    def send(
        self,
        connection: Connection,
        spec: RequestSpec,
        import_id: str,
        *,
        values: Mapping[str, str] = NO_VALUES,
        force_refresh: bool = False,
        seconds: float = EXCHANGE_SECONDS,
    ) -> HttpResponse | FailedPoll:
        """Send a request of the API that a connection uses, with the connection's credentials.

        Parameters
        ----------
        connection : Connection
        spec : RequestSpec
        import_id : str
        values : mapping of str to str
            Values of its templates besides the fields of the connection.
        force_refresh : bool
            Whether to fetch a new token instead of using a cached one.
        seconds : float
            Time limit, that of a new token included.

        Returns
        -------
        HttpResponse or FailedPoll
            The response without the connection's secrets and signed query strings.
        """
        sent = self._send(connection, spec, import_id, values=values, force_refresh=force_refresh, seconds=seconds)
        return sent if isinstance(sent, FailedPoll) else redacted(*sent)

    def _send(
        self,
        connection: Connection,
        spec: RequestSpec,
        import_id: str,
        *,
        values: Mapping[str, str] = NO_VALUES,
        force_refresh: bool = False,
        seconds: float = EXCHANGE_SECONDS,
    ) -> tuple[HttpResponse, list[str]] | FailedPoll:
        """The response as it was received, and the secrets that it may contain."""
        api = self._adapter.api_of(connection.fields)
        fields = api.connection.with_defaults(connection.fields)
        try:
            request = spec.bind(connection.base_url, {**fields, **values}, import_id)
        except ValueError as error:
            return FailedPoll(PollError.MISCONFIGURED, f"the request to {self._adapter.title} cannot be sent: {error}")
        ends = time.monotonic() + seconds
        credentials = self._credentials(connection, api, force_refresh=force_refresh, seconds=seconds)
        if isinstance(credentials, FailedPoll):
            return credentials
        headers = {"Accept": "application/json", **request.headers, **credentials.header}
        response = self._transport.send(
            Request(request.url, headers, api.max_bytes, method=request.method, body=request.body),
            ends - time.monotonic(),
        )
        return response if isinstance(response, FailedPoll) else (response, credentials.secrets)

    def with_details(self, connection: Connection, import_id: str, seen: Observation, seconds: float) -> Observation:
        """Observation of an ended import with its details; without those that cannot be read in time.

        Parameters
        ----------
        connection : Connection
        import_id : str
        seen : Observation
            With the values for the request.
        seconds : float
            Time limit for all pages.
        """
        from import_watch.http_client.details import read_details  # one poll of a watch, at few vendors

        api = self._adapter.api_of(connection.fields)
        if api.details is None:
            return seen

        def send(spec: RequestSpec, values: Mapping[str, str], seconds: float) -> HttpResponse | FailedPoll:
            return self.send(connection, spec, import_id, values=values, seconds=seconds)

        return read_details(self._adapter.title, api, api.details, seen, send, seconds, self._clock)

    def log_source(
        self, connection: Connection, log: StoredLog, seconds: float
    ) -> LogDownload | MissingLog | str | None:
        """Log behind a URL.

        Parameters
        ----------
        connection : Connection
        log : StoredLog
            As the vendor names it.
        seconds : float
            Time limit for a token, where one is needed.

        Returns
        -------
        LogDownload, MissingLog, str or None
            Why it may not be fetched, where it may not, or not now; None where the location is no URL, or the logs of
            this API are not behind URLs.
        """
        from import_watch.http_client import log_download

        api = self._adapter.api_of(connection.fields)
        url = log_download.log_url(connection, log.url or log.location) if api.log_hosts else None
        if url is None:
            return None
        if (refusal := log_download.refusal(connection, url, self._hosts, api.log_hosts)) is not None:
            return refusal
        header: Mapping[str, str] = {}
        if log_download.is_own(connection, url):
            credentials = self._credentials(connection, api, seconds=max(0.0, min(seconds, EXCHANGE_SECONDS)))
            if isinstance(credentials, FailedPoll):
                passes = credentials.error in (PollError.UNAVAILABLE, PollError.THROTTLED)
                return MissingLog(credentials.detail, expected=True) if passes else credentials.detail
            header = credentials.header
        return log_download.LogDownload(self._new_transport(), url, header)

    def _credentials(
        self, connection: Connection, api: Api, *, force_refresh: bool = False, seconds: float = EXCHANGE_SECONDS
    ) -> _Credentials | FailedPoll:
        """What authenticates a request, and what must not be in its response."""
        authentication, fields = api.authentication, api.connection.with_defaults(connection.fields)
        # Both the secrets and what is composed of them: a vendor may send back either.
        secrets = [fields[name] for name in api.connection.secret if name in fields]
        if isinstance(authentication, ClientCredentials):
            token = self._kept_tokens().get(connection, authentication, force_refresh=force_refresh, seconds=seconds)
            if isinstance(token, FailedPoll):
                return token
            value = f"Bearer {token}"
            secrets.append(token)
        else:
            value = authentication.value(fields)
            if isinstance(authentication, Basic):
                secrets.append(value.removeprefix("Basic "))
        return _Credentials({authentication.header: value}, secrets)

    def _new_transport(self) -> HttpTransport:
        return HttpTransport(self._adapter.title, private_addresses=self._hosts.loopback_http, clock=self._clock)

    def _kept_tokens(self) -> Tokens:
        # Only a vendor that requires a token needs this module, so the others do not load it.
        from import_watch.http_client.oauth import Tokens

        if self._tokens is None:
            self._tokens = Tokens(self._transport, self._clock)
        return self._tokens


def _with_url(shown: StoredLog, received: Observation | FailedPoll) -> StoredLog:
    """Log with its location as it was received, for the request for it."""
    log = received.log if isinstance(received, Observation) else None
    return replace(shown, url=log.location) if isinstance(log, StoredLog) else shown
