"""Stalled imports: one event of its own type is published, and the watch continues."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from import_watch.aws.sns import Topic
from import_watch.aws.watch_store import WatchStore
from import_watch.model.observation import ImportState, ReportedProgress
from import_watch.model.watch import History, Watch
from import_watch.scheduling.poll_delay import stalled_seconds
from import_watch.services.publication import Publisher

from tests.contract.schemas import faults
from tests.unit.aws_fixtures import (
    EXECUTION,
    NOW,
    a_result,
    a_start,
    a_watch,
    aws_account,
    client,
    connection_store,
    subscriber,
    watch_table,
)

HALF_AN_HOUR = 1_800


def still(**changes: Any) -> Watch:
    """Watch of an import whose progress last changed at `NOW`."""
    return a_watch(
        **{
            "import_state": ImportState.RUNNING,
            "vendor_status": "In Progress",
            "progress": ReportedProgress(0.25, 0.01),
            "progress_changed_at": NOW,
            "running_since": NOW - 600,
            "polls": 9,
            **changes,
        }
    )


def a_history(typical: float, count: int = 5) -> dict[str, History]:
    return {"-": History(count, math.log(typical), 0.25)}


class TestStalledSeconds:
    def test_an_import_is_stalled_after_half_an_hour(self) -> None:
        assert stalled_seconds(still(), NOW + HALF_AN_HOUR) is None
        assert stalled_seconds(still(), NOW + HALF_AN_HOUR + 1) == HALF_AN_HOUR + 1

    def test_long_imports_are_stalled_after_three_times_their_median(self) -> None:
        watch = still(histories=a_history(3_600))
        assert stalled_seconds(watch, NOW + 3 * 3_600 - 1) is None
        assert stalled_seconds(watch, NOW + 3 * 3_600 + 1) is not None

    @pytest.mark.parametrize("histories", [a_history(60), a_history(3_600, count=4), {"Other": History(9, 9.0, 1.0)}])
    def test_short_or_few_or_other_imports_change_nothing(self, histories: dict[str, History]) -> None:
        assert stalled_seconds(still(histories=histories), NOW + HALF_AN_HOUR + 1) is not None

    @pytest.mark.parametrize(
        "changes",
        [
            {"import_state": ImportState.QUEUED},
            {"import_state": ImportState.UNRECOGNISED},
            {"import_state": None},
            {"progress": None},
            {"progress_changed_at": None},
        ],
    )
    def test_an_import_without_progress_is_never_stalled(self, changes: dict[str, Any]) -> None:
        assert stalled_seconds(still(**changes), NOW + 86_400) is None


class Account:
    """A table, and two topics with a subscriber each."""

    def __init__(self) -> None:
        self.watches: WatchStore = watch_table()
        self.subscribers = {name: subscriber(name) for name in ("outcomes", "stalled")}
        topics = (Topic(each.topic, client("sns")) for each in self.subscribers.values())
        self.publisher = Publisher(
            self.watches, connection_store(), next(topics), "/import-watch/eu-west-1/123456789012/stack", next(topics)
        )

    def received(self, name: str) -> list[dict[str, Any]]:
        return [
            {"event": json.loads(message["Body"]), "attributes": message.get("MessageAttributes", {})}
            for message in self.subscribers[name].messages()
        ]


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    with aws_account(monkeypatch):
        yield Account()


class TestPublication:
    def test_it_is_published_to_the_stalled_topic_only(self, account: Account) -> None:
        watch = still(stalled_at=NOW + 2_000)
        account.watches.register(watch, EXECUTION, a_start(correlation_id="c", metadata={"a": 1}), keeps_log=False)
        assert account.publisher.publish_stalled(watch.watch_id, 1, NOW + 2_000)
        (received,) = account.received("stalled")
        assert account.received("outcomes") == []
        assert faults("stalled", received["event"]) == []
        assert received["attributes"]["eventType"]["StringValue"] == "ImportStalled"
        data = received["event"]["data"]
        assert (data["correlationId"], data["metadata"], data["fractionDone"]) == ("c", {"a": 1}, 0.25)
        assert "has made no progress for 33 minutes 20 seconds (25% done, last status 'In Progress')" in data["message"]

    def test_a_repeat_has_the_same_id_and_not_that_of_the_outcome(self, account: Account) -> None:
        watch = still(stalled_at=NOW + 2_000)
        account.watches.register(watch, EXECUTION, a_start(), keeps_log=False)
        for _ in range(2):
            account.publisher.publish_stalled(watch.watch_id, 1, NOW + 2_000)
        account.watches.end(watch, a_result())
        account.publisher.publish_for(watch.watch_id, 1, 1, None, NOW + 3_000)
        ids = {received["event"]["id"] for received in account.received("stalled")}
        assert len(ids) == 1
        assert account.received("outcomes")[0]["event"]["id"] not in ids

    def test_an_import_that_has_ended_is_not_published(self, account: Account) -> None:
        watch = still(stalled_at=NOW)
        account.watches.register(watch, EXECUTION, a_start(), keeps_log=False)
        account.watches.end(watch, a_result())
        assert account.publisher.publish_stalled(watch.watch_id, 1, NOW) == "NOT_PUBLISHED"
        assert account.received("stalled") == []
