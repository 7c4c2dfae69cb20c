"""What a simulator is asked and what it answers: the contract between the server and the vendors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from local.simulators.script import Moment


@dataclass(frozen=True, slots=True)
class Request:
    """A request as the server read it; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: `body` is bytes, or anything that JSON can carry."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


class Simulator(Protocol):
    """One vendor."""

    def before(self, request: Request) -> Response | None:
        """Answer what is not a poll: refused credentials, a token; None where the request is a poll."""

    def import_id(self, path: str) -> str | None:
        """Give the import that a path asks for, or None where it is no path of this vendor."""

    def unknown(self, import_id: str) -> Response:
        """Answer for an import that was never started."""

    def response(self, import_id: str, moment: Moment, now: float) -> Response:
        """Answer for an import at a moment of its script."""


def timestamp(time: float) -> str:
    """Write epoch seconds the way the vendors do."""
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
