"""The entry points of the functions: short, and the same for every vendor."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.paths import FUNCTIONS

HANDLERS = sorted(FUNCTIONS.glob("*/handler.py"))
POLL_HANDLERS = sorted(FUNCTIONS.glob("poll_*/handler.py"))


def test_every_vendor_folder_has_a_handler() -> None:
    assert {path.parent for path in POLL_HANDLERS} == {path.parent for path in FUNCTIONS.glob("poll_*/adapter.py")}


def test_poll_handlers_differ_in_their_first_line_only() -> None:
    first, *others = [path.read_text().partition("\n")[2] for path in POLL_HANDLERS]
    assert others == [first] * len(others)
    for path in POLL_HANDLERS:
        assert path.read_text().startswith(f'"""{path.parent.name}: polls one import at ')


@pytest.mark.parametrize("path", HANDLERS, ids=lambda path: path.parent.name)
def test_a_handler_is_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 40
