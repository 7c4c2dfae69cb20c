"""When to poll next: a pure function of what is known of an import.

The rule follows from one wish: the time between the end of an import and the poll that sees it should be a
small share of how long the import took. So a wait is a share of the age; evidence (progress, a start that
is known, past imports of the same kind) may stretch it, within bounds that hold for any evidence, true or
false.
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
"""Longest wait for an announced start, as a share of the age and in seconds: a scheduled import may be cancelled, or
started by hand, at any time."""
HISTORY_NEEDED = 5
"""Past imports below which their durations say too little to act on."""
LOW_QUANTILE = 1.645
"""Standard deviations below the median at which 5 % of a log-normal lie."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The knobs of the schedule.

    Parameters
    ----------
    floor : float
        Least seconds between two polls.
    ratio : float
        Share of the age to wait when nothing else is known.
    ceiling : float
        Most seconds to wait when nothing else is known, until `ceiling_ratio` of the age is more.
    ceiling_ratio : float
        Share of the age that takes over from `ceiling` in very long imports.
    informed_ratio : float
        Share of the age up to which evidence may stretch a wait.
    informed_ceiling : float
        Seconds up to which evidence may stretch a wait.
    jitter : float
        Greatest share by which jitter shortens a wait.
    """

    floor: float = 5
    ratio: float = 0.10
    ceiling: float = 60
    ceiling_ratio: float = 0.002
    informed_ratio: float = 0.25
    informed_ceiling: float = 900
    jitter: float = 0.10


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is.

    Parameters
    ----------
    fraction : float
        Share done, 0 to 1.
    resolution : float
        The smallest step that it can show, above 0.
    seconds_since_change : float
        Seconds since it last moved, at most the import's age: an import cannot have stood still for longer.
    """

    fraction: float
    resolution: float = 0.01
    seconds_since_change: float = 0.0


DEFAULT_POLICY = Policy()
PRESETS: Mapping[str, Policy] = {
    "default": DEFAULT_POLICY,
    "quick": Policy(floor=3, ratio=0.3, ceiling=26, ceiling_ratio=0, informed_ratio=0.1, informed_ceiling=120),
    "prompt": Policy(floor=5, ratio=0.2, ceiling=42, ceiling_ratio=0.0005, informed_ratio=0.1, informed_ceiling=300),
    "even": Policy(floor=3, ratio=0.2, ceiling=52, ceiling_ratio=0.0005),
    "thrifty": Policy(floor=5, ratio=0.45, ceiling=85, ceiling_ratio=0.0005),
    "frugal": Policy(floor=5, ratio=0.45, ceiling=170, ceiling_ratio=0.0005),
}
"""Policies by name, for people to choose from: all of one rule, from the soonest to the fewest polls.

default
    What stands in `Policy`: between `even` and `thrifty`.
quick
    Half a minute at most with nothing known, two with evidence: where people sit and wait.
prompt
    42 seconds at most with nothing known, five minutes with evidence.
even
    52 seconds at most, and smaller lags in long imports than the default has, at a few more polls.
thrifty
    A minute and a half at most with nothing known: three quarters of the default's polls.
frugal
    Three minutes at most with nothing known: half of the default's polls, where the bill or the vendor counts most.

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
    """Give the whole seconds to wait before the next poll.

    Parameters
    ----------
    age : float
        Seconds since the import is known to run: since its reported start, else since it was last seen not
        running, else since the watch began. Negative ages count as 0.
    queued : bool
        Whether the import was last seen waiting to run.
    starts_in : float, optional
        Seconds until the start that the vendor announced; while `queued` it is waited for, within bounds.
    progress : Progress, optional
        What the vendor tells of a running import.
    history : History, optional
        Running times of this connection's past imports of the same kind; used from 5 imports on.
    retry_after : float, optional
        Seconds after which the vendor wants to be asked again; only ever lengthens the wait.
    jitter : float
        0 ≤ u < 1, repeatable (see `jitter_of`); shortens the wait by up to `policy.jitter` of it.
    policy : Policy
        The knobs.

    Returns
    -------
    int
        Seconds, rounded up. Without evidence at most max(floor, ratio × age, capped at the ceiling); with
        evidence at most 25 % of the age and 900 s by default; for an announced start at most 50 % and 900 s.
    """
    age = max(0.0, age)
    limit = max(policy.ceiling, policy.ceiling_ratio * age)
    wait = min(policy.ratio * age, limit)
    most = min(policy.informed_ratio * age, policy.informed_ceiling)
    if not queued and history is not None and history.count >= HISTORY_NEEDED:
        unlikely_before = 0.8 * _exp(history.log_median - LOW_QUANTILE * history.log_sigma) - age
        if unlikely_before > wait:
            wait = min(unlikely_before, max(most, wait))
    if not queued and progress is not None and progress.fraction >= 2 * progress.resolution > 0:
        furthest = min(1.0, progress.fraction + progress.resolution)
        remaining = (1 - furthest) / furthest * age
        least = max(max(0.01, progress.resolution / 2) * age, 0.05 * progress.seconds_since_change)
        least = min(limit, least)
        wait = min(max(remaining / 2, least), max(most, least))
    wait = max(policy.floor, wait * (1 - policy.jitter * jitter))
    if queued and starts_in is not None and starts_in > 0:
        wait = max(policy.floor, min(starts_in, ANNOUNCED_RATIO * age, ANNOUNCED_SECONDS))
    if retry_after:
        wait = max(wait, retry_after * (1 + policy.jitter * jitter))
    return math.ceil(wait)


def first_wait(age: float, policy: Policy = DEFAULT_POLICY) -> int:
    """Give the seconds from the registration of a watch to its first poll.

    No poll came before it, so the floor is counted from the start of the import: one that began a while ago
    (a start event that came late) is polled at once.
    """
    return math.ceil(max(0.0, policy.floor - max(0.0, age)))


def jitter_of(watch_id: str, poll: int) -> float:
    """Give 0 ≤ u < 1 from a watch and the number of its poll: spread over watches, and repeatable."""
    return zlib.crc32(f"{watch_id}/{poll}".encode()) / 2**32


def _exp(power: float) -> float:
    return math.exp(min(power, 700.0))
