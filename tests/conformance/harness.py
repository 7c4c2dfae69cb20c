"""The harness of the conformance kit: the real polling of one vendor, an account in memory, and simulated servers.

A `Harness` serves every case of one vendor, as a warm function would; a `Case` is one watch on it, with a connection
and a secret of its own. All that a case makes the polling service log or store is kept, and no secret may be in it.
"""

from __future__ import annotations

import io
import itertools
import json
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from typing import Any, cast
from urllib.parse import parse_qsl, quote, urlsplit

from import_watch.aws.secrets import Connections
from import_watch.aws.watch_store import WatchStore
from import_watch.http_client.client import Client
from import_watch.lifecycle.start_event import StartEvent, parse
from import_watch.model.observation import ImportState
from import_watch.model.outcome import WatchResult
from import_watch.model.record import StoredWatch
from import_watch.model.serialization import from_json, to_json
from import_watch.model.watch import Start, Tolerance, Watch, connection_key
from import_watch.observability import logger
from import_watch.services.archiving import Archiving
from import_watch.vendors.adapter import Adapter
from import_watch.vendors.allowed_hosts import Hosts
from import_watch.vendors.connection import Connection

from tests.conformance.facts import VendorUnderTest
from tests.conformance.sample import Sample, filled
from tests.loopback_server import Behaviour, Exchange, Request, Serve, Server, respond_with
from tests.support.lifecycle import End, Wait, advance, start_watch
from tests.support.polling import a_poller
from tests.unit.aws_fixtures import EXECUTION, NOW, TABLE, client, connection_store, stored_item

BUCKET = "log-archive"
PREFIX = "conformance"
CANARY = "c4n4ry-5e7d0b"
"""Part of every secret and of every token; it may appear nowhere."""
CHANGED = "+/=\"'&<"
"""Also part of them: characters that encoders change."""
NOWHERE = "vendor.invalid"
"""Host that the stack allows and that has no address."""
TOLERANCE = Tolerance()
_numbers = itertools.count(1)


@dataclass
class Harness:
    """The real poller of one vendor, a server for its API, and another for its tokens."""

    vendor: VendorUnderTest
    serve: Serve
    watches: WatchStore
    refused_url: str
    api: Server = field(init=False)
    token_server: Server = field(init=False)
    secrets: list[str] = field(default_factory=list, repr=False)
    tokens: dict[str, list[str]] = field(default_factory=dict, repr=False)
    log: io.StringIO = field(default_factory=io.StringIO)

    def __post_init__(self) -> None:
        self.api = self.serve(respond_with(500))
        self.token_server = self.serve(self._issue_token)
        adapter = self.vendor.adapter
        hosts = Hosts(allowed=frozenset({NOWHERE}), loopback_http=True)
        self.connections = Connections(prefix=PREFIX, adapter=adapter, hosts=hosts, cache_seconds=3_600)
        self.client = Client(adapter, hosts=hosts, clock=lambda: NOW)
        self.poller = a_poller(
            adapter,
            self.connections,
            self.client,
            self.watches,
            connection_store(),
            Archiving(BUCKET, self.watches, keeps_log=adapter.keeps_log, downloads=self.client.log_source),
            tolerance=TOLERANCE,
        )

    def _issue_token(self, exchange: Exchange) -> None:
        """Issue a token from which the secret cannot be derived, for the request that the sample has."""
        expected, request = self.vendor.sample.token_request, exchange.request_seen
        assert expected is not None
        form = dict(parse_qsl(request.body.decode()))
        for secret in reversed(self.secrets):
            if form == {name: filled(text, secret) for name, text in expected.form.items()} and _has(
                request, expected.headers, secret
            ):
                token = f"{CANARY}-token-{next(_numbers)}{CHANGED}"
                self.tokens.setdefault(secret, []).append(token)
                exchange.response(200, {"access_token": token, "token_type": "bearer", "expires_in": 600})
                return
        exchange.response(400, {"error": "invalid_request"})

    def credential(self, request: Request) -> str:
        """Secret that a request to the API was authorised with: its whole headers are those of the sample."""
        for secret in reversed(self.secrets):
            for token in reversed(self.tokens.get(secret, [""])):
                if _has(request, self.vendor.sample.secret_headers, secret, token):
                    return secret
        raise AssertionError("no secret was sent as the sample has it")


def _has(request: Request, headers: Mapping[str, str], secret: str, token: str = "") -> bool:
    return all(request.headers.get(name.lower()) == filled(text, secret, token) for name, text in headers.items())


def path_of(url: str) -> str:
    """Path and query of a URL."""
    parts = urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "")


@dataclass
class Case:
    """One watch of one import, polled as the state machine would."""

    harness: Harness
    connection: str = field(init=False)
    start: Start = field(init=False)
    watch: Watch = field(init=False)
    secret: str = field(default="", repr=False)
    secrets: list[str] = field(default_factory=list, repr=False)
    results: list[dict[str, Any]] = field(default_factory=list)
    log_hosts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.connection = f"case-{next(_numbers)}"
        self.log_start = self.harness.log.tell()
        self.harness.api.requests.clear()
        self.harness.token_server.requests.clear()
        client("secretsmanager").create_secret(Name=self._secret_name, SecretString=self._new_secret())
        self.replace_watch(Start(self.adapter.vendor, self.sample.import_id, self.connection))

    @property
    def adapter(self) -> Adapter:
        return self.harness.vendor.adapter

    @property
    def sample(self) -> Sample:
        return self.harness.vendor.sample

    @property
    def _secret_name(self) -> str:
        return f"{PREFIX}/{self.adapter.vendor}/{self.connection}"

    def _new_secret(self, base_url: str | None = None) -> str:
        # A header is ASCII, and a form need not be.
        letter = "" if self.sample.sent_in_headers else "é"
        self.secret = f"{CANARY}-secret-{next(_numbers)}{CHANGED}{letter}"
        self.secrets.append(self.secret)
        self.harness.secrets.append(self.secret)
        fields = {name: filled(text, self.secret) for name, text in self.sample.fields.items()}
        if self.sample.token_request is not None:
            # The token endpoint is here, and not at the vendor.
            tokens = {name for name, text in fields.items() if text == self.sample.token_request.url}
            fields |= dict.fromkeys(tokens, f"{self.harness.token_server.url}/token")
        return json.dumps({**fields, "baseUrl": base_url or self.harness.api.url, "logHosts": self.log_hosts})

    def rotate(self, base_url: str | None = None) -> str:
        """Put a new secret into the connection; return the previous one."""
        before, text = self.secret, self._new_secret(base_url)
        client("secretsmanager").put_secret_value(SecretId=self._secret_name, SecretString=text)
        return before

    def move(self, base_url: str | None = None) -> None:
        """Point the connection to another URL, and refresh the cached secret."""
        self.rotate(base_url)
        self.harness.connections.get(self.connection, force_refresh=True)

    def read_start(self, text: str) -> StartEvent:
        """Read the detail of a start event, as JSON text, with this case's vendor and connection."""
        detail = {**json.loads(text), "vendor": self.adapter.vendor, "connection": self.connection}
        return parse({"detail": detail}, (self.adapter.vendor,), lambda _name: self.adapter)

    def replace_watch(self, start: Start) -> None:
        """Watch another import in this case; the first poll writes it into the table."""
        self.start = start
        self.watch = start_watch(start, time.time(), TOLERANCE).watch

    def behave(self, behaviour: Behaviour) -> None:
        """Have the vendor behave so for all requests but those of details, which have no errors."""
        sent_id = quote(self.watch.import_id, safe="")
        pages = {path_of(page.url.replace(self.sample.import_id, sent_id)): page for page in self.sample.first_pages}

        def with_details(exchange: Exchange) -> None:
            page = pages.get(exchange.path)
            if page is None:
                behaviour(exchange)
            else:
                exchange.response(page.status, page.response)

        self.harness.api.behave = with_details if pages else behaviour

    def respond_with(self, status: int, body: Any = b"", **headers: str) -> None:
        self.behave(respond_with(status, body, **headers))

    def is_in(self, state: ImportState, changes: Mapping[str, Any] | None = None) -> None:
        """Have the vendor report a state of the import, with the values of some places changed."""
        self.respond_with(200, self.sample.body(state, changes))

    def accepts_only(self, secret: str, otherwise: int) -> None:
        """Have the vendor refuse every other secret."""

        def behaviour(exchange: Exchange) -> None:
            right = self.harness.credential(exchange.request_seen) == secret
            exchange.response(200 if right else otherwise, self.sample.body(ImportState.RUNNING) if right else b"")

        self.behave(behaviour)

    def poll(self) -> dict[str, Any]:
        """Poll once; the watch goes through JSON, as between two states."""
        if not self.results:
            self.harness.watches.register(self.watch, EXECUTION, self.start, keeps_log=self.adapter.keeps_log)
        result: dict[str, Any] = json.loads(
            json.dumps(to_json(self.harness.poller.poll(self.watch, EXECUTION)), allow_nan=False)
        )
        self.watch = from_json(Watch, result["watch"])
        self.results.append(result)
        return result

    def poll_unstored(self) -> Wait | End:
        """Poll once and store nothing: the table in memory takes ten times as long as the rest of a poll."""
        connection = self.harness.connections.get(self.connection)
        assert isinstance(connection, Connection)
        polled = self.harness.client.request_status(connection, self.watch.import_id)[1]
        following = advance(self.watch, polled, time.time(), TOLERANCE)
        self.watch = following.watch
        return following

    def polled_in(self, state: ImportState) -> dict[str, Any]:
        """Poll the import in a state."""
        self.is_in(state)
        return self.poll()

    def pass_time(self, seconds: float) -> None:
        """Make the watch, and all times in it, older by `seconds`; its next poll is due now."""
        names = {part.name for part in fields(Watch)} - {"next_poll_at"}
        times = [
            name
            for name in names
            if name.endswith(("_at", "_since")) or name in ("deadline", "not_before", "refused_until")
        ]
        older = {name: at - seconds for name in times if (at := getattr(self.watch, name)) is not None}
        self.watch = replace(self.watch, **older, next_poll_at=time.time())
        # The connection's rate limit must not outlast the time that has passed either.
        client("dynamodb").update_item(
            TableName=TABLE,
            Key={"watchId": {"S": connection_key(self.watch.vendor, self.watch.connection)}},
            UpdateExpression="REMOVE throttledUntil",
        )

    def poll_repeatedly(self, seconds: float, polls: int = 5) -> dict[str, Any]:
        """Poll `polls` times in `seconds`; result of the last poll. All others only wait."""
        for _ in range(polls - 1):
            assert self.poll()["action"] == "WAIT"
            self.pass_time(seconds / (polls - 1))
        return self.poll()

    def poll_unstored_repeatedly(self, seconds: float, polls: int = 5) -> Wait | End:
        """Poll `polls` times in `seconds` and store nothing; result of the last poll."""
        for _ in range(polls - 1):
            assert isinstance(self.poll_unstored(), Wait)
            self.pass_time(seconds / (polls - 1))
        return self.poll_unstored()

    @property
    def requests(self) -> list[Request]:
        """Requests that the API received."""
        return self.harness.api.requests

    @property
    def credentials(self) -> list[str]:
        """Secret behind every request to the API."""
        return [self.harness.credential(request) for request in self.requests]

    @property
    def record(self) -> StoredWatch:
        found = self.harness.watches.get(self.watch.watch_id)
        assert found is not None
        return found

    @property
    def result(self) -> WatchResult:
        """Result of the watch in the table."""
        result = self.record.result
        assert result is not None, self.results
        return result

    @property
    def log_lines(self) -> list[dict[str, Any]]:
        """Lines of the log."""
        return [json.loads(line) for line in self._logged().splitlines()]

    def _logged(self) -> str:
        return self.harness.log.getvalue()[self.log_start :]

    def leaked(self, *more: str) -> list[str]:
        """Secrets in all that the poller logged, returned or stored, without the archive, and in texts besides."""
        stored = stored_item(self.watch.watch_id) if self.results else self.watch
        output = "\n".join((self._logged(), repr(self.results), repr(stored), *more))
        # What is composed of a secret, as by Basic authentication, is a secret as well.
        composed = {
            filled(text, secret).rpartition(" ")[2]
            for secret in self.secrets
            for text in self.sample.secret_headers.values()
            if "{base64:" in text
        }
        return [secret for secret in (CANARY, *composed) if secret in output]


@contextmanager
def listening(harness: Harness) -> Iterator[None]:
    """Send the lines of the logger to the harness."""
    handler = cast("logging.StreamHandler[Any]", logger.registered_handler)
    before = handler.setStream(harness.log)
    yield
    handler.setStream(before)
