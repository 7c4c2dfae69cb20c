"""The proxy kills the right process: the one that made the call."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.resilience.proxy import Fault, FaultProxy, Harm

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only root sees whose a connection is")
SECONDS = 20
OTHERS = 12
CALLER = """
import socket, sys
caller = socket.socket()
caller.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
caller.bind(("127.0.0.1", int(sys.argv[1])))
caller.connect(("127.0.0.1", int(sys.argv[2])))
print(caller.getsockname()[1], flush=True)
sys.stdin.readline()
caller.sendall(b"GET / HTTP/1.1\\r\\n\\r\\n")
caller.recv(1)
"""


@contextmanager
def calling(server: int, port: int = 0) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Have a process connected to a server, from a local port if one is given; it calls when it gets a line."""
    command = [sys.executable, "-I", "-c", CALLER, str(port), str(server)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


def test_only_the_caller_is_killed_where_others_share_its_port() -> None:
    proxy = FaultProxy(lambda _: Fault(Harm.KILLED_BEFORE), lambda *_: None)
    with ExitStack() as running:
        running.enter_context(proxy)
        caller, port = running.enter_context(calling(proxy.server_port))
        servers = [running.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(OTHERS)]
        others = [running.enter_context(calling(server.getsockname()[1], port)) for server in servers]
        assert {same for _, same in others} == {port}
        assert caller.stdin is not None
        caller.stdin.write("call\n")
        caller.stdin.flush()
        assert caller.wait(SECONDS) == -signal.SIGKILL
        assert [other.poll() for other, _ in others] == [None] * len(others)
