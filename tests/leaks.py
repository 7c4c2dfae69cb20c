"""Search for the secrets of the tests in all that the project prints, logs, stores or raises."""

from __future__ import annotations

import base64
import html
import json
from functools import cache
from urllib.parse import quote, quote_plus

import pytest
from import_watch.services.vendor_registry import VendorRegistry

from local.paths import FUNCTIONS
from local.simulators import egain
from local.simulators.registry import VENDORS, simulated


def _credentials() -> set[str]:
    """Secrets of all connections of the simulators."""
    found = set()
    for vendor in VENDORS:
        adapter = VendorRegistry(FUNCTIONS).adapter(vendor)
        for fields in simulated(vendor).connections("http://127.0.0.1").values():
            secret = adapter.api(adapter.version_of(fields)).connection.secret
            found |= {str(fields[name]) for name in secret if name in fields}
    return found


SECRETS = (
    *sorted(_credentials()),
    egain.SECOND_CLIENT_SECRET,
    "not-the-right-one",
    "kept-to-ourselves",
    "c4n4ry-",
)
"""Whole secrets, and what is part of every secret that a test makes up for itself."""


def secrets_in(text: str) -> list[str]:
    """Secrets in a text, in any encoded form."""
    return [secret for secret in SECRETS if any(form in text for form in forms(secret))]


def leaks(report: pytest.TestReport) -> list[str]:
    """Secrets in the captured output, the log lines or the exception of a test."""
    texts = [text for _, text in report.sections]
    if report.failed:
        texts.append(report.longreprtext)
    return secrets_in("\n".join(texts))


@cache
def forms(secret: str) -> frozenset[str]:
    """Forms in which a secret may be written: plain, and as encoders write it.

    Independent of the project's redaction, which it checks.
    """
    plain = {secret, html.escape(secret), html.escape(secret).replace("&#x27;", "&#39;"), repr(secret)[1:-1]}
    in_urls = {quote(secret, safe=""), quote(secret), quote_plus(secret), quote(quote(secret, safe=""), safe="")}
    found = {*plain, *in_urls, *(text.lower() for text in in_urls if text != secret), secret.encode().hex()}
    for _ in range(3):  # JSON in JSON: an event's detail, in a line of the log
        for text in list(found):
            for escaped in (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]):
                found |= {escaped, escaped.replace("/", "\\/")}
    dotnet = "".join(
        char if (char.isalnum() and char.isascii()) or char == "-" else f"\\u{ord(char):04X}" for char in secret
    )
    found |= {dotnet, dotnet.replace("\\", "\\\\"), "".join(f"\\u{ord(char):04x}" for char in secret)}
    for before in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            raw = secret.encode()
            # Without the characters that also hold bits of what stands before and behind.
            found.add(encode(b"x" * before + raw).decode()[(0, 2, 3)[before] : 8 * (before + len(raw)) // 6])
    return frozenset(found)
