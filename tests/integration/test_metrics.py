"""Every metric is measured where its table defines it: provoked by the real code, with exactly its dimensions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from import_watch.aws.connection_store import ConnectionStore
from import_watch.aws.executions import Executions
from import_watch.aws.secrets import Connections
from import_watch.aws.sns import Topic
from import_watch.aws.sweep_cursor_store import SweepCursorStore
from import_watch.aws.task_tokens import TaskTokens, TokenResult
from import_watch.aws.watch_store import WatchStore
from import_watch.http_client.client import Client
from import_watch.lifecycle.attempts import NotStarted
from import_watch.model.observation import LogRecord, LogStatus, PollError
from import_watch.model.outcome import Outcome, Reason, WatchResult
from import_watch.model.watch import Watch
from import_watch.observability import NAMESPACE, Metric
from import_watch.services.archiving import Archiving
from import_watch.services.callbacks import Callbacks
from import_watch.services.publication import Publisher
from import_watch.services.recovery import Recovered, Recovery
from import_watch.services.waking import Waker, Woken
from import_watch.vendors.allowed_hosts import Hosts

from tests.loopback_server import Exchange, Server, servers
from tests.support.measurements import Measurement, measurements_of
from tests.support.polling import a_poller
from tests.unit.aws_fixtures import (
    EXECUTION,
    NOW,
    OTHER_EXECUTION,
    TABLE,
    VENDORS,
    a_result,
    a_start,
    a_watch,
    adapter,
    aws_account,
    client,
    connection_store,
    registrar,
    state_machine,
    watch_table,
)

FOREVER = 4_000_000_000.0
"""A time that the clock of this machine does not reach: the deadline of a watch of then is far."""
OVERDUE = 300
PRICE = 0.000125
"""USD of a watch without a poll."""


class Account:
    """A vendor on this machine, a table, topics, a state machine, and all that measures."""

    def __init__(self, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
        self.server = server
        self.capsys = capsys
        self.watches: WatchStore = watch_table()
        self.states: ConnectionStore = connection_store()
        self.machine = state_machine()
        secret = json.dumps({"baseUrl": server.url, "apiKey": "an-api-key"})
        client("secretsmanager").create_secret(Name="stack/voyado/default", SecretString=secret)
        self.topic = client("sns").create_topic(Name="outcomes")["TopicArn"]
        self.respond_with(200, {"id": "5512340987651234567", "status": "IN_PROGRESS"})

    def respond_with(self, status: int, body: Any) -> None:
        def behave(exchange: Exchange) -> None:
            exchange.response(status, body)

        self.server.behave = behave

    def watch(self, *, keeps_log: bool = False, task_token: str | None = None, **changes: Any) -> Watch:
        watch = a_watch(**changes)
        self.states.watch_began(watch.vendor, watch.connection)
        self.watches.register(watch, EXECUTION, a_start(task_token=task_token), keeps_log=keeps_log)
        return watch

    def poll(self) -> None:
        voyado = adapter("voyado")
        a_poller(
            voyado,
            Connections("stack", voyado, Hosts(loopback_http=True), cache_seconds=0),
            Client(voyado, hosts=Hosts(loopback_http=True)),
            self.watches,
            self.states,
            Archiving("archive", self.watches, keeps_log=False),
        ).poll(self.watch(registered_at=FOREVER, deadline=FOREVER), EXECUTION)

    def end(self, result: WatchResult, log: LogRecord | None = None, *, keeps_log: bool = False) -> Watch:
        watch = self.watch(keeps_log=keeps_log)
        self.watches.end(watch, result)
        if log is not None:
            self.watches.record_log(watch, log, None)
        return watch

    def publisher(self, topic: str | None = None) -> Publisher:
        sns = client("sns")
        stalled = Topic(sns.create_topic(Name="stalled")["TopicArn"], sns)
        tokens = TaskTokens(TABLE, client("dynamodb"), client("stepfunctions"))
        return Publisher(
            self.watches,
            self.states,
            Topic(topic or self.topic, sns),
            "/import-watch/stack",
            stalled,
            callbacks=lambda: Callbacks(tokens),
        )

    def publish(self, result: WatchResult, log: LogRecord | None = None, *, keeps_log: bool = False) -> None:
        watch = self.end(result, log, keeps_log=keeps_log)
        self.publisher().publish_for(watch.watch_id, watch.attempt, watch.generation, None, NOW + 90)

    def sweep(self, topic: str | None = None) -> None:
        Recovery(
            watches=self.watches,
            connections=self.states,
            executions=Executions(client("stepfunctions")),
            registrar=registrar(self.watches),
            publisher=self.publisher(topic),
            cursors=SweepCursorStore(TABLE, client("dynamodb")),
            state_machine=self.machine,
            overdue_seconds=OVERDUE,
        ).sweep(NOW + 60 + OVERDUE, lambda: 100.0)

    def measured(self) -> list[Measurement]:
        """Take what was measured since the last call."""
        return [found for line in self.capsys.readouterr().out.splitlines() for found in measurements_of(line)]


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Account]:
    monkeypatch.setattr("import_watch.observability.logger.service", "a-stack")
    with aws_account(monkeypatch), servers() as serve:
        yield Account(serve(lambda exchange: exchange.response(500)), capsys)


def slow(account: Account) -> None:
    """Poll a vendor that takes a tenth of a second."""

    def behave(exchange: Exchange) -> None:
        exchange.server.ended.wait(0.1)
        exchange.response(200, {"id": "5512340987651234567", "status": "IN_PROGRESS"})

    account.server.behave = behave
    account.poll()


def started(account: Account) -> None:
    event = {"id": "event-1", "detail": {"vendor": "voyado", "importId": "5512340987651234567"}}
    registrar(account.watches).register(VENDORS.parse(event), EXECUTION, NOW)


def throttled(account: Account) -> None:
    account.respond_with(429, b"")
    account.poll()


def unwritten(account: Account) -> None:
    """Poll while the table goes away: it is there when the poll begins, and gone when the vendor has responded."""

    def behave(exchange: Exchange) -> None:
        client("dynamodb").delete_table(TableName=TABLE)
        exchange.response(200, {"id": "5512340987651234567", "status": "IN_PROGRESS"})

    account.server.behave = behave
    account.poll()


def unrecognised(account: Account) -> None:
    account.respond_with(200, {"id": "5512340987651234567", "status": "ON_HOLIDAY"})
    account.poll()


def deferred(account: Account) -> None:
    account.states.throttled(a_watch(), FOREVER)
    account.poll()


def stalled(account: Account) -> None:
    account.publisher().publish_stalled(account.watch().watch_id, 1, NOW + 3_600)


def published(account: Account) -> None:
    account.publish(a_result(detection_lag_seconds=4.5))


def repeated(account: Account) -> None:
    for execution in (EXECUTION, OTHER_EXECUTION):
        event = {"id": "event-1", "detail": {"vendor": "voyado", "importId": "5512340987651234567"}}
        registrar(account.watches).register(VENDORS.parse(event), execution, NOW)


def called_back(account: Account) -> None:
    """Publish to a task token."""
    watch = account.watch(task_token="token-1")
    account.watches.end(watch, a_result())
    account.publisher().publish_for(watch.watch_id, watch.attempt, watch.generation, None, NOW + 90)


def woken(account: Account) -> None:
    account.watch(next_poll_at=NOW + 60)
    change = {"detail-type": "ImportChanged", "detail": {"vendor": "voyado", "importId": "5512340987651234567"}}
    executions = Executions(client("stepfunctions"))
    waker = Waker(VENDORS, account.watches, account.states, executions)
    waker.wake(VENDORS.parse_change(change), OTHER_EXECUTION, NOW)


def broken(account: Account) -> None:
    account.publish(a_result(outcome=Outcome.UNKNOWN, reason=Reason.WATCH_BROKEN.value))


def log_lost(account: Account) -> None:
    account.publish(a_result(), LogRecord(LogStatus.UNAVAILABLE, reason="AccessDenied"), keeps_log=True)


def active(account: Account) -> None:
    account.watch()
    account.sweep()


def unpublished(account: Account) -> None:
    account.end(a_result())
    client("stepfunctions").stop_execution(executionArn=EXECUTION)
    account.sweep(account.topic.replace("outcomes", "gone"))


VENDOR = {"vendor": "voyado"}
CAUSES: dict[Metric, tuple[Callable[[Account], None], dict[str, str], Any]] = {
    Metric.WATCHES_STARTED: (started, VENDOR, 1),
    Metric.START_EVENTS_IGNORED: (repeated, {"reason": NotStarted.SAME_EVENT.value}, 1),
    Metric.POLLS: (Account.poll, VENDOR, 1),
    Metric.POLLS_FAILED: (throttled, VENDOR, 1),
    Metric.POLL_WRITE_FAILURES: (unwritten, {}, 1),
    Metric.VENDOR_LATENCY: (slow, VENDOR, pytest.approx(2_550, abs=2_451)),
    Metric.VENDOR_ERRORS: (throttled, {**VENDOR, "error": PollError.THROTTLED.value}, 1),
    Metric.UNRECOGNISED_STATUS: (unrecognised, VENDOR, 1),
    Metric.RATE_LIMIT_WAITS: (deferred, VENDOR, 1),
    Metric.IMPORTS_STALLED: (stalled, VENDOR, 1),
    Metric.WATCHES_ENDED: (published, {**VENDOR, "outcome": Outcome.SUCCEEDED.value}, 1),
    Metric.OUTCOMES_UNKNOWN: (broken, {"reason": Reason.WATCH_BROKEN.value}, 1),
    Metric.DETECTION_LAG: (published, VENDOR, 4.5),
    Metric.PUBLICATION_DELAY: (published, VENDOR, 30),
    Metric.IMPORT_DURATION: (published, VENDOR, 60),
    Metric.LOG_ARCHIVE_FAILURES: (log_lost, VENDOR, 1),
    Metric.ESTIMATED_COST: (published, VENDOR, pytest.approx(PRICE, rel=0.1)),
    Metric.SWEEPS: (Account.sweep, {}, 1),
    Metric.OUTCOMES_UNPUBLISHED: (unpublished, {}, 1),
    Metric.ACTIVE_WATCHES: (active, VENDOR, 1),
    Metric.CALLBACKS: (called_back, {"result": TokenResult.SENT.value}, 1),
    Metric.WAKES: (woken, {"result": Woken.WOKEN.value}, 1),
    Metric.RECOVERIES: (unpublished, {"result": Recovered.FAILED.value}, 1),
}


def test_every_metric_is_provoked_here() -> None:
    assert CAUSES.keys() == set(Metric)


@pytest.mark.parametrize("metric", Metric, ids=lambda metric: metric.label)
def test_a_metric_has_exactly_its_dimensions_and_unit(metric: Metric, account: Account) -> None:
    cause, dimensions, value = CAUSES[metric]
    cause(account)
    expected = tuple(sorted({**dimensions, "service": "a-stack"}.items()))
    found = [one for one in account.measured() if one.name == metric.label and one.dimensions == expected]
    assert [(one.namespace, one.unit, one.value) for one in found] == [(NAMESPACE, metric.unit, value)]
    assert set(dimensions) == set(metric.dimensions)


def test_a_poll_is_measured_in_one_line(account: Account) -> None:
    account.poll()
    lines = [line for line in account.capsys.readouterr().out.splitlines() if list(measurements_of(line))]
    assert len(lines) == 1


def test_a_poll_that_failed_is_a_poll_too(account: Account) -> None:
    throttled(account)
    assert {"Polls", "PollsFailed", "VendorLatency", "VendorErrors"} == {one.name for one in account.measured()}


@pytest.mark.parametrize(("status", "failed"), [(200, 0), (401, 0), (403, 0), (429, 1), (500, 1), (503, 1), (302, 1)])
def test_refused_credentials_are_no_failure_of_the_vendor(status: int, failed: float, account: Account) -> None:
    """An alarm reports that a vendor fails on all connections where these are nearly all of its polls."""
    client("s3").create_bucket(
        Bucket="archive", CreateBucketConfiguration={"LocationConstraint": client("s3").meta.region_name}
    )
    account.respond_with(status, {"id": "5512340987651234567", "status": "IN_PROGRESS"})
    account.poll()
    assert [one.value for one in account.measured() if one.name == "PollsFailed"] == [failed]


def test_a_deferred_poll_is_not_counted(account: Account) -> None:
    deferred(account)
    assert [one.name for one in account.measured()] == ["RateLimitWaits"]


def test_a_poll_without_a_request_has_no_latency(account: Account) -> None:
    client("secretsmanager").delete_secret(SecretId="stack/voyado/default", ForceDeleteWithoutRecovery=True)
    client("s3").create_bucket(
        Bucket="archive", CreateBucketConfiguration={"LocationConstraint": client("s3").meta.region_name}
    )
    account.poll()
    assert {one.name for one in account.measured()} == {"Polls", "PollsFailed", "VendorErrors"}


def test_what_a_vendor_gives_as_a_reason_is_no_dimension(account: Account) -> None:
    account.publish(a_result(outcome=Outcome.FAILED, reason="The archive holds no project file."))
    measured = account.measured()
    assert ("WatchesEnded", "FAILED") in {(one.name, dict(one.dimensions).get("outcome")) for one in measured}
    assert "project file" not in str(measured)


def test_what_a_start_event_gives_as_a_vendor_is_no_dimension(account: Account) -> None:
    event = {"id": "event-1", "detail": {"vendor": "made-up", "importId": "1"}}
    done = registrar(account.watches).register(VENDORS.parse(event), EXECUTION, NOW)
    account.publisher().publish_for(done.watch.watch_id, 1, 1, None, NOW + 1)
    measured = account.measured()
    assert "made-up" not in str(measured)
    assert {dict(one.dimensions)["vendor"] for one in measured if one.name == "WatchesEnded"} == {"invalid"}


def test_an_outcome_that_is_published_twice_is_counted_once(account: Account) -> None:
    published(account)
    watch = a_watch()
    account.publisher().publish_for(watch.watch_id, watch.attempt, watch.generation, None, NOW + 99)
    assert [one.name for one in account.measured()].count("WatchesEnded") == 1


def test_a_vendor_without_active_watches_is_measured_as_zero(account: Account) -> None:
    account.sweep()
    active = {dict(one.dimensions)["vendor"]: one.value for one in account.measured() if one.name == "ActiveWatches"}
    assert active == dict.fromkeys(VENDORS.names, 0)


def test_a_sweep_without_unpublished_outcomes_measures_zero(account: Account) -> None:
    """The alarm of unpublished outcomes needs a 0 to end."""
    account.sweep()
    assert [one.value for one in account.measured() if one.name == "OutcomesUnpublished"] == [0]


def test_a_watch_that_is_left_alone_is_no_recovery(account: Account) -> None:
    account.watch(next_poll_at=NOW)
    account.sweep()
    assert [one for one in account.measured() if one.name == "Recoveries"] == []


@pytest.mark.parametrize("log", [LogRecord(LogStatus.VENDOR_ONLY, source="s3://b/k", reason="not ours"), None])
def test_a_log_that_is_where_it_should_be_is_no_failure(log: LogRecord | None, account: Account) -> None:
    account.publish(a_result(), log)
    assert "LogArchiveFailures" not in {one.name for one in account.measured()}


def test_a_watch_that_ended_before_its_log_was_archived_lost_it(account: Account) -> None:
    account.publish(replace(a_result(), outcome=Outcome.PARTIAL), keeps_log=True)
    assert "LogArchiveFailures" in {one.name for one in account.measured()}
