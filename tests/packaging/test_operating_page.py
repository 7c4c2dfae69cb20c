"""Every command of docs/operating.md, as it stands there and in its order, from `make deploy` to the removal.

The page is run by a real shell with the real AWS CLI and SAM CLI against an empty emulator, in a copy of the project.
What a person would do meanwhile, such as to let an import run, is done between the page's sections.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from local.deployment import LOCAL_PARAMETERS, STACK_NAME
from local.emulator import REGION, Emulator
from local.outcomes import receive
from local.paths import ROOT
from local.simulators.processes import SimulatorProcess
from local.stack import connection_fields
from local.waiting import wait_until
from tests.contract import commands
from tests.support.shell import Shell

pytestmark = pytest.mark.xdist_group("operating-page")
RUNNER = "tests/packaging/test_operating_page.py"
((PAGE, ITS_BLOCKS),) = commands.run_by(RUNNER).items()
LINES = (ROOT / PAGE).read_text().splitlines()
BLOCKS = [
    (next(line.lstrip("# ") for line in reversed(LINES[: block.line]) if re.match("#+ ", line)), block.text)
    for block in ITS_BLOCKS
]
AWS = ROOT / ".venv" / "aws" / "bin" / "aws"
WATCH = "document360#default#6f1c2a"
BLOCK_SECONDS = 200
LEFT_BEHIND = {".git", ".venv", ".local", ".aws-sam", "node_modules", ".mypy_cache", ".ruff_cache", ".pytest_cache"}


class Operator:
    """Does what a person does between the sections, and checks their results."""

    def __init__(self, emulator: Emulator, vendor: SimulatorProcess) -> None:
        self.emulator = emulator
        self.vendor = vendor
        self.printed: dict[str, list[str]] = {}

    def client(self, service: str) -> Any:
        return self.emulator.client(service)

    @property
    def outputs(self) -> dict[str, str]:
        stack = self.client("cloudformation").describe_stacks(StackName=STACK_NAME)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def item(self) -> dict[str, Any]:
        found = self.client("dynamodb").get_item(
            TableName=self.outputs["WatchTableName"], Key={"watchId": {"S": WATCH}}, ConsistentRead=True
        )
        return dict(found.get("Item", {}))

    def make_a_function(self) -> None:
        """Create the function that the page subscribes."""
        import io
        import zipfile

        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as bundle:
            bundle.writestr("on_import.py", "def handler(event, context):\n    return None\n")
        self.client("lambda").create_function(
            FunctionName="on-import",
            Runtime="python3.13",
            Role="arn:aws:iam::000000000000:role/on-import",
            Handler="on_import.handler",
            Code={"ZipFile": archive.getvalue()},
        )

    def connect_the_simulator(self) -> None:
        """Have the page's connection lead to a vendor on this machine."""
        assert self._secret() == {"apiToken": "a-token"}
        fields = json.dumps(connection_fields("document360", self.vendor.base_url))
        self.client("secretsmanager").put_secret_value(
            SecretId=f"{STACK_NAME}/document360/default", SecretString=fields
        )

    def wait_for_a_poll(self) -> None:
        wait_until(lambda: "importState" in self.item(), 60, "the first poll")

    def wait_for_the_outcome(self) -> None:
        wait_until(lambda: "publishedAt" in self.item(), 60, "the outcome is published")

    def leave_a_letter(self) -> None:
        event = {"detail-type": "ImportStarted", "source": "shop", "detail": {"vendor": "voyado", "importId": "1"}}
        self.client("sqs").send_message(QueueUrl=self.outputs["DeadLetterQueueUrl"], MessageBody=json.dumps(event))

    def _secret(self) -> Any:
        found = self.client("secretsmanager").get_secret_value(SecretId=f"{STACK_NAME}/document360/default")
        return json.loads(found["SecretString"])

    def subscriptions(self) -> set[str]:
        found = self.client("sns").list_subscriptions_by_topic(TopicArn=self.outputs["OutcomeTopicArn"])
        return {one["Protocol"] for one in found["Subscriptions"]}

    def notifications(self) -> list[dict[str, Any]]:
        """Take what the page's queue got."""
        sqs = self.client("sqs")
        url = sqs.get_queue_url(QueueName="failed-imports")["QueueUrl"]
        return [message.event for message in receive(sqs, url)]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project, as it is after one `make deploy`."""
    copy = tmp_path / "project"
    shutil.copytree(ROOT, copy, ignore=lambda _folder, names: LEFT_BEHIND & set(names))
    (copy / ".venv").symlink_to(ROOT / ".venv")
    # What is replayed here ended a moment ago.
    parameters = {**LOCAL_PARAMETERS, "RecoveryGraceSeconds": "0"}
    overrides = " ".join(f"{name}={value}" for name, value in parameters.items())
    settings = (copy / "samconfig.toml").read_text()
    (copy / "samconfig.local.toml").write_text(f'{settings}parameter_overrides = "{overrides}"\n')
    return copy


@pytest.fixture
def operator() -> Iterator[Operator]:
    with Emulator() as emulator, SimulatorProcess("document360") as vendor:
        vendor.script("6f1c2a", [{"status": "InProgress"}])
        yield Operator(emulator, vendor)


@pytest.fixture
def shell(project: Path, operator: Operator) -> Iterator[Shell]:
    # The CLI's SQS would go by a name of AWS's own, whatever the environment contains, were it not for the option.
    wrapper = project.parent / "bin" / "aws"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nexec {shlex.quote(str(AWS))} --endpoint-url "$AWS_ENDPOINT_URL" "$@"\n')
    wrapper.chmod(0o755)
    path = f"{wrapper.parent}:{os.environ['PATH']}"
    running = Shell(
        project,
        {
            "PATH": path,
            "HOME": str(project.parent),
            "AWS_ENDPOINT_URL": operator.emulator.endpoint_url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_PAGER": "",
            "__SAM_CLI_APP_DIR": str(project.parent / "sam"),
        },
    )
    yield running
    running.end()


def test_the_page_has_commands_in_every_section_that_needs_some() -> None:
    assert len(BLOCKS) >= 17
    assert {"Deploy", "Connect a vendor", "Subscribe", "Rotate a secret", "Upgrade", "Remove"} <= {
        heading for heading, _ in BLOCKS
    }


@pytest.mark.timeout(900)
def test_every_command_of_the_page_works_in_its_order(shell: Shell, operator: Operator) -> None:
    assert AWS.exists(), "the AWS CLI is not installed: make .venv/aws/installed"
    before: dict[str, Callable[[], None]] = {
        "Subscribe": operator.make_a_function,
        "Send a start event": operator.connect_the_simulator,
        "Put dead letters back": operator.leave_a_letter,
        "Replay a lost notification": operator.wait_for_the_outcome,
    }
    after_first: dict[str, Callable[[], None]] = {"Send a start event": operator.wait_for_a_poll}
    after: dict[str, Callable[[], None]] = {
        "Subscribe": partial(_check, lambda: operator.subscriptions() == {"email", "sqs", "lambda"}),
        "Send a start event": partial(_check, lambda: operator.item()["polls"]["N"] != "0"),
    }
    done: list[str] = []
    for number, (heading, block) in enumerate(BLOCKS):
        if heading not in done and heading in before:
            before[heading]()
        printed = shell.run(block)
        operator.printed.setdefault(heading, []).append(printed)
        if heading not in done and heading in after_first:
            after_first[heading]()
        done.append(heading)
        last = number + 1 == len(BLOCKS) or BLOCKS[number + 1][0] != heading
        if last and heading in after:
            after[heading]()
        if last and heading == "Replay a lost notification":
            first, again = _both(operator)
            assert first == again
            assert first["data"]["reason"] == "WATCH_STOPPED"
    assert "RUNNING" in operator.printed["Send a start event"][1]
    assert WATCH in operator.printed["When something is wrong"][0]
    assert "put back: 1 × ImportStarted" in operator.printed["Put dead letters back"][0]
    gone = operator.client("cloudformation").list_stacks(StackStatusFilter=["DELETE_COMPLETE"])["StackSummaries"]
    assert STACK_NAME in {stack["StackName"] for stack in gone}
    assert operator.client("dynamodb").list_tables()["TableNames"] == []


def _check(holds: Callable[[], bool]) -> None:
    assert holds()


def _both(operator: Operator) -> list[dict[str, Any]]:
    """Wait for the notification and its replay, in the queue that the page made."""
    received: list[dict[str, Any]] = []

    def arrived() -> bool:
        received.extend(event for event in operator.notifications() if event["subject"] == WATCH)
        return len(received) >= 2

    wait_until(arrived, 60, "the notification and its replay")
    return received
