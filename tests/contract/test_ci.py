"""What CI runs: all tests, and those of a new vendor where a commit changes what knows the vendors."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from samtranslator.yaml_helper import yaml_parse

from local.paths import ROOT

GIT = ("git", "-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false")
Commit = Callable[[str], None]


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
    subprocess.run([*GIT, "init", "--quiet"], cwd=root, check=True)
    return root


@pytest.fixture
def commit(repository: Path) -> Commit:
    def change(path: str) -> None:
        (repository / path).parent.mkdir(parents=True, exist_ok=True)
        (repository / path).write_text("changed")
        subprocess.run([*GIT, "add", "--all"], cwd=repository, check=True)
        subprocess.run([*GIT, "commit", "--quiet", "--message", path], cwd=repository, check=True)

    return change


def made(repository: Path, **environment: str) -> list[str]:
    path = f"{repository.parent / 'programs'}{os.pathsep}{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(repository.parent), **environment}
    subprocess.run([".ci/run"], cwd=repository, env=environment, check=True, capture_output=True, timeout=60)
    return (repository.parent / "made").read_text().split()


@pytest.mark.parametrize(
    ("path", "variable", "targets"),
    [
        ("README.md", None, ["test"]),
        ("README.md", "1", ["test", "test-new-vendor"]),
        ("docs/adding-a-vendor.md", None, ["test", "test-new-vendor"]),
        ("functions/poll_voyado/adapter.py", None, ["test", "test-new-vendor"]),
        ("local/simulators/voyado.py", None, ["test", "test-new-vendor"]),
        ("functions/poll_voyado/adapter.py", "0", ["test"]),
    ],
)
def test_a_new_vendor_is_tested_where_it_may_fail(
    repository: Path, commit: Commit, path: str, variable: str | None, targets: list[str]
) -> None:
    commit("functions/first.py")
    commit(path)
    assert made(repository, **({} if variable is None else {"NEW_VENDOR": variable})) == targets


def test_nothing_more_is_tested_where_the_commit_before_is_not_there(repository: Path, commit: Commit) -> None:
    commit("functions/first.py")
    assert made(repository) == ["test"]


def test_the_workflow_has_a_job_for_it() -> None:
    jobs = yaml_parse((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    runs = {name: [step["run"] for step in job["steps"] if "run" in step] for name, job in jobs.items()}
    assert runs["new-vendor"] == ["make test-new-vendor"]
