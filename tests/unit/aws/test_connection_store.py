"""State that the watches of a connection share: counts change when they start and end, never by a poll."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError
from import_watch.aws.connection_store import MAX_JOB_TYPES, ConnectionState, ConnectionStore
from import_watch.model.observation import ImportState
from import_watch.model.outcome import Outcome
from import_watch.model.watch import MAX_TIMEOUT_SECONDS, Watch
from import_watch.scheduling.history import REMEMBERED
from import_watch.scheduling.running_time import measured_running_time
from samtranslator.yaml_helper import yaml_parse

from local.paths import TEMPLATE
from tests.unit.aws_fixtures import (
    NOW,
    TABLE,
    a_result,
    a_watch,
    aws_account,
    client,
    connection_store,
    shared,
    watch_table,
)


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> Iterator[ConnectionStore]:
    with aws_account(monkeypatch):
        watch_table()
        yield connection_store()


def ran(seconds: float, job_type: str | None = None) -> Watch:
    """Watch of an import that ran from `NOW`."""
    return a_watch(import_state=ImportState.SUCCEEDED, running_since=NOW, job_type=job_type, polls=int(seconds))


def end(
    states: ConnectionStore, seconds: float, job_type: str | None = None, outcome: Outcome = Outcome.SUCCEEDED
) -> None:
    times = {"detected_at": NOW + seconds, "ended_at": NOW + seconds, "detection_lag_seconds": 0.0}
    ended(states, ran(seconds, job_type), outcome=outcome, **times)


def ended(states: ConnectionStore, watch: Watch, **changes: Any) -> None:
    states.watch_ended(watch, measured_running_time(watch, a_result(**changes)))


def test_nothing_is_shared_before_the_first_watch(states: ConnectionStore) -> None:
    assert states.get("voyado", "default") == ConnectionState()


def test_watches_are_counted_in_and_out(states: ConnectionStore) -> None:
    assert [states.watch_began("voyado", "default").active_watches for _ in range(3)] == [1, 2, 3]
    end(states, 60)
    states.watch_withdrawn("voyado", "default")
    assert shared().active_watches == 1


def test_another_connection_shares_nothing(states: ConnectionStore) -> None:
    states.watch_began("voyado", "default")
    assert shared("voyado", "second") == shared("egain") == ConnectionState()


def test_a_connection_is_known_from_its_first_watch_on(states: ConnectionStore) -> None:
    assert list(states.known()) == []
    states.watch_began("voyado", "second#one")
    states.watch_withdrawn("voyado", "second#one")
    assert list(states.known()) == [("voyado", "second#one")]
    assert list(states.known(("voyado", "second#one"))) == []


def test_an_item_expires_half_a_year_after_its_last_write(
    states: ConnectionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its history expires with it; no watch lasts so long."""
    writes: dict[str, Callable[[], object]] = {
        "began": lambda: states.watch_began("voyado", "default"),
        "withdrawn": lambda: states.watch_withdrawn("voyado", "default"),
        "completed": lambda: end(states, 60),
        "failed": lambda: end(states, 60, outcome=Outcome.FAILED),
        "throttled": lambda: states.throttled(a_watch(), NOW + 60),
        "limit": lambda: states.limit_read(a_watch(), 30),
        "repaired": lambda: states.repair("voyado", "default", 7, shared().active_watches),
    }
    attribute = yaml_parse(TEMPLATE.read_text())["Resources"]["WatchTable"]["Properties"]["TimeToLiveSpecification"]
    for number, (name, write) in enumerate(writes.items()):
        monkeypatch.setattr(time, "time", lambda number=number: NOW + number + 0.5)
        write()
        item = client("dynamodb").get_item(TableName=TABLE, Key={"watchId": {"S": "voyado#default"}})["Item"]
        assert item[attribute["AttributeName"]] == {"N": f"{NOW + 180 * 86_400 + number:.0f}"}, name
    assert 2 * MAX_TIMEOUT_SECONDS < 180 * 86_400


class TestHistory:
    def test_a_completed_import_adds_its_running_time_by_job_type(self, states: ConnectionStore) -> None:
        end(states, 600, "Import")
        end(states, 60, "Validation")
        end(states, 700, "Import", Outcome.PARTIAL)
        assert shared().running_times == {"Import": (600.0, 700.0), "Validation": (60.0,)}

    @pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.CANCELLED, Outcome.UNKNOWN])
    def test_another_outcome_leaves_no_running_time(self, states: ConnectionStore, outcome: Outcome) -> None:
        states.watch_began("voyado", "default")
        end(states, 600, outcome=outcome)
        assert (shared().running_times, shared().active_watches) == ({}, 0)

    def test_it_is_measured_to_the_end_that_the_vendor_reports(self, states: ConnectionStore) -> None:
        ended(states, ran(600), detected_at=NOW + 660, ended_at=NOW + 600, detection_lag_seconds=60.0)
        assert shared().running_times == {"-": (600.0,)}

    def test_without_an_end_it_is_measured_to_half_the_last_wait(self, states: ConnectionStore) -> None:
        ended(states, ran(600), detected_at=NOW + 660, detection_lag_seconds=60.0)
        assert shared().running_times == {"-": (630.0,)}

    def test_the_latest_are_kept(self, states: ConnectionStore) -> None:
        for number in range(REMEMBERED + 5):
            end(states, 100 + number)
        assert shared().running_times["-"] == tuple(float(100 + number) for number in range(5, REMEMBERED + 5))

    def test_the_number_of_job_types_is_bounded(self, states: ConnectionStore) -> None:
        for number in range(MAX_JOB_TYPES + 3):
            end(states, 60, f"kind-{number}" * 20)
        kinds = shared().running_times
        assert len(kinds) == MAX_JOB_TYPES
        assert all(len(kind) <= 60 for kind in kinds)

    def test_no_running_time_is_lost_where_several_end_at_once(self, states: ConnectionStore) -> None:
        for _ in range(8):
            states.watch_began("voyado", "default")
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda seconds: end(states, seconds), [100.0 + n for n in range(8)]))
        assert shared().active_watches == 0
        assert len(shared().running_times["-"]) >= 4

    def test_a_table_that_fails_cannot_change_an_outcome(self, states: ConnectionStore) -> None:
        client("dynamodb").delete_table(TableName="watches")
        end(states, 600)
        with pytest.raises(ClientError):
            states.get("voyado", "default")


class TestThrottling:
    def test_a_failed_write_is_logged_and_fails_no_poll(
        self, states: ConnectionStore, caplog: pytest.LogCaptureFixture
    ) -> None:
        client("dynamodb").delete_table(TableName=TABLE)
        states.throttled(a_watch(), NOW + 60)
        states.limit_read(a_watch(), 30)
        assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]

    def test_the_end_of_throttling_is_stored(self, states: ConnectionStore) -> None:
        states.throttled(a_watch(), NOW + 60)
        assert shared().throttled_until == NOW + 60

    def test_only_a_later_end_of_throttling_replaces_the_stored_one(self, states: ConnectionStore) -> None:
        for until in (60, 30, 90):
            states.throttled(a_watch(), NOW + until)
        assert shared().throttled_until == NOW + 90


def test_a_limit_that_was_read_is_stored_for_later_watches(states: ConnectionStore) -> None:
    states.limit_read(a_watch(), 120)
    assert states.watch_began("voyado", "default").requests_per_minute == 120
    states.limit_read(a_watch(), None)
    assert shared().requests_per_minute is None


class TestRepair:
    def test_a_wrong_count_is_corrected(self, states: ConnectionStore) -> None:
        states.watch_began("voyado", "default")
        assert states.repair("voyado", "default", 7, 1)
        assert shared().active_watches == 7

    def test_a_missing_count_is_corrected(self, states: ConnectionStore) -> None:
        assert states.repair("voyado", "default", 7, 0)
        assert shared().active_watches == 7

    def test_a_negative_count_is_corrected(self, states: ConnectionStore) -> None:
        end(states, 60)
        assert shared().active_watches == -1
        assert states.repair("voyado", "default", 0, -1)
        assert shared().active_watches == 0

    def test_a_count_that_has_changed_since_is_left(self, states: ConnectionStore) -> None:
        states.watch_began("voyado", "default")
        states.watch_began("voyado", "default")
        assert not states.repair("voyado", "default", 7, 1)
        assert shared().active_watches == 2
