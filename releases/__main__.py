"""The command behind `make release`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import typer
from rich.console import Console

from releases.release import NotReleasable, release

ROOT = Path(__file__).parents[1]


def main(version: str) -> None:
    """Release what is committed as VERSION, such as 1.2.0: two commits and a tag; nothing is pushed."""
    console = Console(soft_wrap=True, highlight=False, markup=False)
    try:
        release(ROOT, version, datetime.now(UTC).date())
    except NotReleasable as error:
        console.print(f"{version} is not released: {error}.")
        raise typer.Exit(1) from None
    console.print(f"Released {version}. Push it with: git push --follow-tags")


if __name__ == "__main__":
    typer.run(main)
