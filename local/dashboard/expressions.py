"""Works out what a widget shows, as CloudWatch does: statistics over periods, searches, and the metric math we use.

An expression of CloudWatch reads as one of Python: it is parsed as such, and never run.
"""

from __future__ import annotations

import ast
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from local.dashboard.data import Measurement

Points: TypeAlias = Mapping[float, float]
"""Values by the beginning of their period, in epoch seconds."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a widget."""

    label: str
    points: Points
    dimensions: tuple[tuple[str, str], ...] = ()
    color: str | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """What a SEARCH asks for: exact terms are in `exact`, others, which a value has to contain, in `partial`."""

    namespace: str
    dimensions: frozenset[str]
    exact: Mapping[str, str]
    partial: Mapping[str, str]
    stat: str

    def finds(self, one: Measurement) -> bool:
        """Say whether a measurement is of a metric that this finds."""
        told = {"MetricName": one.name, **dict(one.dimensions)}
        return (
            one.namespace == self.namespace
            and {name for name, _ in one.dimensions} == self.dimensions
            and all(told.get(name) == value for name, value in self.exact.items())
            and all(value in told.get(name, "") for name, value in self.partial.items())
        )


def searches(expression: str) -> Iterator[Search]:
    """Give the searches in an expression."""
    for node in ast.walk(ast.parse(expression, mode="eval")):
        if isinstance(node, ast.Call) and _name(node.func) == "SEARCH":
            yield _search(node)


def statistic(stat: str, values: Sequence[float]) -> float:
    """Give a statistic of values, of which there is one at least."""
    match stat:
        case "Sum":
            return math.fsum(values)
        case "Maximum":
            return max(values)
        case "Minimum":
            return min(values)
        case "Average":
            return math.fsum(values) / len(values)
    rank = float(stat.removeprefix("p")) / 100
    return sorted(values)[min(len(values) - 1, math.floor(rank * len(values)))]


def shown(widget: Mapping[str, Any], measurements: Sequence[Measurement], period: float) -> list[Series]:
    """Give what a metric widget shows.

    Parameters
    ----------
    widget : mapping
        Its `properties`.
    measurements : sequence of Measurement
    period : float
        Seconds; the widget's own period is for days of data.
    """
    known: dict[str, list[Series]] = {}
    found: list[Series] = []
    for entry in widget["metrics"]:
        options = entry[-1] if isinstance(entry[-1], dict) else {}
        if "expression" in options:
            tree = ast.parse(options["expression"], mode="eval").body
            series = _evaluated(tree, known, measurements, period)
        else:
            series = _metric(entry, options.get("stat", widget["stat"]), measurements, period)
        series = [replace(one, label=_label(options, one), color=options.get("color")) for one in series]
        if "id" in options:
            known[options["id"]] = series
        if options.get("visible", True):
            found += series
    return found


def _metric(entry: Sequence[Any], stat: str, measurements: Sequence[Measurement], period: float) -> list[Series]:
    namespace, name, *dimensions = [part for part in entry if isinstance(part, str)]
    pairs = tuple(sorted(zip(dimensions[::2], dimensions[1::2], strict=True)))
    mine = [one for one in measurements if (one.namespace, one.name, one.dimensions) == (namespace, name, pairs)]
    return [Series(name, _points(mine, stat, period), pairs)]


def _evaluated(
    node: ast.expr, known: Mapping[str, list[Series]], measurements: Sequence[Measurement], period: float
) -> list[Series]:
    """Work an expression out: a search gives many series, a name those it stands for, all else one."""
    match node:
        case ast.Name(id=name):
            return known[name]
        case ast.Call(func=function, args=arguments):
            if _name(function) == "SEARCH":
                return _searched(_search(node), measurements, period)
            if _name(function) == "SUM":
                return [_sum(_evaluated(arguments[0], known, measurements, period))]
        case ast.List(elts=elements):
            return [one for element in elements for one in _evaluated(element, known, measurements, period)]
    raise ValueError(f"this is not understood: {ast.unparse(node)}")


def _searched(search: Search, measurements: Sequence[Measurement], period: float) -> list[Series]:
    by_metric: dict[tuple[tuple[str, str], ...], list[Measurement]] = defaultdict(list)
    for one in measurements:
        if search.finds(one):
            by_metric[one.dimensions].append(one)
    return [
        Series(", ".join(value for _, value in dimensions), _points(mine, search.stat, period), dimensions)
        for dimensions, mine in sorted(by_metric.items())
    ]


def _search(node: ast.Call) -> Search:
    text, stat = (str(ast.literal_eval(argument)) for argument in node.args)
    found = re.fullmatch(r"\{(.+?)\} (.+)", text)
    if found is None:
        raise ValueError(f"a search begins with its schema: {text}")
    namespace, *dimensions = found[1].split(",")
    terms = re.findall(r"(\w+)=(\"[^\"]*\"|\S+)", found[2])
    return Search(
        namespace,
        frozenset(dimensions),
        {name: value.strip('"') for name, value in terms if value.startswith('"')},
        {name: value for name, value in terms if not value.startswith('"')},
        stat,
    )


def _points(measurements: Iterable[Measurement], stat: str, period: float) -> Points:
    by_period: dict[float, list[float]] = defaultdict(list)
    for one in measurements:
        by_period[one.time // period * period].append(one.value)
    return {start: statistic(stat, values) for start, values in sorted(by_period.items())}


def _sum(series: Iterable[Series]) -> Series:
    total: dict[float, float] = defaultdict(float)
    for one in series:
        for start, value in one.points.items():
            total[start] += value
    return Series("", dict(sorted(total.items())))


def _label(options: Mapping[str, Any], series: Series) -> str:
    dimensions = dict(series.dimensions)
    label = str(options.get("label") or series.label)
    return re.sub(r"\$\{PROP\('Dim\.(\w+)'\)\}", lambda match: dimensions.get(match[1], ""), label)


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""
