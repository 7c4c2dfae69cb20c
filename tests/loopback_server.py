"""Local HTTP servers that act as a vendor: they record requests and respond as a test defines."""

from __future__ import annotations

import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol, TypeAlias

import trustme


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Exchange(BaseHTTPRequestHandler):
    """One request, and the response that the server's `behave` sends."""

    server: Server
    request_seen: Request

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        self.request_seen = Request(self.command, self.path, headers, body)
        self.server.requests.append(self.request_seen)
        self.server.behave(self)

    def do_POST(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.do_GET()

    def do_DELETE(self) -> None:
        self.do_GET()

    def response(self, status: int, body: Any = b"", **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def drip(self, data: bytes, every: float) -> None:
        """Send a byte at a time, until there are no more or the client has gone."""
        for byte in data:
            self.connection.sendall(bytes([byte]))
            self.server.ended.wait(every)

    def log_message(self, *_args: Any) -> None:
        """Log nothing."""


Behaviour: TypeAlias = Callable[[Exchange], None]


class Server(ThreadingHTTPServer):
    """Local HTTP server: records its requests, and responds by `behave`."""

    def __init__(self, behave: Behaviour, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        self.behave = behave
        self.requests: list[Request] = []
        self.ended = threading.Event()
        self._scheme = "http" if tls is None else "https"
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.server_port}"

    def handle_error(self, *_args: Any) -> None:
        """A client that has gone is what some tests are about."""


class Serve(Protocol):
    """Starts a server with this behaviour."""

    def __call__(self, behave: Behaviour, tls: ssl.SSLContext | None = None) -> Server: ...


@contextmanager
def servers() -> Iterator[Serve]:
    """Function that starts servers; all end with the context."""
    started: list[Server] = []

    def start(behave: Behaviour, tls: ssl.SSLContext | None = None) -> Server:
        started.append(Server(behave, tls))
        return started[-1]

    yield start
    for server in started:
        server.ended.set()
        server.shutdown()
        server.server_close()


@contextmanager
def refusing() -> Iterator[str]:
    """Base URL of a port that refuses connections: bound, so that no other process listens there, and not listening."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


def self_signed() -> ssl.SSLContext:
    """Server side of TLS with a certificate of an authority that no client trusts."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with authority.cert_pem.tempfile() as certificate, authority.private_key_pem.tempfile() as key:
        context.load_cert_chain(certificate, key)
    return context


def respond_with(status: int, body: Any = b"", **headers: str) -> Behaviour:
    """Behaviour with a fixed response; a body that is not bytes is sent as JSON."""
    return lambda exchange: exchange.response(status, body, **headers)


@dataclass
class RawExchange:
    """One request of a raw server: the `number`-th of its connection, counted from 1."""

    server: RawServer
    connection: socket.socket
    number: int
    path: str

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.connection.sendall(piece)

    def wait_for_end(self) -> None:
        """Wait until the client has closed the connection, or the test has ended."""
        self.connection.settimeout(10)
        with suppress(OSError):
            while self.connection.recv(65_536):
                pass


RawBehaviour: TypeAlias = Callable[[RawExchange], bool | None]
"""Responds to one request; False closes the connection."""


class RawServer:
    """A server whose every byte is the test's, on connections that are kept; remembers paths by connection."""

    def __init__(self, behave: RawBehaviour, tls: ssl.SSLContext | None = None) -> None:
        self.behave = behave
        self.paths: list[list[str]] = []
        self.bodies: list[bytes] = []
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http{'' if tls is None else 's'}://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def connections(self) -> int:
        """How many connections carried a request."""
        return sum(1 for paths in self.paths if paths)

    def close(self) -> None:
        # Shutting it wakes the thread that accepts, which closing alone does not.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection = self._listener.accept()[0]
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        paths: list[str] = []
        self.paths.append(paths)
        with suppress(OSError), connection:
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection, connection.makefile("rb") as received:
                while line := received.readline():
                    head = line
                    while (line := received.readline()).strip():
                        head += line
                    length = re.search(rb"(?i)content-length: ([0-9]+)", head)
                    self.bodies.append(received.read(int(length[1]) if length else 0))
                    paths.append(head.split(b" ")[1].decode())
                    if self.behave(RawExchange(self, connection, len(paths), paths[-1])) is False:
                        return


@contextmanager
def raw_servers() -> Iterator[Callable[..., RawServer]]:
    """Function that starts raw servers; all end with the context."""
    started: list[RawServer] = []

    def start(behave: RawBehaviour, tls: ssl.SSLContext | None = None) -> RawServer:
        started.append(RawServer(behave, tls))
        return started[-1]

    yield start
    for server in started:
        server.close()
