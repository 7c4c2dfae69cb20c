"""All that the benchmark measures, and the targets that it reached. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.schedule.running_times import CHOSEN
from benchmarks.schedule.runs import OURS, Results
from benchmarks.schedule.targets import Target, of_the_default, targets


@dataclass(frozen=True, slots=True)
class OtherTimes:
    """What schedules do with other running times: `of_optimum` is the default policy's polls over the optimum's."""

    results: Results
    of_optimum: float


@dataclass(frozen=True, slots=True)
class Measured:
    """The figures of the pages of `docs/`.

    Parameters
    ----------
    results : Results
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


def reached(measured: Measured) -> dict[str, list[Target]]:
    """Every target with its measured value, by the running times and the seed of the imports."""
    of_optimum = measured.optimum[OURS]["polls"] / measured.optimum[OURS]["best"]
    chosen = (measured.results, *measured.others.values())
    by_seed = {f"{CHOSEN.name}, {each.seed}": targets(each, of_optimum) for each in chosen}
    return by_seed | {
        f"power law, {seed}": targets(each.results, each.of_optimum, power_law=True)
        for seed, each in measured.same_mean.items()
    }


def reached_by_exponent(measured: Measured) -> dict[str, list[Target]]:
    """Targets of the default, and what was reached of them, by the exponent of a power law."""
    return {
        name: of_the_default(each.results, each.of_optimum, power_law=True)
        for name, each in measured.by_running_times.items()
    }
