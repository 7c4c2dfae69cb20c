"""An earlier poll of a watch: never before the floor, Retry-After, throttling or back-off, and in its own slot."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from import_watch.lifecycle.transitions import MIN_WAKE_GAIN, Transition, defer_poll, schedule, start_watch, wake
from import_watch.model.outcome import Outcome, WatchResult
from import_watch.model.watch import Start, Tolerance, Watch
from import_watch.scheduling.rate_limit import UNSHARED, RateShare

NOW = 1_767_225_600.0
WATCH = start_watch(Start("voyado", "1"), NOW - 3_600, Tolerance())
POLLED = replace(WATCH, polls=9, last_poll_at=NOW - 20, next_poll_at=NOW + 40, not_before=NOW - 15)


@pytest.mark.parametrize(
    ("watch", "share", "throttled_until", "poll_at"),
    [
        (POLLED, UNSHARED, None, 0),
        (replace(POLLED, last_poll_at=NOW - 1, not_before=NOW + 4), UNSHARED, None, 4),
        (replace(POLLED, not_before=NOW + 34), UNSHARED, None, 34),
        (replace(POLLED, not_before=NOW + 36), UNSHARED, None, None),
        (POLLED, UNSHARED, NOW + 10, 10),
        (POLLED, UNSHARED, NOW - 10, 0),
        (replace(POLLED, next_poll_at=NOW + 4.9), UNSHARED, None, None),
        (replace(POLLED, next_poll_at=NOW - 100), UNSHARED, None, None),
        (replace(POLLED, awaiting_log=WatchResult(Outcome.SUCCEEDED, NOW, "It completed.")), UNSHARED, None, None),
        (replace(POLLED, next_poll_at=None), UNSHARED, None, None),
        (replace(POLLED, polls=0, last_poll_at=None, not_before=None), UNSHARED, None, 0),
        # 60 a minute, of which 40 % are planned: a slot takes 2.5 s, the cycle of four watches 10 s.
        (replace(POLLED, next_poll_at=NOW + 43), RateShare(4, 60.0), None, 3),
        (replace(POLLED, next_poll_at=NOW + 43, last_poll_at=NOW - 2), RateShare(4, 60.0), None, 13),
        (replace(POLLED, next_poll_at=NOW + 8), RateShare(4, 60.0), None, None),
        (replace(POLLED, last_poll_at=NOW - 1), RateShare(1, 6.0), None, 24),
    ],
)
def test_the_poll_is_as_early_as_all_that_allows(
    watch: Watch, share: RateShare, throttled_until: float | None, poll_at: float | None
) -> None:
    woken = wake(watch, NOW, share, throttled_until)
    assert (woken and (woken.next_poll_at or 0) - NOW) == pytest.approx(poll_at)
    if woken is not None:
        expected = replace(watch, generation=2, executions=2, execution_polls=0, next_poll_at=woken.next_poll_at)
        assert woken == expected


SECONDS = st.floats(0, 10_000)


@given(
    st.builds(
        lambda last, due, held: replace(POLLED, last_poll_at=NOW - last, next_poll_at=NOW + due, not_before=NOW + held),
        SECONDS,
        SECONDS,
        st.floats(-1_000, 10_000),
    ),
    st.builds(RateShare, st.integers(1, 50), st.none() | st.floats(1, 600)),
    st.none() | st.floats(-1_000, 10_000),
)
def test_no_limit_is_undercut(watch: Watch, share: RateShare, throttled: float | None) -> None:
    until = None if throttled is None else NOW + throttled
    woken = wake(watch, NOW, share, until)
    if woken is None:
        return
    assert woken.next_poll_at is not None
    assert watch.next_poll_at is not None
    assert watch.not_before is not None
    assert watch.last_poll_at is not None
    tolerance = 1e-3
    assert woken.next_poll_at >= max(NOW, watch.not_before, until or NOW) - tolerance
    assert woken.next_poll_at >= watch.last_poll_at + share.cycle_seconds - tolerance
    assert watch.next_poll_at - woken.next_poll_at >= MIN_WAKE_GAIN
    if share.active > 1 and share.cycle_seconds:
        cycles = (watch.next_poll_at - woken.next_poll_at) / share.cycle_seconds
        assert cycles == pytest.approx(round(cycles), abs=1e-3)


@pytest.mark.parametrize(
    ("transition", "not_before"),
    [
        (Transition(POLLED), 5),
        (Transition(replace(POLLED, refused_until=NOW + 30)), 30),
        (Transition(replace(POLLED, refused_until=NOW + 2)), 5),
        (Transition(replace(POLLED, failures=1)), 60),
        (defer_poll(POLLED, NOW, UNSHARED), 60),
    ],
    ids=["floor", "Retry-After", "a short Retry-After", "back-off", "deferred"],
)
def test_a_watch_stores_before_when_it_may_not_be_polled(transition: Transition, not_before: float) -> None:
    assert schedule(transition, NOW, 60, 5).watch.not_before == NOW + not_before
