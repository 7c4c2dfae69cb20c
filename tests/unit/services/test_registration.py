"""Registration of a start event: once for any number of deliveries, and no event is dropped silently."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from import_watch.aws.executions import Executions, ExecutionStatus
from import_watch.aws.task_tokens import TaskTokens
from import_watch.aws.watch_store import Committed, WatchStore
from import_watch.aws.watch_writer import Conflict
from import_watch.model.observation import ImportState, LogRecord, LogStatus
from import_watch.model.outcome import Outcome, WatchResult
from import_watch.model.record import StoredWatch
from import_watch.model.step import NextAction, Step
from import_watch.model.watch import Tolerance, Watch, attempt_key, start_key, watch_id
from import_watch.scheduling.running_time import measured_running_time
from import_watch.services.registration import Registrar
from import_watch.services.vendor_registry import VendorRegistry

from local.paths import FUNCTIONS
from tests.unit.aws_fixtures import (
    EXECUTION,
    NOW,
    OTHER_EXECUTION,
    REGION,
    TABLE,
    VENDORS,
    a_result,
    adapter,
    aws_account,
    client,
    connection_store,
    indexed,
    registrar,
    shared,
    state_machine,
    stored_item,
    watch_table,
)

DETAIL = {"vendor": "voyado", "importId": "5512340987651234567", "correlationId": "order-5", "metadata": {"a": 1.5}}
JOB = "7a84b875-6f75-4c7b-b137-0632b62db0bd"


@pytest.fixture
def watches(monkeypatch: pytest.MonkeyPatch) -> Iterator[WatchStore]:
    with aws_account(monkeypatch):
        state_machine()
        yield watch_table()


EVENT_ID = "11111111-2222-3333-4444-555555555555"


def event(event_id: str | None = EVENT_ID, **changes: Any) -> dict[str, Any]:
    detail = {name: value for name, value in {**DETAIL, **changes}.items() if value is not None}
    given = {"detail-type": "ImportStarted", "source": "acme", "detail": detail}
    return given if event_id is None else {**given, "id": event_id}


def started(watches: WatchStore, given: Any, execution: str = EXECUTION, now: float = NOW) -> Step:
    return registrar(watches).register(VENDORS.parse(given), execution, now)


def recorded(watches: WatchStore, done: Step) -> StoredWatch:
    record = watches.get(done.watch.watch_id)
    assert record is not None
    return record


def test_the_vendors_are_the_folders() -> None:
    folders = sorted(path.parent.name for path in FUNCTIONS.glob("poll_*/adapter.py"))
    assert [f"poll_{name}" for name in VendorRegistry(FUNCTIONS).names] == folders
    assert {adapter(name).vendor for name in VENDORS.names} == set(VENDORS.names)


class TestNewWatch:
    def test_a_new_watch_waits_for_its_first_poll(self, watches: WatchStore) -> None:
        done = started(watches, event())
        assert (done.action, done.watch.watch_id) == ("WAIT", "voyado#default#5512340987651234567")
        assert done.seconds
        assert done.watch.next_poll_at == NOW + done.seconds

    def test_it_is_recorded_with_metadata_and_correlation_id(self, watches: WatchStore) -> None:
        record = recorded(watches, done := started(watches, event()))
        assert record.watch == done.watch
        assert (record.execution, record.metadata, record.correlation_id) == (EXECUTION, {"a": 1.5}, "order-5")
        assert indexed() == [done.watch.watch_id]

    @pytest.mark.parametrize(("vendor", "keeps_log"), [("document360", True), ("egain", True), ("voyado", False)])
    def test_it_is_recorded_whether_the_vendor_keeps_a_log(
        self, watches: WatchStore, vendor: str, *, keeps_log: bool
    ) -> None:
        done = started(watches, event(vendor=vendor, importId=JOB))
        assert recorded(watches, done).keeps_log is keeps_log

    @pytest.mark.parametrize(("timeout", "seconds"), [(None, 86_400), (60, 60), (2_592_000, 2_592_000)])
    def test_it_ends_at_the_event_s_timeout_or_after_a_day(
        self, watches: WatchStore, timeout: int | None, seconds: int
    ) -> None:
        assert started(watches, event(timeoutSeconds=timeout)).watch.deadline == NOW + seconds

    def test_spellings_of_one_id_are_one_watch(self, watches: WatchStore) -> None:
        location = f"knowledge/contentmgr/v4/import/content/{JOB.upper()}/status"
        first = started(watches, event(vendor="egain", importId=location))
        again = started(watches, event(vendor="egain", importId=JOB), OTHER_EXECUTION)
        assert first.watch.watch_id == again.watch.watch_id == watch_id("egain", "default", JOB)
        assert again.action == "ALREADY_WATCHED"

    def test_a_large_integer_id_is_the_string_of_its_digits(self, watches: WatchStore) -> None:
        assert started(watches, event(importId=5512340987651234567)).watch.import_id == "5512340987651234567"

    def test_the_same_id_elsewhere_is_another_watch(self, watches: WatchStore) -> None:
        others = [event(), event(connection="second"), event(vendor="document360")]
        assert [started(watches, one).action for one in others] == ["WAIT"] * 3
        assert len(indexed()) == 3


class TestDuplicate:
    def test_a_duplicate_starts_no_second_watch(self, watches: WatchStore) -> None:
        first = started(watches, event())
        before = recorded(watches, first)
        again = started(watches, event(metadata={"other": True}), OTHER_EXECUTION, NOW + 60)
        assert again.action == "ALREADY_WATCHED"
        assert recorded(watches, first) == before

    def test_a_duplicate_of_an_ended_watch_changes_nothing(self, watches: WatchStore) -> None:
        first = started(watches, event())
        watches.end(first.watch, a_result())
        assert started(watches, event(), OTHER_EXECUTION).action == "ALREADY_WATCHED"
        assert recorded(watches, first).result == a_result()

    def test_the_same_execution_gets_the_same_result_again(self, watches: WatchStore) -> None:
        first = started(watches, event())
        assert first.seconds == 5
        again = started(watches, event(), EXECUTION, NOW + 3)
        assert (again.action, again.watch, again.seconds) == ("WAIT", first.watch, 2)

    def test_an_ended_watch_of_the_same_execution_is_published(self, watches: WatchStore) -> None:
        """An attempt may have written the outcome and died before it published it."""
        first = started(watches, event())
        watches.end(first.watch, a_result())
        again = started(watches, event(), EXECUTION, NOW + 3)
        assert (again.action, again.watch.watch_id) == ("PUBLISH", first.watch.watch_id)

    def test_the_same_execution_resumes_its_watch(self, watches: WatchStore) -> None:
        first = started(watches, event())
        polled = replace(first.watch, polls=3, import_state=ImportState.RUNNING)
        watches.save(polled)
        assert started(watches, event(), EXECUTION, NOW + 60).watch == polled


class TestWatchWhoseExecutionDied:
    def stop(self) -> None:
        client("stepfunctions").stop_execution(executionArn=EXECUTION)

    def test_a_duplicate_takes_it_over_and_nothing_starts_from_zero(self, watches: WatchStore) -> None:
        first = started(watches, event())
        polled = replace(first.watch, polls=3, vendor_errors=1, execution_polls=3, import_state=ImportState.RUNNING)
        watches.save(polled)
        self.stop()
        again = started(watches, event(metadata={"other": True}), OTHER_EXECUTION, NOW + 60)
        record = recorded(watches, first)
        assert again.action == "WAIT"
        assert again.watch == record.watch == replace(polled, generation=2, executions=2, execution_polls=0)
        assert (record.execution, record.metadata) == (OTHER_EXECUTION, {"a": 1.5})

    def test_an_overdue_poll_is_made_at_once(self, watches: WatchStore) -> None:
        watches.save(replace(started(watches, event()).watch, next_poll_at=NOW + 40))
        self.stop()
        assert started(watches, event(), OTHER_EXECUTION, NOW + 30).seconds == 10
        assert started(watches, event(), OTHER_EXECUTION, NOW + 60).seconds == 0

    def test_an_attempt_whose_response_was_lost_is_repeatable(self, watches: WatchStore) -> None:
        started(watches, event())
        self.stop()
        first, again = (started(watches, event(), OTHER_EXECUTION, NOW + 60) for _ in range(2))
        assert (again.action, again.watch) == (first.action, first.watch)

    def test_an_unpublished_outcome_is_published(self, watches: WatchStore) -> None:
        first = started(watches, event())
        watches.end(first.watch, a_result())
        self.stop()
        assert started(watches, event(), OTHER_EXECUTION).action == "PUBLISH"

    def test_a_published_outcome_is_not_published_again(self, watches: WatchStore) -> None:
        first = started(watches, event())
        watches.end(first.watch, a_result())
        watches.record_published(first.watch, NOW + 70)
        watches.record_settled(recorded(watches, first), NOW + 70)
        self.stop()
        assert started(watches, event(), OTHER_EXECUTION).action == "ALREADY_WATCHED"

    def test_an_outcome_published_meanwhile_is_not_published_again(self, watches: WatchStore) -> None:
        """The owner was running when the item was read, and had published and ended before its status was requested."""

        class EndsMeanwhile(Executions):
            def status(self, execution: str) -> ExecutionStatus:
                watches.record_published(first.watch, NOW + 70)
                watches.record_settled(recorded(watches, first), NOW + 70)
                return super().status(execution)

        first = started(watches, event())
        watches.end(first.watch, a_result())
        self.stop()
        late = Registrar(VENDORS, watches, connection_store(), EndsMeanwhile(client("stepfunctions")), Tolerance())
        assert late.register(VENDORS.parse(event()), OTHER_EXECUTION, NOW + 70).action == "ALREADY_WATCHED"

    def test_a_watch_handed_over_meanwhile_stays_with_the_successor(self, watches: WatchStore) -> None:
        class HandsOverMeanwhile(Executions):
            def status(self, execution: str) -> ExecutionStatus:
                watches.transfer_ownership(replace(first.watch, generation=2, executions=2), f"{EXECUTION}-successor")
                return super().status(execution)

        first = started(watches, event())
        self.stop()
        executions = HandsOverMeanwhile(client("stepfunctions"))
        late = Registrar(VENDORS, watches, connection_store(), executions, Tolerance())
        assert late.register(VENDORS.parse(event()), OTHER_EXECUTION, NOW + 70).action == "ALREADY_WATCHED"
        assert recorded(watches, first).execution == f"{EXECUTION}-successor"


class TestResume:
    def test_the_named_successor_resumes_the_watch(self, watches: WatchStore) -> None:
        first = started(watches, event()).watch
        passed = replace(first, generation=2, executions=2, polls=4, next_poll_at=NOW + 30)
        watches.transfer_ownership(passed, OTHER_EXECUTION)
        done = registrar(watches).resume(first.watch_id, 2, OTHER_EXECUTION, NOW + 10)
        assert (done.action, done.watch, done.seconds) == ("WAIT", passed, 20)

    @pytest.mark.parametrize(("generation", "execution"), [(1, EXECUTION), (3, OTHER_EXECUTION), (2, EXECUTION)])
    def test_any_other_execution_is_superseded(self, watches: WatchStore, generation: int, execution: str) -> None:
        first = started(watches, event()).watch
        watches.transfer_ownership(replace(first, generation=2), OTHER_EXECUTION)
        assert registrar(watches).resume(first.watch_id, generation, execution, NOW).action == "SUPERSEDED"

    def test_a_watch_that_has_ended_since_is_published(self, watches: WatchStore) -> None:
        first = started(watches, event()).watch
        watches.end(first, a_result())
        assert registrar(watches).resume(first.watch_id, 1, EXECUTION, NOW).action == "PUBLISH"

    def test_a_missing_watch_is_an_error(self, watches: WatchStore) -> None:
        with pytest.raises(LookupError, match="there is no watch"):
            registrar(watches).resume("voyado#default#1", 1, EXECUTION, NOW)


class TestSharedWithTheConnection:
    def test_a_new_watch_is_counted_and_a_duplicate_is_not(self, watches: WatchStore) -> None:
        started(watches, event())
        started(watches, event(), OTHER_EXECUTION)
        started(watches, event(importId="6"), OTHER_EXECUTION)
        started(watches, event(vendor="other"), OTHER_EXECUTION)
        assert shared().active_watches == 2

    def test_watches_of_a_limited_connection_start_one_after_another(self, watches: WatchStore) -> None:
        waits = [started(watches, event(vendor="document360", importId=str(n))).seconds for n in range(1, 7)]
        assert waits == [5, 5, 8, 10, 13, 15]

    def test_a_new_watch_gets_the_history_of_its_connection(self, watches: WatchStore) -> None:
        for number in range(5):
            watch = started(watches, event(importId=str(number))).watch
            ran = replace(watch, import_state=ImportState.SUCCEEDED, running_since=NOW, job_type="PRODUCTS")
            result = a_result(detected_at=NOW + 600, ended_at=NOW + 600, detection_lag_seconds=0.0)
            connection_store().watch_ended(ran, measured_running_time(ran, result))
        history = started(watches, event()).watch.histories["PRODUCTS"]
        assert (history.count, round(math.exp(history.log_median))) == (5, 600)


INVALID: list[tuple[Any, list[str]]] = [
    (event(vendor="other"), ["vendor"]),
    (event(vendor=None), ["vendor"]),
    (event(importId=None), ["importId"]),
    (event(importId="a b"), ["importId"]),
    (event(importId=True), ["importId"]),
    (event(importId=["5"]), ["importId"]),
    (event(vendor="egain", importId="5"), ["importId"]),
    (event(connection="a/b"), ["connection"]),
    (event(correlationId=5), ["correlationId"]),
    (event(metadata=[1]), ["metadata"]),
    (event(metadata={"m": "x" * 4_096}), ["metadata"]),
    (event(metadata={"m": json.loads("1e400")}), ["metadata"]),
    (event(startedAt="yesterday"), ["startedAt"]),
    (event(timeoutSeconds=0), ["timeoutSeconds"]),
    (event(timeoutSeconds=2_592_001), ["timeoutSeconds"]),
    (event(vendor="other", connection="a/b", timeoutSeconds="1"), ["vendor", "connection", "timeoutSeconds"]),
    ({"id": "1", "detail": None}, ["detail"]),
    ({"id": "1", "detail": "text"}, ["detail"]),
    ({"id": "1", "detail": {}}, ["vendor", "importId"]),
    ({}, ["detail"]),
    ([], ["detail"]),
    (None, ["detail"]),
    ("text", ["detail"]),
]


def deep(levels: int, leaf: Any) -> Any:
    for _ in range(levels):
        leaf = [leaf]
    return leaf


ODD_DETAILS: list[Any] = [
    None,
    "",
    "None",
    0,
    1,
    1.0,
    "1",
    True,
    False,
    float("inf"),
    float("nan"),
    [],
    {},
    [[]],
    [[], []],
    [[[]], []],
    [[], [[]]],
    [1, [2]],
    [[1], 2],
    {"a": "b"},
    {"b": "a"},
    {"a": {"b": 1}},
    {"a": {}, "b": 1},
    {"a": "b\n"},
    {"a": "text 1 b"},
    {"vendor": "other"},
    {"vendor": "other", "correlationId": "1"},
    {"vendor": ["other"]},
    {"vendor": ["another"]},
    {"vendor": "\ud800"},
    {"vendor": "\ud801"},
    {"vendor": "?"},
    {"vendor": "x" * 100_000 + "1"},
    {"vendor": "x" * 100_000 + "2"},
    10**5_000,
    10**5_000 + 1,
    deep(1_900, 1),
    deep(1_900, 2),
    deep(1_901, 1),
    {"vendor": "voyado", "importId": "1", "metadata": {"a": deep(100_000, 1)}},
    {"vendor": "voyado", "importId": "1", "metadata": {"a": deep(100_000, 2)}},
]


class TestInvalidEvent:
    @pytest.mark.parametrize(("given", "fields"), INVALID)
    def test_it_ends_at_once_naming_every_field_at_fault(
        self, watches: WatchStore, given: Any, fields: list[str]
    ) -> None:
        done = started(watches, given)
        assert done.action == "PUBLISH"
        result = recorded(watches, done).result
        assert result is not None
        assert (result.outcome, result.reason) == (Outcome.UNKNOWN, "INVALID_EVENT")
        assert [name for name in fields if not re.search(rf"\b{name} (must|is missing)", result.message)] == []
        assert indexed() == []

    @pytest.mark.parametrize(("given", "fields"), INVALID)
    def test_the_same_execution_publishes_it_again(self, watches: WatchStore, given: Any, fields: list[str]) -> None:
        first = started(watches, given)
        again = started(watches, given, EXECUTION, NOW + 3)
        assert (again.action, again.watch.watch_id) == ("PUBLISH", first.watch.watch_id), fields

    def test_the_same_event_in_another_execution_is_a_duplicate(self, watches: WatchStore) -> None:
        bad = event(vendor="other")
        assert started(watches, bad).action == "PUBLISH"
        assert started(watches, bad, OTHER_EXECUTION).action == "ALREADY_WATCHED"

    def test_each_of_two_invalid_events_is_published(self, watches: WatchStore) -> None:
        first = started(watches, event("event-1", vendor="other"))
        second = started(watches, event("event-2", vendor="other"), OTHER_EXECUTION)
        assert (second.action, first.watch.watch_id != second.watch.watch_id) == ("PUBLISH", True)

    def test_an_invalid_event_never_ends_a_real_watch(self, watches: WatchStore) -> None:
        real = started(watches, event())
        started(watches, event(timeoutSeconds=-1), OTHER_EXECUTION)
        assert recorded(watches, real).result is None

    def test_the_readable_fields_are_returned(self, watches: WatchStore) -> None:
        record = recorded(watches, started(watches, event(timeoutSeconds=-1)))
        assert (record.watch.vendor, record.watch.import_id) == ("voyado", "5512340987651234567")
        assert (record.metadata, record.correlation_id) == ({"a": 1.5}, "order-5")

    @pytest.mark.parametrize("event_id", [None, "", "x" * 101, "with\nline", "Größe", 5, ["x"], "\ud800"])
    def test_an_event_without_a_valid_id_has_an_id_by_its_content(self, watches: WatchStore, event_id: Any) -> None:
        bad = {**event(None, vendor="other"), "id": event_id}
        assert started(watches, bad).action == "PUBLISH"
        assert started(watches, bad, OTHER_EXECUTION).action == "ALREADY_WATCHED"

    def test_no_event_id_can_name_a_real_watch(self, watches: WatchStore) -> None:
        real = started(watches, event())
        bad = started(watches, event(real.watch.watch_id, vendor="other"), OTHER_EXECUTION)
        assert bad.watch.watch_id != real.watch.watch_id
        assert recorded(watches, real).result is None

    def test_it_is_published_as_one_without_a_log(self, watches: WatchStore) -> None:
        assert not recorded(watches, started(watches, event(vendor="other"))).keeps_log

    @pytest.mark.parametrize("number", range(len(ODD_DETAILS)))
    def test_an_invalid_event_ends_its_watch_whatever_its_content(self, watches: WatchStore, number: int) -> None:
        bad = {"id": "event-1", "detail": ODD_DETAILS[number]}
        done = started(watches, bad)
        assert (done.action, done.watch.watch_id) == ("PUBLISH", VENDORS.parse(bad).watch_id)
        result = recorded(watches, done).result
        assert result is not None
        assert result.reason == "INVALID_EVENT"
        assert started(watches, bad, OTHER_EXECUTION).action == "ALREADY_WATCHED"

    @pytest.mark.parametrize("envelope", [{"id": "event-1"}, {"id": "e" * 100}, {}], ids=["id", "longest id", "no id"])
    def test_different_events_with_one_id_never_share_a_watch(self, envelope: dict[str, Any]) -> None:
        """The sender of an event can choose any id, also that of a redriven event."""
        different = [{**envelope, "detail": detail} for detail in ODD_DETAILS]
        different += [
            {**envelope, "detail": None, "source": "a"},
            {**envelope, "detail": None, "source": "b"},
            {**envelope, "detail": None, "detail-type": "Other"},
            {**envelope, "detail": None, "resources": ["a"]},
            {**envelope, "detail": None, "error": "mine"},
            {**envelope, "detail": None, "error": {"Error": "E", "mine": 1}},
        ]
        keys = [VENDORS.parse(one).watch_id for one in different]
        assert len(set(keys)) == len(keys)
        assert all(key.startswith(f"invalid#{envelope.get('id', '')}") and len(key.encode()) <= 150 for key in keys)

    @pytest.mark.parametrize("detail", ODD_DETAILS, ids=range(len(ODD_DETAILS)))
    def test_a_redriven_event_and_its_original_share_a_watch(self, detail: Any) -> None:
        first = {
            "version": "0",
            "id": "event-1",
            "detail-type": "ImportStarted",
            "source": "shop",
            "account": "123456789012",
            "time": "2026-01-01T00:00:00Z",
            "region": REGION,
            "resources": ["theirs"],
            "detail": detail,
        }
        again = {
            **first,
            "id": "event-2",
            "time": "2026-01-02T00:00:00Z",
            "resources": ["theirs", "import-watch/event/event-1"],
        }

        def key(event: dict[str, Any]) -> str:
            return VENDORS.parse(event).watch_id

        assert key(again) == key(first)
        assert key({**first, "error": {"Error": "Lambda.Unknown", "Cause": "{}"}}) == key(first)
        assert key({**first, "id": "event-2"}) != key(first)


def named(name: str) -> str:
    """Execution of the state machine that does not exist."""
    return EXECUTION.replace(":first", f":{name}")


OTHER_EVENT = "99999999-2222-3333-4444-555555555555"
UNKNOWN = a_result(outcome=Outcome.UNKNOWN, reason="UNAUTHORIZED")


def tokens(watches: WatchStore) -> TaskTokens:
    del watches  # whose table it is
    return TaskTokens(TABLE, client("dynamodb"))


class TestTooManyTokens:
    @pytest.mark.parametrize("late", [False, True])
    def test_its_task_fails_at_once_and_its_start_event_counts(
        self, watches: WatchStore, monkeypatch: pytest.MonkeyPatch, *, late: bool
    ) -> None:
        monkeypatch.setattr("import_watch.aws.watch_store.MAX_TOKENS", 1)
        first = started(watches, event(taskToken="one"))
        refused: list[str] = []

        class Refusing(TaskTokens):
            def refuse(self, token: str, why: str) -> None:
                refused.append(token)
                assert token not in why

        registers = Registrar(
            VENDORS,
            watches,
            connection_store(),
            Executions(client("stepfunctions")),
            Tolerance(),
            tokens=lambda: Refusing(TABLE, client("dynamodb")),
        )
        given = VENDORS.parse(event(OTHER_EVENT, taskToken="two"))
        if late:
            registers.register_late(given, OTHER_EXECUTION, NOW)
        else:
            assert registers.register(given, OTHER_EXECUTION, NOW).action == "ALREADY_WATCHED"
        assert refused == ["two"]
        record = recorded(watches, first)
        assert (record.start_events, record.callbacks) == ((EVENT_ID, OTHER_EVENT), 1)
        assert tokens(watches).waiting(record.watch.watch_id, 1) == ["1:one"]


class TestNextAttempt:
    def ended(self, watches: WatchStore, result: WatchResult = UNKNOWN, **more: Any) -> Watch:
        watch = replace(started(watches, event(**more)).watch, generation=4, executions=4)
        for generation in (2, 3, 4):
            watches.transfer_ownership(replace(watch, generation=generation, executions=generation), EXECUTION)
        watches.end(watch, result)
        return watch

    def test_it_replaces_the_ended_one_which_is_moved_and_still_published(self, watches: WatchStore) -> None:
        ended = self.ended(watches)
        before = recorded(watches, Step(NextAction.WAIT, ended))
        step = started(watches, event(OTHER_EVENT, metadata=None), OTHER_EXECUTION, NOW + 500)
        assert (step.action, step.watch.attempt, step.watch.generation, step.watch.executions) == ("WAIT", 2, 5, 1)
        latest, moved = recorded(watches, step), watches.get_attempt(ended.watch_id, 1)
        assert moved == replace(before, is_earlier_attempt=True)
        assert (latest.watch, latest.result, latest.metadata) == (step.watch, None, None)
        assert (latest.execution, latest.owners) == (OTHER_EXECUTION, (OTHER_EXECUTION,))
        assert latest.start_events == (EVENT_ID, OTHER_EVENT)
        assert indexed() == [ended.watch_id]
        assert [key for key, _, _ in watches.unpublished()] == [attempt_key(ended.watch_id, 1)]
        assert shared().active_watches == 2  # the ended one was not uncounted by these tests

    @pytest.mark.parametrize("published", [False, True])
    def test_what_is_recorded_late_goes_to_the_moved_one(self, watches: WatchStore, *, published: bool) -> None:
        ended = self.ended(watches)
        if published:
            watches.record_published(ended, NOW + 70)
        started(watches, event(OTHER_EVENT), OTHER_EXECUTION, NOW + 500)
        watches.record_log(ended, LogRecord(LogStatus.NONE), "s3://archive/answer.json")
        if not published:
            watches.record_published(ended, NOW + 80)
        moved = watches.get_attempt(ended.watch_id, 1)
        assert moved is not None
        watches.record_settled(moved, NOW + 90)
        moved = watches.get_attempt(ended.watch_id, 1)
        assert moved is not None
        assert (moved.response, moved.is_settled) == ("s3://archive/answer.json", True)
        latest = watches.get(ended.watch_id)
        assert latest is not None
        assert (latest.watch.attempt, latest.log, latest.published_at) == (2, None, None)

    def test_writes_of_the_ended_attempt_change_nothing(self, watches: WatchStore) -> None:
        ended = self.ended(watches)
        step = started(watches, event(OTHER_EVENT), OTHER_EXECUTION, NOW + 500)
        before = recorded(watches, step)
        # The response to its last write was lost: its execution still archives and publishes the outcome.
        lost = Committed(ended, UNKNOWN, by_lost_attempt=True)
        assert watches.commit(replace(ended, polls=99), ended) == lost
        assert watches.commit(replace(ended, polls=99), ended, result=a_result()) == lost
        assert watches.commit(replace(ended, generation=5), ended, successor="arn:successor") == lost
        assert watches.commit(replace(ended, polls=99, generation=3), replace(ended, generation=3)) is None
        assert recorded(watches, step) == before

    def test_a_start_event_that_is_kept_meanwhile_stays_known(self, watches: WatchStore) -> None:
        self.ended(watches, a_result())
        refused = event("33333333")

        class RefusedMeanwhile(WatchStore):
            """Another event comes after the decision to start, and before the item is read to be replaced."""

            def start_attempt(self, watch: Watch, *given: Any, **more: Any) -> None:
                started(watches, refused, named("third"))
                super().start_attempt(watch, *given, **more)

        racing = RefusedMeanwhile(TABLE, 1, client("dynamodb"))
        again = VENDORS.parse(event(OTHER_EVENT, watchAgain=True))
        step = registrar(racing).register(again, OTHER_EXECUTION, NOW + 500)
        assert recorded(watches, step).start_events == (EVENT_ID, "33333333", OTHER_EVENT)
        watches.end(step.watch, UNKNOWN)
        assert started(watches, refused, named("fourth"), NOW + 600).watch.attempt == 2

    def test_what_an_expired_watch_has_left_is_replaced_unless_it_is_unpublished(self, watches: WatchStore) -> None:
        ended = self.ended(watches)
        left = attempt_key(ended.watch_id, 1)
        started(watches, event(OTHER_EVENT), OTHER_EXECUTION)
        client("dynamodb").delete_item(TableName=TABLE, Key={"watchId": {"S": ended.watch_id}})
        watches.end(started(watches, event("4"), named("fourth"), NOW + 600).watch, UNKNOWN)
        with pytest.raises(Conflict):
            started(watches, event("5"), named("fifth"), NOW + 700)
        client("dynamodb").update_item(
            TableName=TABLE,
            Key={"watchId": {"S": left}},
            UpdateExpression="SET publishedAt = :now REMOVE unpublished",
            ExpressionAttributeValues={":now": {"N": "1"}},
        )
        assert started(watches, event("5"), named("fifth"), NOW + 800).watch.attempt == 2

    def test_a_late_report_of_an_execution_of_an_older_release_starts_nothing(self, watches: WatchStore) -> None:
        """Its item names no start events: a person who has stopped a watch would see it begin again."""
        ended = self.ended(watches)
        client("dynamodb").update_item(
            TableName=TABLE,
            Key={"watchId": {"S": ended.watch_id}},
            UpdateExpression="REMOVE attempt, ended",
        )
        client("dynamodb").delete_item(TableName=TABLE, Key={"watchId": {"S": start_key(ended.watch_id, 1)}})
        registrar(watches).register_late(VENDORS.parse(event()), EXECUTION, NOW + 500)
        assert recorded(watches, Step(NextAction.WAIT, ended)).watch == ended

    @pytest.mark.parametrize(
        ("given", "execution", "action", "attempt"),
        [
            (event(), OTHER_EXECUTION, "PUBLISH", 1),  # the same event, and its execution has died
            (event(OTHER_EVENT), OTHER_EXECUTION, "WAIT", 2),
            (event(None), OTHER_EXECUTION, "WAIT", 2),
            (event(OTHER_EVENT, watchAgain=True), OTHER_EXECUTION, "WAIT", 2),
            (event(OTHER_EVENT), EXECUTION, "PUBLISH", 1),  # an execution registers one event
        ],
    )
    def test_only_another_event_starts_it(
        self, watches: WatchStore, given: Any, execution: str, action: str, attempt: int
    ) -> None:
        self.ended(watches)
        client("stepfunctions").stop_execution(executionArn=EXECUTION)
        step = started(watches, given, execution, NOW + 500)
        assert (step.action, step.watch.attempt) == (action, attempt)

    def test_a_known_outcome_is_watched_again_only_on_request(self, watches: WatchStore) -> None:
        self.ended(watches, a_result())
        refused = started(watches, event(OTHER_EVENT), OTHER_EXECUTION, NOW + 500)
        assert refused.action == "ALREADY_WATCHED"
        # The refused event is kept: it starts nothing when it is delivered again.
        again = event("33333333", watchAgain=True)
        assert started(watches, event(OTHER_EVENT, watchAgain=True), named("third"), NOW).action == "ALREADY_WATCHED"
        assert started(watches, again, named("fourth"), NOW + 600).watch.attempt == 2
        assert recorded(watches, started(watches, again, named("fifth"), NOW + 700)).watch.attempt == 2

    def test_an_execution_whose_response_was_lost_gets_the_same_attempt(self, watches: WatchStore) -> None:
        self.ended(watches)
        first, again = (started(watches, event(OTHER_EVENT), OTHER_EXECUTION, NOW + 500) for _ in range(2))
        assert (first.action, first.watch) == (again.action, again.watch)

    def test_the_twentieth_attempt_is_the_last_one(self, watches: WatchStore) -> None:
        step = started(watches, event())
        for number in range(2, 21):
            watches.end(step.watch, UNKNOWN)
            step = started(watches, event(f"event-{number}"), named(str(number)), NOW + number)
            assert (step.watch.attempt, step.watch.generation) == (number, number)
        watches.end(step.watch, UNKNOWN)
        late = started(watches, event("event-21", watchAgain=True), named("21"), NOW + 21)
        assert (late.action, late.watch.attempt) == ("PUBLISH", 20)  # its own execution does not exist

    def test_another_writer_is_waited_for(self, watches: WatchStore) -> None:
        ended = self.ended(watches)

        class PublishedMeanwhile(WatchStore):
            def start_attempt(self, watch: Watch, *given: Any, **more: Any) -> None:
                with suppress(Conflict):
                    watches.record_published(ended, NOW + 70)
                super().start_attempt(watch, *given, **more)

        racing = PublishedMeanwhile(TABLE, 1, client("dynamodb"))
        step = registrar(racing).register(VENDORS.parse(event(OTHER_EVENT)), OTHER_EXECUTION, NOW + 500)
        assert step.watch.attempt == 2
        moved = watches.get_attempt(ended.watch_id, 1)
        assert moved is not None
        assert moved.published_at == NOW + 70

    def test_an_item_of_an_older_release_is_its_first_attempt(self, watches: WatchStore) -> None:
        ended = self.ended(watches)
        client("dynamodb").update_item(
            TableName=TABLE,
            Key={"watchId": {"S": ended.watch_id}},
            UpdateExpression="REMOVE attempt, ended",
        )
        client("dynamodb").delete_item(TableName=TABLE, Key={"watchId": {"S": start_key(ended.watch_id, 1)}})
        step = started(watches, event(OTHER_EVENT), OTHER_EXECUTION, NOW + 500)
        assert (step.watch.attempt, recorded(watches, step).start_events) == (2, (OTHER_EVENT,))
        watches.record_published(ended, NOW + 90)
        moved = watches.get_attempt(ended.watch_id, 1)
        assert moved is not None
        assert moved.published_at == NOW + 90


class TestTaskToken:
    def test_a_new_watch_keeps_it_in_another_item(self, watches: WatchStore) -> None:
        step = started(watches, event(taskToken="token-1"))
        assert tokens(watches).waiting(step.watch.watch_id, 1) == ["1:token-1"]
        assert "token-1" not in str(stored_item(step.watch.watch_id))

    def test_that_of_a_duplicate_joins_the_active_watch(self, watches: WatchStore) -> None:
        step = started(watches, event())
        for number in range(3):
            other = event(f"other-{number % 2}", taskToken=f"token-{number % 2}")
            assert started(watches, other, OTHER_EXECUTION).action == "ALREADY_WATCHED"
        assert tokens(watches).waiting(step.watch.watch_id, 1) == ["1:token-0", "1:token-1"]
        assert recorded(watches, step).callbacks == 2

    def test_that_for_a_known_outcome_is_published_at_once(self, watches: WatchStore) -> None:
        step = started(watches, event())
        watches.end(step.watch, a_result())
        watches.record_published(step.watch, NOW + 70)
        watches.record_settled(recorded(watches, step), NOW + 70)
        late = event(OTHER_EVENT, taskToken="token-1")
        assert started(watches, late, OTHER_EXECUTION).action == "PUBLISH"
        record = recorded(watches, step)
        assert (record.unpublished, record.is_settled, record.callbacks) == (True, False, 1)
        # Its execution may lose the response, or die: another one finds it as unpublished.
        client("stepfunctions").stop_execution(executionArn=EXECUTION)
        assert started(watches, late, OTHER_EXECUTION).action == "PUBLISH"
        assert [key for key, _, _ in watches.unpublished()] == [step.watch.watch_id]

    def test_that_for_an_outcome_that_is_being_published_publishes_nothing_a_second_time(
        self, watches: WatchStore
    ) -> None:
        step = started(watches, event())
        watches.end(step.watch, a_result())
        late = event(OTHER_EVENT, taskToken="token-1")
        assert started(watches, late, OTHER_EXECUTION).action == "ALREADY_WATCHED"
        assert tokens(watches).waiting(step.watch.watch_id, 1) == ["1:token-1"]
        # The owner finds the token when it records that nothing is left; so does recovery, if the owner dies.
        watches.record_published(step.watch, NOW + 70)
        with pytest.raises(Conflict):
            watches.record_settled(replace(recorded(watches, step), callbacks=0), NOW + 70)

    def test_that_of_an_invalid_event_is_kept_too(self, watches: WatchStore) -> None:
        step = started(watches, event(importId=None, taskToken="token-1"))
        assert step.action == "PUBLISH"
        assert tokens(watches).waiting(step.watch.watch_id, 1) == ["1:token-1"]

    def test_that_of_an_execution_that_died_unregistered_joins(self, watches: WatchStore) -> None:
        step = started(watches, event())
        registrar(watches).register_late(VENDORS.parse(event(OTHER_EVENT, taskToken="token-1")), OTHER_EXECUTION, NOW)
        assert tokens(watches).waiting(step.watch.watch_id, 1) == ["1:token-1"]
        assert recorded(watches, step).execution == EXECUTION
