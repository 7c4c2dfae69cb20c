"""What a person reads who watches from this machine: names of variables, and never of a secret or a start event."""

from __future__ import annotations

import re

import pytest
from import_watch.model.outcome import Outcome, Reason, WatchResult
from import_watch.model.watch import Watch
from import_watch.notifications.messages import sentence
from import_watch.services.vendor_registry import VendorRegistry
from import_watch.vendors.authentication import ClientCredentials

from local.paths import FUNCTIONS, ROOT
from local.watch import connection_fields, for_environment

VENDORS = VendorRegistry(FUNCTIONS)
CASES = [
    (
        "document360",
        Reason.UNAUTHORIZED,
        "Document360 responded with HTTP 401",
        ["set valid ones in DOCUMENT360_API_TOKEN, then run `make watch` again."],
    ),
    (
        "voyado",
        Reason.UNAUTHORIZED,
        "Voyado responded with HTTP 403",
        ["set valid ones in VOYADO_API_KEY, then run `make watch` again."],
    ),
    (
        "egain",
        Reason.UNAUTHORIZED,
        "no token from tokenUrl: HTTP 401, the client credentials are refused",
        [
            "set valid ones in EGAIN_CLIENT_ID and EGAIN_CLIENT_SECRET, then run `make watch` again.",
            "no token from EGAIN_TOKEN_URL",
        ],
    ),
    (
        "egain",
        Reason.TIMED_OUT,
        "",
        ["check it at the vendor, or run `make watch` again with a longer TIMEOUT_SECONDS."],
    ),
    (
        "egain",
        Reason.MISCONFIGURED,
        "no token from tokenUrl: HTTP 404: no token endpoint at this URL; correct it in the connection's secret",
        ["correct EGAIN_TOKEN_URL)"],
    ),
    (
        "egain",
        Reason.MISCONFIGURED,
        "no token from tokenUrl: HTTP 400: the scope sent was a; if the client was given b, set scope in the "
        "connection's secret",
        ["set EGAIN_SCOPE)"],
    ),
    (
        "egain",
        Reason.MISCONFIGURED,
        "the secret import-watch/egain/default is malformed: clientSecret has a line break at character 3: it must be "
        "a text of printable characters; the base URL (of apiDomain) is not allowed",
        ["the environment is not valid: EGAIN_CLIENT_SECRET has a line break", "(of EGAIN_API_DOMAIN)"],
    ),
]


@pytest.mark.parametrize(("vendor", "reason", "detail", "expected"), CASES)
def test_the_message_names_the_variables(vendor: str, reason: Reason, detail: str, expected: list[str]) -> None:
    adapter = VENDORS.adapter(vendor)
    watch = Watch(f"{vendor}#default#1", vendor, "default", "1", 0.0, 1.0, vendor_title=adapter.title)
    message = sentence(watch, WatchResult(Outcome.UNKNOWN, 1.0, reason=reason, detail=detail, grace_seconds=60))
    text = for_environment(message, adapter, "default")
    assert [part for part in expected if part not in text] == []
    assert not re.search(r"\bsecret\b|start event", text)


def test_another_message_is_unchanged() -> None:
    text = "Import 1 at eGain failed: the secret ingredient is missing; fix the cause before you start it again."
    assert for_environment(text, VENDORS.adapter("egain"), "default") == text


def test_the_phrases_are_those_of_the_product() -> None:
    """Every place where the product writes of a connection's secret to a person is covered above."""
    found = {
        phrase
        for path in (ROOT / "layers" / "import_watch" / "import_watch").rglob("*.py")
        for phrase in re.findall(
            r"put valid ones into its secret|\w+ \w+ in the connection's secret|the secret \{\w+\} is malformed",
            re.sub(r'"\s+f?"', "", path.read_text()),
        )
    }
    assert found == {
        "put valid ones into its secret",
        "set scope in the connection's secret",
        "correct it in the connection's secret",
        "the secret {secret_name} is malformed",
    }
    assert isinstance(VENDORS.adapter("egain").api().authentication, ClientCredentials)


@pytest.mark.parametrize(
    ("environment", "fields", "missing"),
    [
        ({}, {}, ["DOCUMENT360_API_TOKEN"]),
        (
            {"DOCUMENT360_API_VERSION": "v3", "DOCUMENT360_API_TOKEN": "t"},
            {"apiVersion": "v3", "apiToken": "t"},
            ["DOCUMENT360_PROJECT_ID"],
        ),
        (
            {"DOCUMENT360_API_VERSION": "v9", "DOCUMENT360_API_TOKEN": "t"},
            {"apiVersion": "v9", "apiToken": "t"},
            [],
        ),
    ],
)
def test_the_version_decides_which_variables_are_needed(
    environment: dict[str, str], fields: dict[str, str], missing: list[str]
) -> None:
    assert connection_fields(VENDORS.adapter("document360"), environment) == (fields, missing)
