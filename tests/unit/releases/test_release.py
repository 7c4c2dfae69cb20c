from __future__ import annotations

import hashlib
import subprocess
import zipfile
from datetime import date
from pathlib import Path

import pytest

from releases import schemas
from releases.package import build_package, package
from releases.release import PACKAGE, NotReleasable, release, version_of

TEMPLATE = """\
Metadata:
  AWS::ServerlessRepo::Application:
    SemanticVersion: "{version}"
Resources:
  Layer:
    Metadata:
      BuildMethod: makefile
      BuildArchitecture: arm64
Outputs:
  Version:
    Description: Version of this stack.
    Value: "{version}"
  Last:
    Value: "7"
"""
CHANGELOG = "# Changelog\n\n## Unreleased\n\n- A change.\n\n## 0.1.0\n\n- The first one.\n"
DAY = date(2030, 1, 31)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for folder in ("functions", "layers", "statemachine", "tests/upgrade"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "content").write_text(folder)
    (tmp_path / "template.yaml").write_text(TEMPLATE.format(version="0.2.0-dev"))
    (tmp_path / PACKAGE).parent.mkdir(parents=True)
    (tmp_path / PACKAGE).write_text('"""A package."""\n\n__version__ = "0.2.0-dev"\n')
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    (tmp_path / schemas.RELEASED / "0.1.0").mkdir(parents=True)
    (tmp_path / schemas.RELEASED / "0.1.0" / "old.schema.json").write_text("{}")
    (tmp_path / schemas.FOLDER / "new.schema.json").write_text('{"type": "object"}')
    (tmp_path / schemas.ACCEPTED).write_text('{"old: removed": "A change."}')
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "config", "user.name", "Somebody")
    git(tmp_path, "config", "user.email", "somebody@example.com")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "Begin")
    return tmp_path


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True)  # noqa: S607
    return done.stdout.strip()


def test_a_release_has_its_version_heading_archive_and_tag(checkout: Path) -> None:
    release(checkout, "0.2.0", DAY)

    assert git(checkout, "status", "--porcelain") == ""
    assert version_of(git(checkout, "show", "v0.2.0:template.yaml")) == "0.2.0"
    assert "## 0.2.0 (2030-01-31)\n\n- A change." in git(checkout, "show", "v0.2.0:CHANGELOG.md")
    assert 'SemanticVersion: "0.2.0"\n' in git(checkout, "show", "v0.2.0:template.yaml")
    assert "Unreleased" not in git(checkout, "show", "v0.2.0:CHANGELOG.md")
    with zipfile.ZipFile(checkout / "tests/upgrade/release-0.2.0.zip") as bundle:
        assert version_of(bundle.read("template.yaml").decode()) == "0.2.0"
        assert {name.partition("/")[0] for name in bundle.namelist()} == {
            *("functions", "layers", "statemachine", "template.yaml")
        }
    assert version_of((checkout / "template.yaml").read_text()) == "0.3.0-dev"
    assert "version: 0.2.0<" in git(checkout, "show", "v0.2.0:docs/badges/version.svg")
    assert "version: 0.3.0-dev<" in (checkout / "docs/badges/version.svg").read_text()
    assert (checkout / "template.yaml").read_text().count('"0.3.0-dev"') == 2
    assert '__version__ = "0.2.0"' in git(checkout, "show", f"v0.2.0:{PACKAGE}")
    assert '__version__ = "0.3.0-dev"\n' in (checkout / PACKAGE).read_text()
    assert "# Changelog\n\n## Unreleased\n\n## 0.2.0 (2030-01-31)\n" in (checkout / "CHANGELOG.md").read_text()


def test_a_release_stores_its_schemas_and_accepts_no_difference_from_them(checkout: Path) -> None:
    release(checkout, "0.2.0", DAY)
    assert schemas.last_released(checkout) == {"new": {"type": "object"}}
    assert (checkout / schemas.ACCEPTED).read_text() == "{}\n"
    stored = git(checkout, "ls-tree", "-r", "--name-only", "v0.2.0", str(schemas.RELEASED))
    assert stored == str(schemas.RELEASED / "0.2.0" / "new.schema.json")


def test_a_release_is_packaged_with_its_version(checkout: Path) -> None:
    (checkout / "LICENSE").write_text("MIT License\n")
    (checkout / "README.md").write_text("# A project\n")
    (checkout / "functions" / "__pycache__").mkdir()
    (checkout / "functions" / "__pycache__" / "a.pyc").write_bytes(b"bytecode")
    (checkout / ".gitignore").write_text("dist/\n__pycache__/\nlayer/\n")
    layer = checkout / "layer"
    (layer / "python" / "__pycache__").mkdir(parents=True)
    (layer / "python" / "__pycache__" / "a.pyc").write_bytes(b"bytecode")
    git(checkout, "add", ".")
    git(checkout, "commit", "--quiet", "--message", "Add what is packaged")

    packaged = release(checkout, "0.2.0", DAY, lambda version: package(checkout, layer, version, checkout / "dist"))

    archive, checksum = packaged
    assert checksum.read_text() == f"{hashlib.sha256(archive.read_bytes()).hexdigest()}  import-watch-0.2.0.zip\n"
    with zipfile.ZipFile(archive) as bundle:
        template = bundle.read("import-watch-0.2.0/template.yaml").decode()
        names = {name.partition("/")[2] for name in bundle.namelist()}
    assert version_of(template) == "0.2.0"
    assert "BuildMethod" not in template
    assert names == {
        *("template.yaml", "LICENSE", "README.md", "functions/content", "statemachine/content"),
        "layers/import_watch/python/__pycache__/a.pyc",
    }
    # The same content has the same checksum.
    git(checkout, "checkout", "--quiet", "v0.2.0")
    again = package(checkout, layer, "0.2.0", checkout / "again")[1]
    assert again.read_text() == checksum.read_text()


def test_a_package_is_built_with_its_bill_of_materials(checkout: Path) -> None:
    (checkout / "Makefile").write_text(
        "build:\n\t@mkdir -p .aws-sam/build/ImportWatchLayer\n\t@echo '{}' > .aws-sam/import-watch-layer.cdx.json\n"
    )
    for name in ("LICENSE", "README.md"):
        (checkout / name).write_text(name)
    names = [path.name for path in build_package(checkout, "0.2.0")]
    assert names == [f"import-watch-0.2.0{suffix}" for suffix in (".zip", ".zip.sha256", ".cdx.json")]
    assert (checkout / "dist" / names[2]).read_text() == "{}\n"
    (checkout / "Makefile").write_text("build:\n\t@echo 'no accepted licence' >&2; exit 1\n")
    with pytest.raises(NotReleasable, match="make build failed: no accepted licence"):
        build_package(checkout, "0.2.0")


@pytest.mark.parametrize(
    ("version", "why"),
    [
        ("0.2", "not a version such as 1.2.3"),
        ("0.2.0-dev", "not a version such as 1.2.3"),
        ("0.1.0", "not newer than 0.1.0"),
        ("0.0.9", "not newer than 0.1.0"),
    ],
)
def test_a_version_must_follow_the_last_release(checkout: Path, version: str, why: str) -> None:
    git(checkout, "tag", "v0.1.0")
    with pytest.raises(NotReleasable, match=why):
        release(checkout, version, DAY)
    assert git(checkout, "rev-list", "--count", "HEAD") == "1"


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("CHANGELOG.md", "# Changelog\n\n## Unreleased\n\n## 0.1.0\n\n- The first one.\n", "no changes"),
        ("CHANGELOG.md", "# Changelog\n\n## 0.1.0\n\n- The first one.\n", "no changes"),
        ("template.yaml", "Outputs:\n", "no output Version"),
        ("new", "", "not committed"),
    ],
)
def test_nothing_is_changed_where_a_release_is_not_possible(checkout: Path, name: str, content: str, why: str) -> None:
    (checkout / name).write_text(content)
    if name != "new":
        git(checkout, "commit", "--all", "--quiet", "--message", "Change")
    before = git(checkout, "rev-parse", "HEAD"), git(checkout, "status", "--porcelain")
    with pytest.raises(NotReleasable, match=why):
        release(checkout, "0.2.0", DAY)
    assert (git(checkout, "rev-parse", "HEAD"), git(checkout, "status", "--porcelain")) == before


def test_a_release_counts_without_its_tag(checkout: Path) -> None:
    release(checkout, "0.2.0", DAY)
    git(checkout, "tag", "--delete", "v0.2.0")
    with pytest.raises(NotReleasable, match=r"not newer than 0\.2\.0"):
        release(checkout, "0.2.0", DAY)


def test_a_release_belongs_to_a_branch(checkout: Path) -> None:
    git(checkout, "checkout", "--quiet", "--detach")
    with pytest.raises(NotReleasable, match="HEAD is detached"):
        release(checkout, "0.2.0", DAY)


@pytest.mark.parametrize("refused", ["Release", "Begin"])
def test_a_release_that_fails_leaves_nothing(checkout: Path, refused: str) -> None:
    hook = checkout / ".git" / "hooks" / "commit-msg"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\n! grep -q '^{refused}' \"$1\" || {{ echo 'not today' >&2; exit 1; }}\n")
    hook.chmod(0o755)
    before = git(checkout, "rev-parse", "HEAD")

    def write_an_artefact(version: str) -> list[Path]:
        (checkout.parent / "artefact").write_text(version)
        return [checkout.parent / "artefact"]

    with pytest.raises(NotReleasable, match="git commit failed: not today"):
        release(checkout, "0.2.0", DAY, write_an_artefact)
    assert (git(checkout, "rev-parse", "HEAD"), git(checkout, "status", "--porcelain")) == (before, "")
    assert git(checkout, "tag") == ""
    assert not (checkout.parent / "artefact").exists()
