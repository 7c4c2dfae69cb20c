"""Draws the dashboard for the docs from what a storm measured: `make dashboard`."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from local.dashboard.body import dashboard
from local.dashboard.picture import draw
from local.dashboard.record import kept
from local.paths import ROOT

PICTURE = ROOT / "docs" / "images" / "dashboard.png"
PERIOD = 60.0
"""Seconds that one value stands for: less than the dashboard's own, since minutes are drawn, and not hours."""


def main() -> None:
    """Draw what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m local.dashboard", description=__doc__)
    parser.add_argument("measurements", type=Path, help="as `make storm KEEP=…` leaves them in the folder of a wave")
    names, measurements = kept(parser.parse_args().measurements)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    draw(dashboard(names), measurements, PERIOD, PICTURE)
    Console().print(f"{len(measurements):,} measurements drawn in {PICTURE.relative_to(ROOT)}.", highlight=False)


if __name__ == "__main__":
    main()
