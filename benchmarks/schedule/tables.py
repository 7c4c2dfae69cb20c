"""Prints the figures: every schedule beside ours, of each scenario and pooled, and at last the ratios."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.schedule.figures import COLUMNS, Figures, ratios
from benchmarks.schedule.measured import Measured, reached, reached_by_exponent
from benchmarks.schedule.optimum import Checks
from benchmarks.schedule.runs import OURS, Results
from benchmarks.schedule.targets import SIXTY, Target, bound_of, dominated_by

Against = tuple[str, Checks, Checks]
"""A schedule's name, what it does with nothing but the status, and the best that there can be at its mean lag."""


def show(
    console: Console,
    against: Sequence[Against],
    measured: Measured,
) -> None:
    """Print everything, the ratios last.

    Parameters
    ----------
    console : Console
    against : sequence of Against
        The default policy first.
    measured : Measured
    """
    results = measured.results
    for scenario, figures in results.scenarios.items():
        console.print(_figures(f"{scenario}: {results.imports:,} imports", figures))
    count = results.imports * len(results.scenarios)
    console.print(
        _figures(f"Pooled: {count:,} imports, seed {results.seed}; ratio to {OURS} in brackets", results.pooled)
    )
    console.print(_optimum(against))
    console.print(
        _compared(
            f"What was set out for {OURS}, pooled, and what was reached, by running times and seed", reached(measured)
        )
    )
    console.print(_compared("The same of the default, by the exponent of a power law", reached_by_exponent(measured)))
    console.print(_dominated(results))
    console.print(_ratios(results))


def number(column: str, value: float) -> str:
    """Write a figure with its significant digits."""
    if column == "dollars":
        return f"{value:.2f}"
    return f"{value:.2f}" if column == "relative_lag" else f"{value:.1f}"


def exactly(reached: float) -> str:
    """Write what was reached of a target, so that a near miss is seen."""
    return f"{reached:.4f}".rstrip("0").rstrip(".")


def _figures(title: str, schedules: Mapping[str, Figures]) -> Table:
    table = _table(title, "schedule")
    for name, figures in schedules.items():
        values, compared = asdict(figures), ratios(figures, schedules[OURS])
        cells = [f"{number(column, values[column])} ({compared[column]:.2f})" for column in COLUMNS]
        table.add_row(name, *cells, style="bold" if name == OURS else None)
    return table


def _optimum(against: Sequence[Against]) -> Table:
    table = Table(title="Nothing but the status: polls over those of the optimal checking schedule at equal mean lag")
    for heading in ("schedule", "polls", "mean lag s", "optimum's polls", "ratio"):
        table.add_column(heading, justify="left" if heading == "schedule" else "right")
    for name, one, best in against:
        table.add_row(name, f"{one.polls:.1f}", f"{one.lag:.1f}", f"{best.polls:.1f}", f"{one.polls / best.polls:.3f}")
    return table


def _compared(title: str, by_imports: Mapping[str, Sequence[Target]]) -> Table:
    table = Table(title=title)
    for heading in ("target", "bound", *by_imports):
        table.add_column(heading, justify="left" if heading == "target" else "right")
    for same in zip(*by_imports.values(), strict=True):
        table.add_row(same[0].name, f"{'≤' if same[0].at_most else '≥'} {bound_of(same)}", *map(_reached, same))
    return table


def _reached(target: Target) -> Text:
    return Text(exactly(target.reached), style="green" if target.met else "red")


def _dominated(results: Results) -> Table:
    table = Table(title="Which of our presets are no worse than a peer in every column, and better in one")
    table.add_column("peer")
    table.add_column("dominated by")
    for peer, by in dominated_by(results.pooled).items():
        table.add_row(peer, ", ".join(by) or "none")
    return table


def _ratios(results: Results) -> Table:
    table = _table(f"Ratio of each to {OURS}, pooled: above 1 is more", "schedule")
    for name, figures in results.pooled.items():
        compared = ratios(figures, results.pooled[OURS])
        table.add_row(name, *(f"{compared[column]:.2f}" for column in COLUMNS), style="bold" if name == SIXTY else None)
    return table


def _table(title: str, first: str) -> Table:
    table = Table(title=title)
    table.add_column(first)
    for heading in COLUMNS.values():
        table.add_column(heading, justify="right")
    return table
