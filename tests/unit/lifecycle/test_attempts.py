"""When a start event begins a new attempt, and what the attempt inherits."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest
from import_watch.lifecycle.attempts import MAX_START_EVENTS, NotStarted, as_next_attempt, why_not_started, with_event
from import_watch.lifecycle.execution_names import successor_name
from import_watch.lifecycle.transitions import start_watch
from import_watch.model.outcome import Outcome, WatchResult
from import_watch.model.record import StartRecord, StoredWatch
from import_watch.model.watch import Start, Tolerance, Watch
from import_watch.notifications.notification import NAMESPACE, notification_id
from import_watch.scheduling.running_time import measured_running_time

NOW = 1_767_225_600.0
WATCH = start_watch(Start("voyado", "1"), NOW, Tolerance())


def stored(outcome: Outcome | None = None, attempt: int = 1, events: tuple[str, ...] = ("first",)) -> StoredWatch:
    result = None if outcome is None else WatchResult(outcome, NOW, "It ended.")
    return StoredWatch(replace(WATCH, attempt=attempt), "arn", StartRecord(start_events=events), result=result)


@pytest.mark.parametrize(
    ("record", "event", "watch_again", "why"),
    [
        (stored(Outcome.UNKNOWN), "second", False, None),
        (stored(Outcome.UNKNOWN), "second", True, None),
        (stored(Outcome.UNKNOWN), "first", True, NotStarted.SAME_EVENT),
        (stored(Outcome.UNKNOWN, attempt=19), "second", False, None),
        (stored(Outcome.UNKNOWN, attempt=20), "second", True, NotStarted.TOO_MANY_ATTEMPTS),
        (stored(Outcome.UNKNOWN, events=()), "first", False, None),
        *((stored(outcome), "second", False, NotStarted.OUTCOME_KNOWN) for outcome in set(Outcome) - {Outcome.UNKNOWN}),
        *((stored(outcome), "second", True, None) for outcome in set(Outcome) - {Outcome.UNKNOWN}),
        (stored(Outcome.FAILED), "first", True, NotStarted.SAME_EVENT),
        (stored(), "second", False, NotStarted.ALREADY_WATCHED),
        (stored(), "second", True, NotStarted.ALREADY_WATCHED),
        (stored(), "first", False, NotStarted.SAME_EVENT),
    ],
)
def test_a_start_event_begins_an_attempt_or_has_a_reason(
    record: StoredWatch, event: str, *, watch_again: bool, why: NotStarted | None
) -> None:
    assert why_not_started(record, event, watch_again=watch_again) is why


def test_the_last_twenty_events_are_kept_each_once() -> None:
    events: tuple[str, ...] = ()
    for number in [*range(30), 29, 15]:
        events = with_event(events, str(number))
    assert events == (*map(str, range(10, 15)), *map(str, range(16, 30)), "15")
    assert len(events) == MAX_START_EVENTS


def test_an_attempt_inherits_the_generation_only() -> None:
    ended = replace(WATCH, attempt=2, generation=7, executions=4, polls=90, failures=3, stalled_at=NOW, seen_at=NOW)
    later = start_watch(Start("voyado", "1"), NOW + 60, Tolerance())
    assert as_next_attempt(later, ended) == replace(later, attempt=3, generation=8)


def test_names_and_ids_contain_the_attempt_from_the_second_on() -> None:
    attempts = [replace(WATCH, attempt=number) for number in (1, 2, 3)]
    for made in (successor_name, notification_id):
        assert len({made(one) for one in attempts}) == 3
    # Those of a first attempt are as before: a repeat after an update has the same id.
    assert notification_id(WATCH) == str(uuid.uuid5(NAMESPACE, "voyado#default#1/2026-01-01T00:00:00.000Z"))
    assert successor_name(WATCH).count("-") == 1
    assert successor_name(attempts[1]).endswith("-2-1")


@pytest.mark.parametrize(
    ("watch", "teaches"),
    [
        (WATCH, True),
        (replace(WATCH, attempt=2), False),
        (replace(WATCH, attempt=2, unfinished_at=NOW + 10), True),
    ],
)
def test_an_end_that_was_not_seen_running_is_not_learned_in_a_later_attempt(watch: Watch, *, teaches: bool) -> None:
    result = WatchResult(Outcome.SUCCEEDED, NOW + 60, "It completed.", started_at=NOW, ended_at=NOW + 50)
    assert (measured_running_time(watch, result) is not None) is teaches
