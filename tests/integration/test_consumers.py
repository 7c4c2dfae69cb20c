"""The consumers under `events/consumers/`, each as it is in the repository, against the local stack."""

from __future__ import annotations

import base64
import hashlib
import hmac
import importlib.util
import io
import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from import_watch.model.timestamps import iso

from local.paths import ROOT
from local.stack import LocalStack
from local.waiting import wait_until
from tests.integration.observer import Observer
from tests.integration.test_steering import TEN_HOURS, ended, key, messages, polled, script, start
from tests.loopback_server import Serve, respond_with

pytestmark = pytest.mark.xdist_group("stack")
CONSUMERS = ROOT / "events" / "consumers"
SECONDS = 60
FAILED = {"status": "Failed", "fields": {"error": "The manifest is not valid"}}
EGAIN_ID = "20d98790-9e1f-536c-b8fd-581ff317b{:03d}"


def role(stack: LocalStack, name: str, service: str, *allowed: str) -> str:
    """ARN of a role that a service assumes, with these actions."""
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": f"{service}.amazonaws.com"}}
    iam = stack.client("iam")
    made = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )
    policy = {"Effect": "Allow", "Action": list(allowed), "Resource": "*"}
    iam.put_role_policy(
        RoleName=name, PolicyName=name, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [policy]})
    )
    return str(made["Role"]["Arn"])


def function(stack: LocalStack, name: str, *allowed: str, **environment: str) -> str:
    """ARN of a function with a consumer's code."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(CONSUMERS / name / "handler.py", "handler.py")
    made = stack.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="handler.handler",
        Role=role(stack, name, "lambda", *allowed),
        Code={"ZipFile": packed.getvalue()},
        Environment={"Variables": environment},
        Timeout=30,
    )
    return str(made["FunctionArn"])


def environment(stack: LocalStack) -> dict[str, str]:
    """Environment of a program that uses the local stack as its account."""
    return {
        "AWS_ENDPOINT_URL": stack.emulator.endpoint_url,
        "AWS_CA_BUNDLE": str(stack.emulator.certificate),
        "AWS_DEFAULT_REGION": stack.client("sts").meta.region_name,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }


def queue_of(stack: LocalStack, name: str, topic: str, filter_policy: str, **attributes: str) -> tuple[str, str]:
    """URL of a queue that gets the messages of a topic, and the ARN of its subscription."""
    sqs = stack.client("sqs")
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    subscribed = stack.client("sns").subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=arn,
        Attributes={"FilterPolicy": filter_policy, "RawMessageDelivery": "true"},
        ReturnSubscriptionArn=True,
    )
    return url, str(subscribed["SubscriptionArn"])


def fail_at_egain(stack: LocalStack, number: int, body: dict[str, Any] = FAILED) -> str:
    import_id = EGAIN_ID.format(number)
    stack.simulators["egain"].script(import_id, [body])
    stack.start_import({"vendor": "egain", "importId": import_id})
    return import_id


def test_no_consumer_is_long() -> None:
    files = [path for path in CONSUMERS.glob("*/*") if path.is_file() and "__pycache__" not in path.parts]
    assert len(files) >= 6
    assert {path.name: lines for path in files if (lines := len(path.read_text().splitlines())) >= 60} == {}


def test_a_ticket_is_opened_for_a_failure_and_for_nothing_else(
    stack: LocalStack, observer: Observer, serve: Serve
) -> None:
    tickets = serve(respond_with(201))
    arn = function(stack, "open_ticket", "logs:*", TICKETS_URL=tickets.url)
    sns = stack.client("sns")
    subscription = sns.subscribe(
        TopicArn=stack.outputs["OutcomeTopicArn"],
        Protocol="lambda",
        Endpoint=arn,
        Attributes={"FilterPolicy": (CONSUMERS / "open_ticket" / "filter-policy.json").read_text()},
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]
    try:
        script(stack, "9600001", {"status": "FAILURE", "message": "an import of another vendor"})
        start(stack, "9600001")
        messages(observer, "9600001", 1)
        done = fail_at_egain(stack, 1, {"status": "Successful"})
        wait_until(lambda: observer.messages(f"egain#default#{done}"), SECONDS, "the completed import")
        failed = fail_at_egain(stack, 2)
        wait_until(lambda: tickets.requests, SECONDS, "the ticket")
    finally:
        sns.unsubscribe(SubscriptionArn=subscription)
    (request,) = tickets.requests
    ticket = json.loads(request.body)
    assert ticket["title"] == f"FAILED: import {failed} at egain"
    assert "The manifest is not valid" in ticket["text"]
    (message,) = observer.messages(f"egain#default#{failed}")
    assert request.headers["idempotency-key"] == message.event["id"]


@pytest.mark.parametrize(
    ("attributes", "passes"),
    [
        ({"eventType": "ImportFailed", "vendor": "egain", "reason": "The manifest is not valid"}, True),
        ({"eventType": "ImportFailed", "vendor": "egain"}, True),
        ({"eventType": "ImportFailed", "vendor": "egain", "reason": "WATCH_STOPPED"}, False),
        ({"eventType": "ImportFailed", "vendor": "voyado", "reason": "TIMED_OUT"}, False),
        ({"eventType": "ImportCompleted", "vendor": "egain"}, False),
    ],
)
def test_the_filter_policy_is_for_failed_egain_imports_that_were_not_stopped(
    stack: LocalStack, attributes: dict[str, str], passes: bool
) -> None:
    sns, sqs = stack.client("sns"), stack.client("sqs")
    topic = sns.create_topic(Name="filtered")["TopicArn"]
    queue, _ = queue_of(stack, "filtered", topic, (CONSUMERS / "open_ticket" / "filter-policy.json").read_text())
    try:
        for text, given in (("it", attributes), ("the last", {"eventType": "ImportFailed", "vendor": "egain"})):
            sns.publish(
                TopicArn=topic,
                Message=text,
                MessageAttributes={name: {"DataType": "String", "StringValue": value} for name, value in given.items()},
            )
        seen: list[str] = []

        def received() -> bool:
            found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
            seen.extend(message["Body"] for message in found)
            return "the last" in seen

        wait_until(received, SECONDS, "the last message")
        assert ("it" in seen) is passes
    finally:
        sns.delete_topic(TopicArn=topic)
        sqs.delete_queue(QueueUrl=queue)


@pytest.fixture
def worker(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The worker's module, with its queue and its table."""
    sqs, sns, dynamodb = (stack.client(name) for name in ("sqs", "sns", "dynamodb"))
    queue, subscription = queue_of(
        stack, "worker", stack.outputs["OutcomeTopicArn"], '{"vendor": ["voyado"]}', VisibilityTimeout="0"
    )
    dynamodb.create_table(
        TableName="seen",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    for name, value in {"QUEUE_URL": queue, "SEEN_TABLE": "seen", **environment(stack)}.items():
        monkeypatch.setenv(name, value)
    # A session that another test has left has credentials of its own.
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    spec = importlib.util.spec_from_file_location("worker", CONSUMERS / "drop_repeats" / "worker.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sns.unsubscribe(SubscriptionArn=subscription)
    sqs.delete_queue(QueueUrl=queue)
    dynamodb.delete_table(TableName="seen")


def test_a_repeat_is_dropped_also_after_a_worker_has_died(
    stack: LocalStack, observer: Observer, worker: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(stack, "9600002", {"status": "SUCCESS"})
    start(stack, "9600002")
    (event,) = messages(observer, "9600002", 1)
    processed: list[str] = []

    def dies(_notification: dict[str, Any]) -> None:
        raise SystemExit

    def work(process: Any) -> int:
        done: int = worker.work(process, wait_seconds=0)
        return done

    def has_died() -> bool:
        try:
            work(dies)
        except SystemExit:
            return True
        return False

    wait_until(has_died, SECONDS, "the worker gets the message")
    assert work(lambda notification: processed.append(notification["id"])) == 0, "the dead worker's claim holds"
    with monkeypatch.context() as expired:
        expired.setattr(worker, "CLAIM_SECONDS", -10)
        wait_until(lambda: work(lambda one: processed.append(one["id"])), SECONDS, "another worker takes it over")
    repeat = json.dumps(event)
    queue = stack.client("sqs").get_queue_url(QueueName="worker")["QueueUrl"]
    stack.client("sqs").send_message(QueueUrl=queue, MessageBody=repeat)

    def is_empty() -> bool:
        work(lambda one: processed.append(one["id"]))
        count = stack.client("sqs").get_queue_attributes(
            QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"]
        )["Attributes"]["ApproximateNumberOfMessages"]
        return int(count) == 0

    wait_until(is_empty, SECONDS, "the repeat is removed")
    assert processed == [event["id"]]


def test_the_next_step_starts_with_the_notification(stack: LocalStack, observer: Observer) -> None:
    definition = {"StartAt": "Next", "States": {"Next": {"Type": "Succeed"}}}
    states, cloudformation = stack.client("stepfunctions"), stack.client("cloudformation")
    arn = states.create_state_machine(
        name="next-step", definition=json.dumps(definition), roleArn=role(stack, "next-step", "states", "logs:*")
    )["stateMachineArn"]
    cloudformation.create_stack(
        StackName="next-step",
        TemplateBody=(CONSUMERS / "next_step" / "template.yaml").read_text(),
        Parameters=[
            {"ParameterKey": "ImportBusName", "ParameterValue": stack.outputs["ImportBusName"]},
            {"ParameterKey": "NextStepArn", "ParameterValue": arn},
        ],
        Capabilities=["CAPABILITY_IAM"],
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName="next-step")
    try:
        for number, status in (("9600003", "FAILURE"), ("9600004", "SUCCESS")):
            script(stack, number, {"status": status})
            start(stack, number)
            (event,) = messages(observer, number, 1)
        found = wait_until(
            lambda: states.list_executions(stateMachineArn=arn)["executions"], SECONDS, "the next step has started"
        )
        inputs = [json.loads(states.describe_execution(executionArn=one["executionArn"])["input"]) for one in found]
        assert {one["id"] for one in inputs if one["data"]["importId"].startswith("96")} == {event["id"]}
        assert event in inputs
    finally:
        cloudformation.delete_stack(StackName="next-step")


@pytest.mark.parametrize(
    ("number", "status", "error"), [("9600005", "SUCCESS", None), ("9600006", "FAILURE", "FAILED")]
)
def test_a_workflow_waits_for_the_outcome(stack: LocalStack, number: str, status: str, error: str | None) -> None:
    text = (CONSUMERS / "waiting_workflow" / "state-machine.asl.json").read_text()
    arn = stack.client("stepfunctions").create_state_machine(
        name=f"waiting-{number}",
        definition=text,
        roleArn=role(stack, f"waiting-{number}", "states", "events:PutEvents"),
    )["stateMachineArn"]
    script(stack, number, {"status": "IN_PROGRESS", "polls": 1}, {"status": status})
    given = {"busName": stack.outputs["ImportBusName"], "vendor": "voyado", "importId": number}
    started = stack.client("stepfunctions").start_execution(stateMachineArn=arn, input=json.dumps(given))
    done = ended(stack, started["executionArn"])
    assert done["status"] == ("FAILED" if error else "SUCCEEDED")
    if error is None:
        assert json.loads(done["output"])["outcome"] == "SUCCEEDED"
    else:
        assert (done["error"], json.loads(done["cause"])["outcome"]) == (error, error)


def test_a_signed_request_wakes_a_watch_and_no_other(stack: LocalStack, observer: Observer) -> None:
    bus = stack.outputs["ImportBusName"]
    function(stack, "webhook", "logs:*", "events:PutEvents", BUS=bus, VENDOR="voyado", WEBHOOK_SECRET="shared-secret")
    script(stack, "9600007", {"status": "IN_PROGRESS"})
    start(stack, "9600007", startedAt=iso(time.time() - TEN_HOURS))
    polled(observer, "9600007")
    script(stack, "9600007", {"status": "SUCCESS"})

    def call(body: bytes, signature: str | None = None, *, encoded: bool = False) -> int:
        signed = hmac.new(b"shared-secret", body, hashlib.sha256).hexdigest()
        event = {
            "headers": {"x-signature": signed if signature is None else signature},
            "body": base64.b64encode(body).decode() if encoded else body.decode(),
            "isBase64Encoded": encoded,
        }
        response = stack.client("lambda").invoke(FunctionName="webhook", Payload=json.dumps(event))
        return int(json.loads(response["Payload"].read())["statusCode"])

    body = json.dumps({"id": 9600007}).encode()
    assert call(body, "0" * 64) == call(body, "") == 401
    assert call(b"no JSON") == call(b"{}") == call(b"[]") == 400
    assert observer.messages(key("9600007")) == []
    assert call(body, encoded=True) == 204
    (event,) = messages(observer, "9600007", 1)
    assert event["data"]["outcome"] == "SUCCEEDED"


def test_the_pages_show_the_consumers_as_they_are() -> None:
    for page, path in (("wake-up.md", "webhook/handler.py"),):
        assert f"```python\n{(CONSUMERS / path).read_text()}```" in (ROOT / "docs" / page).read_text()
    assert Path(CONSUMERS / "README.md").is_file()
