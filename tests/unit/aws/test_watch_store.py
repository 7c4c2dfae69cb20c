"""The table of watches: one item each, every write conditional, and every item is read as it was written."""

from __future__ import annotations

import json
import math
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from import_watch.aws.dynamodb import serialize
from import_watch.aws.watch_items import (
    MAX_LISTED_OWNERS,
    active_partition,
    active_partitions,
    changes_of,
    indexed_time,
    record_of,
)
from import_watch.aws.watch_store import ATTRIBUTES_OF_AN_END, CHANGING_ATTRIBUTES, WatchStore
from import_watch.aws.watch_writer import ALIASES, Conflict, WriteUnconfirmed
from import_watch.model.observation import ImportState, LogRecord, LogStatus, Problem, ReportedProgress, Severity
from import_watch.model.outcome import Outcome, WatchResult
from import_watch.model.serialization import to_json
from import_watch.model.watch import FIXED_FIELDS, History, Watch, start_key
from import_watch.notifications.notification import notification
from import_watch.services.waking import MAX_OWNERS
from moto.dynamodb.parsing.reserved_keywords import ReservedKeywords

from tests.support.capacity import size_of
from tests.unit.aws_fixtures import (
    EXECUTION,
    NOW,
    OTHER_EXECUTION,
    RETENTION,
    TABLE,
    a_result,
    a_start,
    a_watch,
    aws_account,
    client,
    indexed,
    indexed_at,
    stored_item,
    watch_table,
)

WATCH = a_watch()
FULL = a_watch(
    started_at=NOW - 30.25,
    generation=3,
    executions=3,
    polls=7,
    vendor_errors=2,
    poll_milliseconds=1_234,
    last_poll_at=NOW + 100.123456,
    next_poll_at=NOW + 160,
    import_state=ImportState.RUNNING,
    vendor_status="In Progress",
    job_type="Import",
    running_since=NOW - 30.25,
    not_running_at=NOW - 31,
    progress=ReportedProgress(0.25, 0.0002),
    progress_changed_at=NOW + 99.5,
    not_found_since=NOW,
    unrecognised_since=NOW + 1,
    failing_since=NOW + 2,
    failures=2,
    only_unreadable=False,
    last_trouble="eGain responded with HTTP 503",
    awaiting_log=a_result(counts={"articles": 3}, problems=(Problem(Severity.WARNING, "Scaled."),)),
    log_polls=1,
    log_missing="Element 'ImportLog' not found.",
)
HISTORY = History(20, 8.123456789, 0.512345678)
TEXTS = ("vendor", "connection", "import_id", "vendor_title", "correlation")
LOG = LogRecord(LogStatus.ARCHIVED, location="s3://archive/log.txt", source="s3://theirs/log.txt", bytes=5_000_000_000)


@pytest.fixture(autouse=True)
def watches(monkeypatch: pytest.MonkeyPatch) -> Iterator[WatchStore]:
    with aws_account(monkeypatch):
        yield watch_table()


def register(watches: WatchStore, watch: Watch = WATCH, result: WatchResult | None = None, **start: Any) -> None:
    watches.register(watch, EXECUTION, a_start(**start), keeps_log=True, result=result)


class TestRegister:
    def test_a_new_watch_is_stored(self, watches: WatchStore) -> None:
        register(watches, correlation_id="order-5")
        record = watches.get(WATCH.watch_id)
        assert record is not None
        assert record.watch == replace(WATCH, correlation="order-5")
        assert (record.execution, record.correlation_id) == (EXECUTION, "order-5")
        assert (record.keeps_log, record.result, record.log, record.published_at) == (True, None, None, None)

    def test_a_missing_watch_is_none(self, watches: WatchStore) -> None:
        assert watches.get("voyado#default#unknown") is None

    def test_a_duplicate_is_refused_with_the_record_of_the_first(self, watches: WatchStore) -> None:
        register(watches, metadata={"first": True})
        with pytest.raises(Conflict) as conflict:
            watches.register(replace(WATCH, polls=9), OTHER_EXECUTION, a_start(), keeps_log=False)
        assert conflict.value.record == watches.get(WATCH.watch_id)
        assert conflict.value.record is not None
        assert conflict.value.record.metadata == {"first": True}

    def test_a_duplicate_of_an_ended_watch_is_refused_too(self, watches: WatchStore) -> None:
        register(watches)
        watches.end(WATCH, a_result())
        with pytest.raises(Conflict) as conflict:
            register(watches)
        assert conflict.value.record is not None
        assert conflict.value.record.result == a_result()

    def test_a_watch_may_end_at_once(self, watches: WatchStore) -> None:
        result = a_result(outcome=Outcome.UNKNOWN, reason="INVALID_EVENT")
        register(watches, result=result)
        record = watches.get(WATCH.watch_id)
        assert record is not None
        assert record.result == result
        assert indexed() == []

    def test_every_field_is_read_as_it_was_written(self, watches: WatchStore) -> None:
        register(watches, FULL)
        record = watches.get(FULL.watch_id)
        assert record is not None
        assert record.watch == FULL


class TestMetadata:
    @pytest.mark.parametrize(
        "metadata",
        [
            {},
            {"float": 0.1, "small": 5e-324, "large": 1.7976931348623157e308, "negative": -0.0},
            {"integer": 2**63, "larger": 10**60, "id": 5512340987651234567},
            {"nested": {"list": [1, [2.5, {"deep": [None, True, False, ""]}]]}},
            {"Größe": "木", "emoji": "🙂", "half": "\ud83d", "control": "\x00\x1f"},
            {"": {"": []}},
        ],
        ids=repr,
    )
    def test_metadata_is_read_as_it_was_written(self, watches: WatchStore, metadata: Any) -> None:
        register(watches, metadata=metadata)
        record = watches.get(WATCH.watch_id)
        assert record is not None
        assert repr(record.metadata) == repr(metadata)

    def test_no_metadata_is_none(self, watches: WatchStore) -> None:
        register(watches)
        record = watches.get(WATCH.watch_id)
        assert record is not None
        assert record.metadata is None

    def test_metadata_survives_every_write(self, watches: WatchStore) -> None:
        register(watches, metadata={"a": 1.5}, correlation_id="order-5")
        watches.save(replace(WATCH, polls=1))
        watches.end(replace(WATCH, polls=2), a_result())
        watches.record_log(WATCH, LOG, None)
        watches.record_published(WATCH, NOW)
        record = watches.get(WATCH.watch_id)
        assert record is not None
        assert (record.metadata, record.correlation_id, record.execution) == ({"a": 1.5}, "order-5", EXECUTION)

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.dictionaries(
            st.text(max_size=5),
            st.recursive(
                st.none()
                | st.booleans()
                | st.integers()
                | st.floats(allow_nan=False, allow_infinity=False)
                | st.text(),
                lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
                max_leaves=6,
            ),
            max_size=5,
        )
    )
    def test_any_metadata_is_read_as_it_was_written(self, watches: WatchStore, metadata: Any) -> None:
        watch = a_watch(watch_id=f"voyado#default#{uuid.uuid4()}")
        register(watches, watch, metadata=metadata)
        record = watches.get(watch.watch_id)
        assert record is not None
        assert json.dumps(record.metadata) == json.dumps(metadata)


class TestSave:
    def test_a_state_replaces_the_one_before(self, watches: WatchStore) -> None:
        register(watches, replace(WATCH, started_at=FULL.started_at))
        later = replace(FULL, generation=1, executions=1)
        watches.save(later, WATCH)
        record = watches.get(WATCH.watch_id)
        assert record is not None
        assert record.watch == later

    def test_what_becomes_none_is_removed_from_the_item(self, watches: WatchStore) -> None:
        register(watches, replace(FULL, generation=1))
        bare = replace(WATCH, polls=FULL.polls, started_at=FULL.started_at)
        watches.save(bare, FULL)
        record = watches.get(WATCH.watch_id)
        assert record is not None
        assert record.watch == bare
        gone = {"vendorStatus", "progress", "awaitingLog", "failingSince", "lastTrouble", "logMissing", "notFoundSince"}
        assert gone & stored_item(WATCH.watch_id).keys() == set()

    @pytest.mark.parametrize("name", sorted(FIXED_FIELDS - {"watch_id"}))
    def test_fixed_fields_are_written_at_registration_only(self, watches: WatchStore, name: str) -> None:
        """A poll writes only what a poll can change."""
        register(watches, FULL)
        histories = {"Import": History(5, 4.0, 0.5)}
        other: dict[str, Any] = {name: histories if name == "histories" else "other" if name in TEXTS else 7}
        watches.save(replace(FULL, **other))
        record = watches.get(WATCH.watch_id)
        assert record is not None
        assert record.watch == FULL

    def test_a_failed_write_is_no_conflict(self, watches: WatchStore) -> None:
        register(watches)
        client("dynamodb").delete_table(TableName=TABLE)
        with pytest.raises(WriteUnconfirmed, match="ResourceNotFoundException"):
            watches.save(WATCH)

    def test_a_write_that_can_never_succeed_is_a_programming_error(self, watches: WatchStore) -> None:
        register(watches)
        with pytest.raises(ClientError, match="ValidationException"):
            watches.save(replace(WATCH, vendor_status="x" * 500_000))

    AWAITED = replace(WATCH, polls=4, awaiting_log=a_result(), log_polls=1)
    UNREAD = (
        pytest.param(AWAITED, WATCH, id="none was read where the table has one"),
        pytest.param(AWAITED, replace(AWAITED, log_polls=0), id="one with fewer looks was read"),
        pytest.param(AWAITED, replace(AWAITED, awaiting_log=a_result(detected_at=NOW)), id="an earlier one was read"),
        pytest.param(WATCH, AWAITED, id="one was read that the table has not"),
    )

    @pytest.mark.parametrize(("stored", "read"), UNREAD)
    def test_only_a_writer_that_read_it_changes_an_awaited_outcome(
        self, watches: WatchStore, stored: Watch, read: Watch
    ) -> None:
        register(watches, stored)
        later = replace(read, polls=5)
        writes: list[Callable[[Watch], None]] = [
            lambda watch: watches.save(watch, read),
            lambda watch: watches.end(watch, a_result(outcome=Outcome.UNKNOWN, reason="TIMED_OUT"), read),
            lambda watch: watches.transfer_ownership(replace(watch, generation=2), OTHER_EXECUTION, read),
        ]
        for write in writes:
            for watch in (later, replace(later, awaiting_log=None, log_polls=0), replace(later, log_polls=2)):
                with pytest.raises(Conflict) as refused:
                    write(watch)
                assert refused.value.record is not None
                assert refused.value.record.watch == stored
        watches.save(replace(stored, polls=5, awaiting_log=None, log_polls=0), stored)
        found = watches.get(WATCH.watch_id)
        assert found is not None
        assert found.watch.awaiting_log is None

    @pytest.mark.parametrize("generation", [0, 1, 3])
    def test_another_generation_is_refused(self, watches: WatchStore, generation: int) -> None:
        owner = replace(WATCH, generation=2)
        register(watches, owner)
        with pytest.raises(Conflict) as conflict:
            watches.save(replace(WATCH, generation=generation, polls=5))
        assert conflict.value.record is not None
        assert conflict.value.record.watch == owner
        assert watches.get_state(WATCH.watch_id) == conflict.value.record

    def test_the_item_has_the_first_owners_and_the_present_one(self, watches: WatchStore) -> None:
        register(watches, WATCH)
        names = [f"{EXECUTION}-{number}" for number in range(2, MAX_LISTED_OWNERS + 10)]
        for number, name in enumerate(names, 2):
            watches.transfer_ownership(replace(WATCH, generation=number, executions=number), name)
        record = watches.get(WATCH.watch_id)
        assert record is not None
        assert record.owners == (EXECUTION, *names[: MAX_LISTED_OWNERS - 1], names[-1])
        assert MAX_OWNERS <= MAX_LISTED_OWNERS  # a watch is not woken where the owners before are not known

    @pytest.mark.parametrize("polls", [2, 3, 4])
    def test_a_watch_never_goes_back_to_an_earlier_poll(self, watches: WatchStore, polls: int) -> None:
        """A function that timed out may write late."""
        register(watches, replace(WATCH, polls=3))
        writes: list[Callable[[], None]] = [
            lambda: watches.save(replace(WATCH, polls=polls)),
            lambda: watches.transfer_ownership(replace(WATCH, polls=polls, generation=2), OTHER_EXECUTION),
        ]
        for write in writes:
            if polls >= 3:
                write()
                continue
            with pytest.raises(Conflict):
                write()
        record = watches.get(WATCH.watch_id)
        assert record is not None
        assert (record.watch.polls, record.watch.generation) == ((3, 1) if polls < 3 else (polls, 2))

    def test_an_ended_watch_is_not_saved(self, watches: WatchStore) -> None:
        register(watches)
        watches.end(WATCH, a_result())
        with pytest.raises(Conflict) as conflict:
            watches.save(replace(WATCH, polls=5))
        assert conflict.value.record is not None
        assert conflict.value.record.result == a_result()
        assert indexed() == []

    def test_saving_creates_no_watch(self, watches: WatchStore) -> None:
        with pytest.raises(Conflict) as conflict:
            watches.save(WATCH)
        assert conflict.value.record is None
        assert watches.get(WATCH.watch_id) is None


class TestEnd:
    def test_the_first_end_stands(self, watches: WatchStore) -> None:
        register(watches)
        watches.end(replace(WATCH, polls=4), a_result())
        with pytest.raises(Conflict) as conflict:
            watches.end(replace(WATCH, polls=5), a_result(outcome=Outcome.FAILED))
        record = watches.get(WATCH.watch_id)
        assert record is not None
        assert (record.result, record.watch.polls) == (a_result(), 4)
        assert conflict.value.record == watches.get_state(WATCH.watch_id)

    def test_another_generation_does_not_end_it(self, watches: WatchStore) -> None:
        register(watches, replace(WATCH, generation=2))
        with pytest.raises(Conflict):
            watches.end(WATCH, a_result())
        record = watches.get(WATCH.watch_id)
        assert record is not None
        assert record.result is None

    def test_a_result_is_read_as_it_was_written(self, watches: WatchStore) -> None:
        register(watches)
        result = WatchResult(
            outcome=Outcome.PARTIAL,
            message="Import 5512340987651234567 at voyado completed, but with 1 error.",
            detected_at=NOW + 61.125,
            reason=None,
            retryable=False,
            vendor_status="Completed",
            job_type="PRODUCTS",
            counts={"errors": 1, "articles": 10**15 - 1, "succeeded": 0},
            problems=(Problem(Severity.ERROR, "Größe 🙂"), Problem(Severity.INFO, "Read.")),
            started_at=NOW - 0.001,
            ended_at=NOW + 60.999999,
            detection_lag_seconds=0.126,
        )
        watches.end(WATCH, result)
        record = watches.get(WATCH.watch_id)
        assert record is not None
        assert record.result == result

    def test_only_a_published_watch_expires_after_the_retention(self, watches: WatchStore) -> None:
        register(watches)
        assert "expiresAt" not in stored_item(WATCH.watch_id)
        watches.end(WATCH, a_result(detected_at=NOW + 60.9))
        assert "expiresAt" not in stored_item(WATCH.watch_id)  # not published yet
        watches.record_published(WATCH, NOW + 90)
        assert "expiresAt" not in stored_item(WATCH.watch_id)  # the event bus and task tokens may be left
        record = watches.get(WATCH.watch_id)
        assert record is not None
        watches.record_settled(record, NOW + 90.9)
        assert stored_item(WATCH.watch_id)["expiresAt"] == {"N": str(math.floor(NOW) + 90 + RETENTION)}

    def test_the_outcome_is_an_attribute_of_its_own(self, watches: WatchStore) -> None:
        register(watches)
        watches.end(WATCH, a_result(outcome=Outcome.CANCELLED))
        assert stored_item(WATCH.watch_id)["outcome"] == {"S": "CANCELLED"}


class TestIndex:
    @pytest.mark.parametrize("seconds", [1, 30, 900])
    @given(number=st.integers(0, 10**6), poll_at=st.floats(NOW, NOW + 10**7))
    def test_the_index_has_the_next_poll_at_most_a_quarter_of_an_hour_later(
        self, number: int, poll_at: float, seconds: int
    ) -> None:
        at = indexed_time(f"voyado#default#{number}", poll_at, seconds)
        assert poll_at <= at < poll_at + seconds
        assert indexed_time(f"voyado#default#{number}", at, seconds) == at
        assert indexed_time(f"voyado#default#{number}", at + 0.001, seconds) == at + seconds

    def test_watches_do_not_write_the_index_in_the_same_minute(self) -> None:
        """Each of 10,000 watches that are polled once a minute moves once in a quarter of an hour."""
        moves = Counter(indexed_time(f"voyado#default#{number}", NOW + 450, 900) // 60 for number in range(10_000))
        assert len(moves) >= 15
        assert max(moves.values()) < 1.3 * 10_000 / 15

    def test_active_watches_are_found_by_the_time_in_the_index(self, watches: WatchStore) -> None:
        due = {}
        for number, after in enumerate((4_000, 30, 900.5, 1_801, 12_000), 1):
            key = f"voyado#default#{number}"
            register(watches, a_watch(watch_id=key, next_poll_at=NOW + after))
            due[key] = float(indexed_time(key, NOW + after, 900))
        assert {key: at for key, (_, at) in indexed_at().items()} == due
        in_order = sorted(due, key=lambda key: due[key])
        assert list(watches.active_by_time()) == in_order
        for place, key in enumerate(in_order, 1):
            for until, listed in ((due[key] - 1, in_order[: place - 1]), (due[key], in_order[:place])):
                assert sorted(one for one, _, _ in watches.active(until=until)) == sorted(listed)

    def test_a_poll_moves_a_watch_only_from_one_quarter_to_the_next(self, watches: WatchStore) -> None:
        register(watches, a_watch(next_poll_at=NOW + 60))
        before = indexed_at()
        until = before[WATCH.watch_id][1]
        for at in (until - 800, until - 0.5, until):
            watches.save(a_watch(next_poll_at=at))
            assert indexed_at() == before
            record = watches.get(WATCH.watch_id)
            assert record is not None
            assert record.watch.next_poll_at == at
        watches.save(a_watch(next_poll_at=until + 1))
        assert indexed_at() == {WATCH.watch_id: (before[WATCH.watch_id][0], until + 900)}

    def test_watches_are_evenly_distributed_over_the_partitions(self, watches: WatchStore) -> None:
        counted = Counter(active_partition(f"voyado#default#{number}") for number in range(10_000))
        assert counted.keys() == set(active_partitions()[1:])
        assert max(counted.values()) < 1.2 * 1_000
        register(watches)
        assert indexed_at()[WATCH.watch_id][0] == active_partition(WATCH.watch_id)

    def test_a_listing_continues_in_its_partition_and_those_after_it(self, watches: WatchStore) -> None:
        for number in range(40):
            register(watches, a_watch(watch_id=f"voyado#default#{number}"))
        listed = [(key, token) for key, _, token in watches.active()]
        assert len({token["active"]["S"] for _, token in listed}) > 5
        for place, (_, token) in enumerate(listed):
            assert [key for key, _, _ in watches.active(token)] == [key for key, _ in listed[place + 1 :]]

    @pytest.mark.parametrize("next_poll_at", [None, NOW + 60])
    def test_an_ended_watch_is_not_found(self, watches: WatchStore, next_poll_at: float | None) -> None:
        register(watches)
        watches.end(replace(WATCH, next_poll_at=next_poll_at), a_result())
        assert indexed() == []


class TestStart:
    """What no poll needs is in an item of its own."""

    BIG: ClassVar[dict[str, Any]] = {"notes": "x" * 3_000}

    def test_a_poll_writes_an_item_of_less_than_a_kilobyte(self, watches: WatchStore) -> None:
        watch = replace(FULL, awaiting_log=None, generation=1, histories={f"type-{n}": HISTORY for n in range(10)})
        register(watches, watch, metadata=self.BIG, ignored_fields=("colour",) * 10)
        for number in range(2, 30):
            watches.transfer_ownership(replace(watch, generation=number), f"{EXECUTION}-{number}")
        assert size_of(stored_item(watch.watch_id)) < 1_024
        assert size_of(stored_item(start_key(watch.watch_id, 1))) > 3_500
        record = watches.get(watch.watch_id)
        assert record is not None
        assert (record.metadata, record.ignored_fields, len(record.owners)) == (self.BIG, ("colour",) * 10, 29)
        assert record.watch.histories == watch.histories

    def test_a_record_without_its_start_is_not_taken_for_one_without_metadata(self, watches: WatchStore) -> None:
        register(watches, metadata={"a": 1})
        record = watches.get_state(WATCH.watch_id)
        assert record is not None
        with pytest.raises(LookupError):
            notification(replace(record, result=a_result()), "/import-watch/stack")

    @pytest.mark.parametrize("metadata", [{"a": 1}, BIG], ids=["small", "large"])
    def test_small_metadata_stays_where_0_2_0_reads_it(self, watches: WatchStore, metadata: Any) -> None:
        register(watches, metadata=metadata)
        assert ("metadata" in stored_item(WATCH.watch_id)) == (metadata != self.BIG)

    def test_it_expires_with_its_watch_whatever_is_settled_again(self, watches: WatchStore) -> None:
        key = start_key(WATCH.watch_id, 1)
        register(watches)
        assert float(stored_item(key)["expiresAt"]["N"]) > WATCH.deadline + RETENTION
        watches.end(WATCH, a_result())
        watches.record_published(WATCH, NOW + 90)
        for after in (90, 5_000):
            record = watches.get(WATCH.watch_id)
            assert record is not None
            watches.record_settled(record, NOW + after)
            assert stored_item(key)["expiresAt"] == stored_item(WATCH.watch_id)["expiresAt"]
            record = watches.get(WATCH.watch_id)
            assert record is not None
            watches.add_start_event(record, ("1",), a_start())
            assert stored_item(key)["expiresAt"] == stored_item(WATCH.watch_id)["expiresAt"]
            record = watches.get(WATCH.watch_id)
            assert record is not None
            watches.add_start_event(record, ("1", "2"), a_start(task_token="a token"))
            assert "expiresAt" not in stored_item(WATCH.watch_id)
            assert float(stored_item(key)["expiresAt"]["N"]) > NOW + RETENTION + 5_000

    def test_each_attempt_has_its_own(self, watches: WatchStore) -> None:
        watches.register(WATCH, EXECUTION, a_start(metadata=self.BIG), keeps_log=True, start_events=("one",))
        watches.end(WATCH, a_result())
        ended = watches.get(WATCH.watch_id)
        assert ended is not None
        again, events = a_watch(attempt=2, generation=2), ("one", "two")
        watches.start_attempt(
            again, OTHER_EXECUTION, a_start(metadata={"b": 2}), ended=ended, keeps_log=True, start_events=events
        )
        latest, moved = watches.get(WATCH.watch_id), watches.get_attempt(WATCH.watch_id, 1)
        assert latest is not None
        assert moved is not None
        assert (latest.metadata, latest.start_events, latest.owners) == ({"b": 2}, events, (OTHER_EXECUTION,))
        assert (moved.metadata, moved.start_events, moved.owners) == (self.BIG, ("one",), (EXECUTION,))

    def test_owners_that_follow_the_one_that_was_read_are_of_a_later_moment(self, watches: WatchStore) -> None:
        """The two items of a watch are read one after the other."""
        register(watches)
        item = stored_item(WATCH.watch_id)
        for number in (2, 3):
            watches.transfer_ownership(replace(WATCH, generation=number, executions=number), f"{EXECUTION}-{number}")
        assert record_of(item, stored_item(start_key(WATCH.watch_id, 1))).owners == (EXECUTION,)

    @pytest.mark.parametrize("joins", [False, True])
    def test_a_start_event_that_was_kept_meanwhile_prevents_a_decision(
        self, watches: WatchStore, *, joins: bool
    ) -> None:
        register(watches)
        watches.end(WATCH, a_result())
        stale = watches.get(WATCH.watch_id)
        assert stale is not None
        watches.add_start_event(stale, ("one",), a_start())
        again, events = a_watch(attempt=2, generation=2), ("two",)

        def decide() -> None:
            if joins:
                watches.add_start_event(stale, events, a_start())
            else:
                watches.start_attempt(again, EXECUTION, a_start(), ended=stale, keeps_log=True, start_events=events)

        with pytest.raises(Conflict) as refused:
            decide()
        assert refused.value.record is not None
        assert refused.value.record.start_events == ("one",)


IN_ITS_PARTITION = (active_partition(WATCH.watch_id), float(indexed_time(WATCH.watch_id, NOW + 60, 900)))


class TestOlderRelease:
    """Functions of 0.2.0 and of this release may change the same watch: while a stack is updated, or returns."""

    def older(self, watches: WatchStore, **attributes: Any) -> None:
        """Write a watch as 0.2.0 does."""
        values = to_json(replace(WATCH, histories={"IMPORT": HISTORY}))
        item = {"execution": EXECUTION, "keepsLog": True, "schemaVersion": 1, "active": "ACTIVE", **values}
        item |= {"metadata": '{"a": 1.5}', "correlationId": "order-5", "correlation": "order-5", **attributes}
        del item["attempt"]
        client("dynamodb").put_item(TableName=TABLE, Item={name: serialize(value) for name, value in item.items()})
        del watches

    def test_its_watch_is_listed_and_moves_with_the_next_poll(self, watches: WatchStore) -> None:
        self.older(watches)
        assert indexed_at() == {WATCH.watch_id: ("ACTIVE", NOW + 5)}
        assert [key for key, _, _ in watches.active(until=NOW + 5)] == [WATCH.watch_id]
        record = watches.get(WATCH.watch_id)
        assert record is not None
        assert (record.watch.next_poll_at, record.metadata, record.owners) == (NOW + 5, {"a": 1.5}, (EXECUTION,))
        watches.save(replace(record.watch, polls=1, next_poll_at=NOW + 60))
        assert indexed_at() == {WATCH.watch_id: IN_ITS_PARTITION}
        watches.transfer_ownership(replace(record.watch, polls=1, generation=2, executions=2), OTHER_EXECUTION)
        moved = watches.get(WATCH.watch_id)
        assert moved is not None
        assert (moved.metadata, moved.watch.histories) == ({"a": 1.5}, {"IMPORT": HISTORY})
        assert (moved.execution, moved.owners[-1]) == (OTHER_EXECUTION, OTHER_EXECUTION)

    def test_a_start_event_joins_its_watch(self, watches: WatchStore) -> None:
        self.older(watches)
        record = watches.get(WATCH.watch_id)
        assert record is not None
        watches.add_start_event(record, ("one",), a_start(task_token="a token"))
        joined = watches.get(WATCH.watch_id)
        assert joined is not None
        assert (joined.start_events, joined.callbacks, joined.metadata) == (("one",), 1, {"a": 1.5})

    def test_a_poll_of_0_2_0_moves_a_watch_back_and_leaves_the_time_before(self, watches: WatchStore) -> None:
        register(watches, metadata={"a": 1}, correlation_id="order-5")
        client("dynamodb").update_item(
            TableName=TABLE,
            Key={"watchId": {"S": WATCH.watch_id}},
            UpdateExpression="SET active = :active, nextPollAt = :next, polls = :polls",
            ExpressionAttributeValues={":active": {"S": "ACTIVE"}, ":next": {"N": str(NOW + 65)}, ":polls": {"N": "1"}},
        )
        assert "pollAt" in stored_item(WATCH.watch_id)
        record = watches.get(WATCH.watch_id)
        assert record is not None
        assert (record.watch.next_poll_at, record.metadata, record.owners) == (NOW + 65, {"a": 1}, (EXECUTION,))
        assert [key for key, _, _ in watches.active(until=NOW + 65)] == [WATCH.watch_id]
        watches.save(replace(record.watch, polls=2, next_poll_at=NOW + 70))
        assert indexed_at() == {WATCH.watch_id: IN_ITS_PARTITION}

    def test_what_0_2_0_reads_of_a_watch_is_in_its_item(self, watches: WatchStore) -> None:
        """Its index shows a next poll too late rather than too early, so that it takes over nothing that is alive."""
        register(watches, metadata={"a": 1}, correlation_id="order-5")
        item = stored_item(WATCH.watch_id)
        required = {"watchId", "execution", "keepsLog", "registeredAt", "deadline", "metadata", "correlationId"}
        assert required <= item.keys()
        assert float(item["nextPollAt"]["N"]) >= NOW + 5


def test_only_attributes_with_an_alias_are_reserved_words() -> None:
    reserved = {word.upper() for word in ReservedKeywords.get_reserved_keywords()}
    assert {"LOG", "CONNECTION", "STATE"} <= reserved
    written = {*CHANGING_ATTRIBUTES, *ATTRIBUTES_OF_AN_END, *changes_of(FULL, a_result(), 900)}
    assert {name for name in written if name.upper() in reserved} == set(ALIASES)


class TestRecordLog:
    def test_the_location_of_the_log_is_recorded(self, watches: WatchStore) -> None:
        register(watches)
        watches.end(WATCH, a_result())
        watches.record_log(WATCH, LOG, "s3://archive/answer.json")
        record = watches.get(WATCH.watch_id)
        assert record is not None
        assert (record.log, record.response) == (LOG, "s3://archive/answer.json")

    def test_the_first_record_stands(self, watches: WatchStore) -> None:
        register(watches)
        watches.end(WATCH, a_result())
        watches.record_log(WATCH, LOG, "s3://archive/answer.json")
        with pytest.raises(Conflict):
            watches.record_log(WATCH, LogRecord(LogStatus.UNAVAILABLE, reason="late"), "s3://archive/other")
        record = watches.get(WATCH.watch_id)
        assert record is not None
        assert (record.log, record.response) == (LOG, "s3://archive/answer.json")

    def test_an_active_watch_has_no_log(self, watches: WatchStore) -> None:
        register(watches)
        with pytest.raises(Conflict):
            watches.record_log(WATCH, LOG, None)

    def test_without_a_response_none_is_recorded(self, watches: WatchStore) -> None:
        register(watches)
        watches.end(WATCH, a_result())
        watches.record_log(WATCH, LogRecord(LogStatus.NONE), None)
        record = watches.get(WATCH.watch_id)
        assert record is not None
        assert (record.log, record.response) == (LogRecord(LogStatus.NONE), None)


class TestRecordStop:
    def test_the_reason_is_stored_for_an_active_watch(self, watches: WatchStore) -> None:
        register(watches)
        watches.record_stop(WATCH, "by mistake")
        record = watches.get(WATCH.watch_id)
        assert record is not None
        assert record.stop_reason == "by mistake"

    @pytest.mark.parametrize("ends", [False, True])
    def test_a_known_outcome_stands(self, watches: WatchStore, *, ends: bool) -> None:
        register(watches)
        if ends:
            watches.end(WATCH, a_result())
        else:
            watches.save(replace(WATCH, awaiting_log=a_result()), WATCH)
        with pytest.raises(Conflict) as refused:
            watches.record_stop(WATCH, "by mistake")
        record = refused.value.record
        assert record is not None
        assert (record.result if ends else record.watch.awaiting_log) == a_result()
        assert record.stop_reason is None


class TestRecordPublished:
    def test_the_first_record_stands(self, watches: WatchStore) -> None:
        register(watches)
        watches.end(WATCH, a_result())
        watches.record_published(WATCH, NOW + 61)
        with pytest.raises(Conflict) as conflict:
            watches.record_published(WATCH, NOW + 99)
        assert conflict.value.record is not None
        assert conflict.value.record.published_at == NOW + 61

    def test_an_active_watch_cannot_be_recorded_as_published(self, watches: WatchStore) -> None:
        register(watches)
        with pytest.raises(Conflict):
            watches.record_published(WATCH, NOW)

    def test_a_missing_watch_cannot_be_recorded_as_published(self, watches: WatchStore) -> None:
        with pytest.raises(Conflict) as conflict:
            watches.record_published(WATCH, NOW)
        assert conflict.value.record is None
