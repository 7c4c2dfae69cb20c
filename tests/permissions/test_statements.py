"""The roles' statements: nothing is allowed that could be named and is not, and each has something that needs it."""

from __future__ import annotations

import json
from collections import Counter
from fnmatch import fnmatchcase
from typing import Any

import pytest
from import_watch.model.watch import attempt_key, callbacks_key, watch_id

from local.paths import FUNCTIONS as FOLDERS
from local.paths import ROOT
from tests.permissions import test_uses
from tests.permissions.grants import ROLES, Statement, grants, managed_by, role_of, statements, written
from tests.permissions.listing import ON_THE_TEMPLATE, PAGE, UNNAMED, for_any_vendor, listing, needed_by, page_with
from tests.permissions.services import EVERY_USE
from tests.sam_template import FAILED_EVENTS, FUNCTIONS, RESOURCES, of_type

DEFINITION = (ROOT / "statemachine" / "watch_import.asl.json").read_text()
STATES: dict[str, dict[str, Any]] = json.loads(DEFINITION)["States"]
MACHINE: dict[str, Any] = RESOURCES["WatchStateMachine"]["Properties"]
PIPES = of_type("AWS::Pipes::Pipe")
RULE_TARGETS = [
    (target["RoleArn"]["Fn::GetAtt"][0], written(target["Arn"]))
    for rule in of_type("AWS::Events::Rule").values()
    for target in rule["Targets"]
    if "RoleArn" in target
]
"""Role and target of every rule that acts in a role."""
MANAGED = of_type("AWS::IAM::ManagedPolicy")
SHARED = {
    "register-watch": ["ControlPolicy"],
    "publish-outcome": ["ControlPolicy", "PublishPolicy"],
    "recover-watches": ["ControlPolicy", "PublishPolicy"],
}
"""Managed policies of the functions that poll no vendor."""
VENDORS = tuple(sorted(path.parent.name.removeprefix("poll_") for path in FOLDERS.glob("poll_*/adapter.py")))
STATEMENTS = list(statements())


def allowed(role: str, sid: str) -> Statement:
    (found,) = (one for one in STATEMENTS if (one.role, one.sid) == (role, sid))
    return found


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda one: f"{one.role}-{one.sid}")
class TestEveryStatement:
    def test_names_its_actions(self, statement: Statement) -> None:
        assert [action for action in statement.actions if "*" in action or "?" in action] == []

    def test_names_its_resources_or_has_a_reason(self, statement: Statement) -> None:
        patterns = [for_any_vendor(one, statement.role) for one in statement.resources if "*" in one or "?" in one]
        assert [one for one in patterns if one not in UNNAMED] == []

    def test_has_a_name_that_is_its_own(self, statement: Statement) -> None:
        assert statement.sid
        assert STATEMENTS.count(statement) == 1

    def test_is_needed_by_a_test(self, statement: Statement) -> None:
        names = needed_by(statement)
        assert names
        known = {use.__name__ for use in EVERY_USE.values()} | globals().keys()
        assert [name for name in names if name not in known] == []


def test_names_of_statements_are_unlike_within_a_role() -> None:
    assert [key for key, count in Counter((one.role, one.sid) for one in STATEMENTS).items() if count > 1] == []


def test_every_reason_belongs_to_a_pattern_in_use() -> None:
    used = {for_any_vendor(one, statement.role) for statement in STATEMENTS for one in statement.resources}
    assert UNNAMED.keys() == {one for one in used if "*" in one}


def test_only_traces_and_log_delivery_are_allowed_on_all() -> None:
    everywhere = {(one.role, one.sid) for one in STATEMENTS if "*" in one.resources}
    assert {sid for _, sid in everywhere} == {"WriteTraces", "DeliverLogs"}


def test_every_grant_that_the_emulator_requires_is_removed_once() -> None:
    """Action by action and resource by resource; the rest is asserted here."""
    wanted = {(grant.role, grant.action, grant.resource) for grant in grants() if grant.sid not in ON_THE_TEMPLATE}
    assert wanted == EVERY_USE.keys()
    assert len(test_uses.USED) == len(EVERY_USE)


def test_every_role_is_held_by_one() -> None:
    """Rules that do the same hold one role together."""
    held = Counter(role_of(properties) for properties in (*FUNCTIONS.values(), MACHINE))
    held += Counter({role for role, _ in RULE_TARGETS})
    held += Counter(pipe["RoleArn"]["Fn::GetAtt"][0] for pipe in PIPES.values())
    assert held == dict.fromkeys(ROLES, 1)


def test_no_role_has_a_policy_that_is_not_written_here() -> None:
    held = {name: managed_by(role) for name, role in ROLES.items()}
    assert {policy for policies in held.values() for policy in policies} == MANAGED.keys()
    for properties in FUNCTIONS.values():
        name = properties["FunctionName"]["Fn::Sub"].removeprefix("${AWS::StackName}-")
        assert held.pop(role_of(properties)) == SHARED.get(name, ["PollPolicy"])
    assert [name for name, policies in held.items() if policies] == []


def test_no_shared_policy_names_a_vendor() -> None:
    text = json.dumps(MANAGED).lower()
    assert [vendor for vendor in VENDORS if vendor in text] == []
    reached = {action.partition(":")[0] for one in STATEMENTS if one.policy == "PollPolicy" for action in one.actions}
    assert reached == {"logs", "xray", "dynamodb", "kms"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_writes_its_own_log_and_no_other(name: str) -> None:
    """Poll functions share a log group; each writes only the streams that Lambda names after it."""
    group = FUNCTIONS[name]["LoggingConfig"]["LogGroup"]["Ref"]
    function = FUNCTIONS[name]["FunctionName"]["Fn::Sub"]
    mine = [one for one in STATEMENTS if one.role == role_of(FUNCTIONS[name])]
    logs = {(action, one.resources) for one in mine for action in one.actions if action.startswith("logs:")}
    assert allowed(role_of(FUNCTIONS[name]), "WriteLogs").policy is None
    writes = {resources for action, resources in logs if action == "logs:PutLogEvents"}
    assert logs - {("logs:PutLogEvents", one) for one in writes} == {("logs:CreateLogStream", (f"{group}.Arn",))}
    if group == "PollLogGroup":
        (((stream,)),) = writes
        assert stream.endswith(f":log-group:${{{group}}}:log-stream:*/{function}[*")
    else:
        assert writes == {(f"{group}.Arn",)}


def test_traced_roles_may_write_traces() -> None:
    writes = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
    for properties in FUNCTIONS.values():
        assert set(allowed(role_of(properties), "WriteTraces").actions) == writes
    # Step Functions samples by itself; Lambda's sampling is not requested by the function.
    samples = {"xray:GetSamplingRules", "xray:GetSamplingTargets"}
    assert MACHINE["Tracing"] == {"Enabled": True}
    assert set(allowed(role_of(MACHINE), "WriteTraces").actions) == writes | samples


@pytest.mark.parametrize("role", [*map(role_of, FUNCTIONS.values()), "ChatPipeRole"])
def test_the_key_is_used_by_roles_that_access_encrypted_data(role: str) -> None:
    services = {action.partition(":")[0] for one in STATEMENTS if one.role == role for action in one.actions}
    assert services & {"dynamodb", "s3", "sns", "sqs", "secretsmanager"}
    statement = allowed(role, "UseKey")
    assert (statement.condition, statement.resources) == ("HasKey", ("KmsKeyArn",))
    assert statement.actions == ("kms:Decrypt", "kms:GenerateDataKey")


def test_what_a_function_failed_with_may_be_kept() -> None:
    kept = {role_of(FUNCTIONS[name]): written(queue) for name, queue in FAILED_EVENTS.items()}
    sends = {one.role: one for one in STATEMENTS if "sqs:SendMessage" in one.actions}
    assert {role: one.resources for role, one in sends.items()} == {role: (queue,) for role, queue in kept.items()}


def test_the_state_machine_invokes_its_functions_and_no_other() -> None:
    invoked = {
        name.removeprefix("${").removesuffix("Arn}") + ".Arn"
        for state in STATES.values()
        if isinstance(name := state.get("Parameters", {}).get("FunctionName"), str)
    }
    prefix = written(MACHINE["DefinitionSubstitutions"]["PollFunctionPrefix"])
    assert any("${PollFunctionPrefix}" in json.dumps(state) for state in STATES.values())
    statement = allowed(role_of(MACHINE), "InvokeFunctions")
    assert set(statement.resources) == invoked | {f"{prefix}*"}
    assert statement.actions == ("lambda:InvokeFunction",)


def test_the_state_machine_starts_its_own_executions() -> None:
    starts = [state for state in STATES.values() if state.get("Resource", "").endswith(":states:startExecution")]
    assert [state["Parameters"]["StateMachineArn.$"] for state in starts] == ["$$.StateMachine.Id"]
    statement = allowed(role_of(MACHINE), "StartExecutions")
    assert statement.resources[0].endswith(":stateMachine:" + MACHINE["Name"]["Fn::Sub"])


def test_the_state_machine_delivers_its_log() -> None:
    assert MACHINE["Logging"]["Destinations"]
    statement = allowed(role_of(MACHINE), "DeliverLogs")
    assert {action.partition(":")[0] for action in statement.actions} == {"logs"}
    assert "logs:PutLogEvents" not in statement.actions


def test_the_rules_start_executions() -> None:
    ((role, target),) = set(RULE_TARGETS)
    statement = allowed(role, "StartExecutions")
    assert (statement.actions, statement.resources) == (("states:StartExecution",), (target,))


def test_only_task_tokens_are_deleted() -> None:
    """The emulator does not know the key of a request's item."""
    deletes = [one for one in STATEMENTS if "dynamodb:DeleteItem" in one.actions]
    assert {(one.policy, one.sid) for one in deletes} == {("PublishPolicy", "DeleteTaskTokens")}
    (statement,) = (
        found
        for found in MANAGED["PublishPolicy"]["PolicyDocument"]["Statement"]
        if found.get("Sid") == "DeleteTaskTokens"
    )
    ((operator, keys),) = statement["Condition"].items()
    assert (operator, keys.keys()) == ("ForAllValues:StringLike", {"dynamodb:LeadingKeys"})
    pattern = keys["dynamodb:LeadingKeys"]
    for key in (watch_id("egain", "default", "#1*"), "invalid#event#digest", "invalid#digest"):
        assert fnmatchcase(callbacks_key(key), pattern)
        assert not any(fnmatchcase(other, pattern) for other in (key, attempt_key(key, 2)))


def test_tasks_of_other_state_machines_are_reached_with_a_parameter_only() -> None:
    for role in ("PublishOutcomeRole", "RecoverWatchesRole"):
        statement = allowed(role, "SendToTasks")
        assert statement.actions == ("states:SendTaskSuccess", "states:SendTaskFailure")
        (resource,) = statement.resources
        assert resource.startswith("CallbackStateMachineArns or arn:")
        assert resource.endswith("${AWS::Region}:${AWS::AccountId}:stateMachine:*")


def test_the_pipe_takes_from_its_source_and_writes_to_its_target() -> None:
    (pipe,) = PIPES.values()
    role = pipe["RoleArn"]["Fn::GetAtt"][0]
    takes, publishes = allowed(role, "TakeOutcomes"), allowed(role, "Publish")
    assert takes.actions == ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
    assert (takes.resources, publishes.actions) == ((written(pipe["Source"]),), ("sns:Publish",))
    assert publishes.resources == (written(pipe["Target"]),)


def test_a_poll_function_reaches_its_own_vendors_data_only() -> None:
    for properties in FUNCTIONS.values():
        name: str = properties["FunctionName"]["Fn::Sub"]
        mine = [one for one in STATEMENTS if one.role == role_of(properties)]
        reached = [resource for one in mine if one.sid in ("ReadSecrets", "WriteArchive") for resource in one.resources]
        if "-poll-" in name:
            assert [resource.endswith(f"/{name.rpartition('-')[2]}/*") for resource in reached] == [True, True]
        else:
            assert reached == []


def test_the_page_lists_every_statement_as_it_is() -> None:
    """`python -m tests.permissions.listing` writes it again."""
    assert PAGE.read_text() == page_with(listing())
