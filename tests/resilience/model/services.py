"""Performs operations as the services do that the functions call."""

from __future__ import annotations

from typing import Any

from import_watch.aws.executions import ExecutionStatus
from import_watch.lifecycle.execution_names import resume_input, successor_name

from tests.resilience.model import flow
from tests.resilience.model.executions import Executions
from tests.resilience.model.functions import EXECUTIONS
from tests.resilience.model.invariants import Broken, check_awaited, check_message, check_write, demand
from tests.resilience.model.invocations import Invocations, Numbers
from tests.resilience.model.memory import MemoryConnectionStore, MemorySweepCursorStore, Uncounted
from tests.resilience.model.replay import Operation
from tests.resilience.model.world import NOW, WATCH, Scenario, Step, World, is_alive

LISTINGS = ("active", "unpublished")


class Services:
    """The table, the topic, the vendor and Step Functions.

    Parameters
    ----------
    scenario : Scenario
    invocations : Invocations
    executions : Executions
    """

    def __init__(self, scenario: Scenario, invocations: Invocations, executions: Executions) -> None:
        self._scenario = scenario
        self._invocations = invocations
        self._executions = executions
        self._contents = Numbers()
        self._stores: dict[str, Any] = {
            "watches": scenario.watches(),
            "states": MemoryConnectionStore() if scenario.exact else Uncounted(),
            "cursors": MemorySweepCursorStore(),
        }
        self._performed: dict[tuple[int, int], tuple[int, int]] = {}
        self._done = invocations.results.of(None)
        self.nothing = self._contents.of({})

    def record(self, world: World) -> Any:
        """The watch as it is in the table."""
        return self._contents.values[world.watches].get(WATCH)

    def perform(
        self, world: World, number: int, writer: str | None, now: float, *, repeated: bool = False
    ) -> tuple[World, int]:
        """Perform an operation and return its result by number; a broken invariant is raised."""
        try:
            return self._perform(world, number, writer, now, repeated=repeated)
        except Broken as broken:
            broken.during = Step(writer or "recovery", number, "")
            raise

    def _perform(
        self, world: World, number: int, writer: str | None, now: float, *, repeated: bool
    ) -> tuple[World, int]:
        operation: Operation = self._invocations.operations.values[number]
        port, method = operation.port, operation.method
        if method in LISTINGS and not self._scenario.exact and now == NOW:
            listed: list[Any] = [(WATCH, NOW, {})] if method == "active" else []
            return world, self._invocations.results.of(listed)
        if port in self._stores:
            before: int = getattr(world, port)
            if (number, before) not in self._performed:
                self._performed[number, before] = self._stored(operation, before)
            stored, result = self._performed[number, before]
            if stored != before and port == "watches":
                self._check(world, method, stored, writer)
            return _with_store(world, port, stored), result
        if port == "vendor":
            _, generation, polls = operation.arguments
            earlier_polls = world.polls_made if self._scenario.exact else polls + (generation + 1) % 2 * (polls > 0)
            counts = self._scenario.exact and earlier_polls < len(self._scenario.vendor)
            world = world._replace(polls_made=world.polls_made + 1) if counts else world
            return world, self._invocations.results.of(self._scenario.response(earlier_polls))
        if port == "topic":
            return self._publish(world, operation.arguments[0], repeated=repeated), self._done
        if method == "status":
            status = next((run.status for run in world.runs if run.name == operation.arguments[0]), "MISSING")
            return world, self._invocations.results.of(ExecutionStatus(status))
        if method == "start":
            return self._started_by_recovery(world, operation, now), self._done
        assert port == "archive"
        return world, self._done

    def _stored(self, operation: Operation, before: int) -> tuple[int, int]:
        store = self._stores[operation.port]
        store.items = dict(self._contents.values[before])
        arguments = operation.arguments
        try:
            if operation.method == "register":
                *given, keeps_log, result = arguments
                result = store.register(*given, keeps_log=keeps_log, result=result)
            else:
                result = getattr(store, operation.method)(*arguments)
        except Exception as error:  # noqa: BLE001
            result = error
        if operation.method in (*LISTINGS, "known"):
            result = list(result)
        return self._contents.of(dict(sorted(store.items.items()))), self._invocations.results.of(result)

    def _check(self, world: World, method: str, stored: int, writer: str | None) -> None:
        alive = {run.name: is_alive(run) for run in world.runs}
        after = self._contents.values[stored][WATCH]
        before = self.record(world)
        check_write(method, before, after, writer, alive, sure=not world.doubt)
        if self._scenario.outcome_stands:
            check_awaited(before, after)

    def _publish(self, world: World, event: dict[str, Any], *, repeated: bool) -> World:
        count, first = world.published
        published = (event["id"], event["data"]["outcome"], str(event["data"]["reason"]))
        check_message(self.record(world), first, published)
        if world.faults == self._scenario.faults and not repeated:
            demand(2, count == 0, "the outcome was published twice, though nothing went wrong")
        return world._replace(published=(min(count + 1, 2), first or published))

    def _started_by_recovery(self, world: World, operation: Operation, now: float) -> World:
        watch = operation.arguments[0]
        name = f"{EXECUTIONS}{successor_name(watch)}"
        if any(run.name == name for run in world.runs):
            return world
        return self._executions.started(world, name, flow.text(resume_input(watch)), now)


def _with_store(world: World, port: str, stored: int) -> World:
    if port == "watches":
        return world._replace(watches=stored)
    return world._replace(states=stored) if port == "states" else world._replace(cursors=stored)
