"""A stack for single faults: its clock is fast, executions hand over after two polls, and calls can be made to fail."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError
from import_watch.model.watch import watch_id

from local.clock import Clock
from local.outcomes import Message
from local.simulators.script import Step
from local.stack import LocalStack
from local.waiting import wait_until
from tests.integration.observer import Observer
from tests.resilience.calls import Call, Operation
from tests.resilience.proxy import Fault, FaultProxy, Harm

VENDOR = "voyado"
SPEED = 40.0
MAX_POLLS_PER_EXECUTION = 2
RECOVERY_GRACE_SECONDS = 10
SECONDS = 90.0
"""How long is waited for anything, on the machine's clock."""
RUNNING: Step = {"status": "IN_PROGRESS"}
SUCCESS: Step = {"status": "SUCCESS"}
RECOVER, PUBLISH = "import-watch-recover-watches", "import-watch-publish-outcome"
Edit = Callable[[dict[str, Any]], None]


class Harness:
    """A stack, with what can be observed and changed from outside."""

    def __init__(self, stack: LocalStack, clock: Clock) -> None:
        self.stack = stack
        self.clock = clock
        self.observer = Observer(stack)
        self.faults: dict[tuple[str, Operation], Fault] = {}
        self._numbers = itertools.count(1)

    def now(self) -> float:
        """Time on the stack's clock."""
        return self.clock.now()

    def active(self) -> list[str]:
        """Watches that have not ended."""
        items = self.stack.client("dynamodb").scan(TableName=self.stack.outputs["WatchTableName"])["Items"]
        return [item["watchId"]["S"] for item in items if item.get("active", {}).get("S", "").startswith("ACTIVE")]

    def decide(self, call: Call) -> Fault | None:
        """Fault that is planned for an import's next call of this kind; it occurs once."""
        return self.faults.pop((call.import_id, call.operation), None) if call.import_id else None

    def start_watch(self, *steps: Step, fault: tuple[Operation, Harm | Fault] | None = None, **more: Any) -> str:
        """Script an import, send its start event, and return the id of its watch."""
        import_id = f"{9 * 10**18 + 10**6 + next(self._numbers)}"
        if fault is not None:
            operation, harm = fault
            self.faults[import_id, operation] = harm if isinstance(harm, Fault) else Fault(harm)
        self.stack.simulators[VENDOR].script(import_id, steps)
        self.stack.start_import({"vendor": VENDOR, "importId": import_id, **more})
        return watch_id(VENDOR, "default", import_id)

    def again(self, watch: str) -> None:
        """Send the start event of a watch once more."""
        self.stack.start_import({"vendor": VENDOR, "importId": watch.rpartition("#")[2]})

    def item(self, watch: str) -> dict[str, Any]:
        """Item of a watch; empty where there is none."""
        try:
            return self.observer.item(watch)
        except KeyError:
            return {}

    def item_when(self, watch: str, holds: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """Wait until the item of a watch is as it should be, and return it."""

        def found() -> dict[str, Any] | None:
            item = self.item(watch)
            return item if item and holds(item) else None

        return wait_until(found, SECONDS, f"{watch} {what}")

    def polled(self, watch: str, times: int = 1) -> dict[str, Any]:
        """Wait until this number of polls of a watch is in the table, and return its item."""
        return self.item_when(watch, lambda item: item["polls"] >= times, f"is polled {times} times")

    def published(self, watch: str) -> Message:
        """Wait for the outcome of a watch, and until it is recorded as published."""
        self.item_when(watch, lambda item: "publishedAt" in item, "is published")
        return self.observer.outcome(watch)

    def polls_seen(self, watch: str) -> int:
        """Number of requests to the vendor."""
        return len(self.stack.simulators[VENDOR].polled_at(watch.rpartition("#")[2]))

    def stop(self, execution: str) -> None:
        """Stop an execution as a person does."""
        self.stack.client("stepfunctions").stop_execution(executionArn=execution)

    def stop_owner(self, watch: str) -> str:
        """Stop the execution that owns a watch, and give it: the next one where the watch is handed over meanwhile."""

        def stopped() -> str | None:
            execution = str(self.item(watch)["execution"])
            try:
                self.stop(execution)
            except ClientError:
                # It has ended, or is named and has not started.
                return None
            return execution

        return wait_until(stopped, SECONDS, f"an execution of {watch} is stopped")

    def status(self, execution: str) -> str:
        """Status of an execution: MISSING where it was named and has not started."""
        stepfunctions = self.stack.client("stepfunctions")
        try:
            status: str = stepfunctions.describe_execution(executionArn=execution)["status"]
        except stepfunctions.exceptions.ExecutionDoesNotExist:
            return "MISSING"
        return status

    def sweep(self) -> dict[str, int]:
        """Have recover_watches sweep."""
        response = self.stack.client("lambda").invoke(FunctionName=RECOVER, Payload=b"{}")
        done = json.loads(response["Payload"].read())
        assert "FunctionError" not in response, done
        counts: dict[str, int] = done["done"]
        return counts

    def sweep_until(self, holds: Callable[[], bool], what: str) -> dict[str, int]:
        """Sweep until something is so, and give all that was done."""
        done: dict[str, int] = {}

        def swept() -> bool:
            for name, times in self.sweep().items():
                done[name] = done.get(name, 0) + times
            return holds()

        wait_until(swept, SECONDS, what)
        return done

    def log(self, function: str) -> str:
        """All that a function has logged."""
        pages = (
            self.stack.client("logs")
            .get_paginator("filter_log_events")
            .paginate(logGroupName=f"/aws/lambda/{function}")
        )
        return "\n".join(event["message"] for page in pages for event in page["events"])

    @contextmanager
    def without(self, function: str) -> Iterator[None]:
        """Have every invocation of a function refused."""
        functions = self.stack.client("lambda")
        functions.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
        try:
            yield
        finally:
            functions.delete_function_concurrency(FunctionName=function)

    @contextmanager
    def defined(self, edit: Edit) -> Iterator[None]:
        """Have executions that start meanwhile run another definition."""
        stepfunctions, machine = self.stack.client("stepfunctions"), self.stack.outputs["WatchStateMachineArn"]
        given = stepfunctions.describe_state_machine(stateMachineArn=machine)["definition"]
        definition = json.loads(given)
        edit(definition)
        stepfunctions.update_state_machine(stateMachineArn=machine, definition=json.dumps(definition))
        try:
            yield
        finally:
            stepfunctions.update_state_machine(stateMachineArn=machine, definition=given)


def dying_in(*generations: int) -> Edit:
    """Have executions that own a watch in one of these generations fail as soon as they resume it."""

    def edit(definition: dict[str, Any]) -> None:
        rules = [{"Variable": "$.watch.generation", "NumericEquals": one, "Next": "Dies"} for one in generations]
        definition["States"]["RegisterWatch"]["Next"] = "MayDie"
        definition["States"]["MayDie"] = {"Type": "Choice", "Choices": rules, "Default": "NextAction"}
        definition["States"]["Dies"] = {"Type": "Fail", "Error": "Killed", "Cause": "by a test"}

    return edit


def dying_at_birth(definition: dict[str, Any]) -> None:
    """Have executions that a start event started fail before they register anything."""
    rule = {"Variable": "$.resume", "IsPresent": True, "Next": "RegisterWatch"}
    definition["StartAt"] = "MayDie"
    definition["States"]["MayDie"] = {"Type": "Choice", "Choices": [rule], "Default": "Dies"}
    definition["States"]["Dies"] = {"Type": "Fail", "Error": "Killed", "Cause": "by a test"}


@pytest.fixture(scope="module")
def harness() -> Iterator[Harness]:
    clock, stages = Clock(SPEED), list[Harness]()
    with FaultProxy(lambda call: stages[0].decide(call) if stages else None, lambda *_: None) as proxy:
        running = LocalStack(
            1 / SPEED,
            vendors=(VENDOR,),
            parameters={
                "MaxPollsPerExecution": str(MAX_POLLS_PER_EXECUTION),
                "RecoveryGraceSeconds": str(RECOVERY_GRACE_SECONDS),
                "NotFoundSeconds": "360000",
                "UnrecognisedSeconds": "360000",
                "FailingSeconds": "360000",
                "TimeoutSeconds": "2592000",
                "PollingPolicies": f"{VENDOR}: ceiling=10",
            },
            environment={"AWS_ENDPOINT_URL": proxy.url},
            clock=clock,
        )
        proxy.upstream_port = running.emulator.port
        with running:
            stages.append(Harness(running, clock))
            yield stages[0]
