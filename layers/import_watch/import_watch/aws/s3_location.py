"""Reads the location of an S3 object from any form in which a vendor may write it. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

MAX_KEY_BYTES = 1_024
"""S3 keys are not longer."""
PLAIN = re.compile(r"(?:s3[an]?://|arn:aws[a-z-]*:s3:::)([^/]+)/(.+)", re.IGNORECASE | re.DOTALL)
"""A URI or an ARN: its key is not escaped, so `%` and `+` are part of it."""
QUERY_OF_S3 = re.compile(
    r"\?(?:X-Amz-[a-z-]+|AWSAccessKeyId|Signature|Expires|versionId|partNumber|response-[a-z-]+|x-id)=.*",
    re.IGNORECASE | re.DOTALL,
)
"""A query that was left after a key. Any other `?` is part of the key."""
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
    """Object that a location names; None where it names none, or not clearly one.

    Parameters
    ----------
    location : str
        Untrusted. `s3://` (also `s3a://` and `s3n://`), an ARN, or a URL of S3 with the bucket in its host or in its
        path. The query of a URL is dropped: a signature is not needed, and the newest version counts.
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
        # Decoded after the split, and once: an escaped slash is part of a key, and does not end the bucket.
        bucket, path = found["bucket"], url.path[1:]
        if bucket is None:
            first, _, path = path.partition("/")
            bucket = unquote(first, errors="strict")
        key = unquote(path, errors="strict")
    except ValueError:
        return None
    return S3Object(bucket, key) if bucket and key else None


def is_possible(key: str) -> bool:
    """Whether S3 allows such a key."""
    try:
        return len(key.encode()) <= MAX_KEY_BYTES
    except UnicodeEncodeError:
        return False
