"""Keeps the local stack running in the background: `up` starts it, `down` ends it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import psutil
import requests
from import_watch_cli.terminal import Terminal

from local.emulator import kill_process_tree
from local.leftovers import environment_of, sweep
from local.paths import ROOT, STACK_FILE, STATE
from local.waiting import wait_until

if TYPE_CHECKING:
    from import_watch_cli.page.server import BackgroundPage

READY_SECONDS = 120
END_SECONDS = 20
CHECK_SECONDS = 5
PACKAGES = ("layers/import_watch", "functions", "cli")
"""Folders of the project's packages, relative to its own, so that any character may be in its path."""
SERVICE_LOG = STATE / "service.log"
MARKER = "IMPORT_WATCH_SERVICE"
"""Environment variable of the process that runs the stack: the folder of its state."""


class StackError(Exception):
    """The local stack cannot run; the message is one line for a person."""


def up(terminal: Terminal) -> None:
    """Start the stack, unless it is running already, and return when it is ready.

    Raises
    ------
    StackError
        If it does not start.
    """
    running = _ready()
    if running is not None:
        terminal.write(f"The local stack is running already (process {running['pid']}).")
    else:
        if _services():
            terminal.write_wrapped("The local stack does not respond: ending it, and starting it again.")
            _end_services()
        report_swept(terminal)
        running = _start()
        terminal.write(f"The local stack is ready (process {running['pid']}).")
    page = {"Live page": running["pageUrl"]} if "pageUrl" in running else {}
    labels = {**page, "AWS endpoint": running["endpointUrl"], **running["vendors"], "Everything": str(STACK_FILE)}
    for label, value in labels.items():
        terminal.write(f"{label:<14}{value}")
    terminal.write("`make down` ends it.")


def down(terminal: Terminal) -> None:
    """End the stack, whatever state it is in, and what earlier runs have left."""
    ended = _end_services()
    swept = report_swept(terminal)
    described = STACK_FILE.exists()
    STACK_FILE.unlink(missing_ok=True)
    if ended or described:
        terminal.write("The local stack has ended.")
    elif not swept:
        terminal.write("The local stack is not running.")


def serve() -> None:
    """Run the stack until this process gets a signal to end."""
    from local.scenarios import SCENARIOS, examples
    from local.stack import LocalStack

    end_requested = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: end_requested.set())
    with LocalStack(log_folder=STATE) as stack:
        for scenario in (*SCENARIOS, *examples()):
            if scenario.steps:
                stack.simulators[scenario.vendor].script(scenario.import_id, scenario.steps)
        description = stack.description(os.getpid())
        with _page(description) as page:
            _write({**description, "pageUrl": page.url})
            end_requested.wait()
            STACK_FILE.unlink(missing_ok=True)


def _page(description: dict[str, Any]) -> BackgroundPage:
    """Live page of the stack, which ends with it."""
    from import_watch_cli.page.server import BackgroundPage
    from import_watch_cli.stack import local_stack

    return BackgroundPage(local_stack(description, STACK_FILE))


def report_swept(terminal: Terminal) -> bool:
    """End what killed runs have left, write a line about it if there was something, and return whether there was."""
    swept = sweep()
    if swept:
        processes = f"{swept.processes} process{'' if swept.processes == 1 else 'es'} and " if swept.processes else ""
        terminal.write_wrapped(f"Removed what a killed run had left: {processes}temporary files.")
    return bool(swept)


def _start() -> dict[str, Any]:
    STATE.mkdir(parents=True, exist_ok=True)
    STACK_FILE.unlink(missing_ok=True)
    with SERVICE_LOG.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "local", "serve"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(PACKAGES), MARKER: str(STATE)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def ready() -> dict[str, Any] | None:
        if process.poll() == 0:
            raise StackError("The local stack was ended while it started: start it again.")
        if process.poll() is not None:
            raise StackError(f"The local stack did not start ({_last_line()}): see {SERVICE_LOG}.")
        found = _described()
        return found if found is not None and found["pid"] == process.pid else None

    try:
        found = wait_until(ready, READY_SECONDS, "the local stack is ready")
    except TimeoutError:
        kill_process_tree(process.pid)
        raise StackError(f"The local stack was not ready after {READY_SECONDS} s: see {SERVICE_LOG}.") from None
    if not _responds(found):
        kill_process_tree(process.pid)
        raise StackError(f"The local stack started, but does not respond: see {SERVICE_LOG}.")
    return found


def _ready() -> dict[str, Any] | None:
    """Description of the running stack, which responds; None where there is none, or it does not.

    One that is being started is waited for.
    """
    ends = time.monotonic() + READY_SECONDS
    while (found := _described()) is None and _services() and time.monotonic() < ends:
        time.sleep(0.2)
    return found if found is not None and _responds(found) else None


def _described() -> dict[str, Any] | None:
    """Description of the stack that a living process runs; None where there is none."""
    try:
        found = json.loads(STACK_FILE.read_text())
        if found["pid"] in {process.pid for process in _services()} and found["endpointUrl"] and found["vendors"]:
            return dict(found)
    except (OSError, ValueError, KeyError, TypeError):
        # A file of another program, or none.
        return None
    return None


def _responds(found: dict[str, Any]) -> bool:
    """Whether the emulator and every simulator respond."""
    with requests.Session() as session:
        session.trust_env = False
        try:
            health = session.get(f"{found['endpointUrl']}/_ministack/health", timeout=CHECK_SECONDS)
            # Any response will do: a simulator refuses a request without credentials.
            for url in found["vendors"].values():
                session.get(url, timeout=CHECK_SECONDS)
        except requests.RequestException:
            return False
    return health.ok


def _services() -> list[psutil.Process]:
    """Processes that run a stack with this folder of state: they have it in their environment."""
    return [
        process
        for process in psutil.process_iter()
        if environment_of(process).get(MARKER) == str(STATE) and _is_service(process)
    ]


def _is_service(process: psutil.Process) -> bool:
    try:
        # A simulator has the environment of the process that started it.
        return process.cmdline()[-1:] == ["serve"] and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _end_services() -> bool:
    """End the processes that run the stack with all that they started; whether there was one."""
    found = _services()
    for process in found:
        try:
            process.terminate()
            # A suspended process would not get the signal.
            process.resume()
            process.wait(timeout=END_SECONDS)
        except psutil.TimeoutExpired:
            kill_process_tree(process.pid)
        except psutil.NoSuchProcess:
            continue
    return bool(found)


def _write(description: dict[str, Any]) -> None:
    """Write the file atomically: a reader never sees an incomplete one."""
    part = STACK_FILE.with_suffix(".part")
    part.write_text(json.dumps(description, indent=2) + "\n")
    part.replace(STACK_FILE)


def _last_line() -> str:
    lines = SERVICE_LOG.read_text("utf-8", "replace").split("\n")
    return next((line.strip()[:200] for line in reversed(lines) if line.strip()), "without a message")
