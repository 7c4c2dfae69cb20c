"""The main job on the embedded default: sample imports of three vendors, from the start event to the outcome."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from import_watch.notifications.notification import readable_log
from import_watch_cli.display import OutcomeLine, Standing, folded, outcomes, printable, suggestions
from import_watch_cli.terminal import Terminal, WatchDisplay, lines_of_several
from rich.text import Text

from local.outcomes import Message, fetch, receive
from local.paths import ROOT
from local.progress import standings
from local.scenarios import SCENARIOS, Scenario
from local.service import report_swept
from local.stack import LocalStack

MAX_SECONDS = 90
PAUSE_SECONDS = 0.4
LOG_LINES = 6
INDENT = 4
NAME_COLUMNS = 24
INTERRUPTED = 130
COMMAND_LINE = Path(".venv/bin/import-watch")


def run(terminal: Terminal) -> int:
    """Run the demo and return its exit status: 0 only if every import had exactly one outcome, the expected one."""
    try:
        return _run(terminal)
    except KeyboardInterrupt:
        terminal.write("The demo was stopped, and its stack has ended.")
        return INTERRUPTED


def commands(*, has_command_line: bool) -> dict[str, str]:
    """Commands to try after the demo, with what each is for."""
    found = {"make up": "the same stack, left running"}
    if has_command_line:
        scenario = next(scenario for scenario in SCENARIOS if scenario.name == "voyado-success")
        start = f"{COMMAND_LINE} start {scenario.vendor} {scenario.import_id} --wait"
        found |= {start: "start and follow an import there", f"{COMMAND_LINE} list": "every import there"}
    return found | {"make down": "end it", "make help": "everything else"}


def _run(terminal: Terminal) -> int:
    began = time.monotonic()
    report_swept(terminal)
    terminal.write_wrapped("Starting the emulator, the stack of template.yaml and a simulator for each vendor.")
    with LocalStack() as stack:
        ready = time.monotonic() - began
        terminal.write_wrapped(f"Ready after {ready:.1f} s. Sending the start events of events/import-started:")
        terminal.write("", *(line for scenario in SCENARIOS for line in _described(scenario, terminal.width)), "")
        for scenario in SCENARIOS:
            scripted = stack.simulators.get(scenario.vendor)
            if scripted is not None:
                scripted.script(scenario.import_id, scenario.steps)
        messages = _watch(stack, terminal)
        failures = _report(terminal, messages)
        _show_a_log(stack, terminal, messages)
    right = len(SCENARIOS) - failures
    seconds = time.monotonic() - began
    terminal.write("", f"{right} of {len(SCENARIOS)} outcomes as expected, {seconds:.0f} s in all.", "")
    has_command_line = (ROOT / COMMAND_LINE).exists()
    terminal.write(*suggestions(commands(has_command_line=has_command_line), terminal.width))
    return 1 if failures else 0


def _described(scenario: Scenario, width: int) -> list[Text]:
    first, *others = folded(scenario.story, width - INDENT - NAME_COLUMNS)
    blanks = " " * (INDENT + NAME_COLUMNS)
    return [Text(f"{' ' * INDENT}{scenario.name:<{NAME_COLUMNS}}{first}"), *(Text(blanks + line) for line in others)]


def _watch(stack: LocalStack, terminal: Terminal) -> list[Message]:
    """Show the watches until every execution has ended, and return the messages that the subscriber got."""
    sqs, dynamodb, stepfunctions = stack.client("sqs"), stack.client("dynamodb"), stack.client("stepfunctions")
    executions = sum(scenario.times for scenario in SCENARIOS)
    messages: list[Message] = []
    unsent = list(SCENARIOS)
    ends = time.monotonic() + MAX_SECONDS
    with WatchDisplay(terminal, lines_of_several) as display:
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


def _standing(scenario: Scenario, found: Mapping[str, Standing]) -> Standing:
    if not scenario.steps:
        # An invalid event is recorded under its own id; the demo sends one.
        return next((standing for key, standing in found.items() if key.startswith("invalid#")), Standing())
    return found.get(scenario.watch_id, Standing())


def _report(terminal: Terminal, messages: list[Message]) -> int:
    """Write the table of outcomes and return how many are not as expected."""
    rows = [_outcome(scenario, [one for one in messages if _is_of(one, scenario)]) for scenario in SCENARIOS]
    terminal.write("", "Outcomes, as a subscriber of the topic got them:", "", *outcomes(rows, terminal.width))
    return sum(not row.expected for row in rows)


def _outcome(scenario: Scenario, mine: list[Message]) -> OutcomeLine:
    faults = scenario.faults(mine[0].event) if mine else ["no notification"]
    if len(mine) > 1:
        faults.append(f"{len(mine)} notifications")
    wrong = f"({'; '.join(faults)})" if faults else ""
    if not mine:
        return OutcomeLine(scenario.name, expected=False, message=wrong)
    data = mine[0].event["data"]
    return OutcomeLine(
        scenario.name,
        expected=not faults,
        outcome=data["outcome"],
        log=data["log"]["status"],
        lag=data["detectionLagSeconds"],
        polls=data["watch"]["polls"],
        message=f"{data['message']} {wrong}".rstrip(),
    )


def _is_of(message: Message, scenario: Scenario) -> bool:
    data = message.event["data"]
    if scenario.steps:
        return bool(data["vendor"] == scenario.vendor and data["importId"] == scenario.import_id)
    return bool(data["correlationId"] == scenario.expected["correlationId"])


def _show_a_log(stack: LocalStack, terminal: Terminal, messages: list[Message]) -> None:
    """Write the first lines of an archived log, in its form for a person."""
    mine = [message for message in messages if _is_of(message, SCENARIOS[0])]
    location = mine[0].event["data"]["log"]["location"] if mine else None
    if location is None:
        return
    text = readable_log(location) or location
    terminal.write("", "The first lines of")
    # It may be longer than a line: the terminal breaks it, so that it can still be copied.
    terminal.write(text)
    for line in fetch(stack.client("s3"), text).decode().splitlines()[:LOG_LINES]:
        parts = folded(line, terminal.width - INDENT) if terminal.is_terminal else [printable(line)]
        terminal.write(*(" " * INDENT + part for part in parts))
