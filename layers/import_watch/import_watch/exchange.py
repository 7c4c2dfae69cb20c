"""One HTTP exchange within bounds: of time in all, of bytes read, and of where it may go.

No redirect is followed and no proxy or credential is taken from the environment. Timeouts of a socket start anew
with every byte, so a peer that drips could hold an exchange for ever; at its deadline the socket is shut instead.
Nothing here raises for what a network does.
"""

from __future__ import annotations

import math
import socket
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from ipaddress import ip_address
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from import_watch import USER_AGENT
from import_watch.model import FailedPoll, Trouble
from import_watch.vendor import Answer

CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0
EXCHANGE_SECONDS = 20.0
"""Longest that one exchange may take in all, from the first byte sent to the last one read."""
CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """What to send: a GET, or a POST where there is a `form`."""

    url: str
    headers: Mapping[str, str]
    most_bytes: int
    form: Mapping[str, str] | None = None


class Exchanger:
    """Exchanges requests for answers, over connections that are kept.

    Parameters
    ----------
    peer : str
        The vendor's name for a person, for what is said of a failure.
    private_addresses : bool
        Whether a host may have a loopback, link-local or private address: on the local stack alone.
    """

    def __init__(self, peer: str, *, private_addresses: bool = False) -> None:
        self._peer = peer
        self._sockets = _Sockets(private_addresses=private_addresses)
        self._deadline = _Deadline(self._sockets.shut)
        weakref.finalize(self, self._deadline.give_up)
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["User-Agent"] = USER_AGENT
        # One session serves every connection of a vendor: what one was given is not another's.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, _Adapter(self._sockets))

    def exchange(self, request: Request) -> Answer | FailedPoll:
        """Send a request and read its answer.

        Returns
        -------
        Answer or FailedPoll
            UNAVAILABLE where the peer could not be reached, broke off, or was not done at the deadline.
        """
        ends = time.monotonic() + EXCHANGE_SECONDS
        self._deadline.set(ends)
        try:
            answer = self._read(request, ends)
        except PrivateAddress:
            return FailedPoll(Trouble.MISCONFIGURED, f"the host of {self._peer} has an address that is not public")
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            if time.monotonic() >= ends:
                return self._late()
            # The error's own words name hosts and may quote headers: its kind says enough.
            return self._failed(f"could not be reached: {type(error).__name__}")
        finally:
            self._deadline.set(None)
            self._sockets.sweep()
        return answer or self._late()

    def _read(self, request: Request, ends: float) -> Answer | None:
        """Give the answer; None if it was not whole at the deadline."""
        with self._session.request(
            "GET" if request.form is None else "POST",
            request.url,
            headers=dict(request.headers),
            data=request.form,
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            allow_redirects=False,
            stream=True,
        ) as response:
            body = bytearray()
            while len(body) <= request.most_bytes:
                # One read of the socket at a time. Nothing may also be a compressed piece that is not whole yet.
                chunk = response.raw.read1(CHUNK_BYTES, decode_content=True)
                if time.monotonic() >= ends:
                    return None
                if not chunk and response.raw.closed:
                    break
                body += chunk
            return Answer(
                status=response.status_code,
                headers={name.lower(): value for name, value in response.headers.items()},
                body=bytes(body[: request.most_bytes]),
                truncated=len(body) > request.most_bytes,
            )

    def _late(self) -> FailedPoll:
        return self._failed(f"did not finish its answer in {EXCHANGE_SECONDS:g} seconds")

    def _failed(self, what: str) -> FailedPoll:
        return FailedPoll(Trouble.UNAVAILABLE, f"{self._peer} {what}")


class PrivateAddress(Exception):
    """A host has an address that is not public: the metadata service of the cloud, or somebody's inner network."""


class _Deadline:
    """Does something at a deadline, unless that is lifted before.

    One thread for all deadlines, from the first one on: starting a thread for each, as `threading.Timer` does, takes
    longer than the rest of our own work in an exchange.

    Parameters
    ----------
    missed : callable
        What to do; it must be short, because nobody can set or lift a deadline meanwhile.
    """

    def __init__(self, missed: Callable[[], None]) -> None:
        self._missed = missed
        self._changed = threading.Condition()
        self._ends: float | None = None
        self._wakes = 0.0
        self._given_up = False
        self._thread: threading.Thread | None = None

    def set(self, ends: float | None) -> None:
        """Set the deadline, as `time.monotonic` tells time; None lifts it."""
        with self._changed:
            self._ends = ends
            if ends is None:
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, daemon=True)
                self._thread.start()
            elif ends < self._wakes:
                self._changed.notify()

    def give_up(self) -> None:
        """End the thread."""
        with self._changed:
            self._given_up = True
            self._changed.notify()

    def _watch(self) -> None:
        with self._changed:
            while not self._given_up:
                now = time.monotonic()
                if self._ends is not None and self._ends <= now:
                    self._ends = None
                    self._missed()
                # Lifting a deadline wakes nobody: most are, and the thread may as well sleep on.
                self._wakes = math.inf if self._ends is None else self._ends
                self._changed.wait(None if self._ends is None else self._ends - now)


class _Sockets:
    """The sockets of one session: whom they may reach, and how a deadline shuts them whatever waits on them."""

    def __init__(self, *, private_addresses: bool) -> None:
        self._private_addresses = private_addresses
        self._handles: dict[HTTPConnection, socket.socket] = {}
        self._leaving: list[socket.socket] = []

    def opened(self, connection: HTTPConnection, opened: socket.socket) -> None:
        # Asked of the connection itself: a name that is looked up twice may have another address the second time.
        if not self._private_addresses and not ip_address(opened.getpeername()[0]).is_global:
            opened.close()
            raise PrivateAddress
        # TLS takes the socket over and leaves its object empty; a duplicate still reaches the connection.
        self._handles[connection] = opened.dup()

    def closed(self, connection: HTTPConnection) -> None:
        # A connection that its peer will close counts as closed while its answer is still being read.
        handle = self._handles.pop(connection, None)
        if handle is not None:
            self._leaving.append(handle)

    def sweep(self) -> None:
        """Let go of what was closed; a duplicate would keep it open."""
        while self._leaving:
            self._leaving.pop().close()

    def shut(self) -> None:
        for handle in [*self._handles.values(), *self._leaving]:
            with suppress(OSError):  # the peer has closed it already
                handle.shutdown(socket.SHUT_RDWR)


class _Adapter(HTTPAdapter):
    """Shows `_Sockets` every socket before a byte is sent on it."""

    def __init__(self, sockets: _Sockets) -> None:
        self._sockets = sockets
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        sockets = self._sockets

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                opened = super()._new_conn()
                sockets.opened(self, opened)
                return opened

            def close(self) -> None:
                super().close()
                sockets.closed(self)

        class Secure(Plain, HTTPSConnection):
            """The same, for TLS."""

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
