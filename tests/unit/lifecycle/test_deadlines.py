"""Deadlines and clocks: a watch ends at its deadline, whatever the vendor's clock, the calendar or the season."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from import_watch.model.observation import FailedPoll, ImportState, Observation, PollError, ReportedProgress
from import_watch.model.outcome import WatchResult
from import_watch.model.watch import Start, Tolerance
from import_watch.scheduling.interval import DEFAULT_POLICY
from import_watch.scheduling.rate_limit import RateShare
from import_watch.scheduling.running_time import running_time
from import_watch.vendors.fields import time_of

from tests.support.lifecycle import End, Wait, advance, defer_poll, start_watch

T0 = 1_767_225_600.0
HOUR = 3_600.0
TOLERANT = Tolerance(not_found=10**9, unrecognised=10**9, failing=10**9)
MAX_POLLS = 20_000


def watched_until_the_end(
    start: Start, see: Callable[[float], Observation | FailedPoll]
) -> tuple[WatchResult, float, int]:
    """Poll an import as the state machine would; give the ending, when it came, and the longest wait."""
    step: Wait | End = start_watch(start, T0, TOLERANT)
    now, longest = T0, 0
    for _ in range(MAX_POLLS):
        if isinstance(step, End):
            return step.result, now, longest
        now, longest = now + step.seconds, max(longest, step.seconds)
        step = advance(step.watch, see(now), now, TOLERANT)
    raise AssertionError("the watch did not end")


STATES = st.sampled_from([ImportState.QUEUED, ImportState.RUNNING, ImportState.NOT_FOUND, ImportState.UNRECOGNISED])
OBSERVATIONS = st.builds(
    Observation,
    STATES,
    vendor_status=st.just("Busy"),
    progress=st.none() | st.builds(ReportedProgress, st.floats(0, 1), st.none() | st.floats(1e-6, 1)),
    started_at=st.none() | st.floats(T0 - 40 * 24 * HOUR, T0 + 40 * 24 * HOUR),
)
FAILURES = st.builds(
    FailedPoll,
    st.sampled_from([PollError.UNAVAILABLE, PollError.THROTTLED, PollError.UNREADABLE]),
    st.just("busy"),
    st.none() | st.floats(0, 900),
)


@settings(deadline=None)  # a watch of many polls is no fault
@given(
    timeout=st.integers(1, 200_000),
    polls=st.lists(OBSERVATIONS | FAILURES, min_size=1, max_size=20),
    started_at=st.none() | st.floats(T0 - 30 * 24 * HOUR, T0 + 30 * 24 * HOUR),
)
def test_a_watch_that_sees_no_end_is_given_up_at_its_deadline(
    timeout: int, polls: list[Observation | FailedPoll], started_at: float | None
) -> None:
    sequence = iter(polls * (MAX_POLLS // len(polls) + 1))
    start = Start("egain", "1", started_at=started_at, timeout_seconds=timeout)
    result, ended, _ = watched_until_the_end(start, lambda _now: next(sequence))
    assert result.reason == "TIMED_OUT"
    # The last poll is made at the deadline, or the floor after the one before it.
    assert timeout <= ended - T0 <= timeout + DEFAULT_POLICY.floor


def test_the_message_has_the_last_status_that_was_seen() -> None:
    seen = Observation(ImportState.RUNNING, "In Progress", progress=ReportedProgress(0.4, 0.01))
    result, _, _ = watched_until_the_end(Start("egain", "1", timeout_seconds=600), lambda _now: seen)
    assert result.vendor_status == "In Progress"
    assert "(last status 'In Progress', 40% done)" in result.message


def test_a_timeout_shorter_than_the_floor_is_kept_too() -> None:
    result, ended, _ = watched_until_the_end(
        Start("egain", "1", timeout_seconds=1), lambda _now: Observation(ImportState.RUNNING)
    )
    assert (result.reason, ended - T0) == ("TIMED_OUT", 1)


def test_a_deadline_is_kept_while_the_connection_is_throttled() -> None:
    first = start_watch(Start("egain", "1", timeout_seconds=60), T0, TOLERANT)
    throttled = defer_poll(first.watch, T0 + 60, RateShare(1_000, 60), T0 + 900)
    assert isinstance(throttled, End)
    assert throttled.result.reason == "TIMED_OUT"


def test_watches_that_share_a_limit_are_given_up_one_by_one() -> None:
    """All at the deadline would be as many requests in one second as there are watches."""
    share, running = RateShare(200, 60), Observation(ImportState.RUNNING)
    first = start_watch(Start("egain", "1", timeout_seconds=600), T0, TOLERANT, share=share)
    assert first.seconds == share.cycle_seconds == 500
    second = advance(first.watch, running, T0 + 500, TOLERANT, share=share)
    assert isinstance(second, Wait)
    assert second.seconds == 500
    last = advance(second.watch, running, T0 + 1_000, TOLERANT, share=share)
    assert isinstance(last, End)
    assert last.result.reason == "TIMED_OUT"


@settings(deadline=None)
@given(skew=st.floats(-HOUR, HOUR), took=st.floats(1, 80_000), reported=st.booleans())
def test_a_vendors_clock_that_is_an_hour_off_makes_no_watch_late(skew: float, took: float, *, reported: bool) -> None:
    """Its clock may be ahead or behind: the end is seen within the bound that holds for any evidence."""
    ends = T0 + took

    def see(now: float) -> Observation:
        started_at = T0 + skew if reported else None
        if now < ends:
            return Observation(ImportState.RUNNING, "Busy", started_at=started_at)
        return Observation(
            ImportState.SUCCEEDED, "Done", started_at=started_at, ended_at=ends + skew if reported else None
        )

    result, seen, _ = watched_until_the_end(Start("egain", "1", timeout_seconds=90_000), see)
    assert result.outcome == "SUCCEEDED"
    # A start that is reported an hour too early makes the import seem older, and a wait is a tenth of the age.
    assert seen - ends <= max(6, 0.1 * (took + HOUR), 60) + 1
    assert result.detection_lag_seconds is not None
    assert result.detection_lag_seconds >= 0


@given(skew=st.floats(-HOUR, HOUR), took=st.floats(0, 80_000))
def test_a_vendors_clock_never_makes_a_running_time_negative(skew: float, took: float) -> None:
    first = start_watch(Start("egain", "1"), T0, TOLERANT)
    seen = Observation(ImportState.RUNNING, started_at=T0 + skew)
    step = advance(first.watch, seen, T0 + 5, TOLERANT)
    assert running_time(step.watch, T0 + took + skew) >= 0


@pytest.mark.parametrize("started_at", [T0 - 400 * 24 * HOUR, T0 + 400 * 24 * HOUR, 0.0])
def test_a_start_in_another_year_is_ignored(started_at: float) -> None:
    _, _, longest = watched_until_the_end(
        Start("egain", "1", started_at=started_at, timeout_seconds=2_000),
        lambda _now: Observation(ImportState.RUNNING, started_at=started_at),
    )
    assert longest <= 200


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2028-02-29T12:00:00Z", datetime(2028, 2, 29, 12, tzinfo=UTC)),
        # The hour that is repeated when summer time ends is two different hours by its offset.
        ("2026-10-25T02:30:00+02:00", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("2026-10-25T02:30:00+01:00", datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
        # The hour that does not exist when it begins is still a moment, by its offset.
        ("2026-03-29T02:30:00+01:00", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        ("2026-12-31T23:59:59.999-12:00", datetime(2027, 1, 1, 11, 59, 59, 999_000, tzinfo=UTC)),
    ],
)
def test_unusual_dates_are_read(text: str, meant: datetime) -> None:
    assert time_of(text) == meant.timestamp()


def test_a_day_that_does_not_exist_is_no_time() -> None:
    assert time_of("2026-02-29T12:00:00Z") is None
