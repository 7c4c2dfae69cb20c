"""A stack with a customer key: it is deployed, an import goes through it, and queues and logs are under that key."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from import_watch.model.watch import watch_id

from local.deployment import STACK_NAME
from local.stack import LocalStack
from tests.customer_key import deploy_with_a_key
from tests.integration.observer import Observer

pytestmark = pytest.mark.xdist_group("customer-key")
VENDOR = "document360"
CHAT = {"CreateChatTopic": "true"}
"""Whose queue and topic are encrypted too."""


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    with LocalStack(0.05, (VENDOR,), CHAT, deployer=deploy_with_a_key, enforces_policies=True) as running:
        yield running


def resources(stack: LocalStack, kind: str) -> list[str]:
    """Physical ids of the stack's resources of a kind."""
    pages = stack.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=STACK_NAME)
    found = [one for page in pages for one in page["StackResourceSummaries"]]
    return [one["PhysicalResourceId"] for one in found if one["ResourceType"] == kind]


def test_an_import_is_watched_and_its_log_kept(stack: LocalStack) -> None:
    observer = Observer(stack)
    log = {"articles": 2, "messages": [{"message_type": 2, "message": "2 articles imported."}]}
    stack.simulators[VENDOR].script("an-import", [{"status": "InProgress"}, {"status": "Completed", "log": log}])
    stack.start_import({"vendor": VENDOR, "importId": "an-import"})
    data = observer.outcome(watch_id(VENDOR, "default", "an-import")).event["data"]
    assert (data["outcome"], data["log"]["status"]) == ("SUCCEEDED", "ARCHIVED")
    assert b"2 articles imported." in observer.archived(data["log"]["location"])


def test_queues_and_logs_are_under_the_customers_key(stack: LocalStack) -> None:
    """The emulator does not show it for table, bucket and topics: a test of the template asserts that."""
    keys: dict[str, str | None] = {}
    for url in resources(stack, "AWS::SQS::Queue"):
        found = stack.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        keys[url] = found.get("KmsMasterKeyId")
    ours = set(resources(stack, "AWS::Logs::LogGroup"))
    pages = stack.client("logs").get_paginator("describe_log_groups").paginate()
    groups = [group for page in pages for group in page["logGroups"]]
    keys |= {group["logGroupName"]: group.get("kmsKeyId") for group in groups if group["logGroupName"] in ours}
    # The queues of dead letters, of chat and of its dead letters; the log groups of three functions, of the polls and
    # of the state machine.
    assert len(keys) == 3 + 5, keys
    (key,) = stack.client("kms").list_keys()["Keys"]
    assert {name: arn for name, arn in keys.items() if arn != key["KeyArn"]} == {}
