"""Draws the dashboard for the docs from a run of the local stack: `make dashboard`."""

from __future__ import annotations

from rich.console import Console

from local.dashboard.body import dashboard
from local.dashboard.picture import draw
from local.dashboard.run import measured
from local.paths import ROOT

PICTURE = ROOT / "docs" / "images" / "dashboard.png"
PERIOD = 10.0
"""Seconds that one value stands for; a few minutes are drawn, where the dashboard itself shows hours."""


def main() -> None:
    """Run, and draw."""
    console = Console(width=140)
    measurements, values = measured(console)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    draw(dashboard(values), measurements, PERIOD, PICTURE)
    console.print(f"{len(measurements):,} measurements drawn in {PICTURE.relative_to(ROOT)}.", highlight=False)


if __name__ == "__main__":
    main()
