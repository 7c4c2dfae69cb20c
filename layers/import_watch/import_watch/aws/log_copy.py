"""One copy of a vendor's log into the archive, from any source: bounded in size, in time and in memory.

A timeout of the SDK restarts with every byte and every attempt, and a name look-up cannot be interrupted. So each step
runs in a thread of its own, which is abandoned at the deadline.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import IO, TYPE_CHECKING, Protocol, cast

from botocore import exceptions as sdk
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from import_watch.model.text import clean

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

GIVE_UP_SECONDS = 0.5
"""Time after its deadline in which a step may end by itself: a copy removes the parts that it has written."""
PART_BYTES = 8 * 1024 * 1024
"""Maximum bytes of a log in memory while it is copied."""
TYPE = re.compile(r'[\w!#$&^.+-]+/[\w!#$&^.+-]+(?: ?; ?[\w!#$&^.+-]+=(?:[\w!#$&^.+:/-]+|"[ !#-[\]-~]*"))*', re.ASCII)
"""A media type in HTTP syntax."""
ENCODINGS = re.compile(r"[\w!#$%&'*+.^`|~-]+(?: ?, ?[\w!#$%&'*+.^`|~-]+)*", re.ASCII)
"""One or several content codings in HTTP syntax."""
MAX_HEADER_LENGTH = 200
HARMLESS_TYPES = frozenset({"text/plain", "text/csv", "application/json"})
"""Media types that a browser displays and never executes."""
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
CLOCK_SECONDS = 0.05
"""Time by which a socket's timeout may come too early."""
ARCHIVE = "the archive did not accept it"


class LogDeadlineExceeded(TimeoutError):
    """The deadline of a log has passed."""


class LogTooLarge(Exception):
    """A log has more bytes than are copied from its source."""


class OpenLog(Protocol):
    """A log that is being read."""

    content_type: object
    content_encoding: object
    size: int | None

    def read(self, amount: int) -> bytes:
        """At most `amount` bytes; none at the end."""

    def copy(self, bucket: str, key: str, headers: Mapping[str, str], /) -> bool:
        """Have it copied to a bucket without reading it; False where that is not possible or failed."""

    def close(self) -> None:
        """Release its connection."""


class LogSource(Protocol):
    """Where a log is copied from.

    `name` has the suffix of its file, and `step` is what fails at present, for a person. Errors are those of a network
    and of the SDK, or known to `may_pass` and `reason` alone.
    """

    name: str
    step: str
    max_bytes: int

    def open(self, ends: float) -> OpenLog:
        """Begin to read it; no wait lasts beyond `ends`, on the monotonic clock."""

    def may_pass(self, error: Exception) -> bool | None:
        """Whether the source may be read a little later, after such an error; None where it does not know."""

    def reason(self, error: Exception) -> str | None:
        """Cause of an error, for a person; None where the source does not know it."""


class LogCopy:
    """One copy of a log.

    It runs in one thread; another one, which has abandoned it, reads `reason` and `may_pass`.

    Parameters
    ----------
    source : LogSource
    archive : S3Client
    bucket, key : str
        Where the copy is written to.
    ends : float
        Deadline on the monotonic clock.
    """

    def __init__(self, source: LogSource, archive: S3Client, bucket: str, key: str, ends: float) -> None:
        self._source = source
        self._archive = archive
        self._bucket, self._key = bucket, key
        self._ends = ends
        self._writes = False
        self.count = 0
        self.location = f"s3://{bucket}/{key}"

    def run(self) -> None:
        """Copy the log, or raise what prevented that."""
        within(self._ends, self._copy)

    def _copy(self) -> None:
        self._log = self._source.open(self._ends)
        try:
            if (self._log.size or 0) > self._source.max_bytes:
                raise LogTooLarge
            headers = _headers(self._log.content_type, self._log.content_encoding)
            if not self._copied_by_its_source(headers):
                self._upload(headers)
        finally:
            self._log.close()

    def _copied_by_its_source(self, headers: dict[str, str]) -> bool:
        """Whether it was copied without being read. One that fits into memory was received meanwhile."""
        if (self._log.size or 0) <= PART_BYTES:
            return False
        self.count = self._log.size or 0
        if self._log.copy(self._bucket, self._key, headers):
            return True
        self.count = 0
        return False

    def _upload(self, headers: dict[str, str]) -> None:
        # Only the poll that copies a log loads the transfer manager.
        from boto3.s3.transfer import TransferConfig

        config = TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, use_threads=False)
        self._writes = True
        # Where reading or writing fails, it removes the parts that it has written.
        self._archive.upload_fileobj(cast("IO[bytes]", self), self._bucket, self._key, Config=config, ExtraArgs=headers)

    def read(self, amount: int = PART_BYTES) -> bytes:
        """The next `amount` bytes of the log; fewer only at its end, which ends an upload."""
        self._writes = False
        part = bytearray()
        while len(part) < amount and (piece := self._log.read(amount - len(part))):
            part += piece
            self.count += len(piece)
            if self.count > self._source.max_bytes:
                raise LogTooLarge
        self._writes = True
        return bytes(part)

    def may_pass(self, error: Exception) -> bool:
        """Whether the same copy may succeed a little later, after such an error.

        Not where the deadline passed while the log was being read: it would take as long the next time.
        """
        if not self._writes:
            if self.count and time.monotonic() >= self._ends - CLOCK_SECONDS:
                return False
            if (known := self._source.may_pass(error)) is not None:
                return known
        if isinstance(error, sdk.ClientError):
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            return status >= 500 or status == 429 or code_of(error) in PASSING_CODES
        return isinstance(error, PASSING)

    def reason(self, error: Exception) -> str:
        """What failed, and why, for a person."""
        step = ARCHIVE if self._writes else self._source.step
        cause = None if self._writes else self._source.reason(error)
        if cause is None and isinstance(error, LogTooLarge):
            cause = f"it is larger than {_size(self._source.max_bytes)}"
        return f"{step}: {cause or cause_of(error)}"


def within(ends: float, step: Callable[[], object]) -> None:
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


def cause_of(error: Exception) -> str:
    """Cause of an error of the SDK or of a network, for a person."""
    if isinstance(error, sdk.ClientError):
        return code_of(error)
    if isinstance(error, LATE):
        return "it took too long"
    return "the connection failed" if isinstance(error, PASSING) else UNEXPECTED


def code_of(error: sdk.ClientError) -> str:
    """Error code of a service, printable and short."""
    return clean(str(error.response.get("Error", {}).get("Code") or "ClientError"))[:100]


def _size(count: int) -> str:
    return f"{count // 1024**3} GiB" if count >= 1024**3 else f"{count // 1024**2} MiB"


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
