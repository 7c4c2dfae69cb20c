"""Lists roles and statements with the test that needs each; `python -m tests.permissions.listing` writes the page."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from local.paths import ROOT
from local.simulators.registry import VENDORS
from tests.permissions.grants import Statement, grants, statements
from tests.permissions.services import EVERY_USE
from tests.sam_template import poll_role

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
    f"{LOG_STREAM}-poll-<vendor>[*": "Lambda names a log stream by its date, function and environment",
    "${LogArchiveBucket.Arn}/<vendor>/*": "objects are named by their import",
    "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${AWS::StackName}/<vendor>/*": (
        "connections are made by people, after the stack"
    ),
}
"""Resources with a wildcard, and why they cannot be named; those of a vendor with `<vendor>` for its name."""
POLL_ROLES = {poll_role(vendor): vendor for vendor in VENDORS}
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
    for title, found in _sections(by_role).items():
        lines += ["", f"### {title}", "", "| statement | allows | on | needed by |", "|---|---|---|---|"]
        for one in found:
            sid = f"{one.sid}, if {one.condition}" if one.condition else one.sid
            sid += f" ({one.policy})" if one.policy else ""
            cells = (sid, _code(one.actions), _code(one.resources), _code(needed_by(one)))
            lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "### Patterns", "", "| pattern | why it cannot be named |", "|---|---|"]
    lines += [f"| `{_short(resource)}` | {why} |" for resource, why in UNNAMED.items()]
    return "\n".join([*lines, "", END])


def for_any_vendor(resource: str, role: str) -> str:
    """A resource with `<vendor>` for the name of the vendor whose role has it."""
    return re.sub(rf"\b{vendor}\b", "<vendor>", resource) if (vendor := POLL_ROLES.get(role)) else resource


def _sections(by_role: Mapping[str, list[Statement]]) -> dict[str, list[Statement]]:
    """Statements by the title of their section: one for what all poll functions have, one for each with more."""
    polls = [[_of_any(one) for one in by_role[role]] for role in POLL_ROLES]
    shared = [one for one in polls[0] if all(one in others for others in polls)]
    sections = {}
    for role, found in by_role.items():
        if role not in POLL_ROLES:
            sections[role] = found
            continue
        sections["The role of each poll function"] = shared
        if own := [one for one in found if _of_any(one) not in shared]:
            sections[f"{role}, besides"] = own
    return sections


def _of_any(statement: Statement) -> Statement:
    resources = tuple(for_any_vendor(one, statement.role) for one in statement.resources)
    return replace(statement, role=next(iter(POLL_ROLES)), resources=resources)


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
