"""Copying a log from an S3 on this machine: whatever it does, the copy is a value, and in time."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.config import Config
from import_watch.aws.log_archive import LogArchive
from import_watch.aws.log_copy import PART_BYTES
from import_watch.aws.s3_log import S3_CONFIG
from import_watch.model.observation import InlineLog, LogRecord, LogStatus, MissingLog, StoredLog
from import_watch.vendors.connection import Connection
from import_watch.vendors.response_body import HttpResponse

from local.waiting import wait_until
from tests.loopback_server import Behaviour, Exchange, Serve, Server, respond_with, servers
from tests.unit.aws_fixtures import a_watch

SECONDS = 1.0
"""Time limit of a copy."""
MAX_SECONDS = 4.0
"""Time that the copy may actually take."""
SOURCE = "s3://theirs/logs/log.txt"
ROLE = "arn:aws:iam::123456789012:role/import-watch-logs"
BODY = b"line 1\nline 2\n"
MULTIPART = b"<Result><UploadId>1</UploadId></Result>"


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with servers() as start:
        yield start


def operation(exchange: Exchange) -> str:
    """Name the requested operation of S3 or STS."""
    query = parse_qs(urlsplit(exchange.path).query, keep_blank_values=True)
    if exchange.command == "PUT" and "x-amz-copy-source" in {name.lower() for name in exchange.headers}:
        return "copy"
    if exchange.command == "PUT":
        return "part" if "partNumber" in query else "put"
    if exchange.command == "POST":
        return "create" if "uploads" in query else "complete" if "uploadId" in query else "role"
    return {"GET": "get", "DELETE": "abort"}[exchange.command]


def store(**behaviours: Behaviour) -> Behaviour:
    """S3 that behaves so in these operations, and well in all others."""
    well = {
        "get": respond_with(200, BODY, ETag='"1"'),
        "copy": refuses(501, "NotImplemented"),
        "put": respond_with(200, b"", ETag='"1"'),
        "part": respond_with(200, b"", ETag='"1"'),
        "create": respond_with(200, MULTIPART),
        "complete": respond_with(200, MULTIPART),
        "abort": respond_with(204),
    }
    return lambda exchange: {**well, **behaviours}[operation(exchange)](exchange)


LARGE = PART_BYTES + 1
"""Bytes of a log that does not fit into one part."""


def sends_a_large_log(exchange: Exchange) -> None:
    head = b'HTTP/1.1 200 OK\r\nETag: "1"\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n' % LARGE
    exchange.connection.sendall(head + b"x" * LARGE)


COPIED = respond_with(200, b'<CopyObjectResult><ETag>"2"</ETag></CopyObjectResult>')


def hangs(exchange: Exchange) -> None:
    exchange.server.ended.wait()


def drips_its_head(exchange: Exchange) -> None:
    exchange.drip(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_000, 0.1)


def drips_its_body(exchange: Exchange) -> None:
    exchange.connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    exchange.drip(b"x" * 1_000, 0.1)


def stalls_after_a_part(exchange: Exchange) -> None:
    exchange.connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"x" * (PART_BYTES + 1))
    exchange.server.ended.wait()


def breaks_off(exchange: Exchange) -> None:
    exchange.connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nline 1\n")


def babbles(exchange: Exchange) -> None:
    exchange.connection.sendall(b"\x00\xff not HTTP\r\n\r\n")


def refuses(status: int, code: str | None) -> Behaviour:
    return respond_with(status, b"" if code is None else f"<Error><Code>{code}</Code></Error>".encode())


def archive(server: Server, attempts: int = 2) -> LogArchive:
    more = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": attempts})
    return LogArchive("archive", boto3.client("s3", endpoint_url=server.url, config=S3_CONFIG.merge(more)))


def timed(fetch: Callable[[], LogRecord | MissingLog]) -> LogRecord | MissingLog:
    began = time.monotonic()
    result = fetch()
    assert time.monotonic() - began < MAX_SECONDS
    return result


CONNECTION = Connection("default", "https://api.tenant.egain.cloud", {}, ("theirs",))
LATE = "it took too long"


@pytest.mark.parametrize(
    ("behaviours", "reason", "looked_for_again"),
    [
        ({"get": hangs}, f"it could not be copied: {LATE}", True),
        ({"get": drips_its_head}, f"it could not be copied: {LATE}", True),
        # As slow the next time.
        ({"get": drips_its_body}, f"it could not be copied: {LATE}", False),
        ({"get": stalls_after_a_part}, f"it could not be copied: {LATE}", False),
        ({"put": hangs}, f"the archive did not accept it: {LATE}", True),
        ({"put": drips_its_head}, f"the archive did not accept it: {LATE}", True),
        ({"get": sends_a_large_log, "copy": hangs}, f"it could not be copied: {LATE}", False),
        ({"get": stalls_after_a_part, "create": hangs}, f"the archive did not accept it: {LATE}", True),
        ({"get": stalls_after_a_part, "part": hangs}, f"the archive did not accept it: {LATE}", True),
        ({"get": stalls_after_a_part, "abort": hangs}, f"it could not be copied: {LATE}", False),
    ],
)
def test_a_copy_ends_at_its_deadline(
    serve: Serve, behaviours: dict[str, Behaviour], reason: str, looked_for_again: bool
) -> None:
    logs = archive(serve(store(**behaviours)))
    found = timed(lambda: logs.fetch(a_watch(), StoredLog(SOURCE), CONNECTION, SECONDS))
    if looked_for_again:
        assert found == MissingLog(reason, expected=True, source=SOURCE)
    else:
        assert found == LogRecord(LogStatus.UNAVAILABLE, source=SOURCE, reason=reason)


@pytest.mark.parametrize("behaviour", [hangs, drips_its_head, babbles])
def test_assuming_a_role_ends_at_the_deadline_too(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, behaviour: Behaviour
) -> None:
    server = serve(store(role=behaviour))
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.url)
    connection = Connection("default", CONNECTION.base_url, {"logReaderRoleArn": ROLE}, ("theirs",))
    found = timed(lambda: archive(server).fetch(a_watch(), StoredLog(SOURCE), connection, SECONDS))
    assert isinstance(found, MissingLog)
    assert found.reason.startswith("its role could not be assumed: ")


def test_a_role_that_refuses_is_final(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = b"<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"
    server = serve(store(role=respond_with(403, refused)))
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.url)
    connection = Connection("default", CONNECTION.base_url, {"logReaderRoleArn": ROLE}, ("theirs",))
    found = archive(server).fetch(a_watch(), StoredLog(SOURCE), connection, 20.0)
    reason = "its role could not be assumed: AccessDenied"
    assert found == LogRecord(LogStatus.UNAVAILABLE, source=SOURCE, reason=reason)


def test_connecting_ends_at_the_deadline_too(serve: Serve) -> None:
    server = serve(respond_with(200))
    logs = archive(server)
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        # The kernel takes no more, so that a further connection waits.
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        more = Config(s3={"addressing_style": "path"})
        logs = LogArchive(
            "archive", boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", config=S3_CONFIG.merge(more))
        )
        found = timed(lambda: logs.fetch(a_watch(), StoredLog(SOURCE), CONNECTION, SECONDS))
        for one in waiting:
            one.close()
    assert found == MissingLog(f"it could not be copied: {LATE}", expected=True, source=SOURCE)


def test_a_copy_that_is_given_up_takes_back_its_parts(serve: Serve) -> None:
    server = serve(store(get=stalls_after_a_part))
    timed(lambda: archive(server).fetch(a_watch(), StoredLog(SOURCE), CONNECTION, SECONDS))
    wait_until(lambda: server.requests[-1].method == "DELETE", 5.0, "the upload is aborted")
    assert [request.method for request in server.requests] == ["GET", "POST", "PUT", "DELETE"]


def operations(server: Server) -> list[str]:
    copies = {"x-amz-copy-source"}
    return ["copy" if copies & request.headers.keys() else request.method for request in server.requests]


def test_s3_copies_a_large_log_by_itself(serve: Serve) -> None:
    server = serve(store(get=sends_a_large_log, copy=COPIED))
    record = archive(server).fetch(a_watch(), StoredLog(SOURCE), CONNECTION, 20.0)
    assert isinstance(record, LogRecord)
    assert (record.status, record.bytes) == (LogStatus.ARCHIVED, LARGE)
    assert operations(server) == ["GET", "copy"]
    headers = server.requests[1].headers
    assert headers["x-amz-copy-source"] == "theirs/logs/log.txt"
    # It is the object that was looked at, without anything of a third party that a browser might act on.
    assert headers["x-amz-copy-source-if-match"] == '"1"'
    assert (headers["x-amz-metadata-directive"], headers["x-amz-tagging-directive"]) == ("REPLACE", "REPLACE")
    assert (headers["content-type"], headers["content-disposition"]) == ("text/html", "attachment")


@pytest.mark.parametrize("copy", [refuses(403, "AccessDenied"), refuses(412, "PreconditionFailed"), babbles])
def test_a_log_that_s3_does_not_copy_is_read(serve: Serve, copy: Behaviour) -> None:
    server = serve(store(get=sends_a_large_log, copy=copy))
    record = archive(server, attempts=1).fetch(a_watch(), StoredLog(SOURCE), CONNECTION, 20.0)
    assert isinstance(record, LogRecord)
    assert (record.status, record.bytes) == (LogStatus.ARCHIVED, LARGE)
    assert operations(server) == ["GET", "copy", "POST", "PUT", "PUT", "POST"]


CREDENTIALS = b"""<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>a</AccessKeyId>
<SecretAccessKey>b</SecretAccessKey><SessionToken>c</SessionToken><Expiration>2030-01-01T00:00:00Z</Expiration>
</Credentials></AssumeRoleResult></AssumeRoleResponse>"""


def test_a_log_that_another_role_may_read_is_read(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """That role may not write to the archive, and the function's may not read the log."""
    roles = serve(store(role=respond_with(200, CREDENTIALS)))
    server = serve(store(get=sends_a_large_log, copy=COPIED))
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", roles.url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
    connection = Connection("default", CONNECTION.base_url, {"logReaderRoleArn": ROLE}, ("theirs",))
    record = archive(server).fetch(a_watch(), StoredLog(SOURCE), connection, 20.0)
    assert isinstance(record, LogRecord)
    assert record.status is LogStatus.ARCHIVED
    assert "copy" not in operations(server)


def test_a_refusal_names_what_s3_does_not_distinguish(serve: Serve) -> None:
    for code in ("AccessDenied", None):
        found = archive(serve(store(get=refuses(403, code)))).fetch(a_watch(), StoredLog(SOURCE), CONNECTION, 20.0)
        assert isinstance(found, MissingLog)
        assert found.reason == (
            "it could not be copied: it does not exist, or may not be read "
            "(HTTP 403; S3 distinguishes them only with s3:ListBucket)"
        )


def test_a_refusal_by_a_key_is_final_and_names_the_remedy(serve: Serve) -> None:
    refused = b"<Error><Code>AccessDenied</Code><Message>not authorized to perform: kms:Decrypt</Message></Error>"
    server = serve(store(get=respond_with(403, refused)))
    found = archive(server).fetch(a_watch(), StoredLog(SOURCE), CONNECTION, 20.0)
    reason = "it could not be copied: its key may not be used: name a logReaderRoleArn whose role may"
    assert found == LogRecord(LogStatus.UNAVAILABLE, source=SOURCE, reason=reason)


@pytest.mark.parametrize(
    ("behaviours", "looked_for_again"),
    [
        ({"get": refuses(404, "NoSuchKey")}, True),
        ({"get": refuses(404, None)}, True),
        ({"get": refuses(403, "AccessDenied")}, True),
        ({"get": refuses(403, None)}, True),
        ({"get": refuses(503, "SlowDown")}, True),
        ({"get": refuses(500, "InternalError")}, True),
        ({"get": refuses(502, None)}, True),
        ({"get": respond_with(500, b"<html>no XML")}, True),
        ({"get": refuses(429, "TooManyRequests")}, True),
        ({"get": refuses(400, "RequestTimeout")}, True),
        ({"get": breaks_off}, True),
        ({"get": babbles}, True),
        ({"put": refuses(503, "SlowDown")}, True),
        ({"get": refuses(404, "NoSuchBucket")}, False),
        ({"get": refuses(403, "InvalidObjectState")}, False),
        ({"get": refuses(403, "InvalidAccessKeyId")}, False),
        ({"get": refuses(400, "KeyTooLongError")}, False),
        ({"get": refuses(400, None)}, False),
        ({"put": refuses(403, "AccessDenied")}, False),
        ({"put": refuses(404, "NoSuchBucket")}, False),
    ],
)
def test_only_errors_that_may_be_transient_are_retried(
    serve: Serve, behaviours: dict[str, Behaviour], looked_for_again: bool
) -> None:
    server = serve(store(**behaviours))
    found = archive(server, attempts=1).fetch(a_watch(), StoredLog(SOURCE), CONNECTION, 20.0)
    assert found.source == SOURCE
    if looked_for_again:
        assert isinstance(found, MissingLog)
        assert found.expected
    else:
        assert isinstance(found, LogRecord)
        assert found.status is LogStatus.UNAVAILABLE
    # Archived at once, it is what it comes to in the end.
    done = archive(server, attempts=1).archive(a_watch(), None, StoredLog(SOURCE), CONNECTION, 20.0)
    assert done.log == LogRecord(LogStatus.UNAVAILABLE, source=SOURCE, reason=found.reason)


@pytest.mark.parametrize("key", ["a/../b", "../up", "./x", "a//b", "a b+c", "100%25"])
def test_a_key_is_requested_as_it_is(serve: Serve, key: str) -> None:
    server = serve(store())
    archive(server).fetch(a_watch(), StoredLog(f"s3://theirs/{key}"), CONNECTION, 20.0)
    escaped = key.replace("%", "%25").replace(" ", "%20").replace("+", "%2B")
    assert server.requests[0].path == f"/theirs/{escaped}"


def of_file(name: str, behaviour: Behaviour) -> Behaviour:
    """S3 that behaves so for one file of the archive, and takes the others."""
    return store(put=lambda exchange: (behaviour if exchange.path.endswith(name) else respond_with(200, b""))(exchange))


INLINE = InlineLog({"articles": 1}, "articles: 1\n")
RESPONSE = HttpResponse(200, {}, b'{"status": "Completed"}')


@pytest.mark.parametrize(
    "behaviour", [refuses(403, "AccessDenied"), hangs, babbles], ids=["refuses", "hangs", "babbles"]
)
@pytest.mark.parametrize(
    ("file", "status", "has_response"),
    [
        ("log.txt", LogStatus.ARCHIVED, True),
        ("log.json", LogStatus.UNAVAILABLE, True),
        ("answer.json", LogStatus.ARCHIVED, False),
    ],
)
def test_what_the_archive_does_not_take_spoils_nothing_else(
    serve: Serve, behaviour: Behaviour, file: str, status: LogStatus, has_response: bool
) -> None:
    logs = archive(serve(of_file(file, behaviour)), attempts=1)
    began = time.monotonic()
    done = logs.archive(a_watch(), RESPONSE, INLINE, None, SECONDS)
    assert time.monotonic() - began < MAX_SECONDS
    if behaviour is hangs and file == "answer.json":
        status = LogStatus.UNAVAILABLE  # no time is left for it
    assert (done.log.status, done.response is not None) == (status, has_response)


def test_what_is_at_hand_is_archived_however_late_it_is(serve: Serve) -> None:
    done = archive(serve(store())).archive(a_watch(), RESPONSE, INLINE, None, -100.0)
    assert done.log.status is LogStatus.ARCHIVED
    assert done.response is not None


def test_a_response_is_archived_in_bounded_time(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("import_watch.aws.log_archive.MAX_RESPONSE_SECONDS", SECONDS)
    began = time.monotonic()
    assert archive(serve(store(put=drips_its_head))).keep(a_watch(), RESPONSE, None) == (None, None)
    assert time.monotonic() - began < MAX_SECONDS


def test_log_json_is_compact(serve: Serve) -> None:
    server = serve(store())
    content = {"articles": "2", "messages": [{"message": "木"}]}
    record = archive(server).archive(a_watch(), None, InlineLog(content, ""), None, 20.0).log
    sent = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
    assert sent in server.requests[0].body
    assert record.bytes == len(sent)
