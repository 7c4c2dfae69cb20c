"""What the schedule is told of a watch, and how failed polls slow it down. Pure."""

from __future__ import annotations

import math

from import_watch.model.observation import MAX_RETRY_AFTER, FailedPoll, ImportState, PollError
from import_watch.model.watch import Watch, job_type_key
from import_watch.scheduling.interval import HISTORY_NEEDED, Policy, Progress, jitter_of, next_wait
from import_watch.scheduling.rate_limit import UNSHARED, RateShare, align_to_slot, initial_offset

OLDEST_IMPORT = 30 * 86_400
"""Seconds ago beyond which a start that is told is not believed: the wait that follows from it would be hours."""
STALLED_SECONDS, STALLED_TIMES = 1_800.0, 3.0
"""Standstill that people are told of: in seconds, and in typical running times."""
PERCENT = 0.01
"""Step of a percentage of which nothing else is known."""
FIRST_BACKOFF, MAX_BACKOFF = 30, 300
"""Seconds between failed polls: from the first, doubling, to the most."""
UNAUTHORIZED_INTERVAL, FIRST_UNAUTHORIZED_INTERVAL = 60, 15
"""Seconds between polls with refused credentials; the second where they never worked in this watch."""


def scheduled_wait(
    watch: Watch, now: float, policy: Policy, share: RateShare = UNSHARED, retry_after: float | None = None
) -> int:
    """Give what the schedule says, by what was last seen of the import, in the watch's turn.

    A vendor that says when to come back, as it may with an import that is not found, is asked no sooner.
    """
    if not retry_after:
        return align_to_slot(_alone(watch, now, policy), share)
    asked = _alone(watch, now, policy, retry_after)
    return align_to_slot(max(_alone(watch, now, policy), min(asked, MAX_RETRY_AFTER)), share, at_least=True)


def wait_after_failure(
    watch: Watch, failed: FailedPoll, now: float, policy: Policy, share: RateShare = UNSHARED
) -> int:
    """Give the seconds to the next poll after a failed one: by the vendor's word, else by backing off.

    Neither asks sooner than the schedule; a vendor's word keeps us away for 900 seconds at most. Refused credentials
    have intervals of their own, and what may be a gateway's mistake is asked again as an import that is not found.
    """
    if failed.error is PollError.UNAUTHORIZED:
        interval = FIRST_UNAUTHORIZED_INTERVAL if watch.seen_at is None else UNAUTHORIZED_INTERVAL
        hint = math.ceil(min(failed.retry_after or 0, MAX_RETRY_AFTER))
        return align_to_slot(max(interval, hint, math.ceil(policy.floor)), share, at_least=True)
    if failed.retry_after:
        return scheduled_wait(watch, now, policy, share, failed.retry_after)
    if may_be_misconfigured(watch, failed):
        return scheduled_wait(watch, now, policy, share)
    return align_to_slot(max(_alone(watch, now, policy), backoff(watch.failures)), share, at_least=True)


def may_be_misconfigured(watch: Watch, failed: FailedPoll) -> bool:
    """Whether a failed poll is a misconfiguration once it has been so for the grace period of an unknown import."""
    return failed.after_grace and (failed.error is PollError.MISCONFIGURED or watch.seen_at is None)


def rate_limit_delay(watch: Watch, now: float, share: RateShare, throttled_until: float | None) -> int:
    """Give the seconds for which a poll that is due is to be put off; 0 where it may be made.

    Parameters
    ----------
    watch : Watch
    now : float
        Epoch seconds.
    share : Share
        With the limit as the connection's secret has it: the first wait was made without having read it.
    throttled_until : float or None
        Until when the vendor wants none of the connection's watches.
    """
    if throttled_until is not None and throttled_until > now:
        away = math.ceil(min(throttled_until - now, MAX_RETRY_AFTER))
        return align_to_slot(away, share, at_least=True)
    if watch.polls == 0 and watch.executions == 1 and share.per_minute != watch.initial_rate:
        waited = initial_offset(watch.arrival_index, watch.initial_rate)
        return max(0, math.ceil(initial_offset(watch.arrival_index, share.per_minute) - waited))
    return 0


def throttled_until(failed: FailedPoll, watch: Watch, now: float) -> float:
    """Give until when no watch of a connection should poll, by one that was told to slow down."""
    return now + min(failed.retry_after or backoff(watch.failures + 1), MAX_RETRY_AFTER)


def backoff(failures: int) -> int:
    """Give the least seconds to the next poll after so many failed ones in a row (1 or more)."""
    return int(min(MAX_BACKOFF, FIRST_BACKOFF * 2 ** min(failures - 1, 10)))


def stalled_seconds(watch: Watch, now: float) -> float | None:
    """Give for how many seconds the progress of an import has not moved, where that is too long; else None.

    Too long is more than half an hour, and more than three times what past imports of its kind took.
    """
    if watch.import_state is not ImportState.RUNNING or watch.progress is None or watch.progress_changed_at is None:
        return None
    history = watch.histories.get(job_type_key(watch.job_type))
    typical = math.exp(history.log_median) if history is not None and history.count >= HISTORY_NEEDED else 0.0
    stood = now - watch.progress_changed_at
    return stood if stood > max(STALLED_SECONDS, STALLED_TIMES * typical) else None


def running_time(watch: Watch, ended_at: float) -> float:
    """Give how long an import took, in seconds, from the same beginning as its age."""
    return max(0.0, _age(watch, ended_at))


def _alone(watch: Watch, now: float, policy: Policy, retry_after: float | None = None) -> int:
    """Give what the schedule says of a watch that has its connection for itself."""
    running = watch.import_state is ImportState.RUNNING
    age = _age(watch, now)
    return next_wait(
        age,
        queued=not running,
        starts_in=None if watch.starts_at is None else watch.starts_at - now,
        progress=_progress(watch, now, age) if running else None,
        history=watch.histories.get(job_type_key(watch.job_type)) if running else None,
        retry_after=retry_after,
        jitter=jitter_of(watch.watch_id, watch.polls),
        policy=policy,
    )


def _age(watch: Watch, now: float) -> float:
    """Give the seconds since the import is known to run; while it waits, since the watch began.

    A start in the future is a clock ahead of ours, and one months ago a mistake: neither says anything of age.
    """
    if watch.import_state in (None, ImportState.QUEUED, ImportState.NOT_FOUND):
        return now - watch.registered_at
    if watch.running_since is not None and 0 <= now - watch.running_since <= OLDEST_IMPORT:
        return now - watch.running_since
    if watch.not_running_at is not None:
        return now - watch.not_running_at
    if watch.started_at is not None and now - OLDEST_IMPORT <= watch.started_at <= watch.registered_at:
        return now - watch.started_at
    return now - watch.registered_at


def _progress(watch: Watch, now: float, age: float) -> Progress | None:
    if watch.progress is None or watch.progress_changed_at is None:
        return None
    stood_still = min(max(0.0, now - watch.progress_changed_at), max(0.0, age))
    return Progress(watch.progress.fraction, watch.progress.resolution or PERCENT, stood_still)
