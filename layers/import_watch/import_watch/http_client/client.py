"""The vendor client: asks one vendor for the status of an import, with a connection's credentials."""

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
    """Asks one vendor.

    Parameters
    ----------
    adapter : Adapter
        The vendor.
    private_addresses : bool
        Whether a host may have an address that is not public: on the local stack alone.
    clock : callable
        Gives epoch seconds; a parameter so that a test need not wait for a token to age.
    """

    def __init__(
        self, adapter: Adapter, *, private_addresses: bool = False, clock: Callable[[], float] = time.time
    ) -> None:
        self._adapter = adapter
        self._clock = clock
        self._transport = HttpTransport(adapter.title, private_addresses=private_addresses, clock=clock)
        self._tokens: Tokens | None = None

    def ask(
        self, connection: Connection, import_id: str, *, force_refresh: bool = False
    ) -> tuple[HttpResponse | None, Observation | FailedPoll]:
        """Ask for one import.

        Parameters
        ----------
        connection : Connection
            Where, and with which credentials.
        import_id : str
            In the vendor's canonical form.
        fresh : bool
            Whether to buy a new token rather than use one that is kept.

        Returns
        -------
        answer : Answer or None
            As it came, less the connection's secrets and signed query strings; None where none came.
        polled : Observation or FailedPoll
            What it means.
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
        failed = isinstance(polled, FailedPoll) or response.status >= 400  # such as an import that is not found
        if failed and (hint := retry_after(response, self._clock())) is not None:
            polled = replace(polled, retry_after=hint)
        return response, polled

    def _kept_tokens(self) -> Tokens:
        # Only a vendor that wants a token pays for loading this.
        from import_watch.http_client.oauth import Tokens

        if self._tokens is None:
            self._tokens = Tokens(self._transport, self._clock)
        return self._tokens
