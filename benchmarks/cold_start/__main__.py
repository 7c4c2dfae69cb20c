"""Measures the poll function beside a straightforward handler, in fresh processes, alternately.

    .venv/bin/python -m benchmarks.cold_start [--runs 15] [--polls 40] [--http]

It measures with Python 3.13, the version of Lambda, where the build of the layer finds one, and else with its own.
Exits with status 1 if a bound is not held. Bounds are ratios of CPU time within one run, because milliseconds depend on
the machine and on what else it does; that can only add to them, so lower quartiles are compared.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.cold_start.contenders import (
    COMPILED_PEER,
    PEER,
    WITH_BYTECODE,
    WITHOUT_BYTECODE,
    Contender,
    contenders,
    interpreter,
)
from benchmarks.cold_start.memory import sizes
from benchmarks.cold_start.surroundings import EXECUTION, Surroundings, surroundings

INVOCATION = Path(__file__).with_name("invocation.py")
PROCESS_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Run:
    """One process."""

    import_ms: float
    first_ms: float
    import_cpu_ms: float
    first_cpu_ms: float
    warm_ms: float
    warm_cpu_ms: float
    peak_mb: float
    modules: int


@dataclass(frozen=True, slots=True)
class Share:
    """A share of another contender's figure: the target, and what a run must not exceed, so that none gets worse."""

    other: str
    target: float
    held: float


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
    shares : mapping of str to tuple of Share
        Bounds of a contender's figure, by the contender's title.
    """

    title: str
    value: Callable[[Run], float]
    most: float | None = None
    shares: Mapping[str, tuple[Share, ...]] = field(default_factory=dict)


FIRST = {
    WITH_BYTECODE: (Share(PEER, 0.45, 0.45), Share(COMPILED_PEER, 0.85, 0.85)),
    WITHOUT_BYTECODE: (Share(PEER, 0.60, 0.63),),
}
WARM = {WITH_BYTECODE: (Share(PEER, 0.75, 0.75),)}
ROWS = (
    Row("import, ms", lambda run: run.import_ms),
    Row("first invocation with import, ms", lambda run: run.first_ms),
    Row("import, CPU ms", lambda run: run.import_cpu_ms),
    Row("first invocation, CPU ms", lambda run: run.first_cpu_ms, shares=FIRST),
    Row("warm poll, ms", lambda run: run.warm_ms),
    Row("warm poll, CPU ms", lambda run: run.warm_cpu_ms, shares=WARM),
    Row("peak memory, MB", lambda run: run.peak_mb, most=110.0),
    Row("modules loaded", lambda run: run.modules),
)


def main(
    runs: Annotated[int, typer.Option(help="Processes for each contender.")] = 15,
    polls: Annotated[int, typer.Option(help="Warm polls in each process.")] = 40,
    *,
    http: Annotated[
        bool, typer.Option("--http", help="The vendor without TLS, which none has: no handshakes.")
    ] = False,
) -> None:
    """Measure the poll function beside a straightforward handler, and print."""
    python = interpreter()
    with tempfile.TemporaryDirectory(prefix="import-watch-") as folder, surroundings(http=http) as around:
        measured = contenders(Path(folder), python, around.register, EXECUTION, around.authority)
        done: dict[str, list[Run]] = {contender.title: [] for contender in measured}
        # The first repetition is not counted: it writes the bytecode of the runtime's packages.
        for repetition in range(runs + 1):
            for contender in measured:
                run = _run(python, contender, around, polls, write_bytecode=repetition == 0)
                if repetition:
                    done[contender.title].append(run)
        if not _traced(around):
            raise RuntimeError("the peer sent no segment, so its Tracer was not at work")
        missed = _print(python, [(contender, done[contender.title]) for contender in measured])
    raise typer.Exit(1 if missed else 0)


def _run(python: str, contender: Contender, around: Surroundings, polls: int, *, write_bytecode: bool) -> Run:
    command = contender.layout.command(INVOCATION, contender.handler, python=python)
    if write_bytecode:
        # Of the runtime's packages alone: on Lambda they come compiled, and nothing else can be written to.
        warm_up = "import sys; sys.path.append(sys.argv[1]); import boto3, boto3.s3.transfer; boto3.client('dynamodb')"
        subprocess.run(
            [python, "-I", "-S", "-c", warm_up, str(contender.layout.runtime)],
            env=around.environment,
            check=True,
            timeout=PROCESS_SECONDS,
        )
    order = {"event": contender.event(), "follow": contender.follow, "polls": polls}
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
        import_cpu_ms=result["importCpuSeconds"] * 1_000,
        first_cpu_ms=result["firstCpuSeconds"] * 1_000,
        warm_ms=statistics.median(poll["seconds"] for poll in result["polls"]) * 1_000,
        warm_cpu_ms=_undisturbed(poll["cpuSeconds"] for poll in result["polls"]) * 1_000,
        peak_mb=result["peakBytes"] / 1e6,
        modules=len(result["modules"]),
    )


def _quartile(values: Iterable[float]) -> float:
    return statistics.quantiles(values, n=4, method="inclusive")[0]


def _undisturbed(seconds: Iterable[float]) -> float:
    """Lower decile: what else the machine does can only add to CPU time, by emptied caches."""
    return statistics.quantiles(seconds, n=10)[0]


def _traced(around: Surroundings) -> bool:
    around.daemon.settimeout(1)
    try:
        return b"trace_id" in around.daemon.recv(65_536)
    except TimeoutError:
        return False


def _print(python: str, measured: list[tuple[Contender, list[Run]]]) -> list[str]:
    """Print the table, and return the bounds that were not held."""
    count = len(measured[0][1])
    version = subprocess.run([python, "--version"], stdout=subprocess.PIPE, text=True, timeout=60, check=True).stdout
    table = Table(title=f"Lower quartiles of {count} fresh processes each, {version.strip()}")
    table.add_column("")
    for contender, _ in measured:
        table.add_column(contender.title, justify="right")
    table.add_column("targets")
    missed = []
    for row in ROWS:
        figures = {contender.title: _quartile(map(row.value, runs)) for contender, runs in measured}
        targets = _targets(row, figures)
        missed += [f"{row.title}: {text}" for text, is_held in targets if not is_held]
        table.add_row(
            row.title, *(f"{figure:.1f}" for figure in figures.values()), "\n".join(text for text, _ in targets)
        )
    for title, megabytes in (
        ("unzipped size, MB", [contender.size / 1e6 for contender, _ in measured]),
        ("  with all that is required, MB", [contender.packaged_size / 1e6 for contender, _ in measured]),
    ):
        table.add_row(title, *(f"{size:.1f}" for size in megabytes), "")
    console = Console(width=140)
    console.print(table)
    _print_sizes(console, measured[0][1])
    console.print("With and without bytecode: Import Watch, built with and without Python 3.13 or Node on the host.")
    console.print("Peer: benchmarks/cold_start/peer, the straightforward handler, without the botocore that it brings.")
    return missed


def _print_sizes(console: Console, runs: list[Run]) -> None:
    """Print what each memory size costs, by the CPU time of our function with bytecode."""
    table = Table(title="By memory size, from the CPU time of our function with bytecode")
    for heading in ("MB", "warm poll, ms", "first invocation, ms", "$ per 1,000 warm", "$ per 1,000 first"):
        table.add_column(heading, justify="right")
    warm, cold = (_quartile(map(value, runs)) / 1_000 for value in (_warm_cpu_ms, _first_cpu_ms))
    for size in sizes(warm, cold):
        seconds = (f"{1_000 * each:.0f}" for each in (size.warm_seconds, size.cold_seconds))
        table.add_row(f"{size.megabytes:,}", *seconds, f"{size.warm_price:.4f}", f"{size.cold_price:.4f}")
    console.print(table)


def _warm_cpu_ms(run: Run) -> float:
    return run.warm_cpu_ms


def _first_cpu_ms(run: Run) -> float:
    return run.first_cpu_ms


def _targets(row: Row, figures: Mapping[str, float]) -> list[tuple[str, bool]]:
    """Text of each bound of a line, and whether it is held."""
    targets = []
    if row.most is not None:
        is_held = figures[WITH_BYTECODE] < row.most
        targets.append((f"< {row.most:g}: {'reached' if is_held else 'NOT HELD'}", is_held))
    for title, bounds in row.shares.items():
        for bound in bounds:
            share = figures[title] / figures[bound.other]
            text = f"{title} / {bound.other}: {share:.2f}, target {bound.target:g}"
            if share > bound.target:
                text += " (missed)" if share <= bound.held else f" (NOT HELD: {bound.held:g})"
            targets.append((text, share <= bound.held))
    return targets


if __name__ == "__main__":
    typer.run(main)
