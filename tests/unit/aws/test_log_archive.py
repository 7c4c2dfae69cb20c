"""The log archive: responses and logs are stored unchanged, and no log can cause an error."""

from __future__ import annotations

import gzip
import json
import re
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from import_watch.aws.log_archive import MAX_SOURCE, Archived, LogArchive
from import_watch.aws.log_copy import PART_BYTES
from import_watch.model.observation import InlineLog, LogRecord, LogReference, LogStatus, MissingLog, StoredLog
from import_watch.model.watch import Watch
from import_watch.vendors.connection import Connection
from import_watch.vendors.response_body import HttpResponse
from moto.core.models import botocore_stubber

from tests.unit.aws_fixtures import REGION, a_watch, aws_account, client

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ARCHIVE = "archive"
OWNED = "their-logs"
FOLDER = "voyado/default/5512340987651234567/20260101T000000Z"
CONNECTION = Connection("default", "https://api.tenant.egain.cloud", {}, (OWNED,))
RESPONSE = HttpResponse(200, {}, b'{"status": "SUCCESS"}')
SECONDS = 40.0


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with aws_account(monkeypatch):
        for bucket in (ARCHIVE, OWNED, "foreign"):
            client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield


def archive(
    log: LogReference = None,
    *,
    response: HttpResponse | None = None,
    watch: Watch | None = None,
    connection: Connection | None = CONNECTION,
    seconds: float = SECONDS,
    bucket: str = ARCHIVE,
) -> Archived:
    return LogArchive(bucket, client("s3")).archive(watch or a_watch(), response, log, connection, seconds)


def copied(location: str, **how: Any) -> LogRecord:
    return archive(StoredLog(location), **how).log


def kept(location: str | None) -> bytes:
    assert location is not None
    bucket, _, key = location.removeprefix("s3://").partition("/")
    body: bytes = client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


def keys() -> list[str]:
    return [item["Key"] for item in client("s3").list_objects_v2(Bucket=ARCHIVE).get("Contents", [])]


def put(key: str, body: bytes = b"line 1\nline 2\n", bucket: str = OWNED) -> str:
    client("s3").put_object(Bucket=bucket, Key=key, Body=body)
    return f"s3://{bucket}/{key}"


class TestResponse:
    @pytest.mark.parametrize(
        ("body", "name"),
        [
            (b'{"status": "SUCCESS"}', "answer.json"),
            (b'{ "id" : 5512340987651234567 ,\r\n "status":"SUCCESS"\t}\n', "answer.json"),
            ('{"message": "Größe 🙂"}'.encode(), "answer.json"),
            (b'{"half": "\\ud83d", "number": 1.10}', "answer.json"),
            (b"[1, 2]", "answer.json"),
            (b"<html>\x00\xff\xfe</html>", "answer.txt"),
            (b'{"cut": "sho', "answer.txt"),
            (b"", "answer.txt"),
        ],
        ids=repr,
    )
    def test_a_response_is_kept_byte_for_byte(self, body: bytes, name: str) -> None:
        done = archive(response=HttpResponse(200, {}, body))
        assert done.response == f"s3://{ARCHIVE}/{FOLDER}/{name}"
        assert kept(done.response) == body

    def test_without_a_response_nothing_is_stored(self) -> None:
        assert archive() == Archived(LogRecord(LogStatus.NONE), None)
        assert keys() == []

    def test_two_watches_of_one_id_have_two_folders(self) -> None:
        again = a_watch(registered_at=a_watch().registered_at + 86_400)
        assert archive(response=RESPONSE).response != archive(response=RESPONSE, watch=again).response


CONTENT = {
    "new_versions": 2,
    "languages": "3",
    "unknown": {"deep": [1.5, None, True, 2**70]},
    "messages": [{"message_type": 1, "message": 'Größe "木" 🙂\n\x00', "cancel_operation": False}] * 50,
}


class TestInlineLog:
    def test_nothing_is_lost(self) -> None:
        record = archive(InlineLog(CONTENT, "text\n")).log
        assert record.status is LogStatus.ARCHIVED
        assert json.loads(kept(record.location)) == CONTENT

    def test_its_size_is_recorded(self) -> None:
        record = archive(InlineLog(CONTENT, "text\n")).log
        assert record.bytes == len(kept(record.location))

    def test_it_is_kept_as_a_text_too(self) -> None:
        archive(InlineLog(CONTENT, "languages: 3\nWARNING Größe 🙂\n"))
        assert kept(f"s3://{ARCHIVE}/{FOLDER}/log.txt").decode() == "languages: 3\nWARNING Größe 🙂\n"

    def test_values_that_are_not_json_are_replaced(self) -> None:
        record = archive(InlineLog({"a": float("nan"), "b": 10**5_000, "c": 1}, "text\n")).log
        assert json.loads(kept(record.location)) == {"a": None, "b": None, "c": 1}

    def test_half_of_a_surrogate_pair_is_archived(self) -> None:
        record = archive(InlineLog({"message": "half \ud83d"}, "half \ud83d\n")).log
        assert json.loads(kept(record.location)) == {"message": "half \ud83d"}
        assert kept(f"s3://{ARCHIVE}/{FOLDER}/log.txt") == b"half ?\n"

    @pytest.mark.parametrize("depth", [100, 900, 5_000])
    def test_deep_nesting_never_raises(self, depth: int) -> None:
        deep: list[Any] = []
        for _ in range(depth):
            deep = [deep]
        assert archive(InlineLog({"message": deep}, "text\n")).log.status is LogStatus.ARCHIVED


class TestStoredLog:
    @pytest.mark.parametrize(
        "body", [b"", b"line 1\nline 2\n", bytes(range(256)) * 10, b"x" * PART_BYTES, b"x" * (PART_BYTES + 1)], ids=len
    )
    def test_a_log_in_an_owned_bucket_is_copied_byte_for_byte(self, body: bytes) -> None:
        source = put("logs/import-7A84.txt", body)
        record = copied(source)
        assert record == LogRecord(
            LogStatus.ARCHIVED, location=f"s3://{ARCHIVE}/{FOLDER}/log.txt", source=source, bytes=len(body)
        )
        assert kept(record.location) == body

    def test_a_log_of_many_parts_is_copied_whole(self) -> None:
        body = bytes(range(256)) * (20 * 1024 * 1024 // 256) + b"end"
        record = copied(put("logs/long.txt", body))
        assert (record.status, record.bytes) == (LogStatus.ARCHIVED, len(body))
        assert kept(record.location) == body

    def test_a_log_that_is_too_large_is_not_copied(self, monkeypatch: pytest.MonkeyPatch) -> None:
        source = put("long.txt", b"x" * 101)
        monkeypatch.setattr("import_watch.aws.s3_log.MAX_BYTES", 100)
        record = copied(source)
        assert (record.status, record.source) == (LogStatus.VENDOR_ONLY, source)
        assert keys() == []

    @pytest.mark.parametrize(
        "location",
        [
            f"https://{OWNED}.s3.{REGION}.amazonaws.com/logs/im%20port.txt?X-Amz-Expires=9&X-Amz-Signature=c4n4ry-",
            f"https://s3.amazonaws.com/{OWNED}/logs/im%20port.txt",
            f"arn:aws:s3:::{OWNED}/logs/im port.txt",
            f"S3://{OWNED}/logs/im port.txt",
        ],
    )
    def test_other_forms_of_a_location_are_read(self, location: str) -> None:
        put("logs/im port.txt", b"theirs")
        record = copied(location)
        assert (record.status, record.source) == (LogStatus.ARCHIVED, location.partition("?")[0])
        assert kept(record.location) == b"theirs"

    @pytest.mark.parametrize(
        ("theirs", "type_kept", "disposition"),
        [
            ("text/plain", "text/plain", None),
            ("text/plain; charset=utf-16", "text/plain; charset=utf-16", None),
            ('text/csv;charset="utf-8"; header=present', 'text/csv;charset="utf-8"; header=present', None),
            ("application/json", "application/json", None),
            ("application/gzip", "application/gzip", "attachment"),
            ("binary/octet-stream", "binary/octet-stream", "attachment"),
            ("text/html; charset=utf-8", "text/html; charset=utf-8", "attachment"),
            ("TEXT/HTML", "TEXT/HTML", "attachment"),
            ("image/svg+xml", "image/svg+xml", "attachment"),
            ("text", "text/plain", None),
            ("text/plain, text/html", "text/plain", None),
            ("text/plain; text/html", "text/plain", None),
            ("text/plain; x=" + "y" * 200, "text/plain", None),
            ("text/html<script>", "text/plain", None),
            ("téxt/plain", "text/plain", None),
            ("", "text/plain", None),
            (None, "text/plain", None),
        ],
    )
    def test_a_valid_content_type_is_kept(self, theirs: str | None, type_kept: str, disposition: str | None) -> None:
        archived = self.archived_as(theirs, None)
        assert (archived["ContentType"], archived.get("ContentDisposition")) == (type_kept, disposition)

    @pytest.mark.parametrize(
        ("theirs", "encoding"),
        [
            ("gzip", "gzip"),
            ("GZIP", "GZIP"),
            ("gzip,aws-chunked", "gzip"),
            ("aws-chunked", None),
            ("deflate, gzip", "deflate, gzip"),
            ("gzip; x", None),
            ("gzíp", None),
            ("x" * 201, None),
            (None, None),
        ],
    )
    def test_a_valid_content_encoding_is_kept(self, theirs: str | None, encoding: str | None) -> None:
        assert self.archived_as("text/plain", theirs).get("ContentEncoding") == encoding

    def archived_as(self, kind: str | None, encoding: str | None) -> dict[str, Any]:
        """Copy an object with these fields in its head; head of the copy."""
        source = put("log.txt", gzip.compress(b"line 1\n"))
        s3 = boto3.client("s3", region_name=REGION)

        def set_type_and_encoding(parsed: dict[str, Any], **_more: Any) -> None:
            parsed |= {"ContentType": kind, "ContentEncoding": encoding}

        events: Any = s3.meta.events
        events.register("after-call.s3.GetObject", set_type_and_encoding)
        record = LogArchive(ARCHIVE, s3).fetch(a_watch(), StoredLog(source), CONNECTION, SECONDS)
        assert isinstance(record, LogRecord)
        assert gzip.decompress(kept(record.location)) == b"line 1\n"
        head: dict[str, Any] = client("s3").head_object(Bucket=ARCHIVE, Key=keys()[0])
        return head

    @pytest.mark.parametrize(
        "connection", [None, replace(CONNECTION, log_buckets=()), replace(CONNECTION, log_buckets=("other",))]
    )
    def test_a_bucket_that_the_connection_does_not_own_is_not_read(self, connection: Connection | None) -> None:
        source = put("secret.txt", bucket="foreign")
        assert copied(source, connection=connection) == LogRecord(
            LogStatus.VENDOR_ONLY, source=source, reason="its bucket is not in the connection's logBuckets"
        )
        assert keys() == []

    @pytest.mark.parametrize(
        "location",
        [
            "https://their-logs.s3.amazonaws.com.evil.example/log.txt",
            "http://169.254.169.254/latest/meta-data",
            "file:///etc/passwd",
            "s3:/their-logs/log.txt",
            "s3//their-logs/log.txt",
            "/their-logs/log.txt",
            "their-logs/log.txt",
            "s3://their-logs",
            "s3://their-logs/",
            "s3:///log.txt",
            "s3://",
            " ",
        ],
    )
    def test_a_location_outside_s3_is_only_recorded(self, location: str) -> None:
        record = copied(location)
        assert (record.status, record.location) == (LogStatus.VENDOR_ONLY, None)
        assert record.reason == "it names no object in S3"

    @pytest.mark.parametrize(
        "location",
        [
            "s3://their-logs.evil.example/log.txt",
            "s3://their-logs@foreign/log.txt",
            "s3://foreign/their-logs/log.txt",
            "s3://Their-Logs/log.txt",
            "s3://their-logs%2f/log.txt",
            "s3://their-logs?x/log.txt",
            "s3://arn:aws:s3:eu-west-1:123456789012:accesspoint/their-logs/log.txt",
        ],
    )
    def test_a_bucket_that_only_looks_owned_is_not_read(self, location: str) -> None:
        assert copied(location).status is LogStatus.VENDOR_ONLY

    def test_s3_itself_copies_a_large_log_without_its_tags(self) -> None:
        body = b"x" * (PART_BYTES + 1)
        client("s3").put_object(
            Bucket=OWNED, Key="large.csv", Body=body, ContentType="text/csv", Tagging="a=b", Metadata={"a": "b"}
        )
        record = copied(f"s3://{OWNED}/large.csv")
        assert (record.status, record.bytes) == (LogStatus.ARCHIVED, len(body))
        (key,) = keys()
        head = client("s3").head_object(Bucket=ARCHIVE, Key=key)
        assert (head["ContentType"], head["ContentLength"], head["Metadata"]) == ("text/csv", len(body), {})
        assert client("s3").get_object_tagging(Bucket=ARCHIVE, Key=key)["TagSet"] == []
        # S3 made it in one piece.
        assert "-" not in head["ETag"]

    def test_a_missing_object_is_unavailable_with_its_reason(self) -> None:
        source = f"s3://{OWNED}/nothing.txt"
        assert copied(source) == LogRecord(
            LogStatus.UNAVAILABLE, source=source, reason="it could not be copied: NoSuchKey"
        )

    def test_a_missing_bucket_is_unavailable_with_its_reason(self) -> None:
        record = copied("s3://gone/log.txt", connection=replace(CONNECTION, log_buckets=("gone",)))
        assert (record.status, record.reason) == (LogStatus.UNAVAILABLE, "it could not be copied: NoSuchBucket")

    @pytest.mark.parametrize("seconds", [0.0, -5.0])
    def test_a_log_without_time_left_is_unavailable_with_its_reason(self, seconds: float) -> None:
        source = put("log.txt", b"x" * 100)
        assert copied(source, seconds=seconds) == LogRecord(
            LogStatus.UNAVAILABLE, source=source, reason="it could not be copied: it took too long"
        )
        assert keys() == []

    def test_the_response_is_kept_without_time_for_the_log(self) -> None:
        done = archive(StoredLog(put("log.txt")), response=RESPONSE, seconds=0.0)
        assert kept(done.response) == RESPONSE.body

    @pytest.mark.parametrize(
        ("key", "suffix"),
        [
            ("logs/import.log", ".log"),
            ("logs/import.CSV", ".CSV"),
            ("a.b.gz", ".gz"),
            ("logs/import", ".txt"),
            ("logs.d/import", ".txt"),
            ("import", ".txt"),
            ("import.", ".txt"),
            ("import.waytoolongasuffix", ".txt"),
            ("import.t t", ".txt"),
            ("import.t/../../x", ".txt"),
            ("import.t%2Fx", ".txt"),
            ("import.木", ".txt"),
            ("import.\u0667", ".txt"),
        ],
    )
    def test_only_a_harmless_suffix_is_kept(self, key: str, suffix: str) -> None:
        assert copied(put(key)).location == f"s3://{ARCHIVE}/{FOLDER}/log{suffix}"

    @pytest.mark.parametrize(
        "key",
        ["../../etc/passwd", "a//b", "/absolute", "a b+c&d=e?f#g%h", "Größe 木 🙂.txt", "'\"<>;.txt", "x" * 1_000],
        ids=lambda key: key[:20],
    )
    def test_a_hostile_key_is_used_as_a_key_only(self, key: str) -> None:
        record = copied(put(key, b"theirs"))
        assert record.status is LogStatus.ARCHIVED
        assert kept(record.location) == b"theirs"
        assert re.fullmatch(rf"{FOLDER}/log\.[A-Za-z0-9]{{1,8}}", keys()[0])

    @pytest.mark.parametrize(
        "key", ["half \ud83d.txt", "\x00", "a\r\nHost: evil.example", "x" * 5_000, "\udcff" * 10], ids=repr
    )
    def test_an_invalid_key_never_raises(self, key: str) -> None:
        record = copied(f"s3://{OWNED}/{key}")
        assert record.status is LogStatus.UNAVAILABLE
        assert record.source is not None
        assert record.source.isprintable()
        assert len(record.source) <= MAX_SOURCE

    def test_a_log_may_be_read_in_a_role_of_the_connection(self) -> None:
        role = "arn:aws:iam::123456789012:role/import-watch-logs"
        connection = replace(CONNECTION, fields={"logReaderRoleArn": role})
        assert copied(put("log.txt"), connection=connection).status is LogStatus.ARCHIVED

    def test_a_role_that_cannot_be_assumed_is_unavailable(self) -> None:
        connection = replace(CONNECTION, fields={"logReaderRoleArn": "not an arn"})
        assert copied(put("log.txt"), connection=connection).status is LogStatus.UNAVAILABLE


class TestFetch:
    """Before the outcome is written, so that a late log can be requested again."""

    def fetched(self, location: str, **how: Any) -> LogRecord | MissingLog:
        connection = how.get("connection", CONNECTION)
        logs = LogArchive(how.get("bucket", ARCHIVE), client("s3"))
        return logs.fetch(a_watch(), StoredLog(location), connection, how.get("seconds", SECONDS))

    def test_a_late_log_is_missing_and_then_archived(self) -> None:
        source = f"s3://{OWNED}/late.txt"
        missing = MissingLog("it could not be copied: NoSuchKey", expected=True, source=source)
        assert self.fetched(source) == missing
        put("late.txt", b"late")
        assert self.fetched(source) == LogRecord(
            LogStatus.ARCHIVED, location=f"s3://{ARCHIVE}/{FOLDER}/log.txt", source=source, bytes=4
        )

    @pytest.mark.parametrize(
        ("location", "how", "status"),
        [
            ("s3://foreign/log.txt", {}, LogStatus.VENDOR_ONLY),
            ("https://foreign.s3.amazonaws.com/log.txt?X-Amz-Signature=c4n4ry-", {}, LogStatus.VENDOR_ONLY),
            ("https://evil.example/log.txt", {}, LogStatus.VENDOR_ONLY),
            (f"s3://{OWNED}/log.txt", {"connection": None}, LogStatus.VENDOR_ONLY),
            (f"s3://{OWNED}/log.txt", {"bucket": "gone"}, LogStatus.UNAVAILABLE),
            (f"s3://{OWNED}/log.txt", {"bucket": "not a name!"}, LogStatus.UNAVAILABLE),
            ("s3://gone/log.txt", {"connection": replace(CONNECTION, log_buckets=("gone",))}, LogStatus.UNAVAILABLE),
            ("s3://a b/log.txt", {"connection": replace(CONNECTION, log_buckets=("a b",))}, LogStatus.UNAVAILABLE),
            (f"s3://{OWNED}/{'x' * 1_025}", {}, LogStatus.UNAVAILABLE),
            (f"s3://{OWNED}/half \ud83d", {}, LogStatus.UNAVAILABLE),
        ],
    )
    def test_an_error_that_a_retry_cannot_change_is_final(
        self, location: str, how: dict[str, Any], status: LogStatus
    ) -> None:
        put("log.txt")
        put("log.txt", bucket="foreign")
        record = self.fetched(location, **how)
        assert isinstance(record, LogRecord)
        assert (record.status, record.location) == (status, None)
        assert record.reason
        assert record.source is not None
        assert "c4n4ry-" not in record.source

    @pytest.mark.parametrize("seconds", [0.0, -5.0])
    def test_without_time_left_nothing_is_copied(self, seconds: float) -> None:
        source = put("log.txt")
        reason = "it could not be copied: it took too long"
        assert self.fetched(source, seconds=seconds) == MissingLog(reason, expected=True, source=source)
        assert keys() == []


@pytest.mark.parametrize(
    ("location", "safe"),
    [
        ("https://b.example/l.txt?X-Amz-Signature=c4n4ry-", "https://b.example/l.txt"),
        ("https://b.example/l.txt?c4n4ry-", "https://b.example/l.txt"),
        ("https://b.example/l.txt#access_token=c4n4ry-", "https://b.example/l.txt"),
        ("https://b.example/l.txt%3Fsig%3Dc4n4ry-", "https://b.example/l.txt"),
        ("https://b.example/why%3F.txt", "https://b.example/why%3F.txt"),
        ("https://b.example/why%3F.txt?c4n4ry-", "https://b.example/why%3F.txt"),
        ("https://user:c4n4ry-@b.example/l.txt", "https://b.example/l.txt"),
        ("https://u:c4n4ry-@c4n4ry-@b.example/l@2.txt", "https://b.example/l@2.txt"),
        ("//user:c4n4ry-@b.example/l.txt", "//b.example/l.txt"),
        ("ht\ntps://user:c4n4ry-@b.example/l.txt?c4n4ry-", "ht tps://b.example/l.txt"),
        ("user:c4n4ry-@b.example/l.txt", "b.example/l.txt"),
        ("/logs/l.txt?token=c4n4ry-", "/logs/l.txt"),
        ("logs@2026/l.txt", "logs@2026/l.txt"),
        ("s3://foreign/l.txt?X-Amz-Signature=c4n4ry-", "s3://foreign/l.txt"),
        ("s3://foreign/l.txt?sig=c4n4ry-#x", "s3://foreign/l.txt"),
        ("S3A://c4n4ry-@foreign/l.txt", "S3A://foreign/l.txt"),
        ("s3://foreign/a?b#c.txt", "s3://foreign/a"),
        ("s3://foreign/a//b@c:d.txt", "s3://foreign/a//b@c:d.txt"),
        ("arn:aws:s3:::foreign/a@b.txt?versionId=c4n4ry-", "arn:aws:s3:::foreign/a@b.txt"),
        ("s3://foreign/" + "x" * 3_000 + "?sig=c4n4ry-", "s3://foreign/" + "x" * (MAX_SOURCE - 13)),
    ],
    ids=lambda text: text[:50],
)
def test_no_credential_is_recorded_with_the_source(location: str, safe: str) -> None:
    assert copied(location).source == safe
    assert archive(MissingLog("not there", expected=False, source=location)).log.source == safe


class TestNoLog:
    def test_a_log_that_was_fetched_before_is_returned_as_it_is(self) -> None:
        record = LogRecord(LogStatus.ARCHIVED, location="s3://archive/log.txt", source="s3://theirs/log.txt", bytes=5)
        assert archive(record).log == record

    def test_the_source_of_a_missing_log_is_recorded(self) -> None:
        record = archive(MissingLog("NoSuchKey", expected=True, source="s3://theirs/log.txt")).log
        assert record == LogRecord(LogStatus.UNAVAILABLE, source="s3://theirs/log.txt", reason="NoSuchKey")

    def test_a_missing_log_is_unavailable_with_its_reason(self) -> None:
        record = archive(MissingLog("Element 'ImportLog' not found.", expected=True)).log
        assert record == LogRecord(LogStatus.UNAVAILABLE, reason="Element 'ImportLog' not found.")

    def test_no_log_is_none(self) -> None:
        assert archive(None, response=RESPONSE).log == LogRecord(LogStatus.NONE)


class TestArchiveGone:
    @pytest.mark.parametrize(
        ("log", "status"),
        [
            (None, LogStatus.NONE),
            (MissingLog("not there", expected=False), LogStatus.UNAVAILABLE),
            (InlineLog({"a": 1}, "a: 1\n"), LogStatus.UNAVAILABLE),
            (StoredLog(f"s3://{OWNED}/log.txt"), LogStatus.UNAVAILABLE),
            (StoredLog(f"s3://{OWNED}/long.txt"), LogStatus.UNAVAILABLE),
            (StoredLog("s3://foreign/log.txt"), LogStatus.VENDOR_ONLY),
        ],
    )
    @pytest.mark.parametrize("bucket", ["gone", "not a bucket name!"])
    def test_a_missing_archive_never_raises(self, log: LogReference, status: LogStatus, bucket: str) -> None:
        put("log.txt")
        put("long.txt", b"x" * (PART_BYTES + 1))
        done = archive(log, response=RESPONSE, bucket=bucket)
        assert (done.log.status, done.log.location, done.response) == (status, None, None)
        assert done.log.reason or status is LogStatus.NONE


class TestPlace:
    @pytest.mark.parametrize("import_id", ["../../up", "a/b", "..", "a?b#c", "%2e%2e", "x" * 200])
    def test_no_id_leaves_its_folder(self, import_id: str) -> None:
        archive(InlineLog({}, ""), response=RESPONSE, watch=a_watch(import_id=import_id))
        assert {key.count("/") for key in keys()} == {4}
        assert all(key.startswith("voyado/default/") for key in keys())

    def test_two_ids_never_share_a_folder(self) -> None:
        locations = {
            archive(response=RESPONSE, watch=a_watch(import_id=one)).response for one in ("a/b", "a%2Fb", "a%252Fb")
        }
        assert len(locations) == 3


class Streamed:
    """Body of a response of S3 that is made as it is read: a text, or a number of bytes."""

    def __init__(self, text: bytes = b"", size: int = 0) -> None:
        self.text = text
        self.left = size

    def read(self, amount: int) -> bytes:
        count = min(amount, self.left)
        self.left -= count
        return b"x" * count

    def stream(self, **_how: Any) -> Iterator[bytes]:
        yield self.text


class TestMemory:
    SIZE = 100 * 1024 * 1024

    def streaming(self, request: Any, **_more: Any) -> AWSResponse:
        """Respond as S3 does, but store nothing: an object is made as it is read, uploads are only counted."""
        headers: Any = {"etag": '"1"', "content-length": str(self.size)}
        if request.method == "GET":
            return AWSResponse(request.url, 200, headers, Streamed(size=self.size))
        if "x-amz-copy-source" in request.headers:
            # It is about a copy that is read.
            return AWSResponse(request.url, 501, headers, Streamed(b"<Error><Code>NotImplemented</Code></Error>"))
        while request.method == "PUT" and (chunk := request.body.read(65_536)):
            self.uploaded += len(chunk)
        text = b"<Result><UploadId>1</UploadId></Result>" if request.method == "POST" else b""
        return AWSResponse(request.url, 200, headers, Streamed(text))

    def test_a_large_log_is_copied_in_bounded_memory(self) -> None:
        s3 = boto3.client("s3")
        # The account in memory would keep all of it in memory.
        events: Any = s3.meta.events
        events.unregister("before-send", botocore_stubber)
        events.register("before-send.s3", self.streaming)
        self.copy(s3, PART_BYTES + 1)  # loads what is loaded once
        tracemalloc.start()
        try:
            record = self.copy(s3, self.SIZE)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert (record.status, record.bytes) == (LogStatus.ARCHIVED, self.SIZE)
        assert self.uploaded >= self.SIZE
        assert peak < 4 * PART_BYTES

    def copy(self, s3: S3Client, size: int) -> LogRecord:
        self.size, self.uploaded = size, 0
        return LogArchive(ARCHIVE, s3).archive(a_watch(), None, StoredLog(f"s3://{OWNED}/x"), CONNECTION, SECONDS).log
