"""One HTTP exchange with limits on its total time, the bytes read, and the allowed addresses.

No redirect is followed and no proxy or credential is taken from the environment. No input from a network, a vendor or a
secret makes this module raise.
"""

from __future__ import annotations

import http.client
import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import urllib3

with warnings.catch_warnings():
    # It warns where it cannot guess charsets; the layer is built without the package that does, for a quicker start.
    warnings.filterwarnings("ignore", message="Unable to find acceptable character detection")
    import requests

from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict

from import_watch import USER_AGENT
from import_watch.http_client.content_encoding import Undecodable, decoded
from import_watch.http_client.sockets import DeadlinePassed, SendFailed, Sockets, broken_off, not_http, pool_classes
from import_watch.model.observation import FailedPoll, PollError
from import_watch.vendors.response_body import HttpResponse

CONNECT_SECONDS = 5.0
"""Maximum time to connect to one address of a host."""
READ_SECONDS = 15.0
"""Maximum time between two pieces of a response. The wait for its first byte may use all the time that is left."""
EXCHANGE_SECONDS = 20.0
"""Maximum time of one exchange, from the look-up of the host name to the last byte read."""
CHUNK_BYTES = 64 * 1024
DEFAULT_HEADERS = {
    "User-Agent": USER_AGENT,
    "Accept-Encoding": "gzip, deflate",
    "Accept": "*/*",
    "Connection": "keep-alive",
}


@dataclass(frozen=True, slots=True)
class Request:
    """Request to send: with a `form`, with a `body`, or with neither. Each may be sent twice."""

    url: str
    headers: Mapping[str, str]
    max_bytes: int
    form: Mapping[str, str] | None = None
    method: str = "GET"
    body: bytes | None = None


class HttpTransport:
    """Sends requests and reads their responses, over connections that are kept for a short time.

    Parameters
    ----------
    peer : str
        The vendor's name for people, for the details of failed polls.
    private_addresses : bool
        Whether a host may have a loopback, link-local or private address: only on the local stack.
    clock : callable
        Returns epoch seconds; a parameter so that a test need not wait until a connection is too old.
    authorities : str, optional
        File with the certificates of the authorities that are trusted, for a test; by default those of requests.
    """

    def __init__(
        self,
        peer: str,
        *,
        private_addresses: bool = False,
        clock: Callable[[], float] = time.time,
        authorities: str | None = None,
    ) -> None:
        self._peer = peer
        self._sockets = Sockets(private_addresses=private_addresses, clock=clock)
        # Without a session, which would keep cookies of one connection for another, follow redirects, and read proxies
        # and passwords from the environment.
        self._adapter = _Adapter(self._sockets)
        self._authorities: bool | str = authorities or True

    def send(self, request: Request, seconds: float = EXCHANGE_SECONDS) -> HttpResponse | FailedPoll:
        """Send a request and read its response.

        Parameters
        ----------
        request : Request
        seconds : float
            Time limit, where it is less than `EXCHANGE_SECONDS`.

        Returns
        -------
        HttpResponse or FailedPoll
            UNAVAILABLE where the peer could not be reached, broke off, or had not finished at the deadline;
            MISCONFIGURED where its host has no public address or the request cannot be written as HTTP.
        """
        prepared = self._prepared(request)
        if prepared is None:
            return FailedPoll(
                PollError.MISCONFIGURED,
                f"the request to {self._peer} cannot be sent: its URL or a credential has characters that HTTP does not"
                " allow there",
            )
        self._begin(min(seconds, EXCHANGE_SECONDS))
        try:
            try:
                return self._attempt(prepared, request.max_bytes, reuse=True)
            except _Stale:
                return self._attempt(prepared, request.max_bytes, reuse=False)
        except SendFailed as failed:
            return FailedPoll(failed.error, f"{self._peer} {failed.detail}", after_grace=failed.after_grace)

    def open(self, request: Request, seconds: float) -> OpenResponse:
        """Send a request, and return its response with the body unread.

        Parameters
        ----------
        request : Request
            Its limit of bytes does not apply.
        seconds : float
            Time limit for the whole exchange, however long the body is.

        Raises
        ------
        SendFailed
            Also while the body is read.
        """
        if (prepared := self._prepared(request)) is None:
            raise SendFailed("cannot be requested: its URL has characters that HTTP does not allow there")
        self._begin(seconds)
        self._sockets.attempt(reuse=False)
        try:
            left = self._sockets.remaining()
            response = self._sent(prepared, left)
        except Exception as error:
            self._sockets.settle(complete=False)
            if isinstance(error, SendFailed):
                raise
            raise self._cause(error) from None
        return OpenResponse(response, self._cause)

    def _begin(self, seconds: float) -> None:
        self._sockets.begin(seconds, connect_seconds=CONNECT_SECONDS, silence_seconds=READ_SECONDS)

    def _prepared(self, request: Request) -> requests.PreparedRequest | None:
        prepared = requests.PreparedRequest()
        try:
            for value in request.headers.values():
                value.encode("latin-1")
            prepared.prepare_method(request.method if request.form is None else "POST")
            prepared.prepare_url(request.url, None)
            prepared.prepare_headers({**DEFAULT_HEADERS, **request.headers})
            prepared.prepare_body(request.body if request.form is None else request.form, None)
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError):
            return None
        return prepared

    def _attempt(self, prepared: requests.PreparedRequest, max_bytes: int, *, reuse: bool) -> HttpResponse:
        self._sockets.attempt(reuse=reuse)
        complete = False
        try:
            with self._sent(prepared, self._sockets.remaining()) as stream:
                response, complete = _read(stream, max_bytes)
        except DeadlinePassed:
            raise
        except Exception as error:  # noqa: BLE001 - a peer can cause any error in the layers below
            if self._sockets.reused and not self._sockets.received_bytes:
                raise _Stale from None
            raise self._cause(error) from None
        finally:
            self._sockets.settle(complete=complete)
        # Some servers send this on an idle connection before they close it.
        if response.status == 408 and self._sockets.reused:
            raise _Stale
        return response

    def _sent(self, prepared: requests.PreparedRequest, seconds: float) -> requests.Response:
        """Response of which the head was read."""
        return self._adapter.send(prepared, stream=True, timeout=(seconds, seconds), verify=self._authorities)

    def _cause(self, error: Exception) -> SendFailed:
        """Cause behind an error of urllib3 or requests; their messages may quote headers, so none is used."""
        chain = list(_chain(error))
        for one in chain:
            if isinstance(one, SendFailed):
                return one
            if isinstance(one, Undecodable):
                return SendFailed(str(one))
        # Every error of requests is an OSError, so that class is not specific.
        if any(isinstance(one, OSError) and not isinstance(one, requests.RequestException) for one in chain):
            return broken_off()
        if any(isinstance(one, http.client.IncompleteRead) for one in chain):
            return broken_off() if self._sockets.received_end else not_http()
        if any(isinstance(one, http.client.HTTPException | urllib3.exceptions.HTTPError) for one in chain):
            return not_http()
        # None of the known causes: possibly a fault of this code, which must be visible in the log.
        from import_watch.observability import logger

        logger.error("an exchange failed for an unknown cause", extra={"causes": [type(one).__name__ for one in chain]})
        return SendFailed("could not be read, for a cause that is in the function's log")


class OpenResponse:
    """A response whose body is read piece by piece."""

    def __init__(self, response: requests.Response, cause: Callable[[Exception], SendFailed]) -> None:
        self._response = response
        self._cause = cause
        self.status: int = response.status_code
        self.headers = {name.lower(): value for name, value in response.headers.items()}
        self._pieces: Iterator[bytes] | None = None
        self._left = b""

    def read(self, amount: int) -> bytes:
        """At most `amount` bytes of the decoded body; none at its end.

        Raises
        ------
        SendFailed
        """
        try:
            if self._pieces is None:
                self._pieces = decoded(_pieces(self._response.raw), self.headers.get("content-encoding", ""))
            piece = self._left or next((piece for piece in self._pieces if piece), b"")
        except SendFailed:
            raise
        except Exception as error:  # noqa: BLE001 - a peer can cause any error in the layers below
            raise self._cause(error) from None
        piece, self._left = piece[:amount], piece[amount:]
        return piece

    def close(self) -> None:
        """Close the connection."""
        self._response.close()


class _Stale(SendFailed):
    """A kept connection failed before the first byte of the response: the request may be sent once more."""

    def __init__(self) -> None:
        super().__init__("could not be reached: a kept connection was no longer open")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and all errors behind it."""
    waiting, seen = [error], set[int]()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inside = (one.__cause__, one.__context__, getattr(one, "reason", None), *one.args)
        waiting += [found for found in inside if isinstance(found, BaseException)]


def _read(response: requests.Response, max_bytes: int) -> tuple[HttpResponse, bool]:
    """Read a response, and return whether it was read to its end.

    The status of an error counts even where its body cannot be read. The body of a redirect is not read at all.
    """
    status = response.status_code
    headers = {name.lower(): value for name, value in response.headers.items()}
    if 300 <= status < 400:
        return HttpResponse(status, headers, b""), False
    body, complete = bytearray(), False
    try:
        for piece in decoded(_pieces(response.raw, max_bytes), headers.get("content-encoding", "")):
            body += piece
            if len(body) > max_bytes:
                break
        else:
            complete = True
    except Exception:
        if status < 400:
            raise
    del body[max_bytes:]
    return HttpResponse(status, headers, bytes(body), truncated=not complete), complete


def _pieces(raw: Any, max_bytes: float = math.inf) -> Iterator[bytes]:
    """Raw pieces of the body, one read of the socket each; a compressed body is rarely larger than the decoded one."""
    taken = 0
    while taken <= max_bytes + CHUNK_BYTES and (chunk := raw.read1(CHUNK_BYTES, decode_content=False)):
        taken += len(chunk)
        yield chunk


class _Adapter(HTTPAdapter):
    """Sends over connections that apply the limits of `Sockets`."""

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = pool_classes(self._sockets)

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        """Response without what requests would also parse: cookies, and the encoding of a text."""
        response = requests.Response()
        response.status_code = resp.status
        response.headers = CaseInsensitiveDict(resp.headers)
        response.raw = resp
        response.url = req.url or ""
        response.request = req
        return response
