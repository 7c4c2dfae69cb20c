"""The schemas of the last release, which a change is compared with: `make release` stores them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

FOLDER = Path("events", "schemas")
RELEASED = FOLDER / "released"
ACCEPTED = FOLDER / "accepted-breaks.json"
"""Differences from the last release that would break a sender or a consumer, and what announces each: a text in the
changelog's section Breaking."""


def last_released(root: Path) -> dict[str, dict[str, Any]]:
    """Schemas of the last release in a checkout, by name."""
    (folder,) = (root / RELEASED).iterdir()
    return {_name(path): json.loads(path.read_text("utf-8")) for path in folder.glob("*.json")}


def store(root: Path, version: str) -> None:
    """Store a checkout's schemas as those of a release, in place of the last one's; no difference is left to accept."""
    shutil.rmtree(root / RELEASED, ignore_errors=True)
    folder = root / RELEASED / version
    folder.mkdir(parents=True)
    for path in (root / FOLDER).glob("*.schema.json"):
        shutil.copy2(path, folder)
    (root / ACCEPTED).write_text("{}\n", "utf-8")


def _name(path: Path) -> str:
    return path.name.removesuffix(".schema.json")
