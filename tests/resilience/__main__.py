"""Runs one storm and prints its table: `python -m tests.resilience N SEED`; exit status 0 if all was right."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tests.resilience.assertions import Findings, Wave, judge
from tests.resilience.plan import make_waves
from tests.resilience.storm import Storm


def run_storm(count: int, seed: int, folder: Path | None = None) -> Findings:
    """Run a storm, print its progress on standard error, and check it.

    Parameters
    ----------
    count, seed : int
    folder : Path, optional
        Where the data for the analysis of a failure is written, in a folder for each wave.
    """
    waves = []
    for number, plan in enumerate(make_waves(count, seed), 1):
        kept = folder and folder / f"wave-{number}"
        if kept:
            kept.mkdir(parents=True, exist_ok=True)
        storm = Storm(plan, seed, lambda line, wave=number: print(f"wave {wave} {line}", file=sys.stderr), kept)  # type: ignore[misc]
        waves.append(Wave(plan, storm.run(), storm.clock))
    return judge(waves)


def main(
    count: Annotated[int, typer.Argument(help="Imports.")],
    seed: int,
    keep: Annotated[Path | None, typer.Option(help="Folder for logs, items and histories of failures.")] = None,
) -> None:
    """Run one storm and print its table."""
    assertions = run_storm(count, seed, keep)
    print(assertions.text)
    if assertions.wrong:
        print(f"\n{len(assertions.wrong)} wrong:", *assertions.wrong, sep="\n  ")
        print(f"\nIt is repeated by: make storm N={count} SEED={seed}")
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
