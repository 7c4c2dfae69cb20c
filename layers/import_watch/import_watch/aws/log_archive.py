"""The log archive: the vendor's last response and the import's log, stored in the stack's own S3 bucket.

Fetching a log is best effort and bounded in time and memory: every failure becomes a `LogRecord` or a `MissingLog` with
its reason, never an exception, and never another outcome.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote

import boto3

from import_watch.aws.log_copy import LogCopy, LogSource, LogTooLarge, cause_of, within
from import_watch.aws.s3_location import is_possible, s3_object
from import_watch.aws.s3_log import S3_CONFIG, S3Log
from import_watch.http_client.redaction import without_query
from import_watch.model.observation import InlineLog, LogRecord, LogReference, LogStatus, MissingLog, StoredLog
from import_watch.model.text import clean
from import_watch.model.watch import Watch
from import_watch.observability import logger
from import_watch.vendors.connection import Connection
from import_watch.vendors.response_body import HttpResponse

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MIN_PUT_SECONDS = 1.0
"""Minimum time to write data that is available already, however late it is."""
MAX_RESPONSE_SECONDS = 10.0
"""Time limit for archiving a response before its outcome is written."""
MAX_SOURCE = 2_048
"""Maximum characters of a log location that a vendor names."""


Downloads: TypeAlias = Callable[[Connection, StoredLog, float], LogSource | MissingLog | str | None]


@dataclass(frozen=True, slots=True)
class Archived:
    """Locations of the log and of the vendor's last response."""

    log: LogRecord
    response: str | None


class LogArchive:
    """Writes to the archive's bucket.

    Parameters
    ----------
    bucket : str
        Name of the archive's bucket.
    client : S3Client, optional
        A boto3 client, for tests.
    downloads : callable, optional
        Returns the source of a log behind a URL, or why it may not be fetched, or not now; None for what is no URL.
    """

    def __init__(self, bucket: str, client: S3Client | None = None, downloads: Downloads | None = None) -> None:
        self._bucket = bucket
        self._downloads = downloads
        self._s3: S3Client = client or boto3.client("s3", config=S3_CONFIG)

    def keep(self, watch: Watch, response: HttpResponse, log: LogReference) -> tuple[str | None, LogRecord | None]:
        """Archive a response as it was received, and a log in it.

        Returns
        -------
        location : str or None
            Of the response; None where that fails or takes too long.
        record : LogRecord or None
            Of the log; None where it is not in the response.
        """
        ends = time.monotonic() + MAX_RESPONSE_SECONDS
        is_json = isinstance(log, InlineLog) or response.json() is not None
        location = self._put_response(_folder(watch), response, ends, is_json=is_json)
        return location, self._put_inline(_folder(watch), log, ends) if isinstance(log, InlineLog) else None

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
            Names the buckets and hosts that a log may be copied from.
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
        ends = time.monotonic() + seconds
        found = self._source(log, connection, seconds)
        source = source_of(log.location)
        if isinstance(found, LogRecord | MissingLog):
            return replace(found, source=source)
        key = f"{_folder(watch)}/log{_suffix(found.name)}"
        copy = LogCopy(found, self._s3, self._bucket, key, ends)
        try:
            copy.run()
        except Exception as error:  # noqa: BLE001
            # Errors of a network, of another account's bucket or of its role are not faults of this code.
            reason = copy.reason(error)
            if copy.may_pass(error):
                return MissingLog(reason, expected=True, source=source)
            status = LogStatus.VENDOR_ONLY if isinstance(error, LogTooLarge) else LogStatus.UNAVAILABLE
            return LogRecord(status, source=source, reason=reason)
        return LogRecord(LogStatus.ARCHIVED, location=copy.location, source=source, bytes=copy.count)

    def _source(
        self, log: StoredLog, connection: Connection | None, seconds: float
    ) -> LogSource | LogRecord | MissingLog:
        """Where a log is copied from; the reason where it may not be, or not now."""
        download = self._downloads(connection, log, seconds) if connection is not None and self._downloads else None
        if not isinstance(download, str | None):
            return download
        found = s3_object(log.location)
        if found is None:
            return LogRecord(LogStatus.VENDOR_ONLY, reason=download or "it names no object in S3")
        if connection is None or found.bucket not in connection.log_buckets:
            return LogRecord(LogStatus.VENDOR_ONLY, reason="its bucket is not in the connection's logBuckets")
        if not is_possible(found.key):
            return LogRecord(LogStatus.UNAVAILABLE, reason="S3 has no object with such a key")
        return S3Log(self._s3, found, connection)

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
            logger.warning("the response was not archived", reason=cause_of(error))
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
            return LogRecord(LogStatus.UNAVAILABLE, reason=f"the archive did not accept it: {cause_of(error)}")
        try:
            text = log.text.encode("utf-8", "replace")
            self._put(f"{folder}/log.txt", text, "text/plain; charset=utf-8", ends)
        except Exception as error:  # noqa: BLE001
            # It contains nothing that log.json does not contain as well.
            logger.warning("the log was not archived as a text", reason=cause_of(error))
        return LogRecord(LogStatus.ARCHIVED, location=location, bytes=size)

    def _put(self, key: str, body: bytes, kind: str, ends: float) -> str:
        within(ends, lambda: self._s3.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType=kind))
        return f"s3://{self._bucket}/{key}"


def source_of(location: str) -> str:
    """Vendor's location of a log in the form for a notification: printable, short, and without a credential."""
    return without_query(clean(location))[:MAX_SOURCE]


def _folder(watch: Watch) -> str:
    """Folder of an attempt; its time distinguishes two watches with the same id."""
    at = datetime.fromtimestamp(watch.registered_at, UTC).strftime("%Y%m%dT%H%M%SZ")
    if watch.attempt > 1:
        at += f"-attempt-{watch.attempt}"
    return "/".join((*(quote(part, safe="") for part in (watch.vendor, watch.connection, watch.import_id)), at))


def _suffix(key: str) -> str:
    suffix = PurePosixPath(key).suffix
    return suffix if re.fullmatch(r"\.[A-Za-z0-9]{1,8}", suffix) else ".txt"
