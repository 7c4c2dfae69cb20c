"""Looks for everything that keeps a stack from notifying, and names what to do about it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from import_watch.aws.executions import Executions, ExecutionStatus
from import_watch.model.text import clean

from import_watch_cli.checkout import vendor_registry
from import_watch_cli.connections import check
from import_watch_cli.durations import counted, duration
from import_watch_cli.errors import code_of, sentence_of
from import_watch_cli.findings import Finding, Level
from import_watch_cli.stack import Stack
from import_watch_cli.stack_names import fault_of
from import_watch_cli.watches import Watches

SWEEP_MINUTES = 30
"""Minutes without a sweep after which the stack's own alarm reports it."""
MAX_WATCHES = 15_000
"""Open watches that the default quotas allow in most regions (docs/scale.md)."""
MAX_CONTROL_WATCHES = 97_000
"""The same in the three large regions."""
LARGE_REGIONS = ("us-east-1", "us-west-2", "eu-west-1")
QUOTA_SHARE = 0.7
"""Share of a quota from which on more of it should be requested."""
MIN_CONCURRENCY = 100
"""Concurrent executions of functions below which a new account should request more."""
MAX_OVERDUE = 20
"""Maximum overdue watches whose executions are looked at."""
OVERDUE_SECONDS = 900.0
"""Seconds by which a poll is overdue that no sweep has resumed."""


def examine(stack: Stack) -> Iterator[Finding]:
    """Findings about a stack; what cannot be looked at is a finding, too."""
    checks: tuple[tuple[str, Callable[[Stack], Iterable[Finding]]], ...] = (
        ("stack", _stack),
        ("rule", _rule),
        ("sweeps", _sweeps),
        ("connections", _connections),
        ("subscribers", _subscribers),
        ("deadLetters", _dead_letters),
        ("alarms", _alarms),
        ("names", _names),
        ("orphanedWatches", _watches),
        ("quotas", _quotas),
    )
    from botocore.exceptions import BotoCoreError, ClientError

    for name, look in checks:
        try:
            yield from look(stack)
        except (BotoCoreError, ClientError) as error:
            yield Finding(name, Level.WARNING, f"{name} could not be checked: {sentence_of(error, stack.region)}")


def names(stack_name: str) -> Finding:
    """Finding about a stack's name, which can be made before there is a stack."""
    fault = fault_of(stack_name, vendor_registry().names)
    if fault is not None:
        return Finding("names", Level.PROBLEM, fault, "Deploy it under a shorter name.")
    return Finding("names", Level.GOOD, "every name is short enough")


def _stack(stack: Stack) -> Iterator[Finding]:
    bad = [
        f"{one['LogicalResourceId']} is {one['ResourceStatus']}"
        for one in _resources(stack)
        if not one["ResourceStatus"].endswith("COMPLETE")
    ]
    version = stack.version or "of a release before 0.2.0"
    if bad:
        yield Finding(
            "stack", Level.PROBLEM, f"stack {stack.name}: {'; '.join(bad[:5])}", "Deploy it with make deploy."
        )
    else:
        yield Finding("stack", Level.GOOD, f"stack {stack.name} {version}, all resources there")


def _rule(stack: Stack) -> Iterator[Finding]:
    rule = next((one for one in _resources(stack) if one["LogicalResourceId"] == "ImportStartedRule"), None)
    if rule is None:
        yield Finding("rule", Level.PROBLEM, "the rule for start events is missing", "Deploy it with make deploy.")
        return
    name = rule["PhysicalResourceId"].rpartition("|")[2].rpartition("/")[2]
    state = stack.client("events").describe_rule(Name=name, EventBusName=stack.output("ImportBusName"))["State"]
    if state == "DISABLED":
        fix = f"aws events enable-rule --name {name} --event-bus-name {stack.output('ImportBusName')}"
        yield Finding("rule", Level.PROBLEM, "the rule for start events is off: no import is watched", fix)
    else:
        yield Finding("rule", Level.GOOD, f"the bus {stack.output('ImportBusName')} accepts start events")


def _sweeps(stack: Stack) -> Iterator[Finding]:
    if stack.is_local:
        return  # The emulator has no metrics of functions.
    now = time.time()
    found = stack.client("cloudwatch").get_metric_statistics(
        Namespace="ImportWatch",
        MetricName="Sweeps",
        Dimensions=[{"Name": "service", "Value": stack.name}],
        StartTime=now - SWEEP_MINUTES * 60,
        EndTime=now,
        Period=60,
        Statistics=["Sum"],
    )["Datapoints"]
    if not found:
        yield Finding(
            "sweeps",
            Level.PROBLEM,
            f"recovery has not swept for {SWEEP_MINUTES} minutes",
            f"Look at the log of the function {stack.name}-recover-watches.",
        )
        return
    latest = max(point["Timestamp"].timestamp() for point in found)
    yield Finding("sweeps", Level.GOOD, f"recovery swept {duration(now - latest)} ago")


def _connections(stack: Stack) -> Iterator[Finding]:
    prefix = f"{stack.output('ConnectionSecretPrefix')}/"
    names = [
        one["Name"]
        for page in stack.client("secretsmanager")
        .get_paginator("list_secrets")
        .paginate(Filters=[{"Key": "name", "Values": [prefix]}])
        for one in page["SecretList"]
        if one["Name"].startswith(prefix)
    ]
    vendors = vendor_registry().names
    good = 0
    for name in sorted(names):
        vendor, _, connection = name.removeprefix(prefix).partition("/")
        if vendor not in vendors or not connection:
            yield Finding("connections", Level.WARNING, f"the secret {name} is for no vendor of this release")
            continue
        bad = [one for one in check(stack, vendor, connection) if one.level is not Level.GOOD]
        good += not bad
        for one in bad:
            yield Finding("connections", one.level, f"{vendor}, connection {connection}: {one.text}", one.fix)
    if good:
        yield Finding("connections", Level.GOOD, f"{counted(good, 'connection')}, each checked")
    if not names:
        fix = f"import-watch connect {vendors[0]}"
        yield Finding("connections", Level.WARNING, "no connection has credentials", fix)


def _subscribers(stack: Stack) -> Iterator[Finding]:
    topic = stack.output("OutcomeTopicArn")
    subscriptions = [
        one
        for page in stack.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
        for one in page["Subscriptions"]
    ]
    unconfirmed = [one for one in subscriptions if one["SubscriptionArn"] == "PendingConfirmation"]
    confirmed = len(subscriptions) - len(unconfirmed)
    if unconfirmed:
        text = f"{len(unconfirmed)} subscription(s) of the outcome topic are not confirmed"
        yield Finding("subscribers", Level.WARNING, text, "Have the link in the message of SNS opened.")
    if confirmed:
        yield Finding("subscribers", Level.GOOD, f"{counted(confirmed, 'subscriber')} of the outcome topic")
    else:
        yield Finding(
            "subscribers",
            Level.WARNING,
            "the outcome topic has no subscriber",
            f"aws sns subscribe --topic-arn {topic} --protocol email --notification-endpoint you@example.com",
        )


def _dead_letters(stack: Stack) -> Iterator[Finding]:
    names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    found = stack.client("sqs").get_queue_attributes(
        QueueUrl=stack.output("DeadLetterQueueUrl"), AttributeNames=list(names)
    )["Attributes"]
    count = sum(int(found[name]) for name in names)
    if count:
        text = counted(count, "dead letter")
        yield Finding("deadLetters", Level.PROBLEM, text, "Fix their cause, then: import-watch redrive")
    else:
        yield Finding("deadLetters", Level.GOOD, "no dead letters")


def _alarms(stack: Stack) -> Iterator[Finding]:
    alarms = [
        one
        for page in stack.client("cloudwatch")
        .get_paginator("describe_alarms")
        .paginate(AlarmNamePrefix=f"{stack.name}-")
        for one in page.get("MetricAlarms", ())
    ]
    active = [one for one in alarms if one.get("StateValue") == "ALARM"]
    for one in active:
        yield Finding(
            "alarms", Level.PROBLEM, f"alarm {one['AlarmName']}", clean(one.get("AlarmDescription", "")) or None
        )
    if not active:
        yield Finding("alarms", Level.GOOD, f"{len(alarms)} alarms, none of them active")


def _names(stack: Stack) -> Iterator[Finding]:
    yield names(stack.name)


def _watches(stack: Stack) -> Iterator[Finding]:
    watches, now = Watches(stack), time.time()
    grace = float(stack.parameters.get("RecoveryGraceSeconds") or 0) + OVERDUE_SECONDS
    orphaned = []
    for key, _, _ in islice(watches.store.active(until=now - grace), MAX_OVERDUE):
        record = watches.store.get_state(key)
        if record is None or record.result is not None:
            continue
        if not _status(stack, record.execution).is_alive:
            orphaned.append(key)
    unpublished = [key for key, detected_at, _ in watches.store.unpublished() if detected_at < now - grace]
    if orphaned:
        yield Finding(
            "orphanedWatches",
            Level.PROBLEM,
            f"{len(orphaned)} orphaned watch(es), for example {orphaned[0]}",
            f"Look at the log of the function {stack.name}-recover-watches.",
        )
    if unpublished:
        yield Finding(
            "unpublishedOutcomes",
            Level.PROBLEM,
            f"{len(unpublished)} outcome(s) not published, for example of {unpublished[0]}",
            f"Look at the log of the function {stack.name}-publish-outcome.",
        )
    if not orphaned and not unpublished:
        yield Finding("orphanedWatches", Level.GOOD, "no orphaned watches, every outcome published")


def _quotas(stack: Stack) -> Iterator[Finding]:
    most = MAX_CONTROL_WATCHES if stack.region in LARGE_REGIONS else MAX_WATCHES
    count = sum(1 for _ in Watches(stack).active_ids())
    text = f"quotas: {count:,} of {most:,} open watches"
    fix = "Request more state transitions a second of Step Functions in the Service Quotas console."
    if count > QUOTA_SHARE * most:
        yield Finding("quotas", Level.WARNING, text, fix)
    else:
        yield Finding("quotas", Level.GOOD, text)
    if stack.is_local:
        return
    limit = stack.client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    if limit < MIN_CONCURRENCY:
        yield Finding(
            "quotas",
            Level.WARNING,
            f"the account runs at most {limit} functions at a time",
            "Request more concurrent executions of Lambda in the Service Quotas console.",
        )


def _status(stack: Stack, execution: str) -> ExecutionStatus:
    try:
        return Executions(stack.client("stepfunctions")).status(execution)
    except Exception as error:
        if code_of(error) == "ExecutionDoesNotExist":
            return ExecutionStatus.MISSING
        raise


def _resources(stack: Stack) -> list[dict[str, Any]]:
    pages = stack.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack.name)
    return [one for page in pages for one in page["StackResourceSummaries"]]
