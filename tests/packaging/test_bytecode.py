"""The layer contains its bytecode, written by Python 3.13, or where there is none by the one that runs on Node."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from local.paths import ROOT
from tests.packaging.sam import LAMBDA_PYTHON, Sam

pytestmark = pytest.mark.xdist_group("packaging")
LAYER = ROOT / "layers" / "import_watch"
SECONDS = 150
MAGIC_OF_3_13 = (3571).to_bytes(2, "little") + b"\r\n"
BY_HASH_UNCHECKED = (1).to_bytes(4, "little")
"""Bit 0: by the source's hash; bit 1, to check it: not set. The times in a zip are not the source's."""


@pytest.fixture(scope="module")
def lambda_python() -> str:
    """The interpreter of Lambda's version that the layer's Makefile finds; empty where there is none."""
    command = ["make", "--silent", "lambda-python"]
    environment = {**os.environ, **LAMBDA_PYTHON}
    done = subprocess.run(
        command, cwd=LAYER, env=environment, capture_output=True, text=True, timeout=SECONDS, check=True
    )
    return done.stdout.strip()


@pytest.fixture(scope="module", params=["as built", "by Node"])
def layer(
    request: pytest.FixtureRequest, sam: Sam, lambda_python: str, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The layer with its bytecode."""
    built = sam.built / "ImportWatchLayer" / "python"
    if request.param == "as built":
        if shutil.which("npm") is None and not lambda_python:
            pytest.skip("this machine has neither Python 3.13 nor Node")
        return built
    if shutil.which("npm") is None:
        pytest.skip("this machine has no Node")
    folder = tmp_path_factory.mktemp("by-node")
    shutil.copytree(built, folder / "python", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(LAYER, folder / "source", ignore=shutil.ignore_patterns("node_modules"))
    command = ["make", "bytecode", "PYTHONS="]
    subprocess.run(
        command,
        cwd=folder / "source",
        env={**os.environ, "ARTIFACTS_DIR": str(folder), "LAMBDA_PYTHON": ""},
        timeout=SECONDS,
        check=True,
    )
    return folder / "python"


def test_every_source_has_the_bytecode_of_lambda_and_no_other(layer: Path) -> None:
    compiled = list(layer.rglob("*.pyc"))
    assert {path.suffixes[0] for path in compiled} == {".cpython-313"}
    sources = {path.parent.parent / f"{path.name.split('.')[0]}.py" for path in compiled}
    assert sources == set(layer.rglob("*.py"))
    assert {path.read_bytes()[:8] for path in compiled} == {MAGIC_OF_3_13 + BY_HASH_UNCHECKED}


def test_tracebacks_name_the_place_on_lambda(layer: Path) -> None:
    path = layer / "import_watch" / "services" / "__pycache__" / "polling.cpython-313.pyc"
    assert b"/opt/python/import_watch/services/polling.py" in path.read_bytes()


def test_lambdas_python_takes_it_in_place_of_the_source(layer: Path, lambda_python: str, tmp_path: Path) -> None:
    if not lambda_python:
        pytest.skip("this machine has no Python 3.13")
    shutil.copytree(layer / "certifi", tmp_path / "certifi")
    (tmp_path / "certifi" / "core.py").write_text("raise SystemExit('compiled from its source')")
    program = "import sys; sys.path.insert(0, sys.argv[1]); import certifi; print(certifi.where())"
    command = [lambda_python, "-I", "-c", program, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.stdout == f"{tmp_path / 'certifi' / 'cacert.pem'}\n", done.stderr
