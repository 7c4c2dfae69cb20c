"""Files that others wrote are in the package as they were published."""

from __future__ import annotations

import hashlib

import pytest

from local.paths import ROOT

FOLDER = ROOT / "cli" / "import_watch_cli" / "page" / "static"
PUBLISHED = {
    # htmx.org 2.0.11, dist/htmx.min.js
    "htmx.min.js": "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717",
    # idiomorph 0.8.0, dist/idiomorph-ext.min.js
    "idiomorph-ext.min.js": "5811b9a7eda14878b7dab4378bf60432e1bb6f11fcfb970cc26540642650181e",
}
OWN = {"icon.svg", "page.css", "page.js"}


@pytest.mark.parametrize(("name", "digest"), PUBLISHED.items())
def test_a_vendored_file_is_as_published(name: str, digest: str) -> None:
    assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == digest


def test_no_other_file_is_served() -> None:
    assert {path.name for path in FOLDER.iterdir()} == OWN | set(PUBLISHED)


@pytest.mark.parametrize("name", sorted(OWN))
def test_own_files_name_no_other_place(name: str) -> None:
    text = (FOLDER / name).read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
    assert "//" not in text.replace("// ", "")
    assert "url(" not in text
    assert "innerHTML" not in text
