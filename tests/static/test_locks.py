"""What the lists of pinned packages hold, and which hashes are kept when they are written."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from local.paths import ROOT
from locks import compile as locking

HASHED = re.compile(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+( ; [^\\]+)?( --hash=sha256:[0-9a-f]{64})+")
LISTS = [lock.target for lock in locking.ALL]
NPM_LISTS = sorted(
    path
    for path in ROOT.glob("**/package-lock.json")
    if not {"node_modules", ".venv", ".aws-sam"} & set(path.relative_to(ROOT).parts)
)


def entries(path: Path) -> list[str]:
    """Entries of a list, each on one line."""
    text = path.read_text("utf-8").replace(" \\\n   ", "")
    return [line for line in text.splitlines() if not line.startswith("#")]


def names(path: Path) -> set[str]:
    return {entry.partition("==")[0] for entry in entries(path)}


def test_every_list_is_written_by_make_lock() -> None:
    found = set(ROOT.glob("locks/*.in")) | set(ROOT.glob("layers/*/requirements.in"))
    found |= set(ROOT.glob("benchmarks/**/requirements.in"))
    assert {lock.source for lock in locking.ALL} == found


@pytest.mark.parametrize("path", LISTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_entry_is_pinned_and_hashed(path: Path) -> None:
    assert entries(path)
    assert [entry for entry in entries(path) if not HASHED.fullmatch(entry)] == []


@pytest.mark.parametrize("path", LISTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_list_names_an_index(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.search(r"://|^\s*-|\bindex\b|\b(org|com|io)\b/", text.replace("    --hash=", ""), re.MULTILINE)


@pytest.mark.parametrize("path", NPM_LISTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_list_of_npm_names_a_registry(path: Path) -> None:
    packages = json.loads(path.read_text("utf-8"))["packages"]
    del packages[""]
    assert packages
    for name, package in packages.items():
        assert "resolved" not in package, name
        # What a package brings in its own archive is covered by that one's hash.
        assert package.get("inBundle") or package["integrity"].startswith("sha512-"), name


@pytest.mark.parametrize("lock", [lock for lock in locking.ALL if lock.on_top_of], ids=lambda lock: lock.source.stem)
def test_a_list_repeats_nothing_that_is_installed_before_it(lock: locking.Lock) -> None:
    for base in lock.on_top_of:
        assert names(lock.target) & names(base) == set()
        assert f"-c {base.name}\n" in lock.source.read_text("utf-8"), "or versions of the two may disagree"


WHEELS = [
    "a-1-cp310-cp310-manylinux_2_17_x86_64.whl",
    "a-1-cp311-cp311-macosx_10_9_universal2.whl",
    "a-1-cp311-cp311-macosx_10_9_x86_64.whl",
    "a-1-cp311-cp311-macosx_11_0_arm64.whl",
    "a-1-cp312-cp312-macosx_10_13_universal2.whl",
    "a-1-cp312-cp312-macosx_10_15_x86_64.macosx_11_0_arm64.macosx_10_15_universal2.whl",
    "a-1-cp313-cp313-manylinux2014_aarch64.manylinux_2_17_aarch64.whl",
    "a-1-cp313-cp313-manylinux2014_s390x.manylinux_2_17_s390x.whl",
    "a-1-cp313-cp313-musllinux_1_2_x86_64.whl",
    "a-1-cp313-cp313-win_amd64.whl",
    "a-1-cp313-cp313t-musllinux_1_2_x86_64.whl",
    "a-1-cp314-cp314-ios_13_0_arm64_iphoneos.whl",
    "a-1-cp315-cp315-manylinux_2_28_x86_64.whl",
    "a-1-pp311-pypy311_pp73-manylinux_2_17_x86_64.whl",
]


def test_wheels_that_no_supported_machine_installs_are_left_out() -> None:
    assert locking.installable(WHEELS) == [WHEELS[index] for index in (2, 3, 4, 5, 6, 8, 12)]


def test_wheels_of_the_stable_abi_serve_every_python() -> None:
    stable = ["b-1-cp39-abi3-manylinux_2_28_x86_64.whl", "b-1-py3-none-macosx_11_0_arm64.whl"]
    threaded = "b-1-cp315-abi3.abi3t-manylinux_2_28_x86_64.whl"
    assert locking.installable([*stable, threaded]) == stable
    assert locking.installable([threaded]) == [threaded]


def package(*wheels: str) -> dict[str, Any]:
    return {
        "wheels": [{"url": f"https://index.invalid/{name}", "hashes": {"sha256": name}} for name in wheels],
        "sdist": {"url": "https://index.invalid/a-1.tar.gz", "hashes": {"sha256": "sdist"}},
    }


def test_one_wheel_for_all_platforms_is_enough() -> None:
    pure, native = "a-1-py3-none-any.whl", "a-1-cp311-cp311-manylinux_2_17_x86_64.whl"
    assert locking.hashes_of(package(pure, native), native=False) == [pure]
    assert locking.hashes_of(package(pure, native), native=True) == [native, pure]


def test_the_source_is_kept_where_a_platform_may_have_no_wheel() -> None:
    native = "a-1-cp311-cp311-manylinux_2_17_x86_64.whl"
    assert locking.hashes_of(package(native), native=False) == [native, "sdist"]


def test_pins_are_read_with_their_markers_and_without_hashes() -> None:
    text = "# b==1\na==1.0 \\\n    --hash=sha256:0\nb.c==2 ; sys_platform == 'linux' \\\n    --hash=sha256:1\nd==3\n"
    assert locking.pinned(text) == ["a==1.0", "b.c==2 ; sys_platform == 'linux'", "d==3"]


def test_hooks_before_a_commit_run_pinned_tools_alone() -> None:
    text = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    assert re.findall(r"repo: (\S+)", text) == ["local"]
    tools = re.findall(r"entry: \.venv/bin/(\S+)", text)
    assert len(tools) == text.count("id: ") == text.count("language: system")
    assert set(tools) <= names(locking.DEV)
