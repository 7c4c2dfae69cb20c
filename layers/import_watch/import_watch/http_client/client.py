"""The vendor client: requests the status of an import from one vendor, with a connection's credentials."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from import_watch.http_client.redaction import redacted
from import_watch.http_client.retry_after import retry_after
from import_watch.http_client.transport import HttpTransport, Request
from import_watch.model.observation import FailedPoll, Observation
from import_watch.vendors.adapter import Adapter, ApiKey
from import_watch.vendors.connection import Connection
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
        headers = {"Accept": "application/json"}
        secrets = [connection.fields[name] for name in self._adapter.connection.secret]
        authentication = self._adapter.authentication
        if isinstance(authentication, ApiKey):
            headers[authentication.header] = connection.fields[authentication.field]
        else:
            token = self._kept_tokens().get(connection, authentication, force_refresh=force_refresh)
            if isinstance(token, FailedPoll):
                return None, token
            headers["Authorization"] = f"Bearer {token}"
            secrets.append(token)
        url = self._adapter.url(connection.base_url, import_id)
        response = self._transport.send(Request(url, headers, self._adapter.max_bytes))
        if isinstance(response, FailedPoll):
            return None, response
        response = redacted(response, secrets)
        polled = parse_response(self._adapter, response, import_id)
        failed = isinstance(polled, FailedPoll) or response.status >= 400  # for example, an import that is not found
        if failed and (hint := retry_after(response, self._clock())) is not None:
            polled = replace(polled, retry_after=hint)
        return response, polled

    def _kept_tokens(self) -> Tokens:
        # Only a vendor that requires a token needs this module, so the others do not load it.
        from import_watch.http_client.oauth import Tokens

        if self._tokens is None:
            self._tokens = Tokens(self._transport, self._clock)
        return self._tokens
