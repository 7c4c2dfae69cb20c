"""Memory of a whole poll that reads and archives the largest responses, measured in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from import_watch.vendors.adapter import MAX_BYTES_WITH_LOG

from local.paths import ROOT
from tests.loopback_server import Exchange, Server, servers

MAX_MEBIBYTES = 256
"""Half of what the function has."""
MEASURED = """
import json, re, resource, sys, time
from pathlib import Path

import boto3
from botocore.config import Config
import import_watch.services.polling  # what a poll loads
from import_watch.vendors.allowed_hosts import Hosts
from import_watch.vendors.connection import Connection
from import_watch.http_client.client import Client
from import_watch.aws.log_archive import LogArchive
from import_watch.aws.s3_log import S3_CONFIG
from import_watch.model.observation import Observation
from import_watch.model.watch import Watch
from poll_document360.adapter import ADAPTER

url, kind = sys.argv[1:]
s3 = boto3.client("s3", endpoint_url=url, config=S3_CONFIG.merge(Config(s3={"addressing_style": "path"})))
connection = Connection("default", url, {"apiToken": "a token of the measurement"})
began = time.monotonic()
response, polled = Client(ADAPTER, hosts=Hosts(loopback_http=True)).request_status(connection, kind)
assert isinstance(polled, Observation), polled
watch = Watch("document360#default#1", "document360", "default", kind, 0.0, 1.0)
done = LogArchive("archive", s3).archive(watch, response, polled.log, connection, 40.0)
status = Path("/proc/self/status")
if status.exists():
    # What `getrusage` gives on Linux begins with what the process that started this one had.
    mebibytes = int(re.search(r"VmHWM:\\s*(\\d+) kB", status.read_text())[1]) / 1024
else:
    mebibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2  # macOS counts bytes
print(json.dumps({
    "status": done.log.status, "response": done.response, "seconds": time.monotonic() - began,
    "mebibytes": mebibytes,
}))
"""
UNITS = {
    "numbers": "1",
    "objects": "{}",
    "short": '{"message":"x"}',
    "real": '{"message_type":1,"message":"Article %d has an unknown category","cancel_operation":false}',
}
TEXT = "🙂" + "x" * 1_000_000
"""One character that is wide has all others take as much."""
DEPTH = 60
BEFORE = '{"status":"Completed","success":true,"import_documentation_log":{"messages":['
AFTER = "]}}"


def body(kind: str) -> bytes:
    """Response of the maximum size."""
    room = MAX_BYTES_WITH_LOG - len(BEFORE) - len(AFTER) - 200
    if kind in UNITS:
        unit = UNITS[kind]
        size = len(unit) + 1 + (5 if "%d" in unit else 0)
        inside = ",".join(unit % number if "%d" in unit else unit for number in range(room // size))
    elif kind == "text":
        inside = f'{{"message":"{TEXT * (room // len(TEXT.encode()))}"}}'
    else:
        inside = "[" * DEPTH + "0," * (room // 2 - 1) + "0" + "]" * DEPTH
    return (BEFORE + inside + AFTER).encode()


@pytest.fixture
def server() -> Iterator[Server]:
    def behave(exchange: Exchange) -> None:
        if exchange.command == "PUT":
            received[exchange.path.rpartition("/")[2]] = len(exchange.request_seen.body)
            exchange.server.requests.clear()
            exchange.response(200, b"", ETag='"1"')
        else:
            exchange.response(200, body(exchange.path.rpartition("/")[2]))

    received: dict[str, int] = {}
    with servers() as start:
        yield start(behave)
    assert set(received) == {"answer.json", "log.json", "log.txt"}
    assert min(received.values()) > 0


@pytest.mark.parametrize("kind", [*UNITS, "text", "nested"])
def test_a_poll_of_the_largest_response_stays_in_memory(server: Server, kind: str) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(ROOT / "layers" / "import_watch"), str(ROOT / "functions"))),
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "POWERTOOLS_SERVICE_NAME": "memory",
    }
    ran = subprocess.run(
        [sys.executable, "-c", MEASURED, server.url, kind],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    measured = json.loads(ran.stdout.splitlines()[-1])
    assert measured["status"] == "ARCHIVED"
    assert measured["response"] is not None
    assert measured["mebibytes"] < MAX_MEBIBYTES, measured
