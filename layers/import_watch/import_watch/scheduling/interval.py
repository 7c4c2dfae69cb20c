"""When to poll next: a pure function of what is known about an import.

The rule follows from one goal: the time between the end of an import and the poll that detects it should be a small
share of the import's running time. So an interval is a share of the age. Evidence (progress, an announced start, past
imports of the same job type) may lengthen it, within bounds that hold for any evidence, true or false.

Where the end may fall anywhere in a span, few polls and a small lag are best balanced by an interval in proportion to
the square root of that span (Barlow, Hunter and Proschan, "Optimum Checking Procedures", 1963). The spans follow from
the age, so these intervals are multiples of its square root.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from import_watch.model.watch import History

__all__ = [
    "DEFAULT_POLICY",
    "HISTORY_NEEDED",
    "PRESETS",
    "History",
    "Policy",
    "Progress",
    "first_wait",
    "jitter_of",
    "next_wait",
]

ANNOUNCED_RATIO, ANNOUNCED_SECONDS = 0.5, 900.0
"""Maximum interval before an announced start, as a share of the age and in seconds: a scheduled import may be
cancelled, or started by hand, at any time."""
HISTORY_NEEDED = 5
"""Number of past imports from which their running times are used: fewer are not reliable."""
LOW_QUANTILE = 1.645
"""Standard deviations below the median at which 5 % of a log-normal lie; above it by as many, 95 %."""
UNLIKELY_ROOT, LIKELY_ROOT = 4.0, 2.2
"""Intervals by past imports, in square roots of seconds: of the age, as long as imports of the kind have rarely ended
so early; of the age times the spread, while most of them end."""
LIKELY_LIMIT = 1.4
"""Maximum interval while most imports of the kind end, as a multiple of the one without evidence."""
REMAINING_SHARE, MIN_REMAINING_SHARE, RESOLUTION_WEIGHT = 0.6, 0.3, 2.0
"""Interval by progress, as a share of the earliest plausible remaining time: for fine progress, at least, and by how
much less for each unit of the resolution, because coarse progress misleads more."""
NEAR_END_ROOT, UNCHANGED_ROOT = 0.45, 2.0
"""Least interval by progress, in square roots of seconds: of the age, and of the time without a change."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The parameters of the schedule.

    Parameters
    ----------
    floor : float
        Minimum seconds between two polls.
    ratio : float
        Interval as a share of the age, when nothing else is known.
    ceiling : float
        Maximum interval in seconds when nothing else is known, until `ceiling_ratio` of the age is more.
    ceiling_ratio : float
        Share of the age that replaces `ceiling` in very long imports.
    queued_ratio : float
        Interval as a share of the age while the import waits to run and no start is announced; same ceiling.
    progress_ratio : float
        Maximum interval by progress, as a share of the age.
    progress_ceiling : float
        Maximum interval by progress, in seconds.
    history_ratio : float
        Maximum interval by past imports, as a share of the age.
    history_ceiling : float
        Maximum interval by past imports, in seconds.
    root_factor : float
        Factor of the intervals that are square roots: above 1 for fewer polls, below 1 for smaller lags.
    jitter : float
        Maximum share by which jitter shortens an interval.
    """

    floor: float = 5
    ratio: float = 0.10
    ceiling: float = 60
    ceiling_ratio: float = 0.002
    queued_ratio: float = 0.35
    progress_ratio: float = 0.50
    progress_ceiling: float = 1_200
    history_ratio: float = 0.40
    history_ceiling: float = 1_200
    root_factor: float = 1.0
    jitter: float = 0.10


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of an import.

    Parameters
    ----------
    fraction : float
        Completed share, 0 to 1.
    resolution : float
        The smallest step that it can show, above 0.
    seconds_since_change : float
        Seconds since the share last changed, at most the import's age.
    """

    fraction: float
    resolution: float = 0.01
    seconds_since_change: float = 0.0


DEFAULT_POLICY = Policy()
PRESETS: Mapping[str, Policy] = {
    "default": DEFAULT_POLICY,
    "quick": Policy(
        floor=3,
        ratio=0.3,
        ceiling=26,
        ceiling_ratio=0,
        progress_ratio=0.25,
        progress_ceiling=300,
        history_ratio=0.25,
        history_ceiling=300,
        root_factor=0.5,
    ),
    "prompt": Policy(
        floor=5,
        ratio=0.2,
        ceiling=42,
        ceiling_ratio=0.0005,
        progress_ceiling=600,
        history_ceiling=600,
        root_factor=0.7,
    ),
    "even": Policy(floor=3, ratio=0.2, ceiling=52, ceiling_ratio=0.0005, root_factor=0.7),
    "thrifty": Policy(floor=5, ratio=0.45, ceiling=85, ceiling_ratio=0.0005, root_factor=1.2),
    "frugal": Policy(floor=5, ratio=0.45, ceiling=170, ceiling_ratio=0.0005, root_factor=1.7),
}
"""Named policies to choose from. All follow the same rule, from the smallest lag to the fewest polls.

default
    The defaults of `Policy`: between `even` and `thrifty`.
quick
    At most half a minute without evidence, two minutes with it: for imports that people wait for.
prompt
    At most 42 seconds without evidence, five minutes with it.
even
    At most 52 seconds, and smaller lags in long imports than the default, for a few more polls.
thrifty
    At most a minute and a half without evidence: three quarters of the default's polls.
frugal
    At most three minutes without evidence: half of the default's polls, where cost or the vendor's limit matters most.

`benchmarks/schedule` measures them; `docs/schedule.md` has the figures.
"""


def next_wait(
    age: float,
    *,
    queued: bool = False,
    starts_in: float | None = None,
    progress: Progress | None = None,
    history: History | None = None,
    retry_after: float | None = None,
    jitter: float = 0.0,
    policy: Policy = DEFAULT_POLICY,
) -> int:
    """Interval until the next poll, in whole seconds.

    Parameters
    ----------
    age : float
        Seconds since the import is known to run: since its reported start, else since it was last seen not
        running, else since the watch began. Negative ages count as 0.
    queued : bool
        Whether the import was last seen waiting to run.
    starts_in : float, optional
        Seconds until the start that the vendor announced; while `queued`, the interval lasts until then, within bounds.
    progress : Progress, optional
        As the vendor reports it for a running import.
    history : History, optional
        Running times of this connection's past imports of the same job type; used from 5 imports on.
    retry_after : float, optional
        Seconds after which the vendor accepts the next request; it can only lengthen the interval.
    jitter : float
        0 ≤ u < 1, deterministic (see `jitter_of`); it shortens the interval by up to `policy.jitter` of it.
    policy : Policy
        The parameters of the schedule.

    Returns
    -------
    int
        Seconds, rounded up. Without evidence at most max(floor, ratio × age, capped at the ceiling); with
        evidence at most 50 % of the age and 1,200 s by default; for an announced start at most 50 % and 900 s.
    """
    age = max(0.0, age)
    limit = max(policy.ceiling, policy.ceiling_ratio * age)
    wait = min((policy.queued_ratio if queued else policy.ratio) * age, limit)
    if not queued and history is not None and history.count >= HISTORY_NEEDED:
        wait = _by_history(age, history, wait, limit, policy)
    if not queued and progress is not None and progress.fraction >= progress.resolution > 0:
        wait = _by_progress(age, progress, limit, policy)
    wait = max(policy.floor, wait * (1 - policy.jitter * jitter))
    if queued and starts_in is not None and starts_in > 0:
        wait = max(policy.floor, min(starts_in, ANNOUNCED_RATIO * age, ANNOUNCED_SECONDS))
    if retry_after:
        wait = max(wait, retry_after * (1 + policy.jitter * jitter))
    return math.ceil(wait)


def first_wait(age: float, policy: Policy = DEFAULT_POLICY) -> int:
    """Seconds from the registration of a watch to its first poll.

    There was no poll before it, so the floor is counted from the start of the import: an import that started earlier
    (its start event came late) is polled at once.
    """
    return math.ceil(max(0.0, policy.floor - max(0.0, age)))


def jitter_of(watch_id: str, poll: int) -> float:
    """Deterministic number, 0 ≤ u < 1, from a watch and the number of its poll: spread evenly over watches."""
    return zlib.crc32(f"{watch_id}/{poll}".encode()) / 2**32


def _by_history(age: float, history: History, wait: float, limit: float, policy: Policy) -> float:
    """Interval by past imports of the kind: long before most of them end, by the spread while they do."""
    spread = LOW_QUANTILE * history.log_sigma
    most = min(policy.history_ratio * age, max(policy.history_ceiling, limit))
    unlikely_before = 0.8 * _exp(history.log_median - spread) - age
    if unlikely_before > wait:
        return min(unlikely_before, max(min(most, policy.root_factor * UNLIKELY_ROOT * math.sqrt(age)), wait))
    if age < _exp(history.log_median + spread):
        likely = policy.root_factor * LIKELY_ROOT * math.sqrt(history.log_sigma * age)
        return min(likely, most, LIKELY_LIMIT * limit)
    return wait


def _by_progress(age: float, progress: Progress, limit: float, policy: Policy) -> float:
    """Interval by progress: a share of the earliest plausible remaining time, within bounds."""
    unchanged = min(max(0.0, progress.seconds_since_change), age)
    furthest = min(1.0, progress.fraction + progress.resolution)
    remaining = (1 - furthest) / furthest * age
    share = max(MIN_REMAINING_SHARE, REMAINING_SHARE - RESOLUTION_WEIGHT * progress.resolution)
    root = max(NEAR_END_ROOT * math.sqrt(age), UNCHANGED_ROOT * math.sqrt(unchanged))
    least = min(limit, policy.root_factor * root)
    return min(max(share * remaining, least), policy.progress_ratio * age, max(policy.progress_ceiling, limit))


def _exp(power: float) -> float:
    return math.exp(min(power, 700.0))
