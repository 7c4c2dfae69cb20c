"""Arranges a function's files as Lambda does: its code in /var/task, its layer in /opt, and the runtime's packages.

All three are in a folder of this machine instead of its root. A function runs there with an interpreter that otherwise
finds only its own standard library (`python -I -S`), so that an undeclared package is not found.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from local.paths import ROOT

LAYER = ROOT / "layers" / "import_watch"
BUILD_SECONDS = 300
RUNTIME_DISTRIBUTIONS = (
    "boto3",
    "botocore",
    "jmespath",
    "python-dateutil",
    "s3transfer",
    "six",
    "urllib3",
    "awslambdaric",
    "simplejson",
    "snapshot-restore-py",
)
"""Packages of Lambda's runtime image besides the standard library."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders of one function, in the order in which they are searched for a module.

    Parameters
    ----------
    task : Path
        The function's code, `/var/task` on Lambda.
    opt : Path
        Its layer, `/opt` on Lambda; it need not exist.
    runtime : Path
        The runtime's packages.
    """

    task: Path
    opt: Path
    runtime: Path

    @property
    def search_path(self) -> tuple[str, ...]:
        """The folders before the standard library on `sys.path`, and those after it."""
        return (str(self.task), str(self.opt / "python"), str(self.runtime))

    def command(self, script: Path, *arguments: str, python: str = sys.executable) -> list[str]:
        """Command that runs a script instead of the function; the script sets up the search path."""
        return [python, "-I", "-S", "-B", str(script), os.pathsep.join(self.search_path), *arguments]


def build_layer(target: Path) -> None:
    """Build the layer into a folder, without bytecode, by the build method that `sam build` calls.

    Raises
    ------
    RuntimeError
        If the build fails, with the end of its output.
    """
    built = subprocess.run(
        ["make", "--silent", "packages"],
        cwd=LAYER,
        env={**os.environ, "ARTIFACTS_DIR": str(target), "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )
    if built.returncode != 0:
        raise RuntimeError(f"the layer was not built: {built.stderr[-2_000:]}")


def link_runtime(target: Path) -> None:
    """Create a folder with links to the runtime's packages.

    Raises
    ------
    importlib.metadata.PackageNotFoundError
        If one is not installed here: awslambdaric has wheels for Linux alone.
    """
    target.mkdir(parents=True, exist_ok=True)
    for name in RUNTIME_DISTRIBUTIONS:
        distribution = importlib.metadata.distribution(name)
        roots = {path.parts[0] for path in distribution.files or ()} - {"..", "__pycache__"}
        for root in roots:
            link = target / root
            if not link.exists():
                link.symlink_to(Path(str(distribution.locate_file(root))))


def copy_code(source: Path, target: Path) -> None:
    """Copy a folder of code without bytecode from this machine."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
