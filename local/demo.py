"""The main job on the embedded default: sample imports of three vendors, from the start event to the outcome."""

from __future__ import annotations

import time

from import_watch.notifications.notification import readable_log
from rich.console import Console
from rich.table import Table

from local.display import COLOURS, Display
from local.outcomes import Message, fetch, receive
from local.progress import Standing, standings
from local.scenarios import SCENARIOS, Scenario
from local.stack import LocalStack

MAX_SECONDS = 90
PAUSE_SECONDS = 0.4
LOG_LINES = 6


def run(console: Console) -> int:
    """Run the demo and return its exit status: 0 only if every import had exactly one outcome, the expected one."""
    began = time.monotonic()
    console.print("Starting the emulator, the stack of template.yaml and a simulator for each vendor …")
    with LocalStack() as stack:
        console.print(
            f"Ready after {time.monotonic() - began:.1f} s. Sending the start events of events/import-started:\n"
        )
        for scenario in SCENARIOS:
            console.print(f"    {scenario.name:<24}{scenario.story}", highlight=False)
            scripted = stack.simulators.get(scenario.vendor)
            if scripted is not None:
                scripted.script(scenario.import_id, scenario.steps)
        console.print()
        messages = _watch(stack, console)
        failures = _report(console, messages)
        _show_a_log(stack, console, messages)
    right = len(SCENARIOS) - failures
    seconds = time.monotonic() - began
    console.print(f"\n{right} of {len(SCENARIOS)} outcomes as expected, {seconds:.0f} s in all.")
    return 1 if failures else 0


def _watch(stack: LocalStack, console: Console) -> list[Message]:
    """Show the watches until every execution has ended, and return the messages that the subscriber got."""
    sqs, dynamodb, stepfunctions = stack.client("sqs"), stack.client("dynamodb"), stack.client("stepfunctions")
    executions = sum(scenario.times for scenario in SCENARIOS)
    messages: list[Message] = []
    unsent = list(SCENARIOS)
    ends = time.monotonic() + MAX_SECONDS
    with Display(console) as display:
        while time.monotonic() < ends:
            if unsent:
                # One by one, like real imports; all at once would measure how fast this machine starts processes.
                scenario = unsent.pop(0)
                stack.start_import(scenario.event["detail"], scenario.times)
            messages += receive(sqs, stack.outcomes_queue_url)
            begun = stepfunctions.list_executions(stateMachineArn=stack.outputs["WatchStateMachineArn"])["executions"]
            found = standings(dynamodb, stack.outputs["WatchTableName"])
            display.show({scenario.name: _standing(scenario, found) for scenario in SCENARIOS})
            if len(begun) == executions and all(execution["status"] != "RUNNING" for execution in begun):
                break
            time.sleep(PAUSE_SECONDS)
    while more := receive(sqs, stack.outcomes_queue_url):
        messages += more
    return messages


def _standing(scenario: Scenario, found: dict[str, Standing]) -> Standing:
    if not scenario.steps:
        # An invalid event is recorded under its own id; the demo sends one.
        return next((standing for key, standing in found.items() if key.startswith("invalid#")), Standing())
    return found.get(scenario.watch_id, Standing())


def _report(console: Console, messages: list[Message]) -> int:
    """Print the table of outcomes and return how many are not as expected."""
    table = Table(
        title="Outcomes, as a subscriber of the topic got them", title_justify="left", box=None, pad_edge=False
    )
    for heading in ("", "Import", "Outcome", "Log", "Lag", "Polls", "Message"):
        table.add_column(heading, overflow="fold")
    failures = 0
    for scenario in SCENARIOS:
        mine = [message for message in messages if _is_of(message, scenario)]
        faults = scenario.faults(mine[0].event) if mine else ["no notification"]
        if len(mine) > 1:
            faults.append(f"{len(mine)} notifications")
        failures += bool(faults)
        mark = "[red]✗[/]" if faults else "[green]✓[/]"
        if not mine:
            table.add_row(mark, scenario.name, "-", "-", "-", "-", "; ".join(faults))
            continue
        data = mine[0].event["data"]
        lag = data["detectionLagSeconds"]
        table.add_row(
            mark,
            scenario.name,
            f"[{COLOURS[data['outcome']]}]{data['outcome']}[/]",
            data["log"]["status"],
            "-" if lag is None else f"{lag:.1f} s",
            str(data["watch"]["polls"]),
            data["message"] + (f" [red]({'; '.join(faults)})[/]" if faults else ""),
        )
    console.print()
    console.print(table)
    return failures


def _is_of(message: Message, scenario: Scenario) -> bool:
    data = message.event["data"]
    if scenario.steps:
        return bool(data["vendor"] == scenario.vendor and data["importId"] == scenario.import_id)
    return bool(data["correlationId"] == scenario.expected["correlationId"])


def _show_a_log(stack: LocalStack, console: Console, messages: list[Message]) -> None:
    """Print the first lines of an archived log, in its form for a person."""
    mine = [message for message in messages if _is_of(message, SCENARIOS[0])]
    location = mine[0].event["data"]["log"]["location"] if mine else None
    if location is None:
        return
    text = readable_log(location) or location
    console.print(f"\nThe first lines of {text}:", soft_wrap=True, highlight=False)
    for line in fetch(stack.client("s3"), text).decode().splitlines()[:LOG_LINES]:
        console.print(f"    {line}", soft_wrap=True, highlight=False, markup=False)
