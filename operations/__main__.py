"""The command line for whoever runs a stack; `make` has a target for each command."""

from __future__ import annotations

from typing import Annotated

import boto3
import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from operations.redrive import Stack, redrive

app = typer.Typer(add_completion=False, help=__doc__, pretty_exceptions_show_locals=False)


@app.callback()
def operations() -> None:
    """Run a stack; where and as whom is for the usual AWS settings to say (profile, region, endpoint)."""


@app.command(name="redrive")
def redrive_dead_letters(stack: Annotated[str, typer.Option(help="Name of the stack.")] = "import-watch") -> None:
    """Put dead letters back: start events on the bus, events about executions to recover_watches."""
    console = Console(soft_wrap=True, highlight=False)
    try:
        found = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}
        where = Stack(outputs["DeadLetterQueueUrl"], outputs["ImportBusName"], f"{stack}-recover-watches")
        done = redrive(where, boto3.client("sqs"), boto3.client("events"), boto3.client("lambda"))
    except (ClientError, BotoCoreError) as error:
        console.print(f"The dead letters of stack {stack} could not be put back: {error}")
        raise typer.Exit(2) from None
    for kind, count in done.put_back.items():
        console.print(f"put back: {count} × {kind}")
    for why in done.left:
        console.print(f"left in the queue: {why}")
    if not done.put_back and not done.left:
        console.print("There are no dead letters.")
    raise typer.Exit(1 if done.left else 0)


if __name__ == "__main__":
    app()
