"""A check of a connection distinguishes credentials, host, scope and rate limit, and shows no secret."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from import_watch_cli.connections import adapter_of, check, secret_name
from import_watch_cli.errors import CommandError
from import_watch_cli.findings import Finding, Level
from import_watch_cli.stack import Stack

from tests.cli.test_watches import STACK
from tests.loopback_server import Behaviour, Exchange, Serve, servers
from tests.unit.aws_fixtures import aws_account, client

KEY = "a-very-secret-key"
HTML = b"<!doctype html><title>Not found</title>"


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    with aws_account(monkeypatch):
        outputs = {**STACK.outputs, "ConnectionSecretPrefix": "import-watch"}
        yield replace(STACK, outputs=outputs, parameters={"AllowLoopbackHttp": "true"})


@pytest.fixture
def serve() -> Iterator[Serve]:
    with servers() as start:
        yield start


def put(vendor: str, fields: dict[str, Any]) -> None:
    client("secretsmanager").create_secret(Name=f"import-watch/{vendor}/default", SecretString=json.dumps(fields))


def with_token(status: int, body: Any) -> Behaviour:
    """Vendor with a token endpoint, and a response to the request that follows."""

    def behave(exchange: Exchange) -> None:
        if exchange.command == "POST":
            exchange.response(200, {"access_token": "token", "expires_in": 300})
        else:
            exchange.response(status, body)

    return behave


def egain(stack: Stack, url: str) -> list[Finding]:
    put("egain", {"baseUrl": url, "tokenUrl": f"{url}/token", "clientId": "client", "clientSecret": KEY})
    return list(check(stack, "egain", "default"))


@pytest.mark.parametrize(
    ("status", "body", "level", "fix"),
    [
        (404, {"error": "no such job"}, Level.GOOD, None),
        (400, {"error": "invalid job id"}, Level.GOOD, None),
        (401, {"error": "invalid token"}, Level.PROBLEM, "Check that the client may use this API"),
        (403, {"error": "insufficient scope"}, Level.PROBLEM, "app.knowledge.contentmgr.manage"),
        (429, b"", Level.WARNING, "The rate limit is used up"),
        (503, b"maintenance", Level.PROBLEM, "or try again later"),
        (404, HTML, Level.WARNING, "leads to the vendor's API"),
        (200, b"hello", Level.PROBLEM, "leads to the vendor's API"),
    ],
)
def test_a_response_is_named_with_its_fix(
    stack: Stack, serve: Serve, status: int, body: Any, level: Level, fix: str | None
) -> None:
    found = egain(stack, serve(with_token(status, body)).url)
    assert [one.check for one in found] == ["secret", "token", "request"]
    assert found[-1].level is level, found[-1]
    assert (found[-1].fix is None) if fix is None else (fix in (found[-1].fix or ""))
    assert KEY not in repr(found)


@pytest.mark.parametrize(
    ("status", "body", "fix"),
    [
        (401, {"error": "invalid_client"}, '"clientId" and "clientSecret"'),
        (400, {"error": "invalid_scope"}, 'Set "scope" in the secret'),
        (404, HTML, 'Correct "tokenUrl"'),
        (429, b"", "The rate limit is used up"),
        (503, b"", 'the host in "tokenUrl"'),
    ],
)
def test_a_refused_token_is_named_with_its_fix(stack: Stack, serve: Serve, status: int, body: Any, fix: str) -> None:
    found = egain(stack, serve(lambda exchange: exchange.response(status, body)).url)
    assert [one.check for one in found] == ["secret", "token"]
    assert found[-1].level is Level.PROBLEM
    assert fix in (found[-1].fix or ""), found[-1]
    assert KEY not in repr(found)


def test_a_host_that_cannot_be_reached_is_named(stack: Stack, refused_url: str) -> None:
    put("voyado", {"baseUrl": refused_url, "apiKey": KEY})
    found = list(check(stack, "voyado", "default"))
    assert (found[-1].check, found[-1].level) == ("request", Level.PROBLEM)
    assert "Check the host in clusterId (or baseUrl)" in (found[-1].fix or "")


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (None, "does not exist"),
        ({"baseUrl": "https://example.com", "apiKey": KEY}, "neither the vendor's nor in the parameter AllowedHosts"),
        ({"ApiKey": KEY}, "did you mean apiKey?"),
    ],
)
def test_an_incomplete_secret_is_named(stack: Stack, fields: dict[str, Any] | None, text: str) -> None:
    if fields is not None:
        put("voyado", fields)
    (found,) = check(stack, "voyado", "default")
    assert (found.check, found.level) == ("secret", Level.PROBLEM)
    assert text in found.text
    assert KEY not in repr(found)


def test_a_connection_has_a_valid_name(stack: Stack) -> None:
    assert secret_name(stack, "voyado", "second.one") == "import-watch/voyado/second.one"
    with pytest.raises(CommandError, match="Connection must be 1 to 64 letters"):
        secret_name(stack, "voyado", "../egain")
    with pytest.raises(CommandError, match="VENDOR must be one of"):
        adapter_of("unknown")


def test_a_version_that_will_end_is_a_warning(stack: Stack, serve: Serve) -> None:
    url = serve(lambda exchange: exchange.response(200, {"id": "1", "status": "NOT_FOUND"})).url
    put("voyado", {"baseUrl": url, "apiKey": KEY, "apiVersion": "4", "adminApiVersion": "v3"})
    secret, version, _request = check(stack, "voyado", "default")
    assert (secret.check, version.check, version.level) == ("secret", "version", Level.WARNING)
    assert version.text == "version 3 of Voyado Elevate's Admin API ends on 2026-12-31"
    assert version.fix == "Set adminApiVersion to v4 in the secret, then check again."
