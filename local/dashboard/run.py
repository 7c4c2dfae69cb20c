"""Runs imports and faults on a local stack, and gives what its functions measured."""

from __future__ import annotations

import json
import time

from rich.console import Console

from local.dashboard.collection import collected
from local.dashboard.data import Measurement
from local.dashboard.imports import planned
from local.deployment import STACK_NAME
from local.stack import LocalStack
from local.waiting import wait_until

PARAMETERS = {
    "OverdueSeconds": "15",
    "NotFoundSeconds": "20",
    "UnrecognisedSeconds": "20",
    "FailingSeconds": "75",
    # The sweeps are made here: a schedule that is minutes apart would make too few.
    "RecoveryMinutes": "15",
}
SWEEP_SECONDS = 15.0
STOP_AFTER = 12.0
"""Seconds after which somebody stops an execution."""
MOST_SECONDS = 150.0
"""For which the last imports may go on."""


def measured(console: Console) -> tuple[list[Measurement], dict[str, str]]:
    """Run the imports; give the measurements, and what stands for the names in the dashboard's body."""
    with LocalStack(parameters=PARAMETERS) as stack:
        _run(stack, console)
        values = {
            "AWS::StackName": STACK_NAME,
            "AWS::Region": stack.description(0)["region"],
            "WatchStateMachine": stack.outputs["WatchStateMachineArn"],
            "DeadLetterQueue.QueueName": stack.outputs["DeadLetterQueueUrl"].rpartition("/")[2],
        }
        return collected(stack), values


def _run(stack: LocalStack, console: Console) -> None:
    began = time.monotonic()
    ahead, swept = list(planned()), 0.0
    stops: list[tuple[float, str]] = []
    console.print(f"Starting {len(ahead)} imports over {ahead[-1].at:.0f} s …")
    while ahead:
        passed = time.monotonic() - began
        if passed - swept >= SWEEP_SECONDS:
            swept = passed
            _sweep(stack)
        while stops and stops[0][0] <= passed:
            _stop(stack, stops.pop(0)[1])
        if ahead[0].at <= passed:
            one = ahead.pop(0)
            if one.steps:
                stack.simulators[one.detail["vendor"]].script(one.detail["importId"], one.steps)
            stack.start_import(one.detail)
            if one.is_stopped:
                stops.append((passed + STOP_AFTER, one.detail["importId"]))
        else:
            time.sleep(min(0.2, ahead[0].at - passed))
    console.print("Waiting for the last of them …")
    for _, import_id in stops:
        _stop(stack, import_id)
    wait_until(lambda: not _running(stack), MOST_SECONDS, "every execution ends", pause=2)
    _sweep(stack)


def _sweep(stack: LocalStack) -> None:
    stack.client("lambda").invoke(FunctionName=f"{STACK_NAME}-recover-watches", Payload=json.dumps({}))


def _running(stack: LocalStack) -> list[str]:
    machine = stack.outputs["WatchStateMachineArn"]
    found = stack.client("stepfunctions").list_executions(stateMachineArn=machine, statusFilter="RUNNING")
    return [execution["executionArn"] for execution in found["executions"]]


def _stop(stack: LocalStack, import_id: str) -> None:
    stepfunctions = stack.client("stepfunctions")
    for arn in _running(stack):
        given = json.loads(stepfunctions.describe_execution(executionArn=arn)["input"])
        if given.get("detail", {}).get("importId") == import_id:
            stepfunctions.stop_execution(executionArn=arn)
