"""The commands of the embedded default; `make` has a target for each."""

from __future__ import annotations

import signal
import sys
from typing import NoReturn

import typer
from import_watch_cli.terminal import Terminal, write_error

app = typer.Typer(add_completion=False, help=__doc__, pretty_exceptions_enable=False)
FAILED = 1


@app.command()
def demo() -> None:
    """Run the main job with sample imports of the three vendors."""
    from local.demo import run

    raise typer.Exit(run(Terminal()))


@app.command()
def up() -> None:
    """Start the local stack, and leave it running; .local/stack.json has its addresses."""
    from local.service import up as start

    start(Terminal())


@app.command()
def down() -> None:
    """End the local stack."""
    from local.service import down as end

    end(Terminal())


@app.command(hidden=True)
def serve() -> None:
    """Run the local stack until this process is ended (`up` starts it)."""
    from local.service import serve as hold

    hold()


@app.command()
def watch(vendor: str, import_id: str, connection: str = "default") -> None:
    """Watch one real import from this machine."""
    from local.watch import run

    raise typer.Exit(run(Terminal(), vendor, import_id, connection))


def main() -> None:
    """Run a command; what stops it is one line on standard error."""
    # So that what it started is ended, as after Ctrl-C.
    signal.signal(signal.SIGTERM, _end)
    try:
        app()
    except Exception as error:
        if sys.argv[1:2] == ["serve"]:
            # Its standard error is a file for the one who looks for the cause.
            raise
        name = "" if str(error) and type(error).__name__ in ("StackError", "RuntimeError") else type(error).__name__
        write_error(": ".join(filter(None, (name, str(error)))))
        sys.exit(FAILED)


def _end(number: int, _frame: object) -> NoReturn:
    sys.exit(128 + number)
