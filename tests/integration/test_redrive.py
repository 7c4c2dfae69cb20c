"""Dead letters are put back where they belong, and twice does no harm."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from import_watch.model.watch import watch_id

from local.emulator import REGION, ROOT_KEY
from local.paths import ROOT
from local.stack import LocalStack
from local.waiting import wait_until
from tests.integration.observer import Observer

pytestmark = pytest.mark.xdist_group("stack")
VENDOR = "voyado"


def start_event(import_id: str) -> dict[str, Any]:
    return {
        "version": "0",
        "id": f"letter-{import_id}",
        "detail-type": "ImportStarted",
        "source": "shop",
        "detail": {"vendor": VENDOR, "importId": import_id, "metadata": {"kept": "ä"}},
    }


def put_letter(stack: LocalStack, body: str) -> None:
    """Leave a letter as a rule does, whose delivery of dead letters the emulator does not have."""
    stack.client("sqs").send_message(QueueUrl=stack.outputs["DeadLetterQueueUrl"], MessageBody=body)


def letters(stack: LocalStack) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = stack.client("sqs").get_queue_attributes(
        QueueUrl=stack.outputs["DeadLetterQueueUrl"], AttributeNames=names
    )["Attributes"]
    return sum(int(found[name]) for name in names)


def redrive(stack: LocalStack, name: str = "import-watch") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "cli" / "launch.py", "redrive", "--stack", name],
        env={
            "PATH": os.environ["PATH"],
            "AWS_ENDPOINT_URL": stack.emulator.endpoint_url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": ROOT_KEY,
            "AWS_SECRET_ACCESS_KEY": ROOT_KEY,
            "AWS_CA_BUNDLE": str(stack.emulator.certificate),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def empty_queue(stack: LocalStack) -> None:
    stack.client("sqs").purge_queue(QueueUrl=stack.outputs["DeadLetterQueueUrl"])


@pytest.mark.usefixtures("empty_queue")
def test_a_start_event_is_put_back_and_twice_is_watched_once(stack: LocalStack, observer: Observer) -> None:
    stack.simulators[VENDOR].script("8100", [{"status": "SUCCESS"}])
    body = json.dumps(start_event("8100"))
    for _ in range(2):
        put_letter(stack, body)
        done = redrive(stack)
        assert (done.returncode, done.stdout) == (0, "put back: 1 × ImportStarted\n"), done.stderr
    data = observer.outcome(watch_id(VENDOR, "default", "8100")).event["data"]
    assert (data["outcome"], data["metadata"]) == ("SUCCEEDED", {"kept": "ä"})
    wait_until(lambda: len(observer.executions("8100")) == 2, 20, "both executions")
    ends = {observer.states(execution)[-1] for execution in observer.executions("8100")}
    assert ends == {"OutcomePublished", "AlreadyWatched"}
    assert len(observer.messages(watch_id(VENDOR, "default", "8100"))) == 1
    assert letters(stack) == 0


@pytest.mark.usefixtures("empty_queue")
def test_an_event_about_an_execution_goes_to_its_function(stack: LocalStack, observer: Observer) -> None:
    """Lambda wraps the event of a failed invocation in its description of the failure."""
    machine = stack.outputs["WatchStateMachineArn"].replace(":stateMachine:", ":execution:")
    event = {
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "detail": {
            "executionArn": f"{machine}:died-before-it-registered",
            "status": "ABORTED",
            "input": json.dumps(start_event("8200")),
        },
    }
    put_letter(stack, json.dumps({"requestContext": {"condition": "RetriesExhausted"}, "requestPayload": event}))
    done = redrive(stack)
    assert (done.returncode, done.stdout) == (0, "put back: 1 × Step Functions Execution Status Change\n")
    data = observer.outcome(watch_id(VENDOR, "default", "8200")).event["data"]
    assert (data["reason"], data["metadata"]) == ("WATCH_STOPPED", {"kept": "ä"})


@pytest.mark.usefixtures("empty_queue")
def test_an_invalid_event_is_published_once_if_put_back_again(stack: LocalStack, observer: Observer) -> None:
    """The bus gives an event a new id each time."""
    event = start_event("8300")
    event["detail"] = {"vendor": "unknown", "correlationId": "put-back"}
    for _ in range(2):
        put_letter(stack, json.dumps(event))
        assert redrive(stack).returncode == 0
    key = observer.outcome_of_correlation("put-back").event["subject"]
    assert key.startswith("invalid#letter-8300#")
    wait_until(lambda: len(observer.executions_of_correlation("put-back")) == 2, 20, "both executions")
    for execution in observer.executions_of_correlation("put-back"):
        observer.states(execution)
    assert len(observer.messages(key)) == 1


@pytest.mark.usefixtures("empty_queue")
def test_a_failed_sweep_is_dropped(stack: LocalStack) -> None:
    put_letter(stack, json.dumps({"requestPayload": {"source": "aws.events", "detail-type": "Scheduled Event"}}))
    done = redrive(stack)
    assert (done.returncode, done.stdout) == (0, "put back: 1 × Scheduled Event\n")
    assert letters(stack) == 0


@pytest.mark.usefixtures("empty_queue")
@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("invalid", "it is not an event"),
        ('{"detail-type": "[/bold]", "source": "import-watch"}', "[/bold] is an outcome, which starts nothing"),
        ("[]", "it is not an event"),
    ],
)
def test_what_cannot_be_put_back_is_left_and_named(stack: LocalStack, body: str, why: str) -> None:
    put_letter(stack, body)
    done = redrive(stack)
    assert done.returncode == 1
    assert why in done.stdout
    assert letters(stack) == 1


@pytest.mark.usefixtures("empty_queue")
def test_an_empty_queue_and_a_missing_stack_are_reported(stack: LocalStack) -> None:
    done = redrive(stack)
    assert (done.returncode, done.stdout) == (0, "There are no dead letters.\n")
    missing = redrive(stack, "another-stack")
    assert missing.returncode == 3
    assert "There is no stack another-stack" in missing.stderr
    assert "Traceback" not in missing.stderr
