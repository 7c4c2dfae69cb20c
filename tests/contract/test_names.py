"""Names that the template gives: two stacks, in one region or in two, never have one in common; none is too long."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from import_watch_cli.stack_names import CONTROL_FUNCTIONS, MAX_FUNCTION_NAME, fault_of, max_length

from local.paths import FUNCTIONS as FOLDERS
from local.paths import ROOT
from tests.sam_template import FUNCTIONS, RESOURCES, STACK

VENDORS = [path.parent.name.removeprefix("poll_") for path in FOLDERS.glob("poll_*/adapter.py")]
MAX_STACK_NAME = 47
LONG_REGION = "ap-northeast-1"
GLOBAL = {
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
    "AWS::S3::Bucket": "BucketName",
}
"""Names of which an account has one in all regions, or, for buckets, all accounts have one."""
REGIONAL = {
    # Type: property of the name, and its maximum length.
    "AWS::Events::EventBus": ("Name", 256),
    "AWS::EventSchemas::Registry": ("RegistryName", 64),
    "AWS::Logs::LogGroup": ("LogGroupName", 512),
    "AWS::Logs::QueryDefinition": ("Name", 255),
    "AWS::Serverless::Function": ("FunctionName", MAX_FUNCTION_NAME),
    "AWS::Serverless::StateMachine": ("Name", 80),
}
NAMED = re.compile(r"(?!PolicyName|FieldName)\w*Name")
NOT_NAMES = {"DisplayName", "EventBusName", "FunctionName", "MetricName", "QueueName", "RegistryName", "SchemaName"}
"""Properties that end in Name, of other types: a title, a name of another resource or within it."""


def written(value: Any) -> str:
    """A name as CloudFormation writes it, with the longest name of a stack and of a region."""
    assert value.keys() == {"Fn::Sub"}
    text: str = value["Fn::Sub"]
    text = text.replace("${AWS::StackName}", "s" * MAX_STACK_NAME).replace("${AWS::Region}", LONG_REGION)
    assert "${" not in text
    return text


@pytest.mark.parametrize("name", RESOURCES)
class TestEveryResource:
    def test_is_not_named_or_has_the_region_in_a_global_name(self, name: str) -> None:
        resource = RESOURCES[name]
        given = resource["Properties"].get(GLOBAL.get(resource["Type"], ""))
        assert given is None or {"${AWS::StackName}", "${AWS::Region}"} <= set(
            re.findall(r"\$\{.+?\}", given["Fn::Sub"])
        )

    def test_has_a_short_name_with_the_stacks_name_if_it_has_any(self, name: str) -> None:
        resource = RESOURCES[name]
        kind, properties = resource["Type"], resource["Properties"]
        if kind in REGIONAL:
            which, maximum = REGIONAL[kind]
            assert "${AWS::StackName}" in properties[which]["Fn::Sub"]
            assert len(written(properties[which])) <= maximum
        elif kind not in GLOBAL:
            assert {one for one in properties if NAMED.fullmatch(one)} <= NOT_NAMES


def test_the_longest_stack_name_is_that_of_the_longest_function() -> None:
    functions = {one["FunctionName"]["Fn::Sub"].removeprefix("${AWS::StackName}-") for one in FUNCTIONS.values()}
    assert functions == {*CONTROL_FUNCTIONS, *(f"poll-{vendor}" for vendor in VENDORS)}
    assert max_length(VENDORS) == MAX_STACK_NAME
    assert f"at most {MAX_STACK_NAME} characters" in (ROOT / "docs" / "reference.md").read_text()
    assert fault_of("s" * MAX_STACK_NAME, VENDORS) is None
    assert fault_of("s" * (MAX_STACK_NAME + 1), VENDORS) is not None


def test_every_arn_has_the_partition_of_the_stack() -> None:
    definition = (ROOT / "statemachine" / "watch_import.asl.json").read_text()
    used = json.dumps([RESOURCES, STACK["Outputs"], STACK["Globals"], STACK["Conditions"]])
    arns = re.findall(r"arn:(?:\$\{[^}]*\}|[^:\"]*)", definition + used)
    assert len(arns) > 10
    assert set(arns) == {"arn:${Partition}", "arn:${AWS::Partition}"}
    assert RESOURCES["WatchStateMachine"]["Properties"]["DefinitionSubstitutions"]["Partition"] == {
        "Ref": "AWS::Partition"
    }
