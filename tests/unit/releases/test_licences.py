"""What is shipped has an accepted licence, and the page about licences lists it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from local.paths import ROOT
from releases import licences
from releases.components import PAGE_FILES, Component, NotShippable, check, left_out, of_page, of_requirements, pins
from tests.page.test_files import PUBLISHED


def test_the_page_is_up_to_date() -> None:
    """`python -m releases.licences` writes it."""
    assert licences.PAGE.read_text("utf-8") == licences.page()


def test_every_package_of_the_layer_is_listed_with_a_notice() -> None:
    found = of_requirements()
    assert {one.name: one.version for one in found} == pins()
    assert [one.name for one in found if not one.notices] == []
    needed = {name for one in found for name in one.requires}
    assert needed - set(pins()) == left_out() == {"charset-normalizer", "jmespath"}


def test_every_file_of_others_on_the_page_is_listed() -> None:
    assert set(PAGE_FILES) == set(PUBLISHED)
    text = (ROOT / "tests" / "page" / "test_files.py").read_text("utf-8")
    for one in of_page():
        assert f"# {one.name} {one.version}, dist/" in text


@pytest.mark.parametrize("licence", ["", "GPL-3.0-only", "AGPL-3.0-or-later", "Proprietary", "MIT OR GPL-3.0-only"])
def test_a_licence_that_is_not_accepted_is_refused(licence: str) -> None:
    accepted = Component("a", "1", "MIT")
    check([accepted])
    with pytest.raises(NotShippable, match=r"b 1 \("):
        check([accepted, replace(accepted, name="b", licence=licence)])
