"""A server on this machine that plays a vendor: remembers what it was asked, and answers as it is told to."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol, TypeAlias


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Exchange(BaseHTTPRequestHandler):
    """One request, answered as the server was told to."""

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

    def answer(self, status: int, body: Any = b"", **headers: str) -> None:
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
        """Say nothing."""


Behaviour: TypeAlias = Callable[[Exchange], None]


class Server(ThreadingHTTPServer):
    """A vendor on this machine: remembers what it was asked, and answers by `behave`."""

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
    """Starts a server that behaves so."""

    def __call__(self, behave: Behaviour, tls: ssl.SSLContext | None = None) -> Server: ...


@contextmanager
def servers() -> Iterator[Serve]:
    """Give what starts servers, and end them all."""
    started: list[Server] = []

    def start(behave: Behaviour, tls: ssl.SSLContext | None = None) -> Server:
        started.append(Server(behave, tls))
        return started[-1]

    yield start
    for server in started:
        server.ended.set()
        server.shutdown()
        server.server_close()


def says(status: int, body: Any = b"", **headers: str) -> Behaviour:
    """Answer always the same; a body that is not bytes is sent as JSON."""
    return lambda exchange: exchange.answer(status, body, **headers)
