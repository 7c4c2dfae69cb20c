"""Requests and responses of a simulator: the contract between the server and the vendors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from local.simulators.script import Moment, Step


@dataclass(frozen=True, slots=True)
class Request:
    """A request as the server has read it; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    query: str = ""


@dataclass(frozen=True, slots=True)
class Response:
    """A response: `body` is bytes, or any JSON value."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


class Simulator(Protocol):
    """A simulated API of a vendor."""

    def before(self, request: Request) -> Response | None:
        """Response to a request that is not a poll: refused credentials, a token; None where the request is a poll."""

    def import_id(self, request: Request) -> str | None:
        """Import id in a request, or None where it is not one for the status of an import of this API."""

    def unknown(self, import_id: str) -> Response:
        """Response for an import that was never started."""

    def response(self, import_id: str, moment: Moment, now: float) -> Response:
        """Response for an import at a moment of its script."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """What a vendor's module has of it, as `SIMULATED`.

    Parameters
    ----------
    apis : tuple of type
        Simulators of the vendor's APIs; the first one responds to a request that none of them knows.
    connections : callable
        Returns the fields of the secrets of the connections, by their names, for the base URL of the simulator.
    import_id : str
        Id of an example import, which `make up` scripts: it runs, then it succeeds.
    running, succeeded : Step
        Steps of an import that runs, and of one that has succeeded, at the connection `default`.
    """

    apis: tuple[type[Simulator], ...]
    connections: Callable[[str], Mapping[str, Mapping[str, Any]]]
    import_id: str
    running: Step
    succeeded: Step


def timestamp(time: float) -> str:
    """Epoch seconds in the format of the vendors."""
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
