"""Draws the dashboard for the docs from a run of the local stack: `make dashboard`.

`python -m local.dashboard again` draws what the last run measured once more.
"""

from __future__ import annotations

import json
import sys
from dataclasses import astuple

from rich.console import Console

from local.dashboard.body import dashboard
from local.dashboard.data import Measurement
from local.dashboard.picture import draw
from local.dashboard.run import measured
from local.paths import ROOT, STATE

PICTURE = ROOT / "docs" / "images" / "dashboard.png"
KEPT = STATE / "dashboard.json"
PERIOD = 10.0
"""Seconds that one value stands for; a few minutes are drawn, where the dashboard itself shows hours."""


def main() -> None:
    """Run, unless told not to, and draw."""
    console = Console(width=140)
    if sys.argv[1:] != ["again"]:
        measurements, values = measured(console)
        KEPT.parent.mkdir(parents=True, exist_ok=True)
        KEPT.write_text(json.dumps([values, [astuple(one) for one in measurements]]))
    values, kept = json.loads(KEPT.read_text())
    measurements = [
        Measurement(namespace, name, unit, tuple((key, told) for key, told in dimensions), value, time)
        for namespace, name, unit, dimensions, value, time in kept
    ]
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    draw(dashboard(values), measurements, PERIOD, PICTURE)
    console.print(f"{len(measurements):,} measurements drawn in {PICTURE.relative_to(ROOT)}.", highlight=False)


if __name__ == "__main__":
    main()
