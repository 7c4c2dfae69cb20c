"""What the schedule is told of a watch, and how failed polls slow it down. Pure."""

from __future__ import annotations

from import_watch.model import FailedPoll, ImportState, Watch
from import_watch.schedule import Policy, Progress, jitter_of, next_wait

LONGEST_RETRY_AFTER = 900
"""Seconds that a vendor may ask us to stay away."""
OLDEST_IMPORT = 30 * 86_400
"""Seconds ago beyond which a start that is told is not believed: the wait that follows from it would be hours."""
BACKOFF_FIRST, BACKOFF_MOST = 30, 300
"""Seconds between failed polls: from the first, doubling, to the most."""


def scheduled_wait(watch: Watch, now: float, policy: Policy, retry_after: float | None = None) -> int:
    """Give what the schedule says, by what was last seen of the import."""
    running = watch.import_state is ImportState.RUNNING
    age = _age(watch, now)
    return next_wait(
        age,
        queued=not running,
        starts_in=None if watch.starts_at is None else watch.starts_at - now,
        progress=_progress(watch, now, age) if running else None,
        retry_after=retry_after,
        jitter=jitter_of(watch.watch_id, watch.polls),
        policy=policy,
    )


def wait_after_failure(watch: Watch, failed: FailedPoll, now: float, policy: Policy) -> int:
    """Give the seconds to the next poll after a failed one: by the vendor's word, else by backing off.

    Neither asks sooner than the schedule; a vendor's word keeps us away for 900 seconds at most.
    """
    scheduled = scheduled_wait(watch, now, policy)
    if failed.retry_after:
        asked = scheduled_wait(watch, now, policy, failed.retry_after)
        return max(scheduled, min(asked, LONGEST_RETRY_AFTER))
    return max(scheduled, backoff(watch.failures))


def backoff(failures: int) -> int:
    """Give the least seconds to the next poll after so many failed ones in a row (1 or more)."""
    return int(min(BACKOFF_MOST, BACKOFF_FIRST * 2 ** min(failures - 1, 10)))


def _age(watch: Watch, now: float) -> float:
    """Give the seconds since the import is known to run; while it waits, since the watch began.

    A start in the future is a clock ahead of ours, and one months ago a mistake: neither says anything of age.
    """
    if watch.import_state not in (ImportState.RUNNING, ImportState.UNRECOGNISED):
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
    return Progress(watch.progress.fraction, watch.progress.resolution, stood_still)
