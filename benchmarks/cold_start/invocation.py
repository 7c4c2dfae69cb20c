"""Runs one handler in a fresh process, as the runtime of Lambda does, and prints what that took.

    python -I -S -B invocation.py <search path> <handler> < order

The order is a line of JSON: `event`, `follow` (the key of a response that replaces the same key in the next
event, or null) and `polls`, how often the warm handler is called. The result is the last line, also JSON. Nothing is
imported here but what the runtime has loaded anyway before it loads a handler.
"""

from __future__ import annotations

import importlib
import json
import os
import socket
import sys
import time
from collections.abc import Callable
from typing import Any


class Context:
    """What a handler learns about its invocation."""

    function_name = "benchmark"
    function_version = "$LATEST"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-west-1:000000000000:function:benchmark"
    aws_request_id = "00000000-0000-0000-0000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        """Always enough time."""
        return 60_000


class Network:
    """The CPU time inside the calls of sockets, and the requests sent, recorded between sockets and their users."""

    def __init__(self) -> None:
        self.cpu_seconds = 0.0
        self.requests: list[tuple[Any, bytes]] = []
        self._sending: Any = None
        for name in ("connect", "send", "sendall", "recv", "recv_into"):
            setattr(socket.socket, name, self._timed(name, getattr(socket.socket, name)))

    def clear(self) -> None:
        """Start again from zero."""
        self.cpu_seconds = 0.0
        self.requests = []
        self._sending = None

    def _timed(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(sock: socket.socket, *arguments: Any) -> Any:
            started = time.thread_time()
            try:
                return call(sock, *arguments)
            finally:
                self.cpu_seconds += time.thread_time() - started
                if sock.type is socket.SOCK_STREAM:
                    self._record(sock, bytes(arguments[0]) if name.startswith("send") else None)

        return timed

    def _record(self, sock: socket.socket, data: bytes | None) -> None:
        """Add what was sent to the request that is being sent; whatever else a socket does ends that."""
        if data is None:
            self._sending = None
        elif self._sending is sock:
            peer, begun = self.requests[-1]
            self.requests[-1] = (peer, begun + data)
        else:
            self._sending = sock
            self.requests.append((sock.getpeername(), data))


def main() -> None:
    """Run the handler and print the result."""
    order = json.loads(sys.stdin.readline())
    event, key = order["event"], order["follow"]
    before = set(sys.modules)
    started, cpu_started = time.perf_counter(), time.process_time()
    module, _, name = sys.argv[2].rpartition(".")
    handler = getattr(importlib.import_module(module), name)
    imported, cpu_imported = time.perf_counter(), time.process_time()
    response = handler(event, Context())
    invoked, cpu_invoked = time.perf_counter(), time.process_time()
    result = {
        "importSeconds": imported - started,
        "firstSeconds": invoked - started,
        "importCpuSeconds": cpu_imported - cpu_started,
        "firstCpuSeconds": cpu_invoked - cpu_started,
        "modules": sorted(set(sys.modules) - before),
        "response": response,
        "polls": [],
        "exchanges": 0,
        "bareSeconds": [],
    }
    if order["polls"]:
        network = Network()
        for _ in range(order["polls"]):
            event = {**event, key: response[key]} if key else event
            network.clear()
            began, cpu_began = time.perf_counter(), time.process_time()
            response = handler(event, Context())
            took, cpu_took = time.perf_counter() - began, time.process_time() - cpu_began
            result["polls"].append(
                {"seconds": took, "cpuSeconds": cpu_took, "ownCpuSeconds": cpu_took - network.cpu_seconds}
            )
        result["exchanges"] = len(network.requests)
        # A copy: what is sent from here on is recorded too.
        result["bareSeconds"] = bare(list(network.requests), order["polls"])
    result["peakBytes"] = peak_bytes()
    sys.__stdout__.write("\n" + json.dumps(result) + "\n")  # type: ignore[union-attr]


def bare(requests: list[tuple[Any, bytes]], times: int) -> list[float]:
    """Seconds that the last poll's exchanges take with nothing around them, over kept connections."""
    sockets = {peer: socket.create_connection(peer) for peer, _ in requests}
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        for peer, data in requests:
            sockets[peer].sendall(data)
            parse_response(sockets[peer])
        taken.append(time.perf_counter() - began)
    for sock in sockets.values():
        sock.close()
    return taken


def parse_response(sock: socket.socket) -> None:
    """Read an HTTP response with a Content-Length."""
    response = b""
    while b"\r\n\r\n" not in response:
        response += received(sock)
    head, _, body = response.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
    while len(body) < int(lengths[0]):
        body += received(sock)


def received(sock: socket.socket) -> bytes:
    """Next bytes.

    Raises
    ------
    ConnectionError
        If there are none.
    """
    data = sock.recv(65_536)
    if not data:
        raise ConnectionError("the server closed the connection inside a response")
    return data


def peak_bytes() -> int:
    """Most memory that this process has had; unlike getrusage's, not its parent's before it began."""
    with open("/proc/self/status") as status:  # noqa: PTH123
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


if __name__ == "__main__":
    task, layer, runtime = sys.argv[1].split(os.pathsep)
    sys.path[:0] = [task, layer]
    sys.path.append(runtime)
    import awslambdaric.bootstrap  # noqa: F401

    main()
