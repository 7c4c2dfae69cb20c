from __future__ import annotations

from pathlib import Path

import pytest

from releases.update_check import DeployedStack, NotUpdatable, Settings, check_update, read_settings
from releases.versions import Version

RELEASES = [Version.parse(text) for text in ("0.3.0", "0.1.0", "0.2.0", "0.2.1", "0.4.0")]


def stack(version: str | None = None, status: str = "UPDATE_COMPLETE", *, is_own: bool = True) -> DeployedStack:
    return DeployedStack("imports", status, version, is_own)


@pytest.mark.parametrize(
    ("deployed", "version", "refusal"),
    [
        (None, "0.3.0", None),
        (stack("0.3.0"), "0.3.0", None),
        (stack("0.3.0-dev"), "0.3.0-dev", None),
        (stack(), "0.1.0", None),
        (stack(), "0.2.0", None),
        (stack(), "0.2.0-dev", None),
        (stack("0.2.0"), "0.3.0", None),
        (stack("0.2.0"), "0.2.1", None),
        (stack("0.2.0"), "0.3.0-dev", None),
        (stack("0.3.0-dev"), "0.3.0", None),
        (stack("0.4.0"), "1.0.0", None),
        # A release is skipped.
        (stack(), "0.3.0", "has version 0.1.0, .* deploy v0.2.1 first .* v0.2.1 && .*, then this version$"),
        (stack(), "0.4.0", "deploy v0.2.1 first .*, then v0.3.0, then this version$"),
        (stack("0.2.0"), "1.0.0", "deploy v0.3.0 first .*, then v0.4.0, then this version$"),
        (stack("0.2.0-dev"), "0.3.0", "deploy v0.2.1 first"),
        (stack("0.3.0-dev"), "0.4.0-dev", "deploy v0.3.0 first"),
        # A downgrade.
        (stack("0.3.0"), "0.2.0", "older 0.2.0"),
        (stack("0.3.0"), "0.3.0-dev", "older 0.3.0-dev"),
        (stack("0.2.1"), "0.2.0", "older 0.2.0"),
        (stack("\x1b[31m"), "0.3.0", r"version '\\x1b\[31m', which this version does not know"),
        # Other states of the stack.
        (stack(status="REVIEW_IN_PROGRESS", is_own=False), "0.3.0", None),
        (stack("0.2.0", "UPDATE_ROLLBACK_COMPLETE"), "0.3.0", None),
        (stack("0.1.0", "UPDATE_ROLLBACK_COMPLETE"), "0.3.0", "deploy v0.2.1 first"),
        (stack("0.2.0", "UPDATE_FAILED"), "0.3.0", None),
        (stack("0.2.0", "UPDATE_ROLLBACK_FAILED"), "0.3.0", "continue-update-rollback --stack-name imports"),
        (stack("0.2.0", "UPDATE_IN_PROGRESS"), "0.3.0", "wait until that is done"),
        (stack("0.3.0", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"), "0.3.0", "wait until that is done"),
        (stack("0.2.0", "DELETE_IN_PROGRESS"), "0.3.0", "wait until that is done"),
        (stack(status="CREATE_FAILED", is_own=False), "0.3.0", "delete-stack --stack-name imports"),
        (stack(status="ROLLBACK_COMPLETE", is_own=False), "0.3.0", "delete-stack --stack-name imports"),
        (stack("0.2.0", "DELETE_FAILED"), "0.3.0", "can only be deleted"),
        (stack("7", is_own=False), "0.3.0", "no stack of Import Watch"),
    ],
)
def test_an_update_skips_no_release(deployed: DeployedStack | None, version: str, refusal: str | None) -> None:
    if refusal is None:
        check_update(deployed, Version.parse(version), RELEASES)
        return
    with pytest.raises(NotUpdatable, match=refusal) as refused:
        check_update(deployed, Version.parse(version), RELEASES)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[default.deploy.parameters]\nstack_name = "imports"\n', Settings("imports")),
        (
            '[default.global.parameters]\nregion = "eu-west-1"\nstack_name = "other"\n'
            '[default.deploy.parameters]\nstack_name = "imports"\nprofile = "operations"\n',
            Settings("imports", "eu-west-1", "operations"),
        ),
        ("", None),
        ("default = 1", None),
        ("[default", None),
        (None, None),
    ],
)
def test_the_stack_is_the_one_that_sam_deploys(tmp_path: Path, text: str | None, expected: Settings | None) -> None:
    config = tmp_path / "samconfig.local.toml"
    if text is not None:
        config.write_text(text)
    if expected is not None:
        assert read_settings(config) == expected
    else:
        with pytest.raises(NotUpdatable, match=r"samconfig\.local\.toml has no readable stack_name"):
            read_settings(config)
