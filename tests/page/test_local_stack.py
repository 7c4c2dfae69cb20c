"""The page of a real stack on the emulator: imports run, end, and have their polls, events and log on the page."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from import_watch_cli.page.server import BackgroundPage
from import_watch_cli.stack import local_stack

from local.simulators.script import Step
from local.stack import LocalStack
from local.waiting import wait_until

pytestmark = pytest.mark.xdist_group("page-stack")
SECONDS = 60
STEPS: list[Step] = [
    {"polls": 1, "status": "Queued"},
    {"polls": 1, "status": "InProgress"},
    {"polls": 1, "fault": {"status": 503, "body": "maintenance"}},
    {
        "status": "Completed",
        "log": {"articles": 2, "messages": [{"message_type": 2, "message": "<b>2</b> articles \x1b[31m imported."}]},
    },
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LocalStack, BackgroundPage]]:
    folder: Path = tmp_path_factory.mktemp("state")
    with LocalStack(wait_scale=0.05, vendors=("document360",)) as stack:
        description = stack.description(os.getpid())
        (folder / "stack.json").write_text(json.dumps(description))
        with BackgroundPage(local_stack(description, folder / "stack.json")) as served:
            yield stack, served


def text_of(page: BackgroundPage, path: str) -> str:
    found = requests.get(page.url + path, timeout=SECONDS)
    found.raise_for_status()
    return found.text


def test_an_import_is_followed_to_its_log(page: tuple[LocalStack, BackgroundPage]) -> None:
    stack, served = page
    assert "No import is running" in text_of(served, "")
    stack.simulators["document360"].script("an-import", STEPS)
    stack.simulators["document360"].script("endless", [{"status": "InProgress"}])
    stack.start_import({"vendor": "document360", "importId": "an-import", "correlationId": "nightly"})
    stack.start_import({"vendor": "document360", "importId": "endless"})
    wait_until(lambda: ">endless</a>" in text_of(served, "") or None, SECONDS, "the active import is listed")
    path = "watch?id=document360%23default%23an-import"

    def ended() -> str | None:
        text = text_of(served, path) if "an-import" in text_of(served, "?view=ended") else ""
        return text if "Published" in text else None

    text = wait_until(ended, SECONDS, "the import has ended")
    assert "Import an-import at Document360 completed." in text
    assert len(re.findall(r'<g class="mark tone-', text)) == 4
    assert "1 poll failed" in text
    for event in ("Registered", "Queued", "Running", "Poll failed", "Succeeded", "Log archived", "Published"):
        assert f"<b>{event}</b>" in text
    (log,) = re.findall(r'<pre class="log"[^>]*>(.*?)</pre>', text, re.DOTALL)
    assert "&lt;b&gt;2&lt;/b&gt; articles" in log
    assert "\x1b" not in text
    assert "2 articles" in requests.get(served.url + path.replace("watch", "log", 1), timeout=SECONDS).text.replace(
        "<b>2</b>", "2"
    )
