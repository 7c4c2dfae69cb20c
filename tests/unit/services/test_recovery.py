"""Recovery: orphaned watches are resumed, pending outcomes are published, live watches stay unchanged."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from import_watch.aws.connection_store import ConnectionStore
from import_watch.aws.executions import Executions, ExecutionStatus
from import_watch.aws.sns import Topic
from import_watch.aws.sweep_cursor_store import SweepCursor, SweepCursorStore
from import_watch.aws.watch_items import INDEX_SECONDS, indexed_time
from import_watch.aws.watch_store import WatchStore
from import_watch.lifecycle.execution_names import executions_of, sibling_arn, successor_name
from import_watch.model.observation import ImportState
from import_watch.model.outcome import Outcome
from import_watch.model.record import StoredWatch
from import_watch.model.watch import Watch
from import_watch.services.publication import Publisher
from import_watch.services.recovery import MAX_TAKEOVERS, Recovered, Recovery, read_status_change

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
    registrar,
    shared,
    state_machine,
    subscriber,
    watch_table,
)

OVERDUE = 300
LATER = NOW + 5 + INDEX_SECONDS + OVERDUE
"""The next poll of a watch is 5 seconds after NOW, which the index has rounded up."""
EVENT = {"id": "event-1", "detail": {"vendor": "voyado", "importId": "5512340987651234567", "metadata": {"a": 1}}}


def plenty() -> float:
    return 100.0


class Clock:
    """Clock that advances only by the cost of calls."""

    def __init__(self, seconds: float) -> None:
        self._left = seconds

    def left(self) -> float:
        return self._left

    def costing(self, seconds: float, call: Callable[..., Any]) -> Callable[..., Any]:
        def costs(*given: Any, **named: Any) -> Any:
            self._left -= seconds
            return call(*given, **named)

        return costs


class Account:
    """A table, a topic with one subscriber, a state machine, and the recovery of its watches."""

    def __init__(self) -> None:
        self.watches: WatchStore = watch_table()
        self.states: ConnectionStore = connection_store()
        self.machine = state_machine()
        self.subscriber = subscriber()
        self.recovery = self.recovering(self.subscriber.topic)

    def recovering(self, topic: str) -> Recovery:
        executions = Executions(client("stepfunctions"))
        return Recovery(
            watches=self.watches,
            connections=self.states,
            executions=executions,
            registrar=registrar(self.watches),
            publisher=Publisher(self.watches, self.states, Topic(topic, client("sns")), "/import-watch/stack"),
            cursors=SweepCursorStore(TABLE, client("dynamodb")),
            state_machine=self.machine,
            overdue_seconds=OVERDUE,
        )

    def register(self, watch: Watch, execution: str = EXECUTION) -> Watch:
        self.states.watch_began(watch.vendor, watch.connection)
        self.watches.register(watch, execution, a_start(), keeps_log=False)
        return watch

    def stop(self, execution: str = EXECUTION) -> None:
        client("stepfunctions").stop_execution(executionArn=execution)

    def record(self, watch: Watch) -> StoredWatch:
        found = self.watches.get(watch.watch_id)
        assert found is not None
        return found

    def received(self) -> list[dict[str, Any]]:
        return self.subscriber.events()

    def sweep(self, now: float = LATER, time_left: Callable[[], float] = plenty) -> dict[str, int]:
        return {name: times for name, times in self.recovery.sweep(now, time_left).items() if times}

    def successor(self, watch: Watch) -> str:
        return sibling_arn(executions_of(self.machine), successor_name(watch))

    def started(self) -> dict[str, Any]:
        """Input of the only successor that was started."""
        listed = client("stepfunctions").list_executions(stateMachineArn=self.machine)["executions"]
        successors = [one["executionArn"] for one in listed if one["name"] != "first"]
        assert len(successors) == 1
        given: dict[str, Any] = json.loads(
            client("stepfunctions").describe_execution(executionArn=successors[0])["input"]
        )
        return given


DEAD = EXECUTION.replace(":first", ":dead")


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    with aws_account(monkeypatch):
        yield Account()


class TestWatchOfADeadExecution:
    def test_it_is_taken_over_and_nothing_starts_from_zero(self, account: Account) -> None:
        seen = a_watch(
            polls=7,
            vendor_errors=2,
            failures=1,
            failing_since=NOW,
            running_since=NOW - 50,
            import_state=ImportState.RUNNING,
        )
        account.register(seen, DEAD)
        assert account.sweep() == {"TAKEN_OVER": 1}
        record = account.record(seen)
        assert record.watch == replace(seen, generation=2, executions=2, takeovers=1)
        assert record.execution == account.successor(record.watch)
        assert account.started() == {"resume": {"watchId": seen.watch_id, "generation": 2}}

    def test_a_second_sweep_leaves_the_new_execution_alone(self, account: Account) -> None:
        watch = account.register(a_watch(), DEAD)
        account.sweep()
        assert account.sweep(LATER + 600) == {"UNCHANGED": 1}
        assert account.record(watch).watch.generation == 2

    def test_a_successor_that_was_never_started_is_started(self, account: Account) -> None:
        successor_arn = a_watch(generation=2, executions=2)
        account.register(successor_arn, account.successor(successor_arn))
        assert account.sweep() == {"STARTED": 1}
        assert account.record(successor_arn).watch == successor_arn
        assert account.started() == {"resume": {"watchId": successor_arn.watch_id, "generation": 2}}

    def test_three_dead_executions_without_a_poll_end_it_as_broken(self, account: Account) -> None:
        watch = account.register(a_watch(takeovers=MAX_TAKEOVERS), DEAD)
        assert account.sweep() == {"BROKEN": 1}
        (event,) = account.received()
        assert event["data"]["reason"] == "WATCH_BROKEN"
        assert "3 consecutive executions died without a poll" in event["data"]["message"]
        assert account.record(watch).published_at == LATER
        assert shared().active_watches == 0

    def test_a_stopped_execution_ends_its_watch_as_stopped(self, account: Account) -> None:
        watch = account.register(a_watch(vendor_status="IN_PROGRESS"))
        account.stop()
        assert account.sweep() == {"STOPPED": 1}
        (event,) = account.received()
        assert (event["type"], event["data"]["outcome"]) == ("ImportFailed", "UNKNOWN")
        assert (event["data"]["reason"], event["data"]["vendorStatus"]) == ("WATCH_STOPPED", "IN_PROGRESS")
        assert account.record(watch).published_at == LATER

    @pytest.mark.parametrize("owner", ["stopped", "dead", "never started"])
    def test_a_watch_that_a_person_stopped_is_not_resumed(self, account: Account, owner: str) -> None:
        watch = a_watch(generation=2, executions=2)
        arns = {"stopped": EXECUTION, "dead": DEAD, "never started": account.successor(watch)}
        account.register(watch, arns[owner])
        account.watches.record_stop(watch, "by mistake")
        if owner == "stopped":
            account.stop()
        assert account.sweep() == {"STOPPED": 1}
        assert "(by mistake)" in account.received()[0]["data"]["message"]

    def test_an_outcome_that_only_awaited_its_log_stands(self, account: Account) -> None:
        account.register(a_watch(awaiting_log=a_result(), log_polls=1))
        account.stop()
        account.sweep()
        assert account.received()[0]["data"]["outcome"] == "SUCCEEDED"

    def test_a_watch_that_is_not_overdue_is_not_checked(self, account: Account) -> None:
        watch = account.register(a_watch(), DEAD)
        late = indexed_time(watch.watch_id, NOW + 5, INDEX_SECONDS) + OVERDUE
        assert NOW + 5 + OVERDUE <= late < LATER
        assert account.sweep(late - 1) == {}
        assert account.sweep(late) == {"TAKEN_OVER": 1}


def test_an_overdue_watch_with_a_live_execution_is_unchanged(account: Account) -> None:
    watch = account.register(a_watch())
    assert account.sweep(NOW + 100_000) == {"UNCHANGED": 1}
    assert account.record(watch).watch == watch


class TestUnpublishedOutcome:
    def test_it_is_published(self, account: Account) -> None:
        watch = account.register(a_watch(), DEAD)
        account.watches.end(watch, a_result())
        # The execution that ended it died before it was counted.
        assert account.sweep(NOW + 60 + OVERDUE) == {"PUBLISHED": 1, "COUNTS_REPAIRED": 1}
        assert account.received()[0]["data"]["outcome"] == "SUCCEEDED"
        assert account.sweep(NOW + 9_000) == {}

    def test_it_is_left_to_a_live_execution(self, account: Account) -> None:
        watch = account.register(a_watch())
        account.watches.end(watch, a_result())
        assert account.sweep(NOW + 9_000)["UNCHANGED"] == 1
        assert account.received() == []

    def test_an_outcome_published_during_the_sweep_is_published_once(
        self, account: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        watch = account.register(a_watch())
        account.watches.end(watch, a_result())

        def publishes_and_ends(_execution: str) -> ExecutionStatus:
            account.recovery._publisher.publish(account.record(watch), NOW + 9_000)
            return ExecutionStatus.SUCCEEDED

        monkeypatch.setattr(account.recovery._executions, "status", publishes_and_ends)
        assert account.sweep(NOW + 9_000)["UNCHANGED"] == 1
        assert len(account.received()) == 1

    def test_an_outcome_of_a_deleted_execution_is_published(self, account: Account) -> None:
        """Step Functions keeps an execution for 90 days, and a topic may be gone for longer."""
        watch = account.register(a_watch(), DEAD)
        account.watches.end(watch, a_result())
        assert account.recovery._executions.status(DEAD) is ExecutionStatus.MISSING
        assert account.sweep(NOW + 9_000)["PUBLISHED"] == 1

    def test_the_outcome_stands_though_the_execution_was_stopped(self, account: Account) -> None:
        watch = account.register(a_watch())
        account.watches.end(watch, a_result())
        account.stop()
        account.sweep(NOW + 9_000)
        assert account.received()[0]["data"]["outcome"] == "SUCCEEDED"

    def test_an_outcome_that_sns_refuses_is_retried(self, account: Account) -> None:
        watch = account.register(a_watch(), DEAD)
        account.watches.end(watch, a_result())
        broken = account.recovering(f"arn:aws:sns:{REGION}:123456789012:gone")
        for now in (NOW + 9_000, NOW + 9_300):
            assert broken.sweep(now, plenty)["FAILED"] == 1
        assert account.record(watch).published_at is None
        assert account.sweep(NOW + 9_600) == {"PUBLISHED": 1}
        assert len(account.received()) == 1

    def test_failed_publications_do_not_prevent_recovery(self, account: Account) -> None:
        ended = account.register(a_watch(watch_id="voyado#default#1"), DEAD)
        account.watches.end(ended, a_result())
        account.register(a_watch(), DEAD)
        broken = account.recovering(f"arn:aws:sns:{REGION}:123456789012:gone")
        done = broken.sweep(NOW + 9_000, plenty)
        assert (done["FAILED"], done["TAKEN_OVER"]) == (1, 1)


class TestTime:
    def test_a_sweep_without_time_left_continues_next_time(self, account: Account) -> None:
        watches = [
            account.register(a_watch(watch_id=f"voyado#default#{number}", next_poll_at=NOW + number), DEAD)
            for number in range(4)
        ]

        def ends_after(looks: int) -> Callable[[], float]:
            left = iter([100.0, *[50.0] * (looks - 1)])
            return lambda: next(left, 0.0)

        assert account.sweep(LATER, ends_after(2)) == {"TAKEN_OVER": 2}
        assert account.sweep(LATER, ends_after(2)) == {"TAKEN_OVER": 2}
        assert [account.record(watch).watch.generation for watch in watches] == [2, 2, 2, 2]
        # A whole pass, in two parts, has counted them all.
        account.sweep(LATER)
        assert shared().active_watches == 4

    def test_publishing_takes_half_of_the_time_at_most(self, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
        for number in range(8):
            ended = account.register(a_watch(watch_id=f"voyado#default#ended-{number}"), DEAD)
            account.watches.end(ended, a_result())
        for number in range(3):
            account.register(a_watch(watch_id=f"voyado#default#{number}"), DEAD)
        broken = account.recovering(f"arn:aws:sns:{REGION}:123456789012:gone")
        clock = Clock(100.0)
        monkeypatch.setattr(broken._executions, "status", clock.costing(10.0, broken._executions.status))
        done = broken.sweep(NOW + 9_000, clock.left)
        assert (done["FAILED"], done["TAKEN_OVER"]) == (5, 3)

    def test_counts_are_corrected_over_several_sweeps(self, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
        """Names of connections come from start events: there may be any number of them."""
        names = [f"typo-{number}" for number in range(30)]
        for name in names:
            account.states.watch_began("voyado", name)
        for number in range(3):
            account.register(a_watch(watch_id=f"voyado#default#{number}"), DEAD)
        get, get_many = account.states.get, account.states.get_many
        monkeypatch.setattr("import_watch.services.active_counts.MAX_BATCH", 1)
        for sweep in range(9):
            clock = Clock(10.0)
            monkeypatch.setattr(account.states, "get_many", clock.costing(1.0, get_many))
            done = account.sweep(LATER, clock.left)
            assert clock.left() >= 0
            assert done.get("TAKEN_OVER", 0) == (3 if sweep == 0 else 0)
            if not any(get("voyado", name).active_watches for name in names):
                break
        assert [get("voyado", name).active_watches for name in names] == [0] * len(names)
        assert get("voyado", "default").active_watches == 3

    def test_the_number_of_counts_checked_by_a_sweep_is_bounded(
        self, account: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("import_watch.services.active_counts.MAX_CONNECTIONS", 3)
        monkeypatch.setattr("import_watch.services.active_counts.MAX_BATCH", 1)
        for number in range(7):
            account.states.watch_began("voyado", f"typo-{number}")
        assert [account.sweep(NOW).get("COUNTS_REPAIRED") for _ in range(4)] == [3, 3, 1, None]

    def test_a_watch_that_the_sweep_ended_is_not_counted(self, account: Account) -> None:
        account.register(a_watch())
        account.stop()
        listed = list(account.watches.active())
        account.watches.active = lambda *_position, **_until: iter(listed)  # type: ignore[method-assign]
        assert account.sweep() == {"STOPPED": 1}
        assert shared().active_watches == 0

    def test_a_failed_read_of_a_count_undoes_no_recovery(
        self, account: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        watches = [account.register(a_watch(watch_id=f"voyado#default#{number}"), DEAD) for number in range(3)]

        def fails(*_keys: object) -> None:
            raise TimeoutError

        monkeypatch.setattr(account.states, "get_many", fails)
        clock = Clock(100.0)
        monkeypatch.setattr(account.recovery._executions, "status", clock.costing(45.0, Executions().status))
        with pytest.raises(TimeoutError):
            account.sweep(LATER, clock.left)
        assert [account.record(watch).watch.generation for watch in watches] == [2, 2, 1]
        assert account.recovery._cursors.get().active is not None

    def test_unchanged_watches_do_not_prevent_correct_counts(
        self, account: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(20):
            account.register(a_watch(watch_id=f"voyado#default#{number}"))
        account.states.watch_began("voyado", "default")
        clock = Clock(100.0)
        monkeypatch.setattr(
            account.recovery._executions, "status", clock.costing(10.0, account.recovery._executions.status)
        )
        monkeypatch.setattr(account.states, "get_many", clock.costing(1.0, account.states.get_many))
        assert account.sweep(LATER, clock.left) == {"UNCHANGED": 9, "COUNTS_REPAIRED": 1}
        assert shared().active_watches == 20

    @pytest.mark.usefixtures("account")
    def test_dynamodb_accepts_the_cursor_of_a_sweep(self) -> None:
        table = client("dynamodb").describe_table(TableName=TABLE)["Table"]
        keys = {one["AttributeName"]: one["AttributeType"] for one in table["AttributeDefinitions"]}
        last = {"watchId": {"S": "1"}, "active": {"S": "ACTIVE#3"}, "nextPollAt": {"N": "5"}}
        token = SweepCursor(last, last)
        cursors = SweepCursorStore(TABLE, client("dynamodb"))
        cursors.keep(token)
        assert cursors.get() == token
        item = client("dynamodb").get_item(TableName=TABLE, Key={"watchId": {"S": "sweep"}})["Item"]
        assert [name for name, value in item.items() if name in keys and keys[name] not in value] == []

    def test_many_watches_are_paged_through(self, account: Account) -> None:
        client("dynamodb").delete_table(TableName=TABLE)
        account.watches = watch_table()
        for number in range(130):
            account.watches.register(
                a_watch(watch_id=f"voyado#{'c' * 64}#{number:0180}"), EXECUTION, a_start(), keeps_log=False
            )
        assert account.sweep() == {"PAGES_LISTED": 1, "UNCHANGED": 130, "COUNTS_REPAIRED": 1}
        assert shared("voyado", "c" * 64).active_watches == 130


def test_two_sweeps_at_once_take_a_watch_over_once(account: Account) -> None:
    watch = account.register(a_watch(), DEAD)
    stale = account.record(watch)
    account.sweep()
    assert account.recovery._recover(stale, ExecutionStatus.MISSING, LATER) is Recovered.UNCHANGED
    assert account.record(watch).watch.generation == 2


def test_the_count_of_active_watches_is_corrected(account: Account) -> None:
    account.register(a_watch())
    for _ in range(5):
        account.states.watch_began("voyado", "default")
    assert account.sweep(NOW) == {"COUNTS_REPAIRED": 1}
    assert shared().active_watches == 1


def test_the_count_of_an_unused_connection_is_corrected(account: Account) -> None:
    account.states.watch_began("voyado", "default")
    assert account.sweep(NOW) == {"COUNTS_REPAIRED": 1}
    assert shared().active_watches == 0
    account.states.watch_withdrawn("voyado", "default")
    assert account.sweep(NOW) == {"COUNTS_REPAIRED": 1}
    assert shared().active_watches == 0


def test_a_count_that_changes_while_watches_are_counted_is_left(account: Account) -> None:
    account.states.watch_began("voyado", "default")
    active = account.watches.active

    listings = []

    def one_begins(token: Any = None, **until: Any) -> Iterator[Any]:
        yield from active(token, **until)
        account.states.watch_began("voyado", "default")
        listings.append(token)

    account.watches.active = one_begins  # type: ignore[method-assign]
    assert account.sweep(NOW) == {}
    assert shared().active_watches == 1 + len(listings)


class TestExecutionThatEnded:
    def status_change(self, status: str, given: Any, execution: str = EXECUTION) -> dict[str, Any]:
        return {
            "source": "aws.states",
            "detail-type": "Step Functions Execution Status Change",
            "detail": {"executionArn": execution, "status": status, "input": json.dumps(given)},
        }

    def ended(self, account: Account, status: str, given: Any = EVENT, execution: str = EXECUTION) -> Recovered:
        return account.recovery.execution_ended(*read_status_change(self.status_change(status, given, execution)), NOW)

    def test_the_watch_of_a_failed_execution_is_taken_over_at_once(self, account: Account) -> None:
        watch = account.register(a_watch())
        assert self.ended(account, "FAILED") is Recovered.TAKEN_OVER
        assert account.record(watch).watch.executions == 2

    def test_the_watch_of_a_failed_successor_is_taken_over(self, account: Account) -> None:
        successor_arn = account.register(a_watch(generation=2))
        given = {"resume": {"watchId": successor_arn.watch_id, "generation": 2}}
        assert self.ended(account, "TIMED_OUT", given) is Recovered.TAKEN_OVER

    def test_a_stopped_execution_is_published_at_once(self, account: Account) -> None:
        account.register(a_watch())
        assert self.ended(account, "ABORTED") is Recovered.STOPPED
        assert account.received()[0]["data"]["reason"] == "WATCH_STOPPED"
        assert self.ended(account, "ABORTED") is Recovered.UNCHANGED
        assert account.received() == []

    def test_a_successor_that_could_not_be_started_is_started(self, account: Account) -> None:
        successor_arn = a_watch(generation=2, executions=2)
        account.register(successor_arn, account.successor(successor_arn))
        assert self.ended(account, "FAILED") is Recovered.STARTED
        assert account.started() == {"resume": {"watchId": successor_arn.watch_id, "generation": 2}}
        assert self.ended(account, "FAILED") is Recovered.UNCHANGED

    def test_an_execution_without_the_watch_changes_nothing(self, account: Account) -> None:
        watch = account.register(a_watch())
        assert self.ended(account, "ABORTED", execution=DEAD) is Recovered.UNCHANGED
        assert account.record(watch).watch == watch

    @pytest.mark.parametrize(("status", "done"), [("FAILED", "TAKEN_OVER"), ("ABORTED", "STOPPED")])
    def test_an_execution_that_died_unregistered_loses_nothing(self, account: Account, status: str, done: str) -> None:
        assert self.ended(account, status).value == done
        record = account.record(a_watch())
        assert record.metadata == {"a": 1}
        assert (record.result is not None) == (status == "ABORTED")

    def test_an_invalid_event_of_a_dead_execution_is_published(self, account: Account) -> None:
        bad = {"id": "event-2", "detail": {"vendor": "other"}}
        assert self.ended(account, "FAILED", bad) is Recovered.PUBLISHED
        assert account.received()[0]["data"]["reason"] == "INVALID_EVENT"

    def test_an_input_that_the_event_omits_is_requested(self, account: Account) -> None:
        """Step Functions leaves it out where it is long."""
        execution = EXECUTION.replace(":first", ":long")
        client("stepfunctions").start_execution(stateMachineArn=account.machine, name="long", input=json.dumps(EVENT))
        watch = account.register(a_watch(), execution)
        event = self.status_change("FAILED", None, execution)
        event["detail"]["input"] = None
        assert account.recovery.execution_ended(*read_status_change(event), NOW) is Recovered.TAKEN_OVER
        assert account.record(watch).watch.executions == 2
        gone = EXECUTION.replace(":first", ":gone")
        assert account.recovery.execution_ended(gone, ExecutionStatus.FAILED, None, NOW) is Recovered.UNCHANGED

    @pytest.mark.parametrize(
        "given",
        [
            '{"id": "e", "detail": {"vendor": "voyado", "importId": ' + "7" * 5_000 + "}}",
            '{"id": "e", "detail": {"vendor": "voyado", "importId": "7", "metadata": '
            + "[" * 1_900
            + "]" * 1_900
            + "}}",
            '{"id": "e", "detail": ' + '{"a":' * 100_000 + "1" + "}" * 100_000 + "}",
            '{"resume": "no object"}',
            '{"resume": {"watchId": 5}}',
        ],
        ids=["digits", "lists", "objects", "resume", "watch"],
    )
    def test_an_unreadable_input_ends_as_an_invalid_event(self, account: Account, given: str) -> None:
        event = self.status_change("FAILED", None)
        event["detail"]["input"] = given
        assert account.recovery.execution_ended(*read_status_change(event), NOW) is Recovered.PUBLISHED
        assert account.received()[0]["data"]["reason"] == "INVALID_EVENT"
        assert account.recovery.execution_ended(*read_status_change(event), NOW) is Recovered.UNCHANGED
        assert account.received() == []

    @pytest.mark.parametrize("event", [{}, {"detail": None}, {"detail": {"executionArn": "x", "status": "ODD"}}, []])
    def test_any_other_event_is_an_error(self, event: Any) -> None:
        with pytest.raises(ValueError, match=r"status change|ODD"):
            read_status_change(event)


def test_recovery_publishes_an_outcome_unchanged(account: Account) -> None:
    watch = account.register(a_watch(), DEAD)
    account.watches.end(watch, a_result(outcome=Outcome.PARTIAL, counts={"errors": 2}))
    account.sweep(NOW + 9_000)
    data = account.received()[0]["data"]
    assert (data["outcome"], data["counts"]) == ("PARTIAL", {"errors": 2})
