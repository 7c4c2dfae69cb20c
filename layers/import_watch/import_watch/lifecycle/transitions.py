"""The states of a watch: its start, each poll, the time of its next poll, and the transfer to another owner. Pure.

A watch is a value; each function returns the next one. How long an error is tolerated (see `Tolerance`) is decided by
runs of consecutive polls of one kind: since when, and how many. One good response ends such a run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from import_watch.lifecycle.outcome_rules import CLOCK_SKEW_SECONDS, of_poll, timed_out
from import_watch.model.observation import (
    MAX_RETRY_AFTER,
    FailedPoll,
    ImportState,
    LogRecord,
    LogStatus,
    MissingLog,
    Observation,
    PollError,
    ReportedProgress,
)
from import_watch.model.outcome import Outcome, WatchResult
from import_watch.model.watch import History, Start, Tolerance, Watch
from import_watch.scheduling.interval import DEFAULT_POLICY, Policy, first_wait, jitter_of
from import_watch.scheduling.poll_delay import LOG_POLL_SECONDS, stalled_seconds
from import_watch.scheduling.rate_limit import UNSHARED, RateShare, initial_offset

MAX_LOG_POLLS = 2
"""Maximum further polls for the log of a finished import that does not exist yet."""
MAX_LOG_WAIT = (MAX_LOG_POLLS + 1) * LOG_POLL_SECONDS
"""Maximum seconds from the poll that detected the end to the last one that may fetch the log."""
MIN_WAKE_GAIN = 5.0
"""Seconds by which a poll must come sooner, so that a watch is woken for it."""
ON_TIME_SECONDS = 60
"""Seconds after its planned time until which a poll is on time: a function may have to start, or to be retried."""
NO_AWAITED_LOG: Mapping[str, Any] = {"awaiting_log": None, "log_polls": 0, "log_missing": None, "log_source": None}
"""Fields of a watch that awaits no log."""


@dataclass(frozen=True, slots=True)
class Transition:
    """A watch after a step, and its result once it has ended.

    Parameters
    ----------
    watch : Watch
        As it is to be stored.
    result : WatchResult or None
        None while the watch continues. A result is final: no later poll changes it.
    stalled : bool
        Whether this step found the import stalled.
    handed_over : bool
        Whether the watch is already owned by its successor.
    deferred : bool
        Whether the poll was deferred.
    """

    watch: Watch
    result: WatchResult | None = None
    stalled: bool = False
    handed_over: bool = False
    deferred: bool = False


def start_watch(
    start: Start,
    now: float,
    tolerance: Tolerance,
    policy: Policy = DEFAULT_POLICY,
    share: RateShare = UNSHARED,
    histories: Mapping[str, History] | None = None,
) -> Watch:
    """New watch, with the time of its first poll.

    Parameters
    ----------
    start : Start
        A valid start event. A `started_at` in the future (of a clock ahead of ours) counts as now.
    now : float
        Epoch seconds.
    tolerance : Tolerance
    policy : Policy
    share : RateShare
        The connection's share, this watch included: the number of active watches is its position in the order of
        arrival.
    histories : mapping of str to History, optional
        Running times of the connection's past imports, by job type.
    """
    began = now if start.started_at is None else min(start.started_at, now)
    timeout = start.timeout_seconds or tolerance.timeout
    offset = math.ceil(initial_offset(share.active, share.per_minute))
    return Watch(
        watch_id=start.watch_id,
        vendor=start.vendor,
        connection=start.connection,
        import_id=start.import_id,
        registered_at=now,
        deadline=now + timeout,
        started_at=start.started_at,
        vendor_title=start.vendor_title,
        next_poll_at=now + max(min(first_wait(now - began, policy), timeout), offset),
        arrival_index=share.active,
        initial_rate=share.per_minute,
        histories=dict(histories or {}),
    )


def exclude_own_downtime(watch: Watch, now: float) -> Watch:
    """Watch that is about to be polled, with own downtime excluded from its grace periods.

    A poll is late where an execution had died, or a function could not run or was ended before it returned. That time
    is no evidence against the vendor, so it is not part of any grace period. Otherwise two polls that fail by chance,
    before and after it, would end the watch of a healthy import.
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


def defer_poll(watch: Watch, now: float, share: RateShare) -> Transition:
    """Watch whose poll may not be made now; TIMED_OUT at its deadline, which holds also where no poll can be made.

    A known outcome that only awaits its log is not replaced.
    """
    watch = replace(
        exclude_own_downtime(watch, now), execution_polls=watch.execution_polls + 1, initial_rate=share.per_minute
    )
    if now >= watch.deadline and watch.awaiting_log is None:
        return Transition(replace(watch, next_poll_at=None), timed_out(watch, now))
    return Transition(watch, deferred=True)


def advance(
    watch: Watch,
    polled: Observation | FailedPoll,
    now: float,
    tolerance: Tolerance,
    began: float | None = None,
    milliseconds: int = 0,
) -> Transition:
    """Watch after one poll.

    Parameters
    ----------
    watch : Watch
        As it was before the poll.
    polled : Observation or FailedPoll
    now : float
        Epoch seconds at which the response was received.
    tolerance : Tolerance
        The grace periods.
    began : float, optional
        Epoch seconds at which the poll began, so that own downtime before it is excluded.
    milliseconds : int
        Duration of the poll, which is charged.

    Returns
    -------
    Transition
        Without a result the watch continues; where `awaiting_log` is set, only to fetch the log of a finished import.
    """
    last_seen_running = _last_seen_running(watch)
    if began is not None:
        watch = exclude_own_downtime(watch, began)
    counts: Mapping[str, Any] = {
        "polls": watch.polls + 1,
        "execution_polls": watch.execution_polls + 1,
        "poll_milliseconds": watch.poll_milliseconds + milliseconds,
        "takeovers": 0,
        "last_poll_at": now,
    }
    if isinstance(polled, FailedPoll):
        watch = _after_failure(watch, polled, now, counts)
    else:
        watch = _after_observation(watch, polled, now, counts)
    result = of_poll(watch, polled, now, last_seen_running, tolerance)
    if result is not None and result.outcome is not Outcome.UNKNOWN and _is_awaited(polled):
        log = None if isinstance(polled, FailedPoll) else polled.log
        watch = replace(watch, awaiting_log=result, log_missing=None, log_source=None)
        if isinstance(log, MissingLog) and log.expected:
            watch = replace(watch, log_missing=log.reason, log_source=log.source)
        elif isinstance(log, LogRecord):
            watch = replace(watch, kept_log=log)
    elif result is not None:
        return Transition(replace(watch, next_poll_at=None, **NO_AWAITED_LOG), result)
    return Transition(watch if watch.awaiting_log is None else replace(watch, log_polls=watch.log_polls + 1))


def schedule(
    transition: Transition, now: float, seconds: int, floor: float = 0.0, max_polls: int | None = None
) -> Transition:
    """Watch with the time of its next poll; ended where that is too late for the log of a finished import.

    Parameters
    ----------
    transition : Transition
        One that has a result is returned unchanged.
    now : float
        Epoch seconds.
    seconds : int
        Seconds until the next poll.
    floor : float
        Minimum seconds between two polls, for one that is made sooner because the import has changed.
    max_polls : int, optional
        Polls after which an execution hands its watch over, long before its history is full.
    """
    if transition.result is not None:
        return transition
    watch = transition.watch
    next_poll_at = not_before = now + seconds
    if not transition.deferred and not watch.failures:
        not_before = max(now + floor, watch.refused_until or 0.0)
    watch = replace(watch, next_poll_at=next_poll_at, not_before=not_before)
    awaited = watch.awaiting_log
    if awaited and (watch.log_polls > MAX_LOG_POLLS or now + seconds - awaited.detected_at > MAX_LOG_WAIT):
        missing_log = watch.log_missing
        has_log = watch.kept_log is not None and watch.kept_log.status is not LogStatus.UNAVAILABLE
        if missing_log is None and awaited.missing_details is None and not has_log:
            missing_log = ""  # no reason is known
        result = replace(awaited, missing_log=missing_log)
        return Transition(replace(watch, next_poll_at=None, awaiting_log=None), result)
    if max_polls is not None and watch.execution_polls >= max_polls:
        return Transition(hand_over(watch), handed_over=True)  # the successor checks whether the import is stalled
    if watch.stalled_at is None and stalled_seconds(watch, now) is not None:
        return Transition(replace(watch, stalled_at=now), stalled=True)
    return Transition(watch)


def hand_over(watch: Watch) -> Watch:
    """Active watch as the next execution owns it: all observations are kept."""
    return replace(watch, generation=watch.generation + 1, executions=watch.executions + 1, execution_polls=0)


def wake(watch: Watch, now: float, share: RateShare, throttled_until: float | None) -> Watch | None:
    """Active watch as a new execution owns it, with an earlier poll; None where that would gain too little.

    The poll stays in the watch's slot of its connection: it comes sooner by whole cycles.

    Parameters
    ----------
    watch : Watch
    now : float
        Epoch seconds.
    share : RateShare
        The watch's share of its connection.
    throttled_until : float or None
        Epoch seconds until which the vendor accepts no request of the connection's watches.
    """
    if watch.next_poll_at is None or watch.awaiting_log is not None:
        return None
    if watch.not_before is None and watch.last_poll_at is not None:
        return None  # its last poll was made by an older release, which did not store when the next one is allowed
    earliest = max(now, watch.not_before or now, throttled_until or now)
    if watch.last_poll_at is not None:
        earliest = max(earliest, watch.last_poll_at + share.cycle_seconds)
    poll_at = earliest
    if share.active > 1 and share.cycle_seconds:
        cycles = math.floor((watch.next_poll_at - earliest) / share.cycle_seconds)
        poll_at = watch.next_poll_at - cycles * share.cycle_seconds
    if watch.next_poll_at - poll_at < MIN_WAKE_GAIN:
        return None
    return replace(hand_over(watch), next_poll_at=poll_at)


def resume_delay(watch: Watch, now: float, share: RateShare = UNSHARED, policy: Policy = DEFAULT_POLICY) -> int:
    """Seconds until the next poll of a watch that another execution resumes.

    A poll that is overdue is made at once; where the connection has a limit, at some time within a cycle, for other
    watches may be resumed at the same time.
    """
    if watch.next_poll_at is not None and watch.next_poll_at > now:
        return math.ceil(watch.next_poll_at - now)
    floor = 0.0 if watch.last_poll_at is None else watch.last_poll_at + policy.floor - now
    offset = jitter_of(watch.watch_id, watch.polls) * share.cycle_seconds if share.active > 1 else 0.0
    return math.ceil(max(0.0, floor, offset))


def _after_failure(watch: Watch, failed: FailedPoll, now: float, counts: Mapping[str, Any]) -> Watch:
    """Watch with a failed poll in it.

    A failed poll of another kind restarts a run's count of polls, but not its time: a gateway's 503 has no information
    about the credentials, nor about an import that was not found.
    """
    watch = replace(
        watch,
        **counts,
        not_found_polls=0 if watch.not_found_since is not None else None,
        unrecognised_polls=0 if watch.unrecognised_since is not None else None,
        vendor_errors=watch.vendor_errors + 1,
        failures=watch.failures + 1,
        failing_since=now if watch.failing_since is None else watch.failing_since,
        only_unreadable=(watch.failures == 0 or watch.only_unreadable) and failed.error is PollError.UNREADABLE,
        last_trouble=failed.detail,
        refused_until=_refused_until(failed, now),
    )
    unauthorized = failed.error is PollError.UNAUTHORIZED
    misconfigured = failed.error is PollError.MISCONFIGURED or failed.is_misconfiguration_after_grace(
        worked_before=watch.seen_at is not None
    )
    if unauthorized:
        since = now if watch.unauthorized_since is None else watch.unauthorized_since
        watch = replace(watch, unauthorized_since=since)
    if misconfigured:
        since = _unknown_from(watch, now) if watch.misconfigured_since is None else watch.misconfigured_since
        watch = replace(watch, misconfigured_since=since)
    return replace(
        watch,
        unauthorized_polls=_counted(watch.unauthorized_since, watch.unauthorized_polls, continues=unauthorized),
        misconfigured_polls=_counted(watch.misconfigured_since, watch.misconfigured_polls, continues=misconfigured),
    )


def _counted(since: float | None, polls: int | None, *, continues: bool) -> int | None:
    """Number of polls of a run after one more poll, of its kind or of another."""
    if since is None:
        return None
    return (polls or 0) + 1 if continues else 0


def _after_observation(watch: Watch, seen: Observation, now: float, counts: Mapping[str, Any]) -> Watch:
    step, progress = _infer_resolution(watch, seen.progress)
    progress_moved = progress is not None and (watch.progress is None or progress.fraction != watch.progress.fraction)
    waits = seen.state in (ImportState.QUEUED, ImportState.NOT_FOUND)
    unfinished = seen.state in (ImportState.QUEUED, ImportState.RUNNING)
    # The vendor's last readable status counts: the import had not ended.
    dropped = {"kept_answer": None, "kept_log": None, **NO_AWAITED_LOG} if unfinished else {}
    not_found, unrecognised = seen.state is ImportState.NOT_FOUND, seen.state is ImportState.UNRECOGNISED
    return replace(
        watch,
        **counts,
        **dropped,
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
        not_found_since=_first_seen(watch.not_found_since, _unknown_from(watch, now), continues=not_found),
        not_found_polls=(watch.not_found_polls or 0) + 1 if not_found else None,
        unrecognised_since=_first_seen(watch.unrecognised_since, now, continues=unrecognised),
        unrecognised_polls=(watch.unrecognised_polls or 0) + 1 if unrecognised else None,
        unauthorized_since=None,
        unauthorized_polls=None,
        misconfigured_since=None,
        misconfigured_polls=None,
        failing_since=None,
        failures=0,
        only_unreadable=True,
        last_trouble=None,
        refused_until=_refused_until(seen, now),
    )


def _is_awaited(polled: Observation | FailedPoll) -> bool:
    """Whether a later poll may bring the log or the details of a finished import."""
    if isinstance(polled, FailedPoll):
        return False
    log_expected = isinstance(polled.log, MissingLog) and polled.log.expected
    return log_expected or (polled.missing_details is not None and polled.missing_details.expected)


def _infer_resolution(watch: Watch, reported: ReportedProgress | None) -> tuple[int | None, ReportedProgress | None]:
    """Step of the percentages seen so far, and the progress with this step as its resolution.

    A percentage that was only seen in steps of 10 has no finer resolution: with an assumed step of 1, polls would be
    late.
    """
    if reported is None or reported.resolution is not None:
        return watch.percent_step, reported
    step = math.gcd(watch.percent_step or 0, round(reported.fraction * 100), 100)
    return step, replace(reported, resolution=step / 100)


def _earlier(one: float | None, other: float | None) -> float | None:
    """Earlier time: with a vendor whose start moves with the clock, an import would stay young forever."""
    return min((time for time in (one, other) if time is not None), default=None)


def _refused_until(polled: Observation | FailedPoll, now: float) -> float | None:
    """Time before which the vendor accepts no request, if the response names one."""
    return now + min(polled.retry_after, MAX_RETRY_AFTER) if polled.retry_after else None


def _not_ahead(time: float | None, now: float) -> float | None:
    """Vendor's time of a past event; None where it is ahead of every plausible clock."""
    return None if time is None or time > now + CLOCK_SKEW_SECONDS else time


def _trusted_start(watch: Watch, seen: Observation) -> float | None:
    """Announced start, unless the vendor postpones it from poll to poll: then the schedule alone decides."""
    if seen.state is not ImportState.QUEUED or seen.started_at is None:
        return None
    postponed = watch.announced_start is not None and seen.started_at != watch.announced_start
    return None if postponed else seen.started_at


def _unknown_from(watch: Watch, now: float) -> float:
    """Start of the grace period of an unknown import: the start of the watch, unless the import was known before."""
    known_before = watch.import_state not in (None, ImportState.NOT_FOUND)
    return now if known_before else watch.registered_at


def _first_seen(since: float | None, otherwise: float, *, continues: bool) -> float | None:
    if not continues:
        return None
    return otherwise if since is None else since


def _last_seen_running(watch: Watch) -> float:
    """Last known time at which the import had not ended."""
    if watch.seen_at is not None:
        return watch.seen_at
    return watch.registered_at if watch.started_at is None else min(watch.started_at, watch.registered_at)
