"""The overview is read once for all windows, and keeps what it has while AWS fails or is slow."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from import_watch.model.outcome import Outcome
from import_watch.model.record import StoredWatch
from import_watch_cli.page import overview
from import_watch_cli.page.overview import OverviewReader
from import_watch_cli.rows import WatchRow, row_of
from import_watch_cli.watches import Watches

from tests.page.seeding import EXECUTION, a_watch, emulated_stack

NOW = 1_795_688_640.0


class GivenWatches(Watches):
    """Watches that the test sets, in place of a table."""

    def __init__(self) -> None:
        super().__init__(emulated_stack("http://127.0.0.1:9"))
        self.active_now: list[StoredWatch] = []
        self.ended_now: list[WatchRow] = []
        self.reads: list[str] = []
        self.error: Exception | None = None
        self.may_respond = threading.Event()
        self.may_respond.set()

    def active_records(self, vendor: str | None = None, limit: int | None = None) -> list[StoredWatch]:  # noqa: ARG002
        self.may_respond.wait(30)
        self.reads.append("active")
        if self.error is not None:
            raise self.error
        return list(self.active_now)

    def ended(
        self,
        outcomes: Collection[Outcome] | None = None,  # noqa: ARG002
        since: float | None = None,
        vendor: str | None = None,  # noqa: ARG002
        limit: int = 50,  # noqa: ARG002
        before: float | None = None,  # noqa: ARG002
    ) -> list[WatchRow]:
        self.reads.append("ended")
        return [row for row in self.ended_now if (row.ended_at or 0) >= (since or 0)]


class Reading:
    """A reader, with its watches and its clock."""

    def __init__(self) -> None:
        self.now = NOW
        self.watches = GivenWatches()
        self.reader = OverviewReader(self.watches, "eu-west-1", lambda: self.now)


@pytest.fixture
def reading() -> Iterator[Reading]:
    found = Reading()
    yield found
    found.watches.may_respond.set()
    found.reader.close()


def a_record(import_id: str = "1", **state: Any) -> StoredWatch:
    return StoredWatch(a_watch("egain", import_id, NOW - 100, **state), EXECUTION)


def an_ended(import_id: str, age: float) -> WatchRow:
    row = row_of(a_record(import_id, polls=20))
    return replace(row, outcome="FAILED", ended_at=NOW - age, next_poll_at=None)


def test_windows_share_a_reading(reading: Reading) -> None:
    for _ in range(5):
        assert reading.reader.latest().read_at == NOW
    assert reading.watches.reads == ["active", "ended"]
    reading.now += 2
    reading.reader.latest()
    assert reading.watches.reads == ["active", "ended", "active"]


def test_ended_watches_are_read_when_one_ends(reading: Reading) -> None:
    reading.watches.active_now = [a_record("1"), a_record("2")]
    reading.reader.latest()
    reading.now += 2
    reading.watches.active_now.pop()
    reading.watches.ended_now = [an_ended("2", -1)]
    assert [row.import_id for row in reading.reader.latest().ended] == ["2"]


def test_ended_watches_leave_after_a_day(reading: Reading) -> None:
    reading.watches.ended_now = [an_ended("new", 0), an_ended("old", 86_390)]
    assert len(reading.reader.latest().ended) == 2
    reading.now += 20
    reading.watches.ended_now = []
    assert [row.import_id for row in reading.reader.latest().ended] == ["new"]


def test_the_latency_is_that_of_the_last_poll(reading: Reading) -> None:
    reading.watches.active_now = [a_record(polls=4, poll_milliseconds=2_000)]
    assert list(reading.reader.latest().latencies.values()) == [0.5]
    reading.now += 2
    reading.watches.active_now = [a_record(polls=5, poll_milliseconds=3_200)]
    assert list(reading.reader.latest().latencies.values()) == [1.2]
    reading.now += 2
    assert list(reading.reader.latest().latencies.values()) == [1.2]


def test_a_failure_keeps_what_was_read(reading: Reading) -> None:
    reading.watches.active_now = [a_record()]
    reading.reader.latest()
    reading.watches.error = EndpointConnectionError(endpoint_url="https://dynamodb.eu-west-1.amazonaws.com")
    for later in (2, 4):
        reading.now = NOW + later
        found = reading.reader.latest()
        assert (found.read_at, found.failing_since, len(found.active)) == (NOW, NOW + 2, 1)
        assert found.failure is not None
        assert found.failure.startswith("AWS could not be reached")
    reading.watches.error = None
    reading.now += 2
    assert (reading.reader.latest().failure, reading.reader.latest().failing_since) == (None, None)


def test_a_slow_service_does_not_hold_the_page(reading: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    reading.watches.active_now = [a_record()]
    reading.reader.latest()
    monkeypatch.setattr(overview, "WAIT_SECONDS", 0.01)
    reading.watches.may_respond.clear()
    reading.now += 5
    found = reading.reader.latest()
    assert len(found.active) == 1
    assert found.failure == "AWS has not responded for 0 s: check the network."
    reading.watches.may_respond.set()


def test_an_unknown_error_is_not_hidden(reading: Reading) -> None:
    reading.watches.error = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        reading.reader.latest()
