"""The commands of a checkout, and the removal of a stack."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import psutil
import pytest
from import_watch_cli.watches import Watches

from local.emulator import REGION
from local.paths import ROOT
from local.simulators.document360 import API_TOKEN
from local.simulators.processes import SimulatorProcess
from local.waiting import wait_until
from tests.cli.running import COMPLETED, ENDLESS, OUTCOME_SECONDS, Running, import_watch, lines

pytestmark = pytest.mark.xdist_group("cli-local")


def test_up_and_down_describe_the_local_stack(tmp_path: Path) -> None:
    state = {"IMPORT_WATCH_STATE": str(tmp_path)}
    try:
        up = import_watch("up", "--json", **state)
        assert up.returncode == 0, up.stderr
        assert lines(up) == [json.loads((tmp_path / "stack.json").read_text())]
        listed = import_watch("list", **state)
        assert listed.returncode == 0, listed.stderr
        assert "This is the local stack" in listed.stderr
        pid = lines(up)[0]["pid"]
    finally:
        down = import_watch("down", "--json", **state)
    assert (down.returncode, lines(down)) == (0, [{"running": False}])
    assert not psutil.pid_exists(pid)


def test_watch_reports_the_outcome_of_one_real_import(tmp_path: Path) -> None:
    with SimulatorProcess("document360") as vendor:
        vendor.script("an-import", [COMPLETED])
        done = import_watch(
            *("watch", "document360", "an-import", "--json"),
            IMPORT_WATCH_STATE=str(tmp_path),
            DOCUMENT360_API_TOKEN=API_TOKEN,
            DOCUMENT360_BASE_URL=vendor.base_url,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert lines(done)[0]["completed"] is True
    assert API_TOKEN not in done.stdout + done.stderr
    assert import_watch("watch", "unknown", "1", IMPORT_WATCH_STATE=str(tmp_path)).returncode == 3


@pytest.mark.parametrize("command", [("demo",), ("up",), ("down",), ("watch", "voyado", "1"), ("new-vendor", "acme")])
def test_a_command_of_a_checkout_needs_one(tmp_path: Path, command: tuple[str, ...]) -> None:
    """As an installed package has it: without the folders around it."""
    package = tmp_path / "site-packages"
    for part in ("cli/import_watch_cli", "layers/import_watch/import_watch"):
        shutil.copytree(ROOT / part, package / Path(part).name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "functions", package / "import_watch_cli" / "functions")
    run = [sys.executable, "-m", "import_watch_cli", *command]
    done = subprocess.run(
        run, cwd=tmp_path, env={"PYTHONPATH": str(package)}, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert f"`import-watch {command[0]}` needs a checkout of Import Watch" in done.stderr
    environment = {"PYTHONPATH": str(package)}
    done = subprocess.run(
        run, cwd=ROOT / "docs", env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == f"`import-watch {command[0]}` needs a checkout: in {ROOT} run `make {command[0]}`.\n"


def test_ctrl_c_leaves_the_watch_alone(running: Running) -> None:
    key = running.imported("waited-for", ENDLESS, wait=False)
    process = subprocess.Popen(
        [sys.executable, ROOT / "cli" / "launch.py", "wait", "waited-for"],
        env={"PATH": os.environ["PATH"], "IMPORT_WATCH_STATE": str(running.folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # As a shell starts what is to run in the background.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),  # noqa: PLW1509
    )
    try:
        assert process.stderr is not None
        shown = process.stderr.readline()
        while "waited-for" not in shown:
            shown = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, output) == (130, "")
    assert errors.splitlines()[-1] == (
        f"Not waiting any longer: the import and its watch continue. import-watch show '{key}'"
    )
    record = Watches(running.stack()).store.get(key)
    assert record is not None
    assert record.result is None


def test_page_serves_the_page(running: Running) -> None:
    pytest.importorskip("import_watch_cli.page", reason="this checkout has no live page")
    process = subprocess.Popen(
        [sys.executable, ROOT / "cli" / "launch.py", "page", "--json"],
        env={"PATH": os.environ["PATH"], "IMPORT_WATCH_STATE": str(running.folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        with urllib.request.urlopen(url, timeout=30) as response:  # noqa: S310
            assert response.status == 200
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode in (0, 130), errors
    assert "Traceback" not in errors


def test_remove_publishes_outcomes_before_the_stack_is_gone(running: Running) -> None:
    running.imported("left-running", ENDLESS, wait=False)
    account = {
        "AWS_ENDPOINT_URL": running.local.emulator.endpoint_url,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    stack = ("--stack", "import-watch")
    refused = import_watch("remove", *stack, **account)
    assert (refused.returncode, "add --yes" in refused.stderr) == (3, True)
    local = running.command("remove", "--yes")
    assert (local.returncode, "ended by `import-watch down`" in local.stderr) == (3, True)
    table = running.local.outputs["WatchTableName"]
    removed = import_watch("remove", *stack, "--yes", "--json", **account)
    assert removed.returncode == 0, removed.stderr
    (value,) = lines(removed)
    assert value["removed"] == "import-watch"
    assert f"table {table}" in value["remaining"]
    gone = wait_until(lambda: import_watch("list", *stack, **account), OUTCOME_SECONDS, "the stack is gone")
    assert (gone.returncode, "There is no stack import-watch" in gone.stderr) == (3, True)
