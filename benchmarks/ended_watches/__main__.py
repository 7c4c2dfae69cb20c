"""Measures a list of last week's failures among 100,000 ended watches on the emulator, beside a scan of the table.

    python -m benchmarks.ended_watches [--watches 100000] [--repetitions 5]

Exits with status 1 if a list takes more than its share of a scan: seconds depend on what else the machine does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from typing import Annotated, Any

import typer
from import_watch.aws.ended_watches import ended_watches
from import_watch.model.outcome import Outcome
from rich.console import Console
from rich.table import Table

from local.emulator import Emulator
from tests.support.many_ended_watches import DAY, NOW, many_ended_watches

MAX_SHARE = 0.15
"""Maximum time of a list of failures, as a share of the time of a scan in the same run."""
FAILED = (Outcome.FAILED, Outcome.CANCELLED, Outcome.UNKNOWN)
SINCE = NOW - 7 * DAY
MIXES = {
    "15 % failed, in 90 days": ((*[Outcome.SUCCEEDED] * 17, *FAILED), 90.0),
    "all FAILED, in 7 days": ((Outcome.FAILED,), 7.0),
}


def main(
    watches: Annotated[int, typer.Option(help="Ended watches in the table.")] = 100_000,
    repetitions: Annotated[int, typer.Option(help="Lists of each kind.")] = 5,
) -> None:
    """Measure lists of ended watches beside a scan, and print."""
    table = Table(title=f"Seconds for a list among {watches:,} ended watches: the fastest of {repetitions}")
    for column in ("watches", "failed, 7 days, 50", "the same, 1,000", "any outcome, 50", "one scan", "scan / list"):
        table.add_column(column, justify="left" if column == "watches" else "right")
    table.add_column("to reach")
    missed = False
    for title, (outcomes, days) in MIXES.items():
        with Emulator() as emulator:
            many_ended_watches(emulator, "watches", watches, outcomes, days)
            failed, many_failed, every, scan = _measured(emulator.client("dynamodb"), repetitions)
        reached = max(failed, many_failed) <= MAX_SHARE * scan
        missed |= not reached
        figures = (f"{seconds:.2f}" for seconds in (failed, many_failed, every, scan))
        goal = f"<= {MAX_SHARE:g} of a scan: {'reached' if reached else 'MISSED'}"
        table.add_row(title, *figures, f"{scan / failed:.0f}", goal)
    Console(width=140).print(table)
    raise typer.Exit(1 if missed else 0)


def _measured(dynamodb: Any, repetitions: int) -> tuple[float, float, float, float]:
    """Seconds of a short and a long list of failures, of a list of all outcomes, and of a scan."""

    def listed(outcomes: Collection[Outcome], limit: int) -> object:
        return ended_watches(dynamodb, "watches", outcomes=outcomes, since=SINCE, limit=limit)

    return (
        _fastest(repetitions, lambda: listed(FAILED, 50)),
        _fastest(repetitions, lambda: listed(FAILED, 1_000)),
        _fastest(repetitions, lambda: listed(tuple(Outcome), 50)),
        _fastest(1, lambda: list(_scanned(dynamodb))),
    )


def _fastest(repetitions: int, call: Callable[[], object]) -> float:
    """Seconds of the fastest call: whatever else the machine does makes the others slower."""
    seconds = []
    for _ in range(repetitions):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def _scanned(dynamodb: Any) -> Iterator[dict[str, Any]]:
    """Failures of the last week, by a scan of the table with a filter."""
    names = {f":o{number}": {"S": outcome.value} for number, outcome in enumerate(FAILED)}
    pages = dynamodb.get_paginator("scan").paginate(
        TableName="watches",
        FilterExpression=f"detectedAt >= :since AND outcome IN ({', '.join(names)})",
        ExpressionAttributeValues={":since": {"N": str(SINCE)}, **names},
    )
    for page in pages:
        yield from page["Items"]


if __name__ == "__main__":
    typer.run(main)
