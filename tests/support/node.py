"""Node with the pinned packages of `tests/static`, for checks that exist in JavaScript alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from local.paths import ROOT

STATIC = ROOT / "tests" / "static"
SECONDS = 120


@cache
def node(major: int = 0) -> str | None:
    """Node of at least a major version, with the packages installed; None where there is none."""
    if shutil.which("npm") is None:
        return None
    subprocess.run([str(STATIC / "install.sh")], check=True, timeout=SECONDS, capture_output=True)
    pinned = STATIC / "node_modules" / ".bin" / "node"
    found = str(pinned) if pinned.exists() else shutil.which("node")
    if found is None:
        return None
    version = subprocess.run([found, "--version"], check=True, timeout=SECONDS, capture_output=True, text=True).stdout
    return found if int(version.strip().removeprefix("v").partition(".")[0]) >= major else None


def run_script(program: str, script: Path, given: Any) -> Any:
    """What a script of `tests/static` writes about what it is given, both as JSON.

    Parameters
    ----------
    program : str
        Node.
    script : Path
    given : object
    """
    done = subprocess.run(
        [program, str(script)],
        cwd=STATIC,
        input=json.dumps(given),
        check=True,
        timeout=SECONDS,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"]},
    )
    return json.loads(done.stdout)
