"""A sweep over many watches sends few requests: counted by a loopback server that limits their rate as AWS does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from import_watch.services.recovery import MAX_DESCRIBED
from recover_watches.handler import RESERVE_SECONDS

from benchmarks.sweeps.account import Account, Bucket, Size, serving
from benchmarks.sweeps.sweeping import RUN_SECONDS, Sweeps
from tests.sam_template import FUNCTIONS

NOW = time.time()


@contextmanager
def account(size: Size) -> Iterator[tuple[Account, Sweeps]]:
    held = Account(size, NOW)
    with serving(held) as url:
        yield held, Sweeps(url)


def test_active_watches_are_counted_in_pages_and_their_connections_in_batches() -> None:
    with account(Size(active=12_000, connections=250)) as (held, sweeps):
        done, cursor, _ = sweeps.sweep(NOW)
    assert {name: times for name, times in done.items() if times} == {}
    assert (cursor.active, cursor.connection) == (None, None)
    # Overdue and counted, each of eleven partitions; and the connections. No execution is described. This
    # test reads the position as well.
    assert held.requests.pop("Query") <= 2 * 11 + 2
    assert held.requests == {"BatchGetItem": 3, "GetItem": 2, "PutItem": 1}


def test_the_living_among_many_overdue_watches_are_ruled_out_by_lists() -> None:
    with account(Size(active=6_000, overdue=2_000, unlisted=0.01)) as (held, sweeps):
        done, cursor, _ = sweeps.sweep(NOW)
    assert (done["UNCHANGED"], cursor.active) == (2_000, None)
    assert held.requests["ListExecutions"] == done["PAGES_LISTED"] <= 6
    assert held.requests["BatchGetItem"] == 2_000 // 100 + 3
    # Whatever is in no list is described before anything is done.
    assert 0 < held.requests["DescribeExecution"] <= MAX_DESCRIBED
    assert held.requests["StartExecution"] == held.requests["TransactWriteItems"] == 0


def test_the_dead_among_many_overdue_watches_are_found_and_taken_over() -> None:
    with account(Size(active=1_000, overdue=300, dead=5, unlisted=0.0)) as (held, sweeps):
        done, _, _ = sweeps.sweep(NOW)
    assert (done["TAKEN_OVER"], done["UNCHANGED"]) == (5, 295)
    assert held.requests["StartExecution"] == held.requests["TransactWriteItems"] == 5


@pytest.mark.parametrize("limited", ["ListExecutions", "DescribeExecution"])
def test_throttling_ends_a_sweep_at_its_position_and_fails_nothing(
    limited: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botocore.retryhandler.delay_exponential", lambda *_of, **_more: 0.0)
    with account(Size(active=400, overdue=200, dead=60, unlisted=0.0)) as (held, sweeps):
        held.limit(limited, Bucket(25 if limited == "DescribeExecution" else 0, 0.0))
        done, cursor, _ = sweeps.sweep(NOW)
        assert "FAILED" not in done
        if limited == "ListExecutions":
            # Each is described instead.
            assert (done["LISTS_FAILED"], done["TAKEN_OVER"], cursor.active) == (1, 60, None)
            return
        assert (done["THROTTLED"], done["TAKEN_OVER"]) == (1, 25)
        assert cursor.active is not None
        held.limit(limited, Bucket(300, 15.0))
        done, cursor, _ = sweeps.sweep(NOW)
    assert (done["TAKEN_OVER"], cursor.active) == (60 - 25, None)


def test_the_time_of_a_sweep_is_that_of_the_function() -> None:
    timeout = FUNCTIONS["RecoverWatchesFunction"]["Timeout"]
    assert timeout - RESERVE_SECONDS == RUN_SECONDS
