"""Runs the paths on an interpreter, and gives what happened on each in one form, whichever it was."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path as File
from typing import Any

from local.emulator import Emulator
from local.paths import ROOT
from local.waiting import wait_until
from tests.interpreters.paths import FUNCTION_NAMES, START, STATE_MACHINE, TAKEN, Path, Raises, Returns, definition

STATIC = ROOT / "tests" / "static"
SECONDS = 120
OWN_TASKS = {"HandOver"}
"""Tasks that the emulator does itself; it has functions for the others."""


@dataclass(frozen=True)
class Run:
    """What happened on a path.

    Parameters
    ----------
    states : list of tuple of str and JSON
        The states entered, each with its input.
    edges : list of tuple of str
        The transitions taken: from, by what (Next, Catch, Default or a choice's value), to.
    asked : list of tuple of str and JSON
        The tasks asked, each attempt, with what it was given.
    attempts : Counter
        How often each state's task was asked.
    """

    states: list[tuple[str, Any]]
    edges: list[tuple[str, str, str]]
    asked: list[tuple[str, Any]]
    attempts: Counter[str]
    status: str
    error: str | None


def responses(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Give a path's answers by state, each attempt's own, as functions of Lambda give them."""
    return {
        state: [one for response in given for one in _each(state, response)] for state, given in path.responses.items()
    }


def _each(state: str, response: Returns | Raises) -> list[dict[str, Any]]:
    if isinstance(response, Raises):
        return [{"raises": response.error}] * (response.times or 1)
    payload = dict(response.payload)
    return [{"returns": payload if state in OWN_TASKS else {"StatusCode": 200, "Payload": payload}}]


@cache
def node() -> str | None:
    """Give the Node that the second interpreter runs on, installing both first; None where there is none."""
    if shutil.which("npm") is None:
        return None
    subprocess.run([str(STATIC / "install.sh")], check=True, timeout=SECONDS, capture_output=True)
    pinned = STATIC / "node_modules" / ".bin" / "node"
    found = str(pinned) if pinned.exists() else shutil.which("node")
    if found is None:
        return None
    version = subprocess.run([found, "--version"], check=True, timeout=SECONDS, capture_output=True, text=True).stdout
    return found if int(version.strip().removeprefix("v").partition(".")[0]) >= 22 else None


def run_second(paths: list[Path]) -> dict[str, Run]:
    """Run the paths on aws-local-stepfunctions."""
    interpreter = node()
    assert interpreter is not None
    given = {
        "definition": definition(),
        "stateMachine": STATE_MACHINE,
        "paths": [{"name": path.name, "input": START, "answers": responses(path)} for path in paths],
    }
    done = subprocess.run(
        [interpreter, "interpret.mjs"],
        cwd=STATIC,
        input=json.dumps(given),
        check=True,
        timeout=SECONDS,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"]},
    )
    runs = {}
    for run in json.loads(done.stdout):
        asked = [(one["state"], one["parameters"]) for one in run["asked"]]
        events = [(one["entered"], one["input"]) if "entered" in one else (None, None) for one in run["states"]]
        attempts = Counter(state for state, _ in asked)
        runs[run["name"]] = Run(*_walk(events), asked, attempts, run["status"], run["error"])
    return runs


def run_emulated(paths: list[Path], emulator: Emulator, asked: File) -> dict[str, Run]:
    """Run the paths on an emulator that was given `mocks(paths)`, with functions that write to a folder."""
    functions, stepfunctions = emulator.client("lambda"), emulator.client("stepfunctions")
    code = _code(paths)
    for name in FUNCTION_NAMES:
        functions.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role="arn:aws:iam::000000000000:role/stub",
            Handler="stub.handler",
            Code={"ZipFile": code},
            Environment={"Variables": {"ASKED": str(asked)}},
            Timeout=30,
        )
    machine = stepfunctions.create_state_machine(
        name="watch-import",
        definition=json.dumps(definition()),
        roleArn="arn:aws:iam::000000000000:role/stub",
    )["stateMachineArn"]
    assert machine == STATE_MACHINE
    arns = {
        path.name: stepfunctions.start_execution(
            stateMachineArn=f"{machine}#{path.name}", name=path.name, input=json.dumps(START)
        )["executionArn"]
        for path in paths
    }
    return {name: _emulated(stepfunctions, arn, asked / f"{name}.jsonl") for name, arn in arns.items()}


def mocks(paths: list[Path]) -> dict[str, Any]:
    """Give what the emulator itself is to answer: failures for good, unless it comes to them by itself."""
    cases: dict[str, dict[str, str]] = {}
    responses: dict[str, Any] = {}
    for path in paths:
        for state, given in path.responses.items():
            if isinstance(given[0], Raises) and given[0].times is None and given[0].error != TAKEN:
                error = given[0].error
                responses[error] = {"0-99": {"Throw": {"Error": error, "Cause": "as the path has it"}}}
                cases.setdefault(path.name, {})[state] = error
    return {"StateMachines": {"watch-import": {"TestCases": cases}}, "MockedResponses": responses}


def _code(paths: list[Path]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as bundle:
        bundle.write(File(__file__).with_name("stub.py"), "stub.py")
        bundle.writestr("answers.json", json.dumps({path.name: responses(path) for path in paths}))
    return archive.getvalue()


def _emulated(stepfunctions: Any, arn: str, record: File) -> Run:
    def ended() -> dict[str, Any] | None:
        found: dict[str, Any] = stepfunctions.describe_execution(executionArn=arn)
        return None if found["status"] == "RUNNING" else found

    execution = wait_until(ended, SECONDS, f"{arn} ends")
    pages = stepfunctions.get_paginator("get_execution_history").paginate(executionArn=arn)
    history = [event for page in pages for event in page["events"]]
    attempts: Counter[str] = Counter()
    events: list[tuple[str | None, Any]] = []
    failed = False
    for event in history:
        if "stateEnteredEventDetails" in event:
            if failed:
                events.append((None, None))
            failed = False
            details = event["stateEnteredEventDetails"]
            events.append((details["name"], json.loads(details["input"])))
        elif event["type"] == "TaskScheduled":
            failed = False
            attempts[next(state for state, _ in reversed(events) if state)] += 1
        elif event["type"] == "TaskFailed":
            failed = True
    lines = record.read_text().splitlines() if record.exists() else []
    asked = [(line["state"], line["parameters"]) for line in map(json.loads, lines)]
    return Run(*_walk(events), asked, attempts, execution["status"], execution.get("error"))


def _walk(events: list[tuple[str | None, Any]]) -> tuple[list[tuple[str, Any]], list[tuple[str, str, str]]]:
    """Give the states and the transitions between them of states entered and, as None, failures caught."""
    states: list[tuple[str, Any]] = []
    edges: list[tuple[str, str, str]] = []
    caught = False
    for name, given in events:
        if name is None:
            caught = True
            continue
        if states:
            before, seen = states[-1]
            edges.append((before, "Catch" if caught else _way(before, seen), name))
        states.append((name, given))
        caught = False
    return states, edges


def _way(name: str, given: Any) -> str:
    state = definition()["States"][name]
    if state["Type"] != "Choice":
        return "Next"
    values = {choice["StringEquals"] for choice in state["Choices"]}
    action: str = given["action"]
    return action if action in values else "Default"


def transitions() -> Iterator[tuple[str, str, str]]:
    """Give every transition that the definition has."""
    for name, state in definition()["States"].items():
        if "Next" in state:
            yield name, "Next", state["Next"]
        for catcher in state.get("Catch", []):
            yield name, "Catch", catcher["Next"]
        for choice in state.get("Choices", []):
            yield name, choice["StringEquals"], choice["Next"]
        if "Default" in state:
            yield name, "Default", state["Default"]
