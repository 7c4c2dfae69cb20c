"""The layer carries its bytecode, whoever wrote it: Python 3.13, or where there is none the one that runs on Node."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from local.paths import ROOT
from tests.packaging.sam import Sam

pytestmark = pytest.mark.xdist_group("packaging")
SECONDS = 150
MAGIC_OF_3_13 = (3571).to_bytes(2, "little") + b"\r\n"
BY_HASH_UNCHECKED = (1).to_bytes(4, "little")
"""Bit 0: by the source's hash; bit 1, to check it: not set. The times in a zip are not the source's."""


@pytest.fixture(scope="module", params=["as built", "by Node"])
def layer(request: pytest.FixtureRequest, sam: Sam, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The layer with its bytecode."""
    built = sam.built / "ImportWatchLayer" / "python"
    if request.param == "as built":
        if shutil.which("npm") is None and python_of_lambda() is None:
            pytest.skip("this machine has neither Python 3.13 nor Node")
        return built
    make, npm = shutil.which("make"), shutil.which("npm")
    assert make is not None
    if npm is None:
        pytest.skip("this machine has no Node")
    folder = tmp_path_factory.mktemp("by-node")
    shutil.copytree(built, folder / "python", ignore=shutil.ignore_patterns("__pycache__"))
    source = ROOT / "layers" / "import_watch"
    shutil.copytree(source, folder / "source", ignore=shutil.ignore_patterns("node_modules"))
    subprocess.run(
        [make, "bytecode", "PYTHONS="],
        cwd=folder / "source",
        env={**os.environ, "ARTIFACTS_DIR": str(folder), "LAMBDA_PYTHON": ""},
        timeout=SECONDS,
        check=True,
    )
    return folder / "python"


@pytest.fixture(scope="module")
def python() -> str:
    """An interpreter of Lambda's version."""
    found = python_of_lambda()
    if found is None:
        pytest.skip("this machine has no Python 3.13")
    return found


def python_of_lambda() -> str | None:
    for one in (sys.executable, "python3.13", *pythons_of_pyenv()):
        command = [one, "-c", "import sys; print(sys.version_info[:2] == (3, 13))"]
        with suppress(FileNotFoundError, PermissionError):
            asked = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
            if asked.stdout == "True\n":
                return one
    return None


def pythons_of_pyenv() -> list[str]:
    """Interpreters of Lambda's version; none where pyenv's folder may not be read."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    with suppress(PermissionError):
        return [str(path) for path in root.glob("versions/3.13.*/bin/python3.13")]
    return []


def test_every_source_has_the_bytecode_of_lambda_and_no_other(layer: Path) -> None:
    compiled = list(layer.rglob("*.pyc"))
    assert {path.suffixes[0] for path in compiled} == {".cpython-313"}
    sources = {path.parent.parent / f"{path.name.split('.')[0]}.py" for path in compiled}
    assert sources == set(layer.rglob("*.py"))
    assert {path.read_bytes()[:8] for path in compiled} == {MAGIC_OF_3_13 + BY_HASH_UNCHECKED}


def test_tracebacks_name_the_place_on_lambda(layer: Path) -> None:
    path = layer / "import_watch" / "__pycache__" / "poller.cpython-313.pyc"
    assert b"/opt/python/import_watch/poller.py" in path.read_bytes()


def test_lambdas_python_takes_it_in_place_of_the_source(layer: Path, python: str, tmp_path: Path) -> None:
    shutil.copytree(layer / "certifi", tmp_path / "certifi")
    (tmp_path / "certifi" / "core.py").write_text("raise SystemExit('compiled from its source')")
    program = "import sys; sys.path.insert(0, sys.argv[1]); import certifi; print(certifi.where())"
    command = [python, "-I", "-c", program, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.stdout == f"{tmp_path / 'certifi' / 'cacert.pem'}\n", done.stderr
