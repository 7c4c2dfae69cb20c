"""Writes the table of ceilings into `docs/scale.md`.

python -m benchmarks.ceilings
"""

from __future__ import annotations

from benchmarks.ceilings.page import PAGE, refreshed

if __name__ == "__main__":
    PAGE.write_text(refreshed(PAGE.read_text()))
