"""A page with 200 active watches for the tests, and the machine's own Chromium, without which its tests are skipped."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import NoReturn

import pytest
from import_watch.model.watch import Watch
from import_watch_cli.page.server import BackgroundPage, create_app
from playwright.sync_api import Browser, BrowserContext, Page, Route

from local.paths import ROOT
from tests.page.seeding import HOSTILE_ID, Seeded, a_long_import, fill, seeded, seeded_story

ACTIVE, ENDED = 199, 60
TOKEN = "token-of-the-tests"
REFRESH_SECONDS = 0.6
STATIC = ROOT / "tests" / "static"
AXE = STATIC / "node_modules" / "axe-core" / "axe.min.js"
IS_CI = os.environ.get("CI") == "true"


@dataclass(frozen=True)
class Served:
    """A page that is served, and its data.

    Parameters
    ----------
    page : BackgroundPage
    data : Seeded
    watches : list of Watch
        The active ones.
    long_import : Watch
        An ended one with problems and a log.
    """

    page: BackgroundPage
    data: Seeded
    watches: list[Watch]
    long_import: Watch

    @property
    def url(self) -> str:
        """Address of the list."""
        return self.page.url


@dataclass
class Window:
    """A window of the browser, with what it printed and requested.

    Parameters
    ----------
    page : Page
    printed : list of str
        Errors and warnings of its console.
    elsewhere : list of str
        Addresses outside of this page that it requested; they are not reached.
    """

    page: Page
    printed: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    """The page of a stack with 200 active watches and 61 ended ones."""
    with seeded(time.time()) as data:
        watches = fill(data, ACTIVE, ENDED)
        watches.append(data.active("voyado", HOSTILE_ID, 30, polls=1))
        long_import = a_long_import(data)
        with served_page(data) as page:
            yield Served(page, data, watches, long_import)


def served_page(data: Seeded) -> BackgroundPage:
    """A page of a seeded stack, not started yet."""
    return BackgroundPage(
        data.stack, create=partial(create_app, story=seeded_story, token=TOKEN, refresh_seconds=REFRESH_SECONDS)
    )


def left_out(reason: str) -> NoReturn:
    """Skip the tests of the browser with a line in the summary; in CI, fail."""
    if IS_CI:
        pytest.fail(f"CI must run the tests of the page in a browser: {reason}")
    pytest.skip(f"the tests of the page in a browser are left out: {reason}")


@pytest.fixture
def window(browser: Browser, served: Served, request: pytest.FixtureRequest) -> Iterator[Window]:
    """A new window; a test's parameter `colour_scheme` or `width` sets its own."""
    values = getattr(request.node, "callspec", None)
    given = values.params if values is not None else {}
    context = browser.new_context(
        viewport={"width": given.get("width", 1280), "height": 844},
        color_scheme=given.get("colour_scheme", "light"),
    )
    context.set_default_timeout(10_000)
    yield observed(context, served.url)
    context.close()


def observed(context: BrowserContext, url: str) -> Window:
    """A window whose console and requests are recorded."""
    window = Window(context.new_page())

    def block(route: Route) -> None:
        if route.request.url.startswith(url):
            route.fallback()
        else:
            window.elsewhere.append(route.request.url)
            route.abort()

    context.route("**/*", block)
    window.page.on(
        "console", lambda line: window.printed.append(line.text) if line.type in ("error", "warning") else None
    )
    window.page.on("pageerror", lambda error: window.printed.append(str(error)))
    return window


@cache
def axe_source() -> str:
    """Source of axe-core, installed as the lock file pins it."""
    if not AXE.exists() or not _is_installed():
        if shutil.which("npm") is None:
            left_out("there is no Node on this machine, which installs axe-core")
        subprocess.run([str(STATIC / "install.sh")], check=True, timeout=120, capture_output=True)
    return AXE.read_text("utf-8")


def _is_installed() -> bool:
    installed, pinned = STATIC / "node_modules" / ".package-lock.json", STATIC / "package-lock.json"
    return installed.exists() and installed.stat().st_mtime >= Path(pinned).stat().st_mtime
