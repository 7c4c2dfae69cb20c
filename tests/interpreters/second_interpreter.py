"""Runs the state machine on aws-local-stepfunctions, which raises errors by their names, as AWS does."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.paths import ROOT
from tests.support.node import STATIC, run_script
from tests.support.node import node as installed_node

# A substitution is filled with its own name; that of the partition is a part of what the interpreter knows.
DEFINITION: dict[str, Any] = json.loads(
    re.sub(
        r"\$\{(\w+)\}",
        r"\1",
        (ROOT / "statemachine" / "watch_import.asl.json").read_text().replace("${Partition}", "aws"),
    )
)
START: dict[str, Any] = {"detail-type": "ImportStarted", "detail": {"vendor": "voyado", "importId": "1"}}
CHANGED: dict[str, Any] = {**START, "detail-type": "ImportChanged"}
WATCH = {"watchId": "voyado#default#1", "vendor": "voyado", "generation": 1}
SUCCESSOR = {"name": "successor", "input": {"resume": {"generation": 2}}}


@dataclass(frozen=True)
class Raises:
    """A task that fails this number of times with this error."""

    error: str
    times: int = 1


Response = str | Raises
"""What a task does: a string is the action that it returns."""


@dataclass(frozen=True)
class Run:
    """One execution: the states entered, the parameters of every attempt by state, and how it ended."""

    states: list[str]
    requests: dict[str, list[Any]]
    status: str
    error: str | None


def node() -> str | None:
    """Node that the interpreter runs on; None where there is none."""
    return installed_node(22)


def run(
    responses: Mapping[str, Mapping[str, Sequence[Response]]], inputs: Mapping[str, dict[str, Any]]
) -> dict[str, Run]:
    """Run an execution for each name, with its input, and the responses of its tasks by state; the last one repeats."""
    given = {
        "definition": DEFINITION,
        "stateMachine": "arn:aws:states:eu-west-1:000000000000:stateMachine:watch-import",
        "paths": [
            {
                "name": name,
                "input": inputs[name],
                "responses": {state: _written_out(each) for state, each in by_state.items()},
            }
            for name, by_state in responses.items()
        ],
    }
    done = run_script(str(node()), STATIC / "interpret.mjs", given)
    runs = {}
    for each in done:
        requests: dict[str, list[Any]] = {}
        for attempt in each["requests"]:
            requests.setdefault(attempt["state"], []).append(attempt["parameters"])
        runs[each["name"]] = Run(each["states"], requests, each["status"], each["error"])
    return runs


def _written_out(responses: Sequence[Response]) -> list[dict[str, Any]]:
    written: list[dict[str, Any]] = []
    for response in responses:
        if isinstance(response, Raises):
            written += [{"raises": response.error}] * response.times
        else:
            payload = {"action": response, "seconds": 7, "watch": WATCH, "successor": SUCCESSOR}
            written.append({"returns": {"StatusCode": 200, "Payload": payload}})
    return written
