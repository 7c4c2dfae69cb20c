"""Stores what functions under way reach next, so that the code runs once for each replay, and values have numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from import_watch.aws.watch_writer import Conflict

from tests.resilience.model.functions import Call, Functions
from tests.resilience.model.replay import Operation, Suspended


class Numbers:
    """Assigns equal values the same small number: states of the search consist of these."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self.values: list[Any] = []

    def of(self, value: Any) -> int:
        key = f"Conflict({value.record!r})" if isinstance(value, Conflict) else repr(value)
        number = self._numbers.setdefault(key, len(self.values))
        if number == len(self.values):
            self.values.append(value)
        return number


@dataclass(slots=True)
class Point:
    """A function under way: before an operation, or over, with a response or (None) an error."""

    call: Call
    results: tuple[int, ...]
    operation: int | None
    response: str | None = None
    error: str | None = None
    next: dict[int, int] = field(default_factory=dict)


class Invocations:
    """All points that the search has reached."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        self._first: dict[Call, int] = {}
        self.points: list[Point] = []
        self.operations = Numbers()
        self.results = Numbers()

    def begin(self, call: Call) -> int:
        """Point at which a call begins."""
        if call not in self._first:
            self._first[call] = self._reach(call, ())
        return self._first[call]

    def after(self, number: int, result: int) -> int:
        """Point that follows on an operation's result."""
        point = self.points[number]
        if result not in point.next:
            point.next[result] = self._reach(point.call, (*point.results, result))
        return point.next[result]

    def operation(self, number: int) -> Operation | None:
        """Operation that a point is before; None where the function is over."""
        operation = self.points[number].operation
        return None if operation is None else self.operations.values[operation]

    def _reach(self, call: Call, results: tuple[int, ...]) -> int:
        try:
            response = self._functions.run(call, tuple(self.results.values[result] for result in results))
            point = Point(call, results, None, response=response)
        except Suspended as suspended:
            point = Point(call, results, self.operations.of(suspended.operation))
        except Exception as error:  # noqa: BLE001
            point = Point(call, results, None, error=repr(error))
        self.points.append(point)
        return len(self.points) - 1
