"""Removes a stack: no more start events, then no more executions, then the stack itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from import_watch_cli.errors import CommandError, code_of
from import_watch_cli.stack import Stack
from import_watch_cli.watches import Watches

CAUSE = "the stack is being removed"
OUTCOME_SECONDS = 120.0
"""Seconds for which the outcomes of the stopped watches may be published before the stack is deleted."""
DELETE_SECONDS = 1_800.0
PAUSE_SECONDS, LOCAL_PAUSE_SECONDS = 5.0, 0.2
GONE = "DELETE_COMPLETE"


def remove(stack: Stack, note: Callable[[str], None]) -> list[str]:
    """Remove a stack, and return what remains.

    Parameters
    ----------
    stack : Stack
    note : callable
        Gets a sentence about each step.

    Raises
    ------
    CommandError
        If CloudFormation does not delete it.
    """
    remaining = _retained(stack)
    _disable_rule(stack)
    note("The rule for start events is off.")
    stopped = _stop_all(stack)
    left = _wait_for_outcomes(stack)
    # A rule may act for some seconds after it was switched off, and an execution that runs would hold up the deletion.
    stopped += _stop_all(stack)
    note(f"{stopped} executions were stopped.")
    if left:
        note(f"{left} watches have no outcome yet: it will not be published.")
    stack.client("cloudformation").delete_stack(StackName=stack.name)
    _wait_until_deleted(stack)
    return remaining


def _disable_rule(stack: Stack) -> None:
    bus = stack.output("ImportBusName")
    machine = stack.output("WatchStateMachineArn")
    events = stack.client("events")

    def page(token: dict[str, str]) -> dict[str, Any]:
        found: dict[str, Any] = events.list_rule_names_by_target(TargetArn=machine, EventBusName=bus, **token)
        return found

    for name in _pages(page, "RuleNames"):
        events.disable_rule(Name=name, EventBusName=bus)


def _stop_all(stack: Stack) -> int:
    return sum(1 for execution in _running(stack) if _stop(stack, execution))


def _running(stack: Stack) -> list[str]:
    client, machine = stack.client("stepfunctions"), stack.output("WatchStateMachineArn")
    pages = client.get_paginator("list_executions").paginate(stateMachineArn=machine, statusFilter="RUNNING")
    return [one["executionArn"] for page in pages for one in page["executions"]]


def _stop(stack: Stack, execution: str) -> bool:
    from botocore.exceptions import ClientError

    try:
        stack.client("stepfunctions").stop_execution(executionArn=execution, error="StackRemoved", cause=CAUSE)
    except ClientError as error:
        if code_of(error) != "ExecutionDoesNotExist":
            raise
        return False
    return True


def _wait_for_outcomes(stack: Stack) -> int:
    """Wait until every stopped watch has its outcome; the number of those without one."""
    watches, ends = Watches(stack), time.monotonic() + OUTCOME_SECONDS
    while True:
        left = sum(1 for _ in watches.active_ids()) + sum(1 for _ in watches.store.unpublished())
        if not left or time.monotonic() > ends:
            return left
        time.sleep(_pause(stack))


def _wait_until_deleted(stack: Stack) -> None:
    from botocore.exceptions import ClientError

    client, ends = stack.client("cloudformation"), time.monotonic() + DELETE_SECONDS
    while True:
        try:
            found = client.describe_stacks(StackName=stack.name)["Stacks"][0]
        except ClientError as error:
            if code_of(error) == "ValidationError" and "does not exist" in str(error):
                return
            raise
        if found["StackStatus"] == GONE:
            return
        if found["StackStatus"].endswith("FAILED"):
            why = found.get("StackStatusReason", "no reason is given")
            raise CommandError(f"Stack {stack.name} is {found['StackStatus']} ({why}): look at its events.")
        if time.monotonic() > ends:
            raise CommandError(f"Stack {stack.name} is still being deleted: look at its events in the console.")
        time.sleep(_pause(stack))


def _retained(stack: Stack) -> list[str]:
    """What the template keeps when the stack is deleted, and what it never made."""
    return [
        f"table {stack.output('WatchTableName')}",
        f"bucket {stack.output('LogArchiveBucketName')}",
        f"secrets {stack.output('ConnectionSecretPrefix')}/…",
    ]


def _pages(request: Callable[[dict[str, str]], dict[str, Any]], key: str) -> Iterator[Any]:
    token: dict[str, str] = {}
    while True:
        page = request(token)
        yield from page[key]
        if not page.get("NextToken"):
            return
        token = {"NextToken": page["NextToken"]}


def _pause(stack: Stack) -> float:
    return LOCAL_PAUSE_SECONDS if stack.is_local else PAUSE_SECONDS
