"""Reads the log of an ended import from the archive: its first lines to show, and all of it to download."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from import_watch.model.observation import LogStatus
from import_watch.model.record import StoredWatch
from import_watch.notifications.notification import readable_log

from import_watch_cli.errors import CommandError, code_of, sentence_of
from import_watch_cli.page.words import LINES, count, size, visible
from import_watch_cli.stack import Stack

MAX_LINES = 200
MAX_BYTES = 256 * 1024
"""Bytes that are read of a log to show its first lines."""
MAX_LINE = 2_000
"""Maximum characters of a line that is shown."""
CHUNK_BYTES = 64 * 1024
ARCHIVE_OUTPUT = "LogArchiveBucketName"


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The first lines of a log.

    Parameters
    ----------
    lines : str or None
        Printable; None where there are none to show.
    summary : str
        How much of it is shown, or why it is not.
    """

    lines: str | None
    summary: str


@dataclass(frozen=True, slots=True)
class Download:
    """A whole log.

    Parameters
    ----------
    name : str
        Name of the file, of harmless characters.
    length : int
        Bytes.
    parts : iterator of bytes
    """

    name: str
    length: int
    parts: Iterator[bytes]


def excerpt(stack: Stack, record: StoredWatch) -> Excerpt:
    """First lines of the log of a watch, or why there are none."""
    if record.result is None:
        return Excerpt(None, "The log is fetched when the import has ended.")
    log = record.log
    if log is None:
        text = "It is not archived yet." if record.keeps_log else "This vendor keeps no log."
        return Excerpt(None, text)
    if log.status is not LogStatus.ARCHIVED or log.location is None:
        reason = f": {log.reason}" if log.reason else ""
        return Excerpt(None, f"{_STATUS[log.status]}{reason}.")
    try:
        return _read(stack, log.location, log.bytes)
    except (BotoCoreError, ClientError) as error:
        return Excerpt(None, f"The archived log could not be read. {sentence_of(error, stack.region)}")
    except CommandError as error:
        return Excerpt(None, str(error))


def download(stack: Stack, record: StoredWatch) -> Download:
    """The whole log of a watch, as it is archived.

    Raises
    ------
    CommandError
        If it has none.
    botocore.exceptions.ClientError
        If the archive does not return it.
    """
    if record.log is None or record.log.location is None:
        raise CommandError("This watch has no archived log.")
    bucket, key = _object(stack, record.log.location)
    found = stack.client("s3").get_object(Bucket=bucket, Key=key)
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{record.watch.vendor}-{record.watch.import_id}")[:100].strip(".-")
    suffix = re.sub(r"[^A-Za-z0-9.]+", "", key.rpartition("/")[2].removeprefix("log"))[:12] or ".txt"
    return Download(f"{name or 'import'}-log{suffix}", found["ContentLength"], _parts(found["Body"]))


_STATUS = {
    LogStatus.ARCHIVED: "Its location is not stored",
    LogStatus.VENDOR_ONLY: "The log is only at the vendor",
    LogStatus.NONE: "This vendor keeps no log",
    LogStatus.UNAVAILABLE: "The log is not available",
}


def _read(stack: Stack, location: str, whole: int | None) -> Excerpt:
    readable = readable_log(location)
    try:
        found = _get(stack, readable or location)
    except ClientError as error:
        if readable is None or code_of(error) not in ("NoSuchKey", "404"):
            raise
        found = _get(stack, location)
    body: bytes = found["Body"].read(MAX_BYTES)
    length = int(str(found.get("ContentRange", "")).rpartition("/")[2] or found["ContentLength"])
    amount = size(whole if whole is not None else length)
    if found.get("ContentEncoding") or b"\0" in body:
        return Excerpt("", f"The log is no plain text ({amount}): download it.")
    lines = body.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if lines[-1] == "":
        lines.pop()
    is_cut = length > len(body) or len(lines) > MAX_LINES
    shown = [_shown(line) for line in lines[:MAX_LINES]]
    summary = f"First {count(len(shown), 'line')} of {amount}" if is_cut else f"{count(len(shown), 'line')}, {amount}"
    return Excerpt("\n".join(shown), summary)


def _shown(line: str) -> str:
    return visible(line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]} …", LINES)


def _get(stack: Stack, location: str) -> Any:
    bucket, key = _object(stack, location)
    client = stack.client("s3")
    try:
        return client.get_object(Bucket=bucket, Key=key, Range=f"bytes=0-{MAX_BYTES - 1}")
    except ClientError as error:
        if code_of(error) != "InvalidRange":  # an empty object has no first byte
            raise
        return client.get_object(Bucket=bucket, Key=key)


def _object(stack: Stack, location: str) -> tuple[str, str]:
    """Bucket and key of an object of the archive.

    Raises
    ------
    CommandError
        If it is elsewhere: only the archive of this stack is read.
    """
    bucket, _, key = location.removeprefix("s3://").partition("/")
    if bucket != stack.output(ARCHIVE_OUTPUT) or not key:
        raise CommandError("The log is not in the archive of this stack.")
    return bucket, key


def _parts(body: Any) -> Iterator[bytes]:
    try:
        yield from body.iter_chunks(CHUNK_BYTES)
    finally:
        body.close()
