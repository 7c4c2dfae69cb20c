"""The commands of a checkout: the local stack, the demo, and one real import from this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from import_watch_cli.checkout import STATE_VARIABLE, require_checkout
from import_watch_cli.errors import USAGE
from import_watch_cli.output import Output

if TYPE_CHECKING:
    from rich.console import Console

PLAIN_WIDTH = 140


def demo(output: Output) -> int:
    """Run the main job with sample imports of the three vendors."""
    _prepare("demo")
    from local.demo import run

    status = run(_console(output))
    if output.as_json:
        output.value({"asExpected": status == 0})
    return status


def up(output: Output) -> int:
    """Start the local stack, and leave it running."""
    _prepare("up")
    import json

    from local.paths import STACK_FILE
    from local.service import up as start

    start(_console(output))
    if output.as_json:
        output.value(json.loads(STACK_FILE.read_text("utf-8")))
    return 0


def down(output: Output) -> int:
    """End the local stack."""
    _prepare("down")
    from local.service import down as end

    end(_console(output))
    if output.as_json:
        output.value({"running": False})
    return 0


def watch(output: Output, vendor: str, import_id: str, connection: str) -> int:
    """Watch one real import from this machine."""
    _prepare("watch")
    from local.watch import run

    status = run(_console(output), vendor, import_id, connection)
    if output.as_json and status in (0, 1):
        output.value({"vendor": vendor, "importId": import_id, "connection": connection, "completed": status == 0})
    return USAGE if status == 2 else status


def _prepare(command: str) -> Path:
    """Make the checkout's own packages importable, here and in the processes that they start."""
    root = require_checkout(command)
    if state := os.environ.get(STATE_VARIABLE):
        os.environ[STATE_VARIABLE] = str(Path(state).resolve())
    os.chdir(root)
    # Relative to the folder in which those processes run, so that any character may be in its path.
    os.environ["PYTHONPATH"] = os.pathsep.join(("layers/import_watch", "functions"))
    if str(root) not in sys.path:
        sys.path.append(str(root))
    return root


def _console(output: Output) -> Console:
    from rich.console import Console

    stderr = output.as_json
    console = Console(stderr=stderr)
    # Where the output is not a terminal, lines are not wrapped; a table still needs a width.
    return console if console.is_terminal else Console(stderr=stderr, width=PLAIN_WIDTH)
