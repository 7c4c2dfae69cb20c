"""One poll of the real poller: whose turn it is, who owns the watch, and what is said to the state machine."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from import_watch.archiving import Archiving
from import_watch.connections import Connections
from import_watch.encoding import from_json
from import_watch.hosts import Hosts
from import_watch.http import Client
from import_watch.model import ImportState, ReportedProgress, Tolerance, Watch
from import_watch.poller import Poller
from import_watch.schedule import DEFAULT_POLICY, Policy
from import_watch.succession import named_like, successor_name
from import_watch.watches import NotWritten, Record, Watches

from tests.loopback_server import Exchange, Server, servers
from tests.unit.aws_fixtures import (
    EXECUTION,
    OTHER_EXECUTION,
    REGION,
    a_start,
    a_watch,
    adapter,
    an_ending,
    aws_account,
    client,
    connection_states,
    shared,
    stored_item,
    watch_table,
)

RUNNING = {"id": "5512340987651234567", "status": "IN_PROGRESS", "type": "PRODUCTS"}
DONE = {**RUNNING, "status": "SUCCESS"}
FOREVER = 4_000_000_000.0
"""A time that the clock of this machine does not reach: a watch of then is young, and its deadline far."""


class Vendor:
    """Voyado on this machine, its connection, and the poller that asks it."""

    def __init__(self, server: Server, watches: Watches) -> None:
        self.server = server
        self.watches = watches
        self.states = connection_states()
        self.says(200, RUNNING)

    def says(self, status: int, body: Any, **headers: str) -> None:
        def behave(exchange: Exchange) -> None:
            exchange.answer(status, body, **headers)

        self.server.behave = behave

    def poller(self, hand_over_polls: int = 200, policy: Policy = DEFAULT_POLICY) -> Poller:
        voyado = adapter("voyado")
        return Poller(
            adapter=voyado,
            connections=Connections("stack", voyado, Hosts(loopback_http=True), cache_seconds=0),
            client=Client(voyado, private_addresses=True),
            watches=self.watches,
            states=self.states,
            archiving=Archiving("archive", self.watches, keeps_log=False),
            tolerance=Tolerance(),
            policy=policy,
            hand_over_polls=hand_over_polls,
        )

    def connect(self, **more: Any) -> None:
        secret = json.dumps({"baseUrl": self.server.url, "apiKey": "an-api-key", **more})
        client("secretsmanager").create_secret(Name="stack/voyado/default", SecretString=secret)

    def register(self, **changes: Any) -> Watch:
        watch = a_watch(**{"registered_at": FOREVER, "deadline": FOREVER, **changes})
        self.states.watch_began(watch.vendor, watch.connection)
        self.watches.register(watch, EXECUTION, a_start(), keeps_log=False)
        return watch

    def poll(self, watch: Watch, execution: str = EXECUTION, **settings: Any) -> dict[str, Any]:
        return self.poller(**settings).poll(watch, execution)

    def record(self, watch: Watch) -> Record:
        found = self.watches.get(watch.watch_id)
        assert found is not None
        return found


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Vendor]:
    with aws_account(monkeypatch), servers() as serve:
        client("s3").create_bucket(Bucket="archive", CreateBucketConfiguration={"LocationConstraint": REGION})
        yield Vendor(serve(lambda exchange: exchange.answer(500)), watch_table())


class TestOwner:
    def test_a_poll_is_one_request_and_one_write_of_the_watch(self, vendor: Vendor) -> None:
        vendor.connect()
        watch = vendor.register()
        done = vendor.poll(watch)
        assert (done["action"], len(vendor.server.requests)) == ("WAIT", 1)
        assert vendor.record(watch).watch == from_json(Watch, done["watch"])
        # Nothing of what the connection shares was written.
        assert shared() == replace(shared(), active_watches=1, throttled_until=None, revision=0)

    def test_an_execution_that_owns_the_watch_no_more_changes_nothing(self, vendor: Vendor) -> None:
        vendor.connect()
        watch = vendor.register()
        vendor.watches.pass_on(replace(watch, generation=2), OTHER_EXECUTION)
        before = stored_item(watch.watch_id)
        vendor.says(200, DONE)
        assert vendor.poll(watch)["action"] == "SUPERSEDED"
        assert stored_item(watch.watch_id) == before

    def test_nor_does_one_whose_watch_has_ended(self, vendor: Vendor) -> None:
        vendor.connect()
        watch = vendor.register()
        vendor.watches.pass_on(replace(watch, generation=2), OTHER_EXECUTION)
        vendor.watches.end(replace(watch, generation=2), an_ending())
        assert vendor.poll(watch)["action"] == "SUPERSEDED"
        assert vendor.record(watch).ending == an_ending()

    def test_one_that_has_polled_in_an_attempt_whose_answer_was_lost_goes_on_from_there(self, vendor: Vendor) -> None:
        vendor.connect()
        watch = vendor.register(polls=3)
        further = replace(watch, polls=5, next_poll_at=FOREVER)
        vendor.watches.save(further)
        done = vendor.poll(watch)
        assert (done["action"], from_json(Watch, done["watch"])) == ("WAIT", further)
        assert done["seconds"] > 1
        assert vendor.record(watch).watch == further


class TestPollThatIsLate:
    @pytest.mark.parametrize(("late", "action"), [(7_200.0, "WAIT"), (30.0, "PUBLISH")])
    def test_an_hour_in_which_nobody_asked_is_not_the_vendors(self, vendor: Vendor, late: float, action: str) -> None:
        """Two polls that failed by chance, before and after our own executions were dead, end no watch."""
        vendor.connect()
        due = time.time() - late
        watch = vendor.register(polls=4, failures=1, failing_since=due - 30 - (7_200 - late), next_poll_at=due)
        vendor.says(503, {})
        assert vendor.poll(watch)["action"] == action


class RefusesOnce(Watches):
    """A table that does not take the first poll."""

    def __init__(self, taking: Watches) -> None:
        self._taking, self._refused = taking, False

    def get(self, watch_id: str) -> Record | None:
        return self._taking.get(watch_id)

    def save(self, watch: Watch) -> None:
        if not self._refused:
            self._refused = True
            raise NotWritten("no")
        self._taking.save(watch)


class TestPollThatIsNotWritten:
    def refuse(self, vendor: Vendor) -> None:
        vendor.watches = RefusesOnce(vendor.watches)

    def test_it_is_carried_on_and_written_with_the_next(self, vendor: Vendor, caplog: pytest.LogCaptureFixture) -> None:
        vendor.connect()
        watch = vendor.register()
        self.refuse(vendor)
        first = vendor.poll(watch)
        assert (first["action"], vendor.record(watch).watch) == ("WAIT", watch)
        assert "could not be written" in caplog.text
        second = vendor.poll(from_json(Watch, first["watch"]))
        assert vendor.record(watch).watch == from_json(Watch, second["watch"])
        assert (vendor.record(watch).watch.polls, len(vendor.server.requests)) == (2, 2)

    def test_a_standstill_is_said_by_the_next(self, vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
        vendor.connect()
        monkeypatch.setattr("import_watch.poller.stands_still", lambda *_: 2_000.0)
        watch, said = vendor.register(), []
        self.refuse(vendor)
        for _ in range(3):
            done = vendor.poll(watch)
            said.append(done["action"])
            watch = from_json(Watch, done["watch"])
        assert said == ["WAIT", "STALLED", "WAIT"]

    def test_an_outcome_that_is_known_is_not_carried_by_the_state_machine_alone(self, vendor: Vendor) -> None:
        vendor.connect()
        watch = vendor.register(awaiting_log=an_ending(detected_at=FOREVER))
        self.refuse(vendor)
        vendor.says(503, "busy")
        with pytest.raises(NotWritten):
            vendor.poll(watch)


class TestHandOver:
    def test_after_its_polls_an_execution_names_its_successor_in_the_same_write(self, vendor: Vendor) -> None:
        vendor.connect()
        watch = vendor.register(polls=11, execution_polls=2)
        done = vendor.poll(watch, hand_over_polls=3)
        record = vendor.record(watch)
        assert done["action"] == "HAND_OVER"
        assert (record.watch.generation, record.watch.executions, record.watch.polls) == (2, 2, 12)
        assert record.watch.execution_polls == 0
        assert done["successor"] == {
            "name": successor_name(record.watch),
            "input": {"resume": {"watchId": watch.watch_id, "generation": 2}},
        }
        assert record.execution == named_like(EXECUTION, successor_name(record.watch))

    def test_an_attempt_whose_answer_was_lost_names_the_same(self, vendor: Vendor) -> None:
        vendor.connect()
        watch = vendor.register(execution_polls=2)
        first, again = (vendor.poll(watch, hand_over_polls=3) for _ in range(2))
        assert (again["action"], again["successor"]) == ("HAND_OVER", first["successor"])
        assert vendor.record(watch).watch.generation == 2

    def test_an_import_that_has_ended_is_not_handed_over(self, vendor: Vendor) -> None:
        vendor.connect()
        vendor.says(200, DONE)
        assert vendor.poll(vendor.register(execution_polls=2), hand_over_polls=3)["action"] == "PUBLISH"

    def test_an_execution_that_lost_its_watch_meanwhile_hands_nothing_over(self, vendor: Vendor) -> None:
        vendor.connect()
        watch = vendor.register(execution_polls=2)
        vendor.watches.pass_on(replace(watch, generation=2), OTHER_EXECUTION)
        assert vendor.poll(watch, hand_over_polls=3)["action"] == "SUPERSEDED"
        assert vendor.record(watch).execution == OTHER_EXECUTION


class TestConnection:
    def test_a_429_keeps_every_watch_of_the_connection_away(self, vendor: Vendor) -> None:
        vendor.connect()
        told, other = vendor.register(), vendor.register(watch_id="voyado#default#6", import_id="6")
        vendor.says(429, b"", Retry_After="120")
        vendor.poll(told)
        done = vendor.poll(other)
        assert (done["action"], len(vendor.server.requests)) == ("WAIT", 1)
        assert done["seconds"] >= 119
        after = from_json(Watch, done["watch"])
        assert (after.polls, after.execution_polls, after.vendor_errors) == (0, 1, 0)

    def test_but_none_of_another(self, vendor: Vendor) -> None:
        vendor.connect()
        client("secretsmanager").create_secret(
            Name="stack/voyado/second",
            SecretString=client("secretsmanager").get_secret_value(SecretId="stack/voyado/default")["SecretString"],
        )
        vendor.says(429, b"", Retry_After="120")
        vendor.poll(vendor.register())
        vendor.says(200, RUNNING)
        assert vendor.poll(vendor.register(watch_id="voyado#second#6", connection="second"))["seconds"] < 60
        assert len(vendor.server.requests) == 2

    def test_the_limit_of_the_secret_is_kept_for_watches_to_come(self, vendor: Vendor) -> None:
        vendor.connect(requestsPerMinute=30)
        vendor.poll(vendor.register())
        assert shared().requests_per_minute == 30

    def test_watches_that_share_a_limit_wait_for_whole_rounds(self, vendor: Vendor) -> None:
        vendor.connect(requestsPerMinute=6)
        for number in range(3):
            vendor.states.watch_began("voyado", f"other-{number}")
            vendor.states.watch_began("voyado", "default")
        watch = vendor.register(polls=1)
        # Four watches, one poll every 25 seconds.
        assert vendor.poll(watch)["seconds"] == 100

    def test_a_policy_of_the_secret_comes_before_that_of_the_vendor(self, vendor: Vendor) -> None:
        vendor.connect(policy={"floor": 40})
        watch = vendor.register()
        assert vendor.poll(watch, policy=Policy(floor=20))["seconds"] == 40

    def test_the_vendors_policy_comes_before_the_default(self, vendor: Vendor) -> None:
        vendor.connect()
        assert vendor.poll(vendor.register(), policy=Policy(floor=20))["seconds"] == 20

    def test_an_end_leaves_the_count_and_the_history(self, vendor: Vendor) -> None:
        vendor.connect()
        vendor.says(200, DONE)
        vendor.poll(vendor.register())
        assert (shared().active_watches, len(shared().running_times["PRODUCTS"])) == (0, 1)


class TestStalled:
    """What a standstill is, test_stalled says; here it is taken as given."""

    def test_a_standstill_is_said_once(self, vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
        vendor.connect()
        monkeypatch.setattr("import_watch.poller.stands_still", lambda *_: 2_000.0)
        watch = vendor.register(import_state=ImportState.RUNNING, progress=ReportedProgress(0.25, 0.01))
        first = vendor.poll(watch)
        assert first["action"] == "STALLED"
        assert first["seconds"] > 0
        after = from_json(Watch, first["watch"])
        assert vendor.record(watch).watch == after
        assert vendor.poll(after)["action"] == "WAIT"

    def test_a_watch_that_is_handed_over_says_it_at_its_next_poll(
        self, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        vendor.connect()
        monkeypatch.setattr("import_watch.poller.stands_still", lambda *_: 2_000.0)
        watch = vendor.register(execution_polls=2)
        assert vendor.poll(watch, hand_over_polls=3)["action"] == "HAND_OVER"
        assert vendor.record(watch).watch.stalled_at is None
