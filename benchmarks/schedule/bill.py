"""What a month of imports costs, built in four ways. Pure."""

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
# Source: https://aws.amazon.com/lambda/pricing/, "Durable functions", as of 2026-11; what counts as an operation:
# https://docs.aws.amazon.com/lambda/latest/dg/durable-execution-sdk.html
DURABLE_OPERATION = 8.00 / 1e6
"""Lambda durable functions, one operation."""
DURABLE_OPERATIONS = 3
"""Besides one for each check: the start, the wait for the condition itself, and the step that publishes."""
DURABLE_GIGABYTE = 0.25
"""Lambda durable functions, data written, per GB. What is retained, $0.15 per GB and month, is left out."""
CHECKPOINT_GIGABYTES = 1e-6
"""Written per durable operation: a state of 1 KB, which is an assumption."""


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
    """Likewise without a table."""
    return _durable_poll() * figures.polls + DURABLE_OPERATIONS * _operation() + INVOCATION + EVENT + PUBLISH


def _durable_poll() -> float:
    """Price of a check: a step that is tried again, in an invocation of its own."""
    return _operation() + INVOCATION + POLL_SECONDS * MEMORY_GB * GIGABYTE_SECOND


def _operation() -> float:
    return DURABLE_OPERATION + CHECKPOINT_GIGABYTES * DURABLE_GIGABYTE
