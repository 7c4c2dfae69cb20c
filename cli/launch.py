"""Runs the command line from a checkout, without an installation: as `.venv/bin/import-watch` does."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

if __name__ == "__main__":
    # Only for this process: what the emulator runs must find the shared package in its layer.
    sys.path[:1] = [str(ROOT / part) for part in ("cli", "layers/import_watch", "functions", ".")]
    from import_watch_cli.__main__ import main

    main()
