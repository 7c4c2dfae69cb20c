"""The badges of the README state what the files of the repository show, and are files of the repository themselves."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from local.paths import ROOT
from releases.badges import badges
from releases.release import version_of

BADGES = badges(ROOT, version_of((ROOT / "template.yaml").read_text("utf-8")))


def test_every_badge_is_up_to_date() -> None:
    """`python -m releases.badges` writes them."""
    assert {path: (ROOT / path).read_text("utf-8") for path in BADGES} == BADGES
    assert {path.name for path in (ROOT / "docs" / "badges").iterdir()} == {path.name for path in BADGES}


def test_a_badge_is_a_picture_that_requests_nothing() -> None:
    for text in BADGES.values():
        ElementTree.fromstring(text)  # noqa: S314 - the text is of this repository
        assert re.findall(r"href|url\(|[a-z]+://[^\"]+", text) == ["http://www.w3.org/2000/svg"]


def test_the_readme_shows_these_badges_and_no_others() -> None:
    first = (ROOT / "README.md").read_text("utf-8").splitlines()[2]
    assert re.findall(r"!\[[^\]]+\]\(([^)]+)\)", first) == [path.as_posix() for path in BADGES]


def test_the_licence_of_the_badge_is_that_of_the_file() -> None:
    assert (ROOT / "LICENSE").read_text("utf-8").startswith("MIT License")
