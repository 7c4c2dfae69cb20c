"""A list of ended watches among thousands reads a page of each partition, and no more.

The time with 100,000 of them is a benchmark: `python -m benchmarks.ended_watches`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from import_watch.aws.ended_watches import ended_watches
from import_watch.aws.watch_items import ENDED_SHARDS
from import_watch.model.outcome import Outcome

from local.emulator import Emulator
from tests.support.many_ended_watches import DAY, NOW, many_ended_watches

WATCHES = 5_000
FAILED = (Outcome.FAILED, Outcome.CANCELLED, Outcome.UNKNOWN)
OUTCOMES = (*[Outcome.SUCCEEDED] * 7, *FAILED)


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[Any]:
    with Emulator() as emulator:
        many_ended_watches(emulator, "watches", WATCHES, OUTCOMES, days=50)
        yield emulator.client("dynamodb")


@pytest.mark.parametrize(
    ("outcomes", "days", "limit", "expected"),
    [
        (FAILED, 7, 50, 50),
        (FAILED, 7, 1_000, 210),
        ((Outcome.SUCCEEDED,), 50, 1_000, 1_000),
        ((Outcome.PARTIAL,), 50, 50, 0),
        (tuple(Outcome), 50, 200, 200),
    ],
)
def test_a_list_reads_one_page_of_each_partition(
    dynamodb: Any, outcomes: tuple[Outcome, ...], days: int, limit: int, expected: int
) -> None:
    requests: list[object] = []

    def count(**_: object) -> None:
        requests.append(None)

    dynamodb.meta.events.register("before-call.dynamodb.Query", count)
    found = ended_watches(dynamodb, "watches", outcomes=outcomes, since=NOW - days * DAY, limit=limit)
    dynamodb.meta.events.unregister("before-call.dynamodb.Query", count)
    assert len(requests) == len(outcomes) * ENDED_SHARDS
    assert len(found) == expected
    times = [entry["detectedAt"] for entry in found]
    assert times == sorted(times, reverse=True)
    assert all(entry["outcome"] in {outcome.value for outcome in outcomes} for entry in found)
