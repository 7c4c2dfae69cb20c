"""Following the README in a new clone: what is quick, and how printed lines are compared with shown ones."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from local.paths import ROOT
from tests import readme
from tests.contract import commands

SHOWN = """IMPORT                 STATE        PROGRESS
egain-partial          RUNNING      ███░░░  56 %      16 s
 …
   Import c8d8976b-fd91-5585-9fd2-a802ac104b80 at eGain completed.
14 of 14 outcomes as expected, 49 s in all."""
PRINTED = """IMPORT STATE PROGRESS\r
\x1b[2Kegain-partial   RUNNING   █░░░░░  7 %   3 s\r
more\r
   Import 0a1b2c3d-fd91-5585-9fd2-a802ac104b80 at eGain completed.\r
15 of 15 outcomes as expected, 61.5 s in all.\r
"""


def test_numbers_ids_and_widths_may_differ_and_nothing_else() -> None:
    assert readme.missing(SHOWN, PRINTED) == []
    assert readme.missing(SHOWN, PRINTED.replace("RUNNING", "QUEUED").replace("as expected", "not as expected")) == [
        "egain-partial          RUNNING      ███░░░  56 %      16 s",
        "14 of 14 outcomes as expected, 49 s in all.",
    ]


def test_the_output_is_that_of_the_command_before_it() -> None:
    shown = [block for page in readme.PAGES for block in commands.blocks(ROOT / page) if block.output]
    assert all(block.what == commands.README for block in shown), "what a page shows is compared by nothing"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone of a repository with a page, and a Makefile that needs no installation."""
    source, folder = tmp_path / "source", tmp_path / "clone"
    source.mkdir()
    (source / "Makefile").write_text(
        'help: ## list\n\t@echo "help  list the targets"\ndemo:\n\t@echo "3 of 3, 1 s"\nbroken:\n\t@exit 3\n'
    )
    (source / "README.md").write_text(
        "# Title\n\n<!-- run by `python -m tests.readme --full` -->\n\n    make help\n    make demo\n\n"
        "<!-- what `make demo` prints, shortened -->\n```\n14 of 14, 49 s\n```\n\n"
        "<!-- run by `python -m tests.readme --full` -->\n```bash\nmake broken\n```\n\n"
        "<!-- not run: needs an AWS account -->\n\n    make deploy\n"
    )
    identity = ("-c", "user.name=Reader", "-c", "user.email=reader@example.com")
    for command in (("init", "--quiet"), ("add", "."), (*identity, "commit", "--quiet", "--message", "First")):
        subprocess.run([readme.GIT, *command], cwd=source, check=True)
    readme.clone_to(folder, source)
    shutil.rmtree(source)
    return folder


def test_a_page_is_followed_in_a_clone(clone: Path) -> None:
    demo, broken, deploy = readme.follow("README.md", clone, full=True)
    assert (demo.failed, "prints the 1 lines shown" in demo.text) == (False, True)
    assert (broken.failed, broken.text.startswith("exit status 2")) == (True, True)
    assert (deploy.failed, deploy.text) == (False, "not run: needs an AWS account")


def test_what_takes_minutes_is_left_out_unless_it_is_requested(clone: Path) -> None:
    quick, left_out, _ = readme.follow("README.md", clone, full=False)
    assert (quick.failed, quick.text.startswith("works")) == (False, True)
    assert left_out.text.startswith("left out")


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="left out, because this is a copy without its repository")
def test_the_pages_are_followed_as_far_as_it_is_quick(capsys: pytest.CaptureFixture[str]) -> None:
    assert readme.main([]) == 0
    printed = capsys.readouterr().out
    assert "make demo" in printed
    assert "FAILED" not in printed
