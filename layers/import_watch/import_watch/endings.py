"""How a watch ends: which outcome an observation, a failed poll, a deadline or trouble of our own makes. Pure."""

from __future__ import annotations

from import_watch import messages
from import_watch.model import (
    PROBLEMS_KEPT,
    Ending,
    FailedPoll,
    ImportState,
    Observation,
    Outcome,
    Reason,
    Tolerance,
    Trouble,
    Watch,
)


def of_observation(
    watch: Watch, seen: Observation, now: float, last_seen_running: float, tolerance: Tolerance
) -> Ending | None:
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
        started_at=_started_at(watch),
        ended_at=ended,
        detection_lag_seconds=round(max(0.0, now - (last_seen_running if ended is None else ended)), 3),
    )


def of_failure(watch: Watch, failed: FailedPoll, now: float, tolerance: Tolerance) -> Ending | None:
    """Give the ending that a failed poll makes, or None where it is borne."""
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


def timed_out(watch: Watch, now: float, polled: Observation | FailedPoll | None = None) -> Ending:
    """Give the ending of a watch whose time is over, with what the last poll brought or was seen before."""
    message = messages.timed_out(watch, watch.deadline - watch.registered_at, polled)
    return _unknown(watch, Reason.TIMED_OUT, message, now, polled)


def broken(watch: Watch, now: float, why: str) -> Ending:
    """Give the ending of a watch that our own machinery could not carry on: an outcome seen before still stands."""
    if watch.awaiting_log is not None:
        return watch.awaiting_log
    return _unknown(watch, Reason.WATCH_BROKEN, messages.watch_broken(watch, why), now)


def stopped(watch: Watch, now: float) -> Ending:
    """Give the ending of a watch whose execution a person stopped: an outcome seen before still stands."""
    if watch.awaiting_log is not None:
        return watch.awaiting_log
    return _unknown(watch, Reason.WATCH_STOPPED, messages.watch_stopped(watch), now)


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
        started_at=_started_at(watch),
    )


def _started_at(watch: Watch) -> float | None:
    return watch.running_since if watch.running_since is not None else watch.started_at
