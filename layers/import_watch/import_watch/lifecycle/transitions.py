"""What a poll means for a watch: go on and when, or the end and which. Pure: time comes in as an argument.

A watch is a value; `advance` gives the next one, and `defer_poll` the next one where no poll may be made now. How long
an error is tolerated (see `Tolerance`) is decided by runs of like polls: since when, and how many. One good response
starts them anew.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from import_watch.lifecycle import outcome_rules
from import_watch.lifecycle.outcome_rules import CLOCK_SKEW_SECONDS
from import_watch.model.observation import (
    MAX_RETRY_AFTER,
    FailedPoll,
    ImportState,
    MissingLog,
    Observation,
    PollError,
    ReportedProgress,
)
from import_watch.model.outcome import Outcome, WatchResult
from import_watch.model.watch import History, Start, Tolerance, Watch, watch_id
from import_watch.notifications import messages
from import_watch.scheduling.interval import DEFAULT_POLICY, Policy, first_wait, jitter_of
from import_watch.scheduling.poll_delay import (
    may_be_misconfigured,
    rate_limit_delay,
    scheduled_wait,
    wait_after_failure,
)
from import_watch.scheduling.rate_limit import UNSHARED, RateShare, initial_offset

MAX_LOG_POLLS = 2
"""Further polls for the log of a finished import that is not there yet."""
LOG_POLL_SECONDS = 20
"""Longest wait before such a poll, so that a log never delays an outcome by more than a minute."""
MIN_LOG_POLL_SECONDS = 15
"""Shortest wait before such a poll, so that two of them cover half a minute also where an import is young."""
MAX_LOG_WAIT = (MAX_LOG_POLLS + 1) * LOG_POLL_SECONDS
"""Seconds from the poll that saw the end to the last one that may look for the log."""
ON_TIME_SECONDS = 60
"""Seconds after its time at which a poll is still in time: a function may have to start, or to be tried again."""


@dataclass(frozen=True, slots=True)
class Wait:
    """The watch goes on: poll again in `seconds`."""

    watch: Watch
    seconds: int


@dataclass(frozen=True, slots=True)
class End:
    """The watch ends."""

    watch: Watch
    result: WatchResult


def start_watch(
    start: Start,
    now: float,
    tolerance: Tolerance,
    policy: Policy = DEFAULT_POLICY,
    share: RateShare = UNSHARED,
    histories: Mapping[str, History] | None = None,
) -> Wait:
    """Give a new watch and the wait before its first poll.

    Parameters
    ----------
    start : Start
        A valid start event. A `started_at` in the future (a clock ahead of ours) is taken as now.
    now : float
        Epoch seconds.
    share : Share
        The connection, this watch counted: the number of active watches is its place in the order of arrival.
    histories : mapping of str to History, optional
        What the connection's past imports say, by job type.
    """
    began = now if start.started_at is None else min(start.started_at, now)
    turn = math.ceil(initial_offset(share.active, share.per_minute))
    seconds = max(min(first_wait(now - began, policy), start.timeout_seconds or tolerance.timeout), turn)
    return Wait(
        Watch(
            watch_id=watch_id(start.vendor, start.connection, start.key_id or start.import_id),
            vendor=start.vendor,
            connection=start.connection,
            import_id=start.import_id,
            registered_at=now,
            deadline=now + (start.timeout_seconds or tolerance.timeout),
            started_at=start.started_at,
            vendor_title=start.vendor_title,
            next_poll_at=now + seconds,
            arrival_index=share.active,
            initial_rate=share.per_minute,
            histories=dict(histories or {}),
        ),
        seconds,
    )


def advance(
    watch: Watch,
    polled: Observation | FailedPoll,
    now: float,
    tolerance: Tolerance,
    policy: Policy = DEFAULT_POLICY,
    share: RateShare = UNSHARED,
) -> Wait | End:
    """Give what a watch becomes by one poll.

    Parameters
    ----------
    watch : Watch
        As it was before the poll.
    polled : Observation or FailedPoll
        What the poll brought.
    now : float
        Epoch seconds at which the answer was there.
    share : Share
        The watch's share of its connection's rate limit.

    Returns
    -------
    Wait or End
        With the watch as it is to be stored. An `End` is final: nothing that is seen later changes it.
    """
    before = watch
    watch = replace(
        watch, polls=watch.polls + 1, execution_polls=watch.execution_polls + 1, takeovers=0, last_poll_at=now
    )
    if isinstance(polled, FailedPoll):
        watch = _after_failure(watch, polled, now)
        result = outcome_rules.of_failure(watch, polled, now, tolerance)
        seconds = wait_after_failure(watch, polled, now, policy, share)
    else:
        watch = _after_observation(watch, polled, now)
        result = outcome_rules.of_observation(watch, polled, now, _last_seen_running(before), tolerance)
        seconds = scheduled_wait(watch, now, policy, share, polled.retry_after)
    known = result if result is not None and result.outcome is not Outcome.UNKNOWN else None
    if known is not None and not _log_may_follow(polled):
        return _end(_without_awaited(watch), _detected_once(watch.awaiting_log, known))
    awaited = watch.awaiting_log if known is None else _detected_once(watch.awaiting_log, known)
    if awaited is not None:
        if not polled.retry_after:
            seconds = max(min(seconds, LOG_POLL_SECONDS), MIN_LOG_POLL_SECONDS, math.ceil(share.cycle_seconds))
        if known is not None and isinstance(polled, Observation) and isinstance(polled.log, MissingLog):
            watch = replace(watch, log_missing=polled.log.reason, log_source=polled.log.source)
        return _await_log(watch, awaited, now, seconds)
    if result is not None:
        return _end(watch, result)
    if now >= watch.deadline:
        return _end(watch, outcome_rules.timed_out(watch, now, polled))
    return _wait(watch, now, min(seconds, _until_deadline(watch, now, policy, share)))


def exclude_own_downtime(watch: Watch, now: float) -> Watch:
    """Give a watch that is about to be polled, with the time that was ours taken out of what its vendor failed for.

    Where a poll is late, an execution had died, or a function could not run or was killed with its answer: none is kept
    of that time, so it says nothing of the vendor. Two polls that fail by chance, before and after it, would else end
    a watch whose import is well.
    """
    if watch.failing_since is None or watch.next_poll_at is None or now - watch.next_poll_at <= ON_TIME_SECONDS:
        return watch
    late = now - watch.next_poll_at
    return replace(
        watch,
        failing_since=watch.failing_since + late,
        unauthorized_since=None if watch.unauthorized_since is None else watch.unauthorized_since + late,
        misconfigured_since=None if watch.misconfigured_since is None else watch.misconfigured_since + late,
    )


def defer_poll(watch: Watch, now: float, share: RateShare, throttled_until: float | None = None) -> Wait | End | None:
    """Give what becomes of a watch that is to poll now, where it must not: None where it may.

    Parameters
    ----------
    throttled_until : float or None
        Epoch seconds until which the vendor wants none of the connection's watches.

    Returns
    -------
    Wait, End or None
        No poll is made of either. The end is TIMED_OUT: a deadline is kept also where nobody may be asked, but
        never in place of an outcome that was seen and only awaits its log.
    """
    until = max((time for time in (throttled_until, watch.not_before) if time is not None), default=None)
    seconds = rate_limit_delay(watch, now, share, until)
    if not seconds:
        return None
    watch = replace(watch, execution_polls=watch.execution_polls + 1, initial_rate=share.per_minute)
    if watch.awaiting_log is not None and now + seconds - watch.awaiting_log.detected_at > MAX_LOG_WAIT:
        return _end(replace(watch, awaiting_log=None), _without_log(watch, watch.awaiting_log))
    if watch.awaiting_log is not None:
        return _wait(watch, now, seconds)
    if now >= watch.deadline:
        return _end(watch, outcome_rules.timed_out(watch, now))
    return _wait(watch, now, max(1, min(seconds, math.ceil(watch.deadline - now))))


def _until_deadline(watch: Watch, now: float, policy: Policy, share: RateShare) -> int:
    """Give the seconds to the last poll, which falls on the deadline: an import that had just ended is not missed.

    Watches that share a limit may have one deadline, too: each makes its last poll in its own first turn after it.
    """
    exactly = max(1, math.ceil(watch.deadline - now))
    if watch.not_before is not None and watch.not_before > now + exactly:
        return exactly  # the watch ends there without a poll, so neither the floor nor the others matter
    seconds = max(watch.deadline - now, policy.floor)
    if share.active > 1 and share.cycle_seconds:
        seconds = math.ceil(seconds / share.cycle_seconds) * share.cycle_seconds
    return math.ceil(seconds)


def hand_over(watch: Watch) -> Watch:
    """Give an active watch as the next execution owns it: nothing that was seen starts from zero."""
    return replace(watch, generation=watch.generation + 1, executions=watch.executions + 1, execution_polls=0)


def resume_delay(watch: Watch, now: float, share: RateShare = UNSHARED, policy: Policy = DEFAULT_POLICY) -> int:
    """Give the seconds to the next poll of a watch that an execution carries on.

    A poll that is overdue is made at once; where the connection has a limit, somewhere in the round, for others may
    be carried on at the same time.
    """
    if watch.next_poll_at is not None and watch.next_poll_at > now:
        return math.ceil(watch.next_poll_at - now)
    floor = 0.0 if watch.last_poll_at is None else watch.last_poll_at + policy.floor - now
    somewhere = jitter_of(watch.watch_id, watch.polls) * share.cycle_seconds if share.active > 1 else 0.0
    return math.ceil(max(0.0, floor, somewhere))


def _after_failure(watch: Watch, failed: FailedPoll, now: float) -> Watch:
    """Give a watch with a failed poll in it.

    It breaks a run of another kind, whose polls are counted anew. Its time goes on: a gateway's 503 says nothing of the
    credentials, nor of an import that was not found.
    """
    watch = replace(
        watch,
        not_found_polls=0 if watch.not_found_since is not None else None,
        unrecognised_polls=0 if watch.unrecognised_since is not None else None,
        vendor_errors=watch.vendor_errors + 1,
        failures=watch.failures + 1,
        failing_since=now if watch.failing_since is None else watch.failing_since,
        only_unreadable=(watch.failures == 0 or watch.only_unreadable) and failed.error is PollError.UNREADABLE,
        last_trouble=failed.detail,
        not_before=_not_before(failed, now),
    )
    unauthorized = failed.error is PollError.UNAUTHORIZED
    misconfigured = failed.error is PollError.MISCONFIGURED or may_be_misconfigured(watch, failed)
    if unauthorized:
        since = now if watch.unauthorized_since is None else watch.unauthorized_since
        watch = replace(watch, unauthorized_since=since)
    if misconfigured:
        since = _unknown_from(watch, now) if watch.misconfigured_since is None else watch.misconfigured_since
        watch = replace(watch, misconfigured_since=since)
    return replace(
        watch,
        unauthorized_polls=_counted(watch.unauthorized_since, watch.unauthorized_polls, goes_on=unauthorized),
        misconfigured_polls=_counted(watch.misconfigured_since, watch.misconfigured_polls, goes_on=misconfigured),
    )


def _counted(since: float | None, polls: int | None, *, goes_on: bool) -> int | None:
    """Give how many polls a run has with one more, of its kind or of another."""
    if since is None:
        return None
    return (polls or 0) + 1 if goes_on else 0


def _after_observation(watch: Watch, seen: Observation, now: float) -> Watch:
    step, progress = _infer_resolution(watch, seen.progress)
    progress_moved = progress is not None and (watch.progress is None or progress.fraction != watch.progress.fraction)
    waits = seen.state in (ImportState.QUEUED, ImportState.NOT_FOUND)
    unfinished = seen.state in (ImportState.QUEUED, ImportState.RUNNING)
    if unfinished:
        # The vendor's last readable status counts: what was taken for the end of the import was not.
        watch = replace(_without_awaited(watch), kept_answer=None)
    not_found, unrecognised = seen.state is ImportState.NOT_FOUND, seen.state is ImportState.UNRECOGNISED
    return replace(
        watch,
        import_state=seen.state,
        vendor_status=seen.vendor_status,
        job_type=seen.job_type or watch.job_type,
        running_since=watch.running_since if waits else _earlier(watch.running_since, _not_ahead(seen.started_at, now)),
        not_running_at=now if waits else watch.not_running_at,
        seen_at=now,
        unfinished_at=now if unfinished else watch.unfinished_at,
        announced_start=seen.started_at if seen.state is ImportState.QUEUED else None,
        starts_at=_trusted_start(watch, seen),
        progress=progress,
        percent_step=step,
        progress_changed_at=now if progress_moved else watch.progress_changed_at,
        not_found_since=_first_seen(watch.not_found_since, _unknown_from(watch, now), goes_on=not_found),
        not_found_polls=(watch.not_found_polls or 0) + 1 if not_found else None,
        unrecognised_since=_first_seen(watch.unrecognised_since, now, goes_on=unrecognised),
        unrecognised_polls=(watch.unrecognised_polls or 0) + 1 if unrecognised else None,
        unauthorized_since=None,
        unauthorized_polls=None,
        misconfigured_since=None,
        misconfigured_polls=None,
        failing_since=None,
        failures=0,
        only_unreadable=True,
        last_trouble=None,
        not_before=_not_before(seen, now),
    )


def _infer_resolution(watch: Watch, told: ReportedProgress | None) -> tuple[int | None, ReportedProgress | None]:
    """Give the step of the percentages that were seen so far, and the progress with it as its resolution.

    A percentage that is only ever seen in steps of 10 says no more than that: taking it for one of steps of 1 has an
    import polled late.
    """
    if told is None or told.resolution is not None:
        return watch.percent_step, told
    step = math.gcd(watch.percent_step or 0, round(told.fraction * 100), 100)
    return step, replace(told, resolution=step / 100)


def _earlier(one: float | None, other: float | None) -> float | None:
    """Give the earlier time: a vendor whose start moves on with the clock would else keep an import young for ever."""
    return min((time for time in (one, other) if time is not None), default=None)


def _not_before(polled: Observation | FailedPoll, now: float) -> float | None:
    """Give the time before which the vendor wants no request, if it says so."""
    return now + min(polled.retry_after, MAX_RETRY_AFTER) if polled.retry_after else None


def _not_ahead(time: float | None, now: float) -> float | None:
    """Give a vendor's time of something that has happened; None where it lies ahead of every plausible clock."""
    return None if time is None or time > now + CLOCK_SKEW_SECONDS else time


def _trusted_start(watch: Watch, seen: Observation) -> float | None:
    """Give the announced start, unless the vendor puts it off from poll to poll: then the schedule alone decides."""
    if seen.state is not ImportState.QUEUED or seen.started_at is None:
        return None
    postponed = watch.announced_start is not None and seen.started_at != watch.announced_start
    return None if postponed else seen.started_at


def _unknown_from(watch: Watch, now: float) -> float:
    """Give the time from which an unknown import counts: the start of the watch, unless it was known before."""
    known_before = watch.import_state not in (None, ImportState.NOT_FOUND)
    return now if known_before else watch.registered_at


def _first_seen(since: float | None, otherwise: float, *, goes_on: bool) -> float | None:
    if not goes_on:
        return None
    return otherwise if since is None else since


def _last_seen_running(watch: Watch) -> float:
    """Give the last time at which an import that has ended by now cannot have ended, for all that is known."""
    if watch.seen_at is not None:
        return watch.seen_at
    return watch.registered_at if watch.started_at is None else min(watch.started_at, watch.registered_at)


def _wait(watch: Watch, now: float, seconds: int) -> Wait:
    return Wait(replace(watch, next_poll_at=now + seconds), seconds)


def _end(watch: Watch, result: WatchResult) -> End:
    return End(replace(watch, next_poll_at=None), result)


def _log_may_follow(polled: Observation | FailedPoll) -> bool:
    return isinstance(polled, Observation) and isinstance(polled.log, MissingLog) and polled.log.expected


def _await_log(watch: Watch, result: WatchResult, now: float, seconds: int) -> Wait | End:
    """Look again for the log of an import that has ended by its vendor's last readable status, or give the log up."""
    in_time = now + seconds - result.detected_at <= MAX_LOG_WAIT
    if watch.log_polls < MAX_LOG_POLLS and in_time:
        return _wait(replace(watch, awaiting_log=result, log_polls=watch.log_polls + 1), now, seconds)
    return _end(replace(watch, awaiting_log=None), _without_log(watch, result))


def _without_awaited(watch: Watch) -> Watch:
    return replace(watch, awaiting_log=None, log_polls=0, log_missing=None, log_source=None)


def _detected_once(before: WatchResult | None, latest: WatchResult) -> WatchResult:
    """Give the later ending; with the time at which this outcome was first seen, if it is not another one."""
    completed = {Outcome.SUCCEEDED, Outcome.PARTIAL}
    if before is None or (latest.outcome is not before.outcome and not {latest.outcome, before.outcome} <= completed):
        return latest
    return replace(latest, detected_at=before.detected_at, detection_lag_seconds=before.detection_lag_seconds)


def _without_log(watch: Watch, result: WatchResult) -> WatchResult:
    return replace(result, message=messages.without_log(watch, result, watch.log_missing))
