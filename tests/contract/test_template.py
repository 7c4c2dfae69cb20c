"""The template: names that others use, and properties that the emulator cannot test."""

from __future__ import annotations

import re
from typing import Any

import import_watch
import pytest
from import_watch.aws.event_bus import SOURCE
from import_watch_cli.redrive import MAX_ENTRY_BYTES
from samtranslator.yaml_helper import yaml_parse

from local.paths import FUNCTIONS, ROOT, TEMPLATE
from releases.release import version_of
from tests.sam_template import FAILED_EVENTS

STACK: dict[str, Any] = yaml_parse(TEMPLATE.read_text())
RESOURCES: dict[str, dict[str, Any]] = STACK["Resources"]


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    return {name: resource["Properties"] for name, resource in RESOURCES.items() if resource["Type"] == kind}


FUNCTION_RESOURCES = of_type("AWS::Serverless::Function")


def lines_of(text: str, resource: str) -> tuple[int, int]:
    """First and last line of a resource in the template's text, comments and blank lines after it left out."""
    lines = text.splitlines()
    first = lines.index(f"  {resource}:")
    after = (at for at, line in enumerate(lines) if at > first and line.strip() and not line.startswith("    "))
    last = next(after, len(lines)) - 1
    while not lines[last].strip():
        last -= 1
    return first, last


@pytest.mark.parametrize("vendor", sorted(path.parent.name[5:] for path in FUNCTIONS.glob("poll_*/adapter.py")))
def test_a_vendors_block_is_at_most_45_lines(vendor: str) -> None:
    """From the first line of its first resource to the last line of its last, with nothing else between them."""
    text = TEMPLATE.read_text()
    mine = sorted(lines_of(text, name) for name in RESOURCES if vendor in name.lower())
    first, last = mine[0][0], mine[-1][1]
    assert sum(end - start + 1 for start, end in mine) + len(mine) - 1 == last - first + 1
    assert last - first + 1 <= 45


def test_outputs_have_the_names_that_others_rely_on() -> None:
    names = {
        "ImportBusName",
        "OutcomeTopicArn",
        "WatchTableName",
        "LogArchiveBucketName",
        "WatchStateMachineArn",
        "ConnectionSecretPrefix",
        "StalledTopicArn",
        "DeadLetterQueueUrl",
        "Version",
    }
    assert names <= STACK["Outputs"].keys()


@pytest.mark.parametrize("name", STACK["Parameters"])
def test_every_parameter_is_typed_described_and_has_a_default(name: str) -> None:
    parameter = STACK["Parameters"][name]
    assert parameter["Type"] in {"String", "Number", "CommaDelimitedList"}
    assert len(parameter["Description"]) > 20
    assert "Default" in parameter


def test_parameters_are_in_labelled_groups_and_internal_ones_are_last() -> None:
    """The console shows the groups, and `sam deploy --guided` prompts in the order of the parameters."""
    interface = STACK["Metadata"]["AWS::CloudFormation::Interface"]
    groups = [group["Parameters"] for group in interface["ParameterGroups"]]
    grouped = [name for group in groups for name in group]
    assert grouped == list(STACK["Parameters"])
    assert set(interface["ParameterLabels"]) == set(grouped)
    internal = [name for name in grouped if "For the local stack only." in STACK["Parameters"][name]["Description"]]
    assert internal == groups[-1]
    for names in groups:
        assert len(names) <= 6


def test_the_application_repository_gets_the_same_version_and_files_that_exist() -> None:
    application = STACK["Metadata"]["AWS::ServerlessRepo::Application"]
    assert application["SemanticVersion"] == version_of(TEMPLATE.read_text()) == import_watch.__version__
    assert (ROOT / application["ReadmeUrl"]).is_file()
    assert (ROOT / application["LicenseUrl"]).read_text().startswith(f"{application['SpdxLicenseId']} License")
    assert re.fullmatch(r"[a-zA-Z0-9-]{1,140}", application["Name"])
    assert re.fullmatch(r"[a-z0-9](([a-z0-9]|-(?!-))*[a-z0-9])?", application["Author"])
    assert len(application["Description"]) <= 256
    assert len(application["Labels"]) <= 10
    assert all(re.fullmatch(r"[a-zA-Z0-9+\-_:/@]{1,127}", label) for label in application["Labels"])


def test_grace_periods_are_as_documented() -> None:
    names = ("NotFoundSeconds", "UnrecognisedSeconds", "FailingSeconds", "TimeoutSeconds")
    assert [STACK["Parameters"][name]["Default"] for name in names] == [120, 600, 3600, 86400]


def test_plain_http_is_off_by_default() -> None:
    assert STACK["Parameters"]["AllowLoopbackHttp"]["Default"] == "false"


def test_functions_run_on_python_3_13_and_arm64() -> None:
    shared = STACK["Globals"]["Function"]
    assert (shared["Runtime"], shared["Architectures"]) == ("python3.13", ["arm64"])


def test_every_vendor_folder_has_a_poll_function_of_its_name() -> None:
    folders = {path.parent.name for path in FUNCTIONS.glob("poll_*/adapter.py")}
    polls = {
        properties["CodeUri"].removeprefix("functions/"): properties["FunctionName"]["Fn::Sub"]
        for properties in FUNCTION_RESOURCES.values()
        if properties["CodeUri"].startswith("functions/poll_")
    }
    assert polls == {folder: "${AWS::StackName}-poll-" + folder.removeprefix("poll_") for folder in folders}


def test_every_function_folder_is_deployed() -> None:
    folders = {path.name for path in FUNCTIONS.iterdir() if path.is_dir() and not path.name.startswith("__")}
    deployed = {
        properties["CodeUri"].removeprefix("functions/")
        if properties["CodeUri"] != "functions"
        else properties["Handler"].partition(".")[0]
        for properties in FUNCTION_RESOURCES.values()
    }
    assert deployed == folders


def test_start_events_that_cannot_be_delivered_are_kept() -> None:
    target = RESOURCES["ImportStartedRule"]["Properties"]["Targets"][0]
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}}
    assert target["RetryPolicy"]["MaximumRetryAttempts"] > 0
    policy = RESOURCES["DeadLetterQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"][0]
    assert policy["Principal"] == {"Service": "events.amazonaws.com"}
    rules = [{"Fn::GetAtt": [rule, "Arn"]} for rule in ("ImportStartedRule", "ExecutionEndedRule")]
    other = {"Fn::If": ["CreateBus", {"Fn::GetAtt": ["OtherEventRule", "Arn"]}, {"Ref": "AWS::NoValue"}]}
    assert policy["Condition"] == {"ArnEquals": {"aws:SourceArn": [*rules, other]}}


def test_the_queue_of_dead_letters_accepts_every_event() -> None:
    """A bus accepts events of 1 MB, an execution 262,144 bytes: what is between them must not be lost."""
    assert RESOURCES["DeadLetterQueue"]["Properties"]["MaximumMessageSize"] == 1_048_576
    assert f"{MAX_ENTRY_BYTES:,} bytes" in (ROOT / "docs" / "reference.md").read_text()
    assert MAX_ENTRY_BYTES == 262_144


def test_a_dead_letter_is_noticed() -> None:
    alarm = RESOURCES["DeadLettersAlarm"]["Properties"]
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": {"Fn::GetAtt": ["DeadLetterQueue", "QueueName"]}}]
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", 0)


def test_a_dead_execution_is_recovered_at_once_and_on_a_schedule() -> None:
    rule = RESOURCES["ExecutionEndedRule"]["Properties"]
    assert rule["EventPattern"]["detail"]["status"] == ["FAILED", "TIMED_OUT", "ABORTED"]
    assert rule["Targets"][0]["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}}
    assert RESOURCES["RecoveryRule"]["Properties"]["ScheduleExpression"] == {
        "Fn::Sub": "rate(${RecoveryMinutes} minutes)"
    }
    for name in ("ExecutionEnded", "Recovery"):
        permission = RESOURCES[f"{name}Permission"]["Properties"]
        assert permission["SourceArn"] == {"Fn::GetAtt": [f"{name}Rule", "Arn"]}
    assert FAILED_EVENTS == {"RecoverWatchesFunction": {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}}


def test_the_rule_takes_the_event_from_any_source() -> None:
    assert RESOURCES["ImportStartedRule"]["Properties"]["EventPattern"] == {"detail-type": ["ImportStarted"]}
    assert RESOURCES["ImportChangedRule"]["Properties"]["EventPattern"] == {"detail-type": ["ImportChanged"]}


def test_every_event_of_another_type_is_taken_except_outcomes() -> None:
    """Their source is not taken by any rule that takes their types: an outcome starts no execution."""
    assert RESOURCES["OtherEventRule"]["Condition"] == "CreateBus"
    assert RESOURCES["OtherEventRule"]["Properties"]["EventPattern"] == {
        "detail-type": [{"anything-but": ["ImportStarted", "ImportChanged"]}],
        "source": [{"anything-but": [SOURCE]}],
    }


def test_the_table_is_encrypted_restorable_and_expires_items() -> None:
    table = RESOURCES["WatchTable"]["Properties"]
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["SSESpecification"]["SSEEnabled"] is True
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expiresAt", "Enabled": True}


@pytest.mark.parametrize("name", ["WatchTable", "LogArchiveBucket"])
def test_data_outlives_the_stack_but_not_a_creation_that_failed(name: str) -> None:
    policies = (RESOURCES[name]["DeletionPolicy"], RESOURCES[name]["UpdateReplacePolicy"])
    assert policies == ("RetainExceptOnCreate", "Retain")


def test_the_workflow_is_a_standard_one() -> None:
    """An express execution ends after five minutes; an import does not."""
    assert RESOURCES["WatchStateMachine"]["Properties"]["Type"] == "STANDARD"


def test_the_template_sets_every_variable_that_is_read() -> None:
    given = set(STACK["Globals"]["Function"]["Environment"]["Variables"])
    for properties in FUNCTION_RESOURCES.values():
        given |= set(properties.get("Environment", {}).get("Variables", {}))
    sources = [*FUNCTIONS.rglob("*.py"), *(ROOT / "layers/import_watch/import_watch").rglob("*.py")]
    wanted = {
        line.split('"')[1]
        for source in sources
        for line in source.read_text().splitlines()
        if ("settings.get_str(" in line or "get_int(" in line or "get_str(" in line or "environment.get(" in line)
        and '("' in line
    }
    assert {name for name in wanted if name.isupper()} <= given
    assert {"TABLE_NAME", "TOPIC_ARN", "FAILING_SECONDS", "ALLOWED_HOSTS"} <= wanted
