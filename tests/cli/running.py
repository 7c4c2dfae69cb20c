"""A running local stack, and the command line on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from import_watch_cli.stack import Stack, find_stack
from import_watch_cli.watches import Watches

from local.paths import ROOT
from local.simulators.script import Step
from local.stack import LocalStack
from local.waiting import wait_until

COMMAND_SECONDS = 90
OUTCOME_SECONDS = 60
MISSING_LOG: Step = {"status": "Completed", "log": None, "errors": ["Element 'ImportLog' not found."]}
FAILED: Step = {"status": "Error", "errors": ["The archive holds no project file."]}
COMPLETED: Step = {
    "status": "Completed",
    "log": {"articles": 2, "messages": [{"message_type": 2, "message": "2 articles imported."}]},
}
ENDLESS: Step = {"status": "InProgress"}


@dataclass(frozen=True)
class Running:
    """A local stack for tests.

    Parameters
    ----------
    local : LocalStack
    folder : Path
        Where `stack.json` is.
    """

    local: LocalStack
    folder: Path

    def stack(self) -> Stack:
        """The stack as the command line finds it."""
        previous = os.environ.get("IMPORT_WATCH_STATE")
        os.environ["IMPORT_WATCH_STATE"] = str(self.folder)
        try:
            return find_stack(local=True)
        finally:
            if previous is None:
                del os.environ["IMPORT_WATCH_STATE"]
            else:
                os.environ["IMPORT_WATCH_STATE"] = previous

    def imported(self, import_id: str, *steps: Step, wait: bool = True, **detail: Any) -> str:
        """Start to watch an import at Document360, wait for its outcome, and return the watch id."""
        self.local.simulators["document360"].script(import_id, steps)
        self.local.start_import({"vendor": "document360", "importId": import_id, **detail})
        key = f"document360#default#{import_id}"
        watches = Watches(self.stack())

        def registered() -> bool:
            record = watches.store.get(key)
            return record is not None and (not wait or record.published_at is not None)

        wait_until(registered, OUTCOME_SECONDS, f"the watch of {import_id}")
        return key

    def command(self, *arguments: str, typed: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the command line on this stack."""
        return import_watch(*arguments, typed=typed, IMPORT_WATCH_STATE=str(self.folder), **environment)


def import_watch(*arguments: str, typed: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line, without the caller's AWS settings.

    Parameters
    ----------
    *arguments : str
    typed : str
        Its standard input.
    **environment : str
        Added to its environment.
    """
    return subprocess.run(
        [sys.executable, str(ROOT / "cli" / "launch.py"), *arguments],
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **environment},
        input=typed,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )


def lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """Objects that a command printed, one a line."""
    return [json.loads(line) for line in done.stdout.splitlines()]
