"""Applies `docs/adding-a-vendor.md` to a copy of the project, and runs all checks and tests there: every step of the
page, and nothing else.

    python -m tests.conformance.worked_example [arguments of make]
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from import_watch_cli.new_vendor import EXAMPLE, PAGE, REFERENCE, SCHEMAS, TEMPLATE, example

from local.paths import ROOT

VENDOR = EXAMPLE
CHANGED = (PAGE, *SCHEMAS, REFERENCE, TEMPLATE)
"""The page, and the files that it names to be changed."""
MADE = (".git", ".venv", ".local", ".aws-sam", ".hypothesis", "__pycache__", ".*_cache", "node_modules")
"""What is made by running the project, and by version control."""
NODE_MODULES = "tests/static/node_modules"
OF_THE_CALLER = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "IMPORT_WATCH_STATE", "PYTHONPATH", "VIRTUAL_ENV")
"""Environment variables that lead to this checkout, or to the make that runs it."""


def apply(root: Path) -> None:
    """Do what the page names, in a copy of the project."""
    written, changed = example(root)
    for path, text in (written | changed).items():
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text(text)


def copy_to(root: Path, *folders: str) -> None:
    """Copy folders and files of the project, without what is made by running it."""
    for name in folders:
        source = ROOT / name
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=shutil.ignore_patterns(*MADE), symlinks=True)
        else:
            shutil.copy2(source, root / name)


def lend_tools(root: Path) -> None:
    """Lend a copy of the project the packages of this one, so that nothing is installed again.

    What is in `bin` is the copy's own: the interpreter and the command line find the project by their path.
    """
    ours, theirs = ROOT / ".venv", root / ".venv"
    (theirs / "bin").mkdir(parents=True)
    for source in (path for path in ours.iterdir() if path.name not in ("bin", "pyvenv.cfg")):
        (theirs / source.name).symlink_to(source)
    shutil.copy2(ours / "pyvenv.cfg", theirs)
    for source in (ours / "bin").iterdir():
        target = theirs / "bin" / source.name
        shutil.copy2(source, target, follow_symlinks=False)
        with target.open("rb") as file:
            first = file.readline()
        if first.startswith(b"#!") and b"python" in first:
            target.write_bytes(f"#!{theirs}/bin/python\n".encode() + target.read_bytes().removeprefix(first))
    if (ROOT / NODE_MODULES).exists():
        (root / NODE_MODULES).symlink_to(ROOT / NODE_MODULES)


def main(arguments: list[str]) -> int:
    """Run the checks and tests of a copy of the project with the page's vendor.

    Parameters
    ----------
    arguments : list of str
        Those of make; `test` where there are none.

    Returns
    -------
    int
        The exit status of make.
    """
    with tempfile.TemporaryDirectory(prefix="new-vendor-") as folder:
        root = Path(folder) / "project"
        copy_to(root, *(path.name for path in ROOT.iterdir() if path.name not in MADE))
        apply(root)
        lend_tools(root)
        environment = {name: value for name, value in os.environ.items() if name not in OF_THE_CALLER}
        command = ["make", "--no-print-directory", *(arguments or ["test"])]
        return subprocess.run(command, cwd=root, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
