"""The suite's own look-out for secrets sees what it should."""

from __future__ import annotations

import pytest

from local.simulators.voyado import API_KEY
from tests.leaks import leaks


def report(section: str, text: str) -> pytest.TestReport:
    return pytest.TestReport("a-test", ("", 0, ""), {}, "passed", None, "call", sections=[(section, text)])


@pytest.mark.parametrize("section", ["Captured stdout call", "Captured stderr call", "Captured log call"])
def test_a_secret_in_what_a_test_printed_or_logged_is_seen(section: str) -> None:
    assert leaks(report(section, f'{{"detail": "{API_KEY} is not valid"}}')) == [API_KEY]


def test_a_secret_in_an_exception_is_seen() -> None:
    failed = pytest.TestReport("a-test", ("", 0, ""), {}, "failed", f"ValueError: {API_KEY}", "call")
    assert leaks(failed) == [API_KEY]


def test_harmless_output_is_none() -> None:
    assert leaks(report("Captured stdout call", "polled")) == []
