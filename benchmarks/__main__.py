"""`python -m benchmarks`: runs all benchmarks, each in its own process, and reports whether one failed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Run `python -m benchmarks.<name>` for every folder that can be run; return the worst exit status."""
    names = sorted(path.parent.name for path in Path(__file__).parent.glob("*/__main__.py"))
    worst = 0
    for name in names:
        print(f"\n━━ {name} ━━\n", flush=True)  # noqa: T201 - a command line
        worst = max(worst, subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main())
