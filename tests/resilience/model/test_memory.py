"""The stores in memory behave as the real ones do on a table: the model depends on that."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from import_watch.aws.connection_store import ConnectionStore
from import_watch.aws.sweep_cursor_store import SweepCursor, SweepCursorStore
from import_watch.aws.task_tokens import TaskTokens
from import_watch.aws.watch_store import WatchStore
from import_watch.aws.watch_writer import Conflict
from import_watch.lifecycle.attempts import as_next_attempt, with_event
from import_watch.model.observation import LogRecord, LogStatus
from import_watch.model.outcome import Outcome, WatchResult
from import_watch.model.record import StoredWatch
from import_watch.model.watch import Watch, attempt_key, watch_id
from import_watch.scheduling.running_time import measured_running_time

from tests.resilience.model.memory import (
    MemoryConnectionStore,
    MemorySweepCursorStore,
    MemoryTaskTokens,
    MemoryWatchStore,
)
from tests.unit.aws_fixtures import (
    EXECUTION,
    NOW,
    OTHER_EXECUTION,
    TABLE,
    a_result,
    a_start,
    a_watch,
    aws_account,
    client,
    connection_store,
    watch_table,
)

SEQUENCES, LENGTH = 6, 80
IMPORTS = ("one", "two")
LOG = LogRecord(LogStatus.VENDOR_ONLY, source="there", bytes=5)


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[WatchStore]:
    with aws_account(monkeypatch):
        yield watch_table()


def result_of(act: Callable[[], Any]) -> Any:
    try:
        return act()
    except Conflict as conflict:
        return "conflict", conflict.record


def some_watch(choose: random.Random) -> Watch:
    """Watch whose generation, polls and times differ little, so that conditions hold and fail about as often."""
    number, generation = choose.randrange(len(IMPORTS)), choose.randint(1, 3)
    return a_watch(
        watch_id=watch_id("voyado", "default", IMPORTS[number]),
        import_id=IMPORTS[number],
        generation=generation,
        executions=generation,
        polls=choose.randint(0, 2),
        # No two are due at once, as their order is then undefined.
        next_poll_at=choose.choice([None, NOW + number, NOW + 10 + number]),
        job_type=choose.choice([None, "IMPORT"]),
        last_trouble=choose.choice([None, "it was away"]),
    )


def some_result(choose: random.Random, watch: Watch) -> WatchResult:
    return a_result(
        outcome=choose.choice([Outcome.SUCCEEDED, Outcome.PARTIAL, Outcome.FAILED]),
        detected_at=NOW + IMPORTS.index(watch.import_id) + choose.choice([60.0, 3_600.0]),
        detection_lag_seconds=choose.choice([None, 12.5]),
        ended_at=choose.choice([None, NOW + 30]),
        counts={"errors": 1},
    )


def an_act(choose: random.Random) -> Callable[[WatchStore], Any]:
    """Choose a method and its arguments, for both tables alike."""
    watch, execution = some_watch(choose), choose.choice([EXECUTION, OTHER_EXECUTION])
    result, response = some_result(choose, watch), choose.choice([None, "s3://response"])
    start = a_start(
        metadata=choose.choice([None, {"a": 1.5}]),
        correlation_id=choose.choice([None, "order"]),
        task_token=choose.choice([None, "a token", "another"]),
        ignored_fields=choose.choice([(), ("colour",)]),
    )
    watch = replace(watch, correlation=start.correlation_id)
    ended, events = choose.choice([None, None, result]), choose.choice([(), ("first",)])
    given, attempt, count = choose.choice(["second", "third", "fourth"]), choose.randint(1, 3), choose.randint(0, 2)

    def next_attempt(watches: WatchStore) -> None:
        record = stored(watches)
        following = as_next_attempt(watch, replace(record.watch, generation=record.watch.generation + count // 2))
        seen = with_event(record.start_events, given)
        read = record if count else replace(record, event_revision=record.event_revision + 1)
        watches.start_attempt(following, execution, start, ended=read, keeps_log=True, start_events=seen)

    def ends_and_begins_again(watches: WatchStore) -> None:
        watches.end(stored(watches).watch, result)
        next_attempt(watches)

    def stored(watches: WatchStore, of_attempt: int | None = None) -> StoredWatch:
        """Read the watch as it is: what is changed next is often something else."""
        found = watches.get(watch.watch_id) if of_attempt is None else watches.get_attempt(watch.watch_id, of_attempt)
        return found or StoredWatch(watch, execution)

    acts: list[Callable[[WatchStore], Any]] = [
        lambda watches: watches.get(watch.watch_id),
        lambda watches: watches.get_attempt(watch.watch_id, attempt),
        lambda watches: watches.get_state(watch.watch_id),
        lambda watches: watches.owners([watch.watch_id]),
        lambda watches: watches.register(watch, execution, start, keeps_log=True, result=ended, start_events=events),
        next_attempt,
        next_attempt,
        next_attempt,
        lambda watches: watches.end(stored(watches).watch, result),
        ends_and_begins_again,
        lambda watches: watches.add_start_event(
            stored(watches), with_event(stored(watches).start_events, given), start
        ),
        lambda watches: watches.add_start_event(StoredWatch(watch, execution, result=ended), (given,), start),
        lambda watches: watches.record_stop(watch, "not needed"),
        lambda watches: watches.save(watch),
        lambda watches: watches.save(watch),
        lambda watches: watches.transfer_ownership(watch, execution),
        lambda watches: watches.transfer_ownership(watch, execution),
        lambda watches: watches.end(watch, result),
        lambda watches: watches.record_log(watch, LOG, response),
        lambda watches: watches.record_published(watch, NOW + 90),
        lambda watches: watches.record_log(stored(watches, attempt).watch, LOG, response),
        lambda watches: watches.record_published(stored(watches, attempt).watch, NOW + 90),
        lambda watches: watches.record_event_sent(stored(watches, attempt).watch, NOW + 91),
        lambda watches: watches.record_settled(stored(watches, attempt), NOW + 92),
        lambda watches: watches.record_settled(replace(stored(watches, attempt), callbacks=count), NOW + 92),
    ]
    return choose.choice(acts)


def a_connection_act(choose: random.Random) -> Callable[[ConnectionStore], Any]:
    connection = choose.choice(["default", "second"])
    watch = replace(some_watch(choose), connection=connection)
    result = some_result(choose, watch)
    counted, seen, limit = choose.randint(0, 4), choose.randint(-1, 2), choose.choice([None, 60.0])
    acts: list[Callable[[ConnectionStore], Any]] = [
        lambda states: states.watch_began("voyado", connection),
        lambda states: states.watch_withdrawn("voyado", connection),
        lambda states: states.watch_ended(watch, measured_running_time(watch, result)),
        lambda states: states.throttled(watch, NOW + counted),
        lambda states: states.limit_read(watch, limit),
        lambda states: states.repair("voyado", connection, counted, seen),
    ]
    return choose.choice(acts)


def listed(watches: WatchStore) -> list[Any]:
    """Content of both indexes, and their continuation after the first entry."""
    seen: list[Any] = []
    for listing in (watches.active, watches.unpublished, partial(watches.active, until=NOW + 5)):
        entries = list(listing())
        seen.append([entry[:2] for entry in entries])
        seen.append([entry[:2] for entry in listing(entries[0][2])] if entries else [])
    return seen


@pytest.mark.parametrize("seed", range(SEQUENCES))
def test_watches_in_memory_are_as_in_the_table(table: WatchStore, seed: int) -> None:
    choose, memory, seen = random.Random(seed), MemoryWatchStore(), Counter[str]()
    tokens, kept = TaskTokens(TABLE, client("dynamodb")), MemoryTaskTokens(memory.items)
    for _ in range(LENGTH):
        act = an_act(choose)
        expected = result_of(lambda act=act: act(table))  # type: ignore[misc]
        assert result_of(lambda act=act: act(memory)) == expected  # type: ignore[misc]
        assert listed(memory) == listed(table)
        seen["conflict" if isinstance(expected, tuple) else "done"] += 1
        key, attempt = watch_id("voyado", "default", choose.choice(IMPORTS)), choose.randint(1, 3)
        assert kept.waiting(key, attempt) == tokens.waiting(key, attempt)
        for entry in choose.sample(tokens.waiting(key, attempt), k=1) if tokens.waiting(key, attempt) else []:
            kept.delete(key, entry)
            tokens.delete(key, entry)
    assert min(seen["conflict"], seen["done"]) >= LENGTH // 10
    for name in IMPORTS:
        key, attempts = watch_id("voyado", "default", name), range(1, LENGTH)
        for one in (key, *(attempt_key(key, attempt) for attempt in attempts)):
            assert memory.get(one) == table.get(one)


def test_an_attempt_in_memory_follows_another_as_in_the_table(table: WatchStore) -> None:
    memory, watch, start = MemoryWatchStore(), a_watch(next_poll_at=NOW), a_start(task_token="a token")
    following = as_next_attempt(watch, watch)
    for watches in (table, memory):
        watches.register(watch, EXECUTION, start, keeps_log=True, start_events=("first",))
        watches.end(watch, a_result())
        ended, events = watches.get(watch.watch_id), ("first", "second")
        assert ended is not None
        watches.start_attempt(following, OTHER_EXECUTION, start, ended=ended, keeps_log=True, start_events=events)
        watches.record_published(watch, NOW + 90)
    for key in (watch.watch_id, attempt_key(watch.watch_id, 1)):
        assert memory.get(key) == table.get(key) is not None
    assert listed(memory) == listed(table)


@pytest.mark.parametrize("seed", range(SEQUENCES))
def test_connections_in_memory_are_as_in_the_table(table: WatchStore, seed: int) -> None:  # noqa: ARG001
    choose, real, memory = random.Random(seed), connection_store(), MemoryConnectionStore()
    for _ in range(LENGTH):
        act = a_connection_act(choose)
        assert act(memory) == act(real)
        assert list(memory.known()) == list(real.known())
        for after in real.known():
            assert list(memory.known(after)) == list(real.known(after))
        for name in ("default", "second"):
            assert memory.get("voyado", name) == real.get("voyado", name, consistent=True)


def test_positions_in_memory_are_as_in_the_table(table: WatchStore) -> None:
    token = {"watchId": {"S": "a"}, "active": {"S": "ACTIVE#3"}, "nextPollAt": {"N": "5"}}
    given = (
        SweepCursor(),
        SweepCursor(None, token),
        SweepCursor(token, None),
        SweepCursor(None, None, ("voyado", "second#one")),
    )
    assert list(table.active()) == []
    real, memory = SweepCursorStore(TABLE, client("dynamodb")), MemorySweepCursorStore()
    assert memory.get() == real.get()
    for kept in given:
        real.keep(kept)
        memory.keep(kept)
        assert memory.get() == real.get() == kept
