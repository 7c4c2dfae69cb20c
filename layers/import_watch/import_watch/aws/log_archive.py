"""The log archive: the vendor's last response and the import's log, stored in the stack's own S3 bucket.

Fetching a log is best effort and bounded in time and memory: every failure becomes a `LogRecord` or a `MissingLog` with
its reason, never an exception, and never another outcome.

A timeout of the SDK restarts with every byte and every attempt, and a name look-up cannot be interrupted. So each step
runs in a thread of its own, which is abandoned at the deadline.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import quote

import boto3
from botocore import exceptions as sdk
from botocore.compat import set_socket_timeout
from botocore.config import Config
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from import_watch.aws.s3_location import S3Object, is_possible, s3_object
from import_watch.http_client.redaction import without_query
from import_watch.model.observation import InlineLog, LogRecord, LogReference, LogStatus, MissingLog, StoredLog
from import_watch.model.text import clean
from import_watch.model.watch import Watch
from import_watch.observability import logger
from import_watch.vendors.connection import Connection
from import_watch.vendors.response_body import HttpResponse

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client

CONNECT_SECONDS, READ_SECONDS = 3.0, 10.0
S3_CONFIG = Config(connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, retries={"total_max_attempts": 2})
MIN_PUT_SECONDS = 1.0
"""Minimum time to write data that is available already, however late it is."""
MAX_RESPONSE_SECONDS = 10.0
"""Time limit for archiving a response before its outcome is written."""
GIVE_UP_SECONDS = 0.5
"""Time after its deadline in which a step may end by itself: a copy removes the parts that it has written."""
PART_BYTES = 8 * 1024 * 1024
"""Maximum bytes of a log in memory while it is copied."""
MAX_LOG_BYTES = 5 * 1024**3
"""A larger log is not copied: there would not be enough time. With this limit, the parts stay well below S3's maximum
of 10,000."""
MAX_SOURCE = 2_048
"""Maximum characters of a log location that a vendor names."""
NOT_THERE = frozenset({"NoSuchKey", "NotFound", "404", "AccessDenied", "Forbidden", "403"})
"""Error codes of S3 for an object that does not exist; the last three where the caller may not list the bucket."""
TYPE = re.compile(r'[\w!#$&^.+-]+/[\w!#$&^.+-]+(?: ?; ?[\w!#$&^.+-]+=(?:[\w!#$&^.+:/-]+|"[ !#-[\]-~]*"))*', re.ASCII)
"""A media type in HTTP syntax."""
ENCODINGS = re.compile(r"[\w!#$%&'*+.^`|~-]+(?: ?, ?[\w!#$%&'*+.^`|~-]+)*", re.ASCII)
"""One or several content codings in HTTP syntax."""
MAX_HEADER_LENGTH = 200
PASSING_CODES = frozenset({"RequestTimeout", "SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded"})
PASSING = (
    sdk.HTTPClientError,
    sdk.ConnectionError,
    sdk.IncompleteReadError,
    sdk.FlexibleChecksumError,
    ResponseParserError,
    HTTPError,
    OSError,
)
"""Transient errors of a network or a busy service."""
LATE = (TimeoutError, sdk.ReadTimeoutError, sdk.ConnectTimeoutError)
UNEXPECTED = "an unexpected error, which the log of the function has"
RAW = "_raw_stream"
CLOCK_SECONDS = 0.05
"""Time by which a socket's timeout may come too early."""
MIN_TIMEOUT_SECONDS = 0.1
HARMLESS_TYPES = frozenset({"text/plain", "text/csv", "application/json"})
"""Media types that a browser displays and never executes."""


@dataclass(frozen=True, slots=True)
class Archived:
    """Locations of the log and of the vendor's last response."""

    log: LogRecord
    response: str | None


class LogDeadlineExceeded(TimeoutError):
    """The deadline of a log has passed."""


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

    def keep(self, watch: Watch, response: HttpResponse) -> str | None:
        """Archive a response as it was received, and return its location; None where that fails or takes too long."""
        is_json = response.json() is not None
        return self._put_response(_folder(watch), response, time.monotonic() + MAX_RESPONSE_SECONDS, is_json=is_json)

    def fetch(
        self, watch: Watch, log: StoredLog, connection: Connection | None, seconds: float
    ) -> LogRecord | MissingLog:
        """Copy a log that the vendor keeps.

        Parameters
        ----------
        watch : Watch
            Determines the location in the archive.
        log : StoredLog
            Location that the vendor names.
        connection : Connection or None
            Names the buckets that a log may be copied from.
        seconds : float
            Time limit for the whole copy.

        Returns
        -------
        LogRecord
            ARCHIVED; VENDOR_ONLY where it may not or cannot be copied from there; UNAVAILABLE where copying failed and
            would fail again.
        MissingLog
            Always `expected`. The object does not exist (yet), or the error is transient, such as a timeout: the caller
            tries again. Only a log that was being copied at the deadline is not tried again, because it would take as
            long the next time.
        """
        source = source_of(log.location)
        found = s3_object(log.location)
        if found is None:
            return LogRecord(LogStatus.VENDOR_ONLY, source=source, reason="it names no object in S3")
        if connection is None or found.bucket not in connection.log_buckets:
            return LogRecord(
                LogStatus.VENDOR_ONLY, source=source, reason="its bucket is not in the connection's logBuckets"
            )
        if not is_possible(found.key):
            return LogRecord(LogStatus.UNAVAILABLE, source=source, reason="S3 has no object with such a key")
        ends = time.monotonic() + seconds
        copy = _Copy(self._s3, found, f"{_folder(watch)}/log{_suffix(found.key)}", self._bucket, connection, ends)
        try:
            _within(ends, copy.run)
        except Exception as error:  # noqa: BLE001
            # Errors of a network, of another account's bucket or of its role are not faults of this code.
            reason = f"{copy.step}: {_kind(error)}"
            if copy.may_pass(error):
                return MissingLog(reason, expected=True, source=source)
            status = LogStatus.VENDOR_ONLY if isinstance(error, _TooLarge) else LogStatus.UNAVAILABLE
            return LogRecord(status, source=source, reason=reason)
        return LogRecord(LogStatus.ARCHIVED, location=copy.location, source=source, bytes=copy.count)

    def archive(
        self,
        watch: Watch,
        response: HttpResponse | None,
        log: LogReference,
        connection: Connection | None,
        seconds: float,
    ) -> Archived:
        """Archive the response and the log of an ended import.

        Parameters
        ----------
        watch : Watch
            Determines the location in the archive.
        response : HttpResponse or None
            The vendor's last response; archived as it was received.
        log : LogReference
            The log as that response has it, or the result of fetching it.
        connection : Connection or None
            Names the buckets that a log may be copied from.
        seconds : float
            Time limit for all steps; data that is available already has at least `MIN_PUT_SECONDS`.

        Returns
        -------
        Archived
        """
        began = time.monotonic()
        put_ends = began + max(seconds, MIN_PUT_SECONDS)
        folder = _folder(watch)
        location = None
        if response is not None:
            # A log inside the response was read from its JSON already: parsing it again would take the same memory
            # again.
            is_json = isinstance(log, InlineLog) or response.json() is not None
            location = self._put_response(folder, response, put_ends, is_json=is_json)
        if isinstance(log, StoredLog):
            log = self.fetch(watch, log, connection, began + seconds - time.monotonic())
        match log:
            case InlineLog():
                record = self._put_inline(folder, log, put_ends)
            case MissingLog():
                source = None if log.source is None else source_of(log.source)
                record = LogRecord(LogStatus.UNAVAILABLE, source=source, reason=log.reason)
            case LogRecord():
                record = log
            case None:
                record = LogRecord(LogStatus.NONE)
        return Archived(record, location)

    def _put_response(self, folder: str, response: HttpResponse, ends: float, *, is_json: bool) -> str | None:
        name, kind = ("answer.json", "application/json") if is_json else ("answer.txt", "text/plain")
        try:
            return self._put(f"{folder}/{name}", response.body, kind, ends)
        except Exception as error:  # noqa: BLE001
            logger.warning("the response was not archived", reason=_kind(error))
            return None

    def _put_inline(self, folder: str, log: InlineLog, ends: float) -> LogRecord:
        try:
            # Needed only by the last poll of a watch whose response contains its log, so loaded only then.
            from import_watch.aws.log_json import json_bytes

            content = json_bytes(log.content)
            size = len(content)
            location = self._put(f"{folder}/log.json", content, "application/json", ends)
            del content
        except Exception as error:  # noqa: BLE001
            return LogRecord(LogStatus.UNAVAILABLE, reason=f"the archive did not accept it: {_kind(error)}")
        try:
            text = log.text.encode("utf-8", "replace")
            self._put(f"{folder}/log.txt", text, "text/plain; charset=utf-8", ends)
        except Exception as error:  # noqa: BLE001
            # It contains nothing that log.json does not contain as well.
            logger.warning("the log was not archived as a text", reason=_kind(error))
        return LogRecord(LogStatus.ARCHIVED, location=location, bytes=size)

    def _put(self, key: str, body: bytes, kind: str, ends: float) -> str:
        _within(ends, lambda: self._s3.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType=kind))
        return f"s3://{self._bucket}/{key}"


class _TooLarge(Exception):
    """A log is larger than `MAX_LOG_BYTES`."""


class _Copy:
    """One copy of a log from another bucket; `step` describes its current step.

    It runs in one thread; another one, which has abandoned it, reads `step`.
    """

    SOURCE, ROLE, ARCHIVE = "it could not be copied", "its role could not be assumed", "the archive did not accept it"

    def __init__(
        self, own: S3Client, source: S3Object, target: str, archive: str, connection: Connection, ends: float
    ) -> None:
        self._own = own
        self._source = source
        self._target = target
        self._archive = archive
        self._connection = connection
        self._ends = ends
        self.step = self.SOURCE
        self.count = 0
        self.location = f"s3://{archive}/{target}"

    def run(self) -> None:
        """Copy the log."""
        reader = self._reader()
        found = reader.get_object(Bucket=self._source.bucket, Key=self._source.key)
        self._body = found["Body"]
        try:
            if (found.get("ContentLength") or 0) > MAX_LOG_BYTES:
                raise _TooLarge
            _limit_reads(self._body, self._ends)
            self._upload(_headers(found.get("ContentType"), found.get("ContentEncoding")))
        finally:
            # If the body was not read to its end, its connection would stay open; a raw body may have no `close`.
            with suppress(AttributeError):
                self._body.close()

    def _upload(self, headers: dict[str, str]) -> None:
        # Only the poll that copies a log loads the transfer manager.
        from boto3.s3.transfer import TransferConfig

        config = TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, use_threads=False)
        self.step = self.ARCHIVE
        # Where reading or writing fails, it removes the parts that it has written.
        self._own.upload_fileobj(cast("IO[bytes]", self), self._archive, self._target, Config=config, ExtraArgs=headers)

    def read(self, amount: int = PART_BYTES) -> bytes:
        """The next `size` bytes of the log; fewer only at its end, which ends an upload."""
        self.step = self.SOURCE
        part = bytearray()
        while len(part) < amount and (piece := self._body.read(amount - len(part))):
            part += piece
            self.count += len(piece)
            if self.count > MAX_LOG_BYTES:
                raise _TooLarge
        self.step = self.ARCHIVE
        return bytes(part)

    def may_pass(self, error: Exception) -> bool:
        """Whether the same copy may succeed a little later, after such an error."""
        if isinstance(error, sdk.ClientError):
            if self.step is self.SOURCE and _code(error) in NOT_THERE:
                return True
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            return status >= 500 or status == 429 or _code(error) in PASSING_CODES
        if self.step is self.SOURCE and self.count and time.monotonic() >= self._ends - CLOCK_SECONDS:
            return False
        return isinstance(error, PASSING)

    def _reader(self) -> S3Client:
        """Client that may read the connection's buckets: in the role that it names, else in the function's role."""
        role = self._connection.fields.get("logReaderRoleArn")
        if role is None:
            return self._own
        self.step = self.ROLE
        left = max(self._ends - time.monotonic(), MIN_TIMEOUT_SECONDS)
        config = S3_CONFIG.merge(
            Config(connect_timeout=min(CONNECT_SECONDS, left), read_timeout=min(READ_SECONDS, left))
        )
        assumed = boto3.client("sts", config=config).assume_role(
            RoleArn=role, RoleSessionName="import-watch-log", DurationSeconds=900
        )["Credentials"]
        reader = boto3.client(
            "s3",
            config=config,
            aws_access_key_id=assumed["AccessKeyId"],
            aws_secret_access_key=assumed["SecretAccessKey"],
            aws_session_token=assumed["SessionToken"],
        )
        self.step = self.SOURCE
        return reader


class _AvailableBytes:
    """The raw body of a response, which returns the available bytes: filling a buffer could take forever."""

    def __init__(self, raw: Any, ends: float) -> None:
        self._raw = raw
        self._ends = ends

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def read(self, amount: int) -> bytes:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise LogDeadlineExceeded
        with suppress(AttributeError):  # a body that has ended has released its socket
            set_socket_timeout(self._raw, min(READ_SECONDS, left))
        piece: bytes = self._raw.read1(amount)
        return piece


def _limit_reads(body: StreamingBody, ends: float) -> None:
    """Let reads of a body fail at a deadline, with the check of its length and its checksum unchanged."""
    # No public method returns fewer bytes than requested; without this attribute, a copy is still abandoned at its
    # deadline.
    raw = getattr(body, RAW, None)
    if hasattr(raw, "read1"):
        setattr(body, RAW, _AvailableBytes(raw, ends))


def _within(ends: float, step: Callable[[], object]) -> None:
    """Run a step in a thread, and abandon it where it has not ended in time.

    Raises
    ------
    LogDeadlineExceeded
        If its deadline passed; the step may still be running.
    Exception
        Any exception of the step itself.
    """
    if time.monotonic() >= ends:
        raise LogDeadlineExceeded
    failed: list[Exception] = []

    def run() -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(max(0.0, ends - time.monotonic()) + GIVE_UP_SECONDS)
    if failed:
        raise failed[0]
    if thread.is_alive():
        raise LogDeadlineExceeded


def source_of(location: str) -> str:
    """Vendor's location of a log in the form for a notification: printable, short, and without a credential."""
    return without_query(clean(location))[:MAX_SOURCE]


def _headers(kind: object, encoding: object) -> dict[str, str]:
    """Headers that a reader of a copy needs.

    They come from a third party, so malformed ones are dropped, and types that a browser might execute become
    downloads. A reader does not need the file name, the language or the caching rules.
    """
    kind = kind if isinstance(kind, str) else ""
    if not TYPE.fullmatch(kind):
        kind = re.sub(r"\s*([;=])\s*", r"\1", kind[: 2 * MAX_HEADER_LENGTH].strip(" \t;"))
    if len(kind) > MAX_HEADER_LENGTH or not TYPE.fullmatch(kind):
        kind = "text/plain"
    headers = {"ContentType": kind}
    if kind.partition(";")[0].strip().lower() not in HARMLESS_TYPES:
        headers["ContentDisposition"] = "attachment"
    if isinstance(encoding, str) and len(encoding) <= MAX_HEADER_LENGTH and ENCODINGS.fullmatch(encoding):
        # A transfer coding of an upload, which some stores save as a content coding.
        codings = [coding for coding in re.split(" ?, ?", encoding) if coding.lower() != "aws-chunked"]
        if codings:
            headers["ContentEncoding"] = ", ".join(codings)
    return headers


def _folder(watch: Watch) -> str:
    """Folder of an attempt; its time distinguishes two watches with the same id."""
    at = datetime.fromtimestamp(watch.registered_at, UTC).strftime("%Y%m%dT%H%M%SZ")
    if watch.attempt > 1:
        at += f"-attempt-{watch.attempt}"
    return "/".join((*(quote(part, safe="") for part in (watch.vendor, watch.connection, watch.import_id)), at))


def _suffix(key: str) -> str:
    suffix = PurePosixPath(key).suffix
    return suffix if re.fullmatch(r"\.[A-Za-z0-9]{1,8}", suffix) else ".txt"


def _code(error: sdk.ClientError) -> str:
    return clean(str(error.response.get("Error", {}).get("Code") or "ClientError"))[:100]


def _kind(error: Exception) -> str:
    if isinstance(error, sdk.ClientError):
        return _code(error)
    if isinstance(error, _TooLarge):
        return f"it is larger than {MAX_LOG_BYTES // 1024**3} GiB"
    if isinstance(error, LATE):
        return "it took too long"
    return "the connection failed" if isinstance(error, PASSING) else UNEXPECTED
