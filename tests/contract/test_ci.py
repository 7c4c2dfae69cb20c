"""What CI runs: all tests, and on request those of a new vendor."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from samtranslator.yaml_helper import yaml_parse

from local.paths import ROOT


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with what CI runs, and a make that only writes what it was called for."""
    root, programs = tmp_path / "project", tmp_path / "programs"
    (root / ".ci").mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "run", root / ".ci")
    programs.mkdir()
    for name, script in (("make", f'#!/bin/sh\necho "$1" >> "{tmp_path}/made"\n'), ("chromium", "#!/bin/sh\n")):
        (programs / name).write_text(script)
        (programs / name).chmod(0o755)
    return root


def made(repository: Path, **environment: str) -> list[str]:
    path = f"{repository.parent / 'programs'}{os.pathsep}{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(repository.parent), **environment}
    subprocess.run([".ci/run"], cwd=repository, env=environment, check=True, capture_output=True, timeout=60)
    return (repository.parent / "made").read_text().split()


@pytest.mark.parametrize(
    ("environment", "targets"),
    [({}, ["test"]), ({"NEW_VENDOR": "0"}, ["test"]), ({"NEW_VENDOR": "1"}, ["test", "test-new-vendor"])],
)
def test_a_new_vendor_is_tested_on_request(repository: Path, environment: dict[str, str], targets: list[str]) -> None:
    assert made(repository, **environment) == targets


def test_the_workflow_has_a_job_for_it() -> None:
    jobs = yaml_parse((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    runs = {name: [step["run"] for step in job["steps"] if "run" in step] for name, job in jobs.items()}
    assert runs["new-vendor"] == ["make test-new-vendor"]
