"""Decodes a compressed body piece by piece, so that memory is bounded however large the decoded body is. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

PIECE_BYTES = 64 * 1024
"""Maximum size of a piece that a decoder returns."""
MAX_LAYERS = 3
"""Maximum number of nested encodings: more than one is rare, and each costs time."""
MAX_INNER_BYTES = 128 * 1024 * 1024
"""Maximum bytes between two nested encodings: no decoded body may be larger, and a compressed one rarely is."""
GZIP = frozenset({"gzip", "x-gzip"})
NOT_SUPPORTED = frozenset({"br", "zstd", "compress", "x-compress", "dcb", "dcz"})


class Undecodable(Exception):
    """A body is not encoded as its header declares; the error's text is for a person and quotes nothing."""


def decoded(pieces: Iterable[bytes], content_encoding: str) -> Iterator[bytes]:
    """Pieces of the body without its content encodings.

    Parameters
    ----------
    pieces : iterable of bytes
        The body as it was received.
    content_encoding : str
        The header. A name in it that is not a compression (such as `utf-8`) is ignored: some servers send it with an
        uncompressed body.

    Raises
    ------
    Undecodable
        While iterating, if the body is encoded in another way, was cut off, or is encoded too many times.
    """
    names = [name for part in content_encoding.split(",") if (name := part.strip().lower())]
    layers = [name for name in names if name in GZIP or name == "deflate"]
    if NOT_SUPPORTED.intersection(names):
        raise Undecodable("sent a response with a compression that was not requested")
    if len(layers) > MAX_LAYERS:
        raise Undecodable("sent a response that is compressed too many times")
    result = iter(pieces)
    for number, name in enumerate(reversed(layers), 1):
        result = _inflated(result, name)
        if number < len(layers):
            result = _bounded(result)
    return result


def _bounded(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Pieces of an inner encoding, with a limit on their total size.

    The reader limits the decoded body, but an outer encoding may decode to very much, and the inner one to nothing.
    """
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > MAX_INNER_BYTES:
            raise Undecodable("sent a response that is compressed too many times")
        yield piece


def _inflated(pieces: Iterator[bytes], name: str) -> Iterator[bytes]:
    stream = None
    first = b""
    for received in pieces:
        piece = received
        if stream is None:
            first += piece
            if len(first) < 2:  # two bytes distinguish the formats
                continue
            stream, piece = zlib.decompressobj(_window(first, name)), first
        while piece:
            if stream.eof:
                # A gzip file may have several members. Anything else behind the end is padding, which clients ignore.
                if name not in GZIP or not piece.startswith(b"\x1f"):
                    break
                stream = zlib.decompressobj(_window(piece, name))
            try:
                yield from _output(stream, piece)
            except zlib.error:
                raise Undecodable("sent a response that is not compressed as it declares") from None
            piece = stream.unused_data
    if first and (stream is None or not stream.eof):
        raise Undecodable("sent a compressed response that is cut off")


def _output(stream: zlib._Decompress, piece: bytes) -> Iterator[bytes]:
    """Decoded pieces of one encoded piece."""
    out = stream.decompress(piece, PIECE_BYTES)
    # After a full piece, more output may follow, even where no input is left.
    while out:
        yield out
        if stream.eof or (len(out) < PIECE_BYTES and not stream.unconsumed_tail):
            return
        out = stream.decompress(stream.unconsumed_tail, PIECE_BYTES)


def _window(first: bytes, name: str) -> int:
    """Format as zlib's window size: many servers send raw deflate data where the standard requires a zlib header."""
    if name in GZIP:
        return 16 + zlib.MAX_WBITS
    has_header = first[0] & 0x0F == 8 and (first[0] * 256 + first[1]) % 31 == 0
    return zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS
