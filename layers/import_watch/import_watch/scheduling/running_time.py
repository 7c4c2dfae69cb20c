"""Age of a running import, and running time of an ended one. Pure."""

from __future__ import annotations

from typing import NamedTuple

from import_watch.model.observation import ImportState
from import_watch.model.outcome import COMPLETED, WatchResult
from import_watch.model.watch import Watch, job_type_key

OLDEST_IMPORT = 30 * 86_400
"""Age in seconds beyond which a reported start is ignored: the interval that follows from it would be hours."""


class RunningTime(NamedTuple):
    """Running time of an import in `seconds`; `job_type` is the key under which it is kept."""

    job_type: str
    seconds: float


def import_age(watch: Watch, now: float) -> float:
    """Seconds since the import is known to run; while it is queued, since the watch began.

    A start in the future comes from a clock ahead of ours, and one months ago is a mistake: neither is used.
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


def running_time(watch: Watch, ended_at: float) -> float:
    """Running time of an import in seconds, from the same start as its age."""
    return max(0.0, import_age(watch, ended_at))


def may_have_ended_before(watch: Watch) -> bool:
    """Whether an import may have ended before it was watched: a later attempt can begin long after the end."""
    return watch.attempt > 1 and watch.unfinished_at is None


def measured_running_time(watch: Watch, result: WatchResult) -> RunningTime | None:
    """Running time of an import that completed; None where its start or its end is not known well enough.

    Parameters
    ----------
    watch : Watch
        As it ended.
    result : WatchResult
    """
    if result.outcome not in COMPLETED or result.implausible:
        return None
    if may_have_ended_before(watch):
        return None
    # Without the vendor's time an end lies, on average, half-way between the last two polls.
    lag = (result.detection_lag_seconds or 0.0) * (0.5 if result.ended_at is None else 1.0)
    seconds = round(running_time(watch, result.detected_at - lag), 1)
    if result.ended_at is not None and seconds <= 0:
        return None  # it ended before its earliest known start
    return RunningTime(job_type_key(watch.job_type), seconds)
