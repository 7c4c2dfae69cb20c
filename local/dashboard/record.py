"""Keeps what a local stack measured in a file, for the dashboard to be drawn from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from pathlib import Path

from local.dashboard.data import Measurement


def keep(names: Mapping[str, str], measurements: Sequence[Measurement], path: Path) -> None:
    """Write down what stands for the names in the dashboard's body, and what was measured."""
    path.write_text(json.dumps([names, [astuple(one) for one in measurements]]))


def kept(path: Path) -> tuple[Mapping[str, str], Sequence[Measurement]]:
    """Read what `keep` wrote."""
    names, measurements = json.loads(path.read_text())
    return names, [
        Measurement(namespace, name, unit, tuple((key, told) for key, told in dimensions), value, time)
        for namespace, name, unit, dimensions, value, time in measurements
    ]
