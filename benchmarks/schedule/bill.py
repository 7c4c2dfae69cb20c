"""What a month of imports costs, built in four ways, and how many imports an account lets be watched at once. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from import_watch.notifications.cost import (
    EVENT,
    GIGABYTE_SECOND,
    INVOCATION,
    MEMORY_GB,
    PUBLISH,
    TRANSITION,
    TRANSITIONS_PER_POLL,
    price,
)

from benchmarks.schedule.figures import POLL_SECONDS, Figures

MONTHLY = (100, 10_000, 1_000_000)
"""Imports a month that the page has prices for."""
HTTP_TASK_TRANSITIONS = 3
"""Besides its polls (Wait, the HTTP task, Choice): a start that is set up, the task that publishes, the end."""
# Source: aws.amazon.com/lambda/pricing, "Durable functions", as of 2026-11.
DURABLE_OPERATION = 8.00 / 1e6
"""Lambda durable functions, one operation: a start, a step that completes, a wait."""
DURABLE_GIGABYTE = 0.25
"""Lambda durable functions, data written, per GB."""
CHECKPOINT_GIGABYTES = 1e-6
"""Written per durable operation: a state of 1 KB."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way to build it: whose schedule it polls by, and what an import and a further poll cost in USD."""

    name: str
    schedule: str
    per_import: float
    per_poll: float


def ways(pooled: Mapping[str, Figures]) -> list[Way]:
    """Price four ways to watch the same imports, each by the schedule that it comes with."""
    ours, sixty, durable = ((name, pooled[name]) for name in ("Import Watch", "fixed 60 s", "Lambda durable functions"))
    return [
        Way("Import Watch", ours[0], _import_watch(ours[1]), _import_watch_poll()),
        Way("Import Watch's stack at one poll a minute", sixty[0], _import_watch(sixty[1]), _import_watch_poll()),
        Way("Step Functions HTTP task", sixty[0], _http_task(sixty[1]), TRANSITIONS_PER_POLL * TRANSITION),
        Way("Lambda durable functions", durable[0], _durable(durable[1]), _durable_poll()),
    ]


def _import_watch(figures: Figures) -> float:
    return price(figures.polls, figures.executions, figures.polls * POLL_SECONDS)


def _import_watch_poll() -> float:
    return price(1, 1, POLL_SECONDS) - price(0, 1, 0)


def _http_task(figures: Figures) -> float:
    """Without Lambda and without a table: the execution's own state is all there is."""
    transitions = HTTP_TASK_TRANSITIONS + TRANSITIONS_PER_POLL * figures.polls
    return transitions * TRANSITION + EVENT + PUBLISH


def _durable(figures: Figures) -> float:
    """Likewise without a table; one operation each for the start and the step that publishes."""
    return _durable_poll() * figures.polls + 2 * _operation() + INVOCATION + EVENT + PUBLISH


def _durable_poll() -> float:
    """Price of a check: a step that is tried again, in an invocation of its own."""
    return _operation() + INVOCATION + POLL_SECONDS * MEMORY_GB * GIGABYTE_SECOND


def _operation() -> float:
    return DURABLE_OPERATION + CHECKPOINT_GIGABYTES * DURABLE_GIGABYTE


@dataclass(frozen=True, slots=True)
class Quota:
    """A quota of an account and a region.

    Parameters
    ----------
    name : str
    limit : float
        What an account has by default.
    each : float
        What one watch that is open takes of it, as the benchmark's imports are polled.
    can_be_raised : bool
    """

    name: str
    limit: float
    each: float
    can_be_raised: bool = True

    @property
    def watches(self) -> int:
        """Open watches that it allows."""
        return int(self.limit / self.each)


INDEX_WRITES_PER_POLL = 2
"""A poll moves its watch within the index of active watches: out of its old place and into the new one."""


def quotas(ours: Figures) -> list[Quota]:
    """Quotas that bound the number of open watches, and what one takes of each.

    Sources: Step Functions "Service quotas" (state transitions 5,000 a second in us-east-1, us-west-2 and eu-west-1,
    800 elsewhere; an older edition had a refill of 1,500 and 500; open executions 1,000,000), Lambda "Quotas"
    (concurrent executions 1,000; new accounts have fewer), DynamoDB "Quotas" and "Partitions" (on-demand writes of a
    table 40,000 a second; of one partition 1,000).
    """
    polls = ours.polls / ours.watched
    return [
        Quota("state transitions a second, us-east-1, us-west-2, eu-west-1", 5_000, TRANSITIONS_PER_POLL * polls),
        Quota("state transitions a second, other regions", 800, TRANSITIONS_PER_POLL * polls),
        Quota("open executions", 1_000_000, 1),
        Quota("Lambda concurrent executions", 1_000, POLL_SECONDS * polls),
        Quota("DynamoDB writes a second of the table, on demand", 40_000, polls),
        Quota(
            "DynamoDB writes a second of the one partition of the index",
            1_000,
            INDEX_WRITES_PER_POLL * polls,
            can_be_raised=False,
        ),
    ]
