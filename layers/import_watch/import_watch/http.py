"""The vendor client: one bounded GET, with the connection's credentials, to the connection's own host.

No redirect is followed, no proxy or credential is taken from the environment, and a whole exchange has a
deadline: a body that drips for ever ends as a failed poll. Nothing here raises for what a network does.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC
from email.utils import parsedate_to_datetime

import requests
import urllib3

from import_watch.connections import Connection
from import_watch.model import FailedPoll, Observation, Trouble, parse_iso
from import_watch.vendor import Adapter, Answer, ApiKey, number_of, object_of, read_answer, text_of

CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0
EXCHANGE_SECONDS = 20.0
"""Longest that one exchange may take in all, from the first byte sent to the last one read."""
CHUNK_BYTES = 64 * 1024
LONGEST_RETRY_AFTER = 900.0
TOKEN_SECONDS = 300.0
"""Life of a bearer token whose answer does not tell it: eGain does not document one."""
TOKEN_MARGIN = 60.0
"""Seconds before its end at which a token is bought anew."""
USER_AGENT = "import-watch/0.1"


class Client:
    """Asks one vendor for the status of imports.

    Parameters
    ----------
    adapter : Adapter
        The vendor.
    clock : callable
        Gives epoch seconds; a parameter so that a test need not wait for a token to age.
    """

    def __init__(self, adapter: Adapter, clock: Callable[[], float] = time.time) -> None:
        self._adapter = adapter
        self._clock = clock
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["User-Agent"] = USER_AGENT
        self._tokens: dict[tuple[str, ...], tuple[str, float]] = {}

    def ask(
        self, connection: Connection, import_id: str, *, fresh: bool = False
    ) -> tuple[Answer | None, Observation | FailedPoll]:
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
            As it came; None where none came.
        polled : Observation or FailedPoll
            What it means.
        """
        headers = {"Accept": "application/json"}
        authentication = self._adapter.authentication
        if isinstance(authentication, ApiKey):
            headers[authentication.header] = connection.fields[authentication.field]
        else:
            token = self._token(connection, authentication.default_scope, fresh=fresh)
            if isinstance(token, FailedPoll):
                return None, token
            headers["Authorization"] = f"Bearer {token}"
        url = self._adapter.url(connection.base_url, import_id)
        answer = self._exchange("GET", url, headers=headers, most_bytes=self._adapter.most_bytes)
        if isinstance(answer, FailedPoll):
            return None, answer
        polled = read_answer(self._adapter, answer, import_id)
        if isinstance(polled, FailedPoll) and answer.status in (429, 503):
            polled = replace(polled, retry_after=retry_after(answer, self._clock()))
        return answer, polled

    def _token(self, connection: Connection, default_scope: str, *, fresh: bool) -> str | FailedPoll:
        fields = connection.fields
        scope = fields.get("scope", default_scope)
        key = (fields["tokenUrl"], fields["clientId"], fields["clientSecret"], scope)
        kept = self._tokens.get(key)
        if kept is not None and not fresh and self._clock() < kept[1]:
            return kept[0]
        form = {"grant_type": "client_credentials", "client_id": key[1], "client_secret": key[2], "scope": scope}
        answer = self._exchange(
            "POST", key[0], form=form, headers={"Accept": "application/json"}, most_bytes=CHUNK_BYTES
        )
        if isinstance(answer, FailedPoll):
            return replace(answer, detail=f"no token: {answer.detail}")
        body = object_of(answer.json())
        if answer.status in (400, 401, 403):
            # RFC 6749, 5.2: wrong credentials are a 400 or a 401 with an `error` code.
            why = text_of(body.get("error")) or f"HTTP {answer.status}"
            return FailedPoll(Trouble.UNAUTHORIZED, f"the token endpoint refused the client credentials: {why[:80]}")
        if answer.status == 429:
            told = retry_after(answer, self._clock())
            return FailedPoll(Trouble.THROTTLED, "the token endpoint answered HTTP 429", retry_after=told)
        if answer.status >= 500:
            return FailedPoll(Trouble.UNAVAILABLE, f"the token endpoint answered HTTP {answer.status}")
        token = body.get("access_token")
        if answer.status != 200 or not isinstance(token, str) or not token.isascii() or not token.isprintable():
            return FailedPoll(Trouble.UNREADABLE, f"the token endpoint answered HTTP {answer.status} without a token")
        lifetime = number_of(body.get("expires_in")) or TOKEN_SECONDS
        self._tokens[key] = (token, self._clock() + max(0.0, lifetime - min(TOKEN_MARGIN, lifetime / 2)))
        return token

    def _exchange(
        self, method: str, url: str, *, headers: dict[str, str], most_bytes: int, form: dict[str, str] | None = None
    ) -> Answer | FailedPoll:
        ends = time.monotonic() + EXCHANGE_SECONDS
        try:
            with self._session.request(
                method,
                url,
                headers=headers,
                data=form,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
                stream=True,
            ) as response:
                body = bytearray()
                # One read of the socket at a time, or a body that drips would be waited for to its end.
                while chunk := response.raw.read1(CHUNK_BYTES, decode_content=True):
                    body += chunk
                    if len(body) > most_bytes:
                        break
                    if time.monotonic() > ends:
                        return FailedPoll(
                            Trouble.UNAVAILABLE,
                            f"{self._adapter.title} did not finish its answer in {EXCHANGE_SECONDS:.0f} seconds",
                        )
                return Answer(
                    status=response.status_code,
                    headers={name.lower(): value for name, value in response.headers.items()},
                    body=bytes(body[:most_bytes]),
                    truncated=len(body) > most_bytes,
                )
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            # The error's own words name hosts and may quote headers: its kind says enough.
            return FailedPoll(
                Trouble.UNAVAILABLE, f"{self._adapter.title} could not be reached: {type(error).__name__}"
            )


def retry_after(answer: Answer, now: float) -> float | None:
    """Give the seconds after which the vendor wants to be asked again, within [0, 900]; None where it says nothing.

    Parameters
    ----------
    answer : Answer
        Its `Retry-After` may be seconds or an HTTP date; `X-RateLimit-Reset` seconds (Document360 v2), epoch
        seconds (Document360 v3) or a date-time (eGain).
    now : float
        Epoch seconds.
    """
    for name in ("retry-after", "x-ratelimit-reset"):
        told = answer.headers.get(name, "").strip()
        seconds = _seconds(told, now)
        if seconds is not None:
            return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)
    return None


def _seconds(told: str, now: float) -> float | None:
    try:
        number = float(told)
    except ValueError:
        moment = parse_iso(told)
        return _http_date(told, now) if moment is None else moment - now
    if not math.isfinite(number):
        return None
    # No vendor asks for 30 years: so large a number is the time of day, not a span.
    return number - now if number > 1e9 else number


def _http_date(told: str, now: float) -> float | None:
    try:
        moment = parsedate_to_datetime(told)
    except (ValueError, TypeError, IndexError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now
