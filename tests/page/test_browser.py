"""The page in Chromium: live, accessible, on a narrow screen, by keyboard, and without a request to elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from import_watch.model.outcome import Outcome, WatchResult
from import_watch.notifications.messages import with_message
from import_watch_cli.page.words import next_poll, short_duration
from playwright.sync_api import Browser, Page, expect

from tests.page.conftest import Served, Window, axe_source, observed, served_page
from tests.page.seeding import HOSTILE_ID, fill, seeded

pytestmark = pytest.mark.xdist_group("page")
LONG = "watch?id=document360%23default%236f1c2a"
VIEWS = ("", "?view=ended", "?q=no-such-import", LONG, "watch?id=none")
LOAD_SECONDS = 4.0
"""Maximum time of the list with 200 watches on a busy machine; it takes a fifth of it."""


@pytest.fixture(autouse=True)
def _nothing_printed_and_nothing_elsewhere(window: Window) -> Iterator[None]:
    """Check after each test that the console is empty and every request was this page's."""
    yield
    # htmx prints requests that a newer one, or the next page, has replaced, and those that a busy machine delays.
    replaced = ("htmx:afterRequest", "htmx:sendAbort", "htmx:timeout")
    expected = ("404 (Not Found)", "ERR_CONNECTION_REFUSED", "409 (Conflict)", *replaced)
    assert [line for line in window.printed if not any(one in line for one in expected)] == []
    assert window.elsewhere == []


def violations(page: Page) -> list[str]:
    page.evaluate(axe_source())
    found: list[dict[str, Any]] = page.evaluate("async () => (await axe.run()).violations")
    return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


def test_two_hundred_watches_are_shown_at_once(window: Window, served: Served) -> None:
    began = time.monotonic()
    window.page.goto(served.url)
    assert window.page.locator("tbody tr").count() == 200
    assert time.monotonic() - began < LOAD_SECONDS
    expect(window.page).to_have_title("200 active, 5 failed · Import Watch")


@pytest.mark.parametrize(("colour_scheme", "width"), [("light", 1280), ("dark", 1280), ("dark", 390)])
def test_axe_finds_nothing(window: Window, served: Served, colour_scheme: str, width: int) -> None:
    # With failing polls and all outcomes, and with few rows: axe takes long for two hundred that are alike.
    failing = served.watches[4].import_id[:6]
    views = (f"?vendor=egain&q={failing}", "?view=ended&q=9a", "?q=no-such-import", LONG)
    for view in views[:: 1 if width > 390 else 3]:
        window.page.goto(served.url + view)
        assert violations(window.page) == [], (view, colour_scheme, width)
    window.page.goto(f"{served.url}?q={served.watches[0].import_id}")
    window.page.locator("a.more").first.click()
    expect(window.page.locator("dialog[open] h2")).to_be_focused()
    assert violations(window.page) == []


def test_a_narrow_screen_needs_no_sideways_scrolling(window: Window, served: Served) -> None:
    page = window.page
    for view in VIEWS:
        page.goto(served.url + view)
        for width in (768, 390, 320):
            page.set_viewport_size({"width": width, "height": 844})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (view, width)
    page.goto(served.url)
    long_id = served.watches[0].import_id
    expect(page.get_by_role("link", name=long_id, exact=True)).to_be_visible()


def test_the_list_changes_by_itself_around_the_focus(window: Window, served: Served) -> None:
    data, page = served.data, window.page
    page.goto(served.url)
    watch = data.active("egain", "ends-soon", 5, polls=3)
    row = page.get_by_role("link", name="ends-soon", exact=True)
    expect(row).to_be_visible()
    page.get_by_role("searchbox").fill("ends")
    expect(page).to_have_url(f"{served.url}?q=ends")
    expect(page.locator("tbody tr")).to_have_count(1)
    row.focus()
    result = with_message(watch, WatchResult(Outcome.FAILED, data.now + 1, reason="no key <sku>"))
    other = data.active("egain", "ends-not", 4, polls=1)
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(row).to_be_focused()
    data.store.end(watch, result)
    expect(row).to_have_count(0)
    page.get_by_role("link", name="Ended", exact=True).click()
    expect(page.get_by_text("no key <sku>")).to_be_visible()
    data.store.end(other, with_message(other, WatchResult(Outcome.CANCELLED, data.now + 2)))


def test_an_open_list_stays_open_while_the_page_changes(window: Window, served: Served) -> None:
    page = window.page
    page.goto(served.url + LONG)
    page.get_by_text("All 71 polls").click()
    with page.expect_response(lambda response: LONG.partition("?")[0] in response.url):
        pass
    expect(page.locator("#all-polls")).to_have_attribute("open", "")
    assert page.locator("svg .mark").count() == 71


def test_hostile_text_does_nothing(window: Window, served: Served) -> None:
    page = window.page
    page.goto(served.url + LONG)
    expect(page).to_have_title("Succeeded: 6f1c2a · Import Watch")
    assert page.locator("pre.log *, .problems img").count() == 0
    expect(page.locator("pre.log")).to_contain_text("<script>document.title='run'</script> \\x1b[31mred")
    page.goto(f"{served.url}?vendor=voyado&q=gnp")
    link = page.locator("a.import")
    expect(link).to_have_text(HOSTILE_ID.replace("\x1b", "\\x1b").replace("\u202e", "\\u202e"))
    link.click()
    expect(page.locator("h1")).to_contain_text("<b title='x'>")
    assert page.locator("h1 b").count() == 0


def test_the_keyboard_reaches_everything(window: Window, served: Served) -> None:
    page = window.page
    page.goto(f"{served.url}?q={served.watches[1].import_id}")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    more = page.get_by_role("link", name=f"Actions for import {served.watches[1].import_id}")
    for _ in range(30):
        page.keyboard.press("Tab")
        if more.evaluate("link => link === document.activeElement"):
            break
    expect(more).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#sheet-title")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(more).to_be_focused()


@pytest.mark.parametrize(
    ("path", "button", "expected"),
    [
        ("?q={active}", "Poll now", "in its connection's next free slot"),
        ("?view=ended&q=6f1c2a", "Watch again", "was sent"),
    ],
)
def test_a_button_sends_its_event(window: Window, served: Served, path: str, button: str, expected: str) -> None:
    page = window.page
    page.goto(served.url + path.format(active=served.watches[2].import_id))
    page.locator("a.more").first.click()
    page.get_by_role("button", name=button).click()
    expect(page.get_by_role("status").filter(has_text=expected)).to_be_visible()


def test_a_stop_stores_its_reason(window: Window, served: Served) -> None:
    page = window.page
    watch = served.data.active("egain", "to-be-stopped", 5, polls=3)
    page.goto(f"{served.url}watch?id=egain%23default%23to-be-stopped")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("dialog[open]")).to_have_count(0)  # a reason is required
    page.get_by_label("Reason for stopping the watch").fill("started by mistake")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("dialog[open]")).to_contain_text("was stopped")
    record = served.data.store.get(watch.watch_id)
    assert record is not None
    assert record.stop_reason == "started by mistake"
    served.data.store.end(watch, with_message(watch, WatchResult(Outcome.UNKNOWN, time.time(), reason="WATCH_STOPPED")))


def test_a_pause_stops_the_requests(window: Window, served: Served) -> None:
    page = window.page
    page.clock.install()
    page.goto(f"{served.url}?q=none")
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.get_by_role("button", name="Pause").click()
    page.clock.run_for(20_000)
    assert [url for url in requested if "q=none" in url] == []
    expect(page.get_by_text("Paused")).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    with page.expect_request("**/*q=none"):
        page.clock.run_for(2_500)
    expect(page.locator("#live-state")).to_have_text("Live")


def test_a_lost_connection_is_shown_with_the_last_rows(browser: Browser, window: Window) -> None:
    with seeded(time.time()) as data:
        fill(data, 5, 3)
        with served_page(data) as server:
            context = browser.new_context()
            page = observed(context, server.url).page
            page.goto(server.url)
            expect(page.locator("#live-state")).to_have_text("Live")
            data.emulator.stop()
            expect(page.locator("#live-state")).to_have_text("No data from AWS", timeout=20_000)
            expect(page.get_by_role("alert")).to_contain_text("AWS could not be reached")
            assert page.locator("tbody tr").count() == 5
            assert violations(page) == []
        expect(page.locator("#live-state")).to_have_text("The server of this page does not respond")
        context.close()
    assert window.printed == []


def test_the_browser_and_the_server_use_the_same_words(window: Window, served: Served) -> None:
    window.page.goto(f"{served.url}?q=none")
    times = [-5, 0, 0.4, 1, 59.9, 60, 61, 3_599, 3_600, 3_660, 86_399, 86_400, 90_000, 200_000]
    found = window.page.evaluate(
        "times => times.map(one => [importWatch.shortDuration(one), importWatch.nextPoll(one)])", times
    )
    assert found == [[short_duration(one), next_poll(one)] for one in times]
