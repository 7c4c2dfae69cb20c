"""The log archive: the vendor's last answer and the import's log, kept in our own S3 bucket.

Fetching a log is best effort and bounded in time and memory: whatever goes wrong becomes a `LogRecord` that
says so, never an exception, and never another outcome.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, cast
from urllib.parse import quote

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from import_watch.connections import Connection
from import_watch.model import (
    JSON,
    InlineLog,
    LogRecord,
    LogReference,
    LogStatus,
    MissingLog,
    StoredLog,
    Watch,
)
from import_watch.vendor import Answer, clean

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client

S3_CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 2})
PART_BYTES = 8 * 1024 * 1024
"""Bytes of a log that are in memory at once while it is copied."""
SOURCE_KEPT = 2_048
"""Characters kept of a log location that a vendor names."""
FAILURES = (ClientError, BotoCoreError, OSError, UnicodeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Archived:
    """Where the log and the vendor's last answer are."""

    log: LogRecord
    answer: str | None


class TooLate(OSError):
    """The time for a log is used up."""


class LogArchive:
    """Writes to the archive's bucket.

    Parameters
    ----------
    bucket : str
        Name of the archive's bucket.
    client : S3Client, optional
        A boto3 client, for tests.
    """

    def __init__(self, bucket: str, client: S3Client | None = None) -> None:
        self._bucket = bucket
        self._s3: S3Client = client or boto3.client("s3", config=S3_CONFIG)

    def keep(self, watch: Watch, answer: Answer) -> str | None:
        """Keep an answer as it came, and give where; None where the archive does not take it."""
        return self._put_answer(_folder(watch), answer)

    def archive(
        self, watch: Watch, answer: Answer | None, log: LogReference, connection: Connection | None, seconds: float
    ) -> Archived:
        """Keep what is to be kept of an ended import.

        Parameters
        ----------
        watch : Watch
            Gives the place in the archive.
        answer : Answer or None
            The vendor's last answer; archived as it came.
        log : LogReference
            What that answer says of the log.
        connection : Connection or None
            Names the buckets that a log may be copied from.
        seconds : float
            Time that all of it may take.

        Returns
        -------
        Archived
        """
        ends = time.monotonic() + seconds
        folder = _folder(watch)
        location = self.keep(watch, answer) if answer is not None else None
        match log:
            case InlineLog():
                record = self._put_inline(folder, log)
            case StoredLog():
                record = self._copy(folder, log, connection, ends)
            case MissingLog():
                record = LogRecord(LogStatus.UNAVAILABLE, reason=log.reason)
            case LogRecord():
                record = log
            case None:
                record = LogRecord(LogStatus.NONE)
        return Archived(record, location)

    def _put_answer(self, folder: str, answer: Answer) -> str | None:
        is_json = answer.json() is not None
        name, kind = ("answer.json", "application/json") if is_json else ("answer.txt", "text/plain")
        try:
            return self._put(f"{folder}/{name}", answer.body, kind)
        except FAILURES:
            return None

    def _put_inline(self, folder: str, log: InlineLog) -> LogRecord:
        try:
            content = _json_bytes(log.content)
            location = self._put(f"{folder}/log.json", content, "application/json")
            self._put(f"{folder}/log.txt", log.text.encode("utf-8", "replace"), "text/plain; charset=utf-8")
        except FAILURES as error:
            return LogRecord(LogStatus.UNAVAILABLE, reason=f"the archive did not take it: {_kind(error)}")
        return LogRecord(LogStatus.ARCHIVED, location=location, bytes=len(content))

    def _copy(self, folder: str, log: StoredLog, connection: Connection | None, ends: float) -> LogRecord:
        source = clean(log.location)[:SOURCE_KEPT]
        bucket, _, key = log.location.removeprefix("s3://").partition("/")
        if not log.location.startswith("s3://") or not bucket or not key:
            return LogRecord(LogStatus.VENDOR_ONLY, source=source, reason="it is not an s3:// location")
        if connection is None or bucket not in connection.log_buckets:
            return LogRecord(
                LogStatus.VENDOR_ONLY, source=source, reason="its bucket is not in the connection's logBuckets"
            )
        try:
            found = _reader(connection, self._s3).get_object(Bucket=bucket, Key=key)
            body = _Bounded(found["Body"], ends)
            target = f"{folder}/log{_suffix(key)}"
            self._upload(cast("IO[bytes]", body), target)
        except FAILURES as error:
            return LogRecord(LogStatus.UNAVAILABLE, source=source, reason=f"it could not be copied: {_kind(error)}")
        return LogRecord(LogStatus.ARCHIVED, location=f"s3://{self._bucket}/{target}", source=source, bytes=body.count)

    def _upload(self, body: IO[bytes], key: str) -> None:
        # Only the poll that copies a log pays for loading the transfer manager.
        from boto3.exceptions import S3UploadFailedError
        from boto3.s3.transfer import TransferConfig

        config = TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, use_threads=False)
        try:
            self._s3.upload_fileobj(body, self._bucket, key, Config=config, ExtraArgs={"ContentType": "text/plain"})
        except S3UploadFailedError as error:
            raise OSError("upload failed") from error

    def _put(self, key: str, body: bytes, kind: str) -> str:
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType=kind)
        return f"s3://{self._bucket}/{key}"


class _Bounded:
    """A log that is read for so long and no longer, and counted."""

    def __init__(self, body: StreamingBody, ends: float) -> None:
        self._body = body
        self._ends = ends
        self.count = 0

    def read(self, amount: int | None = None) -> bytes:
        if time.monotonic() > self._ends:
            raise TooLate("the time for the log is used up")
        chunk = self._body.read(amount)
        self.count += len(chunk)
        return chunk


def _reader(connection: Connection, own: S3Client) -> S3Client:
    """Give a client that may read the connection's buckets: in the role it names, else our own."""
    role = connection.fields.get("logReaderRoleArn")
    if role is None:
        return own
    assumed = boto3.client("sts", config=S3_CONFIG).assume_role(
        RoleArn=role, RoleSessionName="import-watch-log", DurationSeconds=900
    )["Credentials"]
    return boto3.client(
        "s3",
        config=S3_CONFIG,
        aws_access_key_id=assumed["AccessKeyId"],
        aws_secret_access_key=assumed["SecretAccessKey"],
        aws_session_token=assumed["SessionToken"],
    )


def _folder(watch: Watch) -> str:
    """Give the folder of a watch; its time keeps apart two watches of one id, should the id ever come again."""
    at = datetime.fromtimestamp(watch.registered_at, UTC).strftime("%Y%m%dT%H%M%SZ")
    return "/".join((*(quote(part, safe="") for part in (watch.vendor, watch.connection, watch.import_id)), at))


def _json_bytes(content: JSON) -> bytes:
    try:
        return json.dumps(content, ensure_ascii=False, indent=2).encode()
    except UnicodeEncodeError:  # half of a surrogate pair: only an escape can carry it
        return json.dumps(content, indent=2).encode()


def _suffix(key: str) -> str:
    suffix = PurePosixPath(key).suffix
    return suffix if re.fullmatch(r"\.[A-Za-z0-9]{1,8}", suffix) else ".txt"


def _kind(error: Exception) -> str:
    if isinstance(error, ClientError):
        return str(error.response["Error"].get("Code", "ClientError"))
    return "it took too long" if isinstance(error, TooLate) else type(error).__name__
