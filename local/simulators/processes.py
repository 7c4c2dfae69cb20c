"""Starts and ends the simulators' processes, and scripts their imports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any
from urllib.parse import quote

import requests

from local.paths import ROOT
from local.simulators.script import Step

HTTP_SECONDS = 10


class SimulatorProcess:
    """One vendor's simulator in a process of its own.

    Parameters
    ----------
    vendor : str
    environment : mapping of str to str, optional
        Added to the environment of the process.
    """

    def __init__(self, vendor: str, environment: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "local.simulators.server", vendor],
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        line = self._process.stdout.readline() if self._process.stdout else b""
        self._http = requests.Session()
        self._http.trust_env = False
        if not line:
            self.stop()
            raise RuntimeError(f"the simulator of {vendor} ended with exit status {self._process.returncode}")
        self.base_url = f"http://127.0.0.1:{json.loads(line)['port']}"
        self.pid = self._process.pid

    def script(self, import_id: str, steps: Iterable[Step]) -> None:
        """Script an import; its clock starts with the first poll."""
        self._control("PUT", import_id, {"steps": list(steps)})

    def polled_at(self, import_id: str) -> list[float]:
        """Epoch seconds at which an import was polled."""
        times: list[float] = self._control("GET", import_id)["polledAt"]
        return times

    def faults(self, import_id: str) -> int:
        """Number of polls of an import whose response was a fault."""
        faults: int = self._control("GET", import_id)["faults"]
        return faults

    def stop(self) -> None:
        """End the process by closing its standard input."""
        self._http.close()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=5)

    def __enter__(self) -> SimulatorProcess:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()

    def _control(self, method: str, import_id: str, body: Any = None) -> dict[str, Any]:
        url = f"{self.base_url}/_simulator/imports/{quote(import_id, safe='')}"
        response = self._http.request(method, url, json=body, timeout=HTTP_SECONDS)
        response.raise_for_status()
        parsed: dict[str, Any] = response.json()
        return parsed
