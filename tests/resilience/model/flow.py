"""Interprets the state machine's definition, from one task to the next. Pure.

Time is not in it: a Wait may end at any moment, so it ends at once, and what may happen meanwhile is the search's to
try. What the definition holds that is not understood here is refused, so that the two cannot drift apart.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any, NamedTuple

from import_watch.model.serialization import JSON

from local.paths import ROOT

START = "arn:aws:states:::states:startExecution"
INVOKE = "arn:aws:states:::lambda:invoke"
TASK_FAILED, NAME_TAKEN = "States.TaskFailed", "StepFunctions.ExecutionAlreadyExistsException"
TASK_FIELDS = frozenset(
    {
        "Comment",
        "Type",
        "Resource",
        "Parameters",
        "OutputPath",
        "ResultPath",
        "TimeoutSeconds",
        "Retry",
        "Catch",
        "Next",
    }
)
SUBSTITUTED = {
    "${Partition}": "aws",
    "${RegisterWatchFunctionArn}": "register_watch",
    "${PublishOutcomeFunctionArn}": "publish_outcome",
    "${PollFunctionPrefix}": "poll_",
}


class Task(NamedTuple):
    """The execution stands at a task: `parameters` are JSON text, as all that is carried is."""

    state: str
    resource: str
    parameters: str


class Ended(NamedTuple):
    """The execution has ended."""

    status: str


Step = Task | Ended


def text(value: JSON) -> str:
    """Write JSON so that equal values are equal texts."""
    return json.dumps(value, sort_keys=True)


@cache
def _states() -> dict[str, Any]:
    written = (ROOT / "statemachine" / "watch_import.asl.json").read_text()
    for name, value in SUBSTITUTED.items():
        written = written.replace(name, value)
    definition = json.loads(written)
    if definition["StartAt"] != "RegisterWatch":
        raise NotImplementedError("the execution starts elsewhere")
    states: dict[str, Any] = definition["States"]
    return states


@cache
def begin(data: str, execution: str) -> tuple[Step, str]:
    """Start an execution: return its first task or end, and its data there."""
    return enter("RegisterWatch", data, execution)


@cache
def enter(name: str, data: str, execution: str) -> tuple[Step, str]:
    """Continue from a state's beginning to the next task, or to the end."""
    state = _states()[name]
    match state["Type"]:
        case "Task":
            _understood(name, state, TASK_FIELDS)
            parameters = _filled(state["Parameters"], json.loads(data), execution)
            return Task(name, state["Resource"], text(parameters)), data
        case "Choice":
            return enter(_chosen(name, state, json.loads(data)), data, execution)
        case "Wait":
            _understood(name, state, {"Type", "SecondsPath", "Next"})
            if not isinstance(_at(state["SecondsPath"], json.loads(data), execution), int):
                raise ValueError("an execution waits for whole seconds only")
            return enter(state["Next"], data, execution)
        case "Succeed":
            return Ended("SUCCEEDED"), data
        case "Fail":
            return Ended("FAILED"), data
    raise NotImplementedError(f"{name} is a {state['Type']}")


@cache
def completed(name: str, data: str, response: str, execution: str) -> tuple[Step, str]:
    """Continue from a task with its result."""
    state = _states()[name]
    result = json.loads(response)
    if state["Resource"] == INVOKE:
        result = {"Payload": result, "StatusCode": 200}
    held = _put(state.get("ResultPath", "$"), json.loads(data), result)
    held = _at(state.get("OutputPath", "$"), held, execution)
    return enter(state["Next"], text(held), execution)


@cache
def failed(name: str, data: str, execution: str, error: str = TASK_FAILED) -> tuple[Step, str]:
    """Continue from a task that has failed for good."""
    catches = [catch for catch in _states()[name]["Catch"] if {error, "States.ALL"} & set(catch["ErrorEquals"])]
    catch = catches[0]
    held = _put(catch["ResultPath"], json.loads(data), {"Error": error, "Cause": "it failed"})
    return enter(catch["Next"], text(held), execution)


@cache
def retried(name: str) -> bool:
    """Whether a task that fails is tried again."""
    return any(TASK_FAILED in retry["ErrorEquals"] for retry in _states()[name].get("Retry", ()))


def _understood(name: str, state: dict[str, Any], fields: frozenset[str] | set[str]) -> None:
    if unknown := set(state) - fields:
        raise NotImplementedError(f"{name} has {sorted(unknown)}")


def _chosen(name: str, state: dict[str, Any], data: JSON) -> str:
    for choice in state["Choices"]:
        _understood(name, choice, {"Variable", "StringEquals", "Next"})
        if _at(choice["Variable"], data, "") == choice["StringEquals"]:
            return str(choice["Next"])
    return str(state["Default"])


def _filled(template: JSON, data: JSON, execution: str) -> JSON:
    if not isinstance(template, dict):
        return template
    return {
        key.removesuffix(".$"): _at(value, data, execution) if key.endswith(".$") else _filled(value, data, execution)
        for key, value in template.items()
    }


def _at(path: str, data: JSON, execution: str) -> JSON:
    if call := re.fullmatch(r"States\.Format\('([^']*)', (.*)\)", path):
        return call[1].format(_at(call[2], data, execution))
    if path.startswith("$$."):
        return {"$$.Execution.Id": execution, "$$.StateMachine.Id": "this"}[path]
    if not re.fullmatch(r"\$(\.\w+)*", path):
        raise NotImplementedError(path)
    for name in path.split(".")[1:]:
        data = data[name]
    return data


def _put(path: str, data: JSON, result: JSON) -> JSON:
    if path == "$":
        return result
    name = path.removeprefix("$.")
    if not name.isidentifier():
        raise NotImplementedError(path)
    return {**data, name: result}
