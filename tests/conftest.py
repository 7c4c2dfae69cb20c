"""Hooks for the whole suite: the search for leaked secrets, the order of the tests, and the report.

They are here, and not beside the tests they concern: the coordinator of several workers loads no conftest below.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import Scheduling

from tests.leaks import leaks
from tests.loopback_server import refusing
from tests.scheduling import ByFileOrGroup, rank

# A busy machine must not fail a test: pytest-timeout alone limits its time.
settings.register_profile("busy", deadline=None)
settings.load_profile("busy")

if TYPE_CHECKING:
    from playwright.sync_api import Browser

LEAKED: dict[str, list[str]] = {}
"""Tests that printed, logged or raised a secret, and which."""

# These hold assertions and are not test modules themselves.
pytest.register_assert_rewrite("tests.conformance.kit", "tests.conformance.facts", "tests.conformance.harness")


@pytest.fixture(scope="session")
def refused_url() -> Iterator[str]:
    """Base URL at which connections are refused for as long as the tests run."""
    with refusing() as url:
        yield url


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The machine's Chromium; one for all tests of a worker, since a process may start Playwright once."""
    from playwright.sync_api import sync_playwright

    from tests.page.chromium import FLAGS, chromium_path
    from tests.page.conftest import left_out

    path = chromium_path()
    if path is None:
        left_out("there is no Chromium on this machine (Debian's package chromium)")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield started
        started.close()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sort the slowest tests to the front, for several workers.

    It refuses to run where pytest-xdist marks no groups: every worker would make each stack that tests share.

    Raises
    ------
    RuntimeError
        If a test that belongs to a group would be run by any worker.
    """
    if not config.getoption("loadgroup", default=False):
        return
    for item in items:
        if item.get_closest_marker("xdist_group") and "@" not in item.nodeid:
            raise RuntimeError(f"{item.nodeid} is not in its group: this pytest does not go with pytest-xdist")
    items.sort(key=rank)


def pytest_collection_finish() -> None:
    """Have the ten thousand tests, and all that they import, no longer looked through for garbage while they run."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    """Scheduler that distributes the tests to the workers."""
    if config.getvalue("dist") != "loadgroup":
        return None
    # In the order in which they are collected, not by how many they are.
    config.option.loadscopereorder = False
    return ByFileOrGroup(config, log)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Search what every test printed, logged and raised."""
    if found := leaks(report):
        LEAKED.setdefault(report.nodeid, []).extend(found)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that leaked a secret, whatever the results of its tests."""
    if LEAKED:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many conformance cases each vendor went through, and what the searches of the model covered."""
    for test, secrets in LEAKED.items():
        terminalreporter.write_line(f"{test} leaked a secret: {', '.join(sorted(set(secrets)))}", red=True)
    reports = [report for kind in ("passed", "failed", "xfailed") for report in terminalreporter.stats.get(kind, [])]
    counts = Counter(
        str(value)
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for name, value in report.user_properties
        if name == "conformance"
    )
    searches = [
        (report.nodeid.partition("[")[2].rstrip("]"), *value)
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for name, value in report.user_properties
        if name == "model" and isinstance(value, tuple | list)
    ]
    for scenario, interleavings, steps, moments, status_overrides in sorted(searches, key=lambda found: str(found[0])):
        terminalreporter.write_line(
            f"model: {interleavings:,} interleavings by {steps:,} steps between {moments:,} moments, "
            f"{status_overrides:,} ends settled: {scenario}"
        )
    for kind, made, missed in (
        value
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for name, value in report.user_properties
        if name == "mistakes" and isinstance(value, tuple | list)
    ):
        terminalreporter.write_line(f"mistakes in adapters, {kind}: {made - len(missed)} of {made} found")
        for what in missed if kind == "planted" else ():
            terminalreporter.write_line(f"  not found: {what}")
    if counts:
        summary = ", ".join(f"{vendor} {count}" for vendor, count in sorted(counts.items()))
        terminalreporter.write_line(f"conformance cases: {summary}")
