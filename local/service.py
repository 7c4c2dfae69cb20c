"""Keeps the local stack running in the background: `up` starts it, `down` ends it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from rich.console import Console

from local.emulator import kill_process_tree
from local.paths import ROOT, STACK_FILE, STATE
from local.scenarios import SCENARIOS
from local.stack import LocalStack
from local.waiting import wait_until

if TYPE_CHECKING:
    from import_watch_cli.page.server import BackgroundPage

READY_SECONDS = 120
END_SECONDS = 20
SERVICE_LOG = STATE / "service.log"


def up(console: Console) -> None:
    """Start the stack, unless it is running already, and return when it is ready."""
    running = _running()
    if running is not None:
        console.print(f"The local stack is running already (process {running['pid']}).")
    else:
        running = _start()
    vendors = ", ".join(f"{vendor} at {url}" for vendor, url in running["vendors"].items())
    if page_url := running.get("pageUrl"):
        console.print(f"Live page     {page_url}", highlight=False)
    console.print(f"AWS endpoint  {running['endpointUrl']}", highlight=False)
    console.print(f"Simulators    {vendors}", soft_wrap=True, highlight=False)
    console.print(f"Everything    {STACK_FILE}", highlight=False)
    console.print("`make down` ends it.", highlight=False)


def down(console: Console) -> None:
    """End the stack, whatever state it is in."""
    running = _running()
    if running is None:
        console.print("The local stack is not running.")
    else:
        process = psutil.Process(running["pid"])
        process.terminate()
        try:
            process.wait(timeout=END_SECONDS)
        except psutil.TimeoutExpired:
            kill_process_tree(running["pid"])
        console.print("The local stack has ended.")
    STACK_FILE.unlink(missing_ok=True)


def serve() -> None:
    """Run the stack until this process gets a signal to end."""
    end_requested = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: end_requested.set())
    with LocalStack(log_folder=STATE) as stack:
        for scenario in SCENARIOS:
            if scenario.steps:
                stack.simulators[scenario.vendor].script(scenario.import_id, scenario.steps)
        description = stack.description(os.getpid())
        with _page(description) as page:
            _write({**description, "pageUrl": page.url})
            end_requested.wait()
            STACK_FILE.unlink(missing_ok=True)


def _page(description: dict[str, Any]) -> BackgroundPage:
    """Live page of the stack, which ends with it."""
    # Not for the functions: the emulator starts them with an environment of its own.
    sys.path.append(str(ROOT / "cli"))
    from import_watch_cli.page.server import BackgroundPage
    from import_watch_cli.stack import local_stack

    return BackgroundPage(local_stack(description, STACK_FILE))


def _start() -> dict[str, Any]:
    STATE.mkdir(parents=True, exist_ok=True)
    STACK_FILE.unlink(missing_ok=True)
    with SERVICE_LOG.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "local", "serve"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def ready() -> dict[str, Any] | None:
        if process.poll() is not None:
            raise RuntimeError(f"the local stack did not start:\n{_last_words(SERVICE_LOG)}")
        return _running()

    try:
        return wait_until(ready, READY_SECONDS, "the local stack is ready")
    except TimeoutError:
        kill_process_tree(process.pid)
        raise


def _running() -> dict[str, Any] | None:
    """Description of the running stack; None where its file is missing, or its process has died."""
    try:
        found: dict[str, Any] = json.loads(STACK_FILE.read_text())
        alive = "local" in psutil.Process(found["pid"]).cmdline()
    except (FileNotFoundError, ValueError, psutil.Error):
        return None
    return found if alive else None


def _write(description: dict[str, Any]) -> None:
    """Write the file atomically: a reader never sees an incomplete one."""
    part = STACK_FILE.with_suffix(".part")
    part.write_text(json.dumps(description, indent=2) + "\n")
    part.replace(STACK_FILE)


def _last_words(path: Path) -> str:
    return path.read_text("utf-8", "replace")[-2_000:]
