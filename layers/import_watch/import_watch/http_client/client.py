"""The vendor client: requests the status of an import from one vendor, with a connection's credentials."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from import_watch.http_client.redaction import redacted
from import_watch.http_client.retry_after import retry_after
from import_watch.http_client.transport import HttpTransport, Request
from import_watch.model.observation import FailedPoll, Observation, PollError
from import_watch.vendors.adapter import Adapter
from import_watch.vendors.authentication import Basic, ClientCredentials
from import_watch.vendors.connection import Connection
from import_watch.vendors.request import RequestSpec
from import_watch.vendors.response import parse_response
from import_watch.vendors.response_body import HttpResponse

if TYPE_CHECKING:
    from import_watch.http_client.oauth import Tokens


class Client:
    """Client of one vendor.

    Parameters
    ----------
    adapter : Adapter
        The vendor.
    private_addresses : bool
        Whether a host may have an address that is not public: only on the local stack.
    clock : callable
        Returns epoch seconds; a parameter so that a test need not wait until a token expires.
    """

    def __init__(
        self, adapter: Adapter, *, private_addresses: bool = False, clock: Callable[[], float] = time.time
    ) -> None:
        self._adapter = adapter
        self._clock = clock
        self._transport = HttpTransport(adapter.title, private_addresses=private_addresses, clock=clock)
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
        response = self.send(connection, api.request, import_id, force_refresh=force_refresh)
        if isinstance(response, FailedPoll):
            return None, response
        polled = parse_response(self._adapter, response, import_id, api)
        failed = isinstance(polled, FailedPoll) or response.status >= 400  # for example, an import that is not found
        if failed and (hint := retry_after(response, self._clock())) is not None:
            polled = replace(polled, retry_after=hint)
        return response, polled

    def send(
        self, connection: Connection, spec: RequestSpec, import_id: str, *, force_refresh: bool = False
    ) -> HttpResponse | FailedPoll:
        """Send a request of the API that a connection uses, with the connection's credentials.

        Parameters
        ----------
        connection : Connection
        spec : RequestSpec
        import_id : str
        force_refresh : bool
            Whether to fetch a new token instead of using a cached one.

        Returns
        -------
        HttpResponse or FailedPoll
            The response without the connection's secrets and signed query strings.
        """
        api = self._adapter.api_of(connection.fields)
        authentication, fields = api.authentication, api.connection.with_defaults(connection.fields)
        try:
            request = spec.bind(connection.base_url, fields, import_id)
        except ValueError as error:
            return FailedPoll(PollError.MISCONFIGURED, f"the request to {self._adapter.title} cannot be sent: {error}")
        # Both the secrets and what is composed of them: a vendor may send back either.
        secrets = [fields[name] for name in api.connection.secret if name in fields]
        if isinstance(authentication, ClientCredentials):
            token = self._kept_tokens().get(connection, authentication, force_refresh=force_refresh)
            if isinstance(token, FailedPoll):
                return token
            value = f"Bearer {token}"
            secrets.append(token)
        else:
            value = authentication.value(fields)
            if isinstance(authentication, Basic):
                secrets.append(value.removeprefix("Basic "))
        headers = {"Accept": "application/json", **request.headers, authentication.header: value}
        response = self._transport.send(
            Request(request.url, headers, api.max_bytes, method=request.method, body=request.body)
        )
        return response if isinstance(response, FailedPoll) else redacted(response, secrets)

    def _kept_tokens(self) -> Tokens:
        # Only a vendor that requires a token needs this module, so the others do not load it.
        from import_watch.http_client.oauth import Tokens

        if self._tokens is None:
            self._tokens = Tokens(self._transport, self._clock)
        return self._tokens
