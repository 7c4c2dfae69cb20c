"""Transitions of a watch: every state and poll error, every grace period at its edge, any sequence of polls."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import replace
from itertools import cycle
from typing import TypeAlias

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from import_watch.lifecycle.outcome_rules import broken, stopped
from import_watch.lifecycle.transitions import exclude_own_downtime, hand_over, resume_delay
from import_watch.model.observation import (
    FailedPoll,
    ImportState,
    InlineLog,
    LogRecord,
    LogStatus,
    MissingLog,
    Observation,
    PollError,
    Problem,
    ReportedProgress,
    Severity,
    StoredLog,
)
from import_watch.model.outcome import Outcome, WatchResult
from import_watch.model.serialization import from_json, to_json
from import_watch.model.watch import FIXED_FIELDS, Start, Tolerance, Watch
from import_watch.scheduling.poll_delay import backoff
from import_watch.scheduling.rate_limit import UNSHARED

from tests.support.lifecycle import End, Wait, advance, defer_poll, start_watch

Polled: TypeAlias = Observation | FailedPoll

T0 = 1_700_000_000.0
HOUR, DAY = 3_600, 86_400
FLOOR = 5
TOLERANCE = Tolerance()
MONTH = Tolerance(timeout=30 * DAY)
NO_TOLERANCE = Tolerance(not_found=0, unrecognised=0, failing=0)
START = Start("document360", "4711")

QUEUED = Observation(ImportState.QUEUED, "Queued")
RUNNING = Observation(ImportState.RUNNING, "InProgress")
NOT_FOUND = Observation(ImportState.NOT_FOUND)
UNRECOGNISED = Observation(ImportState.UNRECOGNISED, "Paused")
LOG = InlineLog({"articles": "2"}, "articles: 2\n")
SUCCEEDED = Observation(ImportState.SUCCEEDED, "Completed", log=LOG)
WITHOUT_LOG = replace(SUCCEEDED, log=MissingLog("Element 'ImportLog' not found.", expected=True))
FAILED = Observation(ImportState.FAILED, "Error", log=MissingLog("no log", expected=False))
CANCELLED = Observation(ImportState.CANCELLED, "Cancelled")
UNAVAILABLE = FailedPoll(PollError.UNAVAILABLE, "HTTP 502")
THROTTLED = FailedPoll(PollError.THROTTLED, "HTTP 429")
UNREADABLE = FailedPoll(PollError.UNREADABLE, "HTTP 200: not JSON")
UNAUTHORIZED = FailedPoll(PollError.UNAUTHORIZED, "HTTP 401")
MISCONFIGURED = FailedPoll(PollError.MISCONFIGURED, "no such secret")
NO_SUCH_HOST = FailedPoll(PollError.UNAVAILABLE, "name not found", after_grace=True)
GATEWAY_404 = FailedPoll(PollError.MISCONFIGURED, "no such cluster", after_grace=True)


def after(*polls: tuple[float, Polled], start: Start = START, tolerance: Tolerance = TOLERANCE) -> Wait | End:
    """Poll at these seconds after the start of the watch; all but the last only wait."""
    step: Wait | End = start_watch(start, T0, tolerance)
    for seconds, polled in polls:
        assert isinstance(step, Wait), f"ended before {seconds} s"
        step = advance(step.watch, polled, T0 + seconds, tolerance)
    return step


def wait_after(*polls: tuple[float, Polled], start: Start = START, tolerance: Tolerance = TOLERANCE) -> Wait:
    step = after(*polls, start=start, tolerance=tolerance)
    assert isinstance(step, Wait), "ended"
    return step


def result_after(*polls: tuple[float, Polled], start: Start = START, tolerance: Tolerance = TOLERANCE) -> WatchResult:
    step = after(*polls, start=start, tolerance=tolerance)
    assert isinstance(step, End), "waits"
    assert step.watch.next_poll_at is None
    assert step.watch.awaiting_log is None
    return step.result


def consecutive(polled: Polled, first: float, last: float, polls: int = 5) -> list[tuple[float, Polled]]:
    """Consecutive equal polls, from `first` to `last` seconds after the start of the watch."""
    return [(first + (last - first) * number / (polls - 1), polled) for number in range(polls)]


def decided(step: Wait | End) -> str | None:
    """Reason of an UNKNOWN outcome, name of any other outcome, None for a watch that waits."""
    if isinstance(step, Wait):
        return None
    return step.result.reason if step.result.outcome is Outcome.UNKNOWN else step.result.outcome.value


# Every member needs an entry: the decision of its first poll, and that of the same poll for a day.
STATES: dict[ImportState, tuple[Polled, str | None, str]] = {
    ImportState.QUEUED: (QUEUED, None, "TIMED_OUT"),
    ImportState.RUNNING: (RUNNING, None, "TIMED_OUT"),
    ImportState.SUCCEEDED: (SUCCEEDED, "SUCCEEDED", "SUCCEEDED"),
    ImportState.FAILED: (FAILED, "FAILED", "FAILED"),
    ImportState.CANCELLED: (CANCELLED, "CANCELLED", "CANCELLED"),
    ImportState.PARTIAL: (replace(SUCCEEDED, state=ImportState.PARTIAL), "PARTIAL", "PARTIAL"),
    ImportState.EXPIRED: (replace(FAILED, state=ImportState.EXPIRED), "FAILED", "FAILED"),
    ImportState.REVERTED: (replace(CANCELLED, state=ImportState.REVERTED), "CANCELLED", "CANCELLED"),
    ImportState.RESULT_EXPIRED: (Observation(ImportState.RESULT_EXPIRED, "Gone"), "NOT_FOUND", "NOT_FOUND"),
    ImportState.NOT_FOUND: (NOT_FOUND, None, "NOT_FOUND"),
    ImportState.UNRECOGNISED: (UNRECOGNISED, None, "UNRECOGNISED_STATUS"),
}
POLL_ERRORS: dict[PollError, tuple[Polled, str | None, str]] = {
    PollError.UNAVAILABLE: (UNAVAILABLE, None, "VENDOR_UNAVAILABLE"),
    PollError.THROTTLED: (THROTTLED, None, "VENDOR_UNAVAILABLE"),
    PollError.UNREADABLE: (UNREADABLE, None, "UNREADABLE_ANSWER"),
    PollError.UNAUTHORIZED: (UNAUTHORIZED, None, "UNAUTHORIZED"),
    PollError.MISCONFIGURED: (MISCONFIGURED, "MISCONFIGURED", "MISCONFIGURED"),
}
OUTCOMES: dict[Outcome, Polled] = {
    Outcome.SUCCEEDED: SUCCEEDED,
    Outcome.PARTIAL: replace(SUCCEEDED, counts={"errors": 1}),
    Outcome.FAILED: FAILED,
    Outcome.CANCELLED: CANCELLED,
    Outcome.UNKNOWN: MISCONFIGURED,
}
DECISIONS = [pytest.param(*decision, id=str(word)) for word, decision in [*STATES.items(), *POLL_ERRORS.items()]]


def test_every_state_error_and_outcome_is_decided_on() -> None:
    assert (set(STATES), set(POLL_ERRORS), set(OUTCOMES)) == (set(ImportState), set(PollError), set(Outcome))


@pytest.mark.parametrize(("polled", "first", "_at_last"), DECISIONS)
def test_the_decision_of_the_first_poll(polled: Polled, first: str | None, _at_last: str) -> None:
    assert decided(after((5, polled))) == first


@pytest.mark.parametrize(("polled", "_first", "at_last"), DECISIONS)
def test_the_decision_of_the_same_response_for_a_day(polled: Polled, _first: str | None, at_last: str) -> None:
    step: Wait | End = start_watch(START, T0, TOLERANCE)
    while isinstance(step, Wait):
        assert step.watch.next_poll_at is not None
        step = advance(step.watch, polled, step.watch.next_poll_at, TOLERANCE)
    assert decided(step) == at_last


@pytest.mark.parametrize(("outcome", "polled"), OUTCOMES.items())
def test_the_observation_that_leads_to_each_outcome(outcome: Outcome, polled: Polled) -> None:
    assert result_after((5, polled)).outcome is outcome


def test_errors_make_a_completed_import_partial_warnings_do_not() -> None:
    warned = result_after((5, replace(SUCCEEDED, counts={"errors": 0, "warnings": 3})))
    failed = result_after((5, replace(SUCCEEDED, counts={"errors": 1, "warnings": 0})))
    assert (warned.outcome, failed.outcome) == (Outcome.SUCCEEDED, Outcome.PARTIAL)


def test_a_result_has_all_that_the_vendor_reported() -> None:
    seen = Observation(
        ImportState.FAILED,
        "Failed",
        job_type="import",
        counts={"errors": 2},
        problems=(Problem(Severity.ERROR, "bad file"),),
        started_at=T0 - 60,
        ended_at=T0 + 30,
        retryable=True,
        reason="bad file",
    )
    result = result_after((40, seen))
    assert replace(result, message="") == WatchResult(
        outcome=Outcome.FAILED,
        message="",
        detected_at=T0 + 40,
        reason="bad file",
        retryable=True,
        vendor_status="Failed",
        job_type="import",
        counts={"errors": 2},
        problems=(Problem(Severity.ERROR, "bad file"),),
        started_at=T0 - 60,
        ended_at=T0 + 30,
        detection_lag_seconds=10,
        has_log=False,
    )


def test_an_unknown_outcome_has_all_that_was_seen_before() -> None:
    problems = tuple(Problem(Severity.WARNING, str(n)) for n in range(30))
    lost = replace(UNRECOGNISED, counts={"processed": 3}, problems=problems)
    result = result_after((5, replace(RUNNING, job_type="import", started_at=T0 - 60)), *consecutive(lost, 10, 610))
    assert (result.outcome, result.vendor_status, result.job_type) == (Outcome.UNKNOWN, "Paused", "import")
    assert (result.counts, result.problems, result.started_at) == ({"processed": 3}, problems[:20], T0 - 60)


def test_a_result_has_the_problems_of_a_failed_poll() -> None:
    problem = Problem(Severity.ERROR, "the key has expired")
    assert result_after((5, replace(MISCONFIGURED, problems=(problem,)))).problems == (problem,)


@pytest.mark.parametrize("polled", [SUCCEEDED, MISCONFIGURED])
def test_without_a_start_of_the_vendor_the_start_event_s_counts(polled: Polled) -> None:
    assert result_after((5, polled), start=replace(START, started_at=T0 - 30)).started_at == T0 - 30


def test_an_announced_start_is_no_start_of_a_cancelled_import() -> None:
    cancelled = result_after((5, replace(QUEUED, started_at=T0 + DAY)), (10, CANCELLED))
    assert cancelled.started_at is None


def test_only_a_failure_has_the_vendor_s_reason() -> None:
    assert result_after((5, replace(CANCELLED, reason="by hand"))).reason is None


def test_a_result_has_at_most_twenty_problems() -> None:
    many = tuple(Problem(Severity.ERROR, str(n)) for n in range(30))
    assert result_after((5, replace(FAILED, problems=many))).problems == many[:20]


# ------------------------------------------------------------ tolerances ----


GRACE_PERIODS = [
    pytest.param(NO_SUCH_HOST, 120, "MISCONFIGURED", id="a host that was never there, from the start of the watch"),
    pytest.param(NOT_FOUND, 120, "NOT_FOUND", id="not found, from the start of the watch"),
    pytest.param(GATEWAY_404, 120, "MISCONFIGURED", id="perhaps a gateway's mistake, from the start of the watch"),
    pytest.param(UNAUTHORIZED, 10 + 60, "UNAUTHORIZED", id="credentials that never worked"),
    pytest.param(UNRECOGNISED, 10 + 600, "UNRECOGNISED_STATUS", id="unrecognised, from its first sight"),
    pytest.param(UNAVAILABLE, 10 + 3_600, "VENDOR_UNAVAILABLE", id="unavailable, from the first failed poll"),
    pytest.param(THROTTLED, 10 + 3_600, "VENDOR_UNAVAILABLE", id="throttled, from the first failed poll"),
    pytest.param(UNREADABLE, 10 + 3_600, "UNREADABLE_ANSWER", id="unreadable, from the first failed poll"),
]


@pytest.mark.parametrize(("polled", "tolerated", "reason"), GRACE_PERIODS)
def test_an_error_is_tolerated_for_its_grace_period(polled: Polled, tolerated: float, reason: str) -> None:
    assert decided(after(*consecutive(polled, 10, tolerated - 0.01))) is None
    assert decided(after(*consecutive(polled, 10, tolerated))) == reason


def test_a_host_that_was_there_before_is_unavailable() -> None:
    for first in RUNNING, NOT_FOUND:
        assert decided(after((5, first), *consecutive(NO_SUCH_HOST, 10, 10 + 3_599))) is None
        assert decided(after((5, first), *consecutive(NO_SUCH_HOST, 10, 10 + 3_600))) == "VENDOR_UNAVAILABLE"


@pytest.mark.parametrize(("polled", "tolerated", "reason"), GRACE_PERIODS)
def test_four_consecutive_polls_are_too_few_however_long(polled: Polled, tolerated: float, reason: str) -> None:
    few = consecutive(polled, 10, 5 * tolerated, polls=4)
    assert decided(after(*few)) is None
    assert decided(after(*few, (5 * tolerated + 60, polled))) == reason


@pytest.mark.parametrize(
    ("polled", "tolerated"),
    [
        (UNRECOGNISED, 600),
        (UNAVAILABLE, 3_600),
        (UNREADABLE, 3_600),
        (NOT_FOUND, 120),
        (GATEWAY_404, 120),
        (UNAUTHORIZED, 300),
    ],
)
@pytest.mark.parametrize("good", [RUNNING, QUEUED], ids=["running", "queued"])
def test_one_good_response_restarts_the_count(polled: Polled, tolerated: float, good: Observation) -> None:
    before: list[tuple[float, Polled]] = [*consecutive(polled, 20, 30, polls=4), (40.0, good)]
    assert decided(after(*before, *consecutive(polled, 1_000, 1_000 + tolerated - 0.01))) is None
    assert decided(after(*before, *consecutive(polled, 1_000, 1_000 + tolerated))) is not None
    assert decided(after(*before, *consecutive(polled, 1_000, 1_000 + tolerated, polls=4))) is None


@pytest.mark.parametrize(
    ("polls", "interval"), [([], 15), ([(5.0, UNAVAILABLE)], 15), ([(5.0, RUNNING)], 60), ([(5.0, NOT_FOUND)], 60)]
)
def test_credentials_that_never_worked_are_tried_more_often(polls: list[tuple[float, Polled]], interval: int) -> None:
    step = wait_after(*polls, (20, UNAUTHORIZED))
    assert step.seconds == interval
    assert next_step(step, UNAUTHORIZED).seconds == interval


@pytest.mark.parametrize(("unauthorized", "first", "later"), [(300, 60, 300), (30, 30, 30), (90, 60, 90)])
def test_the_grace_period_of_refused_credentials_is_a_setting(unauthorized: int, first: float, later: float) -> None:
    tolerance = Tolerance(unauthorized=unauthorized)
    for before, grace in ([], first), ([(5.0, RUNNING)], later):
        assert decided(after(*before, *consecutive(UNAUTHORIZED, 10, 10 + grace - 0.01), tolerance=tolerance)) is None
        assert (
            decided(after(*before, *consecutive(UNAUTHORIZED, 10, 10 + grace), tolerance=tolerance)) == "UNAUTHORIZED"
        )


@pytest.mark.parametrize(
    ("polled", "seconds", "reason"), [(UNAUTHORIZED, 60, "UNAUTHORIZED"), (GATEWAY_404, 120, "MISCONFIGURED")]
)
def test_a_short_grace_period_of_failures_keeps_the_reason(polled: FailedPoll, seconds: float, reason: str) -> None:
    tolerance = Tolerance(failing=5)
    assert decided(after(*consecutive(polled, 0.1, seconds - 0.1), tolerance=tolerance)) is None
    assert decided(after(*consecutive(polled, 0.1, seconds + 0.1), tolerance=tolerance)) == reason
    mixed: list[tuple[float, Polled]] = [(0.1, UNAVAILABLE), *consecutive(polled, 1, 10, polls=4)]
    assert decided(after(*mixed, tolerance=tolerance)) == "VENDOR_UNAVAILABLE"


def test_a_wrong_key_is_reported_after_a_minute() -> None:
    step: Wait | End = wait_after((5, UNAUTHORIZED))
    now = T0 + 5
    while isinstance(step, Wait):
        assert step.watch.next_poll_at is not None
        now = step.watch.next_poll_at
        step = advance(step.watch, UNAUTHORIZED, now, TOLERANCE)
    assert (decided(step), now, step.watch.polls) == ("UNAUTHORIZED", T0 + 65, 5)


def test_an_error_of_a_gateway_is_retried_like_an_unknown_import() -> None:
    mistaken = wait_after((5, RUNNING), (600, GATEWAY_404))
    assert 54 <= mistaken.seconds <= 60
    assert decided(after((5, RUNNING), (600, GATEWAY_404), (660, SUCCEEDED))) == "SUCCEEDED"


@pytest.mark.parametrize("readable", [NOT_FOUND, UNRECOGNISED])
def test_a_readable_response_restarts_the_count_of_failed_polls(readable: Observation) -> None:
    assert decided(after(*consecutive(UNAVAILABLE, 10, 90), (100, readable), (3_610, UNAVAILABLE))) is None


@pytest.mark.parametrize(("polled", "tolerated"), [(NOT_FOUND, 120), (UNRECOGNISED, 610)])
def test_a_failed_poll_restarts_the_count_of_a_run_not_its_time(polled: Polled, tolerated: float) -> None:
    between = [(10.0, polled), *consecutive(UNAVAILABLE, 11, 20)]
    assert decided(after(*between, *consecutive(polled, 30, tolerated + 100, polls=4))) is None
    assert decided(after(*between, *consecutive(polled, 30, tolerated - 0.01))) is None
    assert decided(after(*between, *consecutive(polled, 30, tolerated))) is not None


@pytest.mark.parametrize("polled", [UNAUTHORIZED, GATEWAY_404])
def test_refusals_between_other_errors_are_not_consecutive(polled: FailedPoll) -> None:
    alternating: list[tuple[float, Polled]] = [
        (5.0 + 30 * number, (polled, UNAVAILABLE)[number % 2]) for number in range(100)
    ]
    assert decided(after((1, RUNNING), *alternating)) is None
    assert decided(after((1, RUNNING), *alternating, (3_700, polled))) == "VENDOR_UNAVAILABLE"


def test_a_known_import_is_not_found_from_its_first_absence() -> None:
    assert decided(after((10, RUNNING), *consecutive(NOT_FOUND, 1_000, 1_119.99))) is None
    assert decided(after((10, RUNNING), *consecutive(NOT_FOUND, 1_000, 1_120))) == "NOT_FOUND"


def test_an_unknown_import_is_not_found_from_the_watch_s_start() -> None:
    assert decided(after((5, UNAVAILABLE), *consecutive(NOT_FOUND, 100, 119.9))) is None
    assert decided(after((5, UNAVAILABLE), *consecutive(NOT_FOUND, 100, 120))) == "NOT_FOUND"


@pytest.mark.parametrize("other", [UNAVAILABLE, THROTTLED])
@pytest.mark.parametrize("arrival_index", [0, 2, 4], ids=["first", "between", "last"])
def test_a_run_is_unreadable_only_if_every_response_of_it_is(other: Polled, arrival_index: int) -> None:
    run = consecutive(UNREADABLE, 10, 3_610)
    run[arrival_index] = run[arrival_index][0], other
    assert decided(after(*run)) == "VENDOR_UNAVAILABLE"


def polls_late(watch: Watch, late: float, polled: Polled = UNAVAILABLE) -> tuple[Wait | End, float]:
    """Poll as the poll function does, `late` seconds after the due time; the vendor takes 20 to fail."""
    assert watch.next_poll_at is not None
    now = watch.next_poll_at + late
    return advance(exclude_own_downtime(watch, now), polled, now + 20, TOLERANCE), now + 20


@pytest.mark.parametrize("polled", [UNAVAILABLE, THROTTLED, UNREADABLE], ids=str)
@pytest.mark.parametrize("asleep", [61, HOUR, 5 * HOUR])
def test_own_downtime_is_not_counted_as_vendor_failure(polled: FailedPoll, asleep: float) -> None:
    failing = wait_after(*consecutive(polled, 10, 40, polls=4))
    woken, now = polls_late(failing.watch, asleep, polled)
    assert isinstance(woken, Wait)
    assert woken.watch.failing_since == pytest.approx(T0 + 10 + asleep)
    assert decided(advance(woken.watch, polled, T0 + 10 + asleep + 3_599.9, TOLERANCE)) is None
    assert decided(advance(woken.watch, polled, T0 + 10 + asleep + 3_600.1, TOLERANCE)) is not None
    assert now > T0 + 40 + asleep


@pytest.mark.parametrize("late", [0, 20, 60])
def test_a_poll_that_is_a_little_late_is_in_time(late: float) -> None:
    step: Wait | End = wait_after((10, UNAVAILABLE))
    now = T0 + 10
    while isinstance(step, Wait):
        step, now = polls_late(step.watch, late)
    assert decided(step) == "VENDOR_UNAVAILABLE"
    assert 3_600 <= now - (T0 + 10) <= 3_600 + 300 + late + 20


def test_a_watch_without_failures_has_no_own_downtime() -> None:
    running = wait_after((10, RUNNING)).watch
    assert exclude_own_downtime(running, T0 + HOUR) == running
    ended = replace(wait_after((10, UNAVAILABLE)).watch, next_poll_at=None)
    assert exclude_own_downtime(ended, T0 + HOUR) == ended


def test_a_run_of_unreadable_responses_ignores_an_earlier_run() -> None:
    polls: list[tuple[float, Polled]] = [(10.0, UNAVAILABLE), (20.0, RUNNING), *consecutive(UNREADABLE, 30, 3_630)]
    assert decided(after(*polls)) == "UNREADABLE_ANSWER"


def test_a_misconfigured_connection_ends_a_watch_at_once() -> None:
    result = result_after((5, RUNNING), (50, MISCONFIGURED))
    assert (result.reason, result.detected_at, result.retryable) == ("MISCONFIGURED", T0 + 50, None)


@pytest.mark.parametrize("polled", [UNAVAILABLE, THROTTLED, UNREADABLE])
def test_an_import_that_ends_after_failed_polls_has_its_outcome(polled: FailedPoll) -> None:
    step = after((5, polled), (35, polled), (95, SUCCEEDED))
    assert decided(step) == "SUCCEEDED"
    assert (step.watch.polls, step.watch.vendor_errors, step.watch.failures) == (3, 2, 0)


# ----------------------------------------------- waits after failed polls ----


def test_backoff_doubles_from_30_to_300_seconds() -> None:
    assert [backoff(failures) for failures in (1, 2, 3, 4, 5, 6, 1_000)] == [30, 60, 120, 240, 300, 300, 300]


def test_failed_polls_of_a_watch_back_off() -> None:
    step, waits = wait_after((5, UNAVAILABLE)), list[int]()
    for _ in range(6):
        waits.append(step.seconds)
        assert step.watch.next_poll_at is not None
        step = next_step(step, UNAVAILABLE)
    assert waits == [30, 60, 120, 240, 300, 300]


def next_step(step: Wait, polled: Polled) -> Wait:
    """Poll when the wait is over; the watch waits again."""
    assert step.watch.next_poll_at is not None
    following = advance(step.watch, polled, step.watch.next_poll_at, TOLERANCE)
    assert isinstance(following, Wait)
    return following


def test_a_good_response_resets_the_backoff() -> None:
    assert wait_after((5, UNAVAILABLE), (35, UNAVAILABLE), (95, RUNNING), (105, UNAVAILABLE)).seconds == 30


@pytest.mark.parametrize("age", [600, 10 * DAY])
def test_a_failed_poll_never_shortens_the_scheduled_wait(age: float) -> None:
    failed = wait_after((5, RUNNING), (age, UNAVAILABLE), tolerance=MONTH)
    # The same age and the same poll's number, so the same jitter.
    scheduled = wait_after((5, RUNNING), (age, RUNNING), tolerance=MONTH)
    assert failed.seconds == max(30, scheduled.seconds)


@pytest.mark.parametrize("error", [THROTTLED, UNAVAILABLE])
@pytest.mark.parametrize("retry_after", [60, 200, 800])
def test_retry_after_sets_the_next_poll(error: FailedPoll, retry_after: int) -> None:
    seconds = wait_after((5, replace(error, retry_after=retry_after))).seconds
    assert retry_after <= seconds <= math.ceil(1.1 * retry_after)


def test_retry_after_may_undercut_the_backoff_not_the_schedule() -> None:
    failing: list[tuple[float, Polled]] = [
        (5.0, RUNNING),
        (10.0, UNAVAILABLE),
        (40.0, UNAVAILABLE),
        (100.0, UNAVAILABLE),
    ]
    soon = wait_after(*failing, (600, replace(THROTTLED, retry_after=1)))
    scheduled = wait_after(*failing, (600, RUNNING))
    assert soon.seconds == scheduled.seconds < backoff(soon.watch.failures)


def test_retry_after_may_lead_to_a_poll_after_the_floor() -> None:
    assert wait_after((20, replace(THROTTLED, retry_after=1))).seconds == FLOOR


@pytest.mark.parametrize("retry_after", [900, 901, 5_000, 1e9])
def test_retry_after_counts_for_900_seconds_at_most(retry_after: float) -> None:
    assert wait_after((5, replace(THROTTLED, retry_after=retry_after))).seconds == 900


# --------------------------------------------------------------- deadline ----


@pytest.mark.parametrize("failed", [THROTTLED, UNAVAILABLE, UNREADABLE, UNAUTHORIZED])
def test_a_deadline_before_retry_after_ends_the_watch_unpolled(failed: FailedPoll) -> None:
    step = wait_after((90, replace(failed, retry_after=600)), start=replace(START, timeout_seconds=100))
    assert step.watch.next_poll_at == T0 + 100
    ended = defer_poll(step.watch, T0 + 100, UNSHARED)
    assert isinstance(ended, End)
    assert (ended.result.reason, ended.watch.polls) == ("TIMED_OUT", 1)
    assert f"the last poll failed: {failed.detail}" in ended.result.message


@pytest.mark.parametrize("retry_after", [60, 800, 5_000])
def test_retry_after_counts_for_an_import_that_is_not_found(retry_after: float) -> None:
    step = wait_after((5, replace(NOT_FOUND, retry_after=retry_after)))
    assert min(retry_after, 900) <= step.seconds <= min(1.1 * retry_after, 900)
    assert step.watch.refused_until == T0 + 5 + min(retry_after, 900)
    assert isinstance(defer_poll(step.watch, T0 + 60, UNSHARED), Wait)


def test_no_poll_is_made_before_retry_after() -> None:
    watch = wait_after((5, replace(UNAVAILABLE, retry_after=600))).watch
    early, on_time = defer_poll(watch, T0 + 100, UNSHARED), defer_poll(watch, T0 + 605, UNSHARED)
    assert isinstance(early, Wait)
    assert (early.seconds, on_time) == (505, None)
    assert defer_poll(next_step(wait_after((5, UNAVAILABLE)), RUNNING).watch, T0 + 36, UNSHARED) is None


@pytest.mark.parametrize(
    "polled",
    [QUEUED, RUNNING, UNAVAILABLE, replace(THROTTLED, retry_after=800), replace(QUEUED, started_at=T0 + DAY)],
    ids=["queued", "running", "failed", "throttled", "scheduled for tomorrow"],
)
def test_the_last_poll_falls_on_the_deadline(polled: Polled) -> None:
    step = wait_after((970, polled), start=replace(START, timeout_seconds=980))
    assert step.watch.next_poll_at == T0 + 980


def test_a_near_deadline_does_not_undercut_the_floor() -> None:
    assert wait_after((978, RUNNING), start=replace(START, timeout_seconds=980)).seconds == FLOOR


@pytest.mark.parametrize(("timeout", "deadline"), [(None, DAY), (100, 100), (30 * DAY, 30 * DAY)])
def test_a_watch_is_given_up_at_its_deadline_and_not_before(timeout: int | None, deadline: int) -> None:
    start = replace(START, timeout_seconds=timeout)
    assert decided(after((deadline - 0.01, RUNNING), start=start)) is None
    assert decided(after((deadline, RUNNING), start=start)) == "TIMED_OUT"


def test_an_import_that_ends_by_the_last_poll_has_its_outcome() -> None:
    assert result_after((DAY, SUCCEEDED)).outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize(
    ("polled", "seen"),
    [
        (replace(RUNNING, progress=ReportedProgress(0.4, 0.01)), "last status 'InProgress', 40% done"),
        (UNAVAILABLE, "the last poll failed: HTTP 502"),
        (replace(QUEUED, started_at=T0 + 2 * DAY), "scheduled for 2023-11-16T22:13:20.000Z"),
        (UNRECOGNISED, "'Paused'"),
    ],
    ids=["running", "failed poll", "scheduled", "unrecognised"],
)
def test_the_message_of_a_timeout_names_what_was_seen_last(polled: Polled, seen: str) -> None:
    result = result_after((5, RUNNING), (DAY, polled))
    assert result.reason == "TIMED_OUT"
    assert seen in result.message
    assert "1 day" in result.message


def test_a_failed_poll_at_the_deadline_keeps_the_last_status() -> None:
    assert result_after((5, RUNNING), (DAY, UNAVAILABLE)).vendor_status == "InProgress"


# ---------------------------------------------- the log of an ended import ----


def test_a_log_that_is_there_is_not_waited_for() -> None:
    assert result_after((100, SUCCEEDED)).message == "Import 4711 at document360 completed."


@pytest.mark.parametrize(
    "polled",
    [
        replace(WITHOUT_LOG, log=MissingLog("no log", expected=False)),
        replace(WITHOUT_LOG, log=None),
        replace(WITHOUT_LOG, log=LogRecord(LogStatus.ARCHIVED, "s3://archive/log.txt")),
        replace(WITHOUT_LOG, log=LogRecord(LogStatus.UNAVAILABLE, reason="AccessDenied")),
    ],
    ids=["not expected", "none kept", "archived", "cannot be fetched"],
)
def test_a_log_is_waited_for_only_if_it_may_still_appear(polled: Observation) -> None:
    assert decided(after((100, polled))) is not None


@pytest.mark.parametrize(
    ("polled", "outcome"),
    [
        (WITHOUT_LOG, Outcome.SUCCEEDED),
        (replace(WITHOUT_LOG, counts={"errors": 1}), Outcome.PARTIAL),
        (replace(FAILED, log=WITHOUT_LOG.log), Outcome.FAILED),
        (replace(CANCELLED, log=WITHOUT_LOG.log), Outcome.CANCELLED),
    ],
)
def test_a_missing_log_gets_two_more_polls_within_a_minute(polled: Observation, outcome: Outcome) -> None:
    step: Wait | End = wait_after((5, RUNNING), (100, polled))
    moments = list[float]()
    while isinstance(step, Wait):
        assert step.watch.next_poll_at is not None
        moments.append(step.watch.next_poll_at)
        step = advance(step.watch, polled, moments[-1], TOLERANCE)
    assert len(moments) == 2
    assert moments[-1] <= T0 + 160
    assert step.result.outcome is outcome
    assert step.result.detected_at == T0 + 100
    assert "log is not available (Element 'ImportLog' not found)" in step.result.message


@pytest.mark.parametrize(("late", "waits"), [(39, True), (58, False), (600, False)])
def test_late_polls_do_not_extend_the_minute_for_a_log(late: float, waits: bool) -> None:
    step = after((10, RUNNING), (100, WITHOUT_LOG), (100 + late, WITHOUT_LOG))
    assert isinstance(step, Wait) == waits


LATER = {
    "not found": NOT_FOUND,
    "unrecognised": UNRECOGNISED,
    "unavailable": UNAVAILABLE,
    "unreadable": UNREADABLE,
    "unauthorized": UNAUTHORIZED,
    "misconfigured": MISCONFIGURED,
    # A response with an unknown status may have a log.
    "unrecognised, with a log": replace(UNRECOGNISED, log=LOG),
    "not found, with a log": replace(NOT_FOUND, log=LOG),
}


@pytest.mark.parametrize("tolerance", [TOLERANCE, NO_TOLERANCE], ids=["default", "zero"])
@pytest.mark.parametrize("later", LATER.values(), ids=LATER)
def test_an_inconclusive_poll_does_not_change_an_awaited_outcome(later: Polled, tolerance: Tolerance) -> None:
    first = replace(WITHOUT_LOG, counts={"articles": 2}, ended_at=T0 + 90)
    result = result_after((20, RUNNING), (100, first), (120, later), (140, later), tolerance=tolerance)
    assert (result.outcome, result.reason) == (Outcome.SUCCEEDED, None)
    assert (result.detected_at, result.detection_lag_seconds) == (T0 + 100, 10)
    assert result.counts == {"articles": 2}
    assert "its log is not available (Element 'ImportLog' not found)" in result.message


ENDS = {"SUCCEEDED": SUCCEEDED, "FAILED": FAILED, "CANCELLED": CANCELLED}


@pytest.mark.parametrize("later", ENDS)
@pytest.mark.parametrize("first", ENDS)
@pytest.mark.parametrize("has_log", [True, False], ids=["with a log", "without a log"])
def test_the_last_readable_status_counts_until_the_watch_ends(first: str, later: str, has_log: bool) -> None:
    seen = replace(ENDS[first], log=WITHOUT_LOG.log)
    then = replace(ENDS[later], log=LOG if has_log else WITHOUT_LOG.log, counts={"processed": 3})
    polls: list[tuple[float, Polled]] = [(120.0, then)] if has_log else [(120.0, then), (140.0, UNAVAILABLE)]
    result = result_after((60, RUNNING), (100, seen), *polls)
    same = first == later
    assert (result.outcome.value, result.counts) == (later, {"processed": 3})
    assert result.detected_at == T0 + (100 if same else 120)
    assert result.detection_lag_seconds == (40 if same else 20)


@pytest.mark.parametrize("unfinished", [RUNNING, QUEUED, replace(RUNNING, log=LOG)])
def test_a_running_import_drops_its_awaited_outcome(unfinished: Observation) -> None:
    start = replace(START, timeout_seconds=130)
    step = wait_after((60, RUNNING), (100, WITHOUT_LOG), (120, unfinished), start=start)
    watch = step.watch
    assert (watch.awaiting_log, watch.log_polls, watch.log_missing) == (None, 0, None)
    assert stopped(watch, T0 + 125).reason == "WATCH_STOPPED"
    assert broken(watch, T0 + 125, "States.Timeout").reason == "WATCH_BROKEN"
    assert decided(advance(watch, unfinished, T0 + 130, TOLERANCE)) == "TIMED_OUT"
    assert decided(advance(watch, FAILED, T0 + 130, TOLERANCE)) == "FAILED"


def test_a_late_log_completes_the_outcome_and_keeps_its_time() -> None:
    complete = replace(SUCCEEDED, counts={"articles": 2, "errors": 0, "warnings": 1})
    result = result_after((60, RUNNING), (100, WITHOUT_LOG), (110, UNAVAILABLE), (140, complete))
    assert result.outcome is Outcome.SUCCEEDED
    assert result.counts == complete.counts
    assert (result.detected_at, result.detection_lag_seconds) == (T0 + 100, 40)
    assert "log is not available" not in result.message


def test_a_late_log_with_errors_makes_the_outcome_partial() -> None:
    result = result_after((100, WITHOUT_LOG), (120, replace(SUCCEEDED, counts={"errors": 2})))
    assert (result.outcome, result.detected_at) == (Outcome.PARTIAL, T0 + 100)


def test_no_log_is_requested_before_retry_after() -> None:
    # Later than a minute is too late for the outcome, and sooner is not what the vendor allowed.
    result = result_after((100, WITHOUT_LOG), (120, replace(THROTTLED, retry_after=600)))
    assert (result.outcome, result.detected_at) == (Outcome.SUCCEEDED, T0 + 100)


def test_the_deadline_does_not_change_an_awaited_outcome() -> None:
    start = replace(START, timeout_seconds=100)
    lost: list[tuple[float, Polled]] = [(110.0, UNAVAILABLE), (130.0, NOT_FOUND)]
    assert result_after((90, WITHOUT_LOG), *lost, start=start).outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize(("until", "waits"), [(150, True), (161, False), (900, False)])
def test_a_deferred_poll_does_not_extend_the_minute_for_a_log(until: float, waits: bool) -> None:
    watch = wait_after((10, RUNNING), (100, WITHOUT_LOG)).watch
    step = defer_poll(watch, T0 + 120, UNSHARED, throttled_until=T0 + until)
    assert isinstance(step, Wait if waits else End)
    if isinstance(step, End):
        assert (step.result.outcome, step.result.detected_at) == (Outcome.SUCCEEDED, T0 + 100)
        assert step.watch.awaiting_log is None


def test_a_poll_resets_the_number_of_takeovers() -> None:
    watch = replace(wait_after((5, RUNNING)).watch, takeovers=2)
    for polled in (RUNNING, UNAVAILABLE):
        assert advance(watch, polled, T0 + 20, TOLERANCE).watch.takeovers == 0


# ------------------------------------------------------- broken watches ----


def test_a_broken_watch_is_unknown() -> None:
    result = broken(wait_after((5, RUNNING)).watch, T0 + 60, "States.Timeout")
    assert (result.outcome, result.reason, result.detected_at) == (Outcome.UNKNOWN, "WATCH_BROKEN", T0 + 60)
    assert result.detail == "States.Timeout"


def test_a_broken_watch_keeps_an_awaited_outcome() -> None:
    result = broken(wait_after((100, WITHOUT_LOG)).watch, T0 + 110, "States.Timeout")
    assert (result.outcome, result.detected_at) == (Outcome.SUCCEEDED, T0 + 100)


# ------------------------------------------------------- ages and clocks ----


@pytest.mark.parametrize(
    ("ended_at", "lag"),
    [
        pytest.param(T0 + 90, 10, id="between two polls"),
        pytest.param(T0 + 99.8766, 0.123, id="to a millisecond"),
        pytest.param(T0 + 59, 41, id="cut to the second"),
        pytest.param(T0 + 400, 0, id="clock five minutes ahead"),
    ],
)
def test_detection_lag_is_measured_from_the_vendor_s_end(ended_at: float, lag: float) -> None:
    result = result_after((60, RUNNING), (100, replace(SUCCEEDED, ended_at=ended_at)))
    assert result.detection_lag_seconds == pytest.approx(lag, abs=0.0011)
    assert (result.ended_at, result.implausible) == (ended_at, None)


@pytest.mark.parametrize("seen", [RUNNING, QUEUED])
@pytest.mark.parametrize(
    ("started_at", "ended_at"),
    [
        pytest.param(None, T0 + 58, id="before it was last seen unfinished"),
        pytest.param(None, T0 + 100 - 8 * HOUR, id="in another time zone, behind"),
        pytest.param(None, T0 + 401, id="more than five minutes ahead"),
        pytest.param(None, T0 + 8 * HOUR, id="in another time zone, ahead"),
        pytest.param(T0 + 95, T0 + 90, id="before its own start"),
    ],
)
def test_an_impossible_end_is_ignored(seen: Observation, started_at: float | None, ended_at: float) -> None:
    ended = replace(SUCCEEDED, started_at=started_at, ended_at=ended_at)
    between: list[tuple[float, Polled]] = [(70.0, UNAVAILABLE), (80.0, NOT_FOUND)]
    for others in [], between:
        result = result_after((60, seen), *others, (100, ended))
        assert (result.ended_at, result.implausible) == (None, True)
        assert result.detection_lag_seconds == (20 if others else 40)


def test_an_end_long_before_the_event_s_start_is_ignored() -> None:
    start = replace(START, started_at=T0 - 600)
    late, early = (replace(SUCCEEDED, ended_at=T0 - seconds) for seconds in (899, 901))
    assert result_after((5, late), start=start).ended_at == T0 - 899
    assert result_after((5, early), start=start).implausible


def test_an_end_that_is_repeated_with_the_log_is_trusted() -> None:
    first = replace(WITHOUT_LOG, ended_at=T0 + 90)
    result = result_after((60, RUNNING), (100, first), (120, replace(first, log=LOG)))
    assert (result.ended_at, result.detection_lag_seconds, result.implausible) == (T0 + 90, 10, None)


def test_a_start_ahead_of_every_clock_is_not_published() -> None:
    assert result_after((60, replace(RUNNING, started_at=T0 + HOUR)), (100, SUCCEEDED)).started_at is None


def test_without_an_end_the_lag_is_the_time_since_the_last_poll() -> None:
    assert result_after((60, RUNNING), (100, SUCCEEDED)).detection_lag_seconds == 40


def test_the_lag_of_the_first_poll_is_the_age_of_the_watch() -> None:
    assert result_after((7, SUCCEEDED)).detection_lag_seconds == 7


def test_detection_lag_is_an_upper_bound_after_failed_polls() -> None:
    result = result_after((100, RUNNING), (130, UNAVAILABLE), (190, UNAVAILABLE), (300, SUCCEEDED))
    assert result.detection_lag_seconds == 200


def test_the_lag_of_an_earlier_import_is_counted_from_its_start() -> None:
    result = result_after((5, SUCCEEDED), start=replace(START, started_at=T0 - HOUR))
    assert result.detection_lag_seconds == HOUR + 5


def test_an_unknown_outcome_has_no_detection_lag() -> None:
    assert result_after((60, RUNNING), (100, MISCONFIGURED)).detection_lag_seconds is None


def test_a_new_watch_has_the_fields_of_its_start_event() -> None:
    start = Start("egain", "a#b", connection="sandbox", started_at=T0 - 2, timeout_seconds=60)
    step = start_watch(start, T0, TOLERANCE)
    assert step.watch == Watch(
        watch_id="egain#sandbox#a%23b",
        vendor="egain",
        connection="sandbox",
        import_id="a#b",
        registered_at=T0,
        deadline=T0 + 60,
        started_at=T0 - 2,
        next_poll_at=T0 + 3,
    )
    assert step.seconds == 3


@pytest.mark.parametrize(("started_at", "seconds"), [(None, 5), (T0 - HOUR, 0), (T0 + HOUR, 5)])
def test_an_import_that_began_long_ago_is_polled_at_once(started_at: float | None, seconds: int) -> None:
    assert start_watch(replace(START, started_at=started_at), T0, TOLERANCE).seconds == seconds


@pytest.mark.parametrize(
    ("event_start", "vendor_start", "polls", "age"),
    [
        pytest.param(None, None, [], 400, id="no start: since the watch began"),
        pytest.param(T0 - 100, None, [], 500, id="the start event's start"),
        pytest.param(T0 - 100, T0 + 150, [], 250, id="the vendor's start before the event's"),
        pytest.param(T0 - 100, None, [(150.0, QUEUED)], 250, id="since it was last seen queued"),
        pytest.param(None, None, [(30.0, NOT_FOUND), (150.0, NOT_FOUND)], 250, id="since it was last not known"),
        pytest.param(T0 + HOUR, None, [], 400, id="a start event from the future is ignored"),
        pytest.param(None, T0 + HOUR, [], 400, id="a vendor's clock an hour ahead is ignored"),
        pytest.param(0.0, None, [], 400, id="a start event's start decades ago is ignored"),
        pytest.param(None, 0.0, [], 400, id="a vendor's start decades ago is ignored"),
    ],
)
def test_the_age_is_counted_from_the_best_known_start(
    event_start: float | None, vendor_start: float | None, polls: list[tuple[float, Polled]], age: float
) -> None:
    tolerant = replace(TOLERANCE, not_found=HOUR)
    running = replace(RUNNING, started_at=vendor_start)
    step = wait_after(*polls, (400, running), start=replace(START, started_at=event_start), tolerance=tolerant)
    # A tenth of the age, which jitter shortens by a tenth at most.
    assert 0.09 * age <= step.seconds <= 0.1 * age + 1


@pytest.mark.parametrize(
    ("age", "starts_in", "seconds"),
    [(5, 6 * DAY, 5), (600, 6 * DAY, 300), (2 * HOUR, 6 * DAY, 900), (600, 120, 120), (600, 1, 5)],
)
def test_an_announced_start_is_waited_for_within_bounds(age: float, starts_in: float, seconds: int) -> None:
    """A scheduled import may be cancelled, or started by hand, at any time."""
    assert wait_after((age, replace(QUEUED, started_at=T0 + age + starts_in))).seconds == seconds


def test_a_start_that_is_postponed_repeatedly_is_not_waited_for() -> None:
    """It would be polled at the floor for as long as the vendor postpones it."""
    first = replace(QUEUED, started_at=T0 + 603)
    again = replace(QUEUED, started_at=T0 + 606)
    assert wait_after((598, first), (603, again)).seconds > 50


def test_a_start_that_moves_with_the_clock_keeps_the_age() -> None:
    first, again = (replace(RUNNING, started_at=T0 + seconds) for seconds in (100, 500))
    assert wait_after((100, first), (500, again)).seconds > 30


def test_an_announced_start_is_waited_for_after_a_failed_poll() -> None:
    scheduled = replace(QUEUED, started_at=T0 + 6 * HOUR)
    assert wait_after((5, scheduled), (HOUR, UNAVAILABLE)).seconds == 900


def test_stalled_progress_is_counted_from_its_last_change() -> None:
    # Almost done: 0.45 times the square root of the age, or twice that of the stalled time.
    done = replace(RUNNING, progress=ReportedProgress(0.99, 0.01))
    moving = wait_after((100, RUNNING), (1_000, done))
    standing = wait_after((200, done), (1_000, done))
    assert 13 <= moving.seconds <= 15
    assert 51 <= standing.seconds <= 57


# --------------------------------------------------------- any sequence ----

TIMES = st.none() | st.floats(T0 - 10 * DAY, T0 + 10 * DAY)
LOGS = st.sampled_from([None, LOG, StoredLog("s3://logs/1"), MissingLog("not yet", True), MissingLog("none", False)])
OBSERVATIONS = st.builds(
    Observation,
    state=st.sampled_from(ImportState),
    vendor_status=st.none() | st.text(max_size=10),
    job_type=st.none() | st.sampled_from(["import", "validation", "FULL"]),
    progress=st.none() | st.builds(ReportedProgress, st.floats(0, 1), st.floats(1e-6, 1)),
    counts=st.dictionaries(st.sampled_from(["errors", "warnings", "processed"]), st.integers(0, 3)),
    problems=st.just(()) | st.just((Problem(Severity.WARNING, "no title"),)),
    log=LOGS,
    started_at=TIMES,
    ended_at=TIMES,
    retryable=st.none() | st.booleans(),
    reason=st.none() | st.text(max_size=10),
)
FAILED_POLLS = st.builds(
    FailedPoll,
    error=st.sampled_from(PollError),
    detail=st.text(max_size=10),
    retry_after=st.none() | st.floats(0, 1e5),
)
# Most sequences should be long: these polls do not end a watch at once.
TOLERATED: st.SearchStrategy[Polled] = st.one_of(
    st.builds(
        replace,
        OBSERVATIONS,
        state=st.sampled_from([ImportState.QUEUED, ImportState.RUNNING, ImportState.NOT_FOUND]),
    ),
    st.builds(
        replace, FAILED_POLLS, error=st.sampled_from([PollError.UNAVAILABLE, PollError.THROTTLED, PollError.UNREADABLE])
    ),
    st.builds(
        replace, OBSERVATIONS, state=st.just(ImportState.SUCCEEDED), log=st.just(MissingLog("not yet", expected=True))
    ),
)
ANY: st.SearchStrategy[Polled] = st.one_of(TOLERATED, TOLERATED, OBSERVATIONS, FAILED_POLLS)
STARTS = st.builds(
    Start,
    vendor=st.just("document360"),
    import_id=st.just("4711"),
    started_at=TIMES,
    timeout_seconds=st.integers(1, 2 * HOUR),
)


def through_json(watch: Watch) -> Watch:
    return from_json(Watch, json.loads(json.dumps(to_json(watch))))


def fixed(watch: Watch) -> dict[str, object]:
    return {name: getattr(watch, name) for name in FIXED_FIELDS}


def check(step: Wait | End, now: float, before: Watch) -> None:
    """Check the invariants after every poll."""
    assert through_json(step.watch) == step.watch
    assert fixed(step.watch) == fixed(before)
    away = defer_poll(before, now, UNSHARED, throttled_until=now + 60)
    assert away is not None
    for after in (away.watch, hand_over(before), exclude_own_downtime(before, now)):
        assert fixed(after) == fixed(before)
    assert step.watch.last_poll_at == now
    if isinstance(step, End):
        assert step.watch.next_poll_at is None
        assert step.result.message
        assert (step.result.detection_lag_seconds or 0) >= 0
    else:
        # A watch that waits for its deadline, where the vendor wants no request before it, makes no poll then.
        ends_there = step.watch.refused_until is not None and step.watch.refused_until > now + step.seconds
        assert step.seconds >= FLOOR or (ends_there and now + step.seconds >= step.watch.deadline)
        assert step.watch.next_poll_at == now + step.seconds


@given(STARTS, st.lists(st.tuples(ANY, st.floats(0, HOUR)), max_size=15))
@example(
    Start("document360", "4711", started_at=T0 - 10 * DAY, timeout_seconds=1),
    [(replace(UNAVAILABLE, retry_after=1.0), 0.0)],
)
def test_any_sequence_of_polls_keeps_the_invariants(start: Start, polls: list[tuple[Polled, float]]) -> None:
    step: Wait | End = start_watch(start, T0, TOLERANCE)
    for polled, late in polls:
        if isinstance(step, End):
            break
        assert step.watch.next_poll_at is not None
        now = step.watch.next_poll_at + late
        watch = step.watch
        awaited = watch.awaiting_log
        step = advance(watch, polled, now, TOLERANCE)
        check(step, now, watch)
        silent = isinstance(polled, FailedPoll) or polled.state in (ImportState.NOT_FOUND, ImportState.UNRECOGNISED)
        if awaited and isinstance(step, End) and silent:
            assert step.result.outcome is awaited.outcome
            assert step.result.detected_at == awaited.detected_at
        if isinstance(step, Wait) and now >= step.watch.deadline:
            # Only the log of an import that has ended may be waited for beyond the deadline, and not for long.
            assert step.watch.awaiting_log is not None
            assert now - step.watch.awaiting_log.detected_at < 60


@settings(deadline=None)  # a watch of many polls is no fault
@given(STARTS, st.lists(ANY, min_size=1, max_size=5))
@example(Start("document360", "4711", timeout_seconds=HOUR), [RUNNING])
@example(Start("document360", "4711", timeout_seconds=1), [UNAVAILABLE])
def test_every_watch_ends_by_its_deadline_and_one_wait(start: Start, polls: Iterable[Polled]) -> None:
    step: Wait | End = start_watch(start, T0, TOLERANCE)
    deadline = step.watch.deadline
    now = T0
    for polled in cycle(polls):
        assert step.watch.next_poll_at is not None
        now = step.watch.next_poll_at
        step = advance(step.watch, polled, now, TOLERANCE)
        if isinstance(step, End):
            break
    assert isinstance(step, End)
    # A log that is awaited at the deadline may take a minute more, and then the status may change.
    assert step.result.detected_at <= deadline + FLOOR + 60
    assert now <= step.result.detected_at + 60


@pytest.mark.parametrize(
    ("last_poll", "next_poll", "seconds"),
    [
        (None, 0, 0),
        (None, None, 0),
        (-FLOOR, -1, 0),
        (-4, -1, 1),
        (-0.5, -0.1, 5),
        (0, 0, FLOOR),
        (-1, None, 4),
        (-1, 30.2, 31),
    ],
)
def test_a_resumed_watch_keeps_the_floor_after_its_last_poll(
    last_poll: float | None, next_poll: float | None, seconds: int
) -> None:
    """Its last execution may have died just after a poll, however long the next one was overdue."""
    watch = replace(
        start_watch(START, T0, TOLERANCE).watch,
        last_poll_at=None if last_poll is None else T0 + last_poll,
        next_poll_at=None if next_poll is None else T0 + next_poll,
    )
    assert resume_delay(watch, T0) == seconds
