"""The vendor client against a server on this machine: every result is a value, in bounded time."""

from __future__ import annotations

import gzip
import json
import math
import tracemalloc
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from import_watch import USER_AGENT
from import_watch.http_client.client import Client
from import_watch.http_client.oauth import MAX_TOKEN_SECONDS, TOKEN_MARGIN, TOKEN_SECONDS
from import_watch.http_client.transport import CHUNK_BYTES
from import_watch.model.observation import FailedPoll, ImportState, Observation, PollError
from import_watch.services.vendor_registry import VendorRegistry
from import_watch.vendors.allowed_hosts import Hosts
from import_watch.vendors.connection import Connection
from import_watch.vendors.response_body import HttpResponse

from local.paths import FUNCTIONS
from tests.conformance.sample import filled, samples
from tests.loopback_server import Exchange, Serve, respond_with

ID = "5512340987651234567"
JOB = "7a84b875-6f75-4c7b-b137-0632b62db0bd"
CANARY = "c4n4ry-7f3b9d21"
CHANGED = "+/=\"'&<"
"""Characters that encoders change."""
SAMPLES = {sample.vendor: sample for sample in samples().values() if not sample.version}
"""Samples of the vendors' default versions."""
GOOD = {vendor: sample.only_status(ImportState.RUNNING) for vendor, sample in SAMPLES.items()}
VENDORS = VendorRegistry(FUNCTIONS)


def connection(vendor: str, url: str, token_url: str = "", **more: str) -> Connection:
    sample = SAMPLES[vendor]
    secret = f"secret-{CANARY}{CHANGED}" + ("" if sample.sent_in_headers else "é")
    fields = {name: filled(text, secret) for name, text in sample.required.items()}
    if sample.token_request is not None:
        fields |= {"tokenUrl": token_url or f"{url}/token", "clientId": "client"}
    return Connection("default", url, {**fields, **more})


def poll(url: str, vendor: str = "voyado") -> tuple[HttpResponse | None, Observation | FailedPoll]:
    return Client(VENDORS.adapter(vendor), hosts=Hosts(loopback_http=True)).request_status(connection(vendor, url), ID)


def failed(url: str, vendor: str = "voyado") -> FailedPoll:
    polled = poll(url, vendor)[1]
    assert isinstance(polled, FailedPoll), polled
    assert CANARY not in repr(polled)
    return polled


class TestRequest:
    @pytest.mark.parametrize(
        ("vendor", "header", "path"),
        [
            ("document360", "api_token", f"/v2/Project/Import/{ID}"),
            ("voyado", "api-key", f"/api/v2/import/status/{ID}"),
        ],
    )
    def test_a_key_goes_into_its_header_and_nowhere_else(
        self, serve: Serve, vendor: str, header: str, path: str
    ) -> None:
        server = serve(respond_with(200, GOOD[vendor]))
        response, polled = poll(server.url, vendor)
        assert isinstance(polled, Observation)
        assert polled.state is ImportState.RUNNING
        assert response is not None
        assert (response.status, response.json(), response.truncated) == (200, GOOD[vendor], False)
        (request,) = server.requests
        assert (request.method, request.path, request.body) == ("GET", path, b"")
        assert CANARY in request.headers[header]
        assert [name for name, value in request.headers.items() if CANARY in value] == [header]

    def test_json_is_requested_under_our_own_name(self, serve: Serve) -> None:
        server = serve(respond_with(200, GOOD["voyado"]))
        poll(server.url)
        headers = server.requests[0].headers
        assert (headers["accept"], headers["user-agent"]) == ("application/json", USER_AGENT)

    def test_a_hostile_id_stays_in_its_segment_on_the_wire(self, serve: Serve) -> None:
        server = serve(respond_with(200, GOOD["document360"]))
        Client(VENDORS.adapter("document360"), hosts=Hosts(loopback_http=True)).request_status(
            connection("document360", server.url), "../a/b?c#d%2e"
        )
        assert server.requests[0].path == "/v2/Project/Import/..%2Fa%2Fb%3Fc%23d%252e"

    @pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"])
    def test_no_proxy_is_taken_from_the_environment(
        self, serve: Serve, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        server, proxy = serve(respond_with(200, GOOD["voyado"])), serve(respond_with(200, {"status": "SUCCESS"}))
        monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        poll(server.url)
        assert (len(server.requests), proxy.requests) == (1, [])

    def test_no_credentials_are_taken_from_the_environment(
        self, serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login someone password something\n")
        monkeypatch.setenv("NETRC", str(netrc))
        server = serve(respond_with(200, GOOD["voyado"]))
        poll(server.url)
        assert "authorization" not in server.requests[0].headers

    def test_a_cookie_of_one_connection_is_not_sent_for_another(self, serve: Serve) -> None:
        server = serve(respond_with(200, GOOD["voyado"], Set_Cookie="session=of-the-first"))
        client = Client(VENDORS.adapter("voyado"), hosts=Hosts(loopback_http=True))
        client.request_status(connection("voyado", server.url), ID)
        client.request_status(connection("voyado", server.url, apiKey="of-the-second"), ID)
        assert [request.headers.get("cookie") for request in server.requests] == [None, None]


class TestRedirect:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    @pytest.mark.parametrize("vendor", VENDORS.names)
    def test_a_redirect_is_not_followed(self, serve: Serve, vendor: str, status: int) -> None:
        elsewhere = serve(respond_with(200, {"status": "Completed"}))
        token = serve(respond_with(200, {"access_token": "issued"}))
        server = serve(respond_with(status, b"", Location=elsewhere.url))
        polled = Client(VENDORS.adapter(vendor), hosts=Hosts(loopback_http=True)).request_status(
            connection(vendor, server.url, token.url), ID
        )[1]
        assert isinstance(polled, FailedPoll)
        assert polled.error is PollError.UNREADABLE
        assert (len(server.requests), elsewhere.requests) == (1, [])

    @pytest.mark.parametrize("status", [302, 307])
    def test_a_redirect_of_the_token_endpoint_is_not_followed(self, serve: Serve, status: int) -> None:
        elsewhere = serve(respond_with(200, {"access_token": "issued"}))
        server = serve(respond_with(status, b"", Location=elsewhere.url))
        assert failed(server.url, "egain").error is PollError.UNAVAILABLE
        assert (len(server.requests), elsewhere.requests) == (1, [])


class TestBody:
    LIMIT = VENDORS.adapter("voyado").api().max_bytes

    def padded(self, size: int) -> bytes:
        body = json.dumps({"status": "SUCCESS"}).encode()
        return body + b" " * (size - len(body))

    def test_a_body_of_the_limit_is_read_whole(self, serve: Serve) -> None:
        response, polled = poll(serve(respond_with(200, self.padded(self.LIMIT))).url)
        assert isinstance(polled, Observation)
        assert response is not None
        assert (len(response.body), response.truncated) == (self.LIMIT, False)

    def test_a_body_over_the_limit_is_cut_and_unreadable(self, serve: Serve) -> None:
        response, polled = poll(serve(respond_with(200, self.padded(self.LIMIT + 1))).url)
        assert isinstance(polled, FailedPoll)
        assert polled.error is PollError.UNREADABLE
        assert response is not None
        assert (len(response.body), response.truncated) == (self.LIMIT, True)

    def test_a_body_without_end_is_cut(self, serve: Serve) -> None:
        def endless(exchange: Exchange) -> None:
            exchange.send_response(200)
            exchange.end_headers()
            while not exchange.server.ended.is_set():
                exchange.wfile.write(b" " * CHUNK_BYTES)

        response = poll(serve(endless).url)[0]
        assert response is not None
        assert (len(response.body), response.truncated) == (self.LIMIT, True)

    def test_a_compressed_body_is_read(self, serve: Serve) -> None:
        packed = gzip.compress(json.dumps(GOOD["voyado"]).encode())
        response, polled = poll(serve(respond_with(200, packed, Content_Encoding="gzip")).url)
        assert isinstance(polled, Observation)
        assert response is not None
        assert response.json() == GOOD["voyado"]

    def test_a_compressed_body_that_swells_is_cut_in_bounded_memory(self, serve: Serve) -> None:
        packed = gzip.compress(b" " * (200 * self.LIMIT))
        server = serve(respond_with(200, packed, Content_Encoding="gzip"))
        tracemalloc.start()
        try:
            response = poll(server.url)[0]
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert response is not None
        assert response.truncated
        assert peak < 20 * self.LIMIT

    @pytest.mark.parametrize("body", [b"not gzip", gzip.compress(b"{}", mtime=0)[:5] + b"\xff" * 20])
    def test_a_body_not_compressed_as_declared_is_a_failed_poll(self, serve: Serve, body: bytes) -> None:
        assert failed(serve(respond_with(200, body, Content_Encoding="gzip")).url).error is PollError.UNAVAILABLE

    def test_a_body_that_breaks_off_fails_though_it_parses(self, serve: Serve) -> None:
        cut = respond_with(200, {"status": "SUCCESS"}, Content_Length="500")
        assert failed(serve(cut).url).error is PollError.UNAVAILABLE

    @pytest.mark.parametrize("body", [b"5\r\n{", b"zz\r\n{}\r\n0\r\n\r\n"])
    def test_a_body_in_broken_chunks_is_a_failed_poll(self, serve: Serve, body: bytes) -> None:
        def chunked(exchange: Exchange) -> None:
            exchange.connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body)

        assert failed(serve(chunked).url).error is PollError.UNAVAILABLE


class TestNetwork:
    def test_an_address_that_is_not_public_gets_no_byte(self, serve: Serve) -> None:
        server = serve(respond_with(200, {"status": "IN_PROGRESS"}))
        polled = Client(VENDORS.adapter("voyado")).request_status(connection("voyado", server.url), ID)[1]
        assert isinstance(polled, FailedPoll)
        assert (polled.error, server.requests) == (PollError.MISCONFIGURED, [])

    def test_a_refused_connection_is_a_failed_poll(self, refused_url: str) -> None:
        response, polled = poll(refused_url)
        assert response is None
        cause = f"Voyado Elevate could not be reached: connection refused ({refused_url.removeprefix('http://')})"
        assert polled == FailedPoll(PollError.UNAVAILABLE, cause)

    def test_connections_that_are_done_with_are_let_go(self, serve: Serve) -> None:
        server = serve(respond_with(200, {"status": "IN_PROGRESS"}, Connection="close"))
        client = Client(VENDORS.adapter("voyado"), hosts=Hosts(loopback_http=True))
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(20):
            client.request_status(connection("voyado", server.url), ID)
        assert len(list(Path("/proc/self/fd").iterdir())) < before + 10


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("status", "headers", "seconds"),
        [
            (429, {"Retry_After": "17"}, 17.0),
            (429, {"X_RateLimit_Reset": "30"}, 30.0),
            (429, {"Retry_After": "-2147483648"}, 0.0),
            (429, {"Retry_After": "Thu, 01 Jan 2099 00:00:00 GMT"}, 900.0),
            (429, {}, None),
            (503, {"Retry_After": "86400"}, 900.0),
            (503, {"X_RateLimit_Reset": "30"}, None),
            (403, {"X_RateLimit_Reset": "30", "X_RateLimit_Remaining": "0"}, 30.0),
            *((status, {"Retry_After": "17"}, 17.0) for status in (302, 400, 401, 403, 408, 418, 500, 502, 504)),
        ],
    )
    def test_the_retry_after_of_a_vendor_is_kept(
        self, serve: Serve, status: int, headers: dict[str, str], seconds: float | None
    ) -> None:
        assert failed(serve(respond_with(status, b"", **headers)).url).retry_after == seconds

    def test_it_does_not_matter_with_a_success(self, serve: Serve) -> None:
        assert isinstance(poll(serve(respond_with(200, GOOD["voyado"], Retry_After="17")).url)[1], Observation)

    def test_no_header_of_a_vendor_raises(self, serve: Serve) -> None:
        hostile = "Thu, 01 Jan 2026 00:00:00 +" + "9" * 20
        assert failed(serve(respond_with(429, b"", Retry_After=hostile)).url).error is PollError.THROTTLED


class TestSecrecy:
    @pytest.mark.parametrize("vendor", VENDORS.names)
    @pytest.mark.parametrize("status", [400, 401, 500])
    def test_credentials_that_a_vendor_echoes_are_removed(self, serve: Serve, vendor: str, status: int) -> None:
        def echo(exchange: Exchange) -> None:
            if exchange.path == "/token":
                exchange.response(200, {"access_token": CANARY})
            else:
                credentials = [exchange.headers[name] for name in SAMPLES[vendor].secret_headers]
                exchange.response(status, {"message": f"{credentials} is not valid here"})

        assert failed(serve(echo).url, vendor).detail

    def test_the_archived_response_has_no_credentials_or_signatures(self, serve: Serve) -> None:
        def echo(exchange: Exchange) -> None:
            url = "https://host/log?X-Amz-Signature=deadbeef"
            exchange.response(200, {**GOOD["voyado"], "token": exchange.headers["Api-Key"], "url": url})

        url = serve(echo).url
        response = poll(url, "voyado")[0]
        assert response is not None
        assert response.json() == {**GOOD["voyado"], "token": "(redacted)", "url": "https://host/log"}

    def test_a_secret_that_a_token_endpoint_echoes_is_removed(self, serve: Serve) -> None:
        server = serve(respond_with(401, {"error": f"bad secret secret-{CANARY}{CHANGED}é"}))
        assert failed(server.url, "egain").error is PollError.UNAUTHORIZED


@dataclass
class Tokens:
    """A token endpoint that numbers its tokens."""

    serve: Serve
    lifetime: dict[str, Any] = field(default_factory=lambda: {"expires_in": 600})
    now: float = 1_767_225_600.0

    def __post_init__(self) -> None:
        self.issued = 0
        self.server = self.serve(self.behave)
        self.client = Client(VENDORS.adapter("egain"), hosts=Hosts(loopback_http=True), clock=lambda: self.now)

    def behave(self, exchange: Exchange) -> None:
        if exchange.path == "/token":
            self.issued += 1
            exchange.response(200, {"access_token": f"issued-{self.issued}", **self.lifetime})
        else:
            exchange.response(200, GOOD["egain"])

    def used(self, fields: dict[str, str] | None = None, *, force_refresh: bool = False) -> str:
        """Request the status of a job, and return the token that was used."""
        polled = self.client.request_status(
            connection("egain", self.server.url, **(fields or {})), JOB, force_refresh=force_refresh
        )[1]
        assert isinstance(polled, Observation), polled
        return self.server.requests[-1].headers["authorization"]


class TestToken:
    def test_it_is_fetched_with_the_client_credentials(self, serve: Serve) -> None:
        tokens = Tokens(serve)
        tokens.used()
        token_request, status_request = tokens.server.requests
        assert (token_request.method, token_request.path) == ("POST", "/token")
        assert parse_qs(token_request.body.decode()) == {
            "grant_type": ["client_credentials"],
            "client_id": ["client"],
            "client_secret": [f"secret-{CANARY}{CHANGED}é"],
            "scope": ["knowledge.contentmgr.manage"],
        }
        assert token_request.headers["content-type"] == "application/x-www-form-urlencoded"
        assert CANARY not in json.dumps(token_request.headers)
        assert status_request.path == f"/knowledge/contentmgr/v4/import/content/{JOB}/status"
        assert status_request.headers["authorization"] == "Bearer issued-1"
        assert CANARY not in json.dumps(status_request.headers)

    def test_a_scope_of_the_connection_replaces_the_default(self, serve: Serve) -> None:
        tokens = Tokens(serve)
        tokens.used({"scope": "knowledge.read"})
        assert parse_qs(tokens.server.requests[0].body.decode())["scope"] == ["knowledge.read"]

    def test_it_is_fetched_once_and_reused(self, serve: Serve) -> None:
        tokens = Tokens(serve)
        assert [tokens.used() for _ in range(3)] == ["Bearer issued-1"] * 3
        assert tokens.issued == 1

    @pytest.mark.parametrize(
        ("lifetime", "kept"),
        [
            ({"expires_in": 600}, 600 - TOKEN_MARGIN),
            ({"expires_in": 86_400}, 86_400 - TOKEN_MARGIN),
            ({"expires_in": 60}, 30),
            ({}, TOKEN_SECONDS - TOKEN_MARGIN),
            ({"expires_in": None}, TOKEN_SECONDS - TOKEN_MARGIN),
            ({"expires_in": "soon"}, TOKEN_SECONDS - TOKEN_MARGIN),
            ({"expires_in": True}, TOKEN_SECONDS - TOKEN_MARGIN),
            ({"expires_in": math.nan}, TOKEN_SECONDS - TOKEN_MARGIN),
            ({"expires_in": "NaN"}, TOKEN_SECONDS - TOKEN_MARGIN),
            ({"expires_in": "١٢٠"}, TOKEN_SECONDS - TOKEN_MARGIN),
            ({"expires_in": "3600"}, 3_600 - TOKEN_MARGIN),
            ({"expires_in": " 3600.0 "}, 3_600 - TOKEN_MARGIN),
            ({"expires_in": 3_000_000}, MAX_TOKEN_SECONDS - TOKEN_MARGIN),
        ],
    )
    def test_it_is_fetched_again_before_it_expires(self, serve: Serve, lifetime: dict[str, Any], kept: float) -> None:
        tokens = Tokens(serve, lifetime)
        tokens.used()
        tokens.now += kept - 1
        assert tokens.used() == "Bearer issued-1"
        tokens.now += 2
        assert tokens.used() == "Bearer issued-2"

    @pytest.mark.parametrize("expires_in", [-5, 0, "0", "-5", 0.001])
    def test_one_that_has_ended_already_is_used_once(self, serve: Serve, expires_in: Any) -> None:
        tokens = Tokens(serve, {"expires_in": expires_in})
        assert tokens.used() == "Bearer issued-1"
        tokens.now += 1
        assert tokens.used() == "Bearer issued-2"

    def test_a_new_one_is_fetched_on_request(self, serve: Serve) -> None:
        tokens = Tokens(serve)
        assert [tokens.used(), tokens.used(force_refresh=True), tokens.used()] == [
            "Bearer issued-1",
            "Bearer issued-2",
            "Bearer issued-2",
        ]

    @pytest.mark.parametrize("change", [{"clientId": "other"}, {"clientSecret": "rotated"}, {"scope": "other"}])
    def test_other_credentials_fetch_their_own(self, serve: Serve, change: dict[str, str]) -> None:
        tokens = Tokens(serve)
        assert (tokens.used(), tokens.used(change), tokens.used()) == (
            "Bearer issued-1",
            "Bearer issued-2",
            "Bearer issued-1",
        )

    @pytest.mark.parametrize(
        ("status", "body", "error", "cause"),
        [
            # The credentials are refused.
            *(
                (status, {"error": code}, PollError.UNAUTHORIZED, code)
                for status in (200, 400, 401, 403, 422)
                for code in ("invalid_client", "unauthorized_client", "invalid_scope", "invalid_grant")
            ),
            (400, {"error": " Invalid_Client\n"}, PollError.UNAUTHORIZED, "HTTP 400, Invalid_Client"),
            (404, {"error": "invalid_client"}, PollError.UNAUTHORIZED, "invalid_client"),
            (401, b"", PollError.UNAUTHORIZED, "HTTP 401, the client credentials are refused"),
            (401, b"<html>", PollError.UNAUTHORIZED, "HTTP 401"),
            (401, {"message": "no"}, PollError.UNAUTHORIZED, "HTTP 401"),
            (401, {"error": "Unauthorized"}, PollError.UNAUTHORIZED, "HTTP 401, Unauthorized"),
            (401, {"error": ["invalid_request"]}, PollError.UNAUTHORIZED, "HTTP 401"),
            # There is no token endpoint.
            (404, b"<html>nope</html>", PollError.MISCONFIGURED, "HTTP 404: no token endpoint at this URL"),
            (405, b"", PollError.MISCONFIGURED, "HTTP 405"),
            (410, {"message": "gone"}, PollError.MISCONFIGURED, "HTTP 410"),
            # It passes.
            *(
                (status, {"error": code, "error_description": "Later."}, PollError.UNAVAILABLE, f"{code}: Later.")
                for status in (200, 400, 401, 403, 404)
                for code in ("temporarily_unavailable", "server_error", "slow_down", "invalid_request")
            ),
            (400, {"error": "unsupported_grant_type"}, PollError.UNAVAILABLE, "unsupported_grant_type"),
            (400, {"error": "own_code"}, PollError.UNAVAILABLE, "own_code"),
            (200, {"error": "own_code"}, PollError.UNAVAILABLE, "own_code"),
            (403, b"<html>Access Denied</html>", PollError.UNAVAILABLE, "HTTP 403 without an error code"),
            *((status, b"", PollError.UNAVAILABLE, f"HTTP {status}") for status in (400, 403, 406, 407, 408, 415, 500)),
            *((status, {"error": "invalid_client"}, PollError.UNAVAILABLE, "HTTP 5") for status in (500, 502, 503)),
            (429, {"error": "slow_down"}, PollError.THROTTLED, "HTTP 429, slow_down"),
            (429, b"", PollError.THROTTLED, "HTTP 429"),
            # It cannot be read.
            (200, {"access_token": "t", "token_type": "mac"}, PollError.UNAVAILABLE, "a token of type mac, not Bearer"),
            (200, {"access_token": "t", "token_type": 5}, PollError.UNAVAILABLE, "not Bearer"),
            (200, b" " * 70_000, PollError.UNAVAILABLE, "more than 65,536 bytes"),
            (204, b"", PollError.UNAVAILABLE, "HTTP 204 without a token"),
            (302, b"", PollError.UNAVAILABLE, "HTTP 302, a redirect"),
        ],
        ids=lambda value: repr(value)[:40],
    )
    def test_no_token_means_this(self, serve: Serve, status: int, body: Any, error: PollError, cause: str) -> None:
        server = serve(respond_with(status, body))
        polled = failed(server.url, "egain")
        assert (polled.error, polled.after_grace) == (error, error is PollError.MISCONFIGURED)
        assert polled.detail.startswith(f"no token from tokenUrl: HTTP {status}")
        assert cause in polled.detail
        assert [request.path for request in server.requests] == ["/token"]

    @pytest.mark.parametrize(
        ("scope", "sent", "others"),
        [
            ({}, "knowledge.contentmgr.manage", "app.knowledge.contentmgr.manage"),
            (
                {"scope": "app.knowledge.contentmgr.manage"},
                "app.knowledge.contentmgr.manage",
                "knowledge.contentmgr.manage",
            ),
            ({"scope": "own"}, "own", "knowledge.contentmgr.manage or app.knowledge.contentmgr.manage"),
        ],
    )
    def test_a_refused_scope_is_named_with_the_other_one(
        self, serve: Serve, scope: dict[str, str], sent: str, others: str
    ) -> None:
        server = serve(respond_with(400, {"error": "invalid_scope"}))
        client = Client(VENDORS.adapter("egain"), hosts=Hosts(loopback_http=True))
        polled = client.request_status(connection("egain", server.url, **scope), JOB)[1]
        assert isinstance(polled, FailedPoll)
        assert f"the scope sent was {sent}; if the client was given {others}, set scope" in polled.detail

    @pytest.mark.parametrize(
        ("status", "headers", "error", "seconds"),
        [
            (429, {"Retry_After": "17"}, PollError.THROTTLED, 17),
            (503, {"Retry_After": "17"}, PollError.UNAVAILABLE, 17),
            (500, {"Retry_After": "17"}, PollError.UNAVAILABLE, 17),
            (403, {"Retry_After": "17"}, PollError.THROTTLED, 17),
            (403, {"X_RateLimit_Reset": "17", "X_RateLimit_Remaining": "0"}, PollError.THROTTLED, 17),
            (403, {"X_RateLimit_Reset": "17"}, PollError.UNAVAILABLE, None),
            (400, {"Retry_After": "17"}, PollError.UNAVAILABLE, 17),
            (302, {"Retry_After": "17"}, PollError.UNAVAILABLE, 17),
        ],
    )
    def test_the_retry_after_of_a_token_endpoint_is_kept(
        self, serve: Serve, status: int, headers: dict[str, str], error: PollError, seconds: float | None
    ) -> None:
        polled = failed(serve(respond_with(status, b"", **headers)).url, "egain")
        assert (polled.error, polled.retry_after) == (error, seconds)

    def test_a_long_description_is_cut_and_has_no_secret_in_it(self, serve: Serve) -> None:
        description = f"{'x' * 190} secret-{CANARY} {CANARY}-token and more"
        body = {"error": "invalid_client", "error_description": description, "access_token": f"{CANARY}-token"}
        detail = failed(serve(respond_with(400, body)).url, "egain").detail
        assert len(detail) < 280

    @pytest.mark.parametrize("kind", [{}, {"token_type": None}, {"token_type": ""}, {"token_type": " BEARER "}])
    def test_a_token_of_no_other_type_is_used(self, serve: Serve, kind: dict[str, Any]) -> None:
        tokens = Tokens(serve, kind)
        assert tokens.used() == "Bearer issued-1"

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"<html>",
            [],
            {},
            {"access_token": None},
            {"access_token": 5},
            {"access_token": ""},
            {"access_token": " \n"},
            {"access_token": "two\r\nlines: x"},
            {"access_token": "Größe"},
            {"access_token": "x" * CHUNK_BYTES},
        ],
        ids=lambda body: repr(body)[:30],
    )
    def test_a_response_without_a_usable_token_is_a_poll_error(self, serve: Serve, body: Any) -> None:
        server = serve(respond_with(200, body))
        assert failed(server.url, "egain").error is PollError.UNAVAILABLE
        assert len(server.requests) == 1

    def test_a_token_endpoint_out_of_reach_is_unavailable(self, serve: Serve, refused_url: str) -> None:
        server = serve(respond_with(200, GOOD["egain"]))
        polled = Client(VENDORS.adapter("egain"), hosts=Hosts(loopback_http=True)).request_status(
            connection("egain", server.url, refused_url), JOB
        )[1]
        assert isinstance(polled, FailedPoll)
        assert (polled.error, server.requests) == (PollError.UNAVAILABLE, [])

    def test_a_token_that_the_api_refuses_is_unauthorized(self, serve: Serve) -> None:
        def refuse(exchange: Exchange) -> None:
            token = exchange.path == "/token"
            exchange.response(200 if token else 401, {"access_token": "issued"} if token else {})

        assert failed(serve(refuse).url, "egain").error is PollError.UNAUTHORIZED
