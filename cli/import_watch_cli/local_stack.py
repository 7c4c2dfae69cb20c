"""The commands of a checkout: the local stack, the demo, and one real import from this machine."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from import_watch_cli.checkout import STATE_VARIABLE, require_checkout
from import_watch_cli.errors import NOT_DONE, USAGE, CommandError, one_line
from import_watch_cli.output import Output
from import_watch_cli.terminal import Terminal


def demo(output: Output) -> int:
    """Run the main job with sample imports of the three vendors."""
    with _checkout("demo"):
        from local.demo import run

        status = run(_terminal(output))
    if output.as_json:
        output.value({"asExpected": status == 0})
    return status


def up(output: Output) -> int:
    """Start the local stack, and leave it running."""
    import json

    with _checkout("up"):
        from local.paths import STACK_FILE
        from local.service import up as start

        start(_terminal(output))
    if output.as_json:
        output.value(json.loads(STACK_FILE.read_text("utf-8")))
    return 0


def down(output: Output) -> int:
    """End the local stack."""
    with _checkout("down"):
        from local.service import down as end

        end(_terminal(output))
    if output.as_json:
        output.value({"running": False})
    return 0


def watch(output: Output, vendor: str, import_id: str, connection: str) -> int:
    """Watch one real import from this machine."""
    with _checkout("watch"):
        from local.watch import INVALID, run

        status = run(_terminal(output), vendor, import_id, connection)
    if output.as_json and status in (0, 1):
        output.value({"vendor": vendor, "importId": import_id, "connection": connection, "completed": status == 0})
    return USAGE if status == INVALID else status


@contextmanager
def _checkout(command: str) -> Iterator[None]:
    """Make the checkout's own packages importable, here and in the processes that they start; report their errors."""
    root = require_checkout(command)
    if state := os.environ.get(STATE_VARIABLE):
        os.environ[STATE_VARIABLE] = str(Path(state).resolve())
    os.chdir(root)
    # Relative to the folder in which those processes run, so that any character may be in its path.
    os.environ["PYTHONPATH"] = os.pathsep.join(("layers/import_watch", "functions", "cli"))
    if str(root) not in sys.path:
        sys.path.append(str(root))
    # So that what it started is ended, as after Ctrl-C.
    signal.signal(signal.SIGTERM, _end)
    try:
        yield
    except Exception as error:
        # By their names: the module of the first would be loaded before a command needs it.
        if type(error).__name__ not in ("StackError", "RuntimeError", "TimeoutError"):
            raise
        raise CommandError(f"{one_line(str(error))}.", NOT_DONE) from None


def _terminal(output: Output) -> Terminal:
    return Terminal(sys.stderr if output.as_json else sys.stdout)


def _end(number: int, _frame: object) -> NoReturn:
    sys.exit(128 + number)
