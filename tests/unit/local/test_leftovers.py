"""A sweep ends what a killed run left, and nothing else.

Other tests sweep too, at any time: so what counts is what is left, and not which sweep has ended it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local.leftovers import LOCK, MARKER, RunFolder, sweep
from local.paths import ROOT
from local.waiting import wait_until

RUN = """
import subprocess, sys, os
from local.leftovers import RunFolder
folder = RunFolder()
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True,
    env={**os.environ, **folder.environment})
held = os.dup(child.stdin.fileno())
print(child.pid, folder.path, flush=True)
input()
"""
WAITING = [sys.executable, "-c", "import signal; signal.pause()", "emulator_process.py"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of temporary files that only these tests use."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


@pytest.fixture
def bystander() -> Iterator[psutil.Popen]:
    """A process with the name of ours that belongs to no run."""
    with psutil.Popen(WAITING, env={"PATH": os.environ["PATH"]}) as process:
        yield process
        process.kill()


def child_of(run: dict[str, str]) -> psutil.Popen:
    return psutil.Popen(WAITING, env={"PATH": os.environ["PATH"], **run})


def test_a_killed_run_is_swept(bystander: psutil.Popen) -> None:
    run = subprocess.Popen(
        [sys.executable, "-c", RUN], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert run.stdin is not None
    assert run.stdout is not None
    with run:
        pid, path = run.stdout.readline().split()
        # It stays although its standard input is closed, as one that is busy does.
        child = psutil.Process(int(pid))
        child.suspend()
        wait_until(lambda: child.status() == psutil.STATUS_STOPPED, 10, "the signal is delivered")
        sweep()
        assert child.status() == psutil.STATUS_STOPPED
        run.kill()
    sweep()
    assert psutil.wait_procs([child], timeout=5)[1] == []
    wait_until(lambda: not Path(path).exists(), 5, "the folder is removed")
    assert bystander.is_running()


def test_a_living_run_is_left_alone() -> None:
    run = RunFolder()
    with child_of(run.environment) as child:
        try:
            sweep()
            assert child.is_running()
            assert (run.path / LOCK).exists()
        finally:
            child.kill()
    run.remove()
    assert not run.path.exists()


@pytest.mark.parametrize("name", ["somebody-elses", "import-watch-without-a-lock"])
def test_a_folder_that_is_no_runs_is_left_alone(folder: Path, name: str) -> None:
    other = folder / name
    other.mkdir()
    if name == "somebody-elses":
        (other / LOCK).touch()
    with child_of({MARKER: str(other)}) as child:
        try:
            sweep()
            assert child.is_running()
        finally:
            child.kill()
    assert other.exists()


def test_a_link_is_not_followed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    target = tmp_path_factory.mktemp("precious")
    (target / LOCK).touch()
    (folder / "import-watch-link").symlink_to(target)
    sweep()
    assert (target / LOCK).exists()
