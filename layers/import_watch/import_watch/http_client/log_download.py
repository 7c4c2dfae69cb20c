"""A log behind a URL: whether it may be fetched, and its content, piece by piece.

The location comes from a vendor, so it is untrusted: its host must be one of the vendor's log hosts and one of those
that the connection names. Credentials are sent to the vendor's own host alone.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from import_watch.http_client.sockets import DeadlinePassed, SendFailed
from import_watch.http_client.transport import HttpTransport, OpenResponse, Request
from import_watch.model.observation import PollError
from import_watch.vendors.allowed_hosts import Hosts
from import_watch.vendors.connection import Connection

MAX_BYTES = 100 * 1024 * 1024
"""A larger log is not copied."""
MAY_CHANGE = frozenset({401, 403, 404, 408, 409, 423, 425, 429})
"""Errors that a later request may not have: the log is not there yet, or the next poll brings another signed URL."""
DEFAULT_PORTS = {"https": 443, "http": 80}


class LogRefused(Exception):
    """The response to the request for a log is not the log."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class LogDownload:
    """A log behind a URL that may be fetched.

    Parameters
    ----------
    transport : HttpTransport
        One that serves nothing else: an abandoned download may still use it.
    url : str
    headers : mapping of str to str
    """

    step = "it could not be fetched"
    max_bytes = MAX_BYTES

    def __init__(self, transport: HttpTransport, url: str, headers: Mapping[str, str]) -> None:
        self._transport = transport
        self._request = Request(url, {"Accept": "*/*", **headers}, 0)
        self.name = urlsplit(url).path

    def open(self, ends: float) -> _OpenDownload:
        """Request the log.

        Raises
        ------
        LogRefused
            If the response is not a 200.
        SendFailed
        """
        response = self._transport.open(self._request, ends - time.monotonic())
        if response.status != 200:
            response.close()
            raise LogRefused(response.status)
        return _OpenDownload(response)

    def may_pass(self, error: Exception) -> bool | None:
        """Whether a later request may succeed."""
        if isinstance(error, LogRefused):
            return error.status in MAY_CHANGE or error.status >= 500
        if isinstance(error, SendFailed):
            return error.error is PollError.UNAVAILABLE
        return None

    def reason(self, error: Exception) -> str | None:
        """Cause of an error, without the URL, which may be signed."""
        if isinstance(error, LogRefused):
            redirect = ", a redirect, which is never followed" if 300 <= error.status < 400 else ""
            return f"its host responded with HTTP {error.status}{redirect}"
        if isinstance(error, DeadlinePassed):
            return "it took too long"
        return f"its host {error.detail}" if isinstance(error, SendFailed) else None


class _OpenDownload:
    """The body of a response; its encodings are removed, so none is recorded with the copy."""

    content_encoding: object = None

    def __init__(self, response: OpenResponse) -> None:
        self._response = response
        self.content_type: object = response.headers.get("content-type")
        length = response.headers.get("content-length", "")
        encoded = bool(response.headers.get("content-encoding"))
        self.size = int(length) if length.isascii() and length.isdigit() and len(length) < 20 and not encoded else None
        self.read = response.read
        self.close = response.close

    def copy(self, _bucket: str, _key: str, _headers: Mapping[str, str]) -> bool:
        """Nothing: only reading it brings it here."""
        return False


def log_url(connection: Connection, location: str) -> str | None:
    """URL of a log: a path is one at the connection's own host; None for what is neither."""
    if location.startswith("/") and not location.startswith("//"):
        return connection.base_url + location
    scheme, separator, _ = location.partition("://")
    return location if separator and scheme.lower() in DEFAULT_PORTS else None


def refusal(connection: Connection, url: str, hosts: Hosts, patterns: tuple[str, ...]) -> str | None:
    """Why a log may not be fetched from a URL; None where it may.

    Parameters
    ----------
    connection : Connection
        Names the hosts that its logs may be fetched from.
    url : str
        Untrusted.
    hosts : Hosts
        Hosts that the stack allows.
    patterns : tuple of str
        The vendor's log hosts, as regular expressions.
    """
    if fault := hosts.fault(url, patterns, "a log host of the vendor"):
        return f"its URL {fault}"
    if urlsplit(url).hostname not in connection.log_hosts:
        return "its host is not in the connection's logHosts"
    return None


def is_own(connection: Connection, url: str) -> bool:
    """Whether a URL leads to the scheme, host and port of the connection: credentials may be sent there."""
    return _origin(url) == _origin(connection.base_url)


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or DEFAULT_PORTS.get(parts.scheme)
