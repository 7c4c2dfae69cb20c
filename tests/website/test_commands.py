"""The commands on the pages that need a stack, as they stand there and in their order, on the local stack.

`docs/operating.md` has a test of its own, and what takes minutes is run by `python -m tests.readme --full`.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.paths import ROOT
from local.scenarios import SCENARIOS
from local.simulators.script import Step
from local.stack import LocalStack
from local.waiting import wait_until
from tests.contract import commands
from tests.support.shell import Shell

pytestmark = pytest.mark.xdist_group("website")
RUNNER = "tests/website/test_commands.py"
PAGES = commands.run_by(RUNNER)
AWS = ROOT / ".venv" / "aws" / "bin" / "aws"
SECONDS = 60
OF_THE_READER = "6f1c2a"
OF_THE_PAGES = "5537431447739019570"
PLACEHOLDER = re.compile(r"<[A-Za-z][\w. ]*>|‹[^›]+›|…")
ENDS_SOON: list[Step] = [{"polls": 1, "status": "InProgress"}, {"status": "Completed", "log": {"messages": []}}]


@dataclass
class Reader:
    """A person who follows the pages, with a shell in a folder that has the local stack's file.

    Parameters
    ----------
    stack : LocalStack
    shell : Shell
    """

    stack: LocalStack
    shell: Shell

    def run(self, block: commands.Block) -> str:
        """Run a block, with what the reader puts in the place of its placeholders."""
        text = block.text
        for placeholder, value in self.values.items():
            text = text.replace(placeholder, value)
        assert PLACEHOLDER.findall(text) == [], f"{block.page}:{block.line}: a placeholder without a value"
        printed = self.shell.run(text)
        # The AWS CLI ends with 0 where EventBridge refuses an entry.
        assert printed.count('"FailedEntryCount"') == printed.count('"FailedEntryCount": 0'), printed
        return printed

    @property
    def values(self) -> dict[str, str]:
        """What stands for a placeholder."""
        return {
            "<OutcomeTopicArn>": self.stack.outputs["OutcomeTopicArn"],
            "<import id>": OF_THE_READER,
            "<vendors.voyado>": self.stack.simulators["voyado"].base_url,
            "…": OF_THE_READER,
        }

    def an_ended_import(self) -> None:
        """Let the import that the pages name end."""
        self.stack.simulators["voyado"].script(OF_THE_PAGES, [{"status": "SUCCESS"}])
        self.stack.start_import({"vendor": "voyado", "importId": OF_THE_PAGES})
        key = {"watchId": {"S": f"voyado#default#{OF_THE_PAGES}"}}
        table = self.stack.outputs["WatchTableName"]
        items = self.stack.client("dynamodb")
        wait_until(
            lambda: "publishedAt" in items.get_item(TableName=table, Key=key).get("Item", {}), SECONDS, "its end"
        )

    def an_import(self) -> None:
        """Have the vendor know an import of the reader's own."""
        self.stack.simulators["document360"].script(OF_THE_READER, ENDS_SOON)


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    with LocalStack(wait_scale=0.05) as running:
        # The imports of `make up`, each at its end already.
        for scenario in (one for one in SCENARIOS if one.steps):
            running.simulators[scenario.vendor].script(scenario.import_id, scenario.steps[-1:])
        yield running


@pytest.fixture
def reader(stack: LocalStack, tmp_path: Path) -> Iterator[Reader]:
    assert AWS.exists(), "the AWS CLI is not installed: make .venv/aws/installed"
    state, programs = tmp_path / ".local", tmp_path / ".venv" / "bin"
    state.mkdir()
    programs.mkdir(parents=True)
    (state / "stack.json").write_text(json.dumps(stack.description(os.getpid())))
    endpoint = stack.emulator.endpoint_url
    for name, command in {
        # The CLI's SQS would go by a name of AWS's own without the option.
        "aws": [AWS, "--endpoint-url", endpoint],
        "import-watch": [sys.executable, ROOT / "cli" / "launch.py"],
    }.items():
        (programs / name).write_text(f'#!/bin/sh\nexec {shlex.join(map(str, command))} "$@"\n')
        (programs / name).chmod(0o755)
    environment = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "IMPORT_WATCH_STATE": str(state),
        "AWS_DEFAULT_REGION": stack.client("sts").meta.region_name,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_PAGER": "",
    }
    shell = Shell(tmp_path, environment)
    yield Reader(stack, shell)
    shell.end()


BEFORE: dict[str, Callable[[Reader], None]] = {
    "README.md": Reader.an_import,
    "docs/where-is-my-import.md": Reader.an_ended_import,
}
SHOWN: dict[str, list[str]] = {
    "README.md": [OF_THE_READER, "SubscriptionArn"],
    "docs/local.md": ["Messages", "specversion"],
    "docs/quick-start.md": ["2 warnings", "SUCCEEDED", "ea0d91ce-fb6d-5b64-b366-96ea5113c2e3"],
    "docs/where-is-my-import.md": ["SUCCEEDED", OF_THE_PAGES],
}
"""What the commands of a page print, among other things."""


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_work_in_their_order(page: str, reader: Reader) -> None:
    if prepare := BEFORE.get(page):
        prepare(reader)
    printed = "".join(reader.run(block) for block in PAGES[page])
    assert [text for text in SHOWN.get(page, []) if text not in printed] == [], printed


def test_every_expectation_belongs_to_a_page() -> None:
    named: set[Any] = {*BEFORE, *SHOWN}
    assert named <= set(PAGES)
