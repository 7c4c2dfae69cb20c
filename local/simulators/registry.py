"""The vendors that have a simulator: their modules are found by the vendors' names.

The process of a simulator has nothing of the project on its path but this package.
"""

from __future__ import annotations

import importlib
from pathlib import Path

from local.paths import FUNCTIONS
from local.simulators.responses import Simulated

VENDORS = tuple(
    sorted(
        name
        for path in FUNCTIONS.glob("poll_*/adapter.py")
        if (Path(__file__).parent / f"{(name := path.parent.name.removeprefix('poll_'))}.py").is_file()
    )
)


def simulated(vendor: str) -> Simulated:
    """What the module of one of `VENDORS` has of its simulator."""
    found: Simulated = importlib.import_module(f"local.simulators.{vendor}").SIMULATED
    return found
