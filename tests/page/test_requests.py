"""The page's responses: they hold the rows, vendor text is text, and requests of other sites are refused."""

from __future__ import annotations

import html
import http.client
import re
from urllib.parse import urlencode, urlsplit

import pytest
import requests
from import_watch_cli.page.security import HEADERS
from import_watch_cli.page.server import BackgroundPage

from tests.page.conftest import TOKEN, Served
from tests.page.seeding import HOSTILE_LINE, LOG_LINES, emulated_stack

pytestmark = pytest.mark.xdist_group("page")
LONG = "/watch?id=document360%23default%236f1c2a"
PAGES = (
    "/",
    "/?view=ended",
    "/?view=ended&period=all&outcome=failed",
    "/?q=%3Cb",
    LONG,
    "/steer?id=voyado%23default%231",
)
FORM = "application/x-www-form-urlencoded"


def response(
    served: Served, path: str, method: str = "GET", body: str | None = None, **headers: str
) -> tuple[int, dict[str, str], str]:
    """Status, headers and text; a header's name has `_` for `-`."""
    connection = http.client.HTTPConnection("127.0.0.1", served.page.port, timeout=30)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        found = connection.getresponse()
        return found.status, {name.lower(): value for name, value in found.getheaders()}, found.read().decode()
    finally:
        connection.close()


def test_the_first_response_holds_every_row(served: Served) -> None:
    status, _, text = response(served, "/")
    assert status == 200
    for watch in served.watches[:199]:
        assert f">{watch.import_id}</a>" in text
    assert '<span class="figure">200</span>' in text


@pytest.mark.parametrize("view", ["active", "ended"])
def test_a_first_reading_that_fails_shows_no_zeros(view: str) -> None:
    # Nothing listens there.
    with BackgroundPage(emulated_stack("http://127.0.0.1:9")) as page:
        text = requests.get(f"{page.url}?view={view}", timeout=30).text
    assert re.findall(r'<span class="figure">([^<]*)</span>', text) == ["–"] * 6
    assert "AWS could not be reached" in text
    assert f"The {view} imports could not be read" in text
    assert "No import" not in text


def test_a_list_has_pages(served: Served) -> None:
    seen: list[str] = []
    path: str | None = "/?view=ended&period=all"
    while path is not None:
        _, _, text = response(served, path)
        seen += re.findall(r'<a class="import" href="([^"]+)"', text)
        following = re.search(r'<a class="button" href="([^"]+)" rel="next"', text)
        path = html.unescape(following[1]) if following else None
    assert len(seen) == len(set(seen)) >= 61


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("view=ended&outcome=failed", {"Failed"}),
        ("view=ended&outcome=completed", {"Succeeded", "Partial"}),
        ("view=ended&outcome=unknown&period=7d", {"Unknown"}),
        ("view=ended&outcome=nonsense&period=x&before=nan&start=-1", None),
        ("vendor=voyado", {"Running", "Queued", "Registered"}),
        ("q=no-such-import", set()),
        ("view=ended&q=6f1c2a", {"Succeeded"}),
        ("view=ended&connection=other", set()),
    ],
)
def test_a_filter_shows_what_it_names(served: Served, query: str, expected: set[str] | None) -> None:
    status, _, text = response(served, f"/?{query}")
    assert status == 200
    chips = set(re.findall(r'<td role="cell" class="c-state"><span class="chip[^>]*>.*?</svg>([^<]+)</span>', text))
    assert chips == expected or (expected is None and chips)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_nothing_inline(served: Served, path: str) -> None:
    """The Content-Security-Policy would refuse it."""
    _, _, text = response(served, path)
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=|javascript:|<script(?! src=\"/static/)|https?://(?!www\.w3)", re.sub(r"&[a-z#0-9]+;", "", re.sub(r'<pre.*?</pre>|<ul class="problems">.*?</ul>', "", text, flags=re.DOTALL))) == []  # noqa: E501  # fmt: skip


@pytest.mark.parametrize("path", [*PAGES, "/static/page.css", "/missing", "/watch?id=none", "/log?id=none"])
def test_every_response_has_the_headers(served: Served, path: str) -> None:
    _, headers, _ = response(served, path)
    found = {name: headers.get(name.lower()) for name in HEADERS if name != "Cache-Control"}
    assert found == {name: value for name, value in HEADERS.items() if name != "Cache-Control"}
    assert path.startswith("/static/") or headers["cache-control"] == "no-store"
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy


def test_vendor_text_is_text(served: Served) -> None:
    _, _, text = response(served, LONG)
    assert "<script>document" not in text
    assert "<img src=x" not in text
    assert "&lt;script&gt;document.title=&#39;run&#39;&lt;/script&gt; \\x1b[31mred\\x1b[0m \\x07 \\u202etxt.exe" in text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)


def test_a_log_is_cut_on_the_page_and_whole_in_a_download(served: Served) -> None:
    _, _, text = response(served, LONG)
    (shown,) = re.findall(r'<pre class="log"[^>]*>(.*?)</pre>', text, re.DOTALL)
    assert len(shown.split("\n")) == 200
    assert "First 200 lines" in text
    status, headers, body = response(served, LONG.replace("/watch", "/log"))
    assert status == 200
    assert headers["content-disposition"] == 'attachment; filename="document360-6f1c2a-log.json"'
    assert headers["content-type"] == "application/octet-stream"
    assert all(line in body for line in LOG_LINES)
    assert "article 240" in body
    assert HOSTILE_LINE[:8] in body


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:{port}", 200),
        ("localhost:{port}", 200),
        ("LOCALHOST:{port}", 200),
        ("127.0.0.1", 421),
        ("localhost:1", 421),
        ("evil.example:{port}", 421),
        ("127.0.0.1.evil.example:{port}", 421),
        ("[::1]:{port}", 421),
        ("", 421),
    ],
)
def test_another_host_is_refused(served: Served, host: str, status: int) -> None:
    """A name that another site controls can resolve to this machine."""
    assert response(served, "/", Host=host.format(port=served.page.port))[0] == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec_Fetch_Site": "same-origin", "Sec_Fetch_Mode": "cors"}, 200),
        ({"Sec_Fetch_Site": "none", "Sec_Fetch_Mode": "navigate"}, 200),
        ({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}, 200),
        ({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"}, 403),
        ({"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "cors"}, 403),
    ],
)
def test_another_site_cannot_read(served: Served, headers: dict[str, str], status: int) -> None:
    assert response(served, "/", **headers)[0] == status


OWN = {"Origin": "http://127.0.0.1:{port}"}
GOOD = {"token": TOKEN, "id": "voyado#default#none", "reason": "test"}


@pytest.mark.parametrize("action", ["stop", "wake", "again"])
@pytest.mark.parametrize(
    ("headers", "fields", "status"),
    [
        # Nothing was changed: there is no such watch.
        (OWN, GOOD, 409),
        ({**OWN, "Sec_Fetch_Site": "same-origin"}, GOOD, 409),
        # A form of this page, sent without a script: its Referrer-Policy makes the origin null.
        ({"Origin": "null", "Sec_Fetch_Site": "same-origin"}, GOOD, 409),
        ({}, GOOD, 403),
        ({"Origin": "null"}, GOOD, 403),
        ({"Origin": "null", "Sec_Fetch_Site": "cross-site"}, GOOD, 403),
        ({"Origin": "http://evil.example"}, GOOD, 403),
        ({"Origin": "http://127.0.0.1:1"}, GOOD, 403),
        ({"Origin": "https://127.0.0.1:{port}"}, GOOD, 403),
        ({"Origin": "http://localhost:{port}"}, GOOD, 403),
        ({**OWN, "Sec_Fetch_Site": "same-site"}, GOOD, 403),
        ({**OWN, "Host": "evil.example"}, GOOD, 421),
        (OWN, {**GOOD, "token": "another"}, 403),
        (OWN, {**GOOD, "token": "tökén"}, 403),
        (OWN, {"id": "voyado#default#none"}, 403),
        (OWN, {**GOOD, "reason": "x" * 9_000}, 413),
        ({**OWN, "Content_Type": "text/plain"}, GOOD, 415),
        ({**OWN, "Content_Type": "application/json"}, GOOD, 415),
    ],
)
def test_a_change_needs_this_page(
    served: Served, action: str, headers: dict[str, str], fields: dict[str, str], status: int
) -> None:
    sent = {name: value.format(port=served.page.port) for name, value in {"Content_Type": FORM, **headers}.items()}
    assert response(served, f"/{action}", "POST", urlencode(fields), **sent)[0] == status


@pytest.mark.parametrize(("method", "path"), [("GET", "/stop"), ("PUT", "/stop"), ("POST", "/"), ("DELETE", "/watch")])
def test_another_method_is_refused(served: Served, method: str, path: str) -> None:
    origin = f"http://127.0.0.1:{served.page.port}"
    assert response(served, path, method, "", Origin=origin)[0] == 405


@pytest.mark.parametrize("path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/none.js", "/static/"])
def test_only_the_page_s_files_are_served(served: Served, path: str) -> None:
    assert response(served, path)[0] == 404


def test_it_listens_on_the_loopback_address_alone(served: Served) -> None:
    assert urlsplit(served.url).hostname == "127.0.0.1"
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.2:{served.page.port}/", timeout=5)
