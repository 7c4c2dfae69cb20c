"""Measures the poll function beside a straightforward handler, in fresh processes, alternately.

    python -m benchmarks.cold_start [--runs 15] [--polls 40]

Exits with status 1 if a target is missed.
"""

from __future__ import annotations

import json
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.cold_start.contenders import Contender, contenders
from benchmarks.cold_start.surroundings import EXECUTION, Surroundings, surroundings

INVOCATION = Path(__file__).with_name("invocation.py")
PROCESS_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Run:
    """One process."""

    import_ms: float
    first_ms: float
    warm_ms: float
    bare_ms: float
    own_ms: float
    peak_mb: float
    modules: int
    exchanges: int


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Parameters
    ----------
    title : str
    value : callable
        Gives the figure of a run.
    most : float or None
        What our own figure must stay below.
    most_share : float or None
        What our share of the peer's figure must not exceed.
    """

    title: str
    value: Callable[[Run], float]
    most: float | None = None
    max_share: float | None = None


ROWS = (
    Row("import, ms", lambda run: run.import_ms),
    Row("first invocation with import, ms", lambda run: run.first_ms, max_share=0.6),
    Row("warm poll, ms", lambda run: run.warm_ms),
    Row("  HTTP round trips in it", lambda run: run.exchanges),
    Row("  the same, bare, ms", lambda run: run.bare_ms),
    Row("  warm poll over them", lambda run: run.warm_ms / run.bare_ms),
    Row("  own time beside network calls, ms", lambda run: run.own_ms, most=5.0),
    Row("peak memory, MB", lambda run: run.peak_mb, most=110.0),
    Row("modules loaded", lambda run: run.modules),
)


def main(
    runs: Annotated[int, typer.Option(help="Processes for each contender.")] = 15,
    polls: Annotated[int, typer.Option(help="Warm polls in each process.")] = 40,
) -> None:
    """Measure the poll function beside a straightforward handler, and print."""
    with tempfile.TemporaryDirectory(prefix="import-watch-") as folder, surroundings() as around:
        measured = contenders(Path(folder), around.registered, EXECUTION)
        done: dict[str, list[Run]] = {contender.title: [] for contender in measured}
        # The first repetition is not counted: it writes the bytecode of the runtime's packages.
        for repetition in range(runs + 1):
            for contender in measured:
                run = _run(contender, around, polls, write_bytecode=repetition == 0)
                if repetition:
                    done[contender.title].append(run)
        if not _traced(around):
            raise RuntimeError("the peer sent no segment, so its Tracer was not at work")
        missed = _print([(contender, done[contender.title]) for contender in measured])
    raise typer.Exit(1 if missed else 0)


def _run(contender: Contender, around: Surroundings, polls: int, *, write_bytecode: bool) -> Run:
    command = contender.layout.command(INVOCATION, contender.handler)
    if write_bytecode:
        # Of the runtime's packages alone: on Lambda they come compiled, and nothing else can be written to.
        warm_up = "import sys; sys.path.append(sys.argv[1]); import boto3, boto3.s3.transfer; boto3.client('dynamodb')"
        subprocess.run(
            [sys.executable, "-I", "-S", "-c", warm_up, str(contender.layout.runtime)],
            env=around.environment,
            check=True,
            timeout=PROCESS_SECONDS,
        )
    order = {"event": contender.event, "follow": contender.follow, "polls": polls}
    done = subprocess.run(
        command,
        env=around.environment,
        input=json.dumps(order) + "\n",
        capture_output=True,
        text=True,
        timeout=PROCESS_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{contender.title} failed: {done.stderr[-2_000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    response = result["response"]
    if response.get("action", "WAIT") != "WAIT" or response.get("done", False):
        raise RuntimeError(f"{contender.title} did not find a running import: {response}")
    return Run(
        import_ms=result["importSeconds"] * 1_000,
        first_ms=result["firstSeconds"] * 1_000,
        warm_ms=statistics.median(poll["seconds"] for poll in result["polls"]) * 1_000,
        bare_ms=statistics.median(result["bareSeconds"]) * 1_000,
        own_ms=statistics.median(poll["ownSeconds"] for poll in result["polls"]) * 1_000,
        peak_mb=result["peakBytes"] / 1e6,
        modules=len(result["modules"]),
        exchanges=result["exchanges"],
    )


def _traced(around: Surroundings) -> bool:
    around.daemon.settimeout(1)
    try:
        return b"trace_id" in around.daemon.recv(65_536)
    except TimeoutError:
        return False


def _print(measured: list[tuple[Contender, list[Run]]]) -> list[str]:
    """Print the table, and return the targets that were missed."""
    count = len(measured[0][1])
    table = Table(title=f"Medians of {count} fresh processes each, Python {platform.python_version()}")
    table.add_column("")
    for contender, _ in measured:
        table.add_column(contender.title, justify="right")
    for contender, _ in measured[:-1]:
        table.add_column(f"{contender.title} / peer", justify="right")
    table.add_column("to reach")
    missed = []
    for row in ROWS:
        figures = [statistics.median(map(row.value, runs)) for _, runs in measured]
        goal, reached = _goal(row, figures)
        if not reached:
            missed.append(row.title)
        table.add_row(row.title, *(f"{figure:.1f}" for figure in figures), *_shares(figures), goal)
    for title, sizes in (
        ("unzipped size, MB", [contender.size / 1e6 for contender, _ in measured]),
        ("  with all that is required, MB", [contender.packaged_size / 1e6 for contender, _ in measured]),
    ):
        table.add_row(title, *(f"{size:.1f}" for size in sizes), *_shares(sizes), "")
    console = Console(width=140)
    console.print(table)
    console.print("With and without bytecode: Import Watch, built with and without Python 3.13 or Node on the host.")
    console.print("Peer: benchmarks/cold_start/peer, the straightforward handler, without the botocore that it brings.")
    return missed


def _shares(figures: list[float]) -> list[str]:
    return [f"{figure / figures[-1]:.2f}" for figure in figures[:-1]]


def _goal(row: Row, figures: list[float]) -> tuple[str, bool]:
    """Text of the target, and whether the first contender reaches it."""
    if row.most is not None:
        reached = figures[0] < row.most
        return f"< {row.most:g}: {'reached' if reached else 'MISSED'}", reached
    if row.max_share is not None:
        reached = figures[0] / figures[-1] <= row.max_share
        return f"≤ {row.max_share:g} of peer: {'reached' if reached else 'MISSED'}", reached
    return "", True


if __name__ == "__main__":
    typer.run(main)
