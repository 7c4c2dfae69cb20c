"""Looks for the secrets that the tests use in whatever a test made the project print, log or raise."""

from __future__ import annotations

import pytest

from local.simulators import document360, egain, voyado

SECRETS = (
    document360.API_TOKEN,
    egain.CLIENT_SECRET,
    voyado.API_KEY,
    "not-the-right-one",
    "kept-to-ourselves",
    "c4n4ry-",
)
"""Whole secrets, and what is part of every secret that a test makes up for itself."""


def leaks(report: pytest.TestReport) -> list[str]:
    """Give the secrets that a test's captured output, log lines or exception have in them."""
    said = [text for _, text in report.sections]
    if report.failed:
        said.append(report.longreprtext)
    return [secret for secret in SECRETS if any(secret in text for text in said)]
