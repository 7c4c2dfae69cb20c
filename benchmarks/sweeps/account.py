"""A loopback server with the tables and executions of a large account, which counts requests and limits their rate.

It responds to what a sweep sends, with pages as large as those of DynamoDB and Step Functions. Rates are limited by
token buckets, whose sizes are in https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""

from __future__ import annotations

import json
import random
import time
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

from import_watch.aws.connection_store import CONNECTION
from import_watch.aws.watch_items import INDEX_SECONDS, active_partition, indexed_time
from import_watch.model.watch import connection_key, watch_id
from import_watch.services.vendor_registry import VendorRegistry

from local.paths import FUNCTIONS

EXECUTIONS = "arn:aws:states:eu-west-1:123456789012:execution:import-watch-watch-import:"
STATE_MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:import-watch-watch-import"
VENDORS = VendorRegistry(FUNCTIONS).names
PAGE_BYTES = 1024 * 1024
"""Bytes of entries that DynamoDB reads for a page of a query."""
ENTRY_BYTES = 110
"""Bytes of an entry of the index of active watches."""
BUCKETS = {
    "large": {"DescribeExecution": (300, 15), "ListExecutions": (200, 5)},
    "other": {"DescribeExecution": (250, 10), "ListExecutions": (100, 2)},
}
"""Size and refill in a second of each bucket: in us-east-1, us-west-2 and eu-west-1, and in other regions."""


@dataclass
class Bucket:
    """A token bucket, on the clock of the machine."""

    size: float
    refill: float
    left: float = field(init=False)
    at: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.left = self.size

    def takes(self) -> bool:
        """Take a token, if there is one."""
        now = time.monotonic()
        self.left = min(self.size, self.left + (now - self.at) * self.refill)
        self.at = now
        if self.left < 1:
            return False
        self.left -= 1
        return True


@dataclass(frozen=True)
class Size:
    """What there is.

    Parameters
    ----------
    active, overdue, dead : int
        Active watches; those of them whose poll is overdue; and those of the overdue ones whose execution has failed.
    unlisted : float
        Share of the running executions that the lists do not have yet.
    connections : int
    region : str
        Of which quotas: `large` or `other`.
    """

    active: int
    overdue: int = 0
    dead: int = 0
    unlisted: float = 0.002
    connections: int = 300
    region: str = "large"


class Account:
    """The state of the account, and what was requested.

    Attributes
    ----------
    requests : Counter of str
        Requests by operation; those that were refused count as `throttled`.
    """

    def __init__(self, size: Size, now: float) -> None:
        chance = random.Random(3)
        self.requests: Counter[str] = Counter()
        self._lock = Lock()
        self._buckets = {name: Bucket(*bucket) for name, bucket in BUCKETS[size.region].items()}
        self._owners: dict[str, str] = {}
        self._dead: set[str] = set()
        self._partitions: dict[str, list[tuple[int, str]]] = defaultdict(list)
        self._cursor: dict[str, Any] | None = None
        self._connections: Counter[str] = Counter()
        overdue = set(chance.sample(range(size.active), size.overdue))
        dead = set(sorted(overdue)[: size.dead])
        for number in range(size.active):
            shared = number % size.connections
            vendor, connection = VENDORS[shared % len(VENDORS)], f"connection-{shared}"
            key = watch_id(vendor, connection, f"{number:08}-0000-4000-8000-{number:012}")
            poll_at = now - 3_600 if number in overdue else now + chance.uniform(0, 60)
            execution = f"{EXECUTIONS}{number:08x}-6c54-4b00-90e6-d701748f0851_{number:08x}-7425-40de-944b-e07fc1f90ae7"
            self._owners[key] = execution
            self._partitions[active_partition(key)].append((indexed_time(key, poll_at, INDEX_SECONDS), key))
            self._connections[connection_key(vendor, connection)] += 1
            if number in dead:
                self._dead.add(execution)
        for entries in self._partitions.values():
            entries.sort()
        self._partitions[CONNECTION] = [(0, key) for key in sorted(self._connections)]
        running = [one for one in self._owners.values() if one not in self._dead]
        chance.shuffle(running)
        self._listed = running[round(size.unlisted * size.active) :]

    def limit(self, operation: str, bucket: Bucket) -> None:
        """Limit an operation by another bucket."""
        self._buckets[operation] = bucket

    def respond(self, operation: str, request: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and body of the response to a request."""
        with self._lock:
            bucket = self._buckets.get(operation)
            if bucket is not None and not bucket.takes():
                self.requests["throttled"] += 1
                return 400, {"__type": "ThrottlingException", "message": "Rate exceeded"}
            self.requests[operation] += 1
            found: dict[str, Any] = getattr(self, f"_{operation}")(request)
            return 200, found

    def _Query(self, request: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802 - named as the operation
        if not request["IndexName"].startswith("active"):
            return {"Items": [], "Count": 0}
        values = request["ExpressionAttributeValues"]
        name = values[":active"]["S"]
        entries = self._partitions.get(name, [])
        first = 0
        if "ExclusiveStartKey" in request:
            after = request["ExclusiveStartKey"]
            first = bisect_right(entries, (int(float(after["nextPollAt"]["N"])), after["watchId"]["S"]))
        last = len(entries)
        if ":until" in values:
            last = bisect_right(entries, (int(float(values[":until"]["N"])), "\U0010ffff"))
        page = entries[first : min(last, first + PAGE_BYTES // ENTRY_BYTES)]
        items = [{"watchId": {"S": key}, "active": {"S": name}, "nextPollAt": {"N": str(at)}} for at, key in page]
        more = {"LastEvaluatedKey": items[-1]} if items and first + len(page) < last else {}
        return {"Items": items, "Count": len(items), **more}

    def _BatchGetItem(self, request: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        ((table, wanted),) = request["RequestItems"].items()
        keys = [key["watchId"]["S"] for key in wanted["Keys"]]
        if len(keys) > 100:
            raise ValueError("DynamoDB reads at most 100 items in a request")
        return {"Responses": {table: [self._item(key) for key in keys]}, "UnprocessedKeys": {}}

    def _GetItem(self, request: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        key = request["Key"]["watchId"]["S"]
        if key == "sweep":
            return {} if self._cursor is None else {"Item": self._cursor}
        return {"Item": self._item(key)} if key in self._owners else {}

    def _PutItem(self, request: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        self._cursor = request["Item"]
        return {}

    def _UpdateItem(self, _request: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {}

    def _TransactWriteItems(self, _request: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {}

    def _DescribeExecution(self, request: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        execution = request["executionArn"]
        status = "FAILED" if execution in self._dead else "RUNNING"
        return {"executionArn": execution, "stateMachineArn": STATE_MACHINE, "status": status, "startDate": 1}

    def _ListExecutions(self, request: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        first, most = int(request.get("nextToken", 0)), request["maxResults"]
        if most > 1_000:
            raise ValueError("Step Functions lists at most 1,000 executions in a response")
        page = [
            {"executionArn": one, "stateMachineArn": STATE_MACHINE, "name": "", "status": "RUNNING", "startDate": 1}
            for one in self._listed[first : first + most]
        ]
        more = {"nextToken": str(first + most)} if first + most < len(self._listed) else {}
        return {"executions": page, **more}

    def _StartExecution(self, _request: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"executionArn": EXECUTIONS, "startDate": 1}

    def _item(self, key: str) -> dict[str, Any]:
        if key not in self._owners:
            return {"watchId": {"S": key}, "activeWatches": {"N": str(self._connections[key])}}
        vendor, connection, import_id = key.split("#")
        numbers = {"registeredAt": "1795651200", "deadline": "1795737600", "polls": "57"}
        return {
            "watchId": {"S": key},
            "vendor": {"S": vendor},
            "connection": {"S": connection},
            "importId": {"S": import_id},
            "execution": {"S": self._owners[key]},
            "keepsLog": {"BOOL": True},
            "active": {"S": active_partition(key)},
            **{name: {"N": value} for name, value in numbers.items()},
        }


@contextmanager
def serving(account: Account) -> Iterator[str]:
    """Serve an account on the loopback address; gives its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            operation = self.headers["x-amz-target"].rpartition(".")[2]
            status, found = account.respond(operation, json.loads(body))
            response = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("content-type", "application/x-amz-json-1.0")
            self.send_header("content-length", str(len(response)))
            self.end_headers()
            self.wfile.write(response)

        def log_message(self, *_of: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
