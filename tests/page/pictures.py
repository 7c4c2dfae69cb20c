"""Makes the pictures of the documentation: `python -m tests.page.pictures`.

The data, the time and the time zone are always the same.
"""

from __future__ import annotations

import html
import json
import os
import re
import sys
import time
from functools import partial
from pathlib import Path

from import_watch.aws.sns import subject_of
from import_watch.notifications.notification import mail
from import_watch_cli.page.server import BackgroundPage, create_app
from playwright.sync_api import Browser, sync_playwright

from local.paths import ROOT
from tests.page.chromium import FLAGS, chromium_path
from tests.page.seeding import a_long_import, fill, seeded, seeded_story

FOLDER = ROOT / "docs" / "pictures"
NOW = 1_795_688_640.0
"""2026-11-26T10:24:00Z."""
ACTIVE, ENDED = 40, 60
MAX_BYTES = 400_000
LONG_ID = "c8d8976b-fd91-5585-9fd2-a802ac104b80"


def main() -> int:
    """Write the pictures; 1 where there is no Chromium or a picture is too large."""
    path = chromium_path()
    if path is None:
        sys.stdout.write("There is no Chromium on this machine: install it, or set CHROMIUM.\n")
        return 1
    os.environ["TZ"] = "UTC"
    time.tzset()
    FOLDER.mkdir(parents=True, exist_ok=True)
    with seeded(NOW) as data:
        fill(data, ACTIVE, ENDED)
        a_long_import(data, "egain", LONG_ID)
        create = partial(create_app, story=seeded_story, clock=lambda: NOW + 2)
        with BackgroundPage(data.stack, create=create) as page, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
            pictures = [
                _picture(browser, page.url, "page-list", height=2_640),
                _picture(browser, page.url, "page-dark", height=930, scheme="dark"),
                _picture(browser, f"{page.url}watch?id=egain%23default%23{LONG_ID}", "page-watch", height=1_380),
                _picture(browser, page.url, "page-phone", width=390, height=844, scale=2),
                _mail(browser),
            ]
            browser.close()
    for picture in pictures:
        sys.stdout.write(f"{picture.relative_to(ROOT)}: {picture.stat().st_size:,} bytes\n")
    return int(any(picture.stat().st_size > MAX_BYTES for picture in pictures))


def _picture(
    browser: Browser,
    url: str,
    name: str,
    *,
    width: int = 1_240,
    height: int,
    scheme: str = "light",
    scale: float = 1,
) -> Path:
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        device_scale_factor=scale,
        reduced_motion="reduce",
        timezone_id="UTC",
    )
    page = context.new_page()
    page.clock.set_fixed_time(NOW + 2)
    page.goto(url)
    page.locator("html.js").wait_for()
    path = FOLDER / f"{name}.png"
    page.screenshot(path=path, animations="disabled")
    context.close()
    return path


def _mail(browser: Browser) -> Path:
    """Picture of a sample notification as a subscriber gets it by e-mail."""
    event = json.loads((ROOT / "events" / "notifications" / "partial.json").read_text())
    text = re.sub(r"(https://[^\s]+)", r'<a href="\1">\1</a>', html.escape(mail(event)))
    subject = html.escape(subject_of(event))
    page = browser.new_page(viewport={"width": 980, "height": 420}, timezone_id="UTC")
    page.set_content(
        "<style>body{margin:24px;font:14px/1.5 system-ui,sans-serif;color:#1b1f24;background:#fff}"
        "h1{font-size:18px;margin:0 0 2px}p{margin:0 0 14px;color:#57606a}"
        "pre{font:13px/1.5 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere;margin:0}</style>"
        f"<h1>{subject}</h1><p>from AWS Notifications</p><pre>{text}</pre>"
    )
    path = FOLDER / "mail.png"
    page.screenshot(path=path, full_page=True)
    page.close()
    return path


if __name__ == "__main__":
    sys.exit(main())
