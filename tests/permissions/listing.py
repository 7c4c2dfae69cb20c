"""Lists roles and statements with the test that needs each; `python -m tests.permissions.listing` writes the page."""

from __future__ import annotations

from collections import defaultdict

from local.paths import ROOT
from tests.permissions.grants import Statement, grants, statements
from tests.permissions.services import EVERY_USE

PAGE = ROOT / "docs" / "permissions.md"
BEGIN, END = "<!-- made by tests/permissions/listing.py -->", "<!-- end -->"
EXECUTION = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}"
LOG_STREAM = (
    "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:"
    "${PollLogGroup}:log-stream:*/${AWS::StackName}"
)
UNNAMED = {
    "*": "X-Ray and the delivery of logs have no resource that could be named",
    f"{EXECUTION}:execution:${{AWS::StackName}}-watch-import:*": "an execution gets its name when it starts",
    f"CallbackStateMachineArns or {EXECUTION}:stateMachine:*": (
        "the state machines of callers are their own; the parameter names those that are permitted"
    ),
    "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${AWS::StackName}-poll-*": (
        "a new vendor's function is invoked without a change here"
    ),
    **{
        f"{LOG_STREAM}-poll-{vendor}[*": "Lambda names a log stream by its date, function and environment"
        for vendor in ("document360", "egain", "voyado")
    },
    **{
        f"${{LogArchiveBucket.Arn}}/{vendor}/*": "objects are named by their import"
        for vendor in ("document360", "egain", "voyado")
    },
    **{
        "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:"
        f"${{AWS::StackName}}/{vendor}/*": "connections are made by people, after the stack"
        for vendor in ("document360", "egain", "voyado")
    },
}
"""Resources with a wildcard, and why they cannot be named."""
ON_THE_TEMPLATE = {
    "CreateLogStreams": "test_a_function_writes_its_own_log_and_no_other",
    "WriteLogs": "test_a_function_writes_its_own_log_and_no_other",
    "WriteTraces": "test_traced_roles_may_write_traces",
    "DeliverLogs": "test_the_state_machine_delivers_its_log",
}
"""Statements that the emulator does not require, by name: the test that asserts the need."""


def needed_by(statement: Statement) -> list[str]:
    """Tests that need a statement, by name; several where a statement has several grants."""
    asserted = ON_THE_TEMPLATE.get(statement.sid)
    if asserted:
        return [asserted]
    keys = [
        (grant.role, grant.action, grant.resource)
        for grant in grants()
        if (grant.role, grant.sid) == (statement.role, statement.sid)
    ]
    return sorted({EVERY_USE[key].__name__ for key in keys if key in EVERY_USE})


def listing() -> str:
    """The list as the page has it."""
    by_role = defaultdict(list)
    for statement in statements():
        by_role[statement.role].append(statement)
    lines = [BEGIN]
    for role, found in by_role.items():
        lines += ["", f"### {role}", "", "| statement | allows | on | needed by |", "|---|---|---|---|"]
        for one in found:
            sid = f"{one.sid}, if {one.condition}" if one.condition else one.sid
            sid += f" ({one.policy})" if one.policy else ""
            cells = (sid, _code(one.actions), _code(one.resources), _code(needed_by(one)))
            lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "### Patterns", "", "| pattern | why it cannot be named |", "|---|---|"]
    lines += [f"| `{_short(resource)}` | {why} |" for resource, why in UNNAMED.items()]
    return "\n".join([*lines, "", END])


def page_with(text: str) -> str:
    """The page with this list in place of its own."""
    page = PAGE.read_text()
    return page[: page.index(BEGIN)] + text + page[page.index(END) + len(END) :]


def _code(words: tuple[str, ...] | list[str]) -> str:
    return ", ".join(f"`{_short(word)}`" for word in words)


def _short(resource: str) -> str:
    """Leave out of an ARN what is the same in all of them."""
    for start in ("arn:${AWS::Partition}:", "${AWS::Region}:${AWS::AccountId}:"):
        resource = resource.replace(start, "")
    return resource.replace("${AWS::StackName}", "<stack>")


if __name__ == "__main__":
    PAGE.write_text(page_with(listing()))
