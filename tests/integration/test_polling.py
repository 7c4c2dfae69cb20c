"""One poll of the real poller: the rate limit, the owner of the watch, and the action for the state machine."""

from __future__ import annotations

import io
import json
import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pytest
from import_watch.aws.secrets import Connections
from import_watch.aws.watch_store import WatchStore
from import_watch.aws.watch_writer import WriteUnconfirmed
from import_watch.http_client.client import Client
from import_watch.lifecycle.execution_names import sibling_arn, successor_name
from import_watch.model.observation import FailedPoll, ImportState, LogStatus, Observation, ReportedProgress
from import_watch.model.outcome import Outcome
from import_watch.model.record import StoredWatch
from import_watch.model.serialization import from_json, to_json
from import_watch.model.watch import Watch
from import_watch.observability import logger
from import_watch.scheduling.interval import DEFAULT_POLICY, Policy
from import_watch.services.archiving import Archiving
from import_watch.services.polling import Poller
from import_watch.vendors.adapter import Api
from import_watch.vendors.allowed_hosts import Hosts
from import_watch.vendors.details import Details, Page
from import_watch.vendors.request import RequestSpec
from import_watch.vendors.response_body import HttpResponse

from tests.loopback_server import Exchange, Server, servers
from tests.support.polling import a_poller
from tests.unit.aws_fixtures import (
    EXECUTION,
    OTHER_EXECUTION,
    REGION,
    a_result,
    a_start,
    a_watch,
    adapter,
    aws_account,
    client,
    connection_store,
    shared,
    stored_item,
    watch_table,
)

JOB = "7a84b875-6f75-4c7b-b137-0632b62db0bd"
RUNNING = {"id": "5512340987651234567", "status": "IN_PROGRESS", "type": "PRODUCTS"}
DONE = {**RUNNING, "status": "SUCCESS"}
FOREVER = 4_000_000_000.0
"""A time that the clock of this machine does not reach: a watch of then is young, and its deadline far."""


class Vendor:
    """A vendor on this machine, its connection, and the poller that polls it."""

    def __init__(self, server: Server, watches: WatchStore, name: str = "voyado") -> None:
        self.name = name
        self.adapter = adapter(name)
        self.server = server
        self.watches = watches
        self.states = connection_store()
        self.respond_with(200, RUNNING)

    def respond_with(self, status: int, body: Any, **headers: str) -> None:
        def behave(exchange: Exchange) -> None:
            exchange.response(status, body, **headers)

        self.server.behave = behave

    def poller(self, hand_over_polls: int = 200, policy: Policy = DEFAULT_POLICY, cache_seconds: int = 0) -> Poller:
        vendor_adapter = self.adapter
        return a_poller(
            vendor_adapter,
            Connections("stack", vendor_adapter, Hosts(loopback_http=True), cache_seconds=cache_seconds),
            Client(vendor_adapter, hosts=Hosts(loopback_http=True)),
            self.watches,
            self.states,
            Archiving("archive", self.watches, keeps_log=vendor_adapter.keeps_log),
            policy=policy,
            max_polls=hand_over_polls,
        )

    def connect(self, **more: Any) -> None:
        credentials: dict[str, dict[str, Any]] = {
            "voyado": {"apiKey": "an-api-key"},
            "document360": {"apiToken": "an-api-token"},
            "egain": {"tokenUrl": f"{self.server.url}/token", "clientId": "me", "clientSecret": "a-secret"},
        }
        secret = json.dumps({"baseUrl": self.server.url, **credentials[self.name], **more})
        client("secretsmanager").create_secret(Name=f"stack/{self.name}/default", SecretString=secret)

    def register(self, **changes: Any) -> Watch:
        own = {} if self.name == "voyado" else {"watch_id": f"{self.name}#default#{JOB}", "import_id": JOB}
        changes = {"registered_at": FOREVER, "deadline": FOREVER, "vendor": self.name, **own, **changes}
        watch = a_watch(**changes)
        self.states.watch_began(watch.vendor, watch.connection)
        self.watches.register(watch, EXECUTION, a_start(), keeps_log=adapter(self.name).keeps_log)
        return watch

    def poll(self, watch: Watch, execution: str = EXECUTION, **settings: Any) -> dict[str, Any]:
        step: dict[str, Any] = to_json(self.poller(**settings).poll(watch, execution))
        return step

    def record(self, watch: Watch) -> StoredWatch:
        found = self.watches.get(watch.watch_id)
        assert found is not None
        return found


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Vendor]:
    with aws_account(monkeypatch), servers() as serve:
        for bucket in ("archive", "job-logs"):
            client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        name = getattr(request, "param", "voyado")
        yield Vendor(serve(lambda exchange: exchange.response(500)), watch_table(), name)


@pytest.mark.parametrize(("version", "warnings"), [("v3", 1), ("v4", 0)])
def test_an_api_that_will_end_is_logged_once(vendor: Vendor, version: str, warnings: int) -> None:
    vendor.connect(apiVersion="4", adminApiVersion=version)
    vendor.respond_with(200, {"id": RUNNING["id"], "status": "IN_PROGRESS", "reason": None})
    handler = cast("logging.StreamHandler[Any]", logger.registered_handler)
    before, lines = handler.setStream(io.StringIO()), io.StringIO()
    handler.setStream(lines)
    try:
        watch, poller = vendor.register(), vendor.poller()
        for _ in range(2):
            watch = poller.poll(watch, EXECUTION).watch
    finally:
        handler.setStream(before)
    assert vendor.server.requests[0].path == f"/api/admin/{version}/import/status?id={RUNNING['id']}"
    logged = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert sum("ends on 2026-12-31" in line.get("detail", "") for line in logged) == warnings
    assert len(vendor.server.requests) == 2


def with_details(api: Api) -> Api:
    """API that has details of an ended import."""

    def read(response: HttpResponse, import_id: str) -> Observation | FailedPoll:
        seen = api.read(response, import_id)
        return replace(seen, details={"report": "1"}) if isinstance(seen, Observation) else seen

    def read_page(_response: HttpResponse, _seen: Observation) -> Page:
        return Page()

    return replace(api, read=read, details=Details(RequestSpec("/details"), read_page))


class TestOwner:
    def test_a_poll_is_one_request_and_one_write_of_the_watch(self, vendor: Vendor) -> None:
        vendor.connect()
        watch = vendor.register()
        done = vendor.poll(watch)
        assert (done["action"], len(vendor.server.requests)) == ("WAIT", 1)
        assert vendor.record(watch).watch == from_json(Watch, done["watch"])
        # Nothing of what the connection shares was written.
        assert shared() == replace(shared(), active_watches=1, throttled_until=None, revision=0)

    def test_a_former_owner_changes_nothing(self, vendor: Vendor) -> None:
        vendor.connect()
        watch = vendor.register()
        vendor.watches.transfer_ownership(replace(watch, generation=2), OTHER_EXECUTION)
        before = stored_item(watch.watch_id)
        vendor.respond_with(200, DONE)
        assert vendor.poll(watch)["action"] == "SUPERSEDED"
        assert stored_item(watch.watch_id) == before

    def test_nor_does_one_whose_watch_has_ended(self, vendor: Vendor) -> None:
        vendor.connect()
        watch = vendor.register()
        vendor.watches.transfer_ownership(replace(watch, generation=2), OTHER_EXECUTION)
        vendor.watches.end(replace(watch, generation=2), a_result())
        assert vendor.poll(watch)["action"] == "SUPERSEDED"
        assert vendor.record(watch).result == a_result()

    def test_a_lost_attempt_that_has_polled_is_continued(self, vendor: Vendor) -> None:
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
    def test_own_downtime_is_not_counted_as_vendor_failure(self, vendor: Vendor, late: float, action: str) -> None:
        """Two polls that failed by chance, before and after an own downtime, end no watch."""
        vendor.connect()
        due = time.time() - late
        watch = vendor.register(polls=4, failures=4, failing_since=due - 30 - (7_200 - late), next_poll_at=due)
        vendor.respond_with(503, {})
        assert vendor.poll(watch)["action"] == action


class RefusesOnce(WatchStore):
    """A table that does not take the first poll."""

    def __init__(self, taking: WatchStore) -> None:
        self._taking, self._refused = taking, False

    def get(self, watch_id: str) -> StoredWatch | None:
        return self._taking.get(watch_id)

    def save(self, watch: Watch, before: Watch | None = None) -> None:
        if not self._refused:
            self._refused = True
            raise WriteUnconfirmed("no")
        self._taking.save(watch, before)


class TestPollThatIsNotWritten:
    def refuse(self, vendor: Vendor) -> None:
        vendor.watches = RefusesOnce(vendor.watches)

    def test_its_result_is_written_with_the_next_poll(self, vendor: Vendor, caplog: pytest.LogCaptureFixture) -> None:
        vendor.connect()
        watch = vendor.register()
        self.refuse(vendor)
        first = vendor.poll(watch)
        assert (first["action"], vendor.record(watch).watch) == ("WAIT", watch)
        assert "could not be written" in caplog.text
        second = vendor.poll(from_json(Watch, first["watch"]))
        assert vendor.record(watch).watch == from_json(Watch, second["watch"])
        assert (vendor.record(watch).watch.polls, len(vendor.server.requests)) == (2, 2)

    def test_a_stalled_import_is_reported_by_the_next_poll(
        self, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        vendor.connect()
        monkeypatch.setattr("import_watch.lifecycle.transitions.stalled_seconds", lambda *_: 2_000.0)
        watch, actions = vendor.register(), []
        self.refuse(vendor)
        for _ in range(3):
            done = vendor.poll(watch)
            actions.append(done["action"])
            watch = from_json(Watch, done["watch"])
        assert actions == ["WAIT", "STALLED", "WAIT"]

    def test_a_poll_with_a_known_outcome_must_be_written(self, vendor: Vendor) -> None:
        vendor.connect()
        watch = vendor.register(awaiting_log=a_result(detected_at=FOREVER))
        self.refuse(vendor)
        vendor.respond_with(503, "busy")
        with pytest.raises(WriteUnconfirmed):
            vendor.poll(watch)

    def test_a_429_is_shared_although_the_write_fails(self, vendor: Vendor, caplog: pytest.LogCaptureFixture) -> None:
        vendor.connect()
        watch = vendor.register(awaiting_log=a_result(detected_at=FOREVER))
        self.refuse(vendor)
        vendor.respond_with(429, b"", Retry_After="600")
        with pytest.raises(WriteUnconfirmed):
            vendor.poll(watch)
        assert "poll failed" in caplog.text
        vendor.poll(watch)
        assert len(vendor.server.requests) == 1, "the retry is deferred"


WITHOUT_LOG = {"status": "Completed", "success": False, "errors": [{"description": "Element 'ImportLog' not found."}]}
WITHOUT_RESULT = {
    "a key that is rotated": (401, b""),
    "a vendor that is away": (503, b""),
    "an unknown id": (400, {"errors": [{"description": "Invalid import id"}]}),
    "an unknown status": (200, {"status": "Paused"}),
}


@pytest.mark.parametrize("vendor", ["document360"], indirect=True)
class TestOutcomeThatAwaitsItsLog:
    @pytest.mark.parametrize("later", [*WITHOUT_RESULT.values(), (200, {"status": "InProgress"}), (200, WITHOUT_LOG)])
    def test_it_is_not_forgotten_by_another_attempt_of_the_same_poll(self, vendor: Vendor, later: Any) -> None:
        vendor.connect()
        watch = vendor.register()
        vendor.respond_with(200, WITHOUT_LOG)
        first = vendor.poll(watch)
        known = vendor.record(watch).watch
        assert (first["action"], known.log_polls) == ("WAIT", 1)
        vendor.respond_with(*later)
        again = vendor.poll(watch)
        assert (again["action"], from_json(Watch, again["watch"]), vendor.record(watch).watch) == ("WAIT", known, known)
        assert 1 <= again["seconds"] <= 20

    @pytest.mark.parametrize("later", WITHOUT_RESULT.values(), ids=WITHOUT_RESULT)
    def test_it_ends_the_watch_after_two_more_polls_without_result(self, vendor: Vendor, later: Any) -> None:
        vendor.connect()
        watch = vendor.register()
        vendor.respond_with(200, WITHOUT_LOG)
        done = vendor.poll(watch)
        vendor.respond_with(*later)
        for action in ("WAIT", "PUBLISH"):
            done = vendor.poll(from_json(Watch, done["watch"]))
            assert done["action"] == action
        record = vendor.record(watch)
        assert record.result is not None
        assert (record.result.outcome, record.result.reason) == (Outcome.SUCCEEDED, None)
        assert record.response is not None
        response = client("s3").get_object(Bucket="archive", Key=record.response.removeprefix("s3://archive/"))
        assert json.loads(response["Body"].read()) == WITHOUT_LOG, "the response that decided the outcome is archived"

    def test_a_later_failure_replaces_it_and_is_what_is_archived(self, vendor: Vendor) -> None:
        vendor.connect()
        watch = vendor.register()
        vendor.respond_with(200, WITHOUT_LOG)
        done = vendor.poll(watch)
        failed = {"status": "Error", "errors": [{"description": "Import rolled back"}], "import_documentation_log": {}}
        vendor.respond_with(200, failed)
        assert vendor.poll(from_json(Watch, done["watch"]))["action"] == "PUBLISH"
        record = vendor.record(watch)
        assert record.result is not None
        assert (record.result.outcome, record.result.reason) == (Outcome.FAILED, "Import rolled back")
        assert record.response is not None
        response = client("s3").get_object(Bucket="archive", Key=record.response.removeprefix("s3://archive/"))
        assert json.loads(response["Body"].read()) == failed

    def test_an_import_that_runs_again_continues(self, vendor: Vendor) -> None:
        vendor.connect()
        watch = vendor.register()
        vendor.respond_with(200, WITHOUT_LOG)
        done = vendor.poll(watch)
        vendor.respond_with(200, {"status": "InProgress"})
        assert vendor.poll(from_json(Watch, done["watch"]))["action"] == "WAIT"
        assert vendor.record(watch).watch.awaiting_log is None


@pytest.mark.parametrize("vendor", ["egain"], indirect=True)
class TestStoredLog:
    SOURCE = "s3://job-logs/job.txt"

    def respond_ended(self, vendor: Vendor, status: str) -> None:
        body = {"status": status, "jobType": "Import", "logFileLocation": self.SOURCE, "results": {"errors": 5}}

        def behave(exchange: Exchange) -> None:
            token = exchange.request_seen.path == "/token"
            exchange.response(200, {"access_token": "a-token", "expires_in": 3600} if token else body)

        vendor.server.behave = behave

    @pytest.mark.parametrize(("status", "outcome"), [("Successful", "PARTIAL"), ("Failed", "FAILED")])
    @pytest.mark.parametrize("looks", [0, 1, 2, 3])
    def test_a_log_that_is_late_gets_two_further_polls(
        self, vendor: Vendor, status: str, outcome: str, looks: int
    ) -> None:
        vendor.connect(logBuckets=["job-logs"])
        watch = vendor.register()
        self.respond_ended(vendor, status)
        state, actions = watch, list[str]()
        for look in range(3):
            if look == looks:
                client("s3").put_object(Bucket="job-logs", Key="job.txt", Body=b"line one\n")
            done = vendor.poll(state)
            actions.append(done["action"])
            if done["action"] == "PUBLISH":
                break
            assert done["seconds"] <= 20
            state = from_json(Watch, done["watch"])
        record = vendor.record(watch)
        assert actions == ["WAIT"] * min(looks, 2) + ["PUBLISH"]
        assert record.result is not None
        assert record.log is not None
        assert (record.result.outcome.value, record.log.source) == (outcome, self.SOURCE)
        assert record.log.status is (LogStatus.UNAVAILABLE if looks == 3 else LogStatus.ARCHIVED)
        assert ("log is not available (" in record.result.message) is (looks == 3)

    def test_a_log_that_may_not_be_read_is_not_waited_for(self, vendor: Vendor) -> None:
        vendor.connect()
        watch = vendor.register()
        self.respond_ended(vendor, "Successful")
        assert vendor.poll(watch)["action"] == "PUBLISH"
        log = vendor.record(watch).log
        assert log is not None
        assert log.status is LogStatus.VENDOR_ONLY


class TestRefusedCredentials:
    def keys(self, vendor: Vendor) -> list[str | None]:
        return [request.headers.get("api-key") for request in vendor.server.requests]

    def test_a_refusal_that_passes_ends_nothing(self, vendor: Vendor) -> None:
        vendor.connect()
        watch = vendor.register()
        actions = []
        for status, body in ((200, RUNNING), (401, b""), (403, b""), (200, DONE)):
            vendor.respond_with(status, body)
            done = vendor.poll(watch)
            watch = from_json(Watch, done["watch"])
            actions.append((done["action"], done.get("seconds")))
        assert actions == [("WAIT", 5), ("WAIT", 60), ("WAIT", 60), ("PUBLISH", None)]

    def test_the_secret_is_read_again_after_each_refusal(self, vendor: Vendor) -> None:
        vendor.connect()
        poller = vendor.poller(cache_seconds=3_600)
        vendor.respond_with(401, b"")
        watch = poller.poll(vendor.register(), EXECUTION).watch
        assert self.keys(vendor) == ["an-api-key"] * 2, "a secret that was rotated meanwhile is tried in the same poll"
        secret = json.dumps({"baseUrl": vendor.server.url, "apiKey": "a-new-key"})
        client("secretsmanager").put_secret_value(SecretId="stack/voyado/default", SecretString=secret)
        vendor.respond_with(200, RUNNING)
        assert poller.poll(watch, EXECUTION).action == "WAIT"
        assert self.keys(vendor)[2:] == ["a-new-key"]


class TestHandOver:
    def test_the_last_poll_writes_the_successor_in_the_same_write(self, vendor: Vendor) -> None:
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
        assert record.execution == sibling_arn(EXECUTION, successor_name(record.watch))

    def test_a_repeated_attempt_names_the_same_successor(self, vendor: Vendor) -> None:
        vendor.connect()
        watch = vendor.register(execution_polls=2)
        first, again = (vendor.poll(watch, hand_over_polls=3) for _ in range(2))
        assert (again["action"], again["successor"]) == ("HAND_OVER", first["successor"])
        assert vendor.record(watch).watch.generation == 2

    def test_an_import_that_has_ended_is_not_handed_over(self, vendor: Vendor) -> None:
        vendor.connect()
        vendor.respond_with(200, DONE)
        assert vendor.poll(vendor.register(execution_polls=2), hand_over_polls=3)["action"] == "PUBLISH"

    def test_an_execution_that_lost_its_watch_hands_nothing_over(self, vendor: Vendor) -> None:
        vendor.connect()
        watch = vendor.register(execution_polls=2)
        vendor.watches.transfer_ownership(replace(watch, generation=2), OTHER_EXECUTION)
        assert vendor.poll(watch, hand_over_polls=3)["action"] == "SUPERSEDED"
        assert vendor.record(watch).execution == OTHER_EXECUTION


class TestConnection:
    def test_a_429_keeps_every_watch_of_the_connection_away(self, vendor: Vendor) -> None:
        vendor.connect()
        throttled, other = vendor.register(), vendor.register(watch_id="voyado#default#6", import_id="6")
        vendor.respond_with(429, b"", Retry_After="120")
        vendor.poll(throttled)
        done = vendor.poll(other)
        assert (done["action"], len(vendor.server.requests)) == ("WAIT", 1)
        assert done["seconds"] >= 119
        after = from_json(Watch, done["watch"])
        assert (after.polls, after.execution_polls, after.vendor_errors) == (0, 1, 0)

    @pytest.mark.parametrize("hint", [{"Retry_After": "120"}, {}])
    def test_so_does_a_429_for_the_details_of_an_end_that_names_a_time(
        self, vendor: Vendor, hint: dict[str, str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        vendor.adapter = replace(vendor.adapter, apis=with_details(vendor.adapter.api()))
        vendor.connect()
        ended, other = vendor.register(), vendor.register(watch_id="voyado#default#6", import_id="6")

        def behave(exchange: Exchange) -> None:
            if exchange.path == "/details":
                exchange.response(429, b"", **hint)
            else:
                exchange.response(200, DONE)

        vendor.server.behave = behave
        # Details are not awaited for as long as that; without a time, they are requested again soon.
        assert vendor.poll(ended)["action"] == ("PUBLISH" if hint else "WAIT")
        assert '"error":"THROTTLED"' in capsys.readouterr().out
        requests = len(vendor.server.requests)
        done = vendor.poll(other)
        assert (len(vendor.server.requests) == requests) is bool(hint)
        assert (done["seconds"] >= 119) is bool(hint)

    def test_but_none_of_another(self, vendor: Vendor) -> None:
        vendor.connect()
        client("secretsmanager").create_secret(
            Name="stack/voyado/second",
            SecretString=client("secretsmanager").get_secret_value(SecretId="stack/voyado/default")["SecretString"],
        )
        vendor.respond_with(429, b"", Retry_After="120")
        vendor.poll(vendor.register())
        vendor.respond_with(200, RUNNING)
        assert vendor.poll(vendor.register(watch_id="voyado#second#6", connection="second"))["seconds"] < 60
        assert len(vendor.server.requests) == 2

    def test_the_limit_of_the_secret_is_kept_for_watches_to_come(self, vendor: Vendor) -> None:
        vendor.connect(requestsPerMinute=30)
        vendor.poll(vendor.register())
        assert shared().requests_per_minute == 30

    def test_watches_that_share_a_limit_wait_for_whole_cycles(self, vendor: Vendor) -> None:
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
        vendor.respond_with(200, DONE)
        vendor.poll(vendor.register())
        assert (shared().active_watches, len(shared().running_times["PRODUCTS"])) == (0, 1)


class TestStalled:
    """test_stalled defines when an import is stalled; here it is taken as given."""

    def test_a_stalled_import_is_reported_once(self, vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
        vendor.connect()
        monkeypatch.setattr("import_watch.lifecycle.transitions.stalled_seconds", lambda *_: 2_000.0)
        watch = vendor.register(import_state=ImportState.RUNNING, progress=ReportedProgress(0.25, 0.01))
        first = vendor.poll(watch)
        assert first["action"] == "STALLED"
        assert first["seconds"] > 0
        after = from_json(Watch, first["watch"])
        assert vendor.record(watch).watch == after
        assert vendor.poll(after)["action"] == "WAIT"

    def test_a_watch_that_is_handed_over_reports_it_at_its_next_poll(
        self, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        vendor.connect()
        monkeypatch.setattr("import_watch.lifecycle.transitions.stalled_seconds", lambda *_: 2_000.0)
        watch = vendor.register(execution_polls=2)
        assert vendor.poll(watch, hand_over_polls=3)["action"] == "HAND_OVER"
        assert vendor.record(watch).watch.stalled_at is None
