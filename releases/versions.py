"""Versions of Import Watch: their order, and the releases that a checkout holds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

VERSION = re.compile(r"(?P<major>[0-9]+)\.(?P<minor>[0-9]+)\.(?P<patch>[0-9]+)(?P<development>-dev)?")


@dataclass(frozen=True, order=True)
class Version:
    """A version; a development version is before the release that it leads to.

    Parameters
    ----------
    major, minor, patch : int
    is_release : bool
        False for a development version, such as 1.2.0-dev.
    """

    major: int
    minor: int
    patch: int
    is_release: bool = True

    @classmethod
    def parse(cls, text: str) -> Version:
        """Version in a text.

        Raises
        ------
        ValueError
            If the text is no version such as 1.2.3 or 1.2.3-dev.
        """
        found = VERSION.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is not a version such as 1.2.3")
        return cls(int(found["major"]), int(found["minor"]), int(found["patch"]), not found["development"])

    @property
    def minor_release(self) -> tuple[int, int]:
        """The minor release that it belongs to."""
        return self.major, self.minor

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}{'' if self.is_release else '-dev'}"


def bundle_of(root: Path, version: str) -> Path:
    """Archive of what a release deploys."""
    return root / "tests" / "upgrade" / f"release-{version}.zip"


def released_bundles(root: Path) -> dict[Version, Path]:
    """Archives of all releases in a checkout, in the order of their versions."""
    found = bundle_of(root, "*")
    bundles = {Version.parse(path.stem.removeprefix("release-")): path for path in found.parent.glob(found.name)}
    return dict(sorted(bundles.items()))
