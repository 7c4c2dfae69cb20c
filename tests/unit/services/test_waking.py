"""An ImportChanged event: the execution that it started polls the watch sooner, or nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from import_watch.aws.executions import Executions
from import_watch.aws.watch_store import WatchStore
from import_watch.model.step import Step
from import_watch.model.watch import Watch
from import_watch.services.entry import first_step
from import_watch.services.waking import MAX_OWNERS, Waker
from publish_outcome.handler import NOTHING_TO_PUBLISH

from tests.unit.aws_fixtures import (
    EXECUTION,
    NOW,
    OTHER_EXECUTION,
    VENDORS,
    a_result,
    a_start,
    a_watch,
    aws_account,
    client,
    connection_store,
    registrar,
    state_machine,
    watch_table,
)

WATCH = a_watch(polls=3, last_poll_at=NOW - 10, next_poll_at=NOW + 60, not_before=NOW - 5)
DETAIL = {"vendor": "voyado", "importId": "5512340987651234567"}


@pytest.fixture
def watches(monkeypatch: pytest.MonkeyPatch) -> Iterator[WatchStore]:
    with aws_account(monkeypatch):
        state_machine()
        yield watch_table()


def changed(watches: WatchStore, execution: str = OTHER_EXECUTION, now: float = NOW, **detail: Any) -> Step:
    event = VENDORS.parse_change({"id": "e", "detail-type": "ImportChanged", "detail": DETAIL | detail})
    return Waker(VENDORS, watches, connection_store(), Executions(client("stepfunctions"))).wake(event, execution, now)


def register(watches: WatchStore, watch: Watch, **more: Any) -> None:
    watches.register(watch, EXECUTION, a_start(), keeps_log=False, **more)


def status(execution: str) -> str:
    return str(client("stepfunctions").describe_execution(executionArn=execution)["status"])


def test_the_execution_owns_the_watch_and_the_other_one_is_stopped(watches: WatchStore) -> None:
    register(watches, WATCH)
    step = changed(watches)
    assert (step.action, step.seconds, step.watch.generation) == ("WAIT", 0, 2)
    record = watches.get(WATCH.watch_id)
    assert record is not None
    assert (record.watch, record.execution, record.owners) == (
        step.watch,
        OTHER_EXECUTION,
        (EXECUTION, OTHER_EXECUTION),
    )
    assert status(EXECUTION) == "ABORTED"


def test_an_execution_whose_response_was_lost_gets_the_same_step(watches: WatchStore) -> None:
    register(watches, WATCH)
    first, again = changed(watches), changed(watches, now=NOW + 1)
    assert first == again
    assert status(EXECUTION) == "ABORTED"


@pytest.mark.parametrize(
    ("watch", "more", "detail"),
    [
        (None, {}, {}),
        (WATCH, {}, {"connection": "second"}),
        (WATCH, {}, {"vendor": "other"}),
        (WATCH, {"result": a_result()}, {}),
        (replace(WATCH, awaiting_log=a_result()), {}, {}),
        (replace(WATCH, next_poll_at=NOW + 4), {}, {}),
        (replace(WATCH, not_before=NOW + 58), {}, {}),
        (replace(WATCH, not_before=None), {}, {}),
    ],
    ids=[
        "not watched",
        "another connection",
        "invalid",
        "ended",
        "log awaited",
        "polled soon",
        "back-off",
        "polled by an older release",
    ],
)
def test_nothing_is_changed(
    watches: WatchStore, watch: Watch | None, more: dict[str, Any], detail: dict[str, Any]
) -> None:
    if watch is not None:
        register(watches, watch, **more)
    before = watches.get(WATCH.watch_id)
    assert changed(watches, **detail).action == "NOT_WOKEN"
    assert watches.get(WATCH.watch_id) == before
    assert status(EXECUTION) == "RUNNING"


def test_a_throttled_connection_is_not_polled_sooner(watches: WatchStore) -> None:
    register(watches, WATCH)
    connection_store().watch_began("voyado", "default")
    connection_store().throttled(WATCH, NOW + 30)
    assert changed(watches).seconds == 30


def test_a_watch_that_is_polled_meanwhile_is_left_alone(watches: WatchStore) -> None:
    register(watches, WATCH)

    class PolledMeanwhile(WatchStore):
        def transfer_ownership(self, watch: Watch, execution: str, before: Watch | None = None) -> None:
            watches.save(replace(WATCH, polls=4))
            super().transfer_ownership(watch, execution, before)

    assert changed(PolledMeanwhile("watches", 1, client("dynamodb"))).action == "NOT_WOKEN"
    assert status(EXECUTION) == "RUNNING"


def test_a_watch_is_not_woken_without_end(watches: WatchStore) -> None:
    """Each wake adds an owner to the item, which every poll writes."""
    register(watches, WATCH)
    for number in range(1, MAX_OWNERS + 9):
        step = changed(watches, f"{EXECUTION}-{number}")
        if step.action == "WAIT":
            polled = replace(step.watch, polls=3 + number, next_poll_at=NOW + 60, not_before=NOW - 5)
            watches.save(polled)
    record = watches.get(WATCH.watch_id)
    assert record is not None
    assert len(record.owners) == MAX_OWNERS


def test_publish_outcome_wakes_nothing_and_ends_nothing(watches: WatchStore) -> None:
    """It gets the event of an execution whose first step has failed: that is a hint, and the watch is healthy."""
    register(watches, WATCH)
    before = watches.get(WATCH.watch_id)
    failed = {"id": "e", "detail-type": "ImportChanged", "detail": DETAIL, "error": {"Error": "States.TaskFailed"}}
    assert first_step(failed, OTHER_EXECUTION, NOW, registrar(watches)).action in NOTHING_TO_PUBLISH
    assert watches.get(WATCH.watch_id) == before


def test_the_ignored_fields_of_an_event_are_logged_by_name(
    watches: WatchStore, caplog: pytest.LogCaptureFixture
) -> None:
    event = {"id": "e", "detail-type": "ImportChanged", "detail": DETAIL | {"taskToken": "a-token"}}
    assert first_step(event, OTHER_EXECUTION, NOW, registrar(watches)).action == "NOT_WOKEN"
    assert [vars(line)["fields"] for line in caplog.records if line.levelname == "WARNING"] == [["taskToken"]]
    assert not any("a-token" in repr(vars(line)) for line in caplog.records)


def test_owners_that_other_wakes_should_have_stopped_are_stopped(watches: WatchStore) -> None:
    """Two wakes at once: the second may stop the first before that has stopped the owner before it."""
    register(watches, WATCH)
    watches.transfer_ownership(replace(WATCH, generation=2, executions=2), f"{EXECUTION}-woken")
    changed(watches)
    assert status(EXECUTION) == "ABORTED"
