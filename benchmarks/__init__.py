"""Benchmarks: measurements taken side by side in one run, and reported as ratios.

Each is run from the root of the repository by `.venv/bin/python -m benchmarks.<name>`.
"""

from __future__ import annotations

import sys

from local.paths import FUNCTIONS, ROOT

# At the end: a benchmark that compares releases has the path of one of them in front.
sys.path += [str(ROOT / "layers" / "import_watch"), str(FUNCTIONS)]
