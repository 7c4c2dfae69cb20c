"""Rules that end a watch: the result of an observation, a failed poll, a deadline or an internal failure. Pure.

A result has codes and facts only. `notifications` writes its sentence.
"""

from __future__ import annotations

from dataclasses import replace

from import_watch.model.observation import (
    MAX_PROBLEMS,
    FailedPoll,
    ImportState,
    InlineLog,
    LogRecord,
    LogReference,
    LogStatus,
    Observation,
    PollError,
    StoredLog,
)
from import_watch.model.outcome import COMPLETED, Outcome, Reason, WatchResult
from import_watch.model.watch import Tolerance, Watch
from import_watch.scheduling.running_time import may_have_ended_before

MIN_POLLS = 5
"""Consecutive polls of one kind that an UNKNOWN outcome needs besides its grace period: a few may fail by chance.

A readable response that differs ends such a run. A poll that fails in another way restarts the count of polls, not the
time."""
CLOCK_SKEW_SECONDS = 300.0
"""Maximum seconds by which a vendor's clock may be ahead of ours."""
ROUNDING_SECONDS = 1.0
"""Tolerance in seconds, because vendors cut their times to whole seconds."""
FIRST_UNAUTHORIZED_SECONDS = 60.0
"""Grace period of refused credentials that never worked in this watch: a wrong key should be reported soon."""


def of_poll(
    watch: Watch, polled: Observation | FailedPoll, now: float, last_seen_running: float, tolerance: Tolerance
) -> WatchResult | None:
    """Result of a watch by one poll; None where the watch continues.

    The vendor's last readable status counts, with the time at which this outcome was first seen.

    Parameters
    ----------
    watch : Watch
        With the poll in it.
    polled : Observation or FailedPoll
    now : float
        Epoch seconds.
    last_seen_running : float
        Epoch seconds of the last time at which the import had not ended, as far as was known before the poll.
    tolerance : Tolerance
        The grace periods.
    """
    if isinstance(polled, FailedPoll):
        found = _of_failure(watch, polled, now, tolerance)
    else:
        found = _of_observation(watch, polled, now, last_seen_running, tolerance)
    seen_before = watch.awaiting_log
    if seen_before is None:
        return timed_out(watch, now, polled) if found is None and now >= watch.deadline else found
    if found is None or found.outcome is Outcome.UNKNOWN:
        return None  # a known outcome is not replaced
    if found.outcome is not seen_before.outcome and not {found.outcome, seen_before.outcome} <= COMPLETED:
        return found
    if found.missing_details is not None and (
        seen_before.missing_details is None or seen_before.outcome is Outcome.PARTIAL
    ):
        return replace(seen_before, has_log=found.has_log, message="")  # it has details that this poll has not
    return replace(found, detected_at=seen_before.detected_at, detection_lag_seconds=seen_before.detection_lag_seconds)


def timed_out(watch: Watch, now: float, polled: Observation | FailedPoll | None = None) -> WatchResult:
    """Result of a watch at its deadline; `polled` is its last poll, None where none could be made."""
    return _unknown(watch, Reason.TIMED_OUT, now, polled)


def broken(watch: Watch, now: float, why: str) -> WatchResult:
    """Result of a watch that failed internally; a known outcome still counts."""
    return watch.awaiting_log or _unknown(watch, Reason.WATCH_BROKEN, now, detail=why)


def stopped(watch: Watch, now: float, why: str | None = None) -> WatchResult:
    """Result of a watch that a person stopped, with the reason if there is one; a known outcome still counts."""
    return watch.awaiting_log or _unknown(watch, Reason.WATCH_STOPPED, now, detail=why)


def _of_observation(
    watch: Watch, seen: Observation, now: float, last_seen_running: float, tolerance: Tolerance
) -> WatchResult | None:
    match seen.state:
        case ImportState.QUEUED | ImportState.RUNNING:
            return None
        case ImportState.NOT_FOUND:
            if not _is_over(watch.not_found_since, watch.not_found_polls, now, tolerance.not_found):
                return None
            return _unknown(watch, Reason.NOT_FOUND, now, seen, grace_seconds=tolerance.not_found)
        case ImportState.UNRECOGNISED:
            if not _is_over(watch.unrecognised_since, watch.unrecognised_polls, now, tolerance.unrecognised):
                return None
            return _unknown(watch, Reason.UNRECOGNISED_STATUS, now, seen, grace_seconds=tolerance.unrecognised)
        case ImportState.SUCCEEDED:
            outcome = Outcome.PARTIAL if seen.counts.get("errors", 0) > 0 else Outcome.SUCCEEDED
        case ImportState.PARTIAL:
            outcome = Outcome.PARTIAL
        case ImportState.FAILED | ImportState.EXPIRED:
            outcome = Outcome.FAILED
        case ImportState.CANCELLED | ImportState.REVERTED:
            outcome = Outcome.CANCELLED
        case ImportState.RESULT_EXPIRED:
            # At once: the import is known, and a later poll cannot bring its result back.
            return _unknown(watch, Reason.NOT_FOUND, now, seen)
    ended = _plausible_end(watch, seen, now)
    lag = round(max(0.0, now - (last_seen_running if ended is None else ended)), 3)
    return WatchResult(
        outcome=outcome,
        detected_at=now,
        reason=seen.reason if outcome is Outcome.FAILED else None,
        retryable=seen.retryable,
        vendor_status=seen.vendor_status,
        job_type=watch.job_type,
        counts=dict(seen.counts),
        problems=seen.problems[:MAX_PROBLEMS],
        started_at=_started_at(watch),
        ended_at=ended,
        detection_lag_seconds=None if may_have_ended_before(watch) else lag,
        implausible=True if ended != seen.ended_at else None,
        has_log=_has_log(seen.log),
        missing_details=seen.missing_details.reason if seen.missing_details else None,
    )


def _of_failure(watch: Watch, failed: FailedPoll, now: float, tolerance: Tolerance) -> WatchResult | None:
    worked_before = watch.seen_at is not None
    if failed.error is PollError.UNAUTHORIZED:
        grace = tolerance.unauthorized if worked_before else min(FIRST_UNAUTHORIZED_SECONDS, tolerance.unauthorized)
        if _is_over(watch.unauthorized_since, watch.unauthorized_polls, now, grace):
            return _unknown(watch, Reason.UNAUTHORIZED, now, failed, detail=failed.detail)
    at_once = failed.error is PollError.MISCONFIGURED and not failed.after_grace
    later = failed.is_misconfiguration_after_grace(worked_before=worked_before)
    if at_once or (later and _is_over(watch.misconfigured_since, watch.misconfigured_polls, now, tolerance.not_found)):
        return _unknown(watch, Reason.MISCONFIGURED, now, failed, detail=failed.detail)
    if watch.failures in (watch.unauthorized_polls, watch.misconfigured_polls):
        return None  # nothing else failed, so its own grace period counts, even if the one for all failures is shorter
    if not _is_over(watch.failing_since, watch.failures, now, tolerance.failing):
        return None
    reason = Reason.UNREADABLE_ANSWER if watch.only_unreadable else Reason.VENDOR_UNAVAILABLE
    return _unknown(watch, reason, now, failed, detail=failed.detail, grace_seconds=tolerance.failing)


def _unknown(
    watch: Watch,
    reason: Reason,
    now: float,
    polled: Observation | FailedPoll | None = None,
    *,
    detail: str | None = None,
    grace_seconds: float | None = None,
) -> WatchResult:
    seen = polled if isinstance(polled, Observation) else None
    return WatchResult(
        outcome=Outcome.UNKNOWN,
        reason=reason.value,
        detected_at=now,
        vendor_status=watch.vendor_status,
        job_type=watch.job_type,
        counts=dict(seen.counts) if seen else {},
        problems=polled.problems[:MAX_PROBLEMS] if polled else (),
        started_at=_started_at(watch),
        detail=detail,
        grace_seconds=grace_seconds,
    )


def _is_over(since: float | None, polls: int | None, now: float, grace: float) -> bool:
    """Whether a grace period is used up: by its time, and by enough polls."""
    return since is not None and now - since >= grace and (polls or 0) >= MIN_POLLS


def _has_log(log: LogReference) -> bool:
    """Whether a log is available to a person: in the archive, or at the vendor's location."""
    if isinstance(log, LogRecord):
        return log.status in (LogStatus.ARCHIVED, LogStatus.VENDOR_ONLY)
    return isinstance(log, InlineLog | StoredLog)


def _plausible_end(watch: Watch, seen: Observation, now: float) -> float | None:
    """End time of an import by its vendor; None where it names none, or an implausible one."""
    ended = seen.ended_at
    if ended is None or ended > now + CLOCK_SKEW_SECONDS:
        return None
    earliest = [
        time - ROUNDING_SECONDS
        for time in (watch.unfinished_at, watch.running_since, seen.started_at)
        if time is not None
    ]
    if watch.started_at is not None:
        earliest.append(min(watch.started_at, watch.registered_at) - CLOCK_SKEW_SECONDS)
    return None if any(ended < time for time in earliest) else ended


def _started_at(watch: Watch) -> float | None:
    return watch.running_since if watch.running_since is not None else watch.started_at
