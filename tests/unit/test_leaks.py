"""The suite's search for leaked secrets finds them in every form."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest

from local.simulators.voyado import API_KEY
from tests.leaks import SECRETS, leaks, secrets_in


def report(section: str, text: str) -> pytest.TestReport:
    return pytest.TestReport("a-test", ("", 0, ""), {}, "passed", None, "call", sections=[(section, text)])


@pytest.mark.parametrize("section", ["Captured stdout call", "Captured stderr call", "Captured log call"])
def test_a_secret_in_what_a_test_printed_or_logged_is_seen(section: str) -> None:
    assert leaks(report(section, json.dumps({"detail": f"{API_KEY} is not valid"}))) == [API_KEY]


def test_a_secret_in_an_exception_is_seen() -> None:
    failed = pytest.TestReport("a-test", ("", 0, ""), {}, "failed", f"ValueError: {API_KEY}", "call")
    assert leaks(failed) == [API_KEY]


def test_harmless_output_is_no_leak() -> None:
    assert leaks(report("Captured stdout call", "polled")) == []


@pytest.mark.parametrize(
    "write",
    [
        json.dumps,
        lambda secret: json.dumps({"detail": json.dumps({"token": secret})}),
        lambda secret: json.dumps(secret, ensure_ascii=False).replace("/", "\\/"),
        html.escape,
        lambda secret: quote(secret, safe=""),
        lambda secret: base64.b64encode(f"a-client:{secret}:x".encode()).decode(),
        lambda secret: base64.urlsafe_b64encode(f">>{secret}".encode()).decode(),
        repr,
    ],
)
@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_seen_however_it_is_written(secret: str, write: Callable[[str], str]) -> None:
    assert secrets_in(f"before {write(secret)} behind") == [secret]
