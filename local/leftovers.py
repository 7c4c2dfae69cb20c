"""Ends what a killed run left behind: its processes and its folder of temporary files, and nothing else.

A run has a folder with a lock, which the kernel releases when the run's process ends, however that happens. Everything
that the run starts has the folder's path in its environment. So a folder whose lock is free belongs to a run that is
over, and the processes that name it in their environment are its own.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

MARKER = "IMPORT_WATCH_RUN"
"""Environment variable with the folder of the run that a process belongs to."""
PREFIX = "import-watch-"
LOCK = "run.lock"
END_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Swept:
    """What was removed: the number of processes and of folders."""

    processes: int = 0
    folders: int = 0

    def __bool__(self) -> bool:
        return bool(self.processes or self.folders)


class RunFolder:
    """Folder of temporary files that is known to be in use for as long as this process lives, and until `remove`."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
        unlocked = self.path / f"{LOCK}.new"
        self._lock: IO[bytes] = unlocked.open("wb")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        # Only now, or a sweep might see it without its lock.
        unlocked.rename(self.path / LOCK)

    @property
    def environment(self) -> dict[str, str]:
        """Environment of every process that belongs to the run."""
        return {MARKER: str(self.path)}

    def remove(self) -> None:
        """Remove the folder; its processes must have ended."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def sweep() -> Swept:
    """End the processes and remove the folders of runs that are over."""
    processes = list(_marked())
    swept = Swept()
    for folder in {*Path(tempfile.gettempdir()).glob(f"{PREFIX}*"), *(folder for folder, _ in processes)}:
        lock = _lock_of_ended_run(folder)
        if lock is None:
            continue
        with lock:
            # Read again: a process may have started others meanwhile.
            mine = [process for run, process in _marked() if run == folder]
            end(mine)
            shutil.rmtree(folder, ignore_errors=True)
            swept = Swept(swept.processes + len(mine), swept.folders + 1)
    return swept


def end(processes: list[psutil.Process]) -> None:
    """Kill processes and wait for their end."""
    for process in processes:
        try:
            process.kill()
        except psutil.Error:
            continue
    psutil.wait_procs(processes, timeout=END_SECONDS)


def environment_of(process: psutil.Process) -> dict[str, str]:
    """Environment that a process was started with; empty where it is another user's, or has ended."""
    try:
        return process.environ() if process.uids().real == os.getuid() else {}
    except (psutil.Error, OSError):
        return {}


def _marked() -> Iterator[tuple[Path, psutil.Process]]:
    """Processes that belong to a run, with its folder."""
    for process in psutil.process_iter():
        if process.pid != os.getpid() and (folder := environment_of(process).get(MARKER)):
            yield Path(folder), process


def _lock_of_ended_run(folder: Path) -> IO[bytes] | None:
    """Lock of a run, where the run is over; None where it is not, or the folder is no run's of this user."""
    try:
        found = folder.lstat()
        if not folder.name.startswith(PREFIX) or not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            return None
        lock = (folder / LOCK).open("rb")
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None
    return lock
