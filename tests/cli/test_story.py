"""The story of a watch and what a person does with it, on the local stack."""

from __future__ import annotations

import pytest
from import_watch.model.outcome import Outcome
from import_watch_cli import actions
from import_watch_cli.checkout import vendor_registry
from import_watch_cli.errors import CommandError
from import_watch_cli.story import story_of
from import_watch_cli.watches import Watches, one_watch

from local.waiting import wait_until
from tests.cli.running import COMPLETED, ENDLESS, FAILED, OUTCOME_SECONDS, Running

pytestmark = pytest.mark.xdist_group("cli-story")
MAINTENANCE = {"polls": 1, "fault": {"status": 503, "body": "maintenance"}}


def test_a_story_has_every_poll_and_the_archive(running: Running) -> None:
    steps = ({"polls": 1, "status": "Queued"}, {"polls": 2, "status": "InProgress"}, MAINTENANCE, COMPLETED)
    key = running.imported("a-story", *steps, correlationId="nightly")
    stack = running.stack()
    story = story_of(stack, one_watch(stack, "a-story"))
    assert [poll.number for poll in story.polls] == list(range(1, len(story.polls) + 1))
    assert [poll.state for poll in story.polls] == ["QUEUED", "RUNNING", "RUNNING", None, "SUCCEEDED"]
    assert "maintenance" in (story.polls[3].error or "")
    assert story.polls[0].seconds
    assert story.polls[-1].seconds is None
    kinds = [event.kind for event in story.events]
    assert kinds == [
        *("registered", "QUEUED", "RUNNING", "poll failed", "SUCCEEDED", "log archived", "published"),
    ]
    assert "correlationId nightly" in story.events[0].text
    assert story.row.watch_id == key
    assert {file.location.rpartition("/")[2] for file in story.files} == {
        *("answer.json", "log.json", "log.txt"),
    }
    assert story.notes == ()
    assert [row.attempt for row in story.attempts] == [1]
    assert len(story.executions) == 1
    assert story.to_json()["estimatedCostUsd"] > 0


def test_a_start_is_checked_before_it_is_sent(running: Running) -> None:
    with pytest.raises(CommandError, match=f"vendor must be one of {', '.join(vendor_registry().names)}"):
        actions.start(running.stack(), "unknown", "1")


def test_a_started_import_is_in_the_lists(running: Running) -> None:
    stack = running.stack()
    running.local.simulators["document360"].script("listed", [FAILED])
    done = actions.start(stack, "document360", "listed", correlation_id="by-hand")
    assert done.watch_id == "document360#default#listed"
    watches = Watches(stack)
    (row,) = wait_until(
        lambda: [row for row in watches.ended([Outcome.FAILED]) if row.import_id == "listed"],
        OUTCOME_SECONDS,
        "the failed import is listed",
    )
    assert (row.outcome, row.correlation_id) == ("FAILED", "by-hand")


def test_an_active_watch_is_listed_with_its_next_poll(running: Running) -> None:
    running.imported("endless", ENDLESS, wait=False)
    stack = running.stack()
    row = wait_until(
        lambda: next((row for row in Watches(stack).active("document360") if row.polls), None),
        OUTCOME_SECONDS,
        "the first poll",
    )
    assert (row.import_id, row.state, row.outcome) == ("endless", "RUNNING", None)
    assert row.next_poll_at
    with pytest.raises(CommandError, match="is still active"):
        actions.again(stack, one_watch(stack, "endless"))
