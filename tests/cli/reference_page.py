"""Writes the commands of `docs/cli.md` from `--help`: `python -m tests.cli.reference_page`."""

from __future__ import annotations

import typer
from import_watch_cli.__main__ import PROGRAM
from import_watch_cli.app import app
from typer.main import get_group

from local.paths import ROOT

PAGE = ROOT / "docs" / "cli.md"
BEGIN, END = "<!-- made by tests/cli/reference_page.py -->", "<!-- end -->"
WIDTH = 80
"""Columns of the text."""


def commands() -> str:
    """Section of the page with the help of each command."""
    group = get_group(app)
    parts = [BEGIN]
    with group.make_context(PROGRAM, [], resilient_parsing=True, terminal_width=WIDTH) as outer:
        for name, command in group.commands.items():
            context = typer.Context(command, info_name=name, parent=outer, terminal_width=WIDTH)
            parts += ["", f"### {name}", "", "```", context.get_help().rstrip(), "```"]
    return "\n".join([*parts, "", END, ""])


def updated(page: str) -> str:
    """Page with the present help of each command."""
    before, _, rest = page.partition(BEGIN)
    return before + commands() + rest.partition(f"{END}\n")[2]


if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text()))
