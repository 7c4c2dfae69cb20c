"""The site, built once for all its tests."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from local.paths import ROOT
from tests.page.conftest import left_out

BUILD_SECONDS = 120


def build(folder: Path, *configuration: Path) -> subprocess.CompletedProcess[str]:
    """Build the site into a folder."""
    if shutil.which("npm") is None:
        left_out("there is no Node on this machine, which installs the scripts of the site")
    assert (ROOT / ".venv" / "site" / "bin" / "python").exists(), "MkDocs is not installed: make .venv/site/installed"
    return subprocess.run(
        [ROOT / "website" / "build.sh", folder, *configuration],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built site."""
    folder = tmp_path_factory.mktemp("site")
    built = build(folder)
    assert built.returncode == 0, built.stdout
    return folder
