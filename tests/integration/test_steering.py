"""Watch again, wake, stop, and call back: on the emulator, with the real state machine."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from import_watch.aws.watch_store import WatchStore
from import_watch.model.timestamps import iso
from import_watch.model.watch import attempt_key, callbacks_key, start_key, watch_id

from local.stack import LocalStack
from local.waiting import wait_until
from tests.contract.schemas import faults
from tests.integration.observer import Observer

pytestmark = pytest.mark.xdist_group("stack")
SECONDS = 60
RUNNING = {"status": "IN_PROGRESS"}
TEN_HOURS = 36_000


def key(import_id: str) -> str:
    return watch_id("voyado", "default", import_id)


def put_event(stack: LocalStack, detail_type: str, detail: Any, source: str = "local") -> None:
    entry = {
        "Source": source,
        "DetailType": detail_type,
        "Detail": json.dumps(detail),
        "EventBusName": stack.outputs["ImportBusName"],
    }
    assert stack.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0


def start(stack: LocalStack, number: str, **more: Any) -> None:
    stack.start_import({"vendor": "voyado", "importId": number, **more})


def script(stack: LocalStack, import_id: str, *steps: dict[str, Any]) -> None:
    stack.simulators["voyado"].script(import_id, list(steps))


def messages(observer: Observer, import_id: str, number: int) -> list[dict[str, Any]]:
    """Wait for a number of different notifications of an import."""

    def received() -> dict[str, dict[str, Any]] | None:
        found = {message.event["id"]: message.event for message in observer.messages(key(import_id))}
        return found if len(found) >= number else None

    return list(wait_until(received, SECONDS, f"{number} notifications of {import_id}").values())


def is_settled(observer: Observer, item_key: str) -> bool:
    item = observer.item(item_key)
    return "publishedAt" in item and "unpublished" not in item


def expires_with_its_watch(observer: Observer, watch: str, attempt: int) -> bool:
    latest = int(observer.item(watch)["attempt"])
    item = observer.item(watch if attempt == latest else attempt_key(watch, attempt))
    return bool(item.get("expiresAt") == observer.item(start_key(watch, attempt))["expiresAt"])


def polled(observer: Observer, import_id: str) -> dict[str, Any]:
    """Wait for the first poll of an import, and return its item."""

    def found() -> dict[str, Any] | None:
        with suppress(KeyError):
            item = observer.item(key(import_id))
            return item if "lastPollAt" in item else None
        return None

    return wait_until(found, SECONDS, "the first poll")


def outcomes_of(stack: LocalStack, import_id: str) -> list[str]:
    """Final states of the executions that start events of an import started."""
    client = stack.client("stepfunctions")
    arns = Observer(stack).executions(import_id)
    return [client.describe_execution(executionArn=arn)["status"] for arn in arns]


class TestAttempts:
    def test_a_start_event_after_an_unknown_outcome_starts_an_attempt(
        self, stack: LocalStack, observer: Observer
    ) -> None:
        script(stack, "9500001", RUNNING)
        start(stack, "9500001", timeoutSeconds=3)
        (first,) = messages(observer, "9500001", 1)
        assert (first["data"]["outcome"], first["data"]["reason"]) == ("UNKNOWN", "TIMED_OUT")
        assert "send a new start event with a longer timeoutSeconds" in first["data"]["message"]

        script(stack, "9500001", {"status": "SUCCESS"})
        start(stack, "9500001", metadata={"try": 2}, timeoutSeconds=7_200)  # sent again with a longer timeout
        _, second = messages(observer, "9500001", 2)
        item = observer.item(key("9500001"))
        assert round(item["deadline"] - item["registeredAt"]) == 7_200
        assert (second["data"]["outcome"], second["data"]["watch"]["attempt"]) == ("SUCCEEDED", 2)
        assert second["data"]["metadata"] == {"try": 2}
        assert second["data"]["detectionLagSeconds"] is None  # it may have ended before
        assert "-attempt-2/" in second["data"]["answer"]

        # The outcome is known now: only a start event with watchAgain watches it again.
        start(stack, "9500001")
        wait_until(lambda: outcomes_of(stack, "9500001").count("SUCCEEDED") == 3, SECONDS, "the third event is done")
        start(stack, "9500001", watchAgain=True)
        third = messages(observer, "9500001", 3)[2]
        assert third["data"]["watch"]["attempt"] == 3

        for attempt in (1, 2):
            moved = observer.item(attempt_key(key("9500001"), attempt))
            assert (int(moved.get("attempt", 1)), moved["attemptOf"]) == (attempt, key("9500001"))
            wait_until(partial(is_settled, observer, attempt_key(key("9500001"), attempt)), SECONDS, "it may expire")
        item = observer.item(key("9500001"))
        assert int(item["attempt"]) == 3
        assert int(item["generation"]) >= 3
        assert len(observer.item(start_key(key("9500001"), 3))["startEvents"]) == 4
        for attempt in (1, 2, 3):
            wait_until(partial(expires_with_its_watch, observer, key("9500001"), attempt), SECONDS, "its start expires")


class TestFrontDoor:
    @pytest.mark.parametrize("detail_type", ["importStarted", "Import Started"])
    def test_an_event_of_another_type_is_reported(
        self, stack: LocalStack, observer: Observer, detail_type: str
    ) -> None:
        put_event(stack, detail_type, {"vendor": "voyado", "importId": "1", "correlationId": f"sent as {detail_type}"})
        data = observer.outcome_of_correlation(f"sent as {detail_type}").event["data"]
        assert (data["outcome"], data["reason"]) == ("UNKNOWN", "INVALID_EVENT")
        assert f"detail-type must be ImportStarted (or ImportChanged), not {detail_type}" in data["message"]

    def test_ignored_fields_come_back(self, stack: LocalStack, observer: Observer) -> None:
        script(stack, "9500002", {"status": "SUCCESS"})
        start(stack, "9500002", comment="?", import_id="9")
        (event,) = messages(observer, "9500002", 1)
        assert event["data"]["watch"]["ignoredFields"] == ["comment", "import_id"]


class TestWake:
    def test_a_watch_is_polled_sooner_by_a_new_execution(self, stack: LocalStack, observer: Observer) -> None:
        script(stack, "9500003", RUNNING)
        start(stack, "9500003", startedAt=iso(time.time() - TEN_HOURS))
        before = polled(observer, "9500003")
        script(stack, "9500003", {"status": "SUCCESS"})
        put_event(stack, "ImportChanged", {"vendor": "voyado", "importId": "9500003"})
        (event,) = messages(observer, "9500003", 1)
        item = observer.item(key("9500003"))
        assert event["data"]["outcome"] == "SUCCEEDED"
        assert (item["generation"], event["data"]["watch"]["executions"]) == (2, 2)
        assert len(observer.item(start_key(key("9500003"), 1))["owners"]) == 2
        stopped = stack.client("stepfunctions").describe_execution(executionArn=before["execution"])
        assert stopped["status"] == "ABORTED"
        assert item["lastPollAt"] >= before["notBefore"] - 60  # waits are scaled, and times are not

    def test_an_event_that_no_function_could_handle_ends_no_watch(self, stack: LocalStack, observer: Observer) -> None:
        script(stack, "9500009", RUNNING)
        start(stack, "9500009", startedAt=iso(time.time() - TEN_HOURS))
        before = polled(observer, "9500009")
        changed = {"detail-type": "ImportChanged", "detail": {"vendor": "voyado", "importId": "9500009"}}
        failed = {"input": {**changed, "error": {"Error": "States.Timeout"}}, "execution": before["execution"] + "-2"}
        done = stack.client("lambda").invoke(
            FunctionName="import-watch-publish-outcome", Payload=json.dumps(failed).encode()
        )
        assert json.loads(done["Payload"].read())["action"] == "NOT_WOKEN"
        item = observer.item(key("9500009"))
        assert ("ending" in item, item["execution"]) == (False, before["execution"])

    def test_an_event_for_an_import_that_is_not_watched_changes_nothing(
        self, stack: LocalStack, observer: Observer
    ) -> None:
        put_event(stack, "ImportChanged", {"vendor": "voyado", "importId": "9500004"})
        (arn,) = wait_until(lambda: observer.executions("9500004"), SECONDS, "its execution")
        assert observer.states(arn)[-1] == "NotWoken"
        assert observer.messages(key("9500004")) == []


class TestStop:
    def test_the_reason_of_a_person_is_in_the_notification(self, stack: LocalStack, observer: Observer) -> None:
        script(stack, "9500005", RUNNING)
        start(stack, "9500005", startedAt=iso(time.time() - TEN_HOURS))
        polled(observer, "9500005")
        watches = WatchStore(stack.outputs["WatchTableName"], 1, stack.client("dynamodb"))
        record = watches.get(key("9500005"))
        assert record is not None
        watches.record_stop(record.watch, "the shop closes tonight")
        stack.client("stepfunctions").stop_execution(executionArn=record.execution)
        (event,) = messages(observer, "9500005", 1)
        assert event["data"]["reason"] == "WATCH_STOPPED"
        assert "was stopped before the import had ended (the shop closes tonight)" in event["data"]["message"]


CALLER = {
    "StartAt": "Import",
    "States": {
        "Import": {
            "Type": "Task",
            "Resource": "arn:aws:states:::events:putEvents.waitForTaskToken",
            "Parameters": {
                "Entries": [
                    {
                        "EventBusName": "BUS",
                        "Source": "caller",
                        "DetailType": "ImportStarted",
                        "Detail": {
                            "vendor": "voyado",
                            "importId.$": "$.importId",
                            "taskToken.$": "$$.Task.Token",
                        },
                    }
                ]
            },
            "TimeoutSeconds": 2_000,
            "Next": "Continue",
        },
        "Continue": {"Type": "Succeed"},
    },
}


@pytest.fixture(scope="module")
def caller(stack: LocalStack) -> str:
    """State machine that starts an import, and continues with its outcome."""
    definition = json.dumps(CALLER).replace("BUS", stack.outputs["ImportBusName"])
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "states.amazonaws.com"}}
    put = {"Effect": "Allow", "Action": "events:PutEvents", "Resource": "*"}
    iam = stack.client("iam")
    created_role = iam.create_role(
        RoleName="caller", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )
    policy = json.dumps({"Version": "2012-10-17", "Statement": [put]})
    iam.put_role_policy(RoleName="caller", PolicyName="caller", PolicyDocument=policy)
    role = created_role["Role"]["Arn"]
    created = stack.client("stepfunctions").create_state_machine(name="caller", definition=definition, roleArn=role)
    return str(created["stateMachineArn"])


def called(stack: LocalStack, caller: str, import_id: str) -> str:
    given = json.dumps({"importId": import_id})
    return str(stack.client("stepfunctions").start_execution(stateMachineArn=caller, input=given)["executionArn"])


def ended(stack: LocalStack, arn: str) -> dict[str, Any]:
    client = stack.client("stepfunctions")

    def done() -> dict[str, Any] | None:
        found: dict[str, Any] = client.describe_execution(executionArn=arn)
        return None if found["status"] == "RUNNING" else found

    return wait_until(done, SECONDS, "the caller's execution ends")


class TestCallback:
    def test_a_workflow_continues_with_the_outcome(self, stack: LocalStack, observer: Observer, caller: str) -> None:
        script(stack, "9500006", {"status": "IN_PROGRESS", "polls": 2}, {"status": "SUCCESS"})
        first, second = called(stack, caller, "9500006"), called(stack, caller, "9500006")
        (event,) = messages(observer, "9500006", 1)
        for arn in (first, second):
            done = ended(stack, arn)
            assert done["status"] == "SUCCEEDED"
            assert json.loads(done["output"])["outcome"] == event["data"]["outcome"] == "SUCCEEDED"
        # The outcome is known: a third caller gets it at once.
        assert json.loads(ended(stack, called(stack, caller, "9500006"))["output"])["importId"] == "9500006"
        assert len(messages(observer, "9500006", 1)) == 1
        table = stack.outputs["WatchTableName"]
        companion = {"watchId": {"S": callbacks_key(key("9500006"))}}
        wait_until(
            lambda: "Item" not in stack.client("dynamodb").get_item(TableName=table, Key=companion),
            SECONDS,
            "no token is left",
        )
        wait_until(partial(is_settled, observer, key("9500006")), SECONDS, "the watch may expire")

    @pytest.mark.parametrize(
        ("import_id", "status", "error", "reason"),
        [("9500007", "FAILURE", "FAILED", None), ("no id", None, "UNKNOWN", "INVALID_EVENT")],
    )
    def test_a_workflow_fails_with_the_outcome(
        self, stack: LocalStack, caller: str, import_id: str, status: str | None, error: str, reason: str | None
    ) -> None:
        if status:
            script(stack, import_id, {"status": status})
        done = ended(stack, called(stack, caller, import_id))
        assert (done["status"], done["error"]) == ("FAILED", error)
        cause = json.loads(done["cause"])
        assert (cause["outcome"], cause["reason"]) == (error, reason)


class TestOutcomeEvents:
    @pytest.fixture
    def events(self, stack: LocalStack) -> Iterator[str]:
        """Queue that gets the outcomes of one import from the bus."""
        sqs, events, bus = stack.client("sqs"), stack.client("events"), stack.outputs["ImportBusName"]
        url = sqs.create_queue(QueueName="outcome-events")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        pattern = {"source": ["import-watch"], "detail": {"data": {"importId": ["9500008"]}}}
        events.put_rule(Name="outcomes", EventBusName=bus, EventPattern=json.dumps(pattern))
        events.put_targets(Rule="outcomes", EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
        yield url
        events.remove_targets(Rule="outcomes", EventBusName=bus, Ids=["queue"])
        events.delete_rule(Name="outcomes", EventBusName=bus)

    def test_an_outcome_is_an_event_too_and_starts_nothing(
        self, stack: LocalStack, observer: Observer, events: str
    ) -> None:
        script(stack, "9500008", {"status": "ABORTED"})
        start(stack, "9500008")
        (notification,) = messages(observer, "9500008", 1)

        def received() -> dict[str, Any] | None:
            found = stack.client("sqs").receive_message(QueueUrl=events).get("Messages")
            return json.loads(found[0]["Body"]) if found else None

        event = wait_until(received, SECONDS, "the event")
        assert (event["source"], event["detail-type"]) == ("import-watch", "ImportFailed")
        assert event["detail"] == notification
        assert faults("outcome-event", event) == []
        (arn,) = observer.executions("9500008")
        output = json.loads(stack.client("stepfunctions").describe_execution(executionArn=arn)["output"])
        assert output["notificationId"] == notification["id"]
        assert (output["outcome"], output["reason"]) == ("CANCELLED", None)
        assert (output["watchId"], output["attempt"]) == (key("9500008"), 1)
