"""A proxy between the functions and the emulator: forwards calls, and lets them fail on request.

Real sockets on the loopback address. A call can be refused, or cut off, before it was forwarded; its response can be
lost after the operation was done; and the function's worker process can be killed at either moment.
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psutil

from tests.resilience.calls import Call, read_call

UPSTREAM_SECONDS = 60
NOT_TRANSFERRED = ("connection", "transfer-encoding", "content-length", "date", "server")


class Harm(StrEnum):
    """What is done to a call."""

    REFUSED = "refused"
    CUT = "connection cut"
    RESPONSE_LOST = "done, response lost"
    KILLED_BEFORE = "worker killed before"
    KILLED_AFTER = "worker killed after"


@dataclass(frozen=True, slots=True)
class Fault:
    """A harm; a call that is refused gets an HTTP status and one of AWS's error codes."""

    harm: Harm
    status: int = 500
    code: str = "InternalServerError"


Decide = Callable[[Call], Fault | None]
Record = Callable[[Call, Fault | None, int], None]


class FaultProxy(ThreadingHTTPServer):
    """The proxy; a context manager.

    Parameters
    ----------
    decide : callable
        Returns the fault of a call, if any.
    record : callable
        Gets every call, once it was forwarded or failed: its fault, and the HTTP status of the emulator's response
        (0 where there was no request to it). It is called before the function has its response.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, decide: Decide, record: Record) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.decide = decide
        self.record = record
        self.upstream_port = 0
        self._mistakes: list[Exception] = []
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        """The endpoint for the functions."""
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> FaultProxy:
        self._thread.start()
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self.shutdown()
        self._thread.join(timeout=10)
        self.server_close()
        if self._mistakes and error is None:
            raise ExceptionGroup("the proxy itself failed", self._mistakes)
        if error is not None:
            for mistake in self._mistakes:
                error.add_note(f"The proxy itself failed: {mistake!r}")

    def handle_error(self, *_args: Any) -> None:
        """Ignore a client that has gone, or was killed: that is the purpose of this proxy."""
        error = sys.exception()
        if isinstance(error, Exception) and not isinstance(error, OSError):
            self._mistakes.append(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultProxy

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._upstream: http.client.HTTPConnection | None = None

    def finish(self) -> None:
        if self._upstream is not None:
            self._upstream.close()
        super().finish()

    def log_message(self, *_args: Any) -> None:
        """Log nothing: calls hold what logs must not."""

    def do_GET(self) -> None:
        self._respond()

    def do_HEAD(self) -> None:
        self._respond()

    def do_POST(self) -> None:
        self._respond()

    def do_PUT(self) -> None:
        self._respond()

    def do_DELETE(self) -> None:
        self._respond()

    def _respond(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if len(body) < length:
            # The caller was killed meanwhile.
            self._cut()
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        call = read_call(self.command, self.path, headers, body)
        fault = self.server.decide(call)
        harm = fault.harm if fault else None
        if fault is not None and harm is Harm.KILLED_BEFORE and not self._kill():
            fault = harm = None
        if fault is not None and harm in (Harm.REFUSED, Harm.CUT, Harm.KILLED_BEFORE):
            self.server.record(call, fault, 0)
            if harm is Harm.REFUSED:
                self._refuse(call.service, fault)
            else:
                self._cut()
            return
        response = self._forward(body)
        if response is None:
            # The emulator was restarted meanwhile.
            self._cut()
            return
        status, response_headers, response_body = response
        if harm is Harm.KILLED_AFTER and not self._kill():
            fault = harm = None
        self.server.record(call, fault, status)
        if harm is not None:
            self._cut()
            return
        self._send(status, response_headers, response_body)

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes] | None:
        try:
            if self._upstream is None:
                self._upstream = http.client.HTTPConnection(
                    "127.0.0.1", self.server.upstream_port, timeout=UPSTREAM_SECONDS
                )
                self._upstream.connect()
                self._upstream.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
            self._upstream.request(self.command, self.path, body=body or None, headers=headers)
            response = self._upstream.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException):
            self._hang_up()
            return None
        kept = [(name, value) for name, value in response.getheaders() if name.lower() not in NOT_TRANSFERRED]
        if response.will_close:
            self._hang_up()
        return response.status, kept, content

    def _hang_up(self) -> None:
        if self._upstream is not None:
            self._upstream.close()
            self._upstream = None

    def _send(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _refuse(self, service: str, fault: Fault) -> None:
        words = "the storm refuses this"
        if service == "s3":
            body = f"<Error><Code>{fault.code}</Code><Message>{words}</Message></Error>".encode()
        elif service == "sns":
            error = f"<Type>Sender</Type><Code>{fault.code}</Code><Message>{words}</Message>"
            body = f"<ErrorResponse><Error>{error}</Error><RequestId>0</RequestId></ErrorResponse>".encode()
        else:
            body = f'{{"__type": "{fault.code}", "message": "{words}"}}'.encode()
        self._send(fault.status, [("Content-Type", "text/xml" if body.startswith(b"<") else "application/json")], body)

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _kill(self) -> bool:
        """Kill the process at the other end of the connection; False where it has gone."""
        # Both ends are needed: a local port may be in use more than once, towards different servers.
        ends = (self.client_address, self.server.server_address)
        for one in psutil.net_connections("tcp4"):
            if one.pid and (one.laddr, one.raddr) == ends:
                with suppress(ProcessLookupError):
                    os.kill(one.pid, signal.SIGKILL)
                    return True
        return False
