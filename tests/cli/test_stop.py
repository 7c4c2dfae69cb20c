"""A stop never claims more than it did: a known outcome stands, and its reason is shown where it counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from import_watch.model.outcome import Outcome, WatchResult
from import_watch.model.record import StoredWatch
from import_watch.model.watch import Start
from import_watch_cli import actions
from import_watch_cli.errors import CommandError
from import_watch_cli.story import story_of
from import_watch_cli.watches import Watches

from tests.cli.test_watches import STACK
from tests.unit.aws_fixtures import EXECUTION, a_result, a_watch, aws_account, watch_table

WATCH = a_watch()
STOPPED = a_result(outcome=Outcome.UNKNOWN, reason="WATCH_STOPPED")


@pytest.fixture
def watches(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watches]:
    with aws_account(monkeypatch):
        watch_table()
        found = Watches(STACK)
        found.store.register(WATCH, EXECUTION, Start(WATCH.vendor, WATCH.import_id), keeps_log=True)
        yield found


def stored(watches: Watches) -> StoredWatch:
    record = watches.store.get(WATCH.watch_id)
    assert record is not None
    return record


@pytest.mark.parametrize(
    ("is_awaited", "text"),
    [(True, "has ended as FAILED, and that outcome stands"), (False, "has ended as FAILED already")],
)
def test_an_outcome_that_came_before_the_stop_is_named(watches: Watches, text: str, *, is_awaited: bool) -> None:
    read, result = stored(watches), a_result(outcome=Outcome.FAILED)
    if is_awaited:
        watches.store.save(replace(WATCH, awaiting_log=result), WATCH)
    else:
        watches.store.end(WATCH, result)
    with pytest.raises(CommandError, match=text) as refused:
        actions.stop(STACK, read, "by mistake")
    assert refused.value.status == 1
    assert stored(watches).stop_reason is None


def test_an_outcome_that_came_during_the_stop_is_named(watches: Watches, monkeypatch: pytest.MonkeyPatch) -> None:
    read, result = stored(watches), a_result(outcome=Outcome.SUCCEEDED)
    monkeypatch.setattr(actions, "_stop_execution", lambda *_: watches.store.end(WATCH, result))
    with pytest.raises(CommandError, match="has ended as SUCCEEDED: there was nothing to stop") as refused:
        actions.stop(STACK, read, "by mistake")
    assert refused.value.status == 1


def test_a_watch_that_ended_by_the_stop_is_stopped(watches: Watches, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "_stop_execution", lambda *_: watches.store.end(WATCH, STOPPED))
    assert "was stopped" in actions.stop(STACK, stored(watches), "by mistake").text


@pytest.mark.parametrize(
    ("result", "shown"),
    [(None, ["stop requested"]), (STOPPED, ["stopped"]), (a_result(outcome=Outcome.SUCCEEDED), [])],
)
def test_a_story_has_a_stop_where_it_counted(watches: Watches, result: WatchResult | None, shown: list[str]) -> None:
    watches.store.record_stop(WATCH, "by mistake")
    if result is not None:
        watches.store.end(WATCH, result)
    events = story_of(STACK, stored(watches)).events
    assert [event.kind for event in events if event.text == "by mistake"] == shown
