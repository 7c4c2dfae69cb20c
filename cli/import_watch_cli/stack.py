"""The stack that a command works on: one in an account, or the local one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from import_watch_cli.checkout import stack_file
from import_watch_cli.errors import CommandError, code_of, sentence_of

DEFAULT_NAME = "import-watch"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
UNREACHABLE = (
    *("EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionClosedError"),
    *("ProxyConnectionError", "HTTPClientError", "ResponseParserError"),
)
DEPLOYED = (
    *("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_IN_PROGRESS"),
    *("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS", "IMPORT_COMPLETE"),
    *("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED", "UPDATE_FAILED", "DELETE_FAILED"),
)


@dataclass(frozen=True)
class Stack:
    """A deployed stack.

    Parameters
    ----------
    name, region, account : str
    version : str or None
        None where the stack is of a release before 0.2.0.
    outputs, parameters : mapping of str to str
    is_local : bool
        Whether it runs on this machine.
    file : Path or None
        With a local stack, the file that describes it.
    session : object
        The boto3 session of its clients.
    options : mapping
        Further arguments of its clients.
    """

    name: str
    region: str
    account: str
    version: str | None
    outputs: Mapping[str, str]
    parameters: Mapping[str, str] = field(default_factory=dict)
    is_local: bool = False
    file: Path | None = None
    session: Any = field(default=None, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    _clients: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def client(self, service: str) -> Any:
        """boto3 client of a service, in the stack's account and region."""
        if service not in self._clients:
            self._clients[service] = self.session.client(service, region_name=self.region, **self.options)
        return self._clients[service]

    def output(self, name: str) -> str:
        """Value of an output.

        Raises
        ------
        CommandError
            If the stack does not have it.
        """
        if name not in self.outputs:
            raise CommandError(f"Stack {self.name} has no output {name}: it is no stack of Import Watch.")
        return self.outputs[name]

    def require(self, version: tuple[int, ...], what: str) -> None:
        """Check that the stack is of a release, or of a later one.

        Parameters
        ----------
        version : tuple of int
        what : str
            What needs it, as the subject of a sentence.

        Raises
        ------
        CommandError
            If it is not.
        """
        if release_of(self.version) < version:
            needed = ".".join(map(str, version))
            raise CommandError(
                f"{what} needs release {needed}, and stack {self.name} is of {self.version or 'an earlier release'}: "
                "update it with make deploy."
            )

    @property
    def place(self) -> str:
        """Where the stack is, for a person."""
        return "on this machine" if self.is_local else f"{self.region}, account {self.account}"


def release_of(version: str | None) -> tuple[int, ...]:
    """Numbers of a version; a version that is being made counts as its release."""
    numbers = (version or "0.1.0").split("-")[0].split(".")
    return tuple(int(number) if number.isdecimal() else 0 for number in numbers)


def find_stack(
    stack: str | None = None,
    profile: str | None = None,
    region: str | None = None,
    local: bool | None = None,  # noqa: FBT001
) -> Stack:
    """Stack that a command works on.

    Parameters
    ----------
    stack : str, optional
        Name of a deployed stack.
    profile, region : str, optional
        As those of the AWS CLI.
    local : bool, optional
        Whether it is the local stack. By default it is, where there is one and nothing else is named.

    Raises
    ------
    CommandError
        If there is no such stack, or it cannot be read.
    """
    if local and (profile or region or stack not in (None, DEFAULT_NAME)):
        raise CommandError("--local cannot be combined with --stack, --profile and --region: leave out one of them.")
    file = stack_file() if local is not False else None
    if local or (local is None and file is not None and not (stack or profile or region)):
        return _local_stack(file)
    return _deployed_stack(stack or DEFAULT_NAME, profile, region)


def _local_stack(file: Path | None) -> Stack:
    if file is None:
        raise CommandError("The local stack is not running: start it with `import-watch up`.")
    try:
        description = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        description = None
    return local_stack(description, file)


def local_stack(description: Any, file: Path) -> Stack:
    """Local stack that a description names.

    Parameters
    ----------
    description : object
        As `file` has it, which may not be written yet.
    file : Path
        `.local/stack.json`.

    Raises
    ------
    CommandError
        If the description is incomplete, or the stack does not respond or is not on this machine.
    """
    try:
        endpoint, region, name = (str(description[key]) for key in ("endpointUrl", "region", "stackName"))
    except (KeyError, TypeError):
        raise CommandError(f"{file} does not describe a local stack: end it with `import-watch down`.") from None
    if urlsplit(endpoint).hostname not in LOOPBACK:
        raise CommandError(f"{file} names an endpoint that is not on this machine: remove the file.")
    import boto3
    from botocore.config import Config

    options = {
        "endpoint_url": endpoint,
        # No proxy leads to this machine, and a local stack responds at once or not at all.
        "config": Config(proxies={}, connect_timeout=3, read_timeout=30, retries={"total_max_attempts": 2}),
    }
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=region)  # noqa: S106
    return _described(name, session, region, file=file, options=options)


def _deployed_stack(name: str, profile: str | None, region: str | None) -> Stack:
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        session = boto3.Session(profile_name=profile, region_name=region)
    except BotoCoreError as error:
        raise CommandError(sentence_of(error)) from None
    if session.region_name is None:
        raise CommandError("No AWS region is set: name one with --region, AWS_REGION or in your profile.")
    return _described(name, session, session.region_name)


def _described(
    name: str, session: Any, region: str, file: Path | None = None, options: Mapping[str, Any] | None = None
) -> Stack:
    from botocore.exceptions import BotoCoreError, ClientError

    options = options or {}
    try:
        cloudformation = session.client("cloudformation", region_name=region, **options)
        found = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except (BotoCoreError, ClientError) as error:
        if file is not None and type(error).__name__ in UNREACHABLE:
            raise CommandError(
                f"The local stack of {file} does not respond: start it again with `import-watch up`, or name a "
                "deployed one with --stack."
            ) from None
        if code_of(error) == "ValidationError" and "does not exist" in str(error):
            where = "on this machine" if file else f"in {region}"
            raise CommandError(
                f"There is no stack {name} {where}: check --stack, --profile and --region, or deploy it with make "
                "deploy."
            ) from None
        raise CommandError(sentence_of(error, region)) from None
    if found["StackStatus"] not in DEPLOYED:
        raise CommandError(f"Stack {name} is {found['StackStatus']}: deploy it with make deploy.")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", ())}
    if "WatchStateMachineArn" not in outputs:
        raise CommandError(f"Stack {name} is no stack of Import Watch: check --stack.")
    return Stack(
        name=name,
        region=region,
        account=outputs["WatchStateMachineArn"].split(":")[4],
        version=outputs.get("Version"),
        outputs=outputs,
        parameters={one["ParameterKey"]: one.get("ParameterValue", "") for one in found.get("Parameters", ())},
        is_local=file is not None,
        file=file,
        session=session,
        options=options,
    )
