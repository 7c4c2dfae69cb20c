"""Every block of commands on every page names what runs it, or why nothing does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from local.paths import ROOT
from tests.contract import commands, markdown
from tests.contract.test_security_pages import names_in

PAGES = markdown.pages()
ALL = [block for page in PAGES for block in commands.blocks(page)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_of_commands_names_what_runs_it_or_why_nothing_does(page: Path) -> None:
    for block in commands.blocks(page):
        where = f"{block.page}:{block.line}: {block.text.partition(chr(10))[0]}"
        assert block.how, f"{where}: no comment before it, see tests/contract/commands.py"
        if block.how == "not run:":
            assert block.what in commands.REASONS, where
        elif block.what != commands.README:
            path, _, name = block.what.partition("::")
            assert (ROOT / path).is_file(), where
            assert not name or name in names_in(ROOT / path), where
            assert name or block.how == "run by", f"{where}: which test is it like?"


@pytest.mark.parametrize("runner", sorted({one.what for one in ALL if one.how == "run by"} - {commands.README}))
def test_a_module_that_is_named_takes_its_blocks_from_the_pages(runner: str) -> None:
    text = (ROOT / runner).read_text("utf-8")
    assert "commands.run_by(RUNNER)" in text
    assert f'RUNNER = "{runner}"' in text


def test_the_blocks_are_found() -> None:
    assert len(ALL) > 30
    assert {"README.md", "CONTRIBUTING.md", "docs/operating.md", "docs/quick-start.md"} <= {one.page for one in ALL}


EXAMPLE = """# Title

<!-- run by tests/a.py -->

    make demo
    make test

<!-- what `make demo` prints, shortened -->
```
14 of 14
```

<!-- blocks below: not run: needs an AWS account -->
```bash
aws s3 ls
```

    endpoint=$(cat file)

<!-- like tests/b.py::test_c -->

    import-watch remove

Text.

    parameter_overrides = "A=b"

```python
make = 1
```

```
Usage: import-watch
```
"""


def test_other_code_is_no_block_of_commands() -> None:
    assert [
        (one.line, one.text, one.how, one.what, one.output) for one in commands.blocks(ROOT / "README.md", EXAMPLE)
    ] == [
        (5, "make demo\nmake test", "run by", "tests/a.py", "14 of 14"),
        (15, "aws s3 ls", "not run:", "needs an AWS account", ""),
        (18, "endpoint=$(cat file)", "not run:", "needs an AWS account", ""),
        (22, "import-watch remove", "like", "tests/b.py::test_c", ""),
    ]


def test_external_links_have_the_form_of_one() -> None:
    """Whether they lead anywhere is not checked, because tests have no network."""
    for page in PAGES:
        for link in markdown.links(page.read_text("utf-8")):
            if re.match(r"[a-z]+:", link):
                assert re.fullmatch(r"https://[a-z0-9-]+(\.[a-z0-9-]+)+/[\w./%#~+=?&-]*", link), f"{page}: {link}"
