"""Packages what a release deploys, built: an archive for any tool of CloudFormation, and a bill of materials."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

from releases.release import NotReleasable

FOLDERS = ("functions", "statemachine")
"""Folders that are deployed as they are."""
FILES = ("LICENSE", "README.md")
"""Files that the template's metadata names."""
LAYER = "layers/import_watch"
BUILD_METHOD = re.compile(r"    Metadata:\n      BuildMethod: makefile\n      BuildArchitecture: arm64\n")
BILL = Path(".aws-sam") / "import-watch-layer.cdx.json"
"""The bill of materials of the layer, which `make build` writes."""
EPOCH = (1980, 1, 1, 0, 0, 0)
"""Time of every file, so that the same content has the same checksum."""


def build_package(root: Path, version: str) -> list[Path]:
    """Build a checkout as `make deploy` does, and package it into `dist`.

    Returns
    -------
    list of Path
        The archive, the file with its checksum, and the bill of materials.

    Raises
    ------
    NotReleasable
        If it cannot be built.
    """
    done = subprocess.run(
        ["make", "--no-print-directory", "build"], cwd=root, capture_output=True, text=True, check=False
    )
    if done.returncode:
        reason = " ".join((done.stderr.strip() or done.stdout.strip()).split())
        raise NotReleasable(f"make build failed: {reason[-500:]}")
    files = package(root, root / ".aws-sam" / "build" / "ImportWatchLayer", version, root / "dist")
    bill = root / "dist" / f"import-watch-{version}.cdx.json"
    shutil.copyfile(root / BILL, bill)
    return [*files, bill]


def package(root: Path, layer: Path, version: str, target: Path) -> list[Path]:
    """Package a checkout with its built layer.

    Parameters
    ----------
    root : Path
        The checkout.
    layer : Path
        The layer as `sam build` built it.
    version : str
        Part of the names.
    target : Path
        Folder for the archive and its checksum.

    Returns
    -------
    list of Path
        The archive, and the file with its checksum.

    Raises
    ------
    NotReleasable
        If the template does not name the layer's build in its usual form.
    """
    name = f"import-watch-{version}"
    archive = target / f"{name}.zip"
    target.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as bundle:
        for path, content in sorted(_content(root, layer)):
            bundle.writestr(_entry(f"{name}/{path}"), content)
    checksum = archive.with_name(f"{archive.name}.sha256")
    # As `sha256sum --check` reads it.
    checksum.write_text(f"{hashlib.sha256(archive.read_bytes()).hexdigest()}  {archive.name}\n", "utf-8")
    return [archive, checksum]


def _content(root: Path, layer: Path) -> Iterator[tuple[str, bytes]]:
    template, count = BUILD_METHOD.subn("", (root / "template.yaml").read_text("utf-8"))
    if count != 1:
        raise NotReleasable("template.yaml does not name the build of one layer")
    yield "template.yaml", template.encode()
    for name in FILES:
        yield name, (root / name).read_bytes()
    for folder in FOLDERS:
        for path in (root / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(root).as_posix(), path.read_bytes()
    for path in layer.rglob("*"):
        if path.is_file():
            yield f"{LAYER}/{path.relative_to(layer).as_posix()}", path.read_bytes()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return entry
