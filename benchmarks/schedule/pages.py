"""Puts the measured figures into the pages of `docs/`, between marks, and names those that a page has otherwise."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import zip_longest
from pathlib import Path

from benchmarks.schedule.bill import MONTHLY, ways
from benchmarks.schedule.figures import COLUMNS, ratios
from benchmarks.schedule.measured import Measured, reached, reached_by_exponent
from benchmarks.schedule.runs import OURS
from benchmarks.schedule.tables import exactly, number
from benchmarks.schedule.targets import SIXTY, Target, bound_of, dominated_by

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = (DOCS / "schedule.md", DOCS / "cost.md")
PICTURE = DOCS / "schedule.svg"
CLOSE = 0.01
"""Share by which a figure may differ where it was measured with another mathematics library."""
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_MARKED = re.compile(r"(<!-- figures: ([a-z]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def refreshed(page: str, measured: Measured) -> str:
    """A page with the measured figures between its marks.

    Raises
    ------
    ValueError
        If a mark names unknown figures.
    """

    def fill(mark: re.Match[str]) -> str:
        if mark[2] not in BLOCKS:
            raise ValueError(f"no figures are called {mark[2]!r}; known are {', '.join(BLOCKS)}")
        return f"{mark[1]}{BLOCKS[mark[2]](measured)}\n{mark[3]}"

    return _MARKED.sub(fill, page)


def differences(page: str, measured: Measured) -> list[str]:
    """Lines of a page that differ from the measured figures by more than the tolerance, each with the expected line."""
    lines = zip_longest(page.splitlines(), refreshed(page, measured).splitlines(), fillvalue="")
    return [f"{line}\n    is to be {expected}" for line, expected in lines if not _alike(line, expected)]


def _alike(line: str, expected: str) -> bool:
    figures, others = _NUMBER.findall(line), _NUMBER.findall(expected)
    return _NUMBER.sub("#", line) == _NUMBER.sub("#", expected) and all(map(_close, figures, others))


def _close(figure: str, other: str) -> bool:
    last_digit = 10.0 ** -len(figure.partition(".")[2])
    one, two = (float(text.replace(",", "")) for text in (figure, other))
    return math.isclose(one, two, rel_tol=CLOSE, abs_tol=1.01 * last_digit)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _pooled(measured: Measured) -> str:
    pooled = measured.results.pooled
    rows = []
    for name, figures in pooled.items():
        values, compared = asdict(figures), ratios(figures, pooled[OURS])
        cells = [f"{number(column, values[column])} ({compared[column]:.2f})" for column in COLUMNS]
        rows.append([f"**{name}**" if name == OURS else name, *cells])
    count = measured.results.imports * len(measured.results.scenarios)
    caption = f"{count:,} imports, seed {measured.results.seed}; in brackets the ratio to {OURS}'s default.\n\n"
    return caption + _table(["schedule", *COLUMNS.values()], rows)


def _scenarios(measured: Measured) -> str:
    rows = []
    for scenario, each in measured.results.scenarios.items():
        values, compared = asdict(each[OURS]), ratios(each[OURS], each[SIXTY])
        rows.append([scenario, *(f"{number(column, values[column])} ({compared[column]:.2f})" for column in COLUMNS)])
    return _table(["scenario", *COLUMNS.values()], rows)


def _optimum(measured: Measured) -> str:
    rows = [
        [
            name,
            f"{each['polls']:.1f}",
            f"{each['lag']:.1f}",
            f"{each['best']:.1f}",
            f"{each['polls'] / each['best']:.3f}",
        ]
        for name, each in measured.optimum.items()
    ]
    return _table(["schedule", "polls", "mean lag s", "optimum's polls", "ratio"], rows)


def _targets(measured: Measured) -> str:
    return _compared(reached(measured))


def _compared(by_imports: Mapping[str, Sequence[Target]]) -> str:
    rows = []
    for same in zip(*by_imports.values(), strict=True):
        bound = f"at {'most' if same[0].at_most else 'least'} {bound_of(same)}"
        rows.append([same[0].name, bound, *map(_reached, same)])
    return _table(["target", "bound", *by_imports], rows)


def _reached(target: Target) -> str:
    return f"{exactly(target.reached)}{'' if target.met else ' (missed)'}"


def _by_exponent(measured: Measured) -> str:
    return _compared(reached_by_exponent(measured))


def _dominated(measured: Measured) -> str:
    found = dominated_by(measured.results.pooled)
    return _table(["peer", "dominated by"], [[peer, ", ".join(by) or "none"] for peer, by in found.items()])


def _cost(measured: Measured) -> str:
    pooled = measured.results.pooled
    rows = []
    for way in ways(pooled):
        figures = pooled[way.schedule]
        months = [f"${way.per_import * count:,.2f}" for count in MONTHLY]
        rows.append([way.name, f"{figures.polls:.0f}", f"{figures.lag:.0f}", f"{figures.lag_p95:.0f}", *months])
    return _table(["", "polls", "mean lag s", "p95 lag s", *(f"{count:,} a month" for count in MONTHLY)], rows)


def _presets(measured: Measured) -> str:
    sixty, rows = measured.results.pooled[SIXTY], []
    for name, figures in measured.results.pooled.items():
        if name.startswith(OURS):
            costs = [f"${figures.dollars / 1_000 * count:,.2f}" for count in MONTHLY]
            rows.append([name, f"{figures.lag:.0f}", *costs, f"{figures.dollars / sixty.dollars:.2f}"])
    return _table(["", "mean lag s", *(f"{count:,} a month" for count in MONTHLY), "of fixed 60 s"], rows)


def _perpoll(measured: Measured) -> str:
    rows = [
        [way.name, f"${way.per_poll * 1_000:.4f}"]
        for way in ways(measured.results.pooled)
        if way.schedule == OURS or way.name.startswith(("Step", "Lambda"))
    ]
    return _table(["", "1,000 further polls"], rows)


BLOCKS: Mapping[str, Callable[[Measured], str]] = {
    "pooled": _pooled,
    "scenarios": _scenarios,
    "optimum": _optimum,
    "targets": _targets,
    "times": _by_exponent,
    "dominated": _dominated,
    "cost": _cost,
    "presets": _presets,
    "perpoll": _perpoll,
}
