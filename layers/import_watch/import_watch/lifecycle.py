"""What a poll means for a watch: go on and when, or the end and which. Pure: time comes in as an argument.

A watch is a value; `advance` gives the next one. Three counts decide how long trouble is borne (see
`Tolerance`), each of an unbroken run of like observations, so that one good answer starts them anew.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from import_watch import messages
from import_watch.model import (
    PROBLEMS_KEPT,
    Ending,
    FailedPoll,
    ImportState,
    MissingLog,
    Observation,
    Outcome,
    Reason,
    Start,
    Trouble,
    Watch,
    watch_id,
)
from import_watch.pacing import scheduled_wait, wait_after_failure
from import_watch.schedule import DEFAULT_POLICY, Policy, first_wait

MOST_POLLS = 2_500
"""Polls of one execution: each adds 9 events to its history, which AWS ends at 25,000 without a word to anybody."""
MOST_LOG_POLLS = 2
"""Further polls for a log that a finished import does not show yet."""
LOG_POLL_SECONDS = 20
"""Longest wait before such a poll, so that a log never delays an outcome by more than a minute."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How many seconds trouble is borne before a watch ends as UNKNOWN.

    Parameters
    ----------
    not_found : int
        For an import that the vendor does not know, from the start of the watch (or, if it had been known,
        from the first such answer).
    unrecognised : int
        For a status that nobody has mapped.
    failing : int
        For nothing but failed polls.
    timeout : int
        For the whole watch, unless the start event says otherwise.
    """

    not_found: int = 120
    unrecognised: int = 600
    failing: int = 3_600
    timeout: int = 86_400


@dataclass(frozen=True, slots=True)
class Wait:
    """The watch goes on: poll again in `seconds`."""

    watch: Watch
    seconds: int


@dataclass(frozen=True, slots=True)
class End:
    """The watch ends."""

    watch: Watch
    ending: Ending


def begin(start: Start, now: float, tolerance: Tolerance, policy: Policy = DEFAULT_POLICY) -> Wait:
    """Give a new watch and the wait before its first poll.

    Parameters
    ----------
    start : Start
        A valid start event. A `started_at` in the future (a clock ahead of ours) is taken as now.
    now : float
        Epoch seconds.
    """
    began = now if start.started_at is None else min(start.started_at, now)
    seconds = first_wait(now - began, policy)
    return Wait(
        Watch(
            watch_id=watch_id(start.vendor, start.connection, start.import_id),
            vendor=start.vendor,
            connection=start.connection,
            import_id=start.import_id,
            registered_at=now,
            deadline=now + (start.timeout_seconds or tolerance.timeout),
            started_at=start.started_at,
            vendor_title=start.vendor_title,
            next_poll_at=now + seconds,
        ),
        seconds,
    )


def advance(
    watch: Watch,
    polled: Observation | FailedPoll,
    now: float,
    tolerance: Tolerance,
    policy: Policy = DEFAULT_POLICY,
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

    Returns
    -------
    Wait or End
        With the watch as it is to be stored. An `End` is final: nothing that is seen later changes it.
    """
    before = watch
    watch = replace(watch, polls=watch.polls + 1, last_poll_at=now)
    if isinstance(polled, FailedPoll):
        watch = _after_failure(watch, polled, now)
        ending = _ending_of_failure(watch, polled, now, tolerance)
        seconds = wait_after_failure(watch, polled, now, policy)
    else:
        watch = _after_observation(watch, polled, now)
        ending = _ending_of_observation(watch, polled, now, _last_seen_running(before), tolerance)
        seconds = scheduled_wait(watch, now, policy)
    if watch.awaiting_log is not None:
        return _await_log(watch, watch.awaiting_log, polled, ending, now, seconds)
    if ending is not None and _log_may_follow(ending, polled):
        return _await_log(watch, ending, polled, None, now, seconds)
    if ending is not None:
        return _end(watch, ending)
    if now >= watch.deadline:
        return _end(watch, _timed_out(watch, polled, now))
    if watch.polls >= MOST_POLLS:
        return _end(watch, broken(watch, now, f"{MOST_POLLS:,} polls and no end"))
    # The last poll falls on the deadline, so that a watch never gives up on an import that had just ended.
    until_deadline = max(math.ceil(watch.deadline - now), math.ceil(policy.floor))
    return _wait(watch, now, min(seconds, until_deadline))


def broken(watch: Watch, now: float, why: str) -> Ending:
    """Give the ending of a watch that our own machinery could not carry on: an outcome seen before still stands."""
    if watch.awaiting_log is not None:
        return watch.awaiting_log
    return _unknown(watch, Reason.WATCH_BROKEN, messages.watch_broken(watch, why), now)


def _after_failure(watch: Watch, failed: FailedPoll, now: float) -> Watch:
    return replace(
        watch,
        vendor_errors=watch.vendor_errors + 1,
        failures=watch.failures + 1,
        failing_since=now if watch.failing_since is None else watch.failing_since,
        only_unreadable=(watch.failures == 0 or watch.only_unreadable) and failed.trouble is Trouble.UNREADABLE,
        last_trouble=failed.detail,
    )


def _after_observation(watch: Watch, seen: Observation, now: float) -> Watch:
    progress_moved = seen.progress is not None and seen.progress != watch.progress
    waits = seen.state in (ImportState.QUEUED, ImportState.NOT_FOUND)
    return replace(
        watch,
        import_state=seen.state,
        vendor_status=seen.vendor_status,
        job_type=seen.job_type or watch.job_type,
        running_since=watch.running_since if waits else _earlier(watch.running_since, seen.started_at),
        not_running_at=now if waits else watch.not_running_at,
        seen_at=now,
        announced_start=seen.started_at if seen.state is ImportState.QUEUED else None,
        starts_at=_believed_start(watch, seen),
        progress=seen.progress,
        progress_changed_at=now if progress_moved else watch.progress_changed_at,
        not_found_since=_run_start(
            watch.not_found_since, _unknown_from(watch, now), goes_on=seen.state is ImportState.NOT_FOUND
        ),
        unrecognised_since=_run_start(watch.unrecognised_since, now, goes_on=seen.state is ImportState.UNRECOGNISED),
        failing_since=None,
        failures=0,
        only_unreadable=True,
        last_trouble=None,
    )


def _earlier(one: float | None, other: float | None) -> float | None:
    """Give the earlier time: a vendor whose start moves on with the clock would else keep an import young for ever."""
    return min((time for time in (one, other) if time is not None), default=None)


def _believed_start(watch: Watch, seen: Observation) -> float | None:
    """Give the announced start, unless the vendor puts it off from poll to poll: then the schedule alone decides."""
    if seen.state is not ImportState.QUEUED or seen.started_at is None:
        return None
    put_off = watch.announced_start is not None and seen.started_at != watch.announced_start
    return None if put_off else seen.started_at


def _unknown_from(watch: Watch, now: float) -> float:
    """Give the time from which an unknown import counts: the start of the watch, unless it was known before."""
    known_before = watch.import_state not in (None, ImportState.NOT_FOUND)
    return now if known_before else watch.registered_at


def _run_start(since: float | None, otherwise: float, *, goes_on: bool) -> float | None:
    if not goes_on:
        return None
    return otherwise if since is None else since


def _ending_of_observation(
    watch: Watch, seen: Observation, now: float, last_seen_running: float, tolerance: Tolerance
) -> Ending | None:
    match seen.state:
        case ImportState.QUEUED | ImportState.RUNNING:
            return None
        case ImportState.NOT_FOUND:
            if watch.not_found_since is None or now - watch.not_found_since < tolerance.not_found:
                return None
            return _unknown(watch, Reason.NOT_FOUND, messages.not_found(watch, tolerance.not_found), now, seen)
        case ImportState.UNRECOGNISED:
            if watch.unrecognised_since is None or now - watch.unrecognised_since < tolerance.unrecognised:
                return None
            message = messages.unrecognised(watch, tolerance.unrecognised)
            return _unknown(watch, Reason.UNRECOGNISED_STATUS, message, now, seen)
        case ImportState.SUCCEEDED:
            outcome = Outcome.PARTIAL if seen.counts.get("errors", 0) > 0 else Outcome.SUCCEEDED
        case ImportState.FAILED:
            outcome = Outcome.FAILED
        case ImportState.CANCELLED:
            outcome = Outcome.CANCELLED
    ended = seen.ended_at
    return Ending(
        outcome=outcome,
        message=messages.ended(watch, outcome, seen),
        detected_at=now,
        reason=seen.reason if outcome is Outcome.FAILED else None,
        retryable=seen.retryable,
        vendor_status=seen.vendor_status,
        job_type=watch.job_type,
        counts=dict(seen.counts),
        problems=seen.problems[:PROBLEMS_KEPT],
        started_at=watch.running_since if watch.running_since is not None else watch.started_at,
        ended_at=ended,
        detection_lag_seconds=round(max(0.0, now - (last_seen_running if ended is None else ended)), 3),
    )


def _ending_of_failure(watch: Watch, failed: FailedPoll, now: float, tolerance: Tolerance) -> Ending | None:
    if failed.trouble is Trouble.UNAUTHORIZED:
        return _unknown(watch, Reason.UNAUTHORIZED, messages.unauthorized(watch, failed.detail), now, failed)
    if failed.trouble is Trouble.MISCONFIGURED:
        return _unknown(watch, Reason.MISCONFIGURED, messages.misconfigured(watch, failed.detail), now, failed)
    if watch.failing_since is None or now - watch.failing_since < tolerance.failing:
        return None
    if watch.only_unreadable:
        message = messages.unreadable(watch, failed.detail, tolerance.failing)
        return _unknown(watch, Reason.UNREADABLE_ANSWER, message, now, failed)
    message = messages.vendor_unavailable(watch, failed.detail, tolerance.failing)
    return _unknown(watch, Reason.VENDOR_UNAVAILABLE, message, now, failed)


def _timed_out(watch: Watch, polled: Observation | FailedPoll, now: float) -> Ending:
    message = messages.timed_out(watch, watch.deadline - watch.registered_at, polled)
    return _unknown(watch, Reason.TIMED_OUT, message, now, polled)


def _unknown(
    watch: Watch, reason: Reason, message: str, now: float, polled: Observation | FailedPoll | None = None
) -> Ending:
    seen = polled if isinstance(polled, Observation) else None
    return Ending(
        outcome=Outcome.UNKNOWN,
        reason=reason.value,
        message=message,
        detected_at=now,
        vendor_status=watch.vendor_status,
        job_type=watch.job_type,
        counts=dict(seen.counts) if seen else {},
        problems=polled.problems[:PROBLEMS_KEPT] if polled else (),
        started_at=watch.running_since if watch.running_since is not None else watch.started_at,
    )


def _last_seen_running(watch: Watch) -> float:
    """Give the last time at which an import that has ended by now cannot have ended, for all that is known."""
    if watch.seen_at is not None:
        return watch.seen_at
    return watch.registered_at if watch.started_at is None else min(watch.started_at, watch.registered_at)


def _wait(watch: Watch, now: float, seconds: int) -> Wait:
    return Wait(replace(watch, next_poll_at=now + seconds), seconds)


def _end(watch: Watch, ending: Ending) -> End:
    return End(replace(watch, next_poll_at=None), ending)


def _log_may_follow(ending: Ending, polled: Observation | FailedPoll) -> bool:
    finished = ending.outcome in (Outcome.SUCCEEDED, Outcome.PARTIAL)
    return finished and isinstance(polled, Observation) and isinstance(polled.log, MissingLog) and polled.log.expected


def _await_log(
    watch: Watch, first: Ending, polled: Observation | FailedPoll, seen_now: Ending | None, now: float, seconds: int
) -> Wait | End:
    """Look again for the log of an import that is known to have ended.

    What `first` says stands, whatever comes: a later poll that fails, or that has forgotten the import, changes
    nothing. Only the answer that brings the log is more complete than the first, so it may say more of the end.
    """
    if isinstance(polled, Observation) or not polled.retry_after:
        seconds = min(seconds, LOG_POLL_SECONDS)
    if isinstance(polled, Observation) and isinstance(polled.log, MissingLog):
        watch = replace(watch, log_missing=polled.log.reason)
    elif (
        isinstance(polled, Observation)
        and polled.log is not None
        and seen_now is not None
        and seen_now.outcome is not Outcome.UNKNOWN
    ):
        complete = replace(seen_now, detected_at=first.detected_at, detection_lag_seconds=first.detection_lag_seconds)
        return _end(replace(watch, awaiting_log=None, log_missing=None), complete)
    in_time = now + seconds - first.detected_at <= MOST_LOG_POLLS * LOG_POLL_SECONDS + LOG_POLL_SECONDS
    if watch.log_polls < MOST_LOG_POLLS and in_time:
        return _wait(replace(watch, awaiting_log=first, log_polls=watch.log_polls + 1), now, seconds)
    told = replace(first, message=messages.without_log(watch, first.message, watch.log_missing))
    return _end(replace(watch, awaiting_log=None), told)
