"""Makes a release: its version in the template, its heading in the changelog, what it deploys as an archive, and a tag.

The version is in one place, the output `Version` of the template; the package's metadata read it from there.
"""

from __future__ import annotations

import re
import subprocess
from datetime import date
from pathlib import Path

VERSION_LINE = re.compile(r'(?P<before>  Version:\n    Description: .*\n    Value: ")(?P<version>[^"]+)(?P<after>")')
UNRELEASED = "## Unreleased\n"
DEPLOYED = ("functions", "layers", "statemachine", "template.yaml")
"""What a release deploys: the rest of the repository is not needed to update from it."""
VERSION = re.compile(r"(?P<major>[0-9]+)\.(?P<minor>[0-9]+)\.(?P<patch>[0-9]+)")


class NotReleasable(Exception):
    """The release cannot be made from this state of the repository."""


def version_of(template: str) -> str:
    """Version in a template's text.

    Raises
    ------
    NotReleasable
        If the template has no output `Version` in its usual form.
    """
    found = VERSION_LINE.search(template)
    if found is None:
        raise NotReleasable("template.yaml has no output Version with a Description and a quoted Value")
    return found["version"]


def with_version(template: str, version: str) -> str:
    """Template with another version."""
    version_of(template)
    return VERSION_LINE.sub(rf"\g<before>{version}\g<after>", template)


def development_version(version: str) -> str:
    """Version between a release and the next minor one."""
    return f"{_numbers(version)[0]}.{_numbers(version)[1] + 1}.0-dev"


def released_changelog(changelog: str, version: str, day: date) -> str:
    """Changelog in which the unreleased changes belong to a version.

    Raises
    ------
    NotReleasable
        If there are no unreleased changes.
    """
    before, heading, after = changelog.partition(UNRELEASED)
    changes = after.partition("\n## ")[0].strip()
    if not heading or not changes:
        raise NotReleasable('CHANGELOG.md has no changes under "## Unreleased"')
    return f"{before}## {version} ({day.isoformat()})\n{after}"


def check_follows(version: str, released: list[str]) -> None:
    """Check that a version is newer than every released one.

    Raises
    ------
    NotReleasable
    """
    latest = max(map(_numbers, released), default=(0, 0, 0))
    if _numbers(version) <= latest:
        raise NotReleasable(f"{version} is not newer than {'.'.join(map(str, latest))}, the last release")


def release(root: Path, version: str, day: date) -> None:
    """Make a release in a clean checkout: two commits, the release and the next development version, and a tag.

    Parameters
    ----------
    root : Path
        The checkout.
    version : str
        `major.minor.patch`.
    day : date
        Day of the release.

    Raises
    ------
    NotReleasable
    """
    if _git(root, "status", "--porcelain"):
        raise NotReleasable("the checkout has changes that are not committed")
    check_follows(version, [tag.removeprefix("v") for tag in _git(root, "tag", "--list", "v*").split()])
    template, changelog = root / "template.yaml", root / "CHANGELOG.md"
    released = released_changelog(changelog.read_text("utf-8"), version, day)
    template.write_text(with_version(template.read_text("utf-8"), version), "utf-8")
    changelog.write_text(released, "utf-8")
    _git(root, "add", "template.yaml", "CHANGELOG.md")
    bundle = root / "tests" / "upgrade" / f"release-{version}.zip"
    _git(root, "archive", "--format=zip", f"--output={bundle}", _git(root, "write-tree"), "--", *DEPLOYED)
    _git(root, "add", str(bundle))
    _git(root, "commit", "--quiet", "--message", f"Release {version}")
    _git(root, "tag", "--annotate", f"v{version}", "--message", f"Import Watch {version}")
    coming = development_version(version)
    template.write_text(with_version(template.read_text("utf-8"), coming), "utf-8")
    heading = f"## {version} ("
    changelog.write_text(released.replace(heading, f"{UNRELEASED}\n{heading}", 1), "utf-8")
    _git(root, "add", "template.yaml", "CHANGELOG.md")
    _git(root, "commit", "--quiet", "--message", f"Begin {coming}")


def _numbers(version: str) -> tuple[int, int, int]:
    found = VERSION.fullmatch(version)
    if found is None:
        raise NotReleasable(f"{version!r} is not a version such as 1.2.3")
    return int(found["major"]), int(found["minor"]), int(found["patch"])


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotReleasable(f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.strip()
