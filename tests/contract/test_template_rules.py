"""Own rules for the template, for all resources of a type: a new resource has to follow them too."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.paths import ROOT
from tests.sam_template import FAILED_EVENTS, FUNCTIONS, RESOURCES, STACK, of_type

STATES: dict[str, dict[str, Any]] = json.loads((ROOT / "statemachine" / "watch_import.asl.json").read_text())["States"]
INSECURE = {"Bool": {"aws:SecureTransport": "false"}}


LOG_GROUPS = of_type("AWS::Logs::LogGroup")
ALARMS = of_type("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
QUEUES = of_type("AWS::SQS::Queue")
TOPICS = of_type("AWS::SNS::Topic")
BUCKETS = of_type("AWS::S3::Bucket")
RULES = of_type("AWS::Events::Rule")


def invoking_states(name: str) -> dict[str, dict[str, Any]]:
    """States that invoke a function."""
    found = FUNCTIONS[name]["FunctionName"]["Fn::Sub"].removeprefix("${AWS::StackName}-")
    function_reference = "${PollFunctionPrefix}" if found.startswith("poll-") else f"${{{name}Arn}}"
    return {
        state: body for state, body in STATES.items() if function_reference in json.dumps(body.get("Parameters", {}))
    }


def targeting(name: str) -> list[dict[str, Any]]:
    """Targets of EventBridge rules that are a resource."""
    arn = {"Fn::GetAtt": [name, "Arn"]}
    return [target for rule in RULES.values() for target in rule["Targets"] if target["Arn"] == arn]


def policies(kind: str, held_by: str, name: str) -> list[dict[str, Any]]:
    """Statements of a resource's own policies."""
    return [
        statement
        for policy in of_type(kind).values()
        if {"Ref": name} in (policy[held_by] if isinstance(policy[held_by], list) else [policy[held_by]])
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def refuses_what_is_not_tls(statements: list[dict[str, Any]], *actions: str) -> bool:
    return any(
        (one["Effect"], one["Principal"], one.get("Condition")) == ("Deny", "*", INSECURE) and one["Action"] in actions
        for one in statements
    )


@pytest.mark.parametrize("name", FUNCTIONS)
class TestEveryFunction:
    def test_has_a_log_group_with_retention(self, name: str) -> None:
        """Its own, or the one that all poll functions share."""
        group = FUNCTIONS[name]["LoggingConfig"]["LogGroup"]["Ref"]
        function = FUNCTIONS[name]["FunctionName"]["Fn::Sub"]
        shared = "${AWS::StackName}-poll"
        expected = shared if function.startswith(f"{shared}-") else function
        assert LOG_GROUPS[group]["LogGroupName"] == {"Fn::Sub": f"/aws/lambda/{expected}"}

    def test_times_out_before_its_state_does(self, name: str) -> None:
        states = invoking_states(name)
        assert states or targeting(name), "nothing invokes it"
        assert all(FUNCTIONS[name]["Timeout"] < state["TimeoutSeconds"] for state in states.values())

    def test_may_have_concurrency_reserved_by_a_parameter(self, name: str) -> None:
        (condition, reserved, absent) = FUNCTIONS[name]["ReservedConcurrentExecutions"]["Fn::If"]
        assert STACK["Parameters"][reserved["Ref"]]["Default"] == 0
        assert STACK["Conditions"][condition] == {"Fn::Not": [{"Fn::Equals": [reserved, 0]}]}
        assert absent == {"Ref": "AWS::NoValue"}

    def test_has_a_way_out_when_it_fails(self, name: str) -> None:
        """Its state catches; or it is invoked by an event, and what it failed with is kept."""
        states = invoking_states(name)
        assert all(state["Catch"][-1]["ErrorEquals"] == ["States.ALL"] for state in states.values())
        if targeting(name):
            assert FAILED_EVENTS[name]["Fn::GetAtt"][0] in QUEUES

    def test_has_a_role_of_its_own(self, name: str) -> None:
        role = FUNCTIONS[name]["Role"]
        assert "Policies" not in FUNCTIONS[name]
        assert [other for other, properties in FUNCTIONS.items() if properties["Role"] == role] == [name]


@pytest.mark.parametrize("name", LOG_GROUPS)
def test_every_log_group_forgets_and_takes_the_key(name: str) -> None:
    assert LOG_GROUPS[name]["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert LOG_GROUPS[name]["KmsKeyId"] == {"Fn::If": ["HasKey", {"Ref": "KmsKeyArn"}, {"Ref": "AWS::NoValue"}]}


@pytest.mark.parametrize("name", ALARMS)
def test_every_alarm_has_an_action(name: str) -> None:
    wanted = {"Fn::If": ["HasAlarmAction", [{"Ref": "AlarmActionArn"}], {"Ref": "AWS::NoValue"}]}
    assert ALARMS[name]["AlarmActions"] == wanted
    assert len(ALARMS[name]["AlarmDescription"]) > 40


@pytest.mark.parametrize("name", QUEUES)
def test_every_queue_is_encrypted_and_requires_tls(name: str) -> None:
    assert QUEUES[name]["KmsMasterKeyId"] == {"Fn::If": ["HasKey", {"Ref": "KmsKeyArn"}, {"Ref": "AWS::NoValue"}]}
    assert QUEUES[name]["SqsManagedSseEnabled"] == {"Fn::If": ["HasKey", {"Ref": "AWS::NoValue"}, True]}
    assert refuses_what_is_not_tls(policies("AWS::SQS::QueuePolicy", "Queues", name), "sqs:*")


@pytest.mark.parametrize("name", TOPICS)
def test_every_topic_is_encrypted_and_requires_tls(name: str) -> None:
    assert TOPICS[name]["KmsMasterKeyId"] == {"Fn::If": ["HasKey", {"Ref": "KmsKeyArn"}, "alias/aws/sns"]}
    assert refuses_what_is_not_tls(policies("AWS::SNS::TopicPolicy", "Topics", name), "sns:Publish")


@pytest.mark.parametrize("name", BUCKETS)
def test_every_bucket_is_private_encrypted_and_requires_tls(name: str) -> None:
    blocked = {"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"}
    assert BUCKETS[name]["PublicAccessBlockConfiguration"] == dict.fromkeys(blocked, True)
    (encryption,) = BUCKETS[name]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"] == {
        "SSEAlgorithm": {"Fn::If": ["HasKey", "aws:kms", "AES256"]},
        "KMSMasterKeyID": {"Fn::If": ["HasKey", {"Ref": "KmsKeyArn"}, {"Ref": "AWS::NoValue"}]},
    }
    statements = policies("AWS::S3::BucketPolicy", "Bucket", name)
    assert refuses_what_is_not_tls(statements, "s3:*")
    assert [one for one in statements if one["Effect"] == "Allow"] == []


@pytest.mark.parametrize("name", of_type("AWS::DynamoDB::Table"))
def test_every_table_is_encrypted_with_a_key_of_kms(name: str) -> None:
    encryption = RESOURCES[name]["Properties"]["SSESpecification"]
    assert (encryption["SSEEnabled"], encryption["SSEType"]) == (True, "KMS")
    assert encryption["KMSMasterKeyId"]["Fn::If"][:2] == ["HasKey", {"Ref": "KmsKeyArn"}]


@pytest.mark.parametrize("name", RULES)
def test_an_undelivered_event_is_kept_unless_another_follows(name: str) -> None:
    for target in RULES[name]["Targets"]:
        if "ScheduleExpression" in RULES[name] or name == "ImportChangedRule":
            continue  # a sweep follows in minutes, and a poll that finds the change too
        assert target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0] in QUEUES
        assert target["RetryPolicy"]["MaximumRetryAttempts"] > 0


def test_every_rule_applies_to_some_resource() -> None:
    found = {
        "functions": FUNCTIONS,
        "log groups": LOG_GROUPS,
        "alarms": ALARMS,
        "queues": QUEUES,
        "topics": TOPICS,
        "buckets": BUCKETS,
        "rules": RULES,
    }
    assert [kind for kind, resources in found.items() if not resources] == []
