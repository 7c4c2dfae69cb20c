"""Runs one storm and prints its table: `python -m tests.resilience N SEED`; exit status 0 only if all was right."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.resilience.assertions import Findings, Wave, judge
from tests.resilience.plan import make_waves
from tests.resilience.storm import Storm


def fault_injector(count: int, seed: int, folder: Path | None = None) -> Findings:
    """Run a storm, telling on standard error how far it is, and judge it.

    Parameters
    ----------
    count, seed : int
    folder : Path, optional
        Where what is needed to look into a failure is left, in a folder for each wave.
    """
    waves = []
    for number, plan in enumerate(make_waves(count, seed), 1):
        kept = folder and folder / f"wave-{number}"
        if kept:
            kept.mkdir(parents=True, exist_ok=True)
        storm = Storm(plan, seed, lambda line, wave=number: print(f"wave {wave} {line}", file=sys.stderr), kept)  # type: ignore[misc]
        waves.append(Wave(plan, storm.run(), storm.clock))
    return judge(waves)


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="make storm", description=__doc__)
    parser.add_argument("count", type=int, help="imports")
    parser.add_argument("seed", type=int)
    parser.add_argument("--keep", type=Path, help="folder for logs, items and histories, to look into what went wrong")
    asked = parser.parse_args()
    assertions = fault_injector(asked.count, asked.seed, asked.keep)
    print(assertions.text)
    if not assertions.wrong:
        return 0
    print(f"\n{len(assertions.wrong)} wrong:", *assertions.wrong, sep="\n  ")
    print(f"\nIt is repeated by: make storm N={asked.count} SEED={asked.seed}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
