"""The documentation as a site: every page is in it, reads as in the repository, and loads nothing from elsewhere.

That no internal link is broken, and that every page is in the menu, is what the build itself checks (`--strict`).
"""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from playwright.sync_api import Browser, Page, expect

from local.paths import ROOT
from tests.contract import markdown
from tests.website.conftest import build

pytestmark = pytest.mark.xdist_group("website")
LOADING = {
    **dict.fromkeys(
        ("script", "img", "iframe", "source", "video", "audio", "embed", "track", "input"), ("src", "srcset")
    ),
    "link": ("href",),
    "object": ("data",),
    "use": ("href", "xlink:href"),
    "image": ("href", "xlink:href"),
}
"""Attributes whose address a browser loads by itself."""
NOT_LOADED = frozenset({"canonical", "next", "prev"})
"""Kinds of `<link>` that a browser only knows of."""
STRUCTURE = ("h1", "h2", "h3", "h4", "ul", "ol", "li", "table", "tr", "pre", "blockquote", "strong", "em", "code")
HOSTS_OF_SCRIPTS = re.compile(
    r"unpkg|jsdelivr|cdnjs|googleapis|gstatic|googletagmanager|esm\.sh|skypack", re.IGNORECASE
)
DIAGRAM = "```mermaid"
BROWSER_MILLISECONDS = 40_000
"""Of a busy machine; otherwise it takes a tenth of a second."""


class Loaded(HTMLParser):
    """Addresses that a page loads, and its rules for them."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.policies: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "meta" and given.get("http-equiv") == "Content-Security-Policy":
            self.policies.append(given["content"])
        if given.get("rel") not in NOT_LOADED:
            self.addresses += [given[name] for name in LOADING.get(tag, ()) if name in given]
        self.addresses += re.findall(r"url\(([^)]+)\)", given.get("style", ""))


def built(site: Path, page: Path) -> Path:
    """File of the site for a page of the repository."""
    uri = page.relative_to(ROOT)
    return site / uri.parent / ("index.html" if uri.name == "README.md" else f"{uri.stem}.html")


def is_elsewhere(address: str) -> bool:
    return re.match(r"\s*['\"]?([a-z]+:)?//", address, re.IGNORECASE) is not None


def structure(html: str) -> Counter[str]:
    return Counter(tag for tag in re.findall(r"<(\w+)[ >]", html) if tag in STRUCTURE)


def test_every_page_is_in_it_and_reads_as_in_the_repository(site: Path) -> None:
    """MkDocs reads Markdown in another way than most programs: a list may become a paragraph, unnoticed."""
    reader = MarkdownIt("commonmark").enable("table")
    for page in markdown.pages():
        html = built(site, page).read_text("utf-8")
        article = html[html.index("<article") : html.index("</article>")]
        assert structure(article) == structure(reader.render(page.read_text("utf-8"))), page.relative_to(ROOT)


def test_a_broken_link_and_a_page_in_no_menu_end_the_build(tmp_path: Path) -> None:
    website = ROOT / "website"
    (tmp_path / "planted.py").write_text(
        "from mkdocs.structure.files import File\n\n\n"
        "def on_files(files, config):\n"
        '    content = "[A page](gone.md), [a heading](operating.md#gone)."\n'
        '    files.append(File.generated(config, "docs/planted.md", content=content))\n'
        "    return files\n"
    )
    (tmp_path / "mkdocs.yml").write_text(
        f"INHERIT: {website}/mkdocs.yml\ndocs_dir: {ROOT}/docs\nhooks: [{website}/pages.py, planted.py]\n"
        f"theme: {{custom_dir: {website}/theme}}\n"
    )
    built = build(tmp_path / "site", tmp_path / "mkdocs.yml")
    assert built.returncode == 1, built.stdout
    for warning in (
        "'gone.md', but the target 'docs/gone.md' is not found",
        "does not contain an anchor '#gone'",
        'not included in the "nav" configuration',
    ):
        assert warning in built.stdout


def test_no_file_names_an_address_elsewhere_to_load_from(site: Path) -> None:
    files = list(site.rglob("*.*"))
    pages = [file for file in files if file.suffix == ".html"]
    assert len(pages) > 50
    for file in pages:
        read = Loaded()
        read.feed(file.read_text("utf-8"))
        assert [address for address in read.addresses if is_elsewhere(address)] == [], file.name
        # A browser that keeps to this loads nothing, whatever a script does.
        (policy,) = read.policies
        assert policy.startswith("default-src 'none'; ")
        assert "http" not in policy.replace("http-equiv", "")
    for file in (file for file in files if file.suffix == ".css"):
        found = re.findall(r"(?:url\(|@import\s+)([^)\s;]+)", file.read_text("utf-8"))
        assert [address for address in found if is_elsewhere(address)] == [], file.name
    for file in (file for file in files if file.suffix == ".js" and file.name != "search_index.js"):
        assert HOSTS_OF_SCRIPTS.findall(file.read_text("utf-8")) == [], file.name


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<script src="https://cdn.invalid/a.js">', ["https://cdn.invalid/a.js"]),
        ('<link rel="stylesheet" href="//fonts.invalid/a.css">', ["//fonts.invalid/a.css"]),
        ('<p style="background: url(http://a.invalid/b.png)">', ["http://a.invalid/b.png"]),
        ('<a href="https://elsewhere.invalid/">', []),
        ('<img src="docs/pictures/page-list.png"><link rel="canonical" href="https://a.invalid">', []),
    ],
)
def test_an_address_that_a_browser_would_load_is_found(html: str, expected: list[str]) -> None:
    read = Loaded()
    read.feed(html)
    assert [address for address in read.addresses if is_elsewhere(address)] == expected


@pytest.fixture
def opened(browser: Browser) -> Page:
    """A window for the site's files."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(BROWSER_MILLISECONDS)
    return page


def test_in_a_browser_diagrams_and_search_need_no_network(opened: Page, site: Path) -> None:
    requested: list[str] = []
    printed: list[str] = []
    opened.on("request", lambda request: requested.append(request.url))
    opened.on("console", lambda line: printed.append(line.text) if line.type in ("error", "warning") else None)
    opened.on("pageerror", lambda error: printed.append(str(error)))
    with_diagrams = {page: page.read_text("utf-8").count(DIAGRAM) for page in markdown.pages()}
    for page, number in with_diagrams.items():
        if not number:
            continue
        opened.goto(built(site, page).as_uri())
        # Drawn ones are in a shadow root; one that cannot be drawn remains as its text.
        expect(opened.locator("div.mermaid")).to_have_count(number, timeout=BROWSER_MILLISECONDS)
        for drawn in opened.locator("div.mermaid").all():
            box = drawn.bounding_box()
            assert box is not None
            assert box["height"] > 50
    opened.locator("input[name=query]").click()
    opened.locator("input[name=query]").press_sequentially("redrive")
    first = opened.locator(".md-search-result__item").first
    expect(first).to_contain_text(re.compile("redrive", re.IGNORECASE), timeout=BROWSER_MILLISECONDS)
    assert [url for url in requested if not url.startswith(("file:", "blob:", "data:"))] == []
    assert printed == []
