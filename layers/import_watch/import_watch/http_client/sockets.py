"""The connections of one session: their allowed addresses, their time limits, and when one may be reused.

requests and urllib3 limit neither the total time of an exchange nor the addresses of a host name, and they keep a
connection even with unread data on it. The classes here add these limits where a socket is opened, written to and read
from: every wait gets at most the time that the exchange has left, so nothing has to interrupt it from outside.
"""

from __future__ import annotations

import errno
import http.client
import io
import math
import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.connection import allowed_gai_family
from urllib3.util.ssl_match_hostname import CertificateError

from import_watch.http_client.addresses import is_public
from import_watch.model.observation import PollError

MAX_IDLE_SECONDS = 30.0
"""Maximum time between two uses of a connection: load balancers and NAT gateways drop idle ones."""
MAX_INTERIM_RESPONSES = 20
"""Maximum interim responses (1xx) before the final one."""
MAX_HEAD_BYTES = 512 * 1024
"""Maximum bytes before the body, interim responses included."""
UNACKNOWLEDGED_MILLISECONDS = 5_000
"""Maximum time for which sent data may be unacknowledged: a peer that is slow to respond still acknowledges the
request."""
_NO_ROUTE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class SendFailed(Exception):
    """A failed exchange. urllib3 and requests do not catch this class, so it reaches the caller unchanged.

    Parameters
    ----------
    detail : str
        The cause for a person, to follow the name of the peer. It may contain the host's name, never a header.
    """

    error = PollError.UNAVAILABLE
    after_grace = False

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class PrivateAddress(SendFailed):
    """A host without a public address: it may be the metadata service of the cloud, or a private network."""

    error = PollError.MISCONFIGURED


class NameNotFound(SendFailed):
    """No host has that name: a misconfiguration, unless its name server has a transient error."""

    after_grace = True


class DeadlinePassed(SendFailed):
    """The deadline of the exchange has passed."""


class Sockets:
    """Shared state of the connections of one session: the limits, and the exchange in progress.

    One exchange at a time.

    Parameters
    ----------
    private_addresses : bool
        Whether a host may have an address that is not public.
    clock : callable
        Gives epoch seconds. Idle time is wall-clock time, because a monotonic clock may stop while a function is
        frozen.
    """

    def __init__(self, *, private_addresses: bool, clock: Callable[[], float]) -> None:
        self._private_addresses = private_addresses
        self._clock = clock
        self._ends = -math.inf
        self.seconds = self._connect_seconds = self.silence_seconds = 0.0
        self._reuse = True
        self._connection: _Plain | None = None
        self.received: _Received | None = None
        self.reused = False
        self.reusable = False

    def begin(self, seconds: float, *, connect_seconds: float, silence_seconds: float) -> None:
        """Start the time limit of an exchange.

        Parameters
        ----------
        seconds : float
            For the whole exchange.
        connect_seconds : float
            For one address of the host.
        silence_seconds : float
            Maximum between two pieces of a response that has begun.
        """
        self._ends = time.monotonic() + seconds
        self.seconds, self._connect_seconds, self.silence_seconds = seconds, connect_seconds, silence_seconds

    def attempt(self, *, reuse: bool) -> None:
        """Reset the state of the previous attempt; `reuse` is whether a kept connection may be used."""
        self._reuse = reuse
        self._connection = self.received = None
        self.reused = self.reusable = False

    def remaining(self) -> float:
        """Seconds that the exchange has left.

        Raises
        ------
        DeadlinePassed
            If it has none.
        """
        left = self._ends - time.monotonic()
        if left <= 0:
            raise self.late()
        return left

    def late(self) -> DeadlinePassed:
        """Error for an exchange whose deadline has passed, with the phase that it had reached."""
        if self._connection is None:
            return DeadlinePassed(f"could not be reached: no connection within {self.seconds:g} s")
        return DeadlinePassed(
            f"did not finish its response within {self.seconds:g} s"
            if self.received_bytes
            else f"gave no response within {self.seconds:g} s"
        )

    def open(self, host: str, port: int, options: Any) -> socket.socket:
        """Connect to the first address of a host that can be reached.

        Only the checked addresses are connected to: a second look-up could return others.

        Raises
        ------
        SendFailed
        """
        found = self._look_up(host.strip("[]"), port)
        addresses = found if self._private_addresses else [one for one in found if is_public(str(one[4][0]))]
        if found and not addresses:
            raise PrivateAddress("could not be reached: its host has an address that is not public")
        errors: list[OSError] = []
        for tried, (family, kind, protocol, _, address) in enumerate(addresses):
            seconds = min(self._connect_seconds, self.remaining() / (len(addresses) - tried))
            opened = None
            try:
                opened = socket.socket(family, kind, protocol)
                for option in options or ():
                    opened.setsockopt(*option)
                if hasattr(socket, "TCP_USER_TIMEOUT"):
                    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MILLISECONDS)
                opened.settimeout(seconds)
                opened.connect(address)
                opened.settimeout(self.remaining())
            except OSError as error:
                errors.append(error)
            except DeadlinePassed:
                if opened is not None:
                    opened.close()
                raise
            else:
                return opened
            if opened is not None:
                opened.close()
        self.remaining()
        raise SendFailed(f"could not be reached: {self._why(errors)} ({host}:{port})")

    def _why(self, errors: list[OSError]) -> str:
        # An error for an address family that this network does not route is less specific than any other one.
        error = next((one for one in errors if one.errno not in _NO_ROUTE), errors[0] if errors else None)
        if isinstance(error, ConnectionRefusedError):
            return "connection refused"
        if isinstance(error, TimeoutError):
            return f"no connection within {self._connect_seconds:g} s"  # or less, where there are many addresses
        if isinstance(error, ConnectionError):
            return "connection broken off while it was opened"
        return "no route to the host" if error is not None and error.errno in _NO_ROUTE else "no connection"

    def _look_up(self, host: str, port: int) -> list[Any]:
        """Addresses of a host. A look-up cannot be interrupted, but its thread can be abandoned."""
        found: queue.SimpleQueue[list[Any] | Exception] = queue.SimpleQueue()

        def look_up() -> None:
            try:
                found.put(socket.getaddrinfo(host, port, allowed_gai_family(), socket.SOCK_STREAM))
            except (OSError, ValueError, OverflowError) as error:
                found.put(error)

        threading.Thread(target=look_up, daemon=True).start()
        try:
            addresses = found.get(timeout=self.remaining())
        except queue.Empty:
            raise DeadlinePassed(
                f"could not be reached: name not looked up within {self.seconds:g} s ({host})"
            ) from None
        if isinstance(addresses, socket.gaierror) and addresses.errno in (socket.EAI_AGAIN, socket.EAI_FAIL):
            raise SendFailed(f"could not be reached: name could not be looked up ({host})")
        if isinstance(addresses, Exception) or not addresses:
            raise NameNotFound(f"could not be reached: name not found ({host})")
        return addresses

    @property
    def received_bytes(self) -> int:
        """Bytes of the response that were received."""
        return 0 if self.received is None else self.received.count

    @property
    def received_end(self) -> bool:
        """Whether the peer has ended the connection."""
        return self.received is not None and self.received.ended

    def use(self, connection: _Plain) -> None:
        """Note that a request is sent on this connection."""
        if self._connection is not connection:
            self._connection, self.reused = connection, connection.idle_since is not None
            connection.idle_since = None

    def may_reuse(self, connection: _Plain) -> bool:
        """Whether a kept connection may be used; urllib3 checks that its socket has no readable data."""
        if not self._reuse or connection.idle_since is None:
            return False
        # After a clock was set back, the idle time is unknown.
        return 0 <= self._clock() - connection.idle_since <= MAX_IDLE_SECONDS

    def settle(self, *, complete: bool) -> None:
        """Keep the used connection if no data can be left on it, and close it otherwise.

        Parameters
        ----------
        complete : bool
            Whether the response was read to its end.
        """
        connection, received = self._connection, self.received
        if connection is None:
            return
        clean = complete and self.reusable and received is not None and received.left_over == 0
        if clean and connection.sock is not None and not _has_pending(connection.sock):
            connection.idle_since = self._clock()
        else:
            connection.close()


def _has_pending(opened: Any) -> bool:
    """Whether TLS has decrypted bytes that were not read; the socket is not readable then."""
    return isinstance(opened, ssl.SSLSocket) and opened.pending() > 0


class _Received(io.RawIOBase):
    """The bytes of one response as they are received, counted, with each wait limited to the time that is left."""

    def __init__(self, opened: socket.socket, sockets: Sockets) -> None:
        self._opened = opened
        self._sockets = sockets
        self._file = opened.makefile("rb", buffering=0)
        self.count = 0
        self.ended = False
        self.in_head = True
        self.left_over: int | None = None

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.count

    def readinto(self, buffer: Any) -> int:
        seconds, silence = self._sockets.remaining(), self._sockets.silence_seconds
        is_silence = bool(self.count) and silence < seconds
        self._opened.settimeout(silence if is_silence else seconds)
        try:
            size = self._file.readinto(buffer) or 0
        except TimeoutError as error:
            if error.errno == errno.ETIMEDOUT:  # of the network: the sent data was not acknowledged
                raise
            if is_silence:
                raise DeadlinePassed(f"did not continue its response for {silence:g} s") from None
            raise self._sockets.late() from None
        self.count += size
        self.ended = not size
        if self.in_head and self.count > MAX_HEAD_BYTES:
            raise not_http()
        return size

    def close(self) -> None:
        self._file.close()
        super().close()


class _Reader(io.BufferedReader):
    """The buffer of a response, which records how many bytes it still contained when it was closed."""

    def close(self) -> None:
        if not self.closed and isinstance(self.raw, _Received):
            self.raw.left_over = self.raw.count - self.tell()
        super().close()


class _Response(http.client.HTTPResponse):
    """A response without its interim responses, whose framing is unambiguous."""

    sockets: Sockets

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp.close()
        self._received = self.sockets.received = _Received(sock, self.sockets)
        self.fp = _Reader(self._received)

    def begin(self) -> None:
        """Read the head of the final response. `http.client` skips only 100, and treats 103 as the response."""
        for _ in range(MAX_INTERIM_RESPONSES + 1):
            super().begin()
            if self._received.ended:
                raise broken_off()
            # What follows 101 is another protocol.
            if not 100 <= self.status < 200 or self.status == 101:
                break
            # `begin` does nothing where headers are set already.
            self.headers = self.msg = None  # type: ignore[assignment]
        if 100 <= self.status < 200:
            raise not_http()
        self._received.in_head = False
        self._check_headers()
        self._settle_length()

    def _check_headers(self) -> None:
        # The header parser is one for mail: after a malformed line it treats the rest as a body, and urllib3 logs that.
        defects = {type(defect).__name__ for defect in self.msg.defects}
        if self.msg.get_unixfrom() or defects - {"StartBoundaryNotFoundDefect", "MultipartInvariantViolationDefect"}:
            raise not_http()
        text = self.msg.get_payload()
        if isinstance(text, str) and text:
            raise not_http()

    def _settle_length(self) -> None:
        codings = [str(value).strip().lower() for value in self.msg.get_all("transfer-encoding", [])]
        lengths = {part.strip() for value in self.msg.get_all("content-length", []) for part in str(value).split(",")}
        if codings not in ([], ["chunked"], ["identity"]):
            raise not_http()
        # `int` accepts more forms of a number than HTTP does.
        if len(lengths) > 1 or not all(re.fullmatch(r"[0-9]{1,15}", length) for length in lengths):
            raise not_http()
        has_body = self.status not in (204, 304)
        if not has_body:
            self.chunked = False
        elif lengths and not self.chunked:
            self.length = int(*lengths)
        # Two lengths, or a length where there must be no body: peers disagree on where the response ends.
        clear = not (codings and lengths) and (has_body or (not codings and lengths <= {"0"}))
        self.sockets.reusable = clear and self.version == 11 and not self.will_close


class _Plain(HTTPConnection):
    """A connection that applies the limits of its session."""

    sockets: Sockets
    idle_since: float | None = None
    """Time since which it is idle, by the clock of its session; None where it is not kept."""

    def _new_conn(self) -> socket.socket:
        return self.sockets.open(self._dns_host, self.port or self.default_port, self.socket_options)

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        self.sockets.use(self)
        self.sock.settimeout(self.sockets.remaining())
        try:
            super().send(data)
        except TimeoutError as error:
            if error.errno == errno.ETIMEDOUT:
                raise
            raise self.sockets.late() from None

    @property
    def is_connected(self) -> bool:
        return super().is_connected and self.sockets.may_reuse(self)

    def close(self) -> None:
        super().close()
        self.idle_since = None


class _Secure(_Plain, HTTPSConnection):
    """The same with TLS."""

    def connect(self) -> None:
        where = f"({self.host}:{self.port})"
        try:
            super().connect()
        except (ssl.SSLCertVerificationError, CertificateError) as error:
            raise SendFailed(f"could not be reached: its certificate is not trusted: {_fault(error)} {where}") from None
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            raise SendFailed(f"could not be reached: connection broken off in the TLS handshake {where}") from None
        except ssl.SSLError as error:
            what = "it does not support TLS" if error.reason in _NOT_TLS else "the TLS handshake failed"
            raise SendFailed(f"could not be reached: {what} {where}") from None
        except TimeoutError as error:
            if error.errno == errno.ETIMEDOUT:
                raise SendFailed(f"could not be reached: connection broken off in the TLS handshake {where}") from None
            raise DeadlinePassed(
                f"could not be reached: the TLS handshake was not done within {self.sockets.seconds:g} s {where}"
            ) from None
        except OSError:
            raise SendFailed(f"could not be reached: connection broken off in the TLS handshake {where}") from None


_NOT_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE")
_FAULTS = {
    9: "it is not valid yet",
    10: "it has expired",
    18: "it is self-signed",
    19: "it is self-signed, or issued by an authority that is not known",
    20: "it is issued by an authority that is not known",
    21: "it is issued by an authority that is not known",
    23: "it has been revoked",
    62: "it is for another host name",
    64: "it is for another host name",
}
"""By OpenSSL's error code (X509_V_ERR_…)."""


def _fault(error: Exception) -> str:
    if isinstance(error, CertificateError):
        return "it is for another host name"
    return _FAULTS.get(getattr(error, "verify_code", 0), "it is not valid")


def not_http() -> SendFailed:
    """Error for a peer whose bytes are not an HTTP response, or one without an unambiguous end."""
    return SendFailed("sent a response that is not HTTP")


def broken_off() -> SendFailed:
    """Error for a connection that ended too early."""
    return SendFailed("could not be read: connection broken off before the response was complete")


def pool_classes(bounds: Sockets) -> dict[str, Any]:
    """Connection pools for urllib3, by scheme, whose connections apply the limits of a session."""

    class Response(_Response):
        sockets = bounds

    class Plain(_Plain):
        sockets = bounds
        response_class = Response

    class Secure(_Secure):
        sockets = bounds
        response_class = Response

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}
