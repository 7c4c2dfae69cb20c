"""Bearer tokens by OAuth 2.0 client credentials: kept for their life, in memory only, by connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from import_watch.connections import Connection
from import_watch.exchange import Exchanger, Request
from import_watch.model import FailedPoll, Trouble
from import_watch.redaction import redacted
from import_watch.retry_after import retry_after
from import_watch.vendor import ClientCredentials, number_of, object_of, text_of

TOKEN_SECONDS = 300.0
"""Life of a token whose answer does not tell it: eGain does not document one."""
TOKEN_MARGIN = 60.0
"""Seconds before its end at which a token is bought anew."""
MOST_BYTES = 64 * 1024


class Tokens:
    """Buys and keeps the tokens of one vendor's connections.

    Parameters
    ----------
    exchanger : Exchanger
    clock : callable
        Gives epoch seconds.
    """

    def __init__(self, exchanger: Exchanger, clock: Callable[[], float]) -> None:
        self._exchanger = exchanger
        self._clock = clock
        self._kept: dict[tuple[str, ...], tuple[str, float]] = {}

    def get(self, connection: Connection, how: ClientCredentials, *, fresh: bool) -> str | FailedPoll:
        """Give a token: one that is kept, unless it is old or a `fresh` one is asked for.

        Returns
        -------
        str or FailedPoll
            UNAUTHORIZED where the client credentials are refused; UNAVAILABLE, THROTTLED or UNREADABLE where
            the token endpoint is in trouble, which passes.
        """
        fields = connection.fields
        scope = fields.get("scope", how.default_scope)
        key = (fields["tokenUrl"], fields["clientId"], fields["clientSecret"], scope)
        token, ends = self._kept.get(key, ("", 0.0))
        if token and not fresh and self._clock() < ends:
            return token
        bought = self._buy(*key)
        if isinstance(bought, FailedPoll):
            return bought
        token, lifetime = bought
        self._kept[key] = (token, self._clock() + max(0.0, lifetime - min(TOKEN_MARGIN, lifetime / 2)))
        return token

    def _buy(self, url: str, client_id: str, client_secret: str, scope: str) -> tuple[str, float] | FailedPoll:
        form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
            "scope": scope,
        }
        answer = self._exchanger.exchange(Request(url, {"Accept": "application/json"}, MOST_BYTES, form))
        if isinstance(answer, FailedPoll):
            return replace(answer, detail=f"no token: {answer.detail}")
        told = f"the token endpoint answered HTTP {answer.status}"
        body = object_of(answer.json())
        if answer.status in (400, 401, 403):
            # RFC 6749, 5.2: wrong credentials are a 400 or a 401 with an `error` code.
            said = object_of(redacted(answer, [client_secret]).json())
            why = (text_of(said.get("error")) or "no reason")[:80]
            return FailedPoll(Trouble.UNAUTHORIZED, f"{told} to the client credentials: {why}")
        if answer.status == 429:
            return FailedPoll(Trouble.THROTTLED, told, retry_after=retry_after(answer, self._clock()))
        if answer.status >= 500:
            hint = retry_after(answer, self._clock()) if answer.status == 503 else None
            return FailedPoll(Trouble.UNAVAILABLE, told, retry_after=hint)
        token = body.get("access_token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            token = ""
        if answer.status != 200 or not token:
            return FailedPoll(Trouble.UNREADABLE, f"{told} without a token")
        lifetime = number_of(body.get("expires_in"))
        return token, TOKEN_SECONDS if lifetime is None else lifetime
