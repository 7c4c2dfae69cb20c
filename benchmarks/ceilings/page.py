"""The page that has the table of ceilings."""

from __future__ import annotations

from benchmarks.ceilings import table
from local.paths import ROOT

PAGE = ROOT / "docs" / "scale.md"
BEGIN, END = "<!-- made by python -m benchmarks.ceilings -->", "<!-- end -->"


def refreshed(page: str) -> str:
    """The page with the table as it is computed."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"
