"""The commands that people type: `up` and `down`, `watch` with credentials from the environment, and `demo`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest
import requests

from local.emulator import client
from local.outcomes import receive
from local.paths import ROOT
from local.simulators.document360 import API_TOKEN
from local.simulators.processes import SimulatorProcess
from local.simulators.registry import VENDORS
from local.waiting import wait_until

pytestmark = pytest.mark.xdist_group("command-line")
COMMAND_SECONDS = 90


def environment(state: Path, **more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": "layers/import_watch:functions:cli",
        "IMPORT_WATCH_STATE": str(state),
        **more,
    }


def local(*arguments: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "local", *arguments],
        cwd=ROOT,
        env=dict(env),
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )


@pytest.fixture
def document360() -> Iterator[SimulatorProcess]:
    with SimulatorProcess("document360") as simulator:
        yield simulator


def test_a_running_stack_accepts_an_event_and_leaves_no_trace(tmp_path: Path) -> None:
    stack_file, env = tmp_path / "stack.json", environment(tmp_path)
    try:
        started = local("up", env=env)
        assert started.returncode == 0, started.stdout + started.stderr
        stack = json.loads(stack_file.read_text())
        family = [psutil.Process(stack["pid"]), *psutil.Process(stack["pid"]).children(recursive=True)]
        again = local("up", env=env)
        assert "is running already" in again.stdout
        page = requests.get(stack["pageUrl"], timeout=30)
        assert page.ok
        assert "No import is running" in page.text
        detail = {"vendor": "voyado", "importId": "5300580843122327405"}
        entry = {"Source": "by-hand", "DetailType": "ImportStarted", "Detail": json.dumps(detail)}
        events = client(stack["endpointUrl"], "events")
        assert events.put_events(Entries=[entry | {"EventBusName": stack["ImportBusName"]}])["FailedEntryCount"] == 0
        sqs = client(stack["endpointUrl"], "sqs")
        messages = wait_until(lambda: receive(sqs, stack["outcomesQueueUrl"]), 60, "an outcome")
        assert messages[0].event["data"]["outcome"] == "CANCELLED"
    finally:
        ended = local("down", env=env)
    assert ended.returncode == 0
    assert not stack_file.exists()
    assert psutil.wait_procs(family, timeout=10)[1] == []


def family_of(stack_file: Path) -> list[psutil.Process]:
    """The process of a stack, and those that it has started; the emulator is the second."""
    service = psutil.Process(json.loads(stack_file.read_text())["pid"])
    return [service, *service.children(recursive=True)]


def test_a_stack_that_does_not_respond_is_replaced(tmp_path: Path) -> None:
    stack_file, env = tmp_path / "stack.json", environment(tmp_path)
    try:
        assert local("up", env=env).returncode == 0
        first = family_of(stack_file)
        first[1].kill()
        again = local("up", env=env)
        assert again.returncode == 0, again.stdout + again.stderr
        assert again.stdout.startswith("The local stack does not respond: ending it, and starting it again.\n")
        assert psutil.wait_procs(first, timeout=10)[1] == []
        endpoint = json.loads(stack_file.read_text())["endpointUrl"]
        assert client(endpoint, "cloudformation").list_stacks()["StackSummaries"]
        second = family_of(stack_file)
        second[0].kill()
    finally:
        ended = local("down", env=env)
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (0, "The local stack has ended.")
    assert psutil.wait_procs(second, timeout=10)[1] == []
    assert not stack_file.exists()


@pytest.mark.parametrize("content", [None, "", "[1]", '{"pid": 1}', '{"pid": "x", "endpointUrl": 1, "vendors": null}'])
def test_down_ends_nothing_that_is_not_the_stack(content: str | None, tmp_path: Path) -> None:
    stack_file = tmp_path / "stack.json"
    if content is not None:
        stack_file.write_text(content)
    assert local("down", env=environment(tmp_path)).returncode == 0
    assert not stack_file.exists()


def test_a_stack_that_cannot_start_is_one_line_on_standard_error(tmp_path: Path) -> None:
    (tmp_path / "emulator.log").mkdir()
    started = local("up", env=environment(tmp_path))
    assert (started.returncode, started.stdout) == (1, "")
    assert started.stderr.startswith("The local stack did not start (IsADirectoryError: ")
    assert started.stderr.endswith(f": see {tmp_path / 'service.log'}.\n")
    assert len(started.stderr.splitlines()) == 1
    assert not (tmp_path / "stack.json").exists()


def test_a_killed_demo_is_swept_by_the_next_command(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    env = environment(tmp_path, TMPDIR=str(scratch))
    demo = subprocess.Popen(
        [sys.executable, "-m", "local", "demo"], cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
    )
    try:
        process = psutil.Process(demo.pid)

        def workers() -> list[psutil.Process]:
            return [one for one in process.children(recursive=True) if "_worker.py" in " ".join(one.cmdline())]

        wait_until(workers, 60, "a function is running")
        family = process.children(recursive=True)
        for one in family:
            # So that none ends by itself before the next command.
            one.suspend()
    finally:
        demo.kill()
        demo.wait()
    assert list(scratch.glob("import-watch-*/ministack-lambda-*"))
    swept = local("down", env=env)
    assert swept.returncode == 0
    assert psutil.wait_procs(family, timeout=10)[1] == []
    assert list(scratch.iterdir()) == []


def test_watch_prints_the_outcome_last(document360: SimulatorProcess, tmp_path: Path) -> None:
    log = {"articles": 2, "messages": [{"message_type": 2, "message": "2 articles imported."}]}
    document360.script("an-import", [{"status": "Completed", "log": log}])
    done = local(
        "watch",
        "document360",
        "an-import",
        env=environment(tmp_path, DOCUMENT360_API_TOKEN=API_TOKEN, DOCUMENT360_BASE_URL=document360.base_url),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    outcome = done.stdout.rpartition("\n\nImport an-import")[2]
    variables = "DOCUMENT360_API_TOKEN, DOCUMENT360_BASE_URL"
    assert done.stdout.startswith(f"Watching import an-import at Document360, with {variables} from the environment.\n")
    assert "Outcome:    SUCCEEDED" in outcome
    assert API_TOKEN not in done.stdout + done.stderr
    path = next(line.split()[1] for line in outcome.splitlines() if line.startswith("Log:"))
    assert json.loads(Path(path).read_text()) == log


def test_watch_names_the_missing_variables(tmp_path: Path) -> None:
    done = local("watch", "egain", "00000000-0000-4000-8000-000000000001", env=environment(tmp_path))
    assert done.returncode == 2
    for name in ("EGAIN_TOKEN_URL", "EGAIN_CLIENT_ID", "EGAIN_CLIENT_SECRET", "EGAIN_API_DOMAIN"):
        assert name in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_watch_names_the_vendors(tmp_path: Path) -> None:
    done = local("watch", "unknown", "1", env=environment(tmp_path))
    assert (done.returncode, done.stderr) == (2, f"VENDOR must be one of {', '.join(VENDORS)}.\n")


def test_watch_names_what_an_import_id_must_be(tmp_path: Path) -> None:
    done = local("watch", "egain", "not-a-uuid", env=environment(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith("IMPORT_ID must be the job's UUID")


def test_watch_ends_clean_on_sigint_even_where_it_was_ignored(document360: SimulatorProcess, tmp_path: Path) -> None:
    document360.script("endless", [{"status": "InProgress"}])
    process = subprocess.Popen(
        [sys.executable, "-m", "local", "watch", "document360", "endless"],
        cwd=ROOT,
        env=environment(tmp_path, DOCUMENT360_API_TOKEN=API_TOKEN, DOCUMENT360_BASE_URL=document360.base_url),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # As a shell starts what is to run in the background.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),  # noqa: PLW1509
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Watching import endless at Document360")
        # Its own time, because other tests may use the processors: the promise is two seconds.
        used = psutil.Process(process.pid).cpu_times()
        assert used.user + used.system < 2
        wait_until(lambda: document360.polled_at("endless"), 60, "the first poll")
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    finally:
        process.kill()  # what a failed test leaves running would fail others
    assert process.returncode == 130
    assert output.splitlines()[-1] == "The watch was stopped; the import itself continues at the vendor."
    assert "Traceback" not in output
    assert psutil.wait_procs(family, timeout=10)[1] == []
