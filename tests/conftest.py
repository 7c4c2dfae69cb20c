"""What holds for the whole suite: how it reports.

It stands here, and not beside the tests it counts, because the coordinator of several workers loads no conftest below.
"""

from __future__ import annotations

from collections import Counter

import pytest

# These hold assertions and are not test modules themselves.
pytest.register_assert_rewrite("tests.conformance.kit", "tests.conformance.stage")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many conformance cases each vendor went through."""
    reports = [report for kind in ("passed", "failed", "xfailed") for report in terminalreporter.stats.get(kind, [])]
    counts = Counter(
        str(value)
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for name, value in report.user_properties
        if name == "conformance"
    )
    if counts:
        told = ", ".join(f"{vendor} {count}" for vendor, count in sorted(counts.items()))
        terminalreporter.write_line(f"conformance cases: {told}")
