"""One fault each: the watch is resumed or its outcome is published, and a subscriber sees no difference."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest
from recover_watches.handler import RESERVE_SECONDS

from local.simulators.script import Step
from local.waiting import wait_until
from tests.resilience.calls import Operation
from tests.resilience.conftest import (
    MAX_POLLS_PER_EXECUTION,
    PUBLISH,
    RECOVER,
    RECOVERY_GRACE_SECONDS,
    RUNNING,
    SECONDS,
    SUCCESS,
    Harness,
    dying_at_birth,
    dying_in,
)
from tests.resilience.proxy import Fault, Harm
from tests.resilience.scripts import HANGING

pytestmark = pytest.mark.xdist_group("faults")
BUSY = {"polls": 1, "fault": {"status": 503, "body": "busy"}}
SILENT: Step = {"polls": 1, **HANGING}
"""Holds an execution at its second poll: on a busy machine it would else hand over before it is stopped."""


def test_an_execution_stopped_by_a_person_is_published_at_once(harness: Harness) -> None:
    watch = harness.start_watch(RUNNING, SILENT, RUNNING, correlationId="stopped")
    execution = harness.polled(watch)["execution"]
    harness.stop(execution)
    data = harness.published(watch).event["data"]
    assert (data["outcome"], data["reason"], data["correlationId"]) == ("UNKNOWN", "WATCH_STOPPED", "stopped")
    assert harness.status(execution) == "ABORTED"


def test_many_hand_overs_are_not_visible_from_outside(harness: Harness) -> None:
    watch = harness.start_watch({"polls": 9, **RUNNING}, SUCCESS)
    data = harness.published(watch).event["data"]
    assert (data["outcome"], data["watch"]["polls"]) == ("SUCCEEDED", 10)
    assert data["watch"]["executions"] == 10 // MAX_POLLS_PER_EXECUTION
    assert harness.polls_seen(watch) == 10
    assert len(harness.observer.messages(watch)) == 1
    assert "active" not in harness.item(watch)


def test_a_watch_of_a_failed_execution_is_taken_over(harness: Harness) -> None:
    with harness.defined(dying_in(2)):
        watch = harness.start_watch(RUNNING, BUSY, {"polls": 3, **RUNNING}, SUCCESS, startedAt="2026-01-01T00:00:00Z")
        before = harness.polled(watch, MAX_POLLS_PER_EXECUTION)
        data = harness.published(watch).event["data"]
    item = harness.item(watch)
    assert (data["outcome"], data["watch"]["polls"], data["watch"]["vendorErrors"]) == ("SUCCEEDED", 6, 1)
    assert harness.polls_seen(watch) == 6
    kept = ("registeredAt", "deadline", "startedAt", "histories", "arrivalIndex")
    assert {name: item.get(name) for name in kept} == {name: before.get(name) for name in kept}
    assert item["generation"] == item["executions"] >= 3
    # It has polled since: earlier failures no longer count.
    assert item["takeovers"] == 0


def test_a_repeated_start_event_takes_over_an_orphaned_watch(harness: Harness) -> None:
    with harness.without(RECOVER):
        watch = harness.start_watch({"polls": 4, **RUNNING}, SUCCESS, correlationId="the first stands")
        harness.polled(watch)
        assert harness.status(harness.stop_owner(watch)) == "ABORTED"
        harness.again(watch)
        data = harness.published(watch).event["data"]
    assert (data["outcome"], data["correlationId"]) == ("SUCCEEDED", "the first stands")
    assert data["watch"]["polls"] == 5
    assert len(harness.observer.messages(watch)) == 1


def test_three_takeovers_without_a_poll_end_the_watch_as_broken(harness: Harness) -> None:
    with harness.defined(dying_in(*range(2, 20))):
        watch = harness.start_watch(RUNNING)
        data = harness.published(watch).event["data"]
    assert (data["outcome"], data["reason"]) == ("UNKNOWN", "WATCH_BROKEN")
    assert "3 consecutive executions died without a poll" in data["message"]
    # The one that polled, its successor, and three that took over.
    assert (data["watch"]["polls"], data["watch"]["executions"]) == (MAX_POLLS_PER_EXECUTION, 5)


def test_a_start_event_of_an_unregistered_watch_is_not_lost(harness: Harness) -> None:
    with harness.defined(dying_at_birth):
        watch = harness.start_watch({"polls": 2, **RUNNING}, SUCCESS, metadata={"kept": True})
        data = harness.published(watch).event["data"]
    assert (data["outcome"], data["metadata"]) == ("SUCCEEDED", {"kept": True})
    assert data["watch"]["executions"] >= 2


PUBLISHED_TWICE = [(Operation.PUBLISH, Harm.KILLED_AFTER), (Operation.PUBLISH, Harm.RESPONSE_LOST)]
PUBLISHED_ONCE = [
    (Operation.PUBLISH, Harm.KILLED_BEFORE),
    *itertools.product(
        (Operation.REGISTER, Operation.SAVE, Operation.TRANSFER_OWNERSHIP, Operation.END, Operation.RECORD_LOG),
        (Harm.KILLED_BEFORE, Harm.KILLED_AFTER),
    ),
]


@pytest.fixture(scope="module")
def watches_with_faults(harness: Harness) -> dict[tuple[Operation, Harm], str]:
    """Start an import for each of these faults, all at once, and return their watches after their outcomes."""
    watches = {
        fault: harness.start_watch({"polls": 3, **RUNNING}, SUCCESS, fault=fault)
        for fault in (*PUBLISHED_TWICE, *PUBLISHED_ONCE)
    }
    for watch in watches.values():
        harness.published(watch)
    assert harness.faults == {}
    return watches


@pytest.mark.parametrize("fault", PUBLISHED_TWICE)
def test_an_outcome_that_is_published_twice_has_one_id(
    fault: tuple[Operation, Harm], watches_with_faults: dict[tuple[Operation, Harm], str], harness: Harness
) -> None:
    messages = harness.observer.messages(watches_with_faults[fault])
    assert [message.event for message in messages] == [messages[0].event] * 2


@pytest.mark.parametrize("fault", PUBLISHED_ONCE)
def test_a_function_that_dies_at_a_write_costs_one_poll_at_most(
    fault: tuple[Operation, Harm], watches_with_faults: dict[tuple[Operation, Harm], str], harness: Harness
) -> None:
    (message,) = harness.observer.messages(watches_with_faults[fault])
    data = message.event["data"]
    assert data["outcome"] == "SUCCEEDED"
    # The vendor gets one request more than is counted: the result of a poll function that died is lost.
    polled_in_vain = fault[0] not in (Operation.REGISTER, Operation.PUBLISH)
    assert harness.polls_seen(watches_with_faults[fault]) == data["watch"]["polls"] + polled_in_vain


def test_a_poll_that_cannot_be_written_down_is_not_made_again(harness: Harness) -> None:
    refused = Fault(Harm.REFUSED, 400, "AccessDeniedException")
    watch = harness.start_watch(RUNNING, BUSY, SUCCESS, fault=(Operation.SAVE, refused))
    data = harness.published(watch).event["data"]
    assert (data["outcome"], data["watch"]["polls"], data["watch"]["vendorErrors"]) == ("SUCCEEDED", 3, 1)
    assert harness.polls_seen(watch) == 3
    assert len(harness.observer.messages(watch)) == 1


def test_an_outcome_that_sns_refuses_is_published_later(harness: Harness) -> None:
    stack, sns = harness.stack, harness.stack.client("sns")
    topic = stack.outputs["OutcomeTopicArn"]
    sns.delete_topic(TopicArn=topic)
    watch = harness.start_watch(SUCCESS)
    execution = harness.item_when(watch, lambda item: "ending" in item, "ends")["execution"]
    wait_until(lambda: harness.status(execution) == "FAILED", SECONDS, "the execution fails")
    for _ in range(2):
        # It is tried again, and the sweep itself does not fail.
        harness.sweep_until(
            lambda: "could not be recovered" in harness.log(RECOVER), "the sweep logs what it could not do"
        )
    assert "publishedAt" not in harness.item(watch)
    assert harness.item(watch)["unpublished"] == "UNPUBLISHED"
    assert "NotFound" in harness.log(PUBLISH)
    assert sns.create_topic(Name=topic.rpartition(":")[2])["TopicArn"] == topic
    queue = stack.client("sqs").get_queue_attributes(QueueUrl=stack.outcomes_queue_url, AttributeNames=["QueueArn"])
    sns.subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=queue["Attributes"]["QueueArn"],
        Attributes={"RawMessageDelivery": "true"},
    )
    harness.sweep_until(lambda: "publishedAt" in harness.item(watch), "the outcome is published")
    assert harness.observer.outcome(watch).event["data"]["outcome"] == "SUCCEEDED"
    assert len(harness.observer.messages(watch)) == 1


def dead(harness: Harness, watches: list[str]) -> None:
    """Wait until the second owner of every watch has failed, and its next poll is overdue."""
    for watch in watches:
        item = harness.item_when(watch, lambda item: item["generation"] == 2, "is handed over")
        wait_until(lambda arn=item["execution"]: harness.status(arn) == "FAILED", SECONDS, "its successor fails")  # type: ignore[misc]
        due = float(item["nextPollAt"]) + RECOVERY_GRACE_SECONDS
        wait_until(lambda due=due: harness.now() > due, SECONDS, "its poll is overdue")  # type: ignore[misc]


def test_two_sweeps_at_once_take_each_watch_over_once(harness: Harness) -> None:
    with harness.without(RECOVER), harness.defined(dying_in(2)):
        watches = [harness.start_watch({"polls": 3, **RUNNING}, SUCCESS) for _ in range(4)]
        dead(harness, watches)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: harness.sweep(), range(2))
    assert first.get("TAKEN_OVER", 0) + second.get("TAKEN_OVER", 0) == len(watches)
    for watch in watches:
        data = harness.published(watch).event["data"]
        assert (data["outcome"], data["watch"]["polls"], data["watch"]["executions"]) == ("SUCCEEDED", 4, 3)
        assert len(harness.observer.messages(watch)) == 1


def test_a_sweep_that_runs_out_of_time_continues_next_time(harness: Harness) -> None:
    functions = harness.stack.client("lambda")
    with harness.without(RECOVER), harness.defined(dying_in(2)):
        watches = [harness.start_watch({"polls": 3, **RUNNING}, SUCCESS) for _ in range(4)]
        dead(harness, watches)
    given = functions.get_function_configuration(FunctionName=RECOVER)["Timeout"]
    # The reserve is all the time there is, so each sweep recovers the one watch that it always does.
    functions.update_function_configuration(FunctionName=RECOVER, Timeout=RESERVE_SECONDS)
    try:
        done = [harness.sweep()["TAKEN_OVER"] for _ in watches]
    finally:
        functions.update_function_configuration(FunctionName=RECOVER, Timeout=given)
    assert done == [1] * len(watches)
    assert harness.log(RECOVER).count("ran out of time") >= len(watches)
    assert {harness.published(watch).event["data"]["outcome"] for watch in watches} == {"SUCCEEDED"}


def test_the_counts_of_connections_are_right_when_all_is_over(harness: Harness) -> None:
    """Runs last in this file: functions that died between two writes have left the count wrong."""
    connection = "voyado#default"
    wait_until(lambda: not harness.active(), SECONDS, "every watch ends")
    harness.sweep_until(lambda: harness.item(connection)["activeWatches"] == 0, "the count is repaired")
