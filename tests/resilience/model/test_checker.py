"""The search finds mistakes: each of these is planted, and has a way to a broken invariant."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from import_watch.aws.dynamodb import PageToken
from import_watch.aws.executions import ExecutionStatus
from import_watch.aws.task_tokens import TokenResult
from import_watch.lifecycle.start_event import StartEvent
from import_watch.model.observation import FailedPoll, ImportState, PollError
from import_watch.model.outcome import WatchResult
from import_watch.model.record import StartRecord, StoredWatch
from import_watch.model.serialization import JSON
from import_watch.model.step import NextAction
from import_watch.model.step import Step as NextStep
from import_watch.model.watch import Start, Watch, attempt_key
from import_watch.notifications.notification import notification
from import_watch.services.publication import Publication, Publisher
from import_watch.services.recovery import Recovered, Recovery
from import_watch.services.waking import Waker

from tests.resilience.model.memory import MemoryWatchStore
from tests.resilience.model.replay import ReplayedTaskTokens
from tests.resilience.model.search import Counterexample, Search
from tests.resilience.model.steps import Model
from tests.resilience.model.world import WATCH, Event, Scenario

pytestmark = pytest.mark.usefixtures("socket_disabled")


def with_start(record: StoredWatch, **changes: Any) -> StoredWatch:
    """Record with changes of what is stored of its start."""
    assert record.start is not None
    return replace(record, start=replace(record.start, **changes))


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
        return self._recover(replace(seen, start=StartRecord()), self._executions.status(seen.execution), now)


class TakesUnlistedForDead(Recovery):
    """A list of running executions is late, and lacks some."""

    def _attempt(self, watch_id: str, now: float) -> Recovered:
        record = self._watches.get(watch_id)
        return Recovered.UNCHANGED if record is None else self._recover(record, ExecutionStatus.FAILED, now)


class TakesOverLiveExecutions(Recovery):
    def _recover_unless_alive(self, seen: StoredWatch, now: float) -> Recovered:  # noqa: ARG002
        return Recovered.UNCHANGED if seen.result is not None else self._taken_over(seen)


class NeverSweeps(Recovery):
    def sweep(self, now: float, time_left: Callable[[], float]) -> dict[str, int]:  # noqa: ARG002
        return {}


class ForgetsStartEvents(MemoryWatchStore):
    """A duplicate of an event that began an attempt is not recognised."""

    def _new(self, *given: Any, **more: Any) -> StoredWatch:
        return with_start(super()._new(*given, **more), start_events=())


class ReplacesWithoutMoving(MemoryWatchStore):
    """The attempt before is overwritten."""

    def replace_attempt(self, read: StoredWatch | None, ended: StoredWatch, watch: Watch, *given: Any) -> None:
        super().replace_attempt(read, ended, watch, *given)
        del self.items[attempt_key(watch.watch_id, watch.attempt - 1)]


class ListsOnlyLatestAttempts(MemoryWatchStore):
    """An outcome is lost that was not published when its attempt was replaced."""

    def unpublished(self, token: PageToken | None = None) -> Iterator[tuple[str, float, PageToken]]:
        moved = {record.key for record in self.items.values() if isinstance(record, StoredWatch) if record.key != WATCH}
        return (listed for listed in super().unpublished(token) if listed[0] not in moved)


class PublishesOnlyLatestAttempts(Publisher):
    def publish_for(self, watch_id: str, attempt: int, generation: int, error: JSON, now: float) -> Publication:
        record = self._watches.get(watch_id)
        if record is not None and record.watch.attempt != attempt:
            return Publication(NextAction.SUPERSEDED, record)
        return super().publish_for(watch_id, attempt, generation, error, now)


class BeginsGenerationsAgain(MemoryWatchStore):
    def replace_attempt(self, read: StoredWatch | None, ended: StoredWatch, watch: Watch, *given: Any) -> None:
        super().replace_attempt(read, ended, watch, *given)
        new = self.get(watch.watch_id)
        assert new is not None
        self.items[watch.watch_id] = replace(new, watch=replace(watch, generation=1))


class JoinsWhatHasEnded(MemoryWatchStore):
    """A token is lost that joins an active watch while its end is written and published."""

    def add_start_event(self, record: StoredWatch, events: Sequence[str], start: Start) -> None:
        now = self.get(record.watch.watch_id)
        if now is None or now.result is None or record.result is not None:
            super().add_start_event(record, events, start)
            return
        joined = with_start(now, start_events=tuple(events))
        self.items[now.key] = replace(joined, callbacks=now.callbacks + 1, event_revision=now.event_revision + 1)
        self._add_task_token(record.watch, start)


class SettlesWhateverJoins(MemoryWatchStore):
    """A token is lost that joins between the last one that was sent its outcome and the end of the publication."""

    def record_settled(self, record: StoredWatch, now: float, key: str | None = None) -> None:
        found = self.get(key or record.key)
        super().record_settled(replace(record, callbacks=found.callbacks) if found else record, now, key)


class SendsToEveryAttempt(ReplayedTaskTokens):
    """The tokens of an attempt that is not published yet get the outcome of the next one."""

    def waiting(self, watch_id: str, attempt: int) -> list[str]:
        waiting = super().waiting
        return [entry for number in range(1, attempt + 1) for entry in waiting(watch_id, number)]


class DeletesBeforeItSends(ReplayedTaskTokens):
    def send(self, entry: str, event: dict[str, Any]) -> TokenResult:
        self.delete(event["subject"], entry)
        return super().send(entry, event)


class StopsNoOtherOwner(Waker):
    def _woken(self, record: StoredWatch, now: float) -> NextStep:
        return super()._woken(with_start(record, owners=record.owners[-1:]), now)


class StopsOnlyTheOwnerBefore(Waker):
    """It may have been about to stop the one before it."""

    def _woken(self, record: StoredWatch, now: float) -> NextStep:
        return super()._woken(with_start(record, owners=record.owners[-2:]), now)


class WakesBeforeItMay(Waker):
    """Neither back-off nor Retry-After counts."""

    def wake(self, event: StartEvent, execution: str, now: float) -> NextStep:
        class Impatient(type(self._watches)):  # type: ignore[misc]
            def get(self, watch_id: str) -> StoredWatch | None:
                found: StoredWatch | None = super().get(watch_id)
                return found and replace(found, watch=replace(found.watch, not_before=0.0))

        self._watches.__class__ = Impatient
        try:
            return super().wake(event, execution, now)
        finally:
            self._watches.__class__ = Impatient.__base__


FAULT = Scenario(deliveries=1, faults=1)
BAD = FailedPoll(PollError.MISCONFIGURED, "HTTP 400")
AGAIN, JOINS = Event("again"), Event("joins", token=True)
TWICE = Scenario(more=(AGAIN,), vendor=(BAD,), vendor_again=(ImportState.SUCCEEDED,))
KNOWN = Scenario(more=(JOINS,), vendor=(ImportState.FAILED,))
WOKEN = Scenario(more=(Event("changed", changed=True),))
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
    (Scenario(sweeps=1, faults=1, lists=True, recovery=TakesUnlistedForDead), 3, "which lives"),
    (replace(TWICE, starts=2, watches=ForgetsStartEvents), 3, "a duplicate of the event start has started an attempt"),
    (replace(TWICE, watches=ReplacesWithoutMoving), 2, "an outcome was published that is not written"),
    (
        replace(TWICE, watches=ListsOnlyLatestAttempts, publisher=PublishesOnlyLatestAttempts),
        1,
        "the outcome of attempt 1 was never published",
    ),
    (replace(TWICE, watches=BeginsGenerationsAgain), 4, "from generation 1 to 1"),
    (replace(KNOWN, watches=JoinsWhatHasEnded), 1, "token-of-joins never gets an outcome"),
    (replace(KNOWN, watches=SettlesWhateverJoins), 1, "token-of-joins never gets an outcome"),
    (
        replace(TWICE, token=True, more=(Event("again", token=True),), task_tokens=SendsToEveryAttempt),
        2,
        "gets SUCCEEDED of another",
    ),
    (
        Scenario(token=True, faults=1, vendor=(ImportState.FAILED,), task_tokens=DeletesBeforeItSends),
        1,
        "token-of-start never gets an outcome",
    ),
    (replace(WOKEN, exact=True, waker=StopsNoOtherOwner), 4, "start-1 polls what"),
    (
        replace(WOKEN, more=(Event("changed", 2, changed=True),), exact=True, waker=StopsOnlyTheOwnerBefore),
        4,
        "start-1 polls what",
    ),
    (replace(WOKEN, vendor=(AWAY, ImportState.SUCCEEDED), waker=WakesBeforeItMay), 5, "a poll is planned"),
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
