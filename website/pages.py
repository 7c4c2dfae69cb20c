"""Gives the site the pages outside of docs/, and shows the files that pages link to: a hook of MkDocs.

Every page has the path that it has in the repository, so that links between pages are the same in both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "events/**/*.md", "docs/**/*.md")
SHOWN = ("events/schemas",)
"""Folders that have a page in the menu."""
IMAGES = ("docs/**/*.svg", "docs/**/*.png")
SCRIPTS = {
    "assets/mermaid.js": "@mermaid-js/tiny/dist/mermaid.tiny.js",
    "assets/iframe-worker.js": "iframe-worker/shim/index.js",
}
"""Scripts of the pages, and where npm installs them."""
LANGUAGES = {".mjs": "javascript", ".tf": "terraform", ".py": "python", ".json": "json", ".yaml": "yaml"}
CODE_OR_LINK = re.compile(r"^ *(```+).*?^ *\1 *$|`[^`\n]+`|(?<=\]\()(?![a-z]+:|#)(?P<path>[^)\s#]+)", re.M | re.S)
ITEM = re.compile(r"(?:[-*+]|\d+\.) +(?=\S)")
ELSEWHERE = re.compile(r'"https://unpkg\.com/[^"]+"')
SCRIPT_OF_DIAGRAMS = """new URL("../mermaid.js",document.querySelector('script[src*="/bundle."]').src).href"""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Replace patterns in the navigation by the paths of the pages that they stand for."""
    config.nav = list(_listed(config.nav or []))
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Collect the pages and the images, what pages link to, and the scripts."""
    sources = {path.relative_to(ROOT).as_posix(): path for pattern in PAGES + IMAGES for path in ROOT.glob(pattern)}
    scripts = {uri: ROOT / "website" / "node_modules" / path for uri, path in SCRIPTS.items()}
    found = [File.generated(config, uri, abs_src_path=str(path)) for uri, path in sorted((sources | scripts).items())]
    shown = {
        target
        for uri, page in sources.items()
        if page.suffix == ".md"
        for link in CODE_OR_LINK.finditer(page.read_text("utf-8"))
        if link["path"] and (target := (ROOT / uri).parent.joinpath(link["path"]).resolve()) not in sources.values()
    }
    for target in sorted(shown | {ROOT / folder for folder in SHOWN}):
        uri = target.relative_to(ROOT).as_posix()
        if target.exists():  # the link is reported otherwise
            made = File.generated(config, _page_of(uri, target), content=_content(target))
            made.inclusion = InclusionLevel.INCLUDED if uri in SHOWN else InclusionLevel.NOT_IN_NAV
            found.append(made)
    of_the_theme = (file for file in files if file.src_dir != config.docs_dir)
    return Files([*found, *of_the_theme])


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Have links to files and folders lead to the pages that show them."""
    folder = (ROOT / page.file.src_uri).parent

    def lead(found: re.Match[str]) -> str:
        target = (folder / (found["path"] or "")).resolve()
        if not found["path"] or not target.is_relative_to(ROOT):
            return found[0]
        shown = files.get_file_from_path(_page_of(target.relative_to(ROOT).as_posix(), target))
        return _page_of(found[0].rstrip("/"), target) if shown else found[0]

    return "\n".join(_indented(CODE_OR_LINK.sub(lead, markdown).splitlines()))


def on_post_build(config: MkDocsConfig) -> None:
    """Replace the addresses from which the theme's script would load further scripts.

    Raises
    ------
    PluginError
        If the theme loads the script of the diagrams in another way.
    """
    (bundle,) = Path(config.site_dir).glob("assets/javascripts/bundle.*.min.js")
    text = bundle.read_text("utf-8")
    replaced = [found for found in ELSEWHERE.findall(text) if "/mermaid@" in found]
    if len(replaced) != 1:
        raise PluginError(f"{bundle.name} does not load the diagrams' script as expected: see website/pages.py")
    text = text.replace(replaced[0], SCRIPT_OF_DIAGRAMS)
    # What is left is for browsers that are older than the pages' style sheets allow.
    bundle.write_text(ELSEWHERE.sub('"data:,"', text), "utf-8")


def _listed(nav: list[Any]) -> Iterator[Any]:
    for entry in nav:
        if isinstance(entry, dict):
            yield {title: list(_listed(one)) if isinstance(one, list) else one for title, one in entry.items()}
        elif "*" in entry:
            yield from sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob(entry))
        else:
            yield entry


def _indented(lines: list[str]) -> Iterator[str]:
    """Lines that belong to an item of a list, indented by the four blanks that MkDocs requires."""
    width, is_code = 0, False
    for line in lines:
        is_code ^= line.startswith("```")
        if is_code or (line and not line.startswith(" ")):
            item = None if is_code else ITEM.match(line)
            width = item.end() if item else 0
        yield " " * (4 - width) + line if width and line.startswith(" " * width) else line


def _page_of(uri: str, target: Path) -> str:
    return f"{uri}/index.md" if target.is_dir() else f"{uri}.md"


def _content(target: Path) -> str:
    head = f"---\nsearch:\n  exclude: true\n---\n# {target.relative_to(ROOT)}\n\n"
    files = sorted(path for path in target.iterdir() if path.is_file()) if target.is_dir() else [target]
    parts = [f"````{LANGUAGES.get(file.suffix, 'text')}\n{file.read_text('utf-8')}\n````\n" for file in files]
    if target.is_dir():
        parts = [f"## {file.name}\n\n{part}" for file, part in zip(files, parts, strict=True)]
    return head + "\n".join(parts)
