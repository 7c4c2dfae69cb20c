"""A connection's rate limit, shared by its watches without a word between them. Pure.

A *round* is the time in which every active watch of a connection may poll once. A watch comes in at the end of the
round, by its place in the order of arrival, and then waits for whole rounds. So watches that were spread out stay
spread out, whatever makes them wait: the schedule, a history that sends them all to sleep until the same moment, or a
vendor that wants none of them for a while.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

SHARE = 0.4
"""Share of the limit that is planned for. At most half is to be used in any minute: arrivals, endings and clocks that
nobody can plan for take the rest."""
ASSUMED_PER_MINUTE = 60.0
"""Requests per minute that a vendor is taken to allow if it throttles and its limit is not known."""
THROTTLING_REMEMBERED = 3_600.0
"""Seconds for which such a vendor is taken to throttle."""


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
        """The length of a round in seconds; 0 where no limit is known."""
        return slot_seconds(self.per_minute) * max(1, self.active)


UNSHARED = RateShare()


def rate_share(active: int, per_minute: float | None, throttled_until: float | None, now: float) -> RateShare:
    """Give a watch's share of a connection by what is known of it.

    Parameters
    ----------
    active : int
        Its active watches.
    per_minute : float or None
        Its limit, if the secret or the vendor's documents name one.
    throttled_until : float or None
        Epoch seconds until which the vendor last wanted none of its watches.
    now : float
        Epoch seconds.
    """
    throttles = throttled_until is not None and throttled_until > now - THROTTLING_REMEMBERED
    return RateShare(max(1, active), per_minute or (ASSUMED_PER_MINUTE if throttles else None))


def slot_seconds(per_minute: float | None) -> float:
    """Give the seconds from one poll of a connection to the next, whoever polls; 0 where no limit is known."""
    return 60 / (SHARE * per_minute) if per_minute else 0.0


def align_to_slot(wait: int, share: RateShare, *, at_least: bool = False) -> int:
    """Give the wait that keeps a watch in its turn.

    Parameters
    ----------
    wait : int
        Seconds that the watch would wait if it were alone.
    share : Share
    at_least : bool
        Whether the vendor named the wait, so that it may only become longer.

    Returns
    -------
    int
        Whole rounds, as near to `wait` as they come and at least one.
    """
    seconds = share.cycle_seconds
    if not seconds:
        return wait
    if share.active <= 1:
        return max(wait, math.ceil(seconds))
    cycles = math.ceil(wait / seconds - 1e-9) if at_least else round(wait / seconds)
    return math.ceil(max(1, cycles) * seconds)


def initial_offset(arrival_index: int, per_minute: float | None) -> float:
    """Give the seconds from the registration of a watch to its first turn, by its place in the order of arrival."""
    return arrival_index * slot_seconds(per_minute) if arrival_index > 1 else 0.0
