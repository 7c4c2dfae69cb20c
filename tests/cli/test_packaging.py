"""What `uv tool install .` and `.venv/bin/import-watch` run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

from local.paths import ROOT
from locks.compile import pinned

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_a_checkout_has_what_the_package_requires() -> None:
    pins = dict(re.split("==| ; ", line)[:2] for line in pinned((ROOT / "locks" / "demo.txt").read_text()))
    for requirement in map(Requirement, PROJECT["project"]["dependencies"]):
        assert requirement.specifier.contains(pins[requirement.name]), requirement


def test_the_package_contains_the_shared_package_and_the_adapters() -> None:
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert set(wheel["packages"]) == {"cli/import_watch_cli", "layers/import_watch/import_watch"}
    assert wheel["force-include"] == {"functions": "import_watch_cli/functions"}
    assert PROJECT["project"]["scripts"] == {"import-watch": "import_watch_cli.__main__:main"}


def test_the_launcher_works_from_anywhere_and_in_any_path(tmp_path: Path) -> None:
    """As make leaves it: beside the interpreter of the checkout, whose path may have a blank."""
    checkout = tmp_path / "a checkout"
    for part in ("cli", "layers/import_watch/import_watch", "functions"):
        shutil.copytree(ROOT / part, checkout / part, ignore=shutil.ignore_patterns("__pycache__"))
    (checkout / "local").mkdir()
    for part in ("template.yaml", "local/stack.py"):
        shutil.copy(ROOT / part, checkout / part)
    folder = checkout / ".venv" / "bin"
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "cli" / "import-watch", folder)
    (folder / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (folder / "python").chmod(0o755)
    link = tmp_path / "import-watch"
    link.symlink_to(folder / "import-watch")
    done = subprocess.run(
        [link, "--version"], cwd=tmp_path, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("import-watch ")


def test_help_is_quick_because_it_loads_no_sdk() -> None:
    script = (
        "import sys; sys.argv = ['import-watch', 'list', '--help']\n"
        "from import_watch_cli.__main__ import run\n"
        "run(sys.argv[1:])\n"
        "print(sorted(name for name in ('boto3', 'botocore', 'rich.console', 'requests') if name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": f"{ROOT / 'cli'}:{ROOT / 'layers/import_watch'}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"
