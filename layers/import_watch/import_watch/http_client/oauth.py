"""Bearer tokens by OAuth 2.0 client credentials: cached until they expire, in memory only, by connection."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import quote_plus

from import_watch.http_client.redaction import redacted
from import_watch.http_client.transport import EXCHANGE_SECONDS, HttpTransport, Request
from import_watch.model.observation import FailedPoll, PollError
from import_watch.model.serialization import JSON
from import_watch.vendors.authentication import ClientAuthentication, ClientCredentials, basic
from import_watch.vendors.connection import Connection
from import_watch.vendors.fields import number_of, object_of, text_of
from import_watch.vendors.response_body import HttpResponse

TOKEN_SECONDS = 300.0
"""Lifetime of a token whose response has none: eGain does not document one."""
TOKEN_MARGIN = 60.0
"""Seconds before its expiry at which a token is replaced."""
MAX_TOKEN_SECONDS = 86_400.0
"""Maximum lifetime that is used."""
MAX_BYTES = 64 * 1024
MAX_DESCRIPTION = 200
"""Maximum characters of an `error_description` that are quoted."""
REFUSALS = frozenset({"invalid_client", "unauthorized_client", "invalid_scope", "invalid_grant"})
"""Error codes that mean refused credentials."""
OTHER_ERRORS = frozenset(
    {"invalid_request", "unsupported_grant_type", "temporarily_unavailable", "server_error", "slow_down"}
)
"""Error codes that do not mean refused credentials, even with a 401."""
NO_ENDPOINT = (404, 405, 410)


class Tokens:
    """Fetches and caches the tokens of one vendor's connections.

    Parameters
    ----------
    transport : HttpTransport
    clock : callable
        Returns epoch seconds.
    """

    def __init__(self, transport: HttpTransport, clock: Callable[[], float]) -> None:
        self._transport = transport
        self._clock = clock
        self._kept: dict[tuple[str, ...], tuple[str, float]] = {}

    def get(
        self,
        connection: Connection,
        how: ClientCredentials,
        *,
        force_refresh: bool,
        seconds: float = EXCHANGE_SECONDS,
    ) -> str | FailedPoll:
        """Token: the cached one, unless it has expired or `force_refresh` is set; a new one in at most `seconds`.

        Returns
        -------
        str or FailedPoll
            UNAUTHORIZED where the client credentials are refused; MISCONFIGURED where there is no token endpoint at the
            connection's `tokenUrl`; UNAVAILABLE, THROTTLED or UNREADABLE for a transient error of the token endpoint.
        """
        fields = connection.fields
        scope = fields.get("scope", how.default_scope)
        key = (fields["tokenUrl"], fields["clientId"], fields["clientSecret"], scope)
        token, ends = self._kept.get(key, ("", 0.0))
        if token and not force_refresh and self._clock() < ends:
            return token
        fetched = self._fetch_token(*key, how, seconds)
        if isinstance(fetched, FailedPoll):
            return fetched
        token, lifetime = fetched
        self._kept[key] = (token, self._clock() + max(0.0, lifetime - min(TOKEN_MARGIN, lifetime / 2)))
        return token

    def _fetch_token(
        self, url: str, client_id: str, client_secret: str, scope: str, how: ClientCredentials, seconds: float
    ) -> tuple[str, float] | FailedPoll:
        form, headers = {"grant_type": "client_credentials"}, {"Accept": "application/json"}
        secrets = [client_secret]
        if how.client_authentication is ClientAuthentication.BASIC:
            # RFC 6749, 2.3.1: both are escaped as in a form before they are encoded in base64.
            headers["Authorization"] = basic(quote_plus(client_id), quote_plus(client_secret))
            secrets.append(headers["Authorization"].removeprefix("Basic "))
        else:
            form |= {"client_id": client_id, "client_secret": client_secret}
        if scope:
            form["scope"] = scope
        response = self._transport.send(Request(url, headers, MAX_BYTES, form), seconds)
        if isinstance(response, FailedPoll):
            return replace(response, detail=f"no token from tokenUrl: {response.detail}")
        body = object_of(response.json())
        token = _token(body.get("access_token"))
        code = _code(body)
        if 200 <= response.status < 300 and token and code not in REFUSALS | OTHER_ERRORS:
            kind = body.get("token_type")
            if kind is None or (isinstance(kind, str) and kind.strip().casefold() in ("", "bearer")):
                return token, _lifetime(body.get("expires_in"))
        # From here on, quoted text contains neither the secret nor a token that was sent despite the error.
        body = object_of(redacted(response, [*secrets, token]).json())
        from import_watch.http_client.retry_after import retry_after  # few requests fail

        hint = retry_after(response, self._clock())
        error, what = _failure(response, body, usable=bool(token), throttled=hint is not None)
        if _code(body) == "invalid_scope":
            others = " or ".join(one for one in (how.default_scope, how.scope_hint) if one and one != scope)
            what += f": the scope sent was {scope}" if scope else ": no scope was sent"
            what += f"; if the client was given {others}, set scope in the connection's secret" if others else ""
        return FailedPoll(
            error,
            f"no token from tokenUrl: HTTP {response.status}{what}",
            retry_after=hint,
            after_grace=error is PollError.MISCONFIGURED,
        )


def _failure(response: HttpResponse, body: dict[str, JSON], *, usable: bool, throttled: bool) -> tuple[PollError, str]:
    """Error and detail of a response without a usable token.

    RFC 6749, 5.2: refused credentials are a 400 or a 401 with an `error` code. Any other response of a proxy or a
    server has no information about them.
    """
    status, code = response.status, _code(body)
    detail = _error_detail(body)
    if status == 429:
        return PollError.THROTTLED, detail
    if status >= 500:
        return PollError.UNAVAILABLE, detail
    if code in REFUSALS or (status == 401 and code not in OTHER_ERRORS):
        return PollError.UNAUTHORIZED, detail or ", the client credentials are refused"
    if status == 403 and throttled:
        return PollError.THROTTLED, detail
    if status in NO_ENDPOINT and code not in OTHER_ERRORS:
        return (
            PollError.MISCONFIGURED,
            f"{detail}: no token endpoint at this URL; correct it in the connection's secret",
        )
    if 300 <= status < 400:
        return PollError.UNAVAILABLE, ", a redirect, which is never followed"
    if status >= 400 or (code and (not usable or code in OTHER_ERRORS)):
        return PollError.UNAVAILABLE, detail or " without an error code"
    if response.truncated:
        return PollError.UNAVAILABLE, f" with more than {MAX_BYTES:,} bytes"
    if usable:
        kind = (text_of(body.get("token_type")) or "a type that is no text")[:40]
        return PollError.UNAVAILABLE, f" with a token of type {kind}, not Bearer"
    return PollError.UNAVAILABLE, " without a token"


def _code(body: dict[str, JSON]) -> str:
    return (_error(body) or "").casefold()


def _error(body: dict[str, JSON]) -> str | None:
    """Error code, which some servers put into an object."""
    error = body.get("error")
    return text_of(object_of(error).get("code") if isinstance(error, dict) else error)


def _error_detail(body: dict[str, JSON]) -> str:
    code, description = _error(body), text_of(body.get("error_description"))
    return (f", {code[:80]}" if code else "") + (f": {description[:MAX_DESCRIPTION]}" if description else "")


def _token(value: JSON) -> str:
    """Token that is valid in a header, without blanks around it; empty for anything else."""
    if not isinstance(value, str) or not value.isascii():
        return ""
    token = value.strip()
    return token if token.isprintable() else ""


def _lifetime(value: JSON) -> float:
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?[0-9]{1,15}(\.[0-9]{1,15})?\s*", value):
        value = float(value)
    seconds = number_of(value)
    return TOKEN_SECONDS if seconds is None else min(seconds, MAX_TOKEN_SECONDS)
