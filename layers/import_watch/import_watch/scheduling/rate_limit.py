"""A connection's rate limit, shared by its watches without communication between them. Pure.

A *cycle* is the time in which every active watch of a connection may poll once. A new watch is appended to the cycle,
by its arrival index, and then waits for whole cycles. So watches that were spread out stay spread out, whatever
determines their intervals: the schedule, a history that gives all of them the same next poll, or a vendor that
throttles all of them for some time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

SHARE = 0.4
"""Share of the limit that slots are planned with. At most half of the limit should be used in any minute: watches that
start or end and clocks that differ, which cannot be planned, use the rest."""
ASSUMED_PER_MINUTE = 60.0
"""Requests per minute that are assumed for a vendor that throttles and whose limit is not known."""
THROTTLING_REMEMBERED = 3_600.0
"""Seconds after the last throttling for which that limit is assumed."""


@dataclass(frozen=True, slots=True)
class RateShare:
    """A watch's share of its connection.

    Parameters
    ----------
    active : int
        Active watches of the connection, this one included.
    per_minute : float or None
        Requests per minute that the vendor allows; None where no limit is known.
    """

    active: int = 1
    per_minute: float | None = None

    @property
    def cycle_seconds(self) -> float:
        """The length of a cycle in seconds; 0 where no limit is known."""
        return slot_seconds(self.per_minute) * max(1, self.active)


UNSHARED = RateShare()


def rate_share(active: int, per_minute: float | None, throttled_until: float | None, now: float) -> RateShare:
    """A watch's share of a connection's rate limit, from what is known about the connection.

    Parameters
    ----------
    active : int
        Its active watches.
    per_minute : float or None
        Its limit, if the secret or the vendor's documents name one.
    throttled_until : float or None
        Epoch seconds until which the vendor last accepted no request of its watches.
    now : float
        Epoch seconds.
    """
    throttles = throttled_until is not None and throttled_until > now - THROTTLING_REMEMBERED
    return RateShare(max(1, active), per_minute or (ASSUMED_PER_MINUTE if throttles else None))


def slot_seconds(per_minute: float | None) -> float:
    """Seconds from one poll of a connection to the next, by any of its watches; 0 where no limit is known."""
    return 60 / (SHARE * per_minute) if per_minute else 0.0


def align_to_slot(wait: int, share: RateShare, *, at_least: bool = False) -> int:
    """Interval that keeps a watch in its slot.

    Parameters
    ----------
    wait : int
        Interval in seconds without a rate limit.
    share : RateShare
    at_least : bool
        Whether the vendor named the interval, so that it may only become longer.

    Returns
    -------
    int
        Whole cycles, the nearest to `wait` and at least one.
    """
    seconds = share.cycle_seconds
    if not seconds:
        return wait
    if share.active <= 1:
        return max(wait, math.ceil(seconds))
    cycles = math.ceil(wait / seconds - 1e-9) if at_least else round(wait / seconds)
    return math.ceil(max(1, cycles) * seconds)


def initial_offset(arrival_index: int, per_minute: float | None) -> float:
    """Seconds from the registration of a watch to its first slot, by its arrival index."""
    return arrival_index * slot_seconds(per_minute) if arrival_index > 1 else 0.0
