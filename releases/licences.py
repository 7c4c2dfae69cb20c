"""Writes the page about licences: `python -m releases.licences`; a test fails while the page is not up to date."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from releases.components import ACCEPTED, ROOT, Component, check, of_page, of_requirements

PAGE = ROOT / "docs" / "licences.md"
BEFORE = (
    "# Licences\n\nImport Watch is under the [MIT licence](../LICENSE). It is shipped with what is listed here, "
    "unchanged: the layer contains each package with the text of its licence. The tables are written by "
    "`python -m releases.licences` from the packages' own metadata. A test fails if they are not up to date, or if a "
    "licence is not one of the accepted ones: {accepted}.\n"
)
LAYER = "\n## The layer\n\nAll that the functions use beside Lambda's runtime, which brings Python and boto3.\n"
PAGE_LIBRARIES = (
    "\n## The live page\n\nLibraries in the package of the command line. What this package needs from elsewhere "
    "(`dependencies` in `pyproject.toml`) is installed beside it, and is not part of it.\n"
)


def page() -> str:
    """Text of the page.

    Raises
    ------
    NotShippable
        If a licence is not accepted.
    """
    layer, of_the_page = of_requirements(), of_page()
    check([*layer, *of_the_page])
    accepted = ", ".join(sorted(ACCEPTED, key=str.casefold))
    return BEFORE.format(accepted=accepted) + LAYER + _table(layer) + PAGE_LIBRARIES + _table(of_the_page)


def _table(components: Iterable[Component]) -> str:
    rows = (f"| {one.name} | {one.version} | {one.licence} |\n" for one in components)
    return "\n| package | version | licence |\n| --- | --- | --- |\n" + "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)}\n")
