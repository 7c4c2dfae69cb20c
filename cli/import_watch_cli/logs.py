"""Prints the archived log of an ended watch."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator
from typing import Any

from import_watch.model.record import StoredWatch
from import_watch.notifications.notification import readable_log

from import_watch_cli.errors import NOT_DONE, CommandError, code_of
from import_watch_cli.output import Output, printable
from import_watch_cli.stack import Stack

CHUNK = 64 * 1024
MAX_LINE_BYTES = 1024 * 1024
MAX_JSON_BYTES = 5 * 1024 * 1024
"""Maximum bytes of a log that is printed inside an object."""


def print_log(stack: Stack, output: Output, record: StoredWatch, *, raw: bool) -> int:
    """Print the log of an ended watch; its form for a person, unless it is wanted as the vendor wrote it.

    Raises
    ------
    CommandError
        If there is no log in the archive, with the reason.
    """
    location = _location(record)
    if output.as_json:
        return _print_object(stack, output, record, location)
    body, encoding = _open(stack, location if raw else readable_log(location) or location)
    chunks = body.iter_chunks(CHUNK)
    if encoding == "gzip" and not raw:
        chunks = iter(gzip.GzipFile(fileobj=body).read1, b"")
    if not sys.stdout.isatty():
        for chunk in chunks:
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
        return 0
    for line in _lines(chunks):
        sys.stdout.write(f"{printable(line.expandtabs())}\n")
    return 0


def _location(record: StoredWatch) -> str:
    watch, log = record.watch, record.log
    if record.result is None:
        raise CommandError(
            f"{watch.watch_id} is still active: `import-watch wait` waits for its outcome and its log.", NOT_DONE
        )
    if log is not None and log.location is not None:
        return log.location
    if not record.keeps_log:
        raise CommandError(f"{watch.vendor_title or watch.vendor} keeps no logs of imports.", NOT_DONE)
    reason = f" ({log.reason})" if log is not None and log.reason else ""
    if log is not None and log.source is not None:
        raise CommandError(printable(f"The log is not in the archive{reason}: it is at {log.source}."), NOT_DONE)
    raise CommandError(printable(f"There is no log{reason}: look at the import at the vendor."), NOT_DONE)


def _open(stack: Stack, location: str) -> tuple[Any, str | None]:
    from botocore.exceptions import ClientError

    bucket, _, key = location.removeprefix("s3://").partition("/")
    try:
        found = stack.client("s3").get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if code_of(error) in ("NoSuchKey", "NoSuchBucket"):
            raise CommandError(
                f"The log is no longer in the archive, which keeps logs for ArchiveRetentionDays: {location}.", NOT_DONE
            ) from None
        raise
    return found["Body"], found.get("ContentEncoding")


def _print_object(stack: Stack, output: Output, record: StoredWatch, location: str) -> int:
    text_location = readable_log(location) or location
    body, encoding = _open(stack, text_location)
    source = gzip.GzipFile(fileobj=body) if encoding == "gzip" else body
    content = source.read(MAX_JSON_BYTES + 1)
    whole = len(content) <= MAX_JSON_BYTES
    output.value(
        {
            "watchId": record.watch.watch_id,
            "location": location,
            "textLocation": text_location,
            "bytes": record.log.bytes if record.log else None,
            # A longer one does not belong into an object.
            "text": content.decode("utf-8", "replace") if whole else None,
        }
    )
    return 0


def _lines(chunks: Iterator[bytes]) -> Iterator[str]:
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.decode("utf-8", "replace").removesuffix("\r")
        if len(rest) > MAX_LINE_BYTES:
            yield rest.decode("utf-8", "replace")
            rest = b""
    if rest:
        yield rest.decode("utf-8", "replace")
