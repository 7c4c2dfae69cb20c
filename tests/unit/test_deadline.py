"""The deadline of an exchange: missed once, lifted without a trace, and one thread for all of them."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator

import pytest
from import_watch.exchange import Exchanger, _Deadline

from local.waiting import wait_until

SECONDS = 10.0


@pytest.fixture
def missed() -> list[float]:
    return []


@pytest.fixture
def deadline(missed: list[float]) -> Iterator[_Deadline]:
    watching = _Deadline(lambda: missed.append(time.monotonic()))
    yield watching
    watching.give_up()


def soon() -> float:
    return time.monotonic() + 0.05


def test_a_missed_deadline_is_told_once_and_not_before(deadline: _Deadline, missed: list[float]) -> None:
    ends = soon()
    deadline.set(ends)
    wait_until(lambda: missed, SECONDS, "the deadline is missed")
    assert missed[0] >= ends
    deadline.set(later := soon())
    wait_until(lambda: len(missed) > 1, SECONDS, "the next one is missed")
    assert missed[1] >= later
    assert len(missed) == 2


def test_a_lifted_deadline_is_not_told_of_and_does_not_hold_up_the_next(
    deadline: _Deadline, missed: list[float]
) -> None:
    deadline.set(time.monotonic() + 60)
    deadline.set(None)
    deadline.set(soon())
    wait_until(lambda: missed, SECONDS, "the sooner deadline is missed, although the thread slept for a later one")
    deadline.set(soon())
    deadline.set(None)
    deadline.set(ends := time.monotonic() + 0.2)
    wait_until(lambda: len(missed) > 1, SECONDS, "the last one is missed")
    assert missed[1] >= ends


def test_one_thread_serves_all_deadlines(deadline: _Deadline) -> None:
    before = set(threading.enumerate())
    for _ in range(20):
        deadline.set(time.monotonic() + 60)
        deadline.set(None)
    assert len(set(threading.enumerate()) - before) == 1


def test_the_thread_ends_with_its_exchanger() -> None:
    before = set(threading.enumerate())
    exchanger = Exchanger("Voyado Elevate")
    exchanger._deadline.set(time.monotonic() + 60)
    exchanger._deadline.set(None)
    (thread,) = set(threading.enumerate()) - before
    del exchanger
    gc.collect()
    wait_until(lambda: not thread.is_alive(), SECONDS, "the thread ends")
