"""How many watches may be open at once: what limits them, and what each takes of it. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from import_watch.aws.watch_items import ACTIVE_SHARDS, ENDED_SHARDS, INDEX_SECONDS
from import_watch.notifications.cost import (
    TRANSITIONS_PER_POLL,
    TRANSITIONS_PER_WATCH,
    WRITES_PER_HAND_OVER,
    WRITES_PER_POLL,
    WRITES_PER_WATCH,
)
from import_watch.services.recovery import MAX_LISTED, MAX_LISTING_SHARE, MIN_COUNTING_SHARE

OPEN = (1_000, 10_000, 100_000, 1_000_000)
"""Open watches that the table has columns for."""
POLL_EVERY = 60
"""Seconds between two polls of a watch: the longest wait of the first eight hours."""
SMALL = 0.01
LASTS = 3_600
"""Seconds that an import runs."""
POLL_SECONDS = 0.2
"""Time of a poll, most of it waiting for the vendor."""
CONTROL_SECONDS = 0.5
"""Time of all other functions of a watch."""
POLLS_PER_EXECUTION = 200
SWEEP_SECONDS = 255
"""Time of a sweep: the function's timeout without its reserve."""
SWEEP_EVERY = 300
EXECUTIONS_OF_A_PAGE = 1_000
ENTRIES_OF_A_PAGE = 9_500
"""Entries of the index of active watches in a page of 1 MB, of some 110 bytes each."""
PAGE_SECONDS = 1.0
"""Time of such a page: less was measured (`python -m benchmarks.sweeps`)."""
STEP_FUNCTIONS = "https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"
DYNAMODB = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html"
PARTITIONS = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html"
LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"
S3 = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html"
EVENTBRIDGE = "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html"
SNS = "https://docs.aws.amazon.com/general/latest/gr/sns.html"
BIG_REGIONS = "us-east-1, us-west-2, eu-west-1"


@dataclass(frozen=True, slots=True)
class Ceiling:
    """Something that limits the number of open watches.

    Parameters
    ----------
    what : str
    limit : float
        By default.
    each : float
        What an open watch takes of it.
    source : str
        Where AWS states the limit; empty where it is a limit of Import Watch.
    can_be_raised : bool
    """

    what: str
    limit: float
    each: float
    source: str
    can_be_raised: bool = True

    @property
    def watches(self) -> int:
        """Open watches that it allows."""
        return math.floor(self.limit / self.each)

    def at(self, count: int) -> str:
        """What a number of open watches needs of it."""
        share = self.each * count / self.limit
        if share <= 1:
            return "<1%" if share < SMALL else f"{share:.0%}"
        needed = _round_up(self.each * count)
        return f"**raise to {needed:,}**" if self.can_be_raised else "**too many**"


def ceilings() -> list[Ceiling]:
    """All ceilings, by service."""
    polls, ends = 1 / POLL_EVERY, 1 / LASTS
    hand_overs = polls / POLLS_PER_EXECUTION
    transitions = TRANSITIONS_PER_POLL * polls + TRANSITIONS_PER_WATCH * ends
    writes = WRITES_PER_POLL * polls + WRITES_PER_WATCH * ends + WRITES_PER_HAND_OVER * hand_overs
    # In a quarter of an hour an entry is moved once, in two writes; and it is added and removed.
    active = (2 / INDEX_SECONDS + 2 * ends) / ACTIVE_SHARDS
    listing = SWEEP_SECONDS * (1 - MIN_COUNTING_SHARE) * MAX_LISTING_SHARE
    return [
        Ceiling(f"state transitions a second, {BIG_REGIONS}", 5_000, transitions, STEP_FUNCTIONS),
        Ceiling("state transitions a second, other regions", 800, transitions, STEP_FUNCTIONS),
        Ceiling("open executions", 1_000_000, 1, STEP_FUNCTIONS),
        Ceiling(f"starts of executions a second, {BIG_REGIONS}", 300, ends + hand_overs, STEP_FUNCTIONS),
        Ceiling("starts of executions a second, other regions", 150, ends + hand_overs, STEP_FUNCTIONS),
        Ceiling("concurrent executions of functions", 1_000, POLL_SECONDS * polls + CONTROL_SECONDS * ends, LAMBDA),
        Ceiling("write units a second of the table, on demand", 40_000, writes, DYNAMODB),
        Ceiling(
            f"write units a second of each of the {ACTIVE_SHARDS} partitions of active watches",
            1_000,
            active,
            PARTITIONS,
            can_be_raised=False,
        ),
        Ceiling(
            "write units a second of the partition of unpublished outcomes",
            1_000,
            2 * ends,
            PARTITIONS,
            can_be_raised=False,
        ),
        Ceiling(
            f"write units a second of each of the {ENDED_SHARDS} partitions of an outcome",
            1_000,
            ends / ENDED_SHARDS,
            PARTITIONS,
            can_be_raised=False,
        ),
        Ceiling("objects written a second to S3, each prefix", 3_500, 3 * ends, S3, can_be_raised=False),
        Ceiling("invocations by rules a second, us-east-1, us-west-2, eu-west-1", 18_750, ends, EVENTBRIDGE),
        Ceiling("invocations by rules a second, regions with the least", 750, ends, EVENTBRIDGE),
        Ceiling("messages a second to an e-mail subscription", 10, ends, SNS, can_be_raised=False),
        Ceiling(
            f"executions that a sweep lists in half of its time, {BIG_REGIONS}",
            (200 + 5 * listing) * EXECUTIONS_OF_A_PAGE,
            1,
            STEP_FUNCTIONS,
        ),
        Ceiling(
            "executions that a sweep lists in half of its time, other regions",
            (100 + 2 * listing) * EXECUTIONS_OF_A_PAGE,
            1,
            STEP_FUNCTIONS,
        ),
        Ceiling(
            "active watches that a sweep counts in its time",
            SWEEP_SECONDS / PAGE_SECONDS * ENTRIES_OF_A_PAGE,
            1,
            "",
            can_be_raised=False,
        ),
    ]


def table() -> str:
    """The table of ceilings, in Markdown."""
    headings = ["what limits", "limit", "an open watch takes", "allows", *(f"{count:,}" for count in OPEN), "source"]
    rows = [
        [
            one.what,
            f"{one.limit:,.0f}",
            f"{one.each:.3g}",
            f"{_round_down(one.watches):,}",
            *(one.at(count) for count in OPEN),
            f"[AWS]({one.source})" if one.source else "`benchmarks.sweeps`",
        ]
        for one in ceilings()
    ]
    lines = [headings, ["---", *["---:"] * (len(headings) - 2), "---"], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def overdue_sweeps(overdue: int) -> int:
    """Sweeps until as many overdue watches are looked at, where lists rule all of them out."""
    return math.ceil(overdue / MAX_LISTED)


def _round_up(needed: float) -> int:
    unit = int("1" + "0" * max(0, len(str(int(needed))) - 2))
    return math.ceil(needed / unit) * unit


def _round_down(count: int) -> int:
    unit = int("1" + "0" * max(0, len(str(count)) - 2))
    return count // unit * unit
