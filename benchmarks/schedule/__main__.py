"""`python -m benchmarks.schedule`: measures, prints, and checks the figures of the pages in `docs/`.

It ends with status 1 where the pages have other figures than those measured; `--write` puts the new ones in.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import Annotated

import typer
from import_watch.scheduling.interval import DEFAULT_POLICY, PRESETS
from rich.console import Console

from benchmarks.schedule import pages
from benchmarks.schedule.measured import Measured, OtherTimes
from benchmarks.schedule.optimum import Optimum, ours, poll_times
from benchmarks.schedule.plot import draw
from benchmarks.schedule.running_times import POWER_LAWS, SAME_MEAN, RunningTimes
from benchmarks.schedule.runs import IMPORTS, OURS, SEED, Results, name_of, run
from benchmarks.schedule.tables import Against, show
from benchmarks.schedule.targets import SIXTY

OTHER_SEEDS = (3, 4)
WIDTH = 150


def main(
    seed: Annotated[int, typer.Option(help="Seed of the simulated imports.")] = SEED,
    imports: Annotated[int, typer.Option(help="Imports of each scenario.")] = IMPORTS,
    *,
    write: Annotated[bool, typer.Option("--write", help="Write the pages' figures and the picture.")] = False,
) -> None:
    """Measure, print, and check the figures of the pages in docs/; exit with status 1 where they differ."""
    began = time.monotonic()
    results = run(seed, imports)
    others = {other: run(other, imports) for other in OTHER_SEEDS if other != seed}
    against = _against_optimum()
    of_optimum = _of_optimum(SAME_MEAN)
    same_mean = {each: OtherTimes(_pooled(run(each, imports, times=SAME_MEAN)), of_optimum) for each in (seed, *others)}
    by_running_times = {
        times.name: OtherTimes(_pooled(run(seed, imports, (OURS, SIXTY), times=times)), _of_optimum(times))
        for times in POWER_LAWS
    }
    measured = Measured(
        results,
        {name: {"polls": one.polls, "lag": one.lag, "best": best.polls} for name, one, best in against},
        {str(other): _pooled(found) for other, found in others.items()},
        {str(each): found for each, found in same_mean.items()},
        by_running_times,
    )
    console = Console() if sys.stdout.isatty() else Console(width=WIDTH)
    show(console, against, measured)
    console.print(f"{time.monotonic() - began:.0f} s", highlight=False)
    if seed == SEED and imports == IMPORTS:
        raise typer.Exit(_compare(console, measured, write=write))


def _against_optimum() -> list[Against]:
    optimum = Optimum()
    schedules = {name_of(preset): ours(optimum, policy) for preset, policy in PRESETS.items()}
    schedules[f"{OURS}, without jitter"] = ours(optimum, replace(DEFAULT_POLICY, jitter=0.0), watches=1)
    schedules[SIXTY] = optimum.evaluate(poll_times(lambda *_: 60))
    return [(name, checks, optimum.at_lag(checks.lag)) for name, checks in schedules.items()]


def _of_optimum(times: RunningTimes) -> float:
    optimum = Optimum(ended=times.ended_by, mean=times.mean_up_to)
    own = ours(optimum, DEFAULT_POLICY)
    return own.polls / optimum.at_lag(own.lag).polls


def _pooled(results: Results) -> Results:
    return replace(results, scenarios={})


def _compare(console: Console, measured: Measured, *, write: bool) -> int:
    if write:
        for page in pages.PAGES:
            page.write_text(pages.refreshed(page.read_text(), measured))
        draw(measured.results.pooled, pages.PICTURE)
        console.print(f"Wrote {pages.PICTURE.name} and the figures of the pages.")
        return 0
    found = [line for page in pages.PAGES for line in pages.differences(page.read_text(), measured)]
    if found:
        console.print("Other figures than in docs/; python -m benchmarks.schedule --write puts these in:", style="red")
        console.print("\n".join(found[:20]), highlight=False, markup=False)
        return 1
    console.print(f"The figures are those of docs/schedule.md and docs/cost.md ({OURS} as it is).")
    return 0


if __name__ == "__main__":
    typer.run(main)
