"""The search finds mistakes: each of these is planted, and has a way to a broken invariant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from import_watch.model.observation import FailedPoll, ImportState, PollError
from import_watch.model.outcome import WatchResult
from import_watch.model.record import StoredWatch
from import_watch.model.watch import Start, Watch
from import_watch.notifications.notification import notification
from import_watch.services.publication import Publisher
from import_watch.services.recovery import Recovered, Recovery

from tests.resilience.model.memory import MemoryWatchStore
from tests.resilience.model.search import Counterexample, Search
from tests.resilience.model.steps import Model
from tests.resilience.model.world import Scenario

pytestmark = pytest.mark.usefixtures("socket_disabled")


class SavesWhateverTheGeneration(MemoryWatchStore):
    """A superseded execution's poll goes through."""

    def save(self, watch: Watch, before: Watch | None = None) -> None:  # noqa: ARG002
        record = self.get(watch.watch_id)
        assert record is not None
        if record.result is None:
            self.items[watch.watch_id] = replace(record, watch=watch)


class RegistersOver(MemoryWatchStore):
    """A duplicate starts the watch again."""

    def register(self, watch: Watch, execution: str, start: Start, **more: Any) -> None:
        self.items.pop(watch.watch_id, None)
        super().register(watch, execution, start, **more)


class EndsAgain(MemoryWatchStore):
    """The last outcome stands."""

    def end(self, watch: Watch, result: WatchResult, before: Watch | None = None) -> None:  # noqa: ARG002
        record = self.get(watch.watch_id)
        assert record is not None
        self.items[watch.watch_id] = replace(record, watch=watch, result=result, unpublished=True)


class ForgetsPolls(MemoryWatchStore):
    """A watch is resumed from a state before the last writes of a function that was given up."""

    def _next(self, watch: Watch, owner: int, before: Watch | None) -> StoredWatch:
        return self._owned(watch, owner, before)


class ForgetsOutcomes(MemoryWatchStore):
    """A poll that failed is written over the outcome that another attempt of it has seen."""

    def _owned(self, watch: Watch, owner: int, before: Watch | None) -> StoredWatch:
        record = self.get(watch.watch_id)
        return super()._owned(watch, owner, before if record is None else record.watch)


class PublishesBeforeItWrites(Publisher):
    def end(self, record: StoredWatch, result_of: Callable[[Watch], WatchResult]) -> StoredWatch | None:
        self._topic.publish(notification(replace(record, result=result_of(record.watch)), self._source))
        return super().end(record, result_of)


class UsesStaleRecord(Recovery):
    """An execution may publish the outcome and end after the table is read, and before its status is."""

    def _recover_unless_alive(self, seen: StoredWatch, now: float) -> Recovered:
        return self._recover(seen, self._executions.status(seen.execution), now)


class TakesOverLiveExecutions(Recovery):
    def _recover_unless_alive(self, seen: StoredWatch, now: float) -> Recovered:  # noqa: ARG002
        return Recovered.UNCHANGED if seen.result is not None else self._taken_over(seen)


class NeverSweeps(Recovery):
    def sweep(self, now: float, time_left: Callable[[], float]) -> dict[str, int]:  # noqa: ARG002
        return {}


FAULT = Scenario(deliveries=1, faults=1)
AWAY = FailedPoll(PollError.UNAVAILABLE, "HTTP 503")
AWAITED = Scenario(faults=1, exact=True, vendor=(ImportState.SUCCEEDED, AWAY, ImportState.SUCCEEDED), log_missing=True)
PLANTED = [
    (replace(AWAITED, watches=ForgetsOutcomes), 2, "SUCCEEDED was known, and is forgotten"),
    (replace(FAULT, watches=SavesWhateverTheGeneration), 4, "from generation 2 to 1"),
    (replace(FAULT, watches=EndsAgain), 2, "an outcome was changed"),
    (replace(FAULT, watches=ForgetsPolls), 3, "went back from poll 1 to 0"),
    (replace(FAULT, publisher=PublishesBeforeItWrites), 2, "published that is not written"),
    (replace(FAULT, recovery=NeverSweeps), 1, "the watch never ends"),
    (Scenario(starts=2, watches=RegistersOver), 3, "a watch was registered twice"),
    (Scenario(starts=2, sweeps=1, recovery=UsesStaleRecord), 2, "published twice, though nothing went wrong"),
    (Scenario(sweeps=1, recovery=TakesOverLiveExecutions), 3, "which lives"),
]


@pytest.mark.parametrize(("scenario", "invariant", "what"), PLANTED)
def test_a_planted_mistake_is_found(
    scenario: Scenario, invariant: int, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Counterexample) as found:
        Search(Model(monkeypatch, scenario)).run()
    lines = str(found.value).splitlines()
    assert lines[0].startswith(f"invariant {invariant} is broken: ")
    assert what in str(found.value)
    assert lines[1].startswith("  1. start-1: ")
    assert len(lines) < 40


def test_the_way_to_it_can_be_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Counterexample) as found:
        Search(Model(monkeypatch, Scenario(starts=2, watches=RegistersOver))).run()
    assert str(found.value).splitlines() == [
        "invariant 3 is broken: a watch was registered twice",
        "  1. start-1: states.watch_began(voyado, default) -> 1 active",
        "  2. start-1: watches.register(generation 1, poll 0, start-1, Start, False, (start)) -> None",
        "  3. start-1: states.get(voyado, default) -> 1 active",
        "  4. start-1: vendor.request_status(5512340987651234567, 1, 1, 0) -> RUNNING",
        "  5. the bus: delivers the start event again",
        "  6. start-2: states.watch_began(voyado, default) -> 1 active",
        "     with start-2: watches.register(generation 1, poll 0, start-2, Start, False, (start)): invariant 3 is "
        "broken: a watch was registered twice",
    ]
