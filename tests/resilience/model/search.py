"""Takes every step from every moment that can be reached, and has each end settle."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.resilience.model.functions import SWEEP_LATER, Call
from tests.resilience.model.invariants import Broken, check_end, check_tokens, demand
from tests.resilience.model.steps import Model
from tests.resilience.model.trace import line
from tests.resilience.model.world import NOW, Step, World, is_alive, token_of

SWEEPS, SWEEP_INTERVAL, STEPS = 8, 600.0, 400
"""Sweeps, the seconds from one to the next, and the steps of executions between two, in which all must settle."""


@dataclass
class Covered:
    """What a search has been through."""

    moments: int = 0
    steps: int = 0
    ends: int = 0
    settled: int = 0
    interleavings: int = 0
    points: int = 0


class Counterexample(AssertionError):
    """A shortest way to a broken invariant."""


@dataclass
class Search:
    """An exhaustive search, depth first, of moments that have not been reached before.

    Parameters
    ----------
    model : Model
    covered : Covered
        Counts, as the search continues.
    """

    model: Model
    covered: Covered = field(default_factory=Covered)
    _settled: set[World] = field(default_factory=set)

    def run(self) -> Covered:
        """Search everything.

        Raises
        ------
        Counterexample
            If an invariant can be broken.
        """
        first = self.model.first()
        # All moments are kept: to look through them for garbage, again and again, would take a quarter of the time.
        gc.disable()
        try:
            self._search(first)
        except Broken:
            raise Counterexample(self._shortest(first)) from None
        finally:
            gc.enable()
        self.covered.points = len(self.model.invocations.points)
        return self.covered

    def _search(self, first: World) -> None:
        """Go depth first; a moment's interleavings are those of what follows on it."""
        self._look(first)
        ways: dict[World, int] = {first: 0}
        path: list[tuple[World, Iterator[tuple[Step, World]]]] = [(first, self.model.steps(first))]
        while path:
            world, steps = path[-1]
            taken = next(steps, None)
            if taken is None:
                path.pop()
                ways[world] = ways[world] or 1
                if path:
                    ways[path[-1][0]] += ways[world]
                continue
            self.covered.steps += 1
            after = taken[1]
            if after in ways:
                ways[world] += ways[after]
                continue
            self._look(after)
            ways[after] = 0
            path.append((after, self.model.steps(after)))
        self.covered.moments = len(ways)
        self.covered.interleavings = ways[first]

    def _look(self, world: World) -> None:
        """Where every execution is over, nothing else may ever continue: recovery alone must do the rest."""
        if not any(is_alive(run) for run in world.runs):
            self.covered.ends += 1
            self._settle(world)

    def _settle(self, world: World) -> None:
        world = world._replace(others=(), deliveries=())
        if world in self._settled:
            return
        self._settled.add(world)
        self.covered.settled += 1
        model, services = self.model, self.model.services
        for sweep in range(1, SWEEPS + 1):
            now = NOW + sweep * SWEEP_INTERVAL
            for run in world.runs if sweep == 1 else ():
                event = model.scenario.event_of(run.name)
                started = event is not None and not event.changed and event.id not in world.taken
                if started and run.status in ("FAILED", "ABORTED"):
                    # Sweeps know only what is in the table.
                    world = model.call(world, Call("recover_watches", model.executions.died(run), now), now)
            world = model.call(world, Call("recover_watches", "{}", now + SWEEP_LATER), now)
            for _ in range(STEPS):
                alive = next((run for run in world.runs if is_alive(run)), None)
                if alive is None:
                    break
                world = model.resume(world, alive, now)
            if alive is None and all(record.is_settled for record in services.records(world)):
                break
        messages, scenario = [message for message, _ in world.published], model.scenario
        sent = [message for message, _ in world.sent] if scenario.sends_events else None
        check_end(services.records(world), messages, sent, over=alive is None)
        tokens = [token_of(event.id) for event in scenario.events if event.token and event.id in world.taken]
        check_tokens(tokens, dict(world.called_back), services.tokens(world))
        for run in world.runs:
            event = scenario.event_of(run.name)
            demand(1, event is None or event.changed or event.id in world.taken, f"{run.name} started nothing")
        if scenario.exact:
            now = NOW + (SWEEPS + 1) * SWEEP_INTERVAL
            world = model.call(world, Call("recover_watches", "{}", now + SWEEP_LATER), now)
            counted = services.active_watches(world)
            demand(5, counted == 0, f"{counted} watches are counted as active, and there are none")

    def _shortest(self, first: World) -> str:
        """Search again, breadth first, and return the way to the nearest broken invariant."""
        came: dict[World, tuple[World, Step] | None] = {first: None}
        self._settled.clear()  # the moment at which the search ended is one of them
        queue = deque([first])
        while queue:
            world = queue.popleft()
            try:
                self._look(world)
                for step, after in self.model.steps(world):
                    if after not in came:
                        came[after] = (world, step)
                        queue.append(after)
            except Broken as broken:
                return self._way(came, world, broken)
        raise AssertionError("what was found once is not found again")

    def _way(self, came: dict[World, tuple[World, Step] | None], world: World, broken: Broken) -> str:
        steps: list[Step] = []
        while (from_ := came[world]) is not None:
            world, step = from_
            steps.append(step)
        lines = [f"{number:3}. {line(self.model, step)}" for number, step in enumerate(reversed(steps), 1)]
        last = "when all has settled" if broken.during is None else f"with {line(self.model, broken.during)}"
        return "\n".join([str(broken), *lines, f"     {last}: {broken}"])
