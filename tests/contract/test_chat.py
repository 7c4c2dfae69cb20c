"""Chat messages: the pipe writes the format that Amazon Q Developer displays, for every outcome."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from import_watch.model.outcome import Outcome

from local.paths import EVENTS
from tests.sam_template import RESOURCES, STACK

PIPE: dict[str, Any] = RESOURCES["ChatPipe"]["Properties"]
SAMPLES = sorted((EVENTS / "notifications").glob("*.json"))


def written(notification: dict[str, Any]) -> Any:
    """Fill the template as EventBridge Pipes does: a path is replaced by what it leads to, escaped within quotes."""

    def value(found: re.Match[str]) -> str:
        node: Any = {"body": notification}
        for key in found[1].split(".")[1:]:
            node = node[key]
        return json.dumps(node)[1:-1] if isinstance(node, str) else json.dumps(node)

    return json.loads(re.sub(r"<(\$[\w.]+)>", value, PIPE["TargetParameters"]["InputTemplate"]))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_it_has_the_form_that_is_shown(path: Path) -> None:
    notification = json.loads(path.read_text())
    message = written(notification)
    assert (message["version"], message["source"], message["id"]) == ("1.0", "custom", notification["id"])
    content = message["content"]
    assert content["textType"] == "client-markdown"
    assert content["description"] == notification["data"]["message"]
    assert content["title"].startswith(notification["data"]["outcome"])
    assert len(content["title"]) <= 250


def test_it_has_only_fields_that_are_never_null() -> None:
    """A null within a text is written in a way that no reader expects."""
    schema = json.loads((EVENTS / "schemas" / "notification.schema.json").read_text())
    paths = re.findall(r"<\$\.body\.([\w.]+)>", PIPE["TargetParameters"]["InputTemplate"])
    assert "data.message" in paths
    for path in paths:
        node = schema
        for key in path.split("."):
            assert key in node["required"]
            node = node["properties"][key]
        assert node.get("type") == "string" or all(isinstance(value, str) for value in node["enum"])


def test_only_the_vendors_and_outcomes_that_are_named_are_shown() -> None:
    chosen, policy, everything = RESOURCES["ChatSubscription"]["Properties"]["FilterPolicy"]["Fn::If"]
    no_value = {"Ref": "AWS::NoValue"}
    assert everything == no_value
    assert STACK["Conditions"][chosen] == {
        "Fn::Or": [{"Condition": "HasChatVendors"}, {"Condition": "HasChatOutcomes"}]
    }
    for attribute, parameter in (("vendor", "ChatVendors"), ("outcome", "ChatOutcomes")):
        assert policy[attribute] == {"Fn::If": [f"Has{parameter}", {"Fn::Split": [",", {"Ref": parameter}]}, no_value]}
        assert STACK["Conditions"][f"Has{parameter}"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": parameter}, ""]}]}


@pytest.mark.parametrize(
    ("parameter", "value", "valid"),
    [
        *(("ChatOutcomes", outcome.value, True) for outcome in Outcome),
        ("ChatOutcomes", "FAILED,UNKNOWN", True),
        ("ChatOutcomes", "", True),
        ("ChatOutcomes", "FAILED, UNKNOWN", False),
        ("ChatOutcomes", "FAILURE", False),
        ("ChatVendors", "", True),
        ("ChatVendors", "egain,voyado", True),
        ("ChatVendors", "egain, voyado", False),
        ("ChatVendors", "eGain", False),
    ],
)
def test_a_filter_that_would_show_nothing_is_refused(parameter: str, value: str, *, valid: bool) -> None:
    assert bool(re.fullmatch(STACK["Parameters"][parameter]["AllowedPattern"], value)) is valid


def test_a_message_that_cannot_be_published_is_kept_and_reported() -> None:
    """At least five attempts: a busy service may refuse some."""
    policy = RESOURCES["ChatQueue"]["Properties"]["RedrivePolicy"]
    assert policy["deadLetterTargetArn"] == {"Fn::GetAtt": ["ChatDeadLetterQueue", "Arn"]}
    assert policy["maxReceiveCount"] >= 5
    assert RESOURCES["ChatDeadLetterQueue"]["Properties"]["MessageRetentionPeriod"] == 14 * 86_400
    alarm = RESOURCES["ChatDeadLettersAlarm"]
    assert alarm["Condition"] == "HasChatTopic"
    queue = {"Name": "QueueName", "Value": {"Fn::GetAtt": ["ChatDeadLetterQueue", "QueueName"]}}
    assert alarm["Properties"]["Dimensions"] == [queue]


def test_a_message_is_taken_out_of_the_queue_one_by_one() -> None:
    """A batch would be one message, which the chat does not display."""
    assert PIPE["SourceParameters"]["SqsQueueParameters"]["BatchSize"] == 1
