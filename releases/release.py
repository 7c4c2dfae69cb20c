"""Makes a release: its version, its heading in the changelog, what it deploys as an archive, its schemas, and a tag.

The version is that of the template's output `Version`; the release also writes it into the layer and the badge.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path

from releases import schemas
from releases.badges import VERSION, version_badge
from releases.versions import Version, bundle_of, released_bundles

VERSION_LINE = re.compile(r'(?P<before>  Version:\n    Description: .*\n    Value: ")(?P<version>[^"]+)(?P<after>")')
UNRELEASED = "## Unreleased\n"
SEMANTIC_VERSION_LINE = re.compile(r'(?P<before>\n    SemanticVersion: ")[^"]+(?P<after>")')
"""The version for the AWS Serverless Application Repository, which takes no reference to another place."""
PACKAGE = Path("layers", "import_watch", "import_watch", "__init__.py")
PACKAGE_VERSION_LINE = re.compile(r'(?P<before>^__version__ = ")[^"]+(?P<after>")', re.MULTILINE)
"""The version that requests to vendors and to AWS name: a deployed function has no template to read it from."""
DEPLOYED = ("functions", "layers", "statemachine", "template.yaml")
"""What a release deploys: the rest of the repository is not needed to update from it."""
SHOWN_CHANGES = 3
"""Maximum uncommitted files that a refusal names."""


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
    """Template with another version, in its output and in its metadata.

    Raises
    ------
    NotReleasable
        If it does not have both in their usual form.
    """
    version_of(template)
    written, count = SEMANTIC_VERSION_LINE.subn(rf"\g<before>{version}\g<after>", template)
    if count != 1:
        raise NotReleasable("template.yaml has no quoted SemanticVersion in its metadata")
    return VERSION_LINE.sub(rf"\g<before>{version}\g<after>", written)


def development_version(version: Version) -> Version:
    """Version between a release and the next minor one."""
    return Version(version.major, version.minor + 1, 0, is_release=False)


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


def check_follows(version: Version, released: Iterable[Version]) -> None:
    """Check that a version is newer than every released one.

    Raises
    ------
    NotReleasable
    """
    latest = max(released, default=None)
    if latest is not None and version <= latest:
        raise NotReleasable(f"{version} is not newer than {latest}, the last release")


def release(root: Path, text: str, day: date, package: Callable[[str], list[Path]] | None = None) -> list[Path]:
    """Make a release in a clean checkout: two commits, the release and the next development version, and a tag.

    If a step fails, for example because a hook refuses the commit, the checkout is as it was before.

    Parameters
    ----------
    root : Path
        The checkout.
    text : str
        The version: `major.minor.patch`.
    day : date
        Day of the release.
    package : callable, optional
        Gets the version, packages the checkout with that version, and returns the files that it wrote.

    Returns
    -------
    list of Path
        Those files.

    Raises
    ------
    NotReleasable
    """
    version = _release_version(text)
    _check_checkout(root)
    tagged = (tag.removeprefix("v") for tag in _git(root, "tag", "--list", "v*.*.*").split())
    # A clone may have no tags.
    check_follows(version, {*map(_release_version, tagged), *released_bundles(root)})
    template, changelog = root / "template.yaml", root / "CHANGELOG.md"
    with_release = with_version(template.read_text("utf-8"), str(version))
    released = released_changelog(changelog.read_text("utf-8"), str(version), day)
    coming = development_version(version)
    before, tag = _git(root, "rev-parse", "HEAD"), f"v{version}"
    packaged: list[Path] = []
    try:
        _write_version(root, with_release, str(version))
        changelog.write_text(released, "utf-8")
        _git(root, "add", "CHANGELOG.md")
        bundle = bundle_of(root, str(version))
        _git(root, "archive", "--format=zip", f"--output={bundle}", _git(root, "write-tree"), "--", *DEPLOYED)
        schemas.store(root, str(version))
        _git(root, "add", "--all", str(bundle), str(schemas.FOLDER))
        packaged = package(str(version)) if package else []
        _git(root, "commit", "--quiet", "--message", f"Release {version}")
        commit = _git(root, "rev-parse", "HEAD")
        _write_version(root, with_release, str(coming))
        heading = f"## {version} ("
        changelog.write_text(released.replace(heading, f"{UNRELEASED}\n{heading}", 1), "utf-8")
        _git(root, "add", "CHANGELOG.md")
        _git(root, "commit", "--quiet", "--message", f"Begin {coming}")
        # The tag is last, so that there is none to remove after a failure.
        _git(root, "tag", "--annotate", tag, "--message", f"Import Watch {version}", commit)
    except BaseException:  # an interruption, too
        _git(root, "reset", "--quiet", "--hard", before)
        for path in packaged:
            path.unlink(missing_ok=True)
        raise
    return packaged


def _write_version(root: Path, template: str, version: str) -> None:
    """Write the version where it is, and add the files to the commit."""
    (root / "template.yaml").write_text(with_version(template, version), "utf-8")
    package = (root / PACKAGE).read_text("utf-8")
    written, count = PACKAGE_VERSION_LINE.subn(rf"\g<before>{version}\g<after>", package)
    if count != 1:
        raise NotReleasable(f"{PACKAGE} has no quoted __version__")
    (root / PACKAGE).write_text(written, "utf-8")
    (root / VERSION).parent.mkdir(parents=True, exist_ok=True)
    (root / VERSION).write_text(version_badge(version), "utf-8")
    _git(root, "add", "template.yaml", str(PACKAGE), str(VERSION))


def _release_version(text: str) -> Version:
    try:
        version = Version.parse(text)
    except ValueError as error:
        raise NotReleasable(str(error)) from None
    if not version.is_release:
        raise NotReleasable(f"{text!r} is not a version such as 1.2.3")
    return version


def _check_checkout(root: Path) -> None:
    """Check that the commits would belong to a branch, and would contain nothing else."""
    if changes := _git(root, "status", "--porcelain").splitlines():
        names = ", ".join(change[3:] for change in changes[:SHOWN_CHANGES])
        more = f" and {len(changes) - SHOWN_CHANGES} more" if len(changes) > SHOWN_CHANGES else ""
        raise NotReleasable(f"the checkout has changes that are not committed ({names}{more}): commit or stash them")
    if not _git(root, "branch", "--show-current"):
        raise NotReleasable("HEAD is detached, so the commits would belong to no branch: check out the branch first")


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = " ".join((done.stderr.strip() or done.stdout.strip()).split())
        raise NotReleasable(f"git {arguments[0]} failed: {reason}")
    return done.stdout.rstrip()
