"""Expected running time of the next import by past running times."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from import_watch.scheduling.history import MIN_SIGMA, REMEMBERED, history_of, remembering

TIMES = st.lists(st.floats(0, 2_592_000), min_size=1, max_size=REMEMBERED)


@given(times=TIMES)
def test_the_median_is_one_that_was_seen_or_lies_between_two(times: list[float]) -> None:
    history = history_of(times)
    assert history.count == len(times)
    assert min(max(1.0, time) for time in times) - 1e-6 <= math.exp(history.log_median)
    assert math.exp(history.log_median) <= max(1.0, *times) * (1 + 1e-9)
    assert history.log_sigma >= MIN_SIGMA


def test_one_import_that_hung_for_a_day_hardly_counts() -> None:
    usual = [600.0, 620.0, 590.0, 610.0, 605.0, 595.0, 615.0]
    with_one = history_of([*usual, 86_400.0])
    assert math.exp(with_one.log_median) == pytest.approx(607.5, abs=1)
    assert with_one.log_sigma == MIN_SIGMA


def test_the_spread_is_that_of_the_logarithms() -> None:
    # Quartiles of these logarithms are 1, 2 and 3.
    assert history_of([math.exp(n) for n in range(5)]).log_sigma == pytest.approx(2 / 1.349)


@given(times=TIMES, another=st.floats(0, 2_592_000))
def test_the_latest_are_remembered(times: list[float], another: float) -> None:
    after = remembering(times, another)
    assert after[-1] == another
    assert len(after) == min(REMEMBERED, len(times) + 1)
    assert after[:-1] == tuple(times)[len(times) + 1 - len(after) :]
