"""Publication of an outcome: once, by the owner of the watch, and the first outcome stands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from import_watch.aws.event_bus import EventBus
from import_watch.aws.sns import Topic
from import_watch.aws.task_tokens import TaskTokens
from import_watch.aws.watch_store import WatchStore
from import_watch.model.observation import LogRecord, LogStatus, Problem, Severity
from import_watch.model.outcome import Outcome
from import_watch.model.record import StoredWatch
from import_watch.model.watch import Watch, callbacks_key
from import_watch.services.callbacks import Callbacks
from import_watch.services.publication import Publisher

from tests.unit.aws_fixtures import (
    EXECUTION,
    NOW,
    REGION,
    TABLE,
    a_result,
    a_start,
    a_watch,
    aws_account,
    client,
    connection_store,
    indexed,
    subscriber,
    watch_table,
)

CANARY = "c4n4ry-7f3b9d21"


class Account:
    """A table, and a topic with one subscriber."""

    def __init__(self) -> None:
        self.watches: WatchStore = watch_table()
        self.subscriber = subscriber()
        self.topic = Topic(self.subscriber.topic, client("sns"))

    def register(self, watch: Watch, **more: Any) -> Watch:
        self.watches.register(watch, EXECUTION, a_start(), keeps_log=False, **more)
        return watch

    def publish(self, watch: Watch, error: Any = None, now: float = NOW + 90) -> str:
        publisher = Publisher(self.watches, connection_store(), self.topic, "/import-watch/stack")
        return publisher.publish_for(watch.watch_id, watch.attempt, watch.generation, error, now).action

    def record(self, watch: Watch) -> StoredWatch:
        found = self.watches.get(watch.watch_id)
        assert found is not None
        return found

    def received(self) -> list[dict[str, Any]]:
        """Notifications that the subscriber received since the last call."""
        return self.subscriber.events()


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    with aws_account(monkeypatch):
        yield Account()


class TestEndedWatch:
    def test_its_outcome_is_published_and_recorded_as_published(self, account: Account) -> None:
        watch = account.register(a_watch())
        account.watches.end(watch, a_result())
        assert account.publish(watch) == "PUBLISHED"
        (event,) = account.received()
        assert (event["type"], event["subject"]) == ("ImportCompleted", watch.watch_id)
        assert account.record(watch).published_at == NOW + 90

    def test_it_is_published_once(self, account: Account) -> None:
        watch = account.register(a_watch())
        account.watches.end(watch, a_result())
        account.publish(watch)
        assert account.publish(watch, now=NOW + 99) == "ALREADY_PUBLISHED"
        assert len(account.received()) == 1
        assert account.record(watch).published_at == NOW + 90

    def test_the_record_is_published_not_the_input_of_the_execution(self, account: Account) -> None:
        watch = account.register(a_watch())
        account.watches.end(replace(watch, polls=7), a_result(outcome=Outcome.PARTIAL, counts={"errors": 2}))
        account.watches.record_log(
            watch, LogRecord(LogStatus.ARCHIVED, "s3://archive/log.txt", bytes=5), "s3://archive/answer.json"
        )
        account.publish(replace(watch, polls=2, vendor_status="Stale"))
        data = account.received()[0]["data"]
        assert (data["outcome"], data["counts"], data["watch"]["polls"]) == ("PARTIAL", {"errors": 2}, 7)
        assert (data["log"]["location"], data["answer"]) == ("s3://archive/log.txt", "s3://archive/answer.json")

    def test_an_execution_that_failed_after_the_end_publishes_it(self, account: Account) -> None:
        watch = account.register(a_watch())
        account.watches.end(watch, a_result())
        assert account.publish(watch, {"Error": "States.Timeout", "Cause": "late"}) == "PUBLISHED"
        assert account.received()[0]["data"]["outcome"] == "SUCCEEDED"

    def test_an_outcome_that_sns_refuses_stays_unpublished(self, account: Account) -> None:
        watch = account.register(a_watch())
        account.watches.end(watch, a_result())
        gone = Topic(f"arn:aws:sns:{REGION}:123456789012:gone", client("sns"))
        with pytest.raises(ClientError):
            Publisher(account.watches, connection_store(), gone, "/import-watch/stack").publish_for(
                watch.watch_id, watch.attempt, watch.generation, None, NOW
            )
        assert account.record(watch).published_at is None
        assert account.publish(watch) == "PUBLISHED"

    def test_an_invalid_event_is_published(self, account: Account) -> None:
        watch = a_watch(watch_id="invalid#event-1", vendor="", import_id="", next_poll_at=None)
        account.register(watch, result=a_result(outcome=Outcome.UNKNOWN, reason="INVALID_EVENT"))
        assert account.publish(watch) == "PUBLISHED"
        assert account.received()[0]["data"]["reason"] == "INVALID_EVENT"


class TestSuperseded:
    @pytest.mark.parametrize("ended", [False, True])
    def test_an_execution_without_the_watch_publishes_nothing(self, account: Account, *, ended: bool) -> None:
        owner = account.register(a_watch(generation=2))
        if ended:
            account.watches.end(owner, a_result())
        before = account.record(owner)
        assert account.publish(replace(owner, generation=1), {"Error": "States.TaskFailed"}) == "SUPERSEDED"
        assert account.received() == []
        assert account.record(owner) == before

    def test_an_execution_ahead_of_the_table_publishes_nothing(self, account: Account) -> None:
        owner = account.register(a_watch(generation=2))
        assert account.publish(replace(owner, generation=3)) == "SUPERSEDED"
        assert account.received() == []


class TestBrokenWatch:
    @pytest.mark.parametrize(
        ("error", "why"),
        [
            ({"Error": "States.Timeout", "Cause": "x"}, "States.Timeout"),
            ({"Error": "Runtime.HandlerError", "Cause": f'{{"errorMessage": "{CANARY}"}}'}, "Runtime.HandlerError"),
            ({"Cause": CANARY}, "the execution failed without an error"),
            ({"Error": ""}, "the execution failed without an error"),
            ({"Error": f"{CANARY}\n"}, "the execution failed without an error"),
            ({"Error": 5}, "the execution failed without an error"),
            ("text", "the execution failed without an error"),
            (None, "the execution failed without an error"),
        ],
    )
    def test_it_ends_as_unknown_with_the_name_of_the_error_only(self, account: Account, error: Any, why: str) -> None:
        watch = account.register(a_watch())
        assert account.publish(watch, error) == "PUBLISHED"
        (event,) = account.received()
        assert (event["type"], event["data"]["outcome"]) == ("ImportFailed", "UNKNOWN")
        assert event["data"]["reason"] == "WATCH_BROKEN"
        assert f"({why})" in event["data"]["message"]
        assert CANARY not in json.dumps(event)

    def test_its_end_is_in_the_table(self, account: Account) -> None:
        watch = account.register(a_watch())
        account.publish(watch, {"Error": "States.Timeout"})
        record = account.record(watch)
        assert record.result is not None
        assert (record.result.reason, record.result.detected_at) == ("WATCH_BROKEN", NOW + 90)
        assert record.published_at == NOW + 90
        assert indexed() == []

    def test_it_is_published_once(self, account: Account) -> None:
        watch = account.register(a_watch())
        account.publish(watch, {"Error": "States.Timeout"})
        assert account.publish(watch, {"Error": "States.Timeout"}) == "ALREADY_PUBLISHED"
        assert len(account.received()) == 1

    def test_the_polls_of_the_record_are_published(self, account: Account) -> None:
        watch = account.register(a_watch())
        account.watches.save(replace(watch, polls=5, vendor_status="IN_PROGRESS"))
        account.publish(watch, {"Error": "States.Timeout"})
        data = account.received()[0]["data"]
        assert (data["watch"]["polls"], data["vendorStatus"]) == (5, "IN_PROGRESS")

    def test_an_outcome_that_only_awaited_its_log_stands(self, account: Account) -> None:
        seen = a_result(counts={"articles": 3}, problems=(Problem(Severity.WARNING, "Scaled."),))
        watch = account.register(a_watch(awaiting_log=seen, log_polls=1))
        assert account.publish(watch, {"Error": "States.Timeout"}) == "PUBLISHED"
        data = account.received()[0]["data"]
        assert (data["outcome"], data["reason"], data["counts"]) == ("SUCCEEDED", None, {"articles": 3})
        assert account.record(watch).result == seen

    def test_an_awaited_outcome_is_taken_from_the_table(self, account: Account) -> None:
        watch = account.register(a_watch())
        account.watches.save(replace(watch, awaiting_log=a_result(), log_polls=1), watch)
        account.publish(watch, {"Error": "States.Timeout"})
        assert account.received()[0]["data"]["outcome"] == "SUCCEEDED"


def test_a_watch_that_is_not_in_the_table_is_an_error(account: Account) -> None:
    with pytest.raises(LookupError, match="there is no watch"):
        account.publish(a_watch())
    assert account.received() == []


class Bus:
    """A bus, and the events that were sent to it."""

    def __init__(self) -> None:
        self.client = boto3.client("events", region_name=REGION)
        self.client.create_event_bus(Name="imports")
        self.sent: list[Any] = []
        self.client.meta.events.register("provide-client-params.events.PutEvents", self._record)

    def _record(self, params: dict[str, Any], **_: Any) -> None:
        self.sent += [entry for entry in params["Entries"] if entry["EventBusName"] == "imports"]


class TestEveryWay:
    """Topic, bus and task tokens: each gets the outcome once, and a failure of one does not affect the others."""

    @pytest.fixture
    def bus(self, account: Account) -> Bus:
        del account  # which it is in
        return Bus()

    def publisher(self, account: Account, bus: Bus, bus_name: str = "imports", topic: str | None = None) -> Publisher:
        return Publisher(
            account.watches,
            connection_store(),
            Topic(topic or account.subscriber.topic, client("sns")),
            "/import-watch/stack",
            bus=EventBus(bus_name, bus.client),
            callbacks=lambda: Callbacks(TaskTokens(TABLE, client("dynamodb"), client("stepfunctions"))),
        )

    def publish(self, account: Account, watch: Watch, bus: Bus, **publisher: Any) -> str:
        done = self.publisher(account, bus, **publisher).publish_for(watch.watch_id, 1, 1, None, NOW + 90)
        return done.action.value

    def test_the_bus_gets_the_notification(self, account: Account, bus: Bus) -> None:
        watch = account.register(a_watch())
        account.watches.end(watch, a_result())
        assert [self.publish(account, watch, bus) for _ in range(2)] == ["PUBLISHED", "ALREADY_PUBLISHED"]
        (event,), (notification,) = bus.sent, account.received()
        assert (event["Source"], event["DetailType"]) == ("import-watch", "ImportCompleted")
        assert json.loads(event["Detail"]) == notification
        assert account.record(watch).is_settled

    def test_a_topic_that_is_gone_does_not_keep_the_outcome_from_the_bus(self, account: Account, bus: Bus) -> None:
        watch = account.register(a_watch())
        account.watches.end(watch, a_result())
        for _ in range(2):
            with pytest.raises(ClientError):
                self.publish(account, watch, bus, topic=f"arn:aws:sns:{REGION}:123456789012:gone")
        record = account.record(watch)
        assert (record.published_at, record.event_sent_at, record.is_settled) == (None, NOW + 90, False)
        assert self.publish(account, watch, bus) == "PUBLISHED"
        assert (len(bus.sent), len(account.received())) == (1, 1)
        assert account.record(watch).is_settled

    def test_a_bus_that_is_gone_is_tried_again_alone(self, account: Account, bus: Bus) -> None:
        watch = account.register(a_watch())
        account.watches.end(watch, a_result())
        with pytest.raises(ClientError):
            self.publish(account, watch, bus, bus_name="gone")
        assert not account.record(watch).is_settled
        assert self.publish(account, watch, bus) == "ALREADY_PUBLISHED"
        assert (len(bus.sent), len(account.received())) == (1, 1)
        assert account.record(watch).is_settled

    def test_a_token_that_has_its_outcome_is_deleted(self, account: Account, bus: Bus) -> None:
        watch = a_watch()
        account.watches.register(watch, EXECUTION, a_start(task_token="token-1"), keeps_log=False)
        account.watches.end(watch, a_result())
        assert self.publish(account, watch, bus) == "PUBLISHED"
        found = client("dynamodb").get_item(TableName=TABLE, Key={"watchId": {"S": callbacks_key(watch.watch_id)}})
        assert "Item" not in found
        assert account.record(watch).is_settled

    def test_a_token_that_joins_while_the_outcome_is_published_is_not_left(self, account: Account, bus: Bus) -> None:
        watch = account.register(a_watch())
        account.watches.end(watch, a_result())
        joined: list[str] = []

        class Joins(WatchStore):
            def record_settled(self, record: StoredWatch, now: float) -> None:
                if not joined:
                    joined.append("event-2")
                    start = a_start(task_token="late")
                    account.watches.add_start_event(account.record(watch), joined, start)
                super().record_settled(record, now)

        account.watches = Joins(TABLE, 1, client("dynamodb"))
        assert self.publish(account, watch, bus) == "PUBLISHED"
        record = account.record(watch)
        assert (record.callbacks, record.is_settled, record.start_events) == (1, True, ("event-2",))
        tokens = TaskTokens(TABLE, client("dynamodb"), client("stepfunctions"))
        assert tokens.waiting(watch.watch_id, 1) == []
        assert len(account.received()) == 1
        assert len(bus.sent) == 1
