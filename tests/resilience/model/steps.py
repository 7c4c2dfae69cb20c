"""Every step that may be taken from a moment: by whom, and with every result."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from import_watch.aws.executions import ExecutionStatus

from tests.resilience.model.executions import Executions
from tests.resilience.model.functions import SWEEP_LATER, Call, Functions
from tests.resilience.model.invariants import demand
from tests.resilience.model.invocations import Invocations
from tests.resilience.model.replay import READS, Operation, Unavailable
from tests.resilience.model.services import LISTINGS, Services
from tests.resilience.model.world import NOW, RUNNING, Run, Scenario, Step, World

DELIVERED_AGAIN = "delivers the start event again"
PRIVATE_IF_EXACT = frozenset({("archive", "put"), ("cursors", "get"), ("cursors", "keep"), ("stalled", "publish")})
"""Operations that affect nothing else: as the steps of others before or after do not matter, they are done at once."""
PRIVATE = PRIVATE_IF_EXACT | {
    ("vendor", "request_status"),
    *(("watches", method) for method in (*LISTINGS, "owners", "with_start", "record_log")),
    *(("states", method) for method in ("get", "known", "watch_began", "watch_withdrawn", "watch_ended", "repair")),
}


class Model:
    """The steps of a scenario.

    Parameters
    ----------
    patch : pytest.MonkeyPatch
    scenario : Scenario
    """

    def __init__(self, patch: pytest.MonkeyPatch, scenario: Scenario) -> None:
        self.scenario = scenario
        self.invocations = Invocations(
            Functions(
                patch,
                hand_over_polls=scenario.hand_over_polls,
                max_takeovers=scenario.max_takeovers,
                sends_events=scenario.sends_events,
                stalls=scenario.stalls,
                lists=scenario.lists,
                publisher=scenario.publisher,
                recovery=scenario.recovery,
                waker=scenario.waker,
                task_tokens=scenario.task_tokens,
            )
        )
        self.executions = Executions(scenario, self.invocations)
        self.services = Services(scenario, self.invocations, self.executions)
        self._private = PRIVATE_IF_EXACT if scenario.exact else PRIVATE
        self._unavailable = self.invocations.results.of(Unavailable("it did not respond"))

    def first(self) -> World:
        """Moment at which the start event is delivered for the first time."""
        empty = self.services.nothing
        sweep = self.invocations.begin(Call("recover_watches", "{}", NOW + SWEEP_LATER))
        others = (("sweep", "", sweep),) * self.scenario.sweeps
        deliveries = tuple(event.deliveries for event in self.scenario.events)
        world = World(
            watches=empty,
            states=empty,
            cursors=empty,
            polls_made=0,
            published=(),
            sent=(),
            stalled=(),
            called_back=(),
            taken=(),
            runs=(),
            others=others,
            deliveries=deliveries,
            faults=self.scenario.faults,
            doubt=False,
        )
        return self.executions.delivered(world, 0)

    def steps(self, world: World) -> Iterator[tuple[Step, World]]:
        """Every step that may be taken from a moment, and the moment after it.

        Raises
        ------
        Broken
            In place of a step that breaks an invariant.
        """
        first = next((run for run in world.runs if run.point >= 0 and self._is_private(run.point)), None)
        if first is not None:
            yield from self._steps_of_function(world, first)
            return
        private = next((index for index, other in enumerate(world.others) if self._is_private(other[2])), None)
        if private is not None:
            yield from self._steps_of_other(world, private)
            return
        if world.others and self._is_settled(world):
            yield from self._steps_of_other(world, 0)
            return
        for run in world.runs:
            if run.status == RUNNING:
                yield from self._steps_of_run(world, run)
        for index, other in enumerate(world.others):
            if index == 0 or other != world.others[index - 1]:
                yield from self._steps_of_other(world, index)
        for number, left in enumerate(world.deliveries):
            if left:
                what = f"delivers the event {self.scenario.events[number].id}" if number else DELIVERED_AGAIN
                yield Step("the bus", None, what), self.executions.delivered(world, number)

    def resume(self, world: World, run: Run, now: float) -> World:
        """Take the next step of an execution where nothing goes wrong; its next functions run at `now`."""
        if run.point < 0:
            return self.executions.started_successor(world, run, now)[0]
        operation = self.invocations.points[run.point].operation
        if operation is None:
            return next(after for _, after in self.executions.returns(world, run, now))
        world, result = self.services.perform(world, operation, run.name, now)
        return self.executions.reached(world, run._replace(point=self.invocations.after(run.point, result)), now)

    def call(self, world: World, call: Call, now: float) -> World:
        """Run a function of recovery from start to end where nothing goes wrong."""
        point = self.invocations.begin(call)
        while (operation := self.invocations.points[point].operation) is not None:
            world, result = self.services.perform(world, operation, None, now)
            point = self.invocations.after(point, result)
        demand(1, self.invocations.points[point].error is None, f"recovery fails: {self.invocations.points[point]}")
        return world

    def _steps_of_run(self, world: World, run: Run) -> Iterator[tuple[Step, World]]:
        if run.point < 0:
            after, started = self.executions.started_successor(world, run, NOW)
            yield Step(run.name, None, f"{run.state}: starts its successor: {started}"), after
            if world.faults:
                for again in self.executions.tries_again(world._replace(faults=world.faults - 1), run, NOW):
                    yield Step(run.name, None, f"{run.state}: fails, and {again[0]}"), again[1]
                for again in self.executions.tries_again(after._replace(faults=world.faults - 1), run, NOW):
                    yield Step(run.name, None, f"{run.state}: starts it, gets no response, and {again[0]}"), again[1]
        elif self.invocations.points[run.point].operation is None:
            for what, after in self.executions.returns(world, run, NOW):
                yield Step(run.name, None, f"{run.state}: {what}"), after
        else:
            yield from self._steps_of_function(world, run)
        if not world.faults:
            return
        spent = world._replace(faults=world.faults - 1)
        if run.point >= 0:
            lost = spent
            if self.invocations.points[run.point].operation is not None:
                lost = spent._replace(others=tuple(sorted((*spent.others, ("stray", run.name, run.point)))))
            for what, after in self.executions.tries_again(lost, run, NOW):
                yield Step(run.name, None, f"{run.state}: loses its function, and {what}"), after
        for status in ("ABORTED", "FAILED"):
            yield Step(run.name, None, f"dies as {status}"), self.executions.over(spent, run, status)

    def _steps_of_function(self, world: World, run: Run) -> Iterator[tuple[Step, World]]:
        operation = self.invocations.points[run.point].operation
        assert operation is not None
        if self._is_poll(operation):
            self.services.check_poll(world, run)
        for step, after, point in self._performs(world, operation, run.name, run.name, run.point):
            yield step, self.executions.reached(after, run._replace(point=point), NOW)

    def _is_settled(self, world: World) -> bool:
        """Whether nothing is left to be done, so that the remaining functions cannot affect each other."""
        records = self.services.records(world)
        over = not any(world.deliveries[1:]) and all(run.status != RUNNING for run in world.runs)
        return over and bool(records) and all(record.is_settled for record in records)

    def _is_poll(self, operation: int) -> bool:
        return bool(self.invocations.operations.values[operation].method == "request_status")

    def _is_private(self, point: int) -> bool:
        operation = self.invocations.operation(point)
        return operation is not None and (operation.port, operation.method) in self._private

    def _steps_of_other(self, world: World, index: int) -> Iterator[tuple[Step, World]]:
        kind, name, point = world.others[index]
        operation = self.invocations.points[point].operation
        assert operation is not None
        rest = (*world.others[:index], *world.others[index + 1 :])
        who = f"{kind} of {name}" if name else kind
        for step, after, to in self._performs(world, operation, who, name if kind == "stray" else None, point):
            over = self.invocations.points[to].operation is None
            yield step, after._replace(others=rest if over else tuple(sorted((*rest, (kind, name, to)))))

    def _performs(
        self, world: World, number: int, who: str, writer: str | None, point: int
    ) -> Iterator[tuple[Step, World, int]]:
        """Perform an operation, with every result that it may have."""
        after = self.invocations.after
        done, result = self.services.perform(world, number, writer, NOW)
        yield Step(who, number, "", result), done, after(point, result)
        if not world.faults:
            return
        left = world.faults - 1
        failed = after(point, self._unavailable)
        yield Step(who, number, "fails, not done"), world._replace(faults=left), failed
        operation: Operation = self.invocations.operations.values[number]
        if operation.method not in READS:
            yield Step(who, number, "fails, but done"), done._replace(faults=left), failed
            twice, result = self.services.perform(done, number, writer, NOW, repeated=True)
            yield Step(who, number, "is sent twice", result), twice._replace(faults=left), after(point, result)
        if operation.method == "running":
            for listed in ([], [run.name for run in world.runs]):
                late = self.invocations.results.of(listed)
                if late != result:
                    yield Step(who, number, "gets a late list", late), world._replace(faults=left), after(point, late)
        if operation.method == "status":
            for status in (ExecutionStatus.RUNNING, ExecutionStatus.MISSING):
                stale = self.invocations.results.of(status)
                if stale != result and any(run.name == operation.arguments[0] for run in world.runs):
                    in_doubt = world._replace(faults=left, doubt=True)
                    yield Step(who, number, "gets a stale status", stale), in_doubt, after(point, stale)
