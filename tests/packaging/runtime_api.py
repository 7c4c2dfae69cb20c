"""The Runtime API of Lambda on this machine: sends a function its events, and receives its responses.

As AWS documents it under "Using the Lambda runtime API for custom runtimes", version 2018-06-01.
"""

from __future__ import annotations

import json
import queue
import subprocess
import threading
import time
import uuid
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from local.lambda_layout import Layout

START = Path(__file__).with_name("start_function.py")
PREFIX = "/2018-06-01/runtime/"
RESPONSE_SECONDS = 60


class FunctionError(Exception):
    """The function failed, as it would on Lambda."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__(f"{error.get('errorType')}: {error.get('errorMessage')}")
        self.kind = error.get("errorType")


class _Api(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.events: queue.Queue[bytes | None] = queue.Queue()
        self.responses: queue.Queue[tuple[str, bytes]] = queue.Queue()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Api

    def do_GET(self) -> None:
        event = self.server.events.get()
        if event is None:  # the function has been ended
            self.close_connection = True
            return
        headers = {
            "Lambda-Runtime-Aws-Request-Id": str(uuid.uuid4()),
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + RESPONSE_SECONDS) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:000000000000:function:packaged",
        }
        self._send(200, event, headers)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        # …/invocation/<id>/response, …/invocation/<id>/error, or …/init/error
        self.server.responses.put((self.path.removeprefix(PREFIX).rpartition("/")[2], body))
        self._send(202, b'{"status": "OK"}')

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        """Log nothing."""


class Function:
    """A function that runs in its place under the runtime client; a context manager that ends it.

    Parameters
    ----------
    layout : Layout
        Where its code is.
    handler : str
        As the template has it.
    environment : mapping of str to str
        All that its process is given.
    log : Path
        Where its log is written.
    """

    def __init__(self, layout: Layout, handler: str, environment: Mapping[str, str], log: Path) -> None:
        self._layout = layout
        self._handler = handler
        self._environment = environment
        self._log = log
        self._api = _Api()
        self._process: subprocess.Popen[bytes] | None = None

    def invoke(self, event: Any) -> dict[str, Any]:
        """Invoke the function.

        Raises
        ------
        FunctionError
            If it responds with an error, or cannot start.
        AssertionError
            If it ends, or does not respond in time; with its log.
        """
        self._api.events.put(json.dumps(event).encode())
        ends = time.monotonic() + RESPONSE_SECONDS
        while True:
            try:
                kind, body = self._api.responses.get(timeout=0.2)
                break
            except queue.Empty:
                ended = self._process is None or self._process.poll() is not None
                if ended or time.monotonic() > ends:
                    raise AssertionError(
                        f"{self._handler} did not respond; its log:\n{self._log.read_text()}"
                    ) from None
        result: dict[str, Any] = json.loads(body)
        if kind == "error":
            raise FunctionError(result)
        return result

    def __enter__(self) -> Function:
        threading.Thread(target=self._api.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._layout.command(START, self._handler),
                env={**self._environment, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._api.server_port}"},
                cwd=self._layout.task,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=10)
        self._api.events.put(None)
        self._api.shutdown()
        self._api.server_close()
