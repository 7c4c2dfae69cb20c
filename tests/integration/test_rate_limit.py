"""A hundred watches on one connection: the vendor sees no more than half its limit in any minute."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
from import_watch.model.watch import watch_id

from local.progress import standings
from local.stack import LocalStack, connection_fields
from local.waiting import wait_until
from tests.integration.observer import Observer

pytestmark = pytest.mark.xdist_group("rate-limit-stack")
VENDOR = "voyado"
WATCHES = 100
SCALE = 0.1
"""Real seconds to one of the schedule's: a minute is six seconds."""
PER_MINUTE = 100
"""Minutes of the schedule: a cycle of 100 watches takes two of them."""
SECONDS = 200
BATCH = 20
"""Start events at a time: the emulator has 40 workers, and a function that finds none free is a fault here."""


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    # Workers to spare: a poll that finds none free on a busy machine would be an error that is not tested here.
    workers = {"LAMBDA_ACCOUNT_CONCURRENCY": "150"}
    with LocalStack(wait_scale=SCALE, vendors=(VENDOR,), environment=workers) as running:
        fields = connection_fields(VENDOR, running.simulators[VENDOR].base_url)
        running.put_connection(VENDOR, {**fields, "requestsPerMinute": PER_MINUTE}, "busy")
        yield running


@pytest.fixture(scope="module")
def observer(stack: LocalStack) -> Observer:
    return Observer(stack)


def within_a_minute(times: list[float], seconds: float) -> list[int]:
    """For every poll, the number of polls in the minute that ends with it."""
    first, counts = 0, []
    for last, at in enumerate(times):
        while times[first] <= at - seconds:
            first += 1
        counts.append(last - first + 1)
    return counts


def all_registered(observer: Observer, ids: list[str]) -> bool:
    table = standings(observer.stack.client("dynamodb"), observer.stack.outputs["WatchTableName"])
    return all(watch_id(VENDOR, "busy", import_id) in table for import_id in ids)


@pytest.mark.timeout(450)
def test_they_stay_under_half_the_limit(stack: LocalStack, observer: Observer) -> None:
    # The connection's limit is learned by a first watch, as it is by the first of any connection.
    stack.simulators[VENDOR].script("7000", [{"status": "SUCCESS"}])
    stack.start_import({"vendor": VENDOR, "importId": "7000", "connection": "busy"})
    observer.outcome(watch_id(VENDOR, "busy", "7000"))
    ids = [str(7_001 + number) for number in range(WATCHES)]
    for number, import_id in enumerate(ids):
        running = [{"polls": polls, "status": "IN_PROGRESS"}] if (polls := number % 3) else []
        stack.simulators[VENDOR].script(import_id, [*running, {"status": "SUCCESS"}])
    for start in range(0, WATCHES, BATCH):
        for import_id in ids[start : start + BATCH]:
            stack.start_import({"vendor": VENDOR, "importId": import_id, "connection": "busy"})
        wait_until(partial(all_registered, observer, ids[: start + BATCH]), SECONDS, "the watches are registered")
    keys = {watch_id(VENDOR, "busy", import_id) for import_id in ids}
    wait_until(lambda: keys <= observer.all_messages().keys(), SECONDS, "every outcome", pause=0.5)
    messages = observer.all_messages()
    ends = [messages[key][0].event["data"] for key in keys]
    assert {(data["outcome"], data["reason"], data["message"] if data["reason"] else "") for data in ends} == {
        ("SUCCEEDED", None, "")
    }
    polled = sorted(at for import_id in ids for at in stack.simulators[VENDOR].polled_at(import_id))
    assert len(polled) == sum(1 + number % 3 for number in range(WATCHES))
    minutes = within_a_minute(polled, 60 * SCALE)
    # A busy machine makes polls late, and late ones bunch: a few minutes may be fuller than was planned, by little.
    assert max(minutes) < 0.75 * PER_MINUTE
    assert sum(count > PER_MINUTE / 2 for count in minutes) <= 0.05 * len(minutes)
    # And it is a limit that was felt: a watch alone would have ended within half a minute.
    assert polled[-1] - polled[0] >= len(polled) / (PER_MINUTE / 2) * 60 * SCALE
    shared = observer.item(f"{VENDOR}#busy")
    assert (shared["activeWatches"], shared["requestsPerMinute"]) == (0, PER_MINUTE)
