"""Collects what a local stack measured: its functions' logs, and what AWS would measure, as far as it is seen."""

from __future__ import annotations

import re
from collections.abc import Iterator

from local.dashboard.data import Measurement, measurements_of
from local.deployment import STACK_NAME
from local.stack import LocalStack

REPORT = re.compile(r"REPORT RequestId: \S+\s+Duration: ([0-9.]+) ms")
FAILURES = {"FAILED": "ExecutionsFailed", "TIMED_OUT": "ExecutionsTimedOut"}


def collected(stack: LocalStack) -> list[Measurement]:
    """Give all measurements of a stack, in the order of time."""
    found = [*_of_functions(stack), *_of_executions(stack), _of_dead_letters(stack)]
    return sorted(found, key=lambda one: one.time)


def _of_functions(stack: LocalStack) -> Iterator[Measurement]:
    logs = stack.client("logs")
    groups = logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{STACK_NAME}-")["logGroups"]
    for group in groups:
        function = (("FunctionName", group["logGroupName"].rpartition("/")[2]),)
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"]):
            for event in page["events"]:
                yield from measurements_of(event["message"])
                if report := REPORT.match(event["message"]):
                    time = event["timestamp"] / 1000
                    yield Measurement("AWS/Lambda", "Duration", "Milliseconds", function, float(report[1]), time)


def _of_executions(stack: LocalStack) -> Iterator[Measurement]:
    machine = stack.outputs["WatchStateMachineArn"]
    pages = stack.client("stepfunctions").get_paginator("list_executions").paginate(stateMachineArn=machine)
    for page in pages:
        for execution in page["executions"]:
            if "stopDate" in execution:
                ended = execution["stopDate"].timestamp()
                for status, name in FAILURES.items():
                    # AWS measures this at every execution that ends, mostly as 0.
                    failed = float(execution["status"] == status)
                    yield Measurement("AWS/States", name, "Count", (("StateMachineArn", machine),), failed, ended)


def _of_dead_letters(stack: LocalStack) -> Measurement:
    url = stack.outputs["DeadLetterQueueUrl"]
    name = "ApproximateNumberOfMessages"
    sqs = stack.client("sqs")
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name, "LastModifiedTimestamp"])["Attributes"]
    queue = (("QueueName", url.rpartition("/")[2]),)
    return Measurement(
        "AWS/SQS",
        "ApproximateNumberOfMessagesVisible",
        "Count",
        queue,
        float(told[name]),
        float(told["LastModifiedTimestamp"]),
    )
