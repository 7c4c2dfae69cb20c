"""How a watch ends: which outcome an observation, a failed poll, a deadline or trouble of our own makes. Pure."""

from __future__ import annotations

from import_watch.model.observation import MAX_PROBLEMS, FailedPoll, ImportState, Observation, PollError
from import_watch.model.outcome import Outcome, Reason, WatchResult
from import_watch.model.watch import Tolerance, Watch
from import_watch.notifications import messages
from import_watch.scheduling.poll_delay import may_be_misconfigured

MIN_POLLS = 5
"""Like polls on end that an UNKNOWN outcome needs besides its time: few polls may be alike by chance.

A readable response that says otherwise ends such a run. A poll that fails in another way has its polls counted anew,
and its time goes on."""
CLOCK_SKEW_SECONDS = 300.0
"""How far a vendor's clock may be ahead of ours."""
ROUNDING_SECONDS = 1.0
"""Vendors cut their times to whole seconds."""
FIRST_UNAUTHORIZED_SECONDS = 60.0
"""Grace period of refused credentials that never worked in this watch: a wrong key should be reported soon."""


def of_observation(
    watch: Watch, seen: Observation, now: float, last_seen_running: float, tolerance: Tolerance
) -> WatchResult | None:
    """Give the ending that an observation makes, or None where the watch goes on.

    Parameters
    ----------
    watch : Watch
        With the observation in it.
    now : float
        Epoch seconds.
    last_seen_running : float
        Epoch seconds at which the import cannot have ended yet, for all that was known before.
    """
    match seen.state:
        case ImportState.QUEUED | ImportState.RUNNING:
            return None
        case ImportState.NOT_FOUND:
            if not _is_over(watch.not_found_since, watch.not_found_polls, now, tolerance.not_found):
                return None
            return _unknown(watch, Reason.NOT_FOUND, messages.not_found(watch, tolerance.not_found, seen), now, seen)
        case ImportState.UNRECOGNISED:
            if not _is_over(watch.unrecognised_since, watch.unrecognised_polls, now, tolerance.unrecognised):
                return None
            message = messages.unrecognised(watch, tolerance.unrecognised)
            return _unknown(watch, Reason.UNRECOGNISED_STATUS, message, now, seen)
        case ImportState.SUCCEEDED:
            outcome = Outcome.PARTIAL if seen.counts.get("errors", 0) > 0 else Outcome.SUCCEEDED
        case ImportState.FAILED:
            outcome = Outcome.FAILED
        case ImportState.CANCELLED:
            outcome = Outcome.CANCELLED
    ended = _plausible_end(watch, seen, now)
    return WatchResult(
        outcome=outcome,
        message=messages.ended(watch, outcome, seen),
        detected_at=now,
        reason=seen.reason if outcome is Outcome.FAILED else None,
        retryable=seen.retryable,
        vendor_status=seen.vendor_status,
        job_type=watch.job_type,
        counts=dict(seen.counts),
        problems=seen.problems[:MAX_PROBLEMS],
        started_at=_started_at(watch),
        ended_at=ended,
        detection_lag_seconds=round(max(0.0, now - (last_seen_running if ended is None else ended)), 3),
        implausible=True if ended != seen.ended_at else None,
    )


def of_failure(watch: Watch, failed: FailedPoll, now: float, tolerance: Tolerance) -> WatchResult | None:
    """Give the ending that a failed poll makes, or None while it is tolerated."""
    if failed.error is PollError.UNAUTHORIZED:
        never_worked = watch.seen_at is None
        grace = min(FIRST_UNAUTHORIZED_SECONDS, tolerance.unauthorized) if never_worked else tolerance.unauthorized
        if _is_over(watch.unauthorized_since, watch.unauthorized_polls, now, grace):
            return _unknown(watch, Reason.UNAUTHORIZED, messages.unauthorized(watch, failed.detail), now, failed)
    at_once = failed.error is PollError.MISCONFIGURED and not failed.after_grace
    later = may_be_misconfigured(watch, failed)
    if at_once or (later and _is_over(watch.misconfigured_since, watch.misconfigured_polls, now, tolerance.not_found)):
        return _unknown(watch, Reason.MISCONFIGURED, messages.misconfigured(watch, failed.detail), now, failed)
    if watch.failures in (watch.unauthorized_polls, watch.misconfigured_polls):
        return None  # nothing else failed, so its own grace period counts, however short that for all failures is
    if not _is_over(watch.failing_since, watch.failures, now, tolerance.failing):
        return None
    if watch.only_unreadable:
        message = messages.unreadable(watch, failed.detail, tolerance.failing)
        return _unknown(watch, Reason.UNREADABLE_ANSWER, message, now, failed)
    message = messages.vendor_unavailable(watch, failed.detail, tolerance.failing)
    return _unknown(watch, Reason.VENDOR_UNAVAILABLE, message, now, failed)


def timed_out(watch: Watch, now: float, polled: Observation | FailedPoll | None = None) -> WatchResult:
    """Give the ending of a watch whose time is over, with what the last poll brought or was seen before."""
    message = messages.timed_out(watch, watch.deadline - watch.registered_at, polled)
    return _unknown(watch, Reason.TIMED_OUT, message, now, polled)


def broken(watch: Watch, now: float, why: str) -> WatchResult:
    """Give the ending of a watch that our own machinery could not carry on: an outcome seen before still stands."""
    if watch.awaiting_log is not None:
        return watch.awaiting_log
    return _unknown(watch, Reason.WATCH_BROKEN, messages.watch_broken(watch, why), now)


def stopped(watch: Watch, now: float) -> WatchResult:
    """Give the ending of a watch whose execution a person stopped: an outcome seen before still stands."""
    if watch.awaiting_log is not None:
        return watch.awaiting_log
    return _unknown(watch, Reason.WATCH_STOPPED, messages.watch_stopped(watch), now)


def _unknown(
    watch: Watch, reason: Reason, message: str, now: float, polled: Observation | FailedPoll | None = None
) -> WatchResult:
    seen = polled if isinstance(polled, Observation) else None
    return WatchResult(
        outcome=Outcome.UNKNOWN,
        reason=reason.value,
        message=message,
        detected_at=now,
        vendor_status=watch.vendor_status,
        job_type=watch.job_type,
        counts=dict(seen.counts) if seen else {},
        problems=polled.problems[:MAX_PROBLEMS] if polled else (),
        started_at=_started_at(watch),
    )


def _is_over(since: float | None, polls: int | None, now: float, grace: float) -> bool:
    """Whether a grace period is used up: by its time, and by enough polls."""
    return since is not None and now - since >= grace and (polls or 0) >= MIN_POLLS


def _plausible_end(watch: Watch, seen: Observation, now: float) -> float | None:
    """Give the vendor's end of an import; None where it names none, or one that cannot be right."""
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
