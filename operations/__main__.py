"""The command line for the operators of a stack; `make` has a target for each command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import boto3
import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from operations.redrive import Stack, redrive
from operations.replay import NotReplayable, replay

app = typer.Typer(add_completion=False, help=__doc__, pretty_exceptions_show_locals=False)
# The content of a dead letter is printed as text: brackets in it are not markup.
console = Console(soft_wrap=True, highlight=False, markup=False)
StackName = Annotated[str, typer.Option("--stack", help="Name of the stack.")]


@app.command(name="redrive")
def redrive_dead_letters(stack: StackName = "import-watch") -> None:
    """Send dead letters again: start events to the bus, events about executions to recover_watches."""
    with _reporting_errors(f"The dead letters of stack {stack} could not be put back"):
        outputs = _outputs(stack)
        where = Stack(outputs["DeadLetterQueueUrl"], outputs["ImportBusName"], f"{stack}-recover-watches")
        done = redrive(where, boto3.client("sqs"), boto3.client("events"), boto3.client("lambda"))
    for kind, count in done.put_back.items():
        console.print(f"put back: {count} × {kind}")
    for why in done.left:
        console.print(f"left in the queue: {why}")
    if not done.put_back and not done.left:
        console.print("There are no dead letters.")
    raise typer.Exit(1 if done.left else 0)


@app.command(name="replay")
def replay_notification(watch: str, stack: StackName = "import-watch") -> None:
    """Let the next sweep publish the notification of a watch again, under the same id."""
    with _reporting_errors(f"The notification of {watch} cannot be published again"):
        replay(_outputs(stack)["WatchTableName"], watch, boto3.client("dynamodb"))
    console.print(f"The next sweep publishes the outcome of {watch} again, once it is RecoveryGraceSeconds old.")


def _outputs(stack: str) -> dict[str, str]:
    found = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}


@contextmanager
def _reporting_errors(what: str) -> Iterator[None]:
    """Print an error as one line for a person, instead of a traceback."""
    try:
        yield
    except (ClientError, BotoCoreError, NotReplayable) as error:
        console.print(f"{what}: {error}")
        raise typer.Exit(2) from None


if __name__ == "__main__":
    app()
