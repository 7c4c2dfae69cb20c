"""The HTTP server of all simulators: it accepts scripts, and responds to polls as the vendor's documentation describes.

    python -m local.simulators.server document360

prints its port as a line of JSON and serves until its standard input is closed, so that it never outlives the process
that started it. `PUT /_simulator/imports/{id}` with `{"steps": […]}` scripts an import, `GET /_simulator/imports/{id}`
returns when it was polled, and how often the response was a fault.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from local.simulators.registry import simulated
from local.simulators.responses import Request, Response, Simulator
from local.simulators.script import Import

CONTROL = "/_simulator/imports/"
SLOWEST_SECONDS = 120.0


class SimulatorServer(ThreadingHTTPServer):
    """Server of one vendor."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, simulators: Sequence[Simulator]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.simulators = simulators
        self.imports: dict[str, Import] = {}
        self.lock = threading.Lock()

    def handle_error(self, *args: Any) -> None:
        """Log nothing: with a fault, clients disconnect while they wait."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: SimulatorServer

    def do_GET(self) -> None:
        self._response(b"")

    def do_POST(self) -> None:
        self._response(self._body())

    def do_PUT(self) -> None:
        self._response(self._body())

    def log_message(self, *args: Any) -> None:
        """Log nothing: the polls of an import can be requested."""

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", "0")))

    def _response(self, body: bytes) -> None:
        path, query = urlsplit(self.path).path, urlsplit(self.path).query
        if path.startswith(CONTROL):
            self._send(self._control(unquote(path.removeprefix(CONTROL)), body))
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, path, headers, body, query)
        known = [one for one in self.server.simulators if one.import_id(request) is not None]
        simulator = known[0] if known else self.server.simulators[0]
        response = simulator.before(request)
        if response is not None:
            self._send(response)
            return
        import_id = simulator.import_id(request)
        if import_id is None:
            self._send(Response(404, {"message": "no such path"}))
            return
        now = time.time()
        with self.server.lock:
            scripted = self.server.imports.get(import_id.lower())
            moment = scripted.poll(now) if scripted else None
        if moment is None or moment.step.get("unknown"):
            self._send(simulator.unknown(import_id))
        elif "fault" in moment.step:
            self._fail(moment.step["fault"])
        else:
            self._send(simulator.response(import_id, moment, now))

    def _control(self, import_id: str, body: bytes) -> Response:
        with self.server.lock:
            if self.command == "PUT":
                steps = json.loads(body)["steps"]
                self.server.imports[import_id.lower()] = Import(steps)
                return Response(200, {"steps": len(steps)})
            scripted = self.server.imports.get(import_id.lower())
            if scripted is None:
                return Response(200, {"polledAt": [], "faults": 0})
            return Response(200, {"polledAt": scripted.polled_at, "faults": scripted.faults})

    def _send(self, response: Response) -> None:
        body = response.body if isinstance(response.body, bytes) else json.dumps(response.body).encode()
        self.send_response(response.status)
        for name, value in {"Content-Type": "application/json", **response.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _fail(self, fault: Mapping[str, Any]) -> None:
        """Inject a fault: `{"reset": true}` cuts the connection, `{"hang": seconds}` sends nothing, else a response."""
        if fault.get("reset"):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return
        if "hang" in fault:
            threading.Event().wait(min(float(fault["hang"]), SLOWEST_SECONDS))
        body = fault.get("body", "")
        self._send(
            Response(
                fault.get("status", 200),
                body.encode() if isinstance(body, str) else body,
                {"Content-Type": "text/plain", **fault.get("headers", {})},
            )
        )


def main() -> None:
    """Serve the vendor named on the command line until standard input is closed."""
    server = SimulatorServer([simulator() for simulator in simulated(sys.argv[1]).apis])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(json.dumps({"port": server.server_port}) + "\n")
    sys.stdout.flush()
    sys.stdin.buffer.read()
    server.shutdown()


if __name__ == "__main__":
    main()
