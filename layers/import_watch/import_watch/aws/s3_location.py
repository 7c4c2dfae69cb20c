"""Reads where an object in S3 is out of the forms in which a vendor may write it. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

MAX_KEY_BYTES = 1_024
"""S3 has no longer key."""
PLAIN = re.compile(r"(?:s3[an]?://|arn:aws[a-z-]*:s3:::)([^/]+)/(.+)", re.IGNORECASE | re.DOTALL)
"""A URI or an ARN: its key stands there as it is, so that `%` and `+` are part of it."""
QUERY_OF_S3 = re.compile(
    r"\?(?:X-Amz-[a-z-]+|AWSAccessKeyId|Signature|Expires|versionId|partNumber|response-[a-z-]+|x-id)=.*",
    re.IGNORECASE | re.DOTALL,
)
"""A query that somebody has left behind a key. Any other `?` is part of the key."""
HOST = re.compile(
    r"(?:(?P<bucket>.+)\.)?"
    r"s3(?:-accelerate|-fips|-external-1)?(?:\.dualstack)?(?:[.-][a-z]{2,4}(?:-[a-z]+)+-\d+)?"
    r"\.amazonaws\.com(?:\.cn)?"
)
PORTS = {"https": (None, 443), "http": (None, 80)}


class S3Object(NamedTuple):
    """An object in S3."""

    bucket: str
    key: str


def s3_object(location: str) -> S3Object | None:
    """Object that a location names; None where it names none, or not plainly one.

    Parameters
    ----------
    location : str
        Untrusted. `s3://` (also `s3a://` and `s3n://`), an ARN, or a URL of S3 with the bucket in its host or in its
        path. What a URL has in its query is not kept: a signature is not needed, and the newest version is what counts.
    """
    if found := PLAIN.fullmatch(location):
        key = QUERY_OF_S3.sub("", found[2], count=1)
        return S3Object(found[1], key) if key else None
    return _of_url(location)


def _of_url(location: str) -> S3Object | None:
    try:
        url = urlsplit(location)
        host, port = (url.hostname or "").removesuffix("."), url.port
        if url.scheme not in PORTS or port not in PORTS[url.scheme] or "@" in url.netloc:
            return None
        found = HOST.fullmatch(host)
        if found is None:
            return None
        # Decoded after it is taken apart, and once: an escaped slash is part of a key, and no end of a bucket.
        bucket, path = found["bucket"], url.path[1:]
        if bucket is None:
            first, _, path = path.partition("/")
            bucket = unquote(first, errors="strict")
        key = unquote(path, errors="strict")
    except ValueError:
        return None
    return S3Object(bucket, key) if bucket and key else None


def is_possible(key: str) -> bool:
    """Whether S3 can have such a key at all."""
    try:
        return len(key.encode()) <= MAX_KEY_BYTES
    except UnicodeEncodeError:
        return False
