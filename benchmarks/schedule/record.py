"""Keeps the figures that the pages in `docs/` tell, so that they can be checked without measuring them again."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.schedule.figures import Figures
from benchmarks.schedule.running_times import CHOSEN
from benchmarks.schedule.runs import OURS, Results
from benchmarks.schedule.targets import SIXTY, Target, of_the_default, targets

RECORD = Path(__file__).with_name("record.json")
CLOSE = 0.01
"""Share by which a figure may differ where it was measured with another mathematics library."""


@dataclass(frozen=True, slots=True)
class OtherTimes:
    """What schedules do with other running times: `of_optimum` is the default policy's polls over the optimum's."""

    results: Results
    of_optimum: float


@dataclass(frozen=True, slots=True)
class StoredWatch:
    """What the pages rest on.

    Parameters
    ----------
    results : Results
        Of each scenario only the default policy and fixed 60 s.
    optimum : mapping of str to mapping of str to float
        By schedule: its `polls` and mean `lag` with nothing but the status, and the `best` polls at that lag.
    others : mapping of str to Results
        Of other seeds, pooled.
    same_mean : mapping of str to OtherTimes
        By seed, pooled: every schedule where running times follow the power law of the same mean.
    by_running_times : mapping of str to OtherTimes
        The default policy and fixed 60 s where running times are distributed otherwise.
    """

    results: Results
    optimum: Mapping[str, Mapping[str, float]]
    others: Mapping[str, Results]
    same_mean: Mapping[str, OtherTimes]
    by_running_times: Mapping[str, OtherTimes]


def reached(record: StoredWatch) -> dict[str, list[Target]]:
    """Give every target, and what was reached of it, by the running times and the seed of the imports."""
    of_optimum = record.optimum[OURS]["polls"] / record.optimum[OURS]["best"]
    chosen = (record.results, *record.others.values())
    by_seed = {f"{CHOSEN.name}, {each.seed}": targets(each, of_optimum) for each in chosen}
    return by_seed | {
        f"power law, {seed}": targets(each.results, each.of_optimum) for seed, each in record.same_mean.items()
    }


def reached_by_exponent(record: StoredWatch) -> dict[str, list[Target]]:
    """Give the targets of the default, and what was reached of them, by the exponent of a power law."""
    return {name: of_the_default(each.results, each.of_optimum) for name, each in record.by_running_times.items()}


def shortened(results: Results) -> Results:
    """Leave out what no page tells."""
    kept = {
        scenario: {name: figures for name, figures in each.items() if name in (OURS, SIXTY)}
        for scenario, each in results.scenarios.items()
    }
    return Results(results.seed, results.imports, results.pooled, kept)


def write(record: StoredWatch, path: Path = RECORD) -> None:
    """Write a record, with six digits of every figure."""
    path.write_text(json.dumps(_rounded(asdict(record)), indent=1) + "\n")


def read(path: Path = RECORD) -> StoredWatch:
    """Read a record."""
    told = json.loads(path.read_text())
    return StoredWatch(
        _results(told["results"]),
        told["optimum"],
        {seed: _results(each) for seed, each in told["others"].items()},
        *(
            {name: OtherTimes(_results(each["results"]), each["of_optimum"]) for name, each in told[block].items()}
            for block in ("same_mean", "by_running_times")
        ),
    )


def differences(one: StoredWatch, other: StoredWatch) -> list[str]:
    """Name every figure of a record that the other does not have, or has otherwise."""
    first, second = dict(_leaves(asdict(one))), dict(_leaves(asdict(other)))
    return [
        f"{name}: {first.get(name)} and {second.get(name)}"
        for name in sorted(first.keys() | second.keys())
        if not _close(first.get(name), second.get(name))
    ]


def _results(told: Any) -> Results:
    return Results(
        told["seed"],
        told["imports"],
        _figures(told["pooled"]),
        {scenario: _figures(each) for scenario, each in told["scenarios"].items()},
    )


def _figures(told: Any) -> dict[str, Figures]:
    return {name: Figures(**each) for name, each in told.items()}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _leaves(each, f"{name} / {key}" if name else str(key))
    else:
        yield name, value


def _close(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and math.isclose(one, other, rel_tol=CLOSE)
