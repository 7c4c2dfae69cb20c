"""Runs many imports with fault injection on the emulator, and collects the final state."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Any

import psutil
from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import BotoCoreError, ClientError

from local.clock import Clock
from local.outcomes import Message, receive
from local.simulators.registry import VENDORS
from local.stack import LocalStack, connection_fields
from local.waiting import wait_until
from tests.resilience.fault_injector import FaultInjector
from tests.resilience.final_state import FinalState, LastState, Stop
from tests.resilience.outages import Outages
from tests.resilience.plan import CONNECTIONS, Plan, PlannedImport, Signal, limit_of
from tests.resilience.proxy import FaultProxy
from tests.resilience.scripts import GRACE_SECONDS, LATE
from tests.resilience.speed import sustainable_speed

MAX_POLLS_PER_EXECUTION = 3
RECOVERY_GRACE_SECONDS = 10
PARAMETERS = {
    "NotFoundSeconds": str(GRACE_SECONDS),
    "UnrecognisedSeconds": str(GRACE_SECONDS),
    "FailingSeconds": str(GRACE_SECONDS),
    "MaxPollsPerExecution": str(MAX_POLLS_PER_EXECUTION),
    "RecoveryGraceSeconds": str(RECOVERY_GRACE_SECONDS),
    # Waits that grow with the age of an import would prolong the storm, and show nothing more.
    "PollingPolicies": "; ".join(f"{vendor}: ceiling=15" for vendor in VENDORS),
}
WORKERS = 200
"""Function workers at once: AWS throttles with an error that is retried for long, the emulator with one that is not."""
IN_FLIGHT = 12
"""Imports under way at once, besides those that end by a grace period or the timeout."""
EXCEEDING_IN_FLIGHT = 12
LOOK_SECONDS = 0.1
"""The machine's seconds between two checks of the progress."""
SWEEP_SECONDS = 2.0
"""The machine's seconds from one sweep to the next."""
SWEEPS_AT_ONCE = 2
STUCK_SECONDS = 150.0
"""The machine's seconds without an outcome after which the storm fails."""
SETTLE_SECONDS = 120.0
RECOVER = "import-watch-recover-watches"


class Storm:
    """One wave of a storm.

    Parameters
    ----------
    plan : Plan
    seed : int
        For what the plan leaves to chance.
    report : callable
        Gets a line about the progress.
    folder : Path, optional
        Where the emulator's log, the functions' logs, the table and the histories are left, for the
        analysis of a failure.
    """

    def __init__(
        self, plan: Plan, seed: int, report: Callable[[str], None] = lambda _line: None, folder: Path | None = None
    ) -> None:
        self.plan = plan
        self.clock = Clock(sustainable_speed())
        self._random = Random(seed)
        self._fault_injector = FaultInjector(seed)
        self._began = time.monotonic()
        self._report = report
        self._folder = folder
        self._by_id = {one.import_id: one for one in self.plan.imports}
        self._messages: dict[str, list[Message]] = {}
        self._started: list[PlannedImport] = []
        self._published: set[str] = set()
        self._sweepers = ThreadPoolExecutor(SWEEPS_AT_ONCE)
        self._sweeps: list[Future[bool]] = []
        self._stops: list[Stop] = []
        self._restarts: list[tuple[float, list[str]]] = []

    def run(self) -> FinalState:
        """Run the storm and return the final state.

        Its `unsettled` names what did not happen in time.
        """
        self._began = time.monotonic()
        with FaultProxy(self._fault_injector.decide, self._fault_injector.record) as proxy:
            environment = {"AWS_ENDPOINT_URL": proxy.url, "LAMBDA_ACCOUNT_CONCURRENCY": str(WORKERS)}
            with LocalStack(
                1 / self.clock.speed,
                parameters=PARAMETERS,
                log_folder=self._folder,
                environment=environment,
                clock=self.clock,
                keeps_state=True,
            ) as self._stack:
                self._progress(f"the stack is up; its clock is {self.clock.speed:.1f} times the machine's")
                proxy.upstream_port = self._stack.emulator.port
                self._proxy_port = proxy.server_port
                self._connect_all()
                unsettled = ""
                try:
                    self._run_wave()
                    self._settle()
                except TimeoutError as error:
                    unsettled = str(error)
                self._sweepers.shutdown()
                return self._final_state(time.monotonic() - self._began, unsettled)

    def _progress(self, what: str) -> None:
        self._report(f"{time.monotonic() - self._began:4.0f} s  {what}")

    # ------------------------------------------------------------------ the storm

    def _run_wave(self) -> None:
        outages = Outages(self.plan.outages, self._fault_injector, self._random, self._connect)
        try:
            self._run_until_all_is_published(outages)
        finally:
            outages.end()
        self._fault_injector.calm()

    def _run_until_all_is_published(self, outages: Outages) -> None:
        waiting = list(self.plan.imports)
        restarts = list(self.plan.restarts)
        kills = cycle(self.plan.worker_kills)
        next_sweep = next_kill = last_published = time.monotonic()
        while len(self._published) < len(self._by_id):
            now = time.monotonic()
            if self._collect():
                last_published = now
                self._progress(f"{len(self._published)} of {len(self._by_id)} published, {len(self._started)} started")
            if now - last_published > STUCK_SECONDS:
                missing = [one.watch_id for one in self._started if one.watch_id not in self._published]
                raise TimeoutError(f"no outcome for {STUCK_SECONDS:g} s; missing: {', '.join(missing)}")
            self._start_more(waiting)
            for import_id, due in self._fault_injector.due_signals():
                self._signal(self._by_id[import_id], due)
            if now >= next_sweep and self._sweep():
                next_sweep = now + SWEEP_SECONDS
            if now >= next_kill:
                self._kill_a_worker()
                next_kill = now + next(kills)
            if restarts and len(self._published) >= restarts[0]:
                restarts.pop(0)
                self._restart()
                last_published = time.monotonic()
            outages.update()
            time.sleep(LOOK_SECONDS)

    def _start_more(self, waiting: list[PlannedImport]) -> None:
        under_way = [one for one in self._started if one.watch_id not in self._published]
        exceeding = sum(one.script.exceeds_limit for one in under_way)
        others = len(under_way) - exceeding
        while waiting:
            one = waiting[0]
            if (exceeding if one.script.exceeds_limit else others) >= (
                EXCEEDING_IN_FLIGHT if one.script.exceeds_limit else IN_FLIGHT
            ):
                return
            waiting.pop(0)
            self._fault_injector.expect(one)
            self._stack.simulators[one.vendor].script(one.import_id, one.script.steps)
            self._put_start_event(one, one.times)
            if one.times > 1:
                self._fault_injector.count("start event sent twice at once")
            if one.script.kind == LATE:
                self._fault_injector.count("start event before the import exists")
            self._started.append(one)
            if one.script.exceeds_limit:
                exceeding += 1
            else:
                others += 1

    def _put_start_event(self, one: PlannedImport, times: int = 1) -> None:
        """Put the start event of an import on the bus; each time it is the same one, as EventBridge may deliver it."""
        self._stack.start_import(one.start, times, first_id=one.import_id)

    def _signal(self, one: PlannedImport, due: Signal) -> None:
        if due.what == "duplicate":
            self._put_start_event(one)
            self._fault_injector.count("start event sent again in mid-run")
            return
        item = self._item(one.watch_id)
        if "ending" in item:
            return
        stepfunctions = self._client("stepfunctions")
        try:
            stepfunctions.stop_execution(executionArn=item["execution"])
        except ClientError:
            # It ended by itself, or hands over to one that has not started: no execution was stopped.
            return
        self._fault_injector.count("execution stopped (StopExecution)")
        self._stops.append(Stop(one.import_id, item["execution"], int(item["generation"]), time.monotonic()))

    def _sweep(self) -> bool:
        """Have recover_watches sweep, unless the maximum of sweeps is under way already."""
        if len(self._sweeps) >= SWEEPS_AT_ONCE and not all(sweep.done() for sweep in self._sweeps):
            return False
        self._sweeps = [sweep for sweep in self._sweeps if not sweep.done()]
        self._sweeps.append(self._sweepers.submit(self._recovers, {}))
        return True

    def _kill_a_worker(self) -> None:
        # One that calls AWS: in the emulator, one that dies while it starts ends all workers of its function.
        connections = psutil.net_connections("tcp4")
        pids = {one.pid for one in connections if one.raddr == ("127.0.0.1", self._proxy_port) and one.pid}
        if workers := sorted(pids - {os.getpid()}):
            os.kill(self._random.choice(workers), signal.SIGKILL)
            self._fault_injector.count("function worker killed at any moment (SIGKILL)")

    def _restart(self) -> None:
        # The emulator responds to open requests before it ends, and sweeps are requests of ours.
        wait(self._sweeps, SETTLE_SECONDS)
        running = list(self._executions("RUNNING"))
        under_way = [one.import_id for one in self._started if one.import_id not in self._fault_injector.published]
        began = time.monotonic()
        try:
            self._stack.emulator.restart()
        except TimeoutError as error:
            raise RuntimeError(f"the emulator could not be restarted: {error}") from error
        self._restarts.append((began, under_way))
        self._fault_injector.count("emulator restarted, state kept")
        self._fault_injector.count("an execution died by the restart", len(running))
        self._progress(f"restarted in {time.monotonic() - began:.1f} s")
        self._report_unregistered(running)

    def _report_unregistered(self, executions: Sequence[str]) -> None:
        """Send the status changes that Step Functions would, for executions that died before they could register.

        The emulator sends no events about the executions that its end killed. The sweep finds a watch that is in the
        table; what was started a moment ago and is in no table yet is known to Step Functions alone.
        """
        stepfunctions = self._client("stepfunctions")
        for arn in executions:
            described = stepfunctions.describe_execution(executionArn=arn)
            given = json.loads(described["input"])
            if "resume" in given or self._item(self._by_id[given["detail"]["importId"]].watch_id):
                continue
            event = {
                "source": "aws.states",
                "detail": {"executionArn": arn, "status": described["status"], "input": described["input"]},
            }
            self._fault_injector.count("an execution died before it registered")
            wait_until(lambda event=event: self._recovers(event), SETTLE_SECONDS, "the status change is taken")  # type: ignore[misc]

    def _recovers(self, event: dict[str, Any]) -> bool:
        try:
            response = self._client("lambda").invoke(FunctionName=RECOVER, Payload=json.dumps(event).encode())
        except (BotoCoreError, ClientError):
            # The emulator was restarted meanwhile.
            return False
        return "FunctionError" not in response

    # ------------------------------------------------------------ after the storm

    def _settle(self) -> None:
        def settled() -> bool:
            self._collect()
            self._sweep()
            items = self._items().values()
            open_items = any(str(item.get("active")).startswith("ACTIVE") or "unpublished" in item for item in items)
            counts = sum(int(item.get("activeWatches", 0)) != 0 for item in items)
            return not open_items and not counts and not any(self._executions("RUNNING"))

        wait_until(settled, SETTLE_SECONDS, "everything ends and every count is 0", pause=SWEEP_SECONDS / 2)
        self._collect()

    def _final_state(self, seconds: float, unsettled: str) -> FinalState:
        stepfunctions = self._client("stepfunctions")
        executions = list(self._executions())
        histories = {
            arn: stepfunctions.get_execution_history(executionArn=arn, maxResults=1_000)["events"] for arn in executions
        }
        logs = self._logs()
        recovered = Counter[str]()
        for line in logs[f"/aws/lambda/{RECOVER}"]:
            recovered.update(_done(line))
        polls = [line for group, lines in logs.items() if "poll" in group for line in lines]
        items = self._items()
        kept = {
            "the table": json.dumps(items, default=str),
            "the histories of the executions": json.dumps(histories, default=str),
            "the logs of the functions": "\n".join(line for lines in logs.values() for line in lines),
            "the messages": json.dumps([one.event for messages in self._messages.values() for one in messages]),
        }
        if self._folder is not None:
            for location, text in kept.items():
                (self._folder / f"{location.replace(' ', '-')}.txt").write_text(text)
        return FinalState(
            messages=self._messages,
            items=items,
            polled_at={one.import_id: self._polled_at(one) for one in self._started},
            published=dict(self._fault_injector.published),
            stops=self._stops,
            last_states={stop.execution: _last_state(histories[stop.execution]) for stop in self._stops},
            restarts=self._restarts,
            recovered=recovered,
            handed_over=sum(_message(line) == "handed over" for line in polls),
            operations=frozenset(self._fault_injector.operations),
            struck=Counter(self._fault_injector.struck),
            outages=Counter(self._fault_injector.outages),
            vendor_faults={
                one.import_id: self._stack.simulators[one.vendor].faults(one.import_id) for one in self._started
            },
            kept=kept,
            seconds=seconds,
            unsettled=unsettled,
            executions=len(executions),
        )

    # -------------------------------------------------------------------- looking

    def _collect(self) -> bool:
        """Take what the subscriber got; return whether a new outcome was published."""
        before = len(self._published)
        sqs = self._client("sqs")
        while found := receive(sqs, self._stack.outcomes_queue_url):
            for message in found:
                watch = message.event["subject"]
                self._messages.setdefault(watch, []).append(message)
                one = self._by_id[message.event["data"]["importId"]]
                if watch not in self._published and one.again_after_end:
                    self._put_start_event(one)
                    self._fault_injector.count("start event sent again after the end")
                self._published.add(watch)
        return len(self._published) > before

    def _client(self, service: str) -> Any:
        return self._stack.client(service)

    def _item(self, watch_id: str) -> dict[str, Any]:
        found = self._client("dynamodb").get_item(
            TableName=self._stack.outputs["WatchTableName"], Key={"watchId": {"S": watch_id}}, ConsistentRead=True
        )
        return _values(found.get("Item", {}))

    def _items(self) -> dict[str, dict[str, Any]]:
        pages = (
            self._client("dynamodb")
            .get_paginator("scan")
            .paginate(TableName=self._stack.outputs["WatchTableName"], ConsistentRead=True)
        )
        return {item["watchId"]["S"]: _values(item) for page in pages for item in page["Items"]}

    def _executions(self, status: str | None = None) -> Iterator[str]:
        pages = (
            self._client("stepfunctions")
            .get_paginator("list_executions")
            .paginate(
                stateMachineArn=self._stack.outputs["WatchStateMachineArn"],
                **({"statusFilter": status} if status else {}),
            )
        )
        return (execution["executionArn"] for page in pages for execution in page["executions"])

    def _logs(self) -> dict[str, list[str]]:
        logs = self._client("logs")
        groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
        pages = {group: logs.get_paginator("filter_log_events").paginate(logGroupName=group) for group in groups}
        return {
            group: [event["message"] for page in found for event in page["events"]] for group, found in pages.items()
        }

    def _polled_at(self, one: PlannedImport) -> list[float]:
        return self._stack.simulators[one.vendor].polled_at(one.import_id)

    # ---------------------------------------------------------------- connections

    def _connect_all(self) -> None:
        for vendor, names in CONNECTIONS.items():
            for name in names:
                self._connect(vendor, name)

    def _connect(self, vendor: str, name: str, base_url: str | None = None) -> None:
        """Store a connection's secret, leading to the vendor's simulator unless to another address."""
        fields = connection_fields(vendor, base_url or self._stack.simulators[vendor].base_url)
        self._stack.put_connection(vendor, {**fields, "requestsPerMinute": limit_of(name)}, name)


def _values(item: dict[str, Any]) -> dict[str, Any]:
    return {name: TypeDeserializer().deserialize(value) for name, value in item.items()}


def _last_state(events: list[dict[str, Any]]) -> LastState:
    """State that an execution was in when it was stopped."""
    entered: dict[str, Any] = {}
    for event in events:
        if event["type"] == "ExecutionAborted":
            held = json.loads(entered["input"]) if entered else {}
            return LastState(entered.get("name", ""), held.get("watch", {}).get("awaitingLog") is not None)
        entered = event.get("stateEnteredEventDetails", entered)
    raise LookupError("the execution was not stopped")


def _message(line: str) -> str:
    try:
        return str(json.loads(line)["message"])
    except (ValueError, KeyError, TypeError):
        return ""


def _done(line: str) -> dict[str, int]:
    """Read the results in a line of recover_watches' log."""
    try:
        done = json.loads(line).get("done", {})
    except (ValueError, AttributeError):
        return {}
    return {done: 1} if isinstance(done, str) else done
