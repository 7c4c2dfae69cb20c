"""`make deploy` reads the deployed stack's version before it deploys, from the account that `sam deploy` deploys to."""

from __future__ import annotations

import json
import os
import shutil
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


SAM = """\
#!/bin/sh
echo "$*" >>calls
case "$*" in
*--guided*)
    [ -z "$SAVES" ] || echo 'parameter_overrides = "RetentionDays=7"' >>samconfig.local.toml
    exit "${GUIDED_STATUS:-0}" ;;
*) exit "${STATUS:-0}" ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What `make deploy` needs, with a SAM CLI and an interpreter that do nothing."""
    for name in ("Makefile", "samconfig.toml"):
        shutil.copy(ROOT / name, tmp_path)
    for name, script in {"sam/bin/sam": SAM, "bin/python": "#!/bin/sh\n"}.items():
        program = tmp_path / ".venv" / name
        program.parent.mkdir(parents=True)
        program.write_text(script)
        program.chmod(0o755)
    return tmp_path


def deploy(checkout: Path, *arguments: str, **environment: str) -> tuple[int, list[str], str]:
    """Run `make deploy`: its exit status, the calls of SAM, and the settings after it."""
    done = subprocess.run(
        ["make", "--old-file=build", "deploy", *arguments],  # noqa: S607
        cwd=checkout,
        env={"PATH": os.environ["PATH"], **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    calls = [call.partition(" --config-file")[0] for call in (checkout / "calls").read_text().splitlines()]
    return done.returncode, calls, (checkout / "samconfig.local.toml").read_text()


def test_deploy_has_no_questions(checkout: Path) -> None:
    assert deploy(checkout) == (0, ["deploy"], (checkout / "samconfig.toml").read_text())
    assert "confirm_changeset = false" in (checkout / "samconfig.toml").read_text()


@pytest.mark.parametrize(
    ("outcome", "calls"),
    [
        ({}, ["deploy --guided --no-execute-changeset", "deploy"]),
        ({"STATUS": "1"}, ["deploy --guided --no-execute-changeset", "deploy"]),
        ({"GUIDED_STATUS": "1"}, ["deploy --guided --no-execute-changeset"]),
    ],
)
def test_what_was_typed_in_a_guided_deployment_is_kept(
    checkout: Path, outcome: dict[str, str], calls: list[str]
) -> None:
    status, made, settings = deploy(checkout, "GUIDED=1", SAVES="1", **outcome)
    assert (status == 0) == (not outcome)
    assert made == calls
    assert settings.endswith('parameter_overrides = "RetentionDays=7"\n')


def test_nothing_is_deployed_where_it_was_not_saved(checkout: Path) -> None:
    status, calls, _ = deploy(checkout, "GUIDED=1")
    assert status != 0
    assert calls == ["deploy --guided --no-execute-changeset"]
