"""The commands behind `make release`, and the check of `make deploy`."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from releases.package import build_package
from releases.release import NotReleasable, release, version_of
from releases.update_check import NotUpdatable, check_name, check_update, read_settings, read_stack
from releases.versions import Version, released_bundles

ROOT = Path(__file__).parents[1]
app = typer.Typer(add_completion=False, help=__doc__, pretty_exceptions_enable=False)
console = Console(soft_wrap=True, highlight=False, markup=False)
errors = Console(soft_wrap=True, highlight=False, markup=False, stderr=True)


@app.command(name="release")
def make_release(version: str) -> None:
    """Release what is committed as VERSION, such as 1.2.0: two commits and a tag; nothing is pushed."""
    try:
        packaged = release(ROOT, version, datetime.now(UTC).date(), partial(build_package, ROOT))
    except NotReleasable as error:
        errors.print(f"{version} is not released: {error}")
        raise typer.Exit(1) from None
    console.print(f"Released {version}. Push it with: git push --follow-tags")
    console.print(f"Publish with it: {', '.join(str(path.relative_to(ROOT)) for path in packaged)}")


@app.command(name="check-update")
def check_update_of_stack(
    config: Annotated[Path, typer.Option(help="Configuration file of `sam deploy`.")] = ROOT / "samconfig.local.toml",
) -> None:
    """Check that a stack of this name can be created, or updated to this version."""
    try:
        version = Version.parse(version_of((ROOT / "template.yaml").read_text("utf-8")))
        settings = read_settings(config)
        check_name(settings, ROOT / "functions")
        check_update(read_stack(settings), version, released_bundles(ROOT))
    except (NotUpdatable, NotReleasable, ValueError) as error:
        errors.print(f"Not deployed: {error}")
        raise typer.Exit(1) from None


if __name__ == "__main__":
    app()
