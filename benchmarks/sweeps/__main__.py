"""Sweeps over many watches, against a loopback server that counts requests and limits their rate.

    python -m benchmarks.sweeps [--active 200000] [--overdue 50000]

Exits with status 1 if a sweep does not reach its end in the time that the function has.
"""

from __future__ import annotations

import logging
import time
from contextlib import redirect_stdout
from io import StringIO
from typing import Annotated

import typer
from import_watch.observability import logger
from rich.console import Console
from rich.table import Table

from benchmarks.sweeps.account import Account, Size, serving
from benchmarks.sweeps.sweeping import RUN_SECONDS, Sweeps

MAX_SWEEPS = 20
"""Bound of the sweeps of one account."""
COLUMNS = ("Query", "BatchGetItem", "GetItem", "ListExecutions", "DescribeExecution", "StartExecution", "throttled")


def main(
    active: Annotated[int, typer.Option(help="Active watches.")] = 200_000,
    overdue: Annotated[int, typer.Option(help="Those of them whose poll is overdue, in the second account.")] = 50_000,
) -> None:
    """Sweep each account until nothing is left, and print."""
    logging.getLogger(logger.service).disabled = True
    accounts = {
        "nothing is overdue": Size(active),
        f"{overdue:,} overdue, all living": Size(active, overdue),
        "the same, quotas of other regions": Size(active, overdue, region="other"),
        "400 overdue, all dead": Size(active, 400, 400),
    }
    table = Table(title=f"Sweeps over {active:,} active watches")
    for column in ("", "sweeps", "seconds", "CPU s", *COLUMNS, "to reach"):
        table.add_column(column, justify="left" if not column else "right")
    missed = False
    for name, size in accounts.items():
        now = time.time()
        account = Account(size, now)
        with serving(account) as url:
            sweeps, longest, cpu = _swept(Sweeps(url), now)
        reached = sweeps == 1 and longest < RUN_SECONDS
        missed |= not reached
        goal = f"1 in {RUN_SECONDS} s: {'reached' if reached else 'MISSED'}"
        figures = (f"{account.requests[column]:,}" for column in COLUMNS)
        table.add_row(name, str(sweeps), f"{longest:.0f}", f"{cpu:.0f}", *figures, goal)
    Console(width=180).print(table)
    raise typer.Exit(1 if missed else 0)


def _swept(sweeps: Sweeps, now: float) -> tuple[int, float, float]:
    """Number of sweeps until one reaches the end, seconds of the longest, and CPU seconds of all, and of the server."""
    longest, cpu = 0.0, time.process_time()
    for number in range(1, MAX_SWEEPS + 1):
        with redirect_stdout(StringIO()):  # the metrics
            _, cursor, seconds = sweeps.sweep(now)
        longest = max(longest, seconds)
        if cursor.active is None and cursor.connection is None:
            return number, longest, time.process_time() - cpu
    raise RuntimeError(f"{MAX_SWEEPS} sweeps did not reach the end")


if __name__ == "__main__":
    typer.run(main)
