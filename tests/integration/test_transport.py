"""One exchange against a server whose every byte is the test's: nothing raises, lasts too long or is mixed up."""

from __future__ import annotations

import errno
import gzip
import io
import json
import socket
import ssl
import struct
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import trustme
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from import_watch.http_client import sockets
from import_watch.http_client import transport as transport_module
from import_watch.http_client.sockets import MAX_IDLE_SECONDS, MAX_INTERIM_RESPONSES
from import_watch.http_client.transport import CHUNK_BYTES, HttpTransport, Request
from import_watch.model.observation import FailedPoll, PollError
from import_watch.vendors.response_body import HttpResponse

from tests.loopback_server import RawExchange, RawServer, raw_servers, self_signed

ServeRaw: TypeAlias = Callable[..., RawServer]
BODY = json.dumps({"status": "SUCCESS"}).encode()
LIMIT = 100_000
NOW = 1_767_225_600.0
PACKED = gzip.compress(BODY, mtime=0)
DENSE = gzip.compress(gzip.compress(b"\0" * 20_000_000, mtime=0), mtime=0)


@pytest.fixture
def serve() -> Iterator[ServeRaw]:
    with raw_servers() as start:
        yield start


def head(*lines: bytes, status: bytes = b"200 OK") -> bytes:
    return b"\r\n".join((b"HTTP/1.1 " + status, *lines, b"", b""))


def whole(body: bytes = BODY, *lines: bytes, status: bytes = b"200 OK") -> bytes:
    return head(b"Content-Length: %d" % len(body), *lines, status=status) + body


def own(request: RawExchange) -> bytes:
    """Respond with the requested path."""
    return whole(request.path.encode())


def interim(status: bytes, *lines: bytes) -> bytes:
    return head(*lines, status=status)


def request(transport: HttpTransport, server: RawServer, path: str = "/", **form: str) -> HttpResponse | FailedPoll:
    return transport.send(Request(f"{server.url}{path}", {"Api-Key": "k"}, LIMIT, form or None))


def succeeded(transport: HttpTransport, server: RawServer, path: str = "/", **form: str) -> HttpResponse:
    response = request(transport, server, path, **form)
    assert isinstance(response, HttpResponse), response
    return response


def failed(server: RawServer) -> str:
    polled = request(HttpTransport("Vendor", private_addresses=True), server, "/x?token=hidden")
    assert isinstance(polled, FailedPoll), polled
    assert polled.error is PollError.UNAVAILABLE
    # A person reads this: no class of Python, and nothing out of the request or a header.
    assert not [word for word in ("Error", "Exception", "Timeout", "hidden", "Api-Key") if word in polled.detail]
    return polled.detail


def closes(data: bytes) -> Callable[[RawExchange], bool]:
    def behave(request: RawExchange) -> bool:
        request.send(data)
        return False

    return behave


def responds(data: bytes) -> Callable[[RawExchange], bool]:
    def behave(request: RawExchange) -> bool:
        request.send(data)
        return True

    return behave


def reset(request: RawExchange) -> bool:
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


class TestInterimResponses:
    @pytest.mark.parametrize(
        "before",
        [
            interim(b"100 Continue"),
            interim(b"102 Processing"),
            interim(b"103 Early Hints", b"Link: </a.css>; rel=preload"),
            interim(b"104 Upload Resumption Supported"),
            interim(b"199 Whatever", b"Content-Length: 20", b"Transfer-Encoding: chunked"),
            interim(b"103 Early Hints") + interim(b"100 Continue") + interim(b"102 Processing"),
            interim(b"103 Early Hints") * MAX_INTERIM_RESPONSES,
        ],
    )
    def test_they_are_skipped_and_nothing_is_mixed_up(self, serve: ServeRaw, before: bytes) -> None:
        def behave(request: RawExchange) -> None:
            request.send(before, own(request))

        server = serve(behave)
        transport = HttpTransport("Vendor", private_addresses=True)
        for path, form in (("/a", {}), ("/token", {"grant_type": "x"}), ("/b", {})):
            assert succeeded(transport, server, path, **form).body == path.encode()

    @pytest.mark.parametrize(
        "sent",
        [
            interim(b"101 Switching Protocols", b"Upgrade: h2c") + whole(),
            interim(b"103 Early Hints") * (MAX_INTERIM_RESPONSES + 1) + whole(),
            interim(b"100 Continue") * 100_000 + whole(),
            interim(b"103 Early Hints"),
            interim(b"103 Early Hints") + b"HTTP/1.1 200 OK\r\nContent-",
        ],
        ids=lambda sent: repr(sent[:20]),
    )
    def test_a_response_that_never_becomes_final_is_a_failed_poll(self, serve: ServeRaw, sent: bytes) -> None:
        assert failed(serve(closes(sent)))


class TestKeptConnection:
    @pytest.mark.parametrize(
        "first",
        [
            whole(),
            head(b"Transfer-Encoding: chunked") + b"2\r\n{}\r\n0\r\n\r\n",
            whole(PACKED, b"Content-Encoding: gzip"),
            whole(b""),
            head(status=b"204 No Content"),
            whole(status=b"503 Busy"),
            interim(b"103 Early Hints") + whole(),
        ],
    )
    def test_it_is_used_again_after_a_response_read_to_its_end(self, serve: ServeRaw, first: bytes) -> None:
        server = serve(lambda request: request.send(first if request.path == "/first" else own(request)))
        transport = HttpTransport("Vendor", private_addresses=True)
        succeeded(transport, server, "/first")
        assert succeeded(transport, server, "/second").body == b"/second"
        assert server.paths == [["/first", "/second"]]

    @pytest.mark.parametrize(
        "first",
        [
            head(b"Content-Length: 5") + BODY,  # more than it declares
            head(b"Content-Length: 21, 21") + BODY,
            whole() + b"\r\n",
            whole() + whole(b"of nobody"),
            whole() + interim(b"103 Early Hints"),
            whole(b"x" * (LIMIT + 1)),
            head(b"Transfer-Encoding: chunked") + b"2\r\n{}\r\n0\r\n\r\n" + whole(b"of nobody"),
            head(b"Transfer-Encoding: chunked", b"Content-Length: 12") + b"2\r\n{}\r\n0\r\n\r\n",
            whole(status=b"204 No Content"),
            head(b"Content-Length: 21", status=b"204 No Content"),
            head(b"Transfer-Encoding: chunked", status=b"204 No Content"),
            whole(status=b"304 Not Modified"),
            head(b"Transfer-Encoding: chunked", status=b"204 No Content") + b"2\r\n{}\r\n0\r\n\r\n",
            whole(b"", b"Location: /elsewhere", status=b"302 Found"),
            whole(BODY, b"Connection: close"),
            whole(BODY, b"Connection: keep-alive, Close"),
            whole().replace(b"HTTP/1.1", b"HTTP/1.0"),
            whole(BODY, b"Connection: keep-alive").replace(b"HTTP/1.1", b"HTTP/1.0"),
            whole(b"not packed", b"Content-Encoding: gzip", status=b"401 Unauthorized"),
        ],
        ids=lambda first: repr(first[:60]),
    )
    def test_it_is_not_where_anything_may_be_left_on_it(self, serve: ServeRaw, first: bytes) -> None:
        server = serve(lambda request: request.send(first if request.path == "/first" else own(request)))
        transport = HttpTransport("Vendor", private_addresses=True)
        succeeded(transport, server, "/first")
        assert succeeded(transport, server, "/second").body == b"/second"
        assert server.paths == [["/first"], ["/second"]]

    @pytest.mark.parametrize("tls", [False, True])
    @pytest.mark.parametrize("late", [b"\r\n", whole(b"of nobody"), head(status=b"408 Request Timeout"), b""])
    def test_it_is_not_where_something_came_later(
        self, serve: ServeRaw, tmp_path: Path, late: bytes, tls: bool
    ) -> None:
        more, sent = threading.Event(), threading.Event()

        def behave(request: RawExchange) -> bool:
            request.send(own(request))
            if request.path == "/first":
                more.wait(10)
                request.send(late)
                request.connection.shutdown(socket.SHUT_RDWR) if not late else None
                sent.set()
            return True

        transport, server = (
            trusted(serve, tmp_path, behave)
            if tls
            else (
                HttpTransport("Vendor", private_addresses=True),
                serve(behave),
            )
        )
        succeeded(transport, server, "/first")
        more.set()
        sent.wait(10)
        assert succeeded(transport, server, "/second").body == b"/second"
        assert server.paths == [["/first"], ["/second"]]

    @pytest.mark.parametrize("tls", [False, True])
    def test_it_is_not_where_more_lies_right_behind_what_was_read(
        self, serve: ServeRaw, tmp_path: Path, tls: bool
    ) -> None:
        # The buffer ends with the response: the rest is still in the socket, or in the layer of TLS.
        first = whole(b" " * (io.DEFAULT_BUFFER_SIZE - len(head(b"Content-Length: 8000"))))
        assert len(first) == io.DEFAULT_BUFFER_SIZE

        def behave(request: RawExchange) -> None:
            request.send(first + whole(b"of nobody") if request.path == "/first" else own(request))

        transport, server = trusted(serve, tmp_path, behave)
        server = server if tls else serve(behave)
        succeeded(transport, server, "/first")
        assert succeeded(transport, server, "/second").body == b"/second"
        assert server.paths == [["/first"], ["/second"]]

    @pytest.mark.parametrize(
        ("idle", "connections"), [(0, 1), (MAX_IDLE_SECONDS, 1), (MAX_IDLE_SECONDS + 1, 2), (900, 2), (-1, 2)]
    )
    def test_it_is_not_after_a_long_time_by_the_clock_on_the_wall(
        self, serve: ServeRaw, idle: float, connections: int
    ) -> None:
        now = [NOW]
        server = serve(lambda request: request.send(own(request)))
        transport = HttpTransport("Vendor", private_addresses=True, clock=lambda: now[0])
        succeeded(transport, server)
        now[0] += idle
        succeeded(transport, server)
        assert server.connections == connections

    @pytest.mark.parametrize("form", [{}, {"grant_type": "client_credentials"}])
    @pytest.mark.parametrize(
        "behave_later",
        [reset, closes(b""), closes(head(b"Connection: close", b"Content-Length: 0", status=b"408 Request Timeout"))],
    )
    def test_one_that_its_peer_has_given_up_costs_no_poll(
        self, serve: ServeRaw, behave_later: Callable[[RawExchange], bool], form: dict[str, str]
    ) -> None:
        def behave(request: RawExchange) -> bool:
            return responds(own(request))(request) if request.number == 1 else behave_later(request)

        server = serve(behave)
        transport = HttpTransport("Vendor", private_addresses=True)
        for path in ("/a", "/b", "/c"):
            assert succeeded(transport, server, path, **form).body == path.encode()
        assert server.connections == 3
        assert len(set(server.bodies)) == 1

    def test_one_on_which_nothing_is_acknowledged_costs_no_poll(
        self, serve: ServeRaw, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server = serve(lambda request: request.send(own(request)))
        transport = HttpTransport("Vendor", private_addresses=True)
        succeeded(transport, server)
        read, failures = socket.SocketIO.readinto, [TimeoutError(errno.ETIMEDOUT, "Connection timed out")]

        def readinto(received: socket.SocketIO, buffer: Any) -> int | None:
            if failures and threading.current_thread() is threading.main_thread():
                raise failures.pop()
            return read(received, buffer)

        monkeypatch.setattr(socket.SocketIO, "readinto", readinto)
        assert succeeded(transport, server, "/second").body == b"/second"
        assert (server.connections, failures) == (2, [])

    def test_a_second_attempt_that_fails_is_a_failed_poll(self, serve: ServeRaw) -> None:
        server = serve(lambda request: reset(request) if request.server.bodies[1:] else responds(whole())(request))
        transport = HttpTransport("Vendor", private_addresses=True)
        succeeded(transport, server)
        assert isinstance(request(transport, server), FailedPoll)
        assert server.paths == [["/", "/"], ["/"]]

    @pytest.mark.parametrize("sent", [b"H", b"HTTP/1.1 200 OK\r\n", interim(b"103 Early Hints"), whole()[:-1]])
    def test_there_is_no_second_attempt_once_a_response_has_begun(self, serve: ServeRaw, sent: bytes) -> None:
        server = serve(lambda request: responds(whole())(request) if request.number == 1 else closes(sent)(request))
        transport = HttpTransport("Vendor", private_addresses=True)
        succeeded(transport, server)
        assert isinstance(request(transport, server), FailedPoll)
        assert server.paths == [["/", "/"]]

    def test_there_is_no_second_attempt_on_a_new_connection(self, serve: ServeRaw) -> None:
        server = serve(reset)
        assert failed(server)
        assert server.paths == [["/x?token=hidden"]]

    def test_the_second_attempt_has_only_what_is_left_of_the_time(
        self, serve: ServeRaw, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(transport_module, "EXCHANGE_SECONDS", 0.5)

        def behave(request: RawExchange) -> bool:
            if request.number == 2:
                return reset(request)
            if request.server.connections == 2:
                request.wait_for_end()
            return responds(whole())(request)

        server = serve(behave)
        transport = HttpTransport("Vendor", private_addresses=True)
        succeeded(transport, server)
        began = time.monotonic()
        assert isinstance(request(transport, server), FailedPoll)
        assert time.monotonic() - began < 2
        assert server.connections == 2


class TestRedirect:
    @pytest.mark.parametrize("status", [b"300 x", b"301 x", b"302 x", b"303 x", b"304 x", b"307 x", b"308 x", b"399 x"])
    @pytest.mark.parametrize(
        "rest",
        [
            (b"Location: /maintenance", b"Content-Encoding: gzip, gzip", b"Content-Length: %d" % len(DENSE)),
            (b"Location: /maintenance", b"Content-Length: 60000"),
            (b"Location: http://[::1", b"Content-Length: 0"),
            (b"Location: \xff\xfe\x00", b"Transfer-Encoding: chunked"),
            (b"Location: http://" + b"a" * 60_000, b"Content-Length: 5"),
            (b"Location: /a", b"Location: /b", b"Set-Cookie: a=b; domain=..; expires=\xff"),
            (b"Location: ",),
            (),
        ],
    )
    def test_its_body_is_not_read_and_its_connection_is_closed(
        self, serve: ServeRaw, status: bytes, rest: tuple[bytes, ...]
    ) -> None:
        ended = threading.Event()

        def behave(request: RawExchange) -> bool:
            try:
                request.send(head(*rest, status=status), DENSE, *[b"x" * CHUNK_BYTES] * 1_000)
            except OSError:
                ended.set()  # the client has closed it
            return False

        tracemalloc.start()
        try:
            response = succeeded(HttpTransport("Vendor", private_addresses=True), serve(behave))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert (response.status, response.body) == (int(status[:3]), b"")
        assert peak < 2_000_000
        assert ended.wait(5)


class TestHostileResponse:
    @pytest.mark.parametrize(
        ("sent", "cause"),
        [
            (b"", "broken off before the response was complete"),
            (b"HTTP/1.1 200", "broken off before the response was complete"),
            (b"HTTP/1.1 200 OK\r\nContent-Type: a\r\n", "broken off before the response was complete"),
            (head(b"Content-Length: 500") + BODY, "broken off before the response was complete"),
            (head(b"Transfer-Encoding: chunked") + b"5\r\n{", "broken off before the response was complete"),
            (head(b"Transfer-Encoding: chunked") + b"2\r\n{}\r\n", "broken off before the response was complete"),
            (head(b"Transfer-Encoding: chunked") + b"-5\r\n" + BODY, "broken off before the response was complete"),
            (head(b"Transfer-Encoding: chunked") + b"zz\r\n{}\r\n0\r\n\r\n", "is not HTTP"),
            (head(b"Transfer-Encoding: chunked") + b"1" * 70_000, "is not HTTP"),
            (head(b"Transfer-Encoding: gzip, chunked") + BODY, "is not HTTP"),
            (head(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked") + BODY, "is not HTTP"),
            (head(b"Transfer-Encoding: \xff") + BODY, "is not HTTP"),
            (head(b"Content-Length: -5") + BODY, "is not HTTP"),
            (head(b"Content-Length: abc") + BODY, "is not HTTP"),
            (head(b"Content-Length: +21") + BODY, "is not HTTP"),
            (head(b"Content-Length: 2_1") + BODY, "is not HTTP"),
            (head(b"Content-Length: ") + BODY, "is not HTTP"),
            (head(b"Content-Length: 21, 5") + BODY, "is not HTTP"),
            (head(b"Content-Length: 21", b"Content-Length: 5") + BODY, "is not HTTP"),
            (head(b"Content-Length: " + b"9" * 5_000) + BODY, "is not HTTP"),
            (head(b"no colon", b"Content-Length: 21") + BODY, "is not HTTP"),
            (head(b"two words: x", b"Content-Length: 21") + BODY, "is not HTTP"),
            (head(b" folded first", b"Content-Length: 21") + BODY, "is not HTTP"),
            (head(b"From here", b"Content-Length: 21") + BODY, "is not HTTP"),
            (head(*[b"a: b"] * 5_000) + BODY, "is not HTTP"),
            (head(b"a: " + b"b" * 5_000_000) + BODY, "is not HTTP"),
            (head(*[b"a: " + b"b" * 60_000] * 90) + BODY, "is not HTTP"),
            (b"HTTP/1.1 abc\r\n\r\n", "is not HTTP"),
            (b"HTTP/1.1 099 x\r\n\r\n", "is not HTTP"),
            (b"HTTP/1.1 1000 x\r\n\r\n", "is not HTTP"),
            (b"HTTP/2 200\r\n\r\n", "is not HTTP"),
            (b"SSH-2.0-OpenSSH_9.6\r\n", "is not HTTP"),
            (BODY, "is not HTTP"),
            (b"\0" * 100_000, "is not HTTP"),
            (whole(b"not gzip", b"Content-Encoding: gzip"), "not compressed as it declares"),
            (whole(PACKED[:-4], b"Content-Encoding: gzip"), "compressed response that is cut off"),
            (whole(b"\x0b\x02\x80", b"Content-Encoding: br"), "with a compression that was not requested"),
            (whole(b"(\xb5/\xfd", b"Content-Encoding: zstd"), "with a compression that was not requested"),
            (whole(DENSE[:999], b"Content-Encoding: " + b"gzip, " * 200), "compressed too many times"),
        ],
        ids=lambda value: repr(value[:40]),
    )
    def test_what_cannot_be_read_is_a_failed_poll_with_a_cause(self, serve: ServeRaw, sent: bytes, cause: str) -> None:
        assert cause in failed(serve(closes(sent)))

    @pytest.mark.parametrize(
        "sent",
        [
            head() + BODY,
            head().replace(b"1.1", b"1.0") + BODY,
            whole().replace(b"\r\n", b"\n"),
            whole(BODY, b"a: b\r\n c"),
            whole(BODY, b"a: \xff\0"),
            whole(BODY, b"Content-Type: multipart/mixed; boundary=x"),
            whole(BODY, b"Content-Encoding: utf-8"),
            whole(BODY, b"Set-Cookie: a=b; expires=\xff; domain=.."),
            whole(BODY, b"Transfer-Encoding: identity"),
            head(b"Content-Length: 21", b"Content-Length: 21") + BODY,
            head(b"Transfer-Encoding: Chunked") + b"15;a=b\r\n" + BODY + b"\r\n0\r\nTrailer: x\r\n\r\n",
        ],
        ids=lambda sent: repr(sent[:60]),
    )
    def test_what_is_odd_but_clear_is_read(self, serve: ServeRaw, sent: bytes) -> None:
        response = succeeded(HttpTransport("Vendor", private_addresses=True), serve(closes(sent)))
        assert (response.status, response.body, response.truncated) == (200, BODY, False)

    @pytest.mark.parametrize(
        "sent",
        [
            head(b"Retry-After: 5", b"Content-Length: 500", status=b"429 x") + BODY,
            whole(BODY, b"Retry-After: 5", b"Content-Encoding: gzip", status=b"429 x"),
            head(b"Retry-After: 5", b"Transfer-Encoding: chunked", status=b"429 x") + b"zz\r\n",
        ],
    )
    def test_the_status_of_an_error_counts_without_its_body(self, serve: ServeRaw, sent: bytes) -> None:
        response = succeeded(HttpTransport("Vendor", private_addresses=True), serve(closes(sent)))
        assert (response.status, response.headers["retry-after"], response.truncated) == (429, "5", True)

    def test_a_body_packed_twice_is_cut_in_bounded_memory(self, serve: ServeRaw) -> None:
        server = serve(closes(whole(DENSE, b"Content-Encoding: gzip, gzip")))
        tracemalloc.start()
        try:
            response = succeeded(HttpTransport("Vendor", private_addresses=True), server)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert (len(response.body), response.truncated) == (LIMIT, True)
        assert peak < 3 * LIMIT + 10 * CHUNK_BYTES

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        start=st.integers(0, 200),
        put=st.binary(max_size=30) | st.sampled_from([b"\r\n", b"\r\n\r\n", b":", b"HTTP/1.1 100 x\r\n\r\n"]),
        taken=st.integers(0, 60),
    )
    def test_no_change_of_a_good_response_raises(self, serve: ServeRaw, start: int, put: bytes, taken: int) -> None:
        good = whole(PACKED, b"Content-Encoding: gzip", b"Retry-After: 5", b"Location: /")
        server = serve(closes(good[:start] + put + good[start + taken :]))
        polled = request(HttpTransport("Vendor", private_addresses=True), server)
        server.close()
        assert isinstance(polled, HttpResponse | FailedPoll)


class TestRequestThatCannotBeSent:
    @pytest.mark.parametrize(
        ("url", "key"),
        [
            ("http://127.0.0.1:1/", "two\r\nlines"),
            ("http://127.0.0.1:1/", "Schlüssel\u20ac"),
            ("http://127.0.0.1:1/", "\ud800"),
            ("http://127.0.0.1:99999/", "k"),
            ("http://[::1/", "k"),
            ("http:///", "k"),
            ("127.0.0.1", "k"),
            ("http://a b/", "k"),
        ],
    )
    def test_it_is_a_fault_of_the_configuration(self, url: str, key: str) -> None:
        polled = HttpTransport("Vendor", private_addresses=True).send(Request(url, {"Api-Key": key}, LIMIT))
        assert isinstance(polled, FailedPoll)
        assert polled.error is PollError.MISCONFIGURED
        assert key not in polled.detail


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port at which connecting never ends: its queue is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
        for one in waiting:
            one.close()


def resolve(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> None:
    """Let every name have these addresses."""
    found = [
        (socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))
        for host, port in addresses
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: found)


def trusted(
    serve: ServeRaw, folder: Path, behave: Callable[[RawExchange], Any], *, expired: bool = False
) -> tuple[HttpTransport, RawServer]:
    """Serve with a certificate for 127.0.0.1, and return a transport that trusts its authority."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ends = datetime.now(UTC) + timedelta(days=-1 if expired else 1)
    authority.issue_cert("127.0.0.1", not_after=ends).configure_cert(context)
    transport = HttpTransport("Vendor", private_addresses=True, authorities=str(folder / "authority.pem"))
    return transport, serve(behave, context)


class TestDeadline:
    SECONDS = 0.6

    @pytest.fixture(autouse=True)
    def soon(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(transport_module, "EXCHANGE_SECONDS", self.SECONDS)

    def late(self, transport: HttpTransport, url: str) -> str:
        began = time.monotonic()
        polled = transport.send(Request(url, {}, LIMIT))
        assert isinstance(polled, FailedPoll), polled
        assert self.SECONDS / 2 <= time.monotonic() - began < self.SECONDS + 2
        return polled.detail

    def test_the_times_fit_into_each_other(self) -> None:
        assert transport_module.CONNECT_SECONDS == 5
        assert transport_module.CONNECT_SECONDS < transport_module.READ_SECONDS <= 20

    def test_requests_is_given_no_more_time_than_is_left(
        self, serve: ServeRaw, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        transport, given = HttpTransport("Vendor", private_addresses=True), []
        send_prepared = transport._adapter.send

        def recording(*args: Any, **options: Any) -> Any:
            given.extend(options["timeout"])
            return send_prepared(*args, **options)

        monkeypatch.setattr(transport._adapter, "send", recording)
        succeeded(transport, serve(closes(whole())))
        assert [0 < seconds <= self.SECONDS for seconds in given] == [True, True]

    @pytest.mark.parametrize("dead", [1, 4])
    def test_an_address_that_leads_nowhere_leaves_time_for_the_next(
        self, serve: ServeRaw, monkeypatch: pytest.MonkeyPatch, black_hole: int, dead: int
    ) -> None:
        monkeypatch.setattr(transport_module, "EXCHANGE_SECONDS", 4.0)
        monkeypatch.setattr(transport_module, "CONNECT_SECONDS", 0.2)
        server = serve(closes(whole()))
        resolve(monkeypatch, *[("127.0.0.1", black_hole)] * dead, ("127.0.0.1", server.port))
        began = time.monotonic()
        polled = HttpTransport("Vendor", private_addresses=True).send(Request("http://vendor.example/", {}, LIMIT))
        assert isinstance(polled, HttpResponse)
        assert time.monotonic() - began < 0.2 * dead + 0.8

    def test_addresses_that_lead_nowhere_have_one_deadline_together(
        self, monkeypatch: pytest.MonkeyPatch, black_hole: int
    ) -> None:
        resolve(monkeypatch, *[("127.0.0.1", black_hole)] * 8)
        detail = self.late(HttpTransport("Vendor", private_addresses=True), "http://vendor.example/")
        assert "no connection within" in detail

    def test_one_that_opens_late_has_only_what_is_left(
        self, serve: ServeRaw, monkeypatch: pytest.MonkeyPatch, black_hole: int
    ) -> None:
        server = serve(self.drip(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200))
        resolve(monkeypatch, ("127.0.0.1", black_hole), ("127.0.0.1", server.port))
        detail = self.late(HttpTransport("Vendor", private_addresses=True), "http://vendor.example/")
        assert detail == "Vendor did not finish its response within 0.6 s"

    def test_a_look_up_that_does_not_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ended = threading.Event()
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: ended.wait(10) and [])
        detail = self.late(HttpTransport("Vendor", private_addresses=True), "http://vendor.example/")
        ended.set()
        assert detail == "Vendor could not be reached: name not looked up within 0.6 s (vendor.example)"

    @pytest.mark.parametrize("dripped", [b"", b"\x16\x03\x03\x40\x00" + b"\x02" * 200], ids=["silent", "drips"])
    def test_a_tls_handshake_that_does_not_end(self, dripped: bytes) -> None:
        ended = threading.Event()
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def behave() -> None:
                connection = listener.accept()[0]
                with connection:
                    for byte in dripped:
                        if ended.wait(0.02):
                            return
                        connection.sendall(bytes([byte]))
                    ended.wait(10)

            thread = threading.Thread(target=behave, daemon=True)
            thread.start()
            url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
            detail = self.late(HttpTransport("Vendor", private_addresses=True), url)
            ended.set()
            thread.join(10)
        assert "the TLS handshake was not done within 0.6 s" in detail

    def test_a_response_that_does_not_come(self, serve: ServeRaw) -> None:
        server = serve(lambda request: request.wait_for_end())
        detail = self.late(HttpTransport("Vendor", private_addresses=True), server.url)
        assert detail == "Vendor gave no response within 0.6 s"

    def drip(self, data: bytes, first: bytes = b"") -> Callable[[RawExchange], bool]:
        def behave(request: RawExchange) -> bool:
            request.send(first)
            request.connection.settimeout(0.02)
            for byte in data:
                request.send(bytes([byte]))
                try:
                    if not request.connection.recv(1):
                        break
                except TimeoutError:
                    continue
            return False

        return behave

    @pytest.mark.parametrize("tls", [False, True])
    @pytest.mark.parametrize(
        ("first", "dripped"),
        [
            (b"", b"HTTP/1.1 200 OK\r\nx: " + b"y" * 300),
            (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 10),
            (head(), b" " * 300),
            (head(b"Content-Length: 500"), b" " * 300),
            (head(b"Transfer-Encoding: chunked"), b"1\r\n \r\n" * 50),
            (head(b"Transfer-Encoding: chunked") + b"0\r\n", b"x: y\r\n" * 50),
            (head(b"Content-Encoding: gzip") + b"\x1f\x8b\x08\x08\0\0\0\0\0\x03", b"n" * 300),
        ],
        ids=["head", "interim", "body", "length", "chunks", "trailer", "gzip"],
    )
    def test_a_response_that_drips(
        self, serve: ServeRaw, tmp_path: Path, first: bytes, dripped: bytes, tls: bool
    ) -> None:
        transport, server = trusted(serve, tmp_path, self.drip(dripped, first))
        if not tls:
            server = serve(self.drip(dripped, first))
        assert self.late(transport, server.url) == "Vendor did not finish its response within 0.6 s"

    def test_a_first_byte_that_comes_late_but_within_it(self, serve: ServeRaw, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(transport_module, "EXCHANGE_SECONDS", 5.0)
        monkeypatch.setattr(transport_module, "READ_SECONDS", 0.1)

        def behave(request: RawExchange) -> bool:
            request.connection.settimeout(0.4)
            with pytest.raises(TimeoutError):  # the client is still there
                request.connection.recv(1)
            return closes(whole())(request)

        assert succeeded(HttpTransport("Vendor", private_addresses=True), serve(behave)).body == BODY

    def test_a_response_that_stops_in_the_middle(self, serve: ServeRaw, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(transport_module, "EXCHANGE_SECONDS", 5.0)
        monkeypatch.setattr(transport_module, "READ_SECONDS", 0.1)

        def behave(request: RawExchange) -> None:
            request.send(whole()[:-1])
            request.wait_for_end()

        began = time.monotonic()
        assert failed(serve(behave)) == "Vendor did not continue its response for 0.1 s"
        assert time.monotonic() - began < 2

    def test_it_leaves_no_connection_open(self, serve: ServeRaw) -> None:
        server = serve(self.drip(b" " * 300, head()))
        transport = HttpTransport("Vendor", private_addresses=True)
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(3):
            self.late(transport, server.url)
        assert len(list(Path("/proc/self/fd").iterdir())) < before + 10


class TestCause:
    """Causes of failures, for a person."""

    def test_a_refused_connection(self, serve: ServeRaw) -> None:
        server = serve(closes(b""))
        server.close()
        assert failed(server) == f"Vendor could not be reached: connection refused (127.0.0.1:{server.port})"

    @pytest.mark.parametrize(
        ("error", "cause"),
        [
            (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "name not found"),
            (socket.gaierror(socket.EAI_FAIL, "Non-recoverable failure"), "name could not be looked up"),
            (socket.gaierror(socket.EAI_AGAIN, "Temporary failure"), "name could not be looked up"),
            (UnicodeError("label too long"), "name not found"),
        ],
    )
    def test_a_name_without_address(self, monkeypatch: pytest.MonkeyPatch, error: Exception, cause: str) -> None:
        def unknown(*_args: Any, **_kwargs: Any) -> None:
            raise error

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        polled = HttpTransport("Vendor").send(Request("https://no-such-region.example/x?token=hidden", {}, LIMIT))
        detail = f"Vendor could not be reached: {cause} (no-such-region.example)"
        # A name that does not exist is a misconfiguration in the end, one that could not be looked up is not.
        assert polled == FailedPoll(PollError.UNAVAILABLE, detail, after_grace=cause == "name not found")

    def test_a_self_signed_certificate(self, serve: ServeRaw) -> None:
        server = serve(closes(whole()), self_signed())
        assert "its certificate is not trusted: it is self-signed (127.0.0.1:" in failed(server)
        assert server.connections == 0

    def test_a_certificate_of_an_unknown_authority(self, serve: ServeRaw, tmp_path: Path) -> None:
        server = trusted(serve, tmp_path, closes(whole()))[1]
        cause = "its certificate is not trusted: it is issued by an authority that is not known (127.0.0.1:"
        assert cause in failed(server)
        assert server.connections == 0

    def test_a_certificate_that_has_expired(self, serve: ServeRaw, tmp_path: Path) -> None:
        transport, server = trusted(serve, tmp_path, closes(whole()), expired=True)
        polled = request(transport, server)
        assert isinstance(polled, FailedPoll)
        assert "its certificate is not trusted: it has expired" in polled.detail
        assert server.connections == 0

    def test_a_certificate_of_another_host(
        self, serve: ServeRaw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        transport, server = trusted(serve, tmp_path, closes(whole()))
        resolve(monkeypatch, ("127.0.0.1", server.port))
        polled = transport.send(Request("https://vendor.example/", {}, LIMIT))
        assert isinstance(polled, FailedPoll)
        assert "its certificate is not trusted: it is for another host name (vendor.example:443)" in polled.detail
        assert server.connections == 0

    @pytest.mark.parametrize(
        ("sent", "cause"),
        [
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", "it does not support TLS"),
            (b"", "connection broken off in the TLS handshake"),
            (b"\x15\x03\x03\x00\x02\x02\x28", "the TLS handshake failed"),
        ],
    )
    def test_a_peer_without_tls(self, sent: bytes, cause: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def behave() -> None:
                connection = listener.accept()[0]
                with connection:
                    connection.recv(65_536)
                    connection.sendall(sent)

            thread = threading.Thread(target=behave, daemon=True)
            thread.start()
            url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
            polled = HttpTransport("Vendor", private_addresses=True).send(Request(url, {}, LIMIT))
            thread.join(10)
        assert isinstance(polled, FailedPoll)
        assert f"could not be reached: {cause} (127.0.0.1:" in polled.detail


class TestAddress:
    @pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "::1", "169.254.169.254"])
    def test_one_that_is_not_public_is_not_even_connected_to(
        self, serve: ServeRaw, monkeypatch: pytest.MonkeyPatch, address: str
    ) -> None:
        server = serve(closes(whole()))
        resolve(monkeypatch, (address, server.port), (address, server.port))
        polled = HttpTransport("Vendor").send(Request("http://vendor.example/", {}, LIMIT))
        assert isinstance(polled, FailedPoll)
        assert polled.error is PollError.MISCONFIGURED
        assert "an address that is not public" in polled.detail
        assert server.paths == []

    def test_one_among_public_ones_is_passed_over(self, serve: ServeRaw, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sockets, "is_public", lambda address: address == "127.0.0.1")
        server = serve(closes(whole()))
        with socket.create_server(("127.0.0.2", 0)) as private:
            resolve(monkeypatch, private.getsockname(), ("127.0.0.1", server.port))
            assert isinstance(HttpTransport("Vendor").send(Request("http://vendor.example/", {}, LIMIT)), HttpResponse)
            private.setblocking(False)
            with pytest.raises(BlockingIOError):
                private.accept()
