"""The key policy in docs/operating.md: each service may use the key, under conditions that the service documents."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import pytest

from local.paths import ROOT
from tests.sam_template import RESOURCES, STACK, of_type

PAGE = (ROOT / "docs" / "operating.md").read_text()
SECTION = PAGE.partition("### Key policy\n")[2].partition("\n#")[0]
BLOCKS = re.findall(r"^```json\n(.*?)^```", SECTION, re.S | re.M)
POLICY: list[dict[str, Any]] = json.loads(BLOCKS[0])
ACCOUNT, REGION, NAME = "000000000000", "eu-west-1", "import-watch"


@dataclass(frozen=True)
class Documented:
    """What a service documents for the policy of a key.

    Parameters
    ----------
    actions : set of str
        Actions that it needs.
    conditions : set of str
        Condition keys that its requests have; with any other one, a request is refused.
    """

    actions: frozenset[str]
    conditions: frozenset[str]


SENDER = Documented(frozenset({"Decrypt", "GenerateDataKey"}), frozenset({"aws:SourceAccount", "aws:SourceArn"}))
"""What sends to an encrypted queue, or publishes to an encrypted topic."""
SERVICES = {
    "events.amazonaws.com": SENDER,
    "sns.amazonaws.com": SENDER,
    "cloudwatch.amazonaws.com": SENDER,
    "logs.‹region›.amazonaws.com": Documented(
        frozenset({"Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey", "DescribeKey"}),
        frozenset({"kms:EncryptionContext:aws:logs:arn"}),
    ),
}
"""By principal, as of the guides of Amazon SQS, Amazon SNS, Amazon EventBridge and Amazon CloudWatch Logs."""


def of_service(service: str) -> Iterator[dict[str, Any]]:
    for statement in POLICY:
        named = statement["Principal"]["Service"]
        if service in ([named] if isinstance(named, str) else named):
            yield statement


def test_every_service_that_writes_under_the_key_has_a_statement() -> None:
    senders = {
        statement["Principal"]["Service"]
        for policy in of_type("AWS::SQS::QueuePolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    }
    # An alarm's topic may be under the key too, and every log group is.
    assert {*senders, "cloudwatch.amazonaws.com", "logs.‹region›.amazonaws.com"} == SERVICES.keys()
    named = [service for statement in POLICY for service in _names(statement["Principal"]["Service"])]
    assert sorted(named) == sorted(SERVICES)


def _names(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


@pytest.mark.parametrize("service", SERVICES)
class TestEveryService:
    def test_may_do_what_it_needs(self, service: str) -> None:
        (statement,) = of_service(service)
        assert (statement["Effect"], statement["Resource"]) == ("Allow", "*")
        for action in SERVICES[service].actions:
            assert any(fnmatchcase(f"kms:{action}", pattern) for pattern in statement["Action"])

    def test_has_a_condition_and_only_documented_ones(self, service: str) -> None:
        (statement,) = of_service(service)
        keys = {key for conditions in statement["Condition"].values() for key in conditions}
        assert keys
        assert keys <= SERVICES[service].conditions


def test_every_log_group_meets_the_condition() -> None:
    (statement,) = of_service("logs.‹region›.amazonaws.com")
    pattern = statement["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]
    for placeholder, value in {"‹region›": REGION, "‹account›": ACCOUNT, "‹stack›": NAME}.items():
        pattern = pattern.replace(placeholder, value)
    groups = of_type("AWS::Logs::LogGroup")
    assert groups
    for group in groups.values():
        name = group["LogGroupName"]["Fn::Sub"].replace("${AWS::StackName}", NAME)
        assert fnmatchcase(f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}", pattern)
    assert not fnmatchcase(f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/another-function", pattern)


def test_the_key_of_aws_is_named_as_none_for_alarms() -> None:
    """CloudWatch may not use the key that AWS manages for SNS."""
    assert "alias/aws/sns" in STACK["Parameters"]["AlarmActionArn"]["Description"]
    assert "alias/aws/sns" in SECTION
    publishing = {name for name, one in RESOURCES.items() if "alias/aws/sns" in json.dumps(one)}
    # Only functions and the pipe publish to them, by their roles.
    assert publishing == set(of_type("AWS::SNS::Topic"))
