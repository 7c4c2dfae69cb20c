"""The page of a real stack on the emulator: imports run, end, and have their polls, events and log on the page."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
import requests
from import_watch_cli.page.server import BackgroundPage
from import_watch_cli.stack import local_stack

from local.paths import ROOT
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
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `stack.json` is."""
    made: Path = tmp_path_factory.mktemp("state")
    return made


@pytest.fixture(scope="module")
def page(folder: Path) -> Iterator[tuple[LocalStack, BackgroundPage]]:
    with LocalStack(wait_scale=0.05, vendors=("document360",)) as stack:
        description = stack.description(os.getpid())
        (folder / "stack.json").write_text(json.dumps(description))
        with BackgroundPage(local_stack(description, folder / "stack.json")) as served:
            yield stack, served


def text_of(page: BackgroundPage, path: str) -> str:
    found = requests.get(page.url + path, timeout=SECONDS)
    found.raise_for_status()
    return found.text


def post(page: BackgroundPage, action: str, watch_id: str, **fields: str) -> str:
    text = text_of(page, f"steer?{urlencode({'id': watch_id})}")
    (token,) = set(re.findall(r'name="token" value="([^"]+)"', text))
    form = {"token": token, "id": watch_id, **fields}
    headers = {"Origin": page.url.rstrip("/"), "HX-Request": "true"}
    found = requests.post(page.url + action, form, headers=headers, timeout=SECONDS)
    return f"{found.status_code} {found.text}"


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


def test_a_watch_is_woken_stopped_and_started_again(page: tuple[LocalStack, BackgroundPage]) -> None:
    stack, served = page
    stack.simulators["document360"].script("steered", [{"status": "InProgress"}])
    stack.start_import({"vendor": "document360", "importId": "steered"})
    key = "document360#default#steered"
    path = f"watch?{urlencode({'id': key})}"
    wait_until(lambda: ">steered</a>" in text_of(served, "") or None, SECONDS, "the import is listed")
    wait_until(lambda: "is running at Document360" in text_of(served, path) or None, SECONDS, "it is polled")
    assert post(served, "again", key).startswith("409 ")
    assert post(served, "stop", key, reason="").startswith("409 ")
    assert post(served, "wake", key).startswith("200 ")
    assert post(served, "stop", key, reason="started by <mistake>").startswith("200 ")
    stopped = wait_until(
        lambda: text if "WATCH_STOPPED" in (text := text_of(served, path)) else None, SECONDS, "the watch has ended"
    )
    assert "started by &lt;mistake&gt;" in stopped
    assert post(served, "wake", key).startswith("409 ")
    wait_until(lambda: post(served, "again", key).startswith("200 ") or None, SECONDS, "the import is watched again")
    again = wait_until(
        lambda: text if "attempt 2" in (text := text_of(served, path)) else None, SECONDS, "the second attempt"
    )
    assert "is running at Document360" in again or "it was not polled yet" in again
    first = text_of(served, f"{path}&attempt=1")
    assert "This is an earlier attempt" in first
    assert "WATCH_STOPPED" in first


@pytest.mark.parametrize("interrupt", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.usefixtures("page")
def test_the_command_serves_until_it_is_interrupted(folder: Path, interrupt: signal.Signals) -> None:
    command = [sys.executable, str(ROOT / "cli" / "launch.py"), "page", "--local", "--json"]
    env = {"PATH": os.environ["PATH"], "IMPORT_WATCH_STATE": str(folder)}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["url"]
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", url)
            assert "Import Watch</title>" in requests.get(url, timeout=SECONDS).text
            process.send_signal(interrupt)
            _, errors = process.communicate(timeout=SECONDS)
        finally:
            process.kill()
    assert process.returncode in (0, 128 + interrupt)
    assert errors == ""


def test_a_port_in_use_is_reported_in_one_line(folder: Path, page: tuple[LocalStack, BackgroundPage]) -> None:
    command = [sys.executable, str(ROOT / "cli" / "launch.py"), "page", "--local", "--port", str(page[1].port)]
    env = {"PATH": os.environ["PATH"], "IMPORT_WATCH_STATE": str(folder)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "name another --port" in done.stderr
