"""Decoding of bodies: complete ones are decoded, broken ones are refused, and memory stays bounded."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Iterable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from import_watch.http_client import content_encoding
from import_watch.http_client.content_encoding import PIECE_BYTES, Undecodable, decoded

BODY = b'{"status": "SUCCESS"}' * 20


def packed(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


RAW = zlib.compressobj(wbits=-15)
RAW_DEFLATE = RAW.compress(BODY) + RAW.flush()


def split(data: bytes, size: int) -> Iterable[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


@pytest.mark.parametrize("size", [1, 7, 65_536])
@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("", BODY),
        ("identity", BODY),
        ("utf-8", BODY),  # what some servers take it for
        ("gzip", packed(BODY)),
        (" GZip ", packed(BODY)),
        ("x-gzip", packed(BODY)),
        ("gzip", packed(BODY[:9]) + packed(b"") + packed(BODY[9:])),
        ("gzip", packed(BODY) + b"\0" * 100),
        ("deflate", zlib.compress(BODY)),
        ("deflate", RAW_DEFLATE),
        ("gzip, gzip", packed(packed(BODY))),
        ("deflate, identity, gzip", packed(zlib.compress(BODY))),
    ],
)
def test_a_complete_body_is_decoded(encoding: str, data: bytes, size: int) -> None:
    assert b"".join(decoded(split(data, size), encoding)) == BODY


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "gzip, gzip"])
def test_an_empty_body_is_empty(encoding: str) -> None:
    assert b"".join(decoded([], encoding)) == b""


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("gzip", BODY),
        ("gzip", b"\x1f"),
        ("gzip", packed(BODY)[:-1]),  # the body is whole, its checksum is not
        ("gzip", packed(BODY)[:-8] + b"\0" * 8),
        ("gzip", packed(BODY) + packed(BODY)[:10]),
        ("deflate", zlib.compress(BODY)[:-1]),
        ("deflate", b"\xff" * 20),
        ("gzip, gzip", packed(BODY)),
        ("br", BODY),
        ("zstd, gzip", packed(BODY)),
        ("gzip, gzip, gzip, gzip", BODY),
        (",".join(["gzip"] * 10_000), BODY),
    ],
)
def test_a_body_that_is_not_encoded_so_is_refused(encoding: str, data: bytes) -> None:
    with pytest.raises(Undecodable):
        b"".join(decoded(split(data, 50), encoding))


@given(data=st.binary(max_size=300), encoding=st.sampled_from(["gzip", "deflate", "gzip, deflate"]))
def test_no_bytes_raise_anything_else(data: bytes, encoding: str) -> None:
    with suppress(Undecodable):
        b"".join(decoded(split(data, 20), encoding))


@pytest.mark.parametrize("layers", [1, 2])
def test_a_body_that_expands_comes_in_small_pieces(layers: int) -> None:
    data = b"\0" * 100_000_000
    for _ in range(layers):
        data = packed(data)
    tracemalloc.start()
    try:
        total = sum(len(piece) for piece in decoded(split(data, PIECE_BYTES), ", ".join(["gzip"] * layers)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total == 100_000_000
    assert peak < 10 * PIECE_BYTES


def test_what_is_large_only_between_two_encodings_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content_encoding, "MAX_INNER_BYTES", 1_000_000)
    nothing = gzip.compress(b"") + bytes(2_000_000)  # zeros after the end of a member are padding
    body = gzip.compress(gzip.compress(nothing))
    assert len(body) < 2_000
    with pytest.raises(Undecodable, match="too many times"):
        list(decoded([body], "gzip, gzip, gzip"))
    assert b"".join(decoded([gzip.compress(gzip.compress(b"x" * 5_000))], "gzip, gzip")) == b"x" * 5_000
