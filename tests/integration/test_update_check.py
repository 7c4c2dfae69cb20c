"""`make deploy` reads the deployed stack's version before it deploys, from the account that `sam deploy` deploys to."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from local.emulator import REGION, ROOT_KEY, Emulator
from local.paths import ROOT, TEMPLATE
from releases.__main__ import app
from releases.release import version_of

THIS_VERSION = version_of(TEMPLATE.read_text())
STACKS: dict[str, dict[str, Any]] = {
    "of-0-1-0": {"WatchTableName": "watches"},
    "of-this-version": {"WatchTableName": "watches", "Version": THIS_VERSION},
    "newer": {"WatchTableName": "watches", "Version": "999.0.0"},
    "another": {"Version": THIS_VERSION},
}


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        cloudformation = running.client("cloudformation")
        for name, outputs in STACKS.items():
            template = {
                "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
                "Outputs": {key: {"Value": value} for key, value in outputs.items()},
            }
            cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
            cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
        yield running


@pytest.fixture
def account(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", emulator.endpoint_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ROOT_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", ROOT_KEY)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)


def check(folder: Path, stack: str, **settings: str) -> Result:
    config = folder / "samconfig.local.toml"
    lines = [f'{name} = "{value}"' for name, value in {"stack_name": stack, "region": REGION, **settings}.items()]
    config.write_text("\n".join(["[default.deploy.parameters]", *lines, ""]))
    return CliRunner().invoke(app, ["check-update", "--config", str(config)])


@pytest.mark.parametrize(
    ("stack", "region", "refusal"),
    [
        ("not-there", REGION, None),
        ("of-this-version", REGION, None),
        ("of-0-1-0", "us-east-1", None),
        ("of-0-1-0", REGION, "has version 0.1.0, which cannot be updated"),
        ("newer", REGION, "has version 999.0.0, and this is the older"),
        ("another", REGION, "no stack of Import Watch"),
    ],
)
@pytest.mark.usefixtures("account")
def test_deploy_checks_the_stack_of_its_settings(tmp_path: Path, stack: str, region: str, refusal: str | None) -> None:
    done = check(tmp_path, stack, region=region)
    assert done.stdout == ""
    if refusal is None:
        assert (done.exit_code, done.stderr) == (0, "")
    else:
        assert done.exit_code == 1
        assert done.stderr.startswith(f"Not deployed: stack {stack} ")
        assert refusal in done.stderr
        assert done.stderr.count("\n") == 1


@pytest.mark.usefixtures("account")
def test_deploy_refuses_a_name_that_is_too_long(tmp_path: Path) -> None:
    assert check(tmp_path, "s" * 47).exit_code == 0
    done = check(tmp_path, "s" * 48)
    assert done.exit_code == 1
    assert "has 48 characters, and may have 47" in done.stderr


@pytest.mark.usefixtures("account")
def test_deploy_ends_where_the_stack_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = check(tmp_path, "of-this-version", profile="unknown-profile")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    signed_out = check(tmp_path, "of-this-version")
    for done, reason in ((unknown, "unknown-profile"), (signed_out, "credentials")):
        assert done.exit_code == 1
        assert done.stderr.startswith("Not deployed: stack of-this-version cannot be read")
        assert reason in done.stderr
        assert done.stderr.count("\n") == 1


def test_deploy_changes_nothing_before_the_check() -> None:
    steps = subprocess.run(
        ["make", "--dry-run", "--old-file=build", "deploy"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    before, check_update, after = steps.partition("python -m releases check-update")
    assert check_update
    assert "sam deploy --config-file" in after
    assert before.count("sam deploy") == before.count("sam deploy --guided --no-execute-changeset") == 1
