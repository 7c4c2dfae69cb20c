"""What the functions talk to: the emulator with the deployed stack, a vendor that never ends, an X-Ray daemon."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

import trustme

from local.deployment import STACK_NAME, deploy
from local.emulator import REGION, Emulator

FIRST_IMPORT_ID = 5512340987651234567
EXECUTION = f"arn:aws:states:{REGION}:000000000000:execution:{STACK_NAME}-watch-import:benchmark"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is there.

    Parameters
    ----------
    environment : dict of str to str
        What a function's process is given: the poll function's variables, and Lambda's own.
    register : callable
        Has `register_watch` register another import, and gives its response.
    daemon : socket
        Receives the segments of traced functions.
    authority : bytes
        Certificate of the authority of the vendor's certificate.
    """

    environment: dict[str, str]
    register: Callable[[], dict[str, Any]]
    daemon: socket.socket
    authority: bytes


class _Vendor(BaseHTTPRequestHandler):
    """Reports every import as running, in one packet: two would wait for each other's acknowledgement."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self) -> None:
        body = json.dumps({"id": self.path.rpartition("/")[2], "status": "IN_PROGRESS", "type": "PRODUCTS"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        """Log nothing."""


@contextmanager
def surroundings(*, http: bool = False) -> Iterator[Surroundings]:
    """Start it all, and end it; with `http`, the vendor has no TLS."""
    with ExitStack() as running:
        emulator = running.enter_context(Emulator())
        deploy(emulator)
        authority = trustme.CA()
        secret = {"baseUrl": running.enter_context(_vendor(None if http else authority)), "apiKey": "benchmark"}
        emulator.client("secretsmanager").create_secret(
            Name=f"{STACK_NAME}/voyado/default", SecretString=json.dumps(secret)
        )
        functions = emulator.client("lambda")
        configured = functions.get_function_configuration(FunctionName=f"{STACK_NAME}-poll-voyado")
        ids = count(FIRST_IMPORT_ID)

        def register() -> dict[str, Any]:
            event = {"detail-type": "ImportStarted", "detail": {"vendor": "voyado", "importId": str(next(ids))}}
            payload = json.dumps({"event": event, "execution": EXECUTION})
            response = functions.invoke(FunctionName=f"{STACK_NAME}-register-watch", Payload=payload)
            registered: dict[str, Any] = json.loads(response["Payload"].read())
            return registered

        daemon = running.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        daemon.bind(("127.0.0.1", 0))
        environment = {
            **configured["Environment"]["Variables"],
            # A process polls one watch: handed over, it would no longer be its own.
            "MAX_POLLS_PER_EXECUTION": "1000000",
            # As in an account, and as long as the peer keeps it; the local stack reads it each second.
            "SECRET_CACHE_SECONDS": "300",
            "AWS_ENDPOINT_URL": emulator.endpoint_url,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
            "AWS_LAMBDA_FUNCTION_NAME": "benchmark",
            "LAMBDA_TASK_ROOT": "/var/task",
            "_X_AMZN_TRACE_ID": "Root=1-5e1b4151-5ac6c58f5b5daa0f5ac6c58f;Parent=53995c3f42cd8ad8;Sampled=1",
            "AWS_XRAY_DAEMON_ADDRESS": f"127.0.0.1:{daemon.getsockname()[1]}",
        }
        yield Surroundings(environment, register, daemon, authority.cert_pem.bytes())


@contextmanager
def _vendor(authority: trustme.CA | None) -> Iterator[str]:
    """Serve by https, as all vendors do: a connection for every request costs a handshake."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Vendor)
    if authority is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http{'' if authority is None else 's'}://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
