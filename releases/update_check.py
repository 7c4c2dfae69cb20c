"""Checks that a deployed stack can be updated to this version, before it is deployed.

CloudFormation creates or deletes one index of a table in an update, so a minor release changes at most one index, and
an update skips none.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from import_watch_cli.stack_names import fault_of

from releases.versions import Version

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

WITHOUT_OUTPUT = Version(0, 1, 0)
"""The release whose stacks have no output `Version`."""
OWN_OUTPUT = "WatchTableName"
"""An output of every release, by which a stack is known to be one of Import Watch."""
NEVER_CREATED = ("CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED")
"""Statuses after which CloudFormation only deletes a stack."""


class NotUpdatable(Exception):
    """The stack cannot be updated to this version; the message says what to do."""


@dataclass(frozen=True)
class Settings:
    """Where `sam deploy` deploys to.

    Parameters
    ----------
    stack_name : str
    region, profile : str or None
        None where the environment or the AWS configuration decides.
    """

    stack_name: str
    region: str | None = None
    profile: str | None = None


@dataclass(frozen=True)
class DeployedStack:
    """A stack that exists.

    Parameters
    ----------
    name, status : str
    version : str or None
        Its output `Version`; None where there is none.
    is_own : bool
        Whether it has the outputs of Import Watch.
    """

    name: str
    status: str
    version: str | None = None
    is_own: bool = True


def check_name(settings: Settings, functions: Path) -> None:
    """Check that a stack of this name can be created.

    Parameters
    ----------
    settings : Settings
    functions : Path
        Folder with the functions, one of them for each vendor.

    Raises
    ------
    NotUpdatable
        If its name is too long.
    """
    vendors = (folder.name.removeprefix("poll_") for folder in functions.glob("poll_*"))
    if fault := fault_of(settings.stack_name, vendors):
        raise NotUpdatable(f"{fault}: choose a shorter stack_name")


def check_update(stack: DeployedStack | None, version: Version, releases: Collection[Version]) -> None:
    """Check that a stack can be updated to a version.

    Parameters
    ----------
    stack : DeployedStack or None
        None where there is no stack yet.
    version : Version
        What is deployed next.
    releases : collection of Version
        All releases until then.

    Raises
    ------
    NotUpdatable
        If the update would skip a minor release or lead to an older version, or CloudFormation accepts no update.
    """
    if stack is None or stack.status == "REVIEW_IN_PROGRESS":  # a change set that was not executed creates such a stack
        return
    name = stack.name
    if stack.status in NEVER_CREATED:
        remedy = f"aws cloudformation delete-stack --stack-name {name}"
        raise NotUpdatable(f"stack {name} is {stack.status} and can only be deleted: {remedy}")
    if stack.status.endswith("_IN_PROGRESS"):
        raise NotUpdatable(f"stack {name} is {stack.status}: wait until that is done")
    if stack.status == "UPDATE_ROLLBACK_FAILED":
        remedy = f"aws cloudformation continue-update-rollback --stack-name {name}"
        raise NotUpdatable(f"stack {name} is {stack.status}: first end the rollback with {remedy}")
    if not stack.is_own:
        raise NotUpdatable(f"stack {name} is no stack of Import Watch: choose another stack_name")
    deployed = _version_of(stack)
    if version < deployed:
        raise NotUpdatable(
            f"stack {name} has version {deployed}, and this is the older {version}: deploy {deployed} or a newer one"
        )
    if skipped := skipped_releases(deployed, version, releases):
        first = skipped[0]
        then = ", then ".join([*(f"v{other}" for other in skipped[1:]), "this version"])
        folder = f"../import-watch-{first}"
        raise NotUpdatable(
            f"stack {name} has version {deployed}, which cannot be updated to {version} directly: "
            f"deploy v{first} first "
            f"(git worktree add {folder} v{first} && cp samconfig.local.toml {folder} && make -C {folder} deploy), "
            f"then {then}"
        )


def skipped_releases(deployed: Version, version: Version, releases: Collection[Version]) -> list[Version]:
    """The newest release of each minor version that an update would skip.

    A development version may lack a part of its release, so its release can be skipped, too.
    """
    newest = {release.minor_release: release for release in sorted(releases) if release > deployed}
    return [
        release
        for minor, release in newest.items()
        if minor < version.minor_release and (minor > deployed.minor_release or not deployed.is_release)
    ]


def read_settings(config: Path) -> Settings:
    """Settings of `sam deploy` in a configuration file of SAM.

    Raises
    ------
    NotUpdatable
        If it is not readable, or has no stack name.
    """
    try:
        sections = tomllib.loads(config.read_text("utf-8")).get("default", {})
        given: dict[str, Any] = {
            **sections.get("global", {}).get("parameters", {}),
            **sections.get("deploy", {}).get("parameters", {}),
        }
        return Settings(given["stack_name"], given.get("region"), given.get("profile"))
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise NotUpdatable(
            f"{config.name} has no readable stack_name in [default.deploy.parameters]: {error}"
        ) from None


def read_stack(settings: Settings) -> DeployedStack | None:
    """The stack with the caller's credentials; None where there is none yet.

    A stack that cannot be read is an error and not taken for a new one: `sam deploy` makes the same request with the
    same credentials, so it would fail too, only later.

    Raises
    ------
    NotUpdatable
        If the stack cannot be read.
    """
    try:
        session = boto3.Session(profile_name=settings.profile, region_name=settings.region)
        cloudformation: CloudFormationClient = session.client("cloudformation")
        (found,) = cloudformation.describe_stacks(StackName=settings.stack_name)["Stacks"]
    except (BotoCoreError, ClientError) as error:
        # CloudFormation has no error of its own for a stack that is not there.
        if isinstance(error, ClientError) and f"{settings.stack_name} does not exist" in str(error):
            return None
        reason = "".join(character for character in str(error) if character.isprintable())
        raise NotUpdatable(
            f"stack {settings.stack_name} cannot be read, so its version is not known: {reason}"
        ) from None
    outputs = {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
    return DeployedStack(settings.stack_name, found["StackStatus"], outputs.get("Version"), OWN_OUTPUT in outputs)


def _version_of(stack: DeployedStack) -> Version:
    if stack.version is None:
        return WITHOUT_OUTPUT
    try:
        return Version.parse(stack.version)
    except ValueError:
        raise NotUpdatable(
            f"stack {stack.name} has version {stack.version!r}, which this version does not know: "
            "deploy the version that it came from, or a newer one"
        ) from None
