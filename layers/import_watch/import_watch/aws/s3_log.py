"""A log that a vendor keeps in S3, in a bucket that the connection names as its own."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import boto3
from botocore import exceptions as sdk
from botocore.compat import set_socket_timeout
from botocore.config import Config

from import_watch.aws.log_copy import LogDeadlineExceeded, cause_of, code_of
from import_watch.aws.s3_location import S3Object
from import_watch.observability import logger
from import_watch.vendors.connection import Connection

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client

CONNECT_SECONDS, READ_SECONDS = 3.0, 10.0
S3_CONFIG = Config(connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, retries={"total_max_attempts": 2})
MIN_TIMEOUT_SECONDS = 0.1
MAX_BYTES = 5 * 1024**3
"""A larger log is not copied: there would not be enough time. With this limit, the parts stay well below S3's maximum
of 10,000."""
REFUSED = frozenset({"AccessDenied", "Forbidden", "403"})
"""Error codes of S3 for an object that may not be read, and for one that does not exist in a bucket that the caller may
not list."""
NOT_THERE = REFUSED | {"NoSuchKey", "NotFound", "404"}
"""Error codes of S3 for an object that does not exist."""
COPY, ROLE = "it could not be copied", "its role could not be assumed"
RAW = "_raw_stream"


class S3Log:
    """A log in S3, read in the role that the connection names, else in the function's own.

    Parameters
    ----------
    own : S3Client
        Client in the function's role.
    found : S3Object
    connection : Connection
    """

    def __init__(self, own: S3Client, found: S3Object, connection: Connection) -> None:
        self._own = own
        self._found = found
        self._connection = connection
        self.name = found.key
        self.step = COPY
        self.max_bytes = MAX_BYTES

    def open(self, ends: float) -> _OpenObject:
        """Begin to read the object."""
        reader = self._reader(ends)
        found = reader.get_object(Bucket=self._found.bucket, Key=self._found.key)
        # The role that may read it may not write to the archive.
        return _OpenObject(self._found, found, ends, copier=self._own if reader is self._own else None)

    def may_pass(self, error: Exception) -> bool | None:
        """True for an object that does not exist (yet)."""
        missing = isinstance(error, sdk.ClientError) and self.step is COPY and code_of(error) in NOT_THERE
        return True if missing and not _refused_by_key(error) else None

    def reason(self, error: Exception) -> str | None:
        """What a refusal may mean: S3 distinguishes it from a missing object only for who may list the bucket."""
        if self.step is not COPY or not isinstance(error, sdk.ClientError):
            return None
        if _refused_by_key(error):
            return "its key may not be used: name a logReaderRoleArn whose role may"
        if code_of(error) in REFUSED:
            return "it does not exist, or may not be read (HTTP 403; S3 distinguishes them only with s3:ListBucket)"
        return None

    def _reader(self, ends: float) -> S3Client:
        role = self._connection.fields.get("logReaderRoleArn")
        if role is None:
            return self._own
        self.step = ROLE
        left = max(ends - time.monotonic(), MIN_TIMEOUT_SECONDS)
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
        self.step = COPY
        return reader


def _refused_by_key(error: Exception) -> bool:
    """Whether the object exists, and the key that encrypts it may not be used: only the message has it."""
    if not isinstance(error, sdk.ClientError) or code_of(error) not in REFUSED:
        return False
    return "kms:" in str(error.response.get("Error", {}).get("Message", ""))


class _OpenObject:
    """The body of an object, and what its head has about it."""

    def __init__(self, source: S3Object, found: Any, ends: float, copier: S3Client | None) -> None:
        self._source = source
        self._copier = copier
        self._etag: str | None = found.get("ETag")
        self._body: StreamingBody = found["Body"]
        self.content_type: object = found.get("ContentType")
        self.content_encoding: object = found.get("ContentEncoding")
        self.size: int | None = found.get("ContentLength")
        _limit_reads(self._body, ends)

    def read(self, amount: int) -> bytes:
        return self._body.read(amount)

    def copy(self, bucket: str, key: str, headers: Mapping[str, str]) -> bool:
        """Have S3 copy it, with these headers and without its tags and metadata, which come from a third party."""
        if self._copier is None or self._etag is None:
            return False
        more: dict[str, Any] = {**headers, "MetadataDirective": "REPLACE", "TaggingDirective": "REPLACE"}
        try:
            self._copier.copy_object(
                Bucket=bucket,
                Key=key,
                CopySource={"Bucket": self._source.bucket, "Key": self._source.key},
                CopySourceIfMatch=self._etag,
                **more,
            )
        except (sdk.ClientError, sdk.BotoCoreError) as error:
            logger.warning("S3 did not copy the log, so it is read", reason=cause_of(error))
            return False
        return True

    def close(self) -> None:
        # If the body was not read to its end, its connection would stay open; a raw body may have no `close`.
        with suppress(AttributeError):
            self._body.close()


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
