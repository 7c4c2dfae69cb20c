"""How long a watch waits before its next poll: its schedule, back-off, rate limit, log and deadline. Pure."""

from __future__ import annotations

import math

from import_watch.model.observation import MAX_RETRY_AFTER, FailedPoll, ImportState, Observation, PollError
from import_watch.model.watch import Watch, job_type_key
from import_watch.scheduling.interval import DEFAULT_POLICY, HISTORY_NEEDED, Policy, Progress, jitter_of, next_wait
from import_watch.scheduling.rate_limit import UNSHARED, RateShare, align_to_slot, initial_offset
from import_watch.scheduling.running_time import import_age

STALLED_SECONDS, STALLED_TIMES = 1_800.0, 3.0
"""Time without progress after which an import is stalled: in seconds, and in typical running times."""
PERCENT = 0.01
"""Resolution of a percentage whose steps are not known."""
FIRST_BACKOFF, MAX_BACKOFF = 30, 300
"""Back-off after failed polls in seconds: the first interval, which doubles up to the maximum."""
UNAUTHORIZED_INTERVAL, FIRST_UNAUTHORIZED_INTERVAL = 60, 15
"""Seconds between polls with refused credentials; the second value where they never worked in this watch."""
LOG_POLL_SECONDS = 20
"""Maximum interval before a poll for the log of a finished import: a log delays an outcome by a minute at most."""
MIN_LOG_POLL_SECONDS = 15
"""Minimum interval before such a poll, so that two of them cover half a minute also for a short import."""


def next_interval(
    watch: Watch,
    polled: Observation | FailedPoll,
    now: float,
    policy: Policy = DEFAULT_POLICY,
    share: RateShare = UNSHARED,
) -> int:
    """Seconds until the next poll of a watch, whole slots of its connection's rate limit.

    The interval of the schedule is the minimum, whatever the poll. A failed poll backs off, or follows the vendor's
    Retry-After for 900 seconds at most; refused credentials have intervals of their own. While the log of a finished
    import is awaited, the interval is short. The last poll falls on the watch's deadline.

    Parameters
    ----------
    watch : Watch
        With the poll in it.
    polled : Observation or FailedPoll
        The poll.
    now : float
        Epoch seconds.
    policy : Policy
    share : RateShare
        The watch's share of its connection's rate limit.
    """
    last = _until_deadline(watch, now, policy, share)
    if isinstance(polled, FailedPoll):
        seconds, is_minimum = _after_failure(watch, polled, now, policy)
    else:
        seconds, is_minimum = _by_schedule(watch, now, policy, polled.retry_after)
    seconds = align_to_slot(seconds, share, at_least=is_minimum)
    if watch.awaiting_log is None:
        return min(seconds, last)
    if polled.retry_after:
        return seconds
    return max(min(seconds, LOG_POLL_SECONDS), MIN_LOG_POLL_SECONDS, math.ceil(share.cycle_seconds))


def rate_limit_delay(watch: Watch, now: float, share: RateShare, throttled_until: float | None) -> int:
    """Seconds by which a poll that is due is deferred; 0 where it may be made.

    Parameters
    ----------
    watch : Watch
    now : float
        Epoch seconds.
    share : RateShare
        With the limit of the connection's secret: the first interval was made without having read it.
    throttled_until : float or None
        Epoch seconds until which the vendor accepts no request of the connection's watches.
    """
    until = max((time for time in (throttled_until, watch.refused_until) if time is not None), default=now)
    seconds = 0
    if until > now:
        seconds = align_to_slot(math.ceil(min(until - now, MAX_RETRY_AFTER)), share, at_least=True)
    elif watch.polls == 0 and watch.executions == 1 and share.per_minute != watch.initial_rate:
        waited = initial_offset(watch.arrival_index, watch.initial_rate)
        seconds = max(0, math.ceil(initial_offset(watch.arrival_index, share.per_minute) - waited))
    if seconds and watch.awaiting_log is None:
        return max(1, min(seconds, math.ceil(watch.deadline - now)))
    return seconds


def throttled_until(polled: FailedPoll | Observation, watch: Watch, now: float) -> float:
    """Epoch seconds until which no watch of a connection should poll, after one of them was throttled."""
    return now + min(polled.retry_after or backoff(watch.failures + 1), MAX_RETRY_AFTER)


def backoff(failures: int) -> int:
    """Minimum seconds until the next poll after `failures` (1 or more) consecutive failed ones."""
    return int(min(MAX_BACKOFF, FIRST_BACKOFF * 2 ** min(failures - 1, 10)))


def stalled_seconds(watch: Watch, now: float) -> float | None:
    """Seconds for which an import has made no progress, where it is stalled; else None.

    Stalled means more than half an hour, and more than three times what past imports of its job type took.
    """
    if watch.import_state is not ImportState.RUNNING or watch.progress is None or watch.progress_changed_at is None:
        return None
    history = watch.histories.get(job_type_key(watch.job_type))
    typical = math.exp(history.log_median) if history is not None and history.count >= HISTORY_NEEDED else 0.0
    seconds = now - watch.progress_changed_at
    return seconds if seconds > max(STALLED_SECONDS, STALLED_TIMES * typical) else None


def _by_schedule(watch: Watch, now: float, policy: Policy, retry_after: float | None) -> tuple[int, bool]:
    """Seconds by the last observation of the import, and whether they may only be lengthened.

    A vendor may send Retry-After with an import that is not found, too.
    """
    seconds = _alone(watch, now, policy)
    if not retry_after:
        return seconds, False
    return max(seconds, min(_alone(watch, now, policy, retry_after), MAX_RETRY_AFTER)), True


def _after_failure(watch: Watch, failed: FailedPoll, now: float, policy: Policy) -> tuple[int, bool]:
    worked_before = watch.seen_at is not None
    if failed.error is PollError.UNAUTHORIZED:
        interval = UNAUTHORIZED_INTERVAL if worked_before else FIRST_UNAUTHORIZED_INTERVAL
        return max(interval, math.ceil(min(failed.retry_after or 0, MAX_RETRY_AFTER)), math.ceil(policy.floor)), True
    # A possible mistake of a gateway is polled like an import that is not found.
    if failed.retry_after or failed.is_misconfiguration_after_grace(worked_before=worked_before):
        return _by_schedule(watch, now, policy, failed.retry_after)
    return max(_alone(watch, now, policy), backoff(watch.failures)), True


def _until_deadline(watch: Watch, now: float, policy: Policy, share: RateShare) -> int:
    """Seconds until the last poll, which falls on the deadline, so that an import that has just ended is not missed.

    Watches that share a limit may have one deadline, too: each makes its last poll in its own first slot after it.
    """
    exactly = max(1, math.ceil(watch.deadline - now))
    if watch.refused_until is not None and watch.refused_until > now + exactly:
        return exactly  # the watch ends there without a poll, so neither the floor nor the other watches matter
    seconds = max(watch.deadline - now, policy.floor)
    if share.active > 1 and share.cycle_seconds:
        seconds = math.ceil(seconds / share.cycle_seconds) * share.cycle_seconds
    return math.ceil(seconds)


def _alone(watch: Watch, now: float, policy: Policy, retry_after: float | None = None) -> int:
    """Interval by the schedule alone, as if the watch were the only one of its connection."""
    running = watch.import_state is ImportState.RUNNING
    age, progress = import_age(watch, now), None
    if running and watch.progress is not None and watch.progress_changed_at is not None:
        unchanged = min(max(0.0, now - watch.progress_changed_at), max(0.0, age))
        progress = Progress(watch.progress.fraction, watch.progress.resolution or PERCENT, unchanged)
    return next_wait(
        age,
        queued=watch.import_state is ImportState.QUEUED,
        starts_in=None if watch.starts_at is None else watch.starts_at - now,
        progress=progress,
        history=watch.histories.get(job_type_key(watch.job_type)) if running else None,
        retry_after=retry_after,
        jitter=jitter_of(watch.watch_id, watch.polls),
        policy=policy,
    )
