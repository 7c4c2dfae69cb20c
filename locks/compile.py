"""Writes every list of pinned packages from the file beside it that names what is wanted: `make lock`.

`uv pip compile` decides on the versions and knows the files of each. Kept are the hashes of those files that pip may
choose on Linux and macOS, x86 and arm, from Python 3.11 on; a list for every platform would be three times as long.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from locks.install import FURTHER_SOURCES, pip_settings, uv_flags, uv_variables

ROOT = Path(__file__).resolve().parents[1]
UV = ROOT / ".venv" / "bin" / "uv"
EVERYWHERE = ("--universal", "--python-version", "3.11", "--fork-strategy", "fewest")
LAMBDA = ("--python-version", "3.13", "--python-platform", "aarch64-manylinux2014")
COMPILED = frozenset({"mypy", "simplejson"})
"""Packages that are too slow without native code; others are installed without it where they can be."""
WINDOWS_ALONE = "sys_platform == 'win32'"
PLATFORM = re.compile(r"(macosx|manylinux|musllinux).*_(x86_64|aarch64|arm64|universal2)")
PYTHON = re.compile(r"cp3(1[1-9]|[2-9]\d)")
PIN = re.compile(r"(?P<pin>(?P<name>[\w.-]+)==(?P<version>[^\s;\\]+))(?: ; (?P<marker>[^\\]*?))?\s*\\?")


@dataclass(frozen=True, slots=True)
class Lock:
    """A list of pinned packages.

    Parameters
    ----------
    source : Path
        Names what is wanted; the list is beside it, with the suffix `.txt`.
    on_top_of : tuple of Path
        Lists that are installed before it: what they pin is left out.
    options : tuple of str
        For uv.
    keeps_native_code : bool
        Whether native code is wanted wherever there is any.
    """

    source: Path
    on_top_of: tuple[Path, ...] = ()
    options: tuple[str, ...] = EVERYWHERE
    keeps_native_code: bool = False

    @property
    def target(self) -> Path:
        """The list itself."""
        return self.source.with_suffix(".txt")


LOCKS = ROOT / "locks"
DEMO, DEV = LOCKS / "demo.txt", LOCKS / "dev.txt"
ALL = (
    Lock(LOCKS / "uv.in"),
    Lock(LOCKS / "demo.in"),
    Lock(LOCKS / "dev.in", on_top_of=(DEMO,)),
    Lock(LOCKS / "bench.in", on_top_of=(DEMO, DEV)),
    Lock(LOCKS / "sam.in"),
    Lock(LOCKS / "aws.in"),
    Lock(LOCKS / "checks.in"),
    Lock(LOCKS / "site.in"),
    # The peer is measured, so it has the native code that it would have on Lambda.
    Lock(ROOT / "benchmarks" / "cold_start" / "peer" / "requirements.in", keeps_native_code=True),
    Lock(ROOT / "layers" / "import_watch" / "requirements.in", options=LAMBDA),
)


def main(*, upgrade: bool) -> None:
    """Write every list.

    Parameters
    ----------
    upgrade : bool
        Whether to look for newer versions of what no `.in` file pins.
    """
    for lock in ALL:
        write(lock, upgrade=upgrade)
        sys.stdout.write(f"{lock.target.relative_to(ROOT)}\n")


def write(lock: Lock, *, upgrade: bool) -> None:
    """Write one list."""
    with tempfile.TemporaryDirectory() as scratch:
        pins = Path(scratch) / "pins.txt"
        if lock.target.exists() and not upgrade:
            # Without its hashes, which uv would take over, however incomplete they are.
            pins.write_text("".join(f"{line}\n" for line in pinned(lock.target.read_text())))
        _compile(lock.source, *lock.options, "--no-annotate", "--no-header", "--output-file", str(pins))
        files = Path(scratch) / "pylock.toml"
        _compile(pins, *lock.options, "--no-deps", "--format", "pylock.toml", "--output-file", str(files))
        packages = tomllib.loads(files.read_text())["packages"]
        wanted = pinned(pins.read_text())
    installed = {line for base in lock.on_top_of for line in pinned(base.read_text())}
    compiled = {package["name"] for package in packages} if lock.keeps_native_code else COMPILED
    hashes = {
        f"{package['name']}=={package['version']}": hashes_of(package, native=package["name"] in compiled)
        for package in packages
    }
    header = (
        f"# What {lock.source.name} leads to. Written by `make lock` (locks/compile.py says which hashes are in it).\n"
    )
    lines = (line for line in wanted if line not in installed and not line.endswith(WINDOWS_ALONE))
    lock.target.write_text(header + "".join(_entry(line, hashes[line.partition(" ; ")[0]]) for line in lines))


def pinned(text: str) -> list[str]:
    """Lines `name==version` of a list, with their markers and without their hashes."""
    found = filter(None, map(PIN.fullmatch, text.splitlines()))
    return [f"{one['pin']} ; {one['marker']}" if one["marker"] else one["pin"] for one in found]


def hashes_of(package: Mapping[str, Any], *, native: bool) -> list[str]:
    """Hashes of the files of a package that pip may choose, sorted.

    Parameters
    ----------
    package : mapping
        As in a `pylock.toml`.
    native : bool
        Whether wheels with native code are wanted where there is one without.
    """
    wheels = {_name(wheel): wheel["hashes"]["sha256"] for wheel in package.get("wheels", ())}
    kept = set(installable(wheels))
    pure = {name for name in kept if name.endswith("-any.whl")}
    if pure and not native:
        kept = pure
    hashes = [wheels[name] for name in kept]
    # Built from source only where nothing else fits.
    if not pure and "sdist" in package:
        hashes.append(package["sdist"]["hashes"]["sha256"])
    return sorted(hashes)


def installable(wheels: Iterable[str]) -> list[str]:
    """Wheels that one of the platforms and Pythons can install, each platform's once.

    Parameters
    ----------
    wheels : iterable of str
        File names of one release.
    """
    tags = {name: tuple(name.removesuffix(".whl").split("-")[-3:]) for name in wheels}
    # Where both kinds of Mac have a wheel of their own, none for both is needed.
    arm, x86 = (
        {(python, abi) for python, abi, platform in tags.values() if re.fullmatch(rf"macosx_\d+_\d+_{kind}", platform)}
        for kind in ("arm64", "x86_64")
    )
    is_stable = any(abi == "abi3" for _, abi, _ in tags.values())
    found = []
    for name, (python, abi, platform) in tags.items():
        if platform == "any":
            fits = "py3" in python or PYTHON.fullmatch(python) is not None
        elif not PLATFORM.match(platform) or ("universal2" in platform and (python, abi) in arm & x86):
            fits = False
        elif abi == "abi3.abi3t":  # for Python with and without a global lock
            fits = not is_stable
        else:
            fits = abi in {"abi3", "none"} or (abi == python and PYTHON.fullmatch(python) is not None)
        if fits:
            found.append(name)
    return found


def _name(file: Mapping[str, Any]) -> str:
    return str(file.get("name") or file["url"].rpartition("/")[2])


def _entry(line: str, hashes: Iterable[str]) -> str:
    return " \\\n    ".join([line, *(f"--hash=sha256:{one}" for one in hashes)]) + "\n"


def _compile(source: Path, *options: str) -> None:
    # Where a release has some of its files alone, their hashes would be the only ones.
    settings = {name: value for name, value in pip_settings(sys.executable).items() if name not in FURTHER_SOURCES}
    subprocess.run(
        [UV, "pip", "compile", "--quiet", *uv_flags(settings), *options, source],
        cwd=ROOT,
        env=os.environ | uv_variables(settings, os.environ),
        stdout=subprocess.DEVNULL,
        check=True,
    )


if __name__ == "__main__":
    main(upgrade="--upgrade" in sys.argv)
