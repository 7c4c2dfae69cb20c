"""Measurements in a log: lines of the embedded metric format, read as CloudWatch reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Measurement:
    """One value of one metric.

    Parameters
    ----------
    namespace, name, unit : str
    dimensions : tuple of (str, str)
        Names and values, sorted.
    value : float
    time : float
        Epoch seconds.
    """

    namespace: str
    name: str
    unit: str
    dimensions: tuple[tuple[str, str], ...]
    value: float
    time: float


def measurements_of(line: str) -> Iterator[Measurement]:
    """Measurements in a line of a log; none where it is another kind of line."""
    entry = _object(line)
    marked = entry.get("_aws")
    if not isinstance(marked, Mapping):
        return
    for directive in marked["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            dimensions = tuple(sorted((name, entry[name]) for name in names))
            for metric in directive["Metrics"]:
                values = entry[metric["Name"]]
                for value in values if isinstance(values, list) else [values]:
                    yield Measurement(
                        directive["Namespace"],
                        metric["Name"],
                        metric.get("Unit", "None"),
                        dimensions,
                        value,
                        marked["Timestamp"] / 1000,
                    )


def _object(line: str) -> dict[str, Any]:
    try:
        parsed = json.loads(line)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
