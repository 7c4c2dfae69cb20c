"""An error is one line on standard error that names what to do; without a stack, and with one that has died."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from import_watch_cli.__main__ import options_last
from import_watch_cli.checkout import vendor_registry

from tests.cli.running import import_watch

VENDORS = ", ".join(vendor_registry().names)
NOWHERE = {"AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"}
NO_CREDENTIALS = {**NOWHERE, "AWS_EC2_METADATA_DISABLED": "true"}
CREDENTIALS = {**NOWHERE, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


@pytest.mark.parametrize(
    ("arguments", "environment", "text"),
    [
        (("list", "--region", "eu-west-1"), NO_CREDENTIALS, "No AWS credentials were found"),
        (("list",), CREDENTIALS, "No AWS region is set: name one with --region"),
        (("list", "--profile", "missing"), NOWHERE, "The config profile (missing) could not be found"),
        (("list", "--region", "not a region"), CREDENTIALS, "region"),
        (("list", "--local"), {}, "The local stack is not running: start it with `import-watch up`."),
        (("list", "--local"), {"IMPORT_WATCH_STACK": "prod"}, "The local stack is not running"),
        (("list", "--local", "--stack", "prod"), {}, "--local cannot be combined"),
        (("list", "--local", "--region", "eu-west-1"), {}, "--local cannot be combined"),
        (("lst",), {}, "No such command 'lst'. Did you mean 'list'? `import-watch --help` shows"),
        (("list", "--unknown"), {}, "No such option: --unknown. `import-watch list --help` shows"),
        (("show",), {}, "Missing argument 'ID'. `import-watch show --help` shows"),
        (("list", "--since", "yesterday"), {}, "'yesterday' is no age: write it as 30m, 12h, 7d or 2w."),
        (("list", "--outcome", "LOST"), {}, "--outcome must be one of SUCCEEDED"),
        (("list", "--vendor", "unknown"), {}, f"--vendor must be one of {VENDORS}."),
        (("check", "unknown"), {}, f"VENDOR must be one of {VENDORS}."),
        (("start", "voyado", "not a number"), CREDENTIALS, "region"),
        (("start", "voyado", "1", "--watch-for", "31d"), {}, "--watch-for must be from 1s to 30d, not '31d'."),
        (("again", "1", "--watch-for", "0s"), {}, "--watch-for must be from 1s to 30d, not '0s'."),
        (("again", "1", "--watch-for", "soon"), {}, "'soon' is no age"),
        (("stop", "1", "--reason", "x" * 201), {}, "--reason must be a text of 1 to 200 printable characters."),
        (("stop", "1", "--reason", "two\nlines"), {}, "--reason must be a text of 1 to 200 printable characters."),
    ],
)
def test_an_error_is_one_line(
    tmp_path: Path, arguments: tuple[str, ...], environment: dict[str, str], text: str
) -> None:
    done = import_watch(*arguments, IMPORT_WATCH_STATE=str(tmp_path), **environment)
    assert (done.returncode, done.stdout) == (3, "")
    assert text in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_service_that_refuses_is_reported(tmp_path: Path, refused_url: str) -> None:
    done = import_watch(
        *("list", "--region", "eu-west-1"),
        IMPORT_WATCH_STATE=str(tmp_path),
        AWS_ENDPOINT_URL=refused_url,
        AWS_MAX_ATTEMPTS="1",
        **CREDENTIALS,
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert "AWS could not be reached" in done.stderr


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"endpointUrl": "REFUSED", "region": "eu-west-1", "stackName": "import-watch"}, "does not respond"),
        (
            {"endpointUrl": "https://example.com", "region": "eu-west-1", "stackName": "import-watch"},
            "not on this machine",
        ),
        ({"region": "eu-west-1"}, "does not describe a local stack"),
        ([], "does not describe a local stack"),
    ],
)
def test_a_local_stack_that_has_died_is_reported(tmp_path: Path, refused_url: str, content: object, text: str) -> None:
    (tmp_path / "stack.json").write_text(json.dumps(content).replace("REFUSED", refused_url))
    done = import_watch("list", IMPORT_WATCH_STATE=str(tmp_path))
    assert (done.returncode, done.stdout) == (3, "")
    assert text in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["--json", "list"], ["list", "--json"]),
        (["--stack", "a", "--region=b", "list", "--ended"], ["list", "--stack", "a", "--region=b", "--ended"]),
        (["--json", "--version"], ["--version"]),
        (["--json"], []),
        (["list", "--json"], ["list", "--json"]),
    ],
)
def test_options_before_the_command_are_moved_behind_it(given: list[str], expected: list[str]) -> None:
    assert options_last(given) == expected


def test_help_and_version_need_no_stack() -> None:
    assert import_watch("--version").stdout.startswith("import-watch ")
    assert "Examples:" in import_watch("list", "--help").stdout
    assert import_watch().stdout == import_watch("--help").stdout
