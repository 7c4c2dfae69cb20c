"""Fetching a log behind a URL from a server on this machine: from allowed hosts alone, and within every limit."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from import_watch.aws.log_archive import LogArchive
from import_watch.http_client import log_download
from import_watch.http_client.client import Client
from import_watch.model.observation import ImportState, LogRecord, LogStatus, MissingLog, Observation, StoredLog
from import_watch.vendors.adapter import Adapter, Api, ConnectionSpec, StatusMap
from import_watch.vendors.allowed_hosts import Hosts
from import_watch.vendors.authentication import ApiKey
from import_watch.vendors.connection import Connection
from import_watch.vendors.fields import log_at, object_of, printable_id
from import_watch.vendors.request import RequestSpec
from import_watch.vendors.response_body import HttpResponse

from tests.loopback_server import Behaviour, Exchange, Serve, respond_with
from tests.unit.aws_fixtures import REGION, a_watch, aws_account, client

ARCHIVE = "archive"
SECONDS, MAX_SECONDS = 1.0, 4.0
BODY = b"line 1\nline 2\n"
KEY = "c4n4ry-key"
SIGNED = "/logs/import.csv?X-Amz-Signature=c4n4ry-signature"
LOCAL = Hosts(loopback_http=True)


def read(response: HttpResponse, _import_id: str) -> Observation:
    return Observation(ImportState.SUCCEEDED, "done", log=log_at(object_of(response.json()), "log"))


def an_adapter(log_hosts: tuple[str, ...] = (r"logs\.lodge\.example",)) -> Adapter:
    api = Api(
        statuses=StatusMap({}),
        connection=ConnectionSpec(("key",), ("key",), lambda _fields: None, "baseUrl", ()),
        authentication=ApiKey("X-Key", "key"),
        request=RequestSpec("/jobs/{importId}"),
        read=read,
        keeps_log=True,
        log_hosts=log_hosts,
    )
    return Adapter("lodge", "Lodge", api, printable_id, "an id")


def a_connection(base_url: str = "https://acme.lodge.example", *log_hosts: str) -> Connection:
    return Connection("default", base_url, {"key": KEY}, log_hosts=frozenset(log_hosts or ("127.0.0.1",)))


def fetched(
    location: str, connection: Connection | None = None, hosts: Hosts = LOCAL, seconds: float = 20.0, **adapter: Any
) -> LogRecord | MissingLog:
    archive = LogArchive(ARCHIVE, client("s3"), Client(an_adapter(**adapter), hosts=hosts).log_source)
    began = time.monotonic()
    found = archive.fetch(a_watch(), StoredLog(location), connection or a_connection(), seconds)
    assert time.monotonic() - began < seconds + MAX_SECONDS
    assert "c4n4ry" not in repr(found)
    return found


def content(record: LogRecord | MissingLog) -> bytes:
    assert isinstance(record, LogRecord)
    assert record.location is not None
    key = record.location.removeprefix(f"s3://{ARCHIVE}/")
    body: bytes = client("s3").get_object(Bucket=ARCHIVE, Key=key)["Body"].read()
    return body


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with aws_account(monkeypatch):
        client("s3").create_bucket(Bucket=ARCHIVE, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield


def test_a_log_is_archived_without_its_signature(serve: Serve) -> None:
    server = serve(respond_with(200, BODY, Content_Type="text/csv"))
    record = fetched(server.url + SIGNED)
    assert isinstance(record, LogRecord)
    assert (record.status, record.bytes, record.source) == (
        LogStatus.ARCHIVED,
        len(BODY),
        f"{server.url}/logs/import.csv",
    )
    assert (record.location or "").endswith("/log.csv")
    assert content(record) == BODY
    (request,) = server.requests
    assert (request.method, request.path) == ("GET", SIGNED)
    assert "x-key" not in request.headers


def test_a_signed_url_of_a_response_is_requested_whole_and_shown_nowhere(serve: Serve) -> None:
    logs = serve(respond_with(200, BODY))
    vendor = serve(respond_with(200, {"state": "done", "log": f"{logs.url}{SIGNED}", "note": KEY}))
    connection = a_connection(vendor.url)
    client_of_vendor = Client(an_adapter(), hosts=LOCAL)
    response, polled = client_of_vendor.request_status(connection, "7")
    assert isinstance(polled, Observation)
    assert isinstance(polled.log, StoredLog)
    assert response is not None
    assert b"c4n4ry" not in response.body
    assert "c4n4ry" not in repr((response, polled)) + polled.log.location
    archive = LogArchive(ARCHIVE, client("s3"), client_of_vendor.log_source)
    record = archive.fetch(a_watch(), polled.log, connection, 20.0)
    assert content(record) == BODY
    assert "c4n4ry" not in repr(record)
    assert [request.path for request in logs.requests] == [SIGNED]


@pytest.mark.parametrize("encoding", ["br", "zstd"])
@pytest.mark.parametrize(("status", "again"), [(200, True), (404, True), (400, False)])
def test_an_encoding_that_was_not_requested_is_named(serve: Serve, encoding: str, status: int, again: bool) -> None:
    found = fetched(f"{serve(respond_with(status, BODY, Content_Encoding=encoding)).url}/log")
    assert isinstance(found, MissingLog) is again
    assert "unexpected" not in (found.reason or "")


@pytest.mark.parametrize("path", [False, True])
def test_credentials_are_sent_to_the_own_host_alone(serve: Serve, path: bool) -> None:
    own, other = serve(respond_with(200, BODY)), serve(respond_with(200, BODY))
    connection = a_connection(own.url)
    assert content(fetched("/jobs/1/log" if path else f"{own.url}/jobs/1/log", connection)) == BODY
    assert content(fetched(f"{other.url}/jobs/1/log", connection)) == BODY
    assert [request.headers.get("x-key") for request in (*own.requests, *other.requests)] == [KEY, None]


@pytest.mark.parametrize("encoding", ["gzip", "identity", "utf-8"])
def test_an_encoded_log_is_archived_decoded(serve: Serve, encoding: str) -> None:
    body = b"line\n" * 100_000
    sent = gzip.compress(body) if encoding == "gzip" else body
    server = serve(respond_with(200, sent, Content_Encoding=encoding))
    assert content(fetched(f"{server.url}/log")) == body


NOT_LISTED = "its host is not in the connection's logHosts"
REFUSED = {
    "not in the secret": ("https://logs.lodge.example/l", ("other.lodge.example",), NOT_LISTED),
    "only a part of a name in the secret": ("https://logs.lodge.example/l", ("lodge.example",), NOT_LISTED),
    "not of the vendor": ("https://logs.elsewhere.example/l", ("logs.elsewhere.example",), "neither a log host"),
    "a host that looks alike": ("https://logs.lodge.example.x.example/l", ("logs.lodge.example",), "neither a log"),
    "a dot at the end": ("https://logs.lodge.example./l", ("logs.lodge.example",), "neither a log host"),
    "plain http": ("http://logs.lodge.example/l", ("logs.lodge.example",), "must begin with https://"),
    "user information": ("https://logs.lodge.example@elsewhere.example/l", ("logs.lodge.example",), "is not a URL"),
    "a backslash": ("https://elsewhere.example\\@logs.lodge.example/l", ("logs.lodge.example",), "is not a URL"),
    "a line break": ("https://logs.lodge.example/l\r\nX: y", ("logs.lodge.example",), "is not a URL"),
    "another host of the vendor": ("https://acme.lodge.example/l", ("acme.lodge.example",), "neither a log host"),
    "the metadata service": ("http://169.254.169.254/latest", ("169.254.169.254",), "must begin with https://"),
    "a relative URL of another host": ("//logs.lodge.example/l", ("logs.lodge.example",), "it names no object in S3"),
    "a file": ("file:///etc/passwd", ("logs.lodge.example",), "it names no object in S3"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_host_needs_the_adapter_and_the_secret(case: str) -> None:
    location, allowed, reason = REFUSED[case]
    record = fetched(location, a_connection("https://acme.lodge.example", *allowed), Hosts())
    assert isinstance(record, LogRecord)
    assert (record.status, record.location) == (LogStatus.VENDOR_ONLY, None)
    assert reason in (record.reason or "")


def test_a_vendor_whose_logs_are_not_behind_urls_is_as_before() -> None:
    record = fetched("https://logs.lodge.example/l", log_hosts=())
    assert record == LogRecord(
        LogStatus.VENDOR_ONLY, source="https://logs.lodge.example/l", reason="it names no object in S3"
    )


def test_a_private_address_is_never_connected_to() -> None:
    connection = a_connection("https://acme.lodge.example", "localhost")
    record = fetched("https://localhost/l", connection, Hosts(), log_hosts=("localhost",))
    assert record == LogRecord(
        LogStatus.UNAVAILABLE,
        source="https://localhost/l",
        reason="it could not be fetched: its host could not be reached: its host has an address that is not public",
    )


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(serve: Serve, status: int) -> None:
    elsewhere = serve(respond_with(200, BODY))
    server = serve(respond_with(status, b"", Location=f"{elsewhere.url}/log"))
    record = fetched(f"{server.url}/log")
    assert isinstance(record, LogRecord)
    assert record.status is LogStatus.UNAVAILABLE
    assert f"HTTP {status}, a redirect, which is never followed" in (record.reason or "")
    assert elsewhere.requests == []


@pytest.mark.parametrize(
    ("status", "again"),
    [*((status, True) for status in (401, 403, 404, 429, 500, 503)), *((status, False) for status in (204, 400, 410))],
)
def test_what_a_later_request_may_change_is_awaited(serve: Serve, status: int, again: bool) -> None:
    found = fetched(serve(respond_with(status)).url + SIGNED)
    assert isinstance(found, MissingLog) is again
    assert f"its host responded with HTTP {status}" in (found.reason or "")


def breaks_off(exchange: Exchange) -> None:
    exchange.connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nline 1\n")


def hangs(exchange: Exchange) -> None:
    exchange.server.ended.wait()


def drips(exchange: Exchange) -> None:
    exchange.connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    exchange.drip(b"x" * 1_000, 0.1)


def babbles(exchange: Exchange) -> None:
    exchange.connection.sendall(b"\x00\xff not HTTP\r\n\r\n")


@pytest.mark.parametrize(
    ("behaviour", "again"),
    [(breaks_off, True), (hangs, True), (babbles, True), (drips, False)],
    ids=lambda one: getattr(one, "__name__", str(one)),
)
def test_a_server_that_fails_ends_in_time(serve: Serve, behaviour: Behaviour, again: bool) -> None:
    found = fetched(f"{serve(behaviour).url}/log", seconds=SECONDS)
    assert isinstance(found, MissingLog) is again
    assert client("s3").list_objects_v2(Bucket=ARCHIVE)["KeyCount"] == 0
    if behaviour in (hangs, drips):
        assert found.reason == "it could not be fetched: it took too long"


@pytest.mark.parametrize("announced", [True, False])
def test_a_log_that_is_too_large_stays_at_the_vendor(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, announced: bool
) -> None:
    monkeypatch.setattr(log_download.LogDownload, "max_bytes", 100_000)
    body = b"x" * 100_001
    server = serve(respond_with(200, body if announced else gzip.compress(body), **({} if announced else GZIP)))
    record = fetched(f"{server.url}/log")
    assert isinstance(record, LogRecord)
    assert (record.status, record.location) == (LogStatus.VENDOR_ONLY, None)
    assert client("s3").list_objects_v2(Bucket=ARCHIVE)["KeyCount"] == 0


GZIP = {"Content_Encoding": "gzip"}


def test_the_limit_is_100_mib() -> None:
    assert log_download.LogDownload.max_bytes == 100 * 1024 * 1024


@pytest.mark.parametrize(
    ("kind", "disposition"), [("text/plain", None), ("text/html", "attachment"), ("image/svg+xml", "attachment")]
)
def test_what_a_browser_would_execute_is_a_download(serve: Serve, kind: str, disposition: str | None) -> None:
    record = fetched(f"{serve(respond_with(200, BODY, Content_Type=kind)).url}/log")
    assert isinstance(record, LogRecord)
    key = (record.location or "").removeprefix(f"s3://{ARCHIVE}/")
    head = client("s3").head_object(Bucket=ARCHIVE, Key=key)
    assert (head["ContentType"], head.get("ContentDisposition")) == (kind, disposition)


def test_an_object_in_s3_that_the_secret_names_is_copied_as_before() -> None:
    client("s3").put_object(Bucket=ARCHIVE, Key="theirs.txt", Body=BODY)
    connection = replace(a_connection(), log_buckets=(ARCHIVE,))
    assert content(fetched(f"s3://{ARCHIVE}/theirs.txt", connection)) == BODY
