"""Collects what a local stack measured: its functions' logs, and what AWS would measure, as far as it is seen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from local.clock import Clock
from local.dashboard.data import Measurement, measurements_of
from local.deployment import STACK_NAME
from local.emulator import REGION
from local.stack import LocalStack

REPORT = re.compile(r"REPORT RequestId: \S+\s+Duration: ([0-9.]+) ms")
VENDOR = re.compile(r'"vendor":\s*"([a-z0-9]+)"')
FAILURES = {"FAILED": "ExecutionsFailed", "TIMED_OUT": "ExecutionsTimedOut"}


def names_of(stack: LocalStack) -> dict[str, str]:
    """Give what stands for the names in the dashboard's body."""
    return {
        "AWS::StackName": STACK_NAME,
        "AWS::Region": REGION,
        "WatchStateMachine": stack.outputs["WatchStateMachineArn"],
        "DeadLetterQueue.QueueName": stack.outputs["DeadLetterQueueUrl"].rpartition("/")[2],
    }


def collected(stack: LocalStack, clock: Clock) -> list[Measurement]:
    """Give all measurements of a stack, in the order of time, which is that of its clock.

    Logs and executions are dated by the machine's: the functions' clock is that of `time.time()` alone.
    """
    found = [*_of_functions(stack, clock), *_of_executions(stack, clock), _of_dead_letters(stack, clock)]
    return sorted(found, key=lambda one: one.time)


def _of_functions(stack: LocalStack, clock: Clock) -> Iterator[Measurement]:
    logs = stack.client("logs")
    groups = logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{STACK_NAME}-")["logGroups"]
    for group in groups:
        name = group["logGroupName"].rpartition("/")[2]
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
        events = [event for page in pages for event in page["events"]]
        vendors: dict[str, str] = {}
        if name == f"{STACK_NAME}-poll":
            # The poll functions share it. The emulator's streams do not name the function, but their lines the vendor.
            named = ((event["logStreamName"], VENDOR.search(event["message"])) for event in events)
            vendors = {stream: vendor[1] for stream, vendor in named if vendor}
        for event in events:
            for one in measurements_of(event["message"]):
                yield replace(one, time=clock.at(one.time))
            if report := REPORT.match(event["message"]):
                polled = vendors.get(event["logStreamName"])
                function = (("FunctionName", f"{name}-{polled}" if polled else name),)
                time = clock.at(event["timestamp"] / 1000)
                yield Measurement("AWS/Lambda", "Duration", "Milliseconds", function, float(report[1]), time)


def _of_executions(stack: LocalStack, clock: Clock) -> Iterator[Measurement]:
    machine = stack.outputs["WatchStateMachineArn"]
    pages = stack.client("stepfunctions").get_paginator("list_executions").paginate(stateMachineArn=machine)
    for page in pages:
        for execution in page["executions"]:
            if "stopDate" in execution:
                ended = clock.at(execution["stopDate"].timestamp())
                for status, name in FAILURES.items():
                    # AWS measures this at every execution that ends, mostly as 0.
                    failed = float(execution["status"] == status)
                    yield Measurement("AWS/States", name, "Count", (("StateMachineArn", machine),), failed, ended)


def _of_dead_letters(stack: LocalStack, clock: Clock) -> Measurement:
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
        clock.at(float(told["LastModifiedTimestamp"])),
    )
