"""Applies `docs/adding-a-vendor.md` to a copy of the project: every step of the page, and nothing else.

    python -m tests.conformance.worked_example [arguments of pytest]

makes a copy of the project with the page's vendor in it, and runs its tests there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from local.paths import ROOT

PAGE = "docs/adding-a-vendor.md"
VENDOR = "papyrus"
REFERENCE = "docs/reference.md"
EVENTS, DETAILS = ("import-started", "import-changed"), ("import-started-detail", "import-changed-detail")
"""Schemas with the names of the vendors."""
_FILE = re.compile(
    r"^[^`\n]*(?:`[^`/\n]*`[^`\n]*)*?`([\w.-]+/[\w/.-]+)`[^\n]*:\n\n```(?:python|json)\n(.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)

_ROW = re.compile(r"^```markdown\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def files_of(page: str) -> dict[str, str]:
    """Files that the page has: each is the block of code after a paragraph that ends with its path, and a colon."""
    return dict(_FILE.findall(page))


def block_of(page: str) -> str:
    """The block of the template."""
    (block,) = _BLOCK.findall(page)
    return str(block)


def apply(root: Path) -> None:
    """Do what the page names, in a copy of the project."""
    page = (root / PAGE).read_text()
    for path, text in files_of(page).items():
        target = root / path
        target.parent.mkdir(exist_ok=True)
        target.write_text(text)
    template = root / "template.yaml"
    before, outputs, after = template.read_text().partition("\nOutputs:\n")
    template.write_text(f"{before}\n{block_of(page)}{outputs}{after}")
    (row,) = _ROW.findall(page)
    reference = root / REFERENCE
    before, table, after = reference.read_text().partition("\n| `document360` |")
    reference.write_text(f"{before}\n{row.strip()}{table}{after}")
    for name in (*EVENTS, *DETAILS):
        path = root / "events" / "schemas" / f"{name}.schema.json"
        schema = json.loads(path.read_text())
        detail = schema["properties"]["detail"] if name in EVENTS else schema
        detail["properties"]["vendor"]["enum"].append(VENDOR)
        path.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n")


def copy_to(root: Path, *folders: str) -> None:
    """Copy folders and files of the project, without what is made by running it."""
    ignored = shutil.ignore_patterns("__pycache__", "node_modules", ".*_cache")
    for name in folders:
        source = ROOT / name
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=ignored, symlinks=True)
        else:
            shutil.copy2(source, root / name)


def main(arguments: list[str]) -> int:
    """Run the tests of a copy of the project with the page's vendor.

    Parameters
    ----------
    arguments : list of str
        Those of pytest; `-n 3 --dist loadgroup` where there are none.

    Returns
    -------
    int
        The exit code of pytest.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        copy_to(root, *(path.name for path in ROOT.iterdir() if path.name not in (".git", ".venv", ".local")))
        apply(root)
        # The tools that `make test` has installed are used from here.
        (root / ".venv").symlink_to(ROOT / ".venv")
        command = [sys.executable, "-m", "pytest", *(arguments or ["-n", "3", "--dist", "loadgroup"])]
        environment = {**os.environ, "IMPORT_WATCH_STATE": str(root / ".local")}
        return subprocess.run(command, cwd=root, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
