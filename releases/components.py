"""What others wrote and is shipped: the packages of the layer and two files of the live page, each with its licence."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "layers" / "import_watch" / "requirements.txt"
BUILD = REQUIREMENTS.with_name("Makefile")
ACCEPTED = frozenset(
    {"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "MPL-2.0", "PSF-2.0", "Unlicense"}
)
"""Licences of what may be shipped: each allows it unchanged, with its notice, in a program under any licence."""
PAGE_FILES = {"htmx.min.js": ("htmx.org", "2.0.11", "0BSD"), "idiomorph-ext.min.js": ("idiomorph", "0.8.0", "0BSD")}
"""Files of others in the folder of the live page: package, version and licence, as the packages state them."""
LAMBDA = {
    "python_version": "3.13",
    "python_full_version": "3.13.0",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
    "os_name": "posix",
    "platform_system": "Linux",
    "sys_platform": "linux",
    "platform_machine": "aarch64",
    "extra": "",
}
"""Values of the markers of requirements where the layer is used."""


@dataclass(frozen=True, slots=True)
class Component:
    """Something that is shipped and that others wrote.

    Parameters
    ----------
    name, version : str
    licence : str
        SPDX expression; empty where none is stated.
    notices : tuple of str
        Files with the text of the licence.
    requires : tuple of str
        Names of the packages that it needs on Lambda.
    """

    name: str
    version: str
    licence: str
    notices: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()


class NotShippable(Exception):
    """Something that is shipped has no licence, or one that is not on the list."""


def of_layer(folder: Path) -> list[Component]:
    """Packages in a layer that was built.

    Parameters
    ----------
    folder : Path
        Its folder `python`.
    """
    return sorted(map(component, distributions(path=[str(folder)])), key=lambda one: one.name)


def of_requirements() -> list[Component]:
    """Packages of the layer that is built, by the metadata of those that are installed here.

    Raises
    ------
    NotShippable
        If another version of one is installed.
    """
    pinned = pins()
    found = [component(distribution(name)) for name in pinned]
    for one in found:
        if one.version != pinned[one.name]:
            raise NotShippable(f"{one.name} {one.version} is installed, and the layer has {pinned[one.name]}")
    return sorted(found, key=lambda one: one.name)


def of_page() -> list[Component]:
    """Libraries of the live page."""
    return [Component(*facts) for facts in PAGE_FILES.values()]


def component(found: Distribution) -> Component:
    """Component of an installed package."""
    metadata = found.metadata
    needed = (Requirement(text) for text in found.requires or ())
    # A text of several lines is a whole licence, and no name of one.
    names = (name.strip() for key in ("License-Expression", "License") for name in metadata.get_all(key) or ())
    stated = next(filter(None, names), "")
    return Component(
        name=canonicalize_name(metadata["Name"]),
        version=found.version,
        licence="" if "\n" in stated else stated,
        notices=tuple(sorted(metadata.get_all("License-File") or ())),
        requires=tuple(
            sorted({canonicalize_name(one.name) for one in needed if not one.marker or one.marker.evaluate(LAMBDA)})
        ),
    )


def check(components: Iterable[Component]) -> None:
    """Check that everything may be shipped.

    Raises
    ------
    NotShippable
        Naming each component with a licence that is not accepted.
    """
    refused = [f"{one.name} {one.version} ({one.licence or 'none'})" for one in components if not is_accepted(one)]
    if refused:
        raise NotShippable(f"no accepted licence: {', '.join(refused)}; releases/components.py lists the accepted ones")


def is_accepted(one: Component) -> bool:
    """Whether the licence of a component is on the list; an expression of several licences needs its own entry."""
    return one.licence in ACCEPTED


def pins() -> dict[str, str]:
    """Versions of the packages in the layer, by their names."""
    lines = (line.split() for line in REQUIREMENTS.read_text("utf-8").splitlines() if "==" in line)
    pinned = {name: version for name, _, version in (words[0].partition("==") for words in lines)}
    without = left_out()
    return {name: version for name, version in pinned.items() if name not in without}


def left_out() -> frozenset[str]:
    """Names of the packages that the build of the layer removes again.

    Raises
    ------
    NotShippable
        If the build does not name them.
    """
    found = re.search(r"^LEFT_OUT = (.+)$", BUILD.read_text("utf-8"), re.MULTILINE)
    if found is None:
        raise NotShippable(f"{BUILD} has no line LEFT_OUT")
    return frozenset(map(canonicalize_name, found[1].split()))


def digests() -> dict[str, list[str]]:
    """SHA-256 digests of the files that each of these packages may be installed from."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in REQUIREMENTS.read_text("utf-8").splitlines():
        if "==" in line:
            name = line.partition("==")[0]
        elif "--hash=sha256:" in line:
            found.setdefault(name, []).append(line.partition("--hash=sha256:")[2].split()[0])
    pinned = pins()
    return {name: hashes for name, hashes in found.items() if name in pinned}
