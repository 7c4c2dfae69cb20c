"""The options that every command has, and the decorator that adds them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from import_watch_cli.output import Output

if TYPE_CHECKING:
    from import_watch_cli.stack import Stack

OPTIONS: dict[str, tuple[Any, Any]] = {
    "stack": (
        Annotated[
            str | None,
            typer.Option("--stack", metavar="NAME", envvar="IMPORT_WATCH_STACK", help="Stack in an AWS account."),
        ],
        None,
    ),
    "profile": (Annotated[str | None, typer.Option("--profile", metavar="NAME", help="Profile of the AWS CLI.")], None),
    "region": (Annotated[str | None, typer.Option("--region", metavar="NAME", help="AWS region.")], None),
    "local": (
        Annotated[
            bool | None,
            typer.Option("--local", help="The local stack; the default where it runs and no other is named."),
        ],
        None,
    ),
    "as_json": (Annotated[bool, typer.Option("--json", help="JSON for programs, one object a line.")], False),
    "quiet": (Annotated[bool, typer.Option("--quiet", help="Results and errors only.")], False),
    "utc": (Annotated[bool, typer.Option("--utc", help="Times in UTC.")], False),
}
"""Type and default of each option, by the name of its parameter."""


@dataclass(frozen=True)
class Settings:
    """The options of a command that every command has."""

    output: Output
    stack: str | None = None
    profile: str | None = None
    region: str | None = None
    local: bool | None = None

    def find(self) -> Stack:
        """Stack that the command works on; it is noted where it is the local one by default.

        Raises
        ------
        CommandError
            If there is none.
        """
        from import_watch_cli.stack import find_stack

        found = find_stack(self.stack, self.profile, self.region, self.local)
        if found.is_local and not self.local:
            self.output.note(f"This is the local stack of {found.file}; --stack {found.name} is the deployed one.")
        return found

    @property
    def stack_options(self) -> str:
        """The given options that name a deployed stack, after a blank, for a command that a person copies."""
        given = {"stack": self.stack, "profile": self.profile, "region": self.region}
        return "".join(f" --{option} {quote(value)}" for option, value in given.items() if value)

    @property
    def names_a_deployed_stack(self) -> bool:
        """Whether an option names a stack in an account."""
        return bool(self.stack or self.profile or self.region)


def place_of(context: typer.Context) -> dict[str, Any]:
    """Options that name the stack; a typed --local counts, and not the environment's name of another stack."""
    place = {option: context.params.get(option) for option in ("stack", "profile", "region", "local")}
    source = context.get_parameter_source("stack")
    if place["local"] and source is not None and source.name == "ENVIRONMENT":
        place["stack"] = None
    return place


Command = Callable[..., int | None]


def command(
    app: typer.Typer, name: str, examples: Sequence[str], *, hidden: bool = False
) -> Callable[[Command], Command]:
    """Decorator that adds a command with the common options to an app.

    Parameters
    ----------
    app : typer.Typer
    name : str
    examples : sequence of str
        Command lines without the program's name, for `--help`.
    hidden : bool
        Whether the list of commands leaves it out.

    Returns
    -------
    callable
        The decorated function gets `Settings` as its first argument, and returns the exit status.
    """

    def decorate(function: Command) -> Command:
        parameters = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        common = [
            inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
            for option, (kind, default) in OPTIONS.items()
        ]

        @wraps(function)
        def run(**values: Any) -> int | None:
            output = Output(*(values.pop(option) for option in ("as_json", "quiet", "utc")))
            place = place_of(values.pop("context"))
            for option in place:
                del values[option]
            return function(Settings(output, **place), **values)

        context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
        parameters = [context, *(one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters)]
        run.__signature__ = inspect.Signature([*parameters, *common])  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in (*parameters, *common)}
        lines = "\n".join(f"  import-watch {example}" for example in examples)
        title = "Example" if len(examples) == 1 else "Examples"
        app.command(name, epilog=f"\b\n{title}:\n{lines}", hidden=hidden)(run)
        return function

    return decorate
