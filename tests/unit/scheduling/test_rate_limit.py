"""A connection's rate limit: its watches stay under half of it in any minute, whatever they do and however many."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from import_watch.model.observation import FailedPoll, ImportState, Observation, PollError
from import_watch.model.watch import History, Start, Tolerance, Watch, job_type_key
from import_watch.scheduling.interval import DEFAULT_POLICY, next_wait
from import_watch.scheduling.poll_delay import backoff, next_interval, rate_limit_delay, throttled_until
from import_watch.scheduling.rate_limit import SHARE, RateShare, align_to_slot, initial_offset, slot_seconds

from tests.support.lifecycle import End, Wait, advance, defer_poll, start_watch
from tests.unit.aws_fixtures import NOW, a_watch

MINUTE = 60.0
LIMITS = st.one_of(st.none(), st.floats(1, 100_000))
SHARES = st.builds(RateShare, active=st.integers(1, 10_000), per_minute=LIMITS)


@given(wait=st.integers(0, 10**6), active=st.integers(1, 10_000), at_least=st.booleans())
def test_without_a_limit_nothing_is_changed(wait: int, active: int, *, at_least: bool) -> None:
    assert align_to_slot(wait, RateShare(active), at_least=at_least) == wait


@given(wait=st.integers(0, 10**6), share=SHARES, at_least=st.booleans())
def test_no_watch_polls_more_than_its_share_of_half_the_limit(wait: int, share: RateShare, *, at_least: bool) -> None:
    if share.per_minute is not None:
        assert align_to_slot(wait, share, at_least=at_least) >= 60 * share.active / (0.5 * share.per_minute)


@given(wait=st.integers(0, 10**6), share=SHARES)
def test_a_wait_that_the_vendor_named_only_becomes_longer(wait: int, share: RateShare) -> None:
    assert align_to_slot(wait, share, at_least=True) >= wait


@given(wait=st.integers(5, 10**6), share=SHARES)
def test_a_wait_is_moved_by_half_a_cycle_at_most(wait: int, share: RateShare) -> None:
    moved = align_to_slot(wait, share) - wait
    assert moved <= max(share.cycle_seconds / 2, share.cycle_seconds - wait) + 1
    assert moved >= -share.cycle_seconds / 2


@pytest.mark.parametrize(("active", "wait", "expected"), [(1, 5, 5), (2, 5, 5), (4, 5, 10), (10, 37, 25), (10, 38, 50)])
def test_waits_are_whole_cycles(active: int, wait: int, expected: int) -> None:
    assert slot_seconds(60) == 2.5
    assert align_to_slot(wait, RateShare(active, 60)) == expected


def test_the_first_slot_is_by_the_order_of_arrival() -> None:
    assert [initial_offset(arrival_index, 60) for arrival_index in (1, 2, 3)] == [0, 5, 7.5]
    assert initial_offset(1_000, None) == 0


@dataclass
class Connection:
    """Watches of one connection as the product paces them, by the clock of a simulation.

    Parameters
    ----------
    per_minute : float
    runs : callable
        Gives how long an import takes, in seconds.
    history : History, optional
    """

    per_minute: float
    runs: Callable[[Random], float]
    history: History | None = None
    timeout: int = 10**9
    random: Random = field(default_factory=lambda: Random(5))  # noqa: S311
    active: int = 0
    polled_at: list[float] = field(default_factory=list)

    def play(self, arrivals: list[float], throttled: tuple[float, float] | None = None) -> None:
        """Play imports that start at these times, each until a poll sees its end."""
        due: list[tuple[float, int, Watch | None, float]] = [(at, n, None, 0.0) for n, at in enumerate(arrivals)]
        heapq.heapify(due)
        until: float | None = None
        while due:
            now, number, watch, ends = heapq.heappop(due)
            if watch is None:
                self.active += 1
                first = start_watch(
                    Start("voyado", str(number), timeout_seconds=self.timeout),
                    now,
                    Tolerance(),
                    share=self.share,
                    histories={job_type_key(None): self.history} if self.history else {},
                )
                heapq.heappush(due, (now + first.seconds, number, first.watch, now + self.runs(self.random)))
                continue
            if wait := rate_limit_delay(watch, now, self.share, until):
                heapq.heappush(due, (now + wait, number, watch, ends))
                continue
            # A poll is never quite on time: a function starts cold.
            self.polled_at.append(now + self.random.random())
            before, watch = watch, replace(watch, polls=watch.polls + 1, import_state=ImportState.RUNNING)
            if throttled and throttled[0] <= now < throttled[1]:
                failed = FailedPoll(PollError.THROTTLED, "slow down", retry_after=throttled[1] - now)
                until = throttled_until(failed, watch, now)
                wait = next_interval(replace(watch, failures=1), failed, now, DEFAULT_POLICY, self.share)
            elif now >= ends:
                self.active -= 1
                continue
            else:
                seen = Observation(ImportState.RUNNING)
                step = advance(before, seen, now, Tolerance(), DEFAULT_POLICY, self.share)
                if isinstance(step, End):
                    self.active -= 1
                    continue
                watch, wait = step.watch, step.seconds
            heapq.heappush(due, (now + wait, number, watch, ends))

    @property
    def share(self) -> RateShare:
        return RateShare(max(1, self.active), self.per_minute)

    @property
    def busiest_minute(self) -> int:
        polled, most, first = sorted(self.polled_at), 0, 0
        for last, at in enumerate(polled):
            while polled[first] <= at - MINUTE:
                first += 1
            most = max(most, last - first + 1)
        return most


def log_normal(median: float, sigma: float) -> Callable[[Random], float]:
    return lambda random: random.lognormvariate(math.log(median), sigma)


@pytest.mark.parametrize("count", [2, 7, 20, 29, 60, 200, 1_000])
def test_simultaneous_starts_stay_under_half_the_limit(count: int) -> None:
    connection = Connection(60, log_normal(1_200, 1))
    connection.play([NOW] * count)
    assert connection.active == 0
    assert connection.busiest_minute <= 30


@pytest.mark.parametrize("limit", [30, 60, 600])
def test_bursts_of_starts_stay_under_half_the_limit(limit: float) -> None:
    connection = Connection(limit, log_normal(1_200, 1.2))
    connection.play([NOW + 900 * (number // 50) for number in range(400)])
    assert connection.busiest_minute <= limit / 2


def test_simultaneous_deadlines_stay_under_half_the_limit() -> None:
    connection = Connection(60, lambda _random: 1e9, timeout=600)
    connection.play([NOW] * 200)
    assert connection.active == 0
    assert connection.busiest_minute <= 30


def test_equal_waits_by_history_stay_under_half_the_limit() -> None:
    connection = Connection(60, log_normal(3_000, 0.25), History(20, math.log(3_000), 0.25))
    connection.play([NOW] * 100)
    assert connection.busiest_minute <= 30


def test_throttled_watches_stay_under_half_the_limit() -> None:
    connection = Connection(60, log_normal(1_800, 0.5))
    connection.play([NOW] * 200, throttled=(NOW + 300, NOW + 700))
    during = [at for at in connection.polled_at if NOW + 302 < at < NOW + 700]
    assert during == []
    assert connection.busiest_minute <= 30


def test_random_starts_hardly_exceed_half_the_limit() -> None:
    random = Random(7)  # noqa: S311
    arrivals = sorted(NOW + random.random() * 15_000 for _ in range(500))
    connection = Connection(60, log_normal(1_800, 1.2))
    connection.play(arrivals)
    assert connection.busiest_minute <= 36


class TestFirstPoll:
    """A first wait uses the limit that is known then; the secret may have another."""

    def test_it_is_deferred_where_the_limit_is_lower_than_was_known(self) -> None:
        watch = a_watch(arrival_index=100, initial_rate=None)
        step = defer_poll(watch, NOW + 5, RateShare(100, 60))
        assert isinstance(step, Wait)
        assert step.seconds == 250
        assert (step.watch.initial_rate, step.watch.execution_polls, step.watch.polls) == (60, 1, 0)
        assert defer_poll(step.watch, NOW + 255, RateShare(100, 60)) is None

    def test_it_is_made_where_the_limit_is_as_was_known_or_higher(self) -> None:
        assert defer_poll(a_watch(arrival_index=100, initial_rate=60), NOW + 250, RateShare(100, 60)) is None
        assert defer_poll(a_watch(arrival_index=100, initial_rate=60), NOW + 250, RateShare(100, 600)) is None

    def test_a_resumed_watch_is_not_deferred_again(self) -> None:
        assert defer_poll(a_watch(arrival_index=100, executions=2), NOW + 250, RateShare(100, 60)) is None


def test_a_throttled_connection_gets_no_poll_before_retry_after() -> None:
    failed = FailedPoll(PollError.THROTTLED, "slow down", retry_after=120)
    until = throttled_until(failed, a_watch(), NOW)
    step = defer_poll(a_watch(polls=3), NOW + 10, RateShare(), until)
    assert isinstance(step, Wait)
    assert step.seconds == 110
    assert defer_poll(a_watch(polls=3), NOW + 120, RateShare(), until) is None


def test_without_retry_after_throttling_lasts_the_first_backoff() -> None:
    assert throttled_until(FailedPoll(PollError.THROTTLED, "slow down"), a_watch(), NOW) == NOW + backoff(1)


def test_throttling_of_a_connection_lasts_15_minutes_at_most() -> None:
    assert throttled_until(FailedPoll(PollError.THROTTLED, "", retry_after=86_400), a_watch(), NOW) == NOW + 900


def test_a_deadline_is_kept_while_the_connection_is_throttled() -> None:
    watch = a_watch(polls=3, deadline=NOW + 100, vendor_status="IN_PROGRESS")
    step = defer_poll(watch, NOW + 90, RateShare(), NOW + 500)
    assert isinstance(step, Wait)
    assert step.seconds == 10
    ended = defer_poll(step.watch, NOW + 100, RateShare(), NOW + 500)
    assert not isinstance(ended, Wait | None)
    assert (ended.result.reason, "'IN_PROGRESS'" in ended.result.message) == ("TIMED_OUT", True)


def test_the_share_is_what_is_documented() -> None:
    assert SHARE == 0.4
    assert next_wait(0) == 5
