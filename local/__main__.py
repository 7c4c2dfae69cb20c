"""The command line of the embedded default; `make` has a target for each command."""

from __future__ import annotations

import typer
from rich.console import Console

PLAIN_WIDTH = 140
app = typer.Typer(add_completion=False, help=__doc__, pretty_exceptions_show_locals=False)


@app.command()
def demo() -> None:
    """Run the main job with sample imports of the three vendors."""
    from local.demo import run

    raise typer.Exit(run(_console()))


@app.command()
def up() -> None:
    """Start the local stack, and leave it running; .local/stack.json has its addresses."""
    from local.service import up as start

    start(_console())


@app.command()
def down() -> None:
    """End the local stack."""
    from local.service import down as end

    end(_console())


@app.command(hidden=True)
def serve() -> None:
    """Run the local stack until this process is ended (`up` starts it)."""
    from local.service import serve as hold

    hold()


@app.command()
def watch(vendor: str, import_id: str, connection: str = "default") -> None:
    """Watch one real import from this machine."""
    from local.watch import run

    raise typer.Exit(run(_console(), vendor, import_id, connection))


def _console() -> Console:
    console = Console()
    # Where the output is not a terminal, lines are not wrapped; a table still needs a width.
    return console if console.is_terminal else Console(width=PLAIN_WIDTH)


if __name__ == "__main__":
    app()
