"""One fault each: what dies is carried on or told of, and from outside nobody can tell."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest
from recover_watches.handler import RESERVE_SECONDS

from local.simulators.script import Step
from local.waiting import wait_until
from tests.resilience.calls import Operation
from tests.resilience.conftest import (
    HAND_OVER_POLLS,
    OVERDUE_SECONDS,
    PUBLISH,
    RECOVER,
    RUNNING,
    SECONDS,
    SUCCESS,
    Stage,
    dying_at_birth,
    dying_in,
)
from tests.resilience.proxy import Fault, Harm
from tests.resilience.scripts import HANGING

pytestmark = pytest.mark.xdist_group("faults")
BUSY = {"polls": 1, "fault": {"status": 503, "body": "busy"}}
SILENT: Step = {"polls": 1, **HANGING}
"""Holds an execution at its second poll: on a busy machine it would else hand over before it is stopped."""


def test_an_execution_that_a_person_stopped_is_told_at_once(stage: Stage) -> None:
    watch = stage.begin(RUNNING, SILENT, RUNNING, correlationId="stopped")
    execution = stage.polled(watch)["execution"]
    stage.stop(execution)
    data = stage.told(watch).event["data"]
    assert (data["outcome"], data["reason"], data["correlationId"]) == ("UNKNOWN", "WATCH_STOPPED", "stopped")
    assert stage.status(execution) == "ABORTED"


def test_a_watch_is_handed_over_many_times_and_nobody_can_tell(stage: Stage) -> None:
    watch = stage.begin({"polls": 9, **RUNNING}, SUCCESS)
    data = stage.told(watch).event["data"]
    assert (data["outcome"], data["watch"]["polls"]) == ("SUCCEEDED", 10)
    assert data["watch"]["executions"] == 10 // HAND_OVER_POLLS
    assert stage.polls_seen(watch) == 10
    assert len(stage.observer.messages(watch)) == 1
    assert "active" not in stage.item(watch)


def test_a_watch_whose_execution_failed_is_taken_over_where_it_was(stage: Stage) -> None:
    with stage.defined(dying_in(2)):
        watch = stage.begin(RUNNING, BUSY, {"polls": 3, **RUNNING}, SUCCESS, startedAt="2026-01-01T00:00:00Z")
        before = stage.polled(watch, HAND_OVER_POLLS)
        data = stage.told(watch).event["data"]
    item = stage.item(watch)
    assert (data["outcome"], data["watch"]["polls"], data["watch"]["vendorErrors"]) == ("SUCCEEDED", 6, 1)
    assert stage.polls_seen(watch) == 6
    kept = ("registeredAt", "deadline", "startedAt", "histories", "place")
    assert {name: item.get(name) for name in kept} == {name: before.get(name) for name in kept}
    assert item["generation"] == item["executions"] >= 3
    # It has polled since: what died before is no longer held against it.
    assert item["takeovers"] == 0


def test_a_start_event_for_a_watch_whose_execution_died_takes_it_over(stage: Stage) -> None:
    with stage.without(RECOVER):
        watch = stage.begin({"polls": 4, **RUNNING}, SUCCESS, correlationId="the first stands")
        stage.polled(watch)
        assert stage.status(stage.stop_owner(watch)) == "ABORTED"
        stage.again(watch)
        data = stage.told(watch).event["data"]
    assert (data["outcome"], data["correlationId"]) == ("SUCCEEDED", "the first stands")
    assert data["watch"]["polls"] == 5
    assert len(stage.observer.messages(watch)) == 1


def test_three_takeovers_without_a_poll_end_the_watch_as_broken(stage: Stage) -> None:
    with stage.defined(dying_in(*range(2, 20))):
        watch = stage.begin(RUNNING)
        data = stage.told(watch).event["data"]
    assert (data["outcome"], data["reason"]) == ("UNKNOWN", "WATCH_BROKEN")
    assert "3 executions on end died without a poll" in data["message"]
    # The one that polled, its successor, and three that took over.
    assert (data["watch"]["polls"], data["watch"]["executions"]) == (HAND_OVER_POLLS, 5)


def test_a_start_event_whose_execution_died_before_it_registered_is_not_lost(stage: Stage) -> None:
    with stage.defined(dying_at_birth):
        watch = stage.begin({"polls": 2, **RUNNING}, SUCCESS, metadata={"kept": True})
        data = stage.told(watch).event["data"]
    assert (data["outcome"], data["metadata"]) == ("SUCCEEDED", {"kept": True})
    assert data["watch"]["executions"] >= 2


TOLD_TWICE = [(Operation.PUBLISH, Harm.KILLED_AFTER), (Operation.PUBLISH, Harm.ANSWER_LOST)]
TOLD_ONCE = [
    (Operation.PUBLISH, Harm.KILLED_BEFORE),
    *itertools.product(
        (Operation.REGISTER, Operation.SAVE, Operation.PASS_ON, Operation.END, Operation.RECORD_LOG),
        (Harm.KILLED_BEFORE, Harm.KILLED_AFTER),
    ),
]


@pytest.fixture(scope="module")
def struck(stage: Stage) -> dict[tuple[Operation, Harm], str]:
    """Have an import for each of these faults, all at once, and give their watches when all of them are told of."""
    watches = {fault: stage.begin({"polls": 3, **RUNNING}, SUCCESS, fault=fault) for fault in (*TOLD_TWICE, *TOLD_ONCE)}
    for watch in watches.values():
        stage.told(watch)
    assert stage.faults == {}
    return watches


@pytest.mark.parametrize("fault", TOLD_TWICE)
def test_an_outcome_that_is_told_twice_has_one_id(
    fault: tuple[Operation, Harm], struck: dict[tuple[Operation, Harm], str], stage: Stage
) -> None:
    messages = stage.observer.messages(struck[fault])
    assert [message.event for message in messages] == [messages[0].event] * 2


@pytest.mark.parametrize("fault", TOLD_ONCE)
def test_a_function_that_dies_at_a_write_costs_one_poll_at_most(
    fault: tuple[Operation, Harm], struck: dict[tuple[Operation, Harm], str], stage: Stage
) -> None:
    (message,) = stage.observer.messages(struck[fault])
    data = message.event["data"]
    assert data["outcome"] == "SUCCEEDED"
    # The vendor is asked once more than is counted: what a poll function saw before it died, nobody knows.
    polled_in_vain = fault[0] not in (Operation.REGISTER, Operation.PUBLISH)
    assert stage.polls_seen(struck[fault]) == data["watch"]["polls"] + polled_in_vain


def test_a_poll_that_cannot_be_written_down_is_not_made_again(stage: Stage) -> None:
    refused = Fault(Harm.REFUSED, 400, "AccessDeniedException")
    watch = stage.begin(RUNNING, BUSY, SUCCESS, fault=(Operation.SAVE, refused))
    data = stage.told(watch).event["data"]
    assert (data["outcome"], data["watch"]["polls"], data["watch"]["vendorErrors"]) == ("SUCCEEDED", 3, 1)
    assert stage.polls_seen(watch) == 3
    assert len(stage.observer.messages(watch)) == 1


def test_an_outcome_that_sns_refuses_for_good_is_kept_and_told_once_the_topic_is_back(stage: Stage) -> None:
    stack, sns = stage.stack, stage.stack.client("sns")
    topic = stack.outputs["OutcomeTopicArn"]
    sns.delete_topic(TopicArn=topic)
    watch = stage.begin(SUCCESS)
    execution = stage.item_when(watch, lambda item: "ending" in item, "ends")["execution"]
    wait_until(lambda: stage.status(execution) == "FAILED", SECONDS, "the execution fails for all to see")
    for _ in range(2):
        # It is tried again, and the sweep itself does not fail of it.
        stage.sweep_until(lambda: "could not be recovered" in stage.log(RECOVER), "the sweep says what it could not do")
    assert "publishedAt" not in stage.item(watch)
    assert stage.item(watch)["unpublished"] == "UNPUBLISHED"
    assert "NotFound" in stage.log(PUBLISH)
    assert sns.create_topic(Name=topic.rpartition(":")[2])["TopicArn"] == topic
    queue = stack.client("sqs").get_queue_attributes(QueueUrl=stack.outcomes_queue_url, AttributeNames=["QueueArn"])
    sns.subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=queue["Attributes"]["QueueArn"],
        Attributes={"RawMessageDelivery": "true"},
    )
    stage.sweep_until(lambda: "publishedAt" in stage.item(watch), "the outcome is published")
    assert stage.observer.outcome(watch).event["data"]["outcome"] == "SUCCEEDED"
    assert len(stage.observer.messages(watch)) == 1


def dead(stage: Stage, watches: list[str]) -> None:
    """Wait until the second owner of every watch has failed, and its next poll is overdue."""
    for watch in watches:
        item = stage.item_when(watch, lambda item: item["generation"] == 2, "is handed over")
        wait_until(lambda arn=item["execution"]: stage.status(arn) == "FAILED", SECONDS, "its successor fails")  # type: ignore[misc]
        due = float(item["nextPollAt"]) + OVERDUE_SECONDS
        wait_until(lambda due=due: stage.now() > due, SECONDS, "its poll is overdue")  # type: ignore[misc]


def test_two_sweeps_at_once_take_each_watch_over_once(stage: Stage) -> None:
    with stage.without(RECOVER), stage.defined(dying_in(2)):
        watches = [stage.begin({"polls": 3, **RUNNING}, SUCCESS) for _ in range(4)]
        dead(stage, watches)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: stage.sweep(), range(2))
    assert first.get("TAKEN_OVER", 0) + second.get("TAKEN_OVER", 0) == len(watches)
    for watch in watches:
        data = stage.told(watch).event["data"]
        assert (data["outcome"], data["watch"]["polls"], data["watch"]["executions"]) == ("SUCCEEDED", 4, 3)
        assert len(stage.observer.messages(watch)) == 1


def test_a_sweep_that_runs_out_of_time_goes_on_next_time(stage: Stage) -> None:
    functions = stage.stack.client("lambda")
    with stage.without(RECOVER), stage.defined(dying_in(2)):
        watches = [stage.begin({"polls": 3, **RUNNING}, SUCCESS) for _ in range(4)]
        dead(stage, watches)
    given = functions.get_function_configuration(FunctionName=RECOVER)["Timeout"]
    # The reserve is all the time there is, so each sweep recovers the one watch that it always does.
    functions.update_function_configuration(FunctionName=RECOVER, Timeout=RESERVE_SECONDS)
    try:
        done = [stage.sweep()["TAKEN_OVER"] for _ in watches]
    finally:
        functions.update_function_configuration(FunctionName=RECOVER, Timeout=given)
    assert done == [1] * len(watches)
    assert stage.log(RECOVER).count("ran out of time") >= len(watches)
    assert {stage.told(watch).event["data"]["outcome"] for watch in watches} == {"SUCCEEDED"}


def test_the_counts_of_connections_are_right_when_all_is_over(stage: Stage) -> None:
    """Runs last in this file: functions that died between two writes have left the count wrong."""
    connection = "voyado#default"
    wait_until(lambda: not stage.active(), SECONDS, "every watch ends")
    stage.sweep_until(lambda: stage.item(connection)["activeWatches"] == 0, "the count is repaired")
