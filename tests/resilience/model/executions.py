"""Executions of the state machine: how they start, continue from task to task, and end."""

from __future__ import annotations

import json
from collections.abc import Iterator

from import_watch.lifecycle.execution_names import sibling_arn
from import_watch.model.serialization import JSON

from tests.resilience.model import flow
from tests.resilience.model.functions import EXECUTIONS, VENDOR, Call
from tests.resilience.model.invocations import Invocations
from tests.resilience.model.world import IMPORT, NOW, RUNNING, Run, Scenario, World, token_of, with_run

TRIES = 2
"""Times that a task is tried: each of a budget's few faults can make one fail."""


class Executions:
    """Moves executions; each method gives the moment after.

    Parameters
    ----------
    scenario : Scenario
    invocations : Invocations
    """

    def __init__(self, scenario: Scenario, invocations: Invocations) -> None:
        self._scenario = scenario
        self._invocations = invocations

    def delivered(self, world: World, index: int) -> World:
        """Deliver an event: a new execution starts with it."""
        event, left = self._scenario.events[index], world.deliveries[index]
        number = event.deliveries - left + 1
        detail: dict[str, JSON] = {"vendor": VENDOR, "importId": IMPORT}
        if not event.changed:
            detail["metadata"] = {"of": event.id, "delivery": 1 if event.invalid else number}
            detail |= {"watchAgain": True} if event.watch_again else {}
            detail |= {"taskToken": token_of(event.id)} if event.token else {}
            detail |= {"timeoutSeconds": -1} if event.invalid else {}
        kind = "ImportChanged" if event.changed else "ImportStarted"
        given = flow.text({"id": event.id, "detail-type": kind, "detail": detail})
        deliveries = (*world.deliveries[:index], left - 1, *world.deliveries[index + 1 :])
        return self.started(world._replace(deliveries=deliveries), f"{EXECUTIONS}{event.id}-{number}", given, NOW)

    def started(self, world: World, name: str, given: str, now: float) -> World:
        run = Run(name, given, RUNNING, "", "", 0, -1)
        world = world._replace(runs=tuple(sorted((*world.runs, run))))
        return self.moved(world, run, flow.begin(given, name), now)

    def moved(self, world: World, run: Run, to: tuple[flow.Step, str], now: float) -> World:
        """Have an execution stand at its next task, or end."""
        step, data = to
        if isinstance(step, flow.Ended):
            return self.over(world, run._replace(point=-1), step.status)
        return with_run(world, self.tried(run._replace(state=step.state, data=data, failures=0), now))

    def reached(self, world: World, run: Run, now: float) -> World:
        """Have an execution's function reach a point, and the execution continue where this does not affect others."""
        point = self._invocations.points[run.point]
        if point.operation is None and point.response is not None:
            to = flow.completed(run.state, run.data, point.response, run.name)
            if isinstance(to[0], flow.Task):
                return self.moved(world, run, to, now)
        return with_run(world, run)

    def tried(self, run: Run, now: float) -> Run:
        step, _ = flow.enter(run.state, run.data, run.name)
        assert isinstance(step, flow.Task)
        if step.resource == flow.START:
            return run._replace(point=-1)
        parameters = json.loads(step.parameters)
        call = Call(parameters["FunctionName"], flow.text(parameters["Payload"]), now)
        return run._replace(point=self._invocations.begin(call))

    def stopped(self, world: World, name: str) -> World:
        """Stop an execution; one that is over, or never started, stays as it is."""
        run = next((run for run in world.runs if run.name == name), None)
        return world if run is None or run.status != RUNNING else self.over(world, run, "ABORTED")

    def over(self, world: World, run: Run, status: str) -> World:
        """End an execution; events about it are delivered at any time where it did not end by itself."""
        run = run._replace(status=status, state="", data="", failures=0)
        others = world.others
        if run.point >= 0 and self._invocations.points[run.point].operation is not None:
            others = (*others, ("stray", run.name, run.point))
        world = with_run(world, run._replace(point=-1))
        if status in ("FAILED", "ABORTED"):
            point = self._invocations.begin(Call("recover_watches", self.died(run), NOW))
            others = (*others, *(("event", run.name, point),) * self._scenario.deliveries)
        return world._replace(others=tuple(sorted(others)))

    def returns(self, world: World, run: Run, now: float) -> Iterator[tuple[str, World]]:
        point = self._invocations.points[run.point]
        if point.response is not None:
            moved = self.moved(world, run, flow.completed(run.state, run.data, point.response, run.name), now)
            yield f"continues with {_where(moved, run)}", moved
        else:
            for what, after in self.tries_again(world, run, now):
                yield f"{point.error}, and {what}", after

    def tries_again(self, world: World, run: Run, now: float) -> Iterator[tuple[str, World]]:
        failures = run.failures + 1
        if failures < TRIES and flow.retried(run.state):
            yield "tries again", with_run(world, self.tried(run._replace(failures=failures), now))
        caught = self.moved(world, run, flow.failed(run.state, run.data, run.name), now)
        yield f"gives up: {_where(caught, run)}", caught

    def started_successor(self, world: World, run: Run, now: float) -> tuple[World, str]:
        """Start it as Step Functions does: a name may be taken while its execution runs with the same input."""
        step, _ = flow.enter(run.state, run.data, run.name)
        assert isinstance(step, flow.Task)
        parameters = json.loads(step.parameters)
        name, given = sibling_arn(run.name, parameters["Name"]), flow.text(parameters["Input"])
        before = next((other for other in world.runs if other.name == name), None)
        if before is not None and (before.status, before.given) != (RUNNING, given):
            taken = flow.failed(run.state, run.data, run.name, flow.NAME_TAKEN)
            return self.moved(world, run, taken, now), "the name is taken"
        if before is None:
            world = self.started(world, name, given, now)
        return self.moved(world, run, flow.completed(run.state, run.data, "{}", run.name), now), "done"

    def died(self, run: Run) -> str:
        """Event about an execution that did not end by itself."""
        detail = {"executionArn": run.name, "status": run.status, "input": run.given}
        return flow.text({"source": "aws.states", "detail": detail})


def _where(world: World, run: Run) -> str:
    run = next(other for other in world.runs if other.name == run.name)
    return run.state or run.status
