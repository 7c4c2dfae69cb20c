"""Writes the badges of the README: `python -m releases.badges`. Each states what a file of the repository shows.

They are pictures of the repository itself, so that a reader sends no request to another place.
"""

from __future__ import annotations

import sys
import tomllib
from html import escape
from pathlib import Path

FOLDER = Path("docs") / "badges"
VERSION = FOLDER / "version.svg"
PIXELS, MARGIN = 6.6, 8
"""Width of a character and of the space beside a text; each text is set to the width that follows."""
LABEL, VALUE = "#3b4450", "#1f6feb"


def badges(root: Path, version: str) -> dict[Path, str]:
    """Every badge of a version, by its path in the repository."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    python = project["requires-python"].removeprefix(">=")
    return {
        VERSION: version_badge(version),
        FOLDER / "licence.svg": badge("licence", project["license"]),
        FOLDER / "python.svg": badge("python", f"{python} or later"),
    }


def version_badge(version: str) -> str:
    """Badge of a version."""
    return badge("version", version)


def badge(label: str, value: str) -> str:
    """Picture of a label and its value."""
    left, right = (round(len(text) * PIXELS) + 2 * MARGIN for text in (label, value))
    title = escape(f"{label}: {value}")
    texts = "".join(
        f'<text x="{x + width / 2:g}" y="14" textLength="{width - 2 * MARGIN}">{escape(text)}</text>'
        for x, width, text in ((0, left, label), (left, right, value))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" aria-label="{title}">'
        f"<title>{title}</title>"
        f'<rect width="{left + right}" height="20" rx="3" fill="{VALUE}"/>'
        f'<path d="M3 0h{left - 3}v20H3a3 3 0 0 1-3-3V3a3 3 0 0 1 3-3z" fill="{LABEL}"/>'
        f'<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">{texts}</g>'
        "</svg>\n"
    )


if __name__ == "__main__":
    from releases.release import version_of

    ROOT = Path(__file__).resolve().parents[1]
    for path, text in badges(ROOT, version_of((ROOT / "template.yaml").read_text("utf-8"))).items():
        (ROOT / path).parent.mkdir(exist_ok=True)
        (ROOT / path).write_text(text, "utf-8")
        sys.stdout.write(f"{path}\n")
