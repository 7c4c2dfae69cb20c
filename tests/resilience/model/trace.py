"""Writes steps as lines for a person."""

from __future__ import annotations

from typing import Any

from import_watch.aws.connection_store import ConnectionState
from import_watch.aws.watch_writer import Conflict
from import_watch.model.observation import Observation
from import_watch.model.outcome import WatchResult
from import_watch.model.record import StoredWatch
from import_watch.model.watch import Watch

from tests.resilience.model.functions import EXECUTIONS
from tests.resilience.model.replay import Operation
from tests.resilience.model.steps import Model
from tests.resilience.model.world import Step


def line(model: Model, step: Step) -> str:
    """Write one step on one line."""
    parts = [f"{_short(step.who)}:"]
    if step.operation is not None:
        parts.append(call(model.invocations.operations.values[step.operation]))
    if step.how:
        parts.append(_short(step.how))
    if step.result is not None:
        parts.append(f"-> {_value(model.invocations.results.values[step.result])}")
    return " ".join(parts)


def call(operation: Operation) -> str:
    """Write an operation."""
    given = ", ".join(_value(argument) for argument in operation.arguments if argument is not None)
    return f"{operation.port}.{operation.method}({given})"


def _value(value: Any) -> str:
    match value:
        case Watch():
            attempt = f"attempt {value.attempt}, " if value.attempt > 1 else ""
            return f"{attempt}generation {value.generation}, poll {value.polls}"
        case WatchResult():
            return f"{value.outcome} {value.reason or ''}".strip()
        case StoredWatch():
            result = "" if value.result is None else f", {_value(value.result)}"
            published = "" if value.published_at is None else ", published"
            left = ", unpublished" if value.unpublished else ""
            return f"[{_value(value.watch)} of {_short(value.execution)}{result}{published}{left}]"
        case Conflict():
            return f"conflict with {_value(value.record)}"
        case Observation():
            return value.state.value
        case ConnectionState():
            return f"{value.active_watches} active"
        case dict():
            return str(value.get("data", {}).get("outcome", "…"))
        case list():
            return f"{len(value)} listed"
        case tuple():
            return f"({', '.join(_value(one) for one in value)})"
        case str():
            return _short(value)
    return str(value) if value is None or isinstance(value, float | int | Exception) else type(value).__name__


def _short(text: str) -> str:
    """Leave out the common part of all names of executions, and most of the hash of a watch."""
    for name in [word for word in text.replace(EXECUTIONS, "").split() if len(word) > 40 and word[40:41] == "-"]:
        text = text.replace(name, f"successor{name[40:]}")
    return text.replace(EXECUTIONS, "")
