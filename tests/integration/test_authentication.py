"""Every way to authenticate, against a server on this machine: what is sent, and that none of it is shown again."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import parse_qs

import pytest
from import_watch.http_client.client import Client
from import_watch.model.observation import FailedPoll, ImportState, Observation, PollError
from import_watch.vendors.adapter import Adapter, Api, ConnectionSpec, StatusMap
from import_watch.vendors.allowed_hosts import Hosts
from import_watch.vendors.authentication import ApiKey, Authentication, Basic, ClientAuthentication, ClientCredentials
from import_watch.vendors.connection import Connection
from import_watch.vendors.fields import printable_id
from import_watch.vendors.request import RequestSpec
from import_watch.vendors.response import status_in
from import_watch.vendors.response_body import HttpResponse

from tests.loopback_server import Exchange, Serve, Server, respond_with

SECRET = "c4n4ry-1d8e+/=\"'&<"
TOKEN = "c4n4ry-token-5f"
USER = "a user"
STATUSES = StatusMap({ImportState.RUNNING: ("going",), ImportState.SUCCEEDED: ("done",)})
"""A vendor without a status for failures."""


def read(response: HttpResponse, _import_id: str) -> Observation | FailedPoll:
    found = status_in(response, "a job", "job", "state")
    return found if isinstance(found, FailedPoll) else Observation(STATUSES[found[1]], found[1])


def an_adapter(authentication: Authentication, request: RequestSpec | None = None) -> Adapter:
    oauth = isinstance(authentication, ClientCredentials)
    api = Api(
        statuses=STATUSES,
        connection=ConnectionSpec(
            required=("tokenUrl", "clientId", "clientSecret") if oauth else ("user", "secret"),
            secret=("clientSecret",) if oauth else ("secret",),
            base_url=lambda fields: fields.get("baseUrl"),
            base_url_fields="baseUrl",
            hosts=(),
        ),
        authentication=authentication,
        request=request or RequestSpec("/jobs/{importId}"),
        read=read,
        keeps_log=False,
    )
    return Adapter("papyrus", "Papyrus", api, printable_id, "an id")


def poll(adapter: Adapter, server: Server, token_url: str = "") -> tuple[HttpResponse | None, Observation | FailedPoll]:
    fields = {"user": USER, "secret": SECRET, "tokenUrl": token_url, "clientId": USER, "clientSecret": SECRET}
    connection = Connection("default", server.url, fields)
    return Client(adapter, hosts=Hosts(loopback_http=True)).request_status(connection, "7")


def echo(exchange: Exchange) -> None:
    """Send the credentials back as they came, and what is in them."""
    header = exchange.request_seen.headers
    sent = header.get("authorization") or header["x-key"]
    exchange.response(200, {"job": {"state": "going"}, "whole": sent, "last": sent.split()[-1], "bare": SECRET})


PAIR = base64.b64encode(f"{USER}:{SECRET}".encode()).decode()


@pytest.mark.parametrize(
    ("authentication", "header", "value"),
    [
        (ApiKey("X-Key", "secret"), "x-key", SECRET),
        (ApiKey("Authorization", "secret", scheme="Bearer"), "authorization", f"Bearer {SECRET}"),
        (ApiKey("Authorization", "secret", scheme="Token"), "authorization", f"Token {SECRET}"),
        (Basic("user", "secret"), "authorization", f"Basic {PAIR}"),
    ],
    ids=["a key", "a bearer token", "a scheme of its own", "Basic"],
)
def test_a_credential_is_in_its_header_and_nowhere_else(
    serve: Serve, authentication: Authentication, header: str, value: str
) -> None:
    server = serve(echo)
    response, polled = poll(an_adapter(authentication), server)
    assert polled == Observation(ImportState.RUNNING, "going")
    (request,) = server.requests
    assert request.headers[header] == value
    assert response is not None
    for hidden in (SECRET, PAIR, "c4n4ry"):
        assert hidden not in response.text
    refused = poll(an_adapter(authentication), serve(lambda exchange: exchange.response(401, {"message": value})))[1]
    assert isinstance(refused, FailedPoll)
    assert refused.error is PollError.UNAUTHORIZED
    assert "c4n4ry" not in refused.detail
    assert PAIR not in refused.detail


@pytest.mark.parametrize("scope", ["", "jobs.read"])
@pytest.mark.parametrize("how", ClientAuthentication)
def test_a_token_is_requested_as_the_vendor_wants_it(serve: Serve, how: ClientAuthentication, scope: str) -> None:
    tokens = serve(respond_with(200, {"access_token": TOKEN, "token_type": "Bearer"}))
    server = serve(echo)
    adapter = an_adapter(ClientCredentials(default_scope=scope, client_authentication=how))
    response, polled = poll(adapter, server, f"{tokens.url}/token")
    assert polled == Observation(ImportState.RUNNING, "going")
    assert response is not None
    assert "c4n4ry" not in response.text
    assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
    (request,) = tokens.requests
    form: dict[str, Any] = parse_qs(request.body.decode())
    assert form.get("scope") == ([scope] if scope else None)
    pair = base64.b64encode(b"a+user:c4n4ry-1d8e%2B%2F%3D%22%27%26%3C").decode()
    in_body = how is ClientAuthentication.BODY
    assert request.headers.get("authorization") == (None if in_body else f"Basic {pair}")
    assert (form.get("client_id"), form.get("client_secret")) == (([USER], [SECRET]) if in_body else (None, None))


@pytest.mark.parametrize("how", ClientAuthentication)
def test_a_token_endpoint_that_sends_the_credentials_back_shows_none(serve: Serve, how: ClientAuthentication) -> None:
    def refuse(exchange: Exchange) -> None:
        sent = exchange.request_seen.headers.get("authorization", SECRET)
        exchange.response(400, {"error": "invalid_scope", "error_description": f"{sent} {SECRET} may not"})

    polled = poll(an_adapter(ClientCredentials(client_authentication=how)), serve(echo), f"{serve(refuse).url}/t")[1]
    assert isinstance(polled, FailedPoll)
    assert "no scope was sent" in polled.detail
    assert "c4n4ry" not in polled.detail
    assert "YSt1c2Vy" not in polled.detail


def test_a_body_and_headers_are_sent_as_the_api_defines_them(serve: Serve) -> None:
    server = serve(respond_with(200, {"job": {"state": "done"}}))
    spec = RequestSpec(
        "/query", "POST", headers={"Accept": "application/vnd.job+json", "X-User": "{user}"}, json={"id": "{importId}"}
    )
    polled = poll(an_adapter(ApiKey("X-Key", "secret"), spec), server)[1]
    assert polled == Observation(ImportState.SUCCEEDED, "done")
    (request,) = server.requests
    assert (request.method, request.path, request.body) == ("POST", "/query", b'{"id": "7"}')
    assert {name: request.headers[name] for name in ("accept", "content-type", "x-user")} == {
        "accept": "application/vnd.job+json",
        "content-type": "application/json",
        "x-user": USER,
    }


def test_a_value_that_cannot_be_sent_is_a_misconfiguration(serve: Serve) -> None:
    server = serve(echo)
    spec = RequestSpec("/jobs", headers={"X-Id": "{secret}"})
    adapter = an_adapter(ApiKey("X-Key", "secret"), spec)
    connection = Connection("default", server.url, {"user": USER, "secret": "c4n4ry\r\n"})
    response, polled = Client(adapter, hosts=Hosts(loopback_http=True)).request_status(connection, "7")
    assert (response, server.requests) == (None, [])
    assert polled == FailedPoll(
        PollError.MISCONFIGURED,
        "the request to Papyrus cannot be sent: secret cannot be in the header X-Id: it must be visible ASCII",
    )
