"""Faults of networks and vendors during a poll: every fault is transient, and is no result of the import."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import pytest
from import_watch.http_client import transport as exchanging
from import_watch.model.observation import ImportState
from import_watch.model.outcome import Reason

from tests.conformance.harness import NOWHERE, Case
from tests.loopback_server import Exchange, respond_with, self_signed

Cause: TypeAlias = Callable[[Case, pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Fault:
    """A fault, and the reason of a watch that sees only this fault for too long."""

    cause: Cause
    reason: Reason


def success(case: Case) -> Any:
    """Body of a success, which no fault may let through."""
    return case.sample.body(ImportState.SUCCEEDED)


def _status(status: int, **headers: str) -> Cause:
    return lambda case, _patch: case.respond_with(status, success(case), **headers)


def _bytes(make: Callable[[bytes], bytes], status: int = 200, **headers: str) -> Cause:
    """Respond with a changed body of a success."""
    return lambda case, _patch: case.respond_with(status, make(json.dumps(success(case)).encode()), **headers)


def _raw(make: Callable[[bytes], bytes]) -> Cause:
    """Respond with bytes that need not be HTTP."""
    return lambda case, _patch: case.behave(
        lambda exchange: exchange.connection.sendall(make(json.dumps(success(case)).encode()))
    )


def _another(case: Case) -> ImportState:
    """A state that is no success: not every vendor has a failure."""
    return next(state for state in (case.sample.failure, *case.sample.bodies) if state is not ImportState.SUCCEEDED)


def _twice(case: Case, _patch: pytest.MonkeyPatch) -> None:
    """Send the status twice, that of a success last."""
    other = json.dumps(case.sample.only_status(_another(case)))
    case.respond_with(200, f"{other[:-1]}, {json.dumps(success(case))[1:]}".encode())


def _twice_reversed(case: Case, _patch: pytest.MonkeyPatch) -> None:
    """Send the status twice, that of a success first."""
    succeeded = json.dumps(case.sample.only_status(ImportState.SUCCEEDED))
    case.respond_with(200, f"{succeeded[:-1]}, {json.dumps(case.sample.body(_another(case)))[1:]}".encode())


def _nulled(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _nulled(item) for name, item in value.items()}
    return [_nulled(item) for item in value] if isinstance(value, list) else None


def _nested_nulls(case: Case, _patch: pytest.MonkeyPatch) -> None:
    case.respond_with(200, _nulled(success(case)))


def _slow(send: Callable[[Exchange, bytes], None]) -> Cause:
    def cause(case: Case, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(exchanging, "EXCHANGE_SECONDS", 0.3)
        body = json.dumps(success(case)).encode()
        case.behave(lambda exchange: send(exchange, body))

    return cause


def _drip_headers(exchange: Exchange, body: bytes) -> None:
    exchange.drip(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 50 + b"\r\n" + body, every=0.05)


def _drip_body(exchange: Exchange, body: bytes) -> None:
    exchange.send_response(200)
    exchange.end_headers()
    exchange.wfile.write(body)
    exchange.drip(b" " * 200, every=0.05)


def _silent(case: Case, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(exchanging, "EXCHANGE_SECONDS", 0.2)

    def wait(exchange: Exchange) -> None:
        exchange.server.ended.wait(10)

    case.behave(wait)


def _reset(sent: bytes = b"") -> Cause:
    def reset(exchange: Exchange) -> None:
        exchange.connection.sendall(sent)
        exchange.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        exchange.connection.close()

    return lambda case, _patch: case.behave(reset)


def _refused(case: Case, _patch: pytest.MonkeyPatch) -> None:
    case.move(case.harness.refused_url)


def _no_address(case: Case, patch: pytest.MonkeyPatch) -> None:
    resolve = socket.getaddrinfo

    def unknown(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host == NOWHERE:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve(host, *args, **kwargs)

    patch.setattr(socket, "getaddrinfo", unknown)
    case.move(f"https://{NOWHERE}")


def _untrusted(case: Case, _patch: pytest.MonkeyPatch) -> None:
    case.move(case.harness.serve(respond_with(200, success(case)), tls=self_signed()).url)


def _not_tls(case: Case, _patch: pytest.MonkeyPatch) -> None:
    case.respond_with(200, success(case))
    case.move(case.harness.api.url.replace("http:", "https:"))


def _unavailable(cause: Cause) -> Fault:
    return Fault(cause, Reason.VENDOR_UNAVAILABLE)


def _unreadable(cause: Cause) -> Fault:
    return Fault(cause, Reason.UNREADABLE_ANSWER)


FAULTS = {
    **{
        f"{status} with the body of a success": _unavailable(_status(status))
        for status in (400, 402, 406, 408, 409, 429)
    },
    **{f"{status} with the body of a success": _unavailable(_status(status)) for status in (500, 502, 503, 504)},
    "300 with the body of a success": _unreadable(_status(300)),
    **{
        f"{status} to elsewhere": _unreadable(_status(status, Location="https://elsewhere.invalid/"))
        for status in (301, 302, 303, 307, 308)
    },
    "204": _unreadable(_bytes(lambda _body: b"", status=204)),
    "304": _unreadable(_bytes(lambda _body: b"", status=304)),
    "HTML": _unreadable(_bytes(lambda body: b"<html><body>" + body + b"</body></html>", Content_Type="text/html")),
    "text": _unreadable(_bytes(lambda _body: b"OK")),
    "an empty body": _unreadable(_bytes(lambda _body: b"")),
    "blanks": _unreadable(_bytes(lambda _body: b" \r\n\t")),
    "JSON cut in the middle": _unreadable(_bytes(lambda body: body[: len(body) // 2])),
    "JSON without its last byte": _unreadable(_bytes(lambda body: body[:-1])),
    "JSON followed by more": _unreadable(_bytes(lambda body: body + body)),
    "JSON with single quotes": _unreadable(_bytes(lambda body: body.replace(b'"', b"'"))),
    "a list": _unreadable(_bytes(lambda body: b"[" + body + b"]")),
    "an empty list": _unreadable(_bytes(lambda _body: b"[]")),
    "an object inside another": _unreadable(_bytes(lambda body: b'{"data": ' + body + b"}")),
    "an empty object": _unreadable(_bytes(lambda _body: b"{}")),
    "null": _unreadable(_bytes(lambda _body: b"null")),
    "a number": _unreadable(_bytes(lambda _body: b"200")),
    "a number too long to be read": _unreadable(_bytes(lambda _body: b"9" * 5_000)),
    "true": _unreadable(_bytes(lambda _body: b"true")),
    "NaN alone": _unreadable(_bytes(lambda _body: b"NaN")),
    "a string": _unreadable(_bytes(lambda body: json.dumps(body.decode()).encode())),
    "nested nulls": _unreadable(_nested_nulls),
    "100,000 lists in each other": _unreadable(_bytes(lambda _body: b"[" * 100_000)),
    "bytes that are no text": _unreadable(_bytes(lambda _body: bytes(range(128, 256)))),
    "a status twice, the success last": _unreadable(_twice),
    "a status twice, the success first": _unreadable(_twice_reversed),
    "10 MB": _unreadable(_bytes(lambda body: body[:-1] + b" " * 10_000_000 + b"}")),
    "10 MB without end": _unreadable(_bytes(lambda body: body[:-1] + b" " * 10_000_000, Content_Length="99000000")),
    "a body shorter than its Content-Length": _unavailable(_bytes(lambda body: body, Content_Length="500000")),
    "a body that is not compressed as declared": _unavailable(_bytes(lambda body: body, Content_Encoding="gzip")),
    "broken chunks": _unavailable(
        _raw(lambda body: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n" + body)
    ),
    "no response": _unavailable(_raw(lambda _body: b"")),
    "no HTTP": _unavailable(_raw(lambda body: body)),
    "slow headers": _unavailable(_slow(_drip_headers)),
    "a slow body": _unavailable(_slow(_drip_body)),
    "silence": _unavailable(_silent),
    "a reset": _unavailable(_reset()),
    "a reset in the body": _unavailable(_reset(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{")),
    "a refused connection": _unavailable(_refused),
    "no address": Fault(_no_address, Reason.MISCONFIGURED),
    "an untrusted certificate": _unavailable(_untrusted),
    "no TLS": _unavailable(_not_tls),
}
NOTHING_SENT = ("a refused connection", "no address", "an untrusted certificate", "no TLS")
"""Faults before the peer is known to be the vendor: nothing is sent."""
