"""What needs each grant of a function's role: something the deployed function does, and does not do without it.

A use gives `WORKS`, or what was seen instead.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property, wraps
from typing import Any

from boto3.dynamodb.types import TypeDeserializer
from import_watch.aws.watch_store import MAX_TOKENS
from import_watch.services.recovery import MAX_DESCRIBED
from import_watch.services.vendor_registry import VendorRegistry

from local.deployment import STACK_NAME
from local.paths import FUNCTIONS
from local.scenarios import LOG_KEY, LOG_TEXT
from local.simulators.egain import LOG_BUCKET
from local.simulators.registry import VENDORS, simulated
from local.stack import LocalStack, connection_fields
from tests.sam_template import poll_role

WORKS = "works"
TASK_TOKEN = "of-no-task"
"""Step Functions does not know it, which is final; without the permission it is not even looked for."""
EXECUTIONS = "arn:aws:states:eu-west-1:000000000000:execution:import-watch-watch-import:"
FOREIGN_BUCKET = "logs-of-another-account"
LOG_READER = "import-log-reader"
LOG_READER_ARN = f"arn:aws:iam::000000000000:role/{LOG_READER}"
_TRUST = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "arn:aws:iam::000000000000:root"}}
TRUST_OF_ROOT = json.dumps({"Version": "2012-10-17", "Statement": [_TRUST]})
"""What lets the account's root act in a role."""
ENDED = {vendor: simulated(vendor).succeeded for vendor in VENDORS}
RUNNING = {vendor: simulated(vendor).running for vendor in VENDORS}


class Harness:
    """A stack on which functions are invoked one by one, without executions."""

    def __init__(self, stack: LocalStack) -> None:
        self.stack = stack
        self.client = stack.client
        self.physical = cache(self._physical)
        self._count = itertools.count(1)

    def _physical(self, logical: str) -> str:
        """A resource's name, ARN or URL, as `Ref` does."""
        found = self.client("cloudformation").describe_stack_resource(StackName=STACK_NAME, LogicalResourceId=logical)
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    @cached_property
    def key(self) -> str:
        """The ARN of the customer's key."""
        (key,) = self.client("kms").list_keys()["Keys"]
        return str(key["KeyArn"])

    def invoke(self, function: str, event: dict[str, Any]) -> dict[str, Any]:
        """Invoke a function; return its result, or `{"failed": …}`."""
        done = self.client("lambda").invoke(FunctionName=f"import-watch-{function}", Payload=json.dumps(event).encode())
        payload = json.loads(done["Payload"].read())
        return {"failed": payload["errorMessage"]} if "FunctionError" in done else dict(payload or {})

    def log(self, function: str) -> str:
        """Everything that a function has logged."""
        pages = (
            self.client("logs")
            .get_paginator("filter_log_events")
            .paginate(logGroupName=f"/aws/lambda/import-watch-{function}")
        )
        return "\n".join(event["message"] for page in pages for event in page["events"])

    def execution(self) -> str:
        """ARN of an execution that does not exist."""
        return f"{EXECUTIONS}gone-{next(self._count)}"

    def start_event(
        self, vendor: str = "voyado", connection: str = "default", step: Any = None, **more: Any
    ) -> dict[str, Any]:
        """Start event of an import without a watch."""
        number = next(self._count)
        ids = (f"{number}", f"00000000-0000-4000-8000-{number:012}", simulated(vendor).import_id)
        import_id = next(filter(VendorRegistry(FUNCTIONS).adapter(vendor).import_id, ids))
        self.stack.simulators[vendor].script(import_id, [step or ENDED[vendor]])
        return {
            "id": f"event-{number}",
            "detail-type": "ImportStarted",
            "detail": {"vendor": vendor, "importId": import_id, "connection": connection, **more},
        }

    def registered(self, event: dict[str, Any], execution: str) -> dict[str, Any]:
        """Register a start event, and return the watch."""
        done = self.invoke("register-watch", {"event": event, "execution": execution})
        watch: dict[str, Any] = done["watch"]
        return watch

    def connection(self, vendor: str, **more: Any) -> str:
        """Make a connection that no function has read yet."""
        name = f"fresh-{next(self._count)}"
        fields = connection_fields(vendor, self.stack.simulators[vendor].base_url)
        self.stack.put_connection(vendor, {**fields, **more}, name)
        return name

    def polled(self, vendor: str, step: Any = None, **connection: Any) -> dict[str, Any]:
        """Register an import and poll it once."""
        execution = self.execution()
        event = self.start_event(vendor, self.connection(vendor, **connection), step)
        watch = self.registered(event, execution)
        return self.invoke(f"poll-{vendor}", {"watch": watch, "execution": execution})

    def ended(self, execution: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start event of an import that has completed, and its watch; a task of a caller waits for the outcome."""
        event = self.start_event(taskToken=TASK_TOKEN)
        watch = self.registered(event, execution)
        done = self.invoke("poll-voyado", {"watch": watch, "execution": execution})
        return event, done["watch"]

    def overdue(self, watch: dict[str, Any]) -> None:
        """Have a watch that should have been polled a minute ago."""
        self.client("dynamodb").update_item(
            TableName=self.stack.outputs["WatchTableName"],
            Key={"watchId": {"S": watch["watchId"]}},
            UpdateExpression="SET nextPollAt = nextPollAt - :minute",
            ExpressionAttributeValues={":minute": {"N": "60"}},
        )

    def forget(self) -> None:
        """Empty the table, so that no execution continues and no sweep finds more than its own watch."""
        dynamodb, table = self.client("dynamodb"), self.stack.outputs["WatchTableName"]
        for page in dynamodb.get_paginator("scan").paginate(TableName=table, ProjectionExpression="watchId"):
            for key in page["Items"]:
                dynamodb.delete_item(TableName=table, Key=key)

    def item(self, watch_id: str) -> dict[str, Any]:
        """A watch's item."""
        found = self.client("dynamodb").get_item(
            TableName=self.stack.outputs["WatchTableName"], Key={"watchId": {"S": watch_id}}
        )["Item"]
        return {name: TypeDeserializer().deserialize(value) for name, value in found.items()}


def prepare(stack: LocalStack) -> None:
    """Make a bucket that a role of its own reads, as another account has it."""
    s3, iam = stack.client("s3"), stack.client("iam")
    s3.create_bucket(Bucket=FOREIGN_BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket=FOREIGN_BUCKET, Key=LOG_KEY, Body=LOG_TEXT.encode())
    reads = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{FOREIGN_BUCKET}/*"}
    iam.create_role(RoleName=LOG_READER, AssumeRolePolicyDocument=TRUST_OF_ROOT)
    document = {"Version": "2012-10-17", "Statement": [reads]}
    iam.put_role_policy(RoleName=LOG_READER, PolicyName="reads", PolicyDocument=json.dumps(document))


def acted(done: dict[str, Any], *actions: str) -> str:
    """`WORKS` if a function returned one of these actions."""
    return WORKS if done.get("action", done.get("done")) in actions else json.dumps(done)


def registers(harness: Harness) -> str:
    return acted(
        harness.invoke("register-watch", {"event": harness.start_event(), "execution": harness.execution()}), "WAIT"
    )


def resumes(harness: Harness) -> str:
    execution = harness.execution()
    watch = harness.registered(harness.start_event(), execution)
    resume = {"resume": {"watchId": watch["watchId"], "generation": watch["generation"]}}
    return acted(harness.invoke("register-watch", {"event": resume, "execution": execution}), "WAIT")


def takes_over_by_a_start_event(harness: Harness) -> str:
    event = harness.start_event()
    harness.registered(event, harness.execution())
    return acted(harness.invoke("register-watch", {"event": event, "execution": harness.execution()}), "WAIT")


def wakes(harness: Harness) -> str:
    """The import began ten hours ago, so that its second poll is a minute away."""
    began, execution = datetime.now(UTC) - timedelta(hours=10), harness.execution()
    event = harness.start_event(step=RUNNING["voyado"], startedAt=began.isoformat())
    watch = harness.registered(event, execution)
    harness.invoke("poll-voyado", {"watch": watch, "execution": execution})
    changed = {"detail-type": "ImportChanged", "detail": event["detail"]}
    return acted(harness.invoke("register-watch", {"event": changed, "execution": harness.execution()}), "WAIT")


def refuses_a_task_token_too_many(harness: Harness) -> str:
    """Only the log shows whether the task could be reached."""
    event = harness.start_event()
    watch = harness.registered(event, harness.execution())
    harness.client("dynamodb").update_item(
        TableName=harness.stack.outputs["WatchTableName"],
        Key={"watchId": {"S": f"{watch['watchId']}#callbacks"}},
        UpdateExpression="ADD tokens :tokens",
        ExpressionAttributeValues={":tokens": {"SS": [f"1:{number}" for number in range(MAX_TOKENS)]}},
    )
    joins = {**event, "id": f"{event['id']}-joins", "detail": {**event["detail"], "taskToken": TASK_TOKEN}}
    before = harness.log("register-watch")
    harness.invoke("register-watch", {"event": joins, "execution": harness.execution()})
    written = harness.log("register-watch")[len(before) :]
    if "a task token is refused" not in written:
        return written
    return json.dumps(written) if "AccessDenied" in written else WORKS


def publishes(harness: Harness) -> str:
    execution = harness.execution()
    watch = harness.registered({"id": harness.start_event()["id"], "detail": {"vendor": "unknown"}}, execution)
    return acted(harness.invoke("publish-outcome", {"input": {"watch": watch}, "execution": execution}), "PUBLISHED")


def publishes_what_was_never_registered(harness: Harness) -> str:
    event = {**harness.start_event(), "error": {"Error": "States.Timeout"}}
    return acted(harness.invoke("publish-outcome", {"input": event, "execution": harness.execution()}), "PUBLISHED")


def publishes_after_another_execution_died(harness: Harness) -> str:
    event = harness.start_event()
    harness.registered(event, harness.execution())
    given = {"input": {**event, "error": {"Error": "States.Timeout"}}, "execution": harness.execution()}
    return acted(harness.invoke("publish-outcome", given), "PUBLISHED", "SUPERSEDED")


def completes_a_waiting_task(harness: Harness) -> str:
    execution = harness.execution()
    _, watch = harness.ended(execution)
    return acted(harness.invoke("publish-outcome", {"input": {"watch": watch}, "execution": execution}), "PUBLISHED")


def fails_a_waiting_task(harness: Harness) -> str:
    execution = harness.execution()
    invalid = harness.start_event(taskToken=TASK_TOKEN, startedAt="never")
    watch = harness.registered(invalid, execution)
    return acted(harness.invoke("publish-outcome", {"input": {"watch": watch}, "execution": execution}), "PUBLISHED")


def publishes_that_an_import_stalls(harness: Harness) -> str:
    execution = harness.execution()
    watch = harness.registered(harness.start_event(), execution)
    return acted(harness.invoke("publish-outcome", {"stalled": watch, "execution": execution}), "PUBLISHED")


def sweeps(harness: Harness) -> str:
    """With a watch in the table whose execution is gone: it is taken over."""
    harness.overdue(harness.registered(harness.start_event(step=RUNNING["voyado"]), harness.execution()))
    done = harness.invoke("recover-watches", {})
    return WORKS if done.get("done", {}).get("TAKEN_OVER") and "FAILED" not in done["done"] else json.dumps(done)


def sweeps_many(harness: Harness) -> str:
    """With more overdue watches in the table than are described one by one."""
    item = harness.registered(harness.start_event(), harness.execution())["watchId"]
    dynamodb, table = harness.client("dynamodb"), harness.stack.outputs["WatchTableName"]
    stored = dynamodb.get_item(TableName=table, Key={"watchId": {"S": item}})["Item"]
    for number in range(MAX_DESCRIBED + 1):
        # Published already, so that none of them is taken over by an execution.
        stored |= {"watchId": {"S": f"{item}-{number}"}, "nextPollAt": {"N": "1"}, "publishedAt": {"N": "1"}}
        dynamodb.put_item(TableName=table, Item=stored)
    done = harness.invoke("recover-watches", {}).get("done", {})
    harness.forget()
    return WORKS if done.get("PAGES_LISTED") and "LISTS_FAILED" not in done else json.dumps(done)


def died(harness: Harness, execution: str, status: str, given: dict[str, Any] | None) -> dict[str, Any]:
    detail: dict[str, Any] = {"executionArn": execution, "status": status}
    if given is not None:
        detail["input"] = json.dumps(given)
    return harness.invoke("recover-watches", {"source": "aws.states", "detail": detail})


def takes_over_from_an_execution_that_failed(harness: Harness) -> str:
    execution, event = harness.execution(), harness.start_event(step=RUNNING["voyado"])
    harness.registered(event, execution)
    return acted(died(harness, execution, "FAILED", event), "TAKEN_OVER")


def registers_for_an_execution_that_failed(harness: Harness) -> str:
    return acted(
        died(harness, harness.execution(), "FAILED", harness.start_event(step=RUNNING["voyado"])), "TAKEN_OVER"
    )


def publishes_for_an_execution_that_was_stopped(harness: Harness) -> str:
    execution, event = harness.execution(), harness.start_event()
    harness.registered(event, execution)
    return acted(died(harness, execution, "ABORTED", event), "STOPPED")


def completes_a_waiting_task_for_an_execution_that_failed(harness: Harness) -> str:
    execution = harness.execution()
    event, _ = harness.ended(execution)
    return acted(died(harness, execution, "FAILED", event), "PUBLISHED")


def fails_a_waiting_task_for_an_execution_that_was_stopped(harness: Harness) -> str:
    execution, event = harness.execution(), harness.start_event(taskToken=TASK_TOKEN)
    harness.registered(event, execution)
    return acted(died(harness, execution, "ABORTED", event), "STOPPED")


def reads_how_an_execution_was_started(harness: Harness) -> str:
    return acted(died(harness, harness.execution(), "FAILED", None), "UNCHANGED")


def polls(harness: Harness, vendor: str) -> str:
    done = harness.polled(vendor, RUNNING[vendor])
    item = harness.item(done["watch"]["watchId"]) if "watch" in done else done
    return WORKS if item.get("polls") == 1 else str(item)


def reads_its_credentials(harness: Harness, vendor: str) -> str:
    done = harness.polled(vendor)
    ended = harness.item(done["watch"]["watchId"]).get("ending", {}) if "watch" in done else done
    return WORKS if ended.get("outcome") in ("SUCCEEDED", "PARTIAL") else str(ended)


def archives_the_response(harness: Harness, vendor: str) -> str:
    done = harness.polled(vendor)
    item = harness.item(done["watch"]["watchId"]) if "watch" in done else done
    return WORKS if item.get("answer") else str(item)


def copied(harness: Harness, bucket: str, **connection: Any) -> str:
    step = {"status": "Successful", "fields": {"logFileLocation": f"s3://{bucket}/{LOG_KEY}"}}
    done = harness.polled("egain", step, logBuckets=[bucket], **connection)
    item = harness.item(done["watch"]["watchId"]) if "watch" in done else done
    return WORKS if item.get("log", {}).get("status") == "ARCHIVED" else str(item)


def copies_a_log(harness: Harness) -> str:
    return copied(harness, LOG_BUCKET)


def copies_a_log_in_anothers_role(harness: Harness) -> str:
    return copied(harness, FOREIGN_BUCKET, logReaderRoleArn=LOG_READER_ARN)


def of(vendor: str, use: Callable[[Harness, str], str]) -> Callable[[Harness], str]:
    """A vendor's use, under its own name."""
    return wraps(use)(lambda harness: use(harness, vendor))


EXECUTION_ARNS = (
    "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:execution:${AWS::StackName}-watch-import:*"
)
TABLE = "WatchTable.Arn"
EVENT_BUS = "ImportBus.Arn or arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${ImportBusName}"
CALLERS = "CallbackStateMachineArns or arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:*"
Use = Callable[[Harness], str]
USES: dict[tuple[str, str, str], Use] = {
    ("RegisterWatchRole", "dynamodb:GetItem", TABLE): resumes,
    ("RegisterWatchRole", "dynamodb:PutItem", TABLE): registers,
    ("RegisterWatchRole", "dynamodb:UpdateItem", TABLE): registers,
    ("RegisterWatchRole", "states:DescribeExecution", EXECUTION_ARNS): takes_over_by_a_start_event,
    ("RegisterWatchRole", "states:StopExecution", EXECUTION_ARNS): wakes,
    ("RegisterWatchRole", "states:SendTaskFailure", CALLERS): refuses_a_task_token_too_many,
    ("PublishOutcomeRole", "dynamodb:GetItem", TABLE): publishes,
    ("PublishOutcomeRole", "dynamodb:PutItem", TABLE): publishes_what_was_never_registered,
    ("PublishOutcomeRole", "dynamodb:UpdateItem", TABLE): publishes,
    ("PublishOutcomeRole", "sns:Publish", "OutcomeTopic"): publishes,
    ("PublishOutcomeRole", "dynamodb:DeleteItem", TABLE): completes_a_waiting_task,
    ("PublishOutcomeRole", "states:SendTaskSuccess", CALLERS): completes_a_waiting_task,
    ("PublishOutcomeRole", "states:SendTaskFailure", CALLERS): fails_a_waiting_task,
    ("PublishOutcomeRole", "events:PutEvents", EVENT_BUS): publishes,
    ("PublishOutcomeRole", "sns:Publish", "StalledTopic"): publishes_that_an_import_stalls,
    ("PublishOutcomeRole", "states:DescribeExecution", EXECUTION_ARNS): publishes_after_another_execution_died,
    ("RecoverWatchesRole", "dynamodb:GetItem", TABLE): takes_over_from_an_execution_that_failed,
    ("RecoverWatchesRole", "dynamodb:PutItem", TABLE): registers_for_an_execution_that_failed,
    ("RecoverWatchesRole", "dynamodb:UpdateItem", TABLE): takes_over_from_an_execution_that_failed,
    ("RecoverWatchesRole", "dynamodb:BatchGetItem", TABLE): sweeps,
    ("RecoverWatchesRole", "states:ListExecutions", "WatchStateMachine"): sweeps_many,
    ("RecoverWatchesRole", "dynamodb:Query", "${WatchTable.Arn}/index/active-by-next-poll"): sweeps,
    ("RecoverWatchesRole", "dynamodb:Query", "${WatchTable.Arn}/index/unpublished-by-detection"): sweeps,
    ("RecoverWatchesRole", "sns:Publish", "OutcomeTopic"): publishes_for_an_execution_that_was_stopped,
    ("RecoverWatchesRole", "dynamodb:DeleteItem", TABLE): completes_a_waiting_task_for_an_execution_that_failed,
    ("RecoverWatchesRole", "states:SendTaskSuccess", CALLERS): completes_a_waiting_task_for_an_execution_that_failed,
    ("RecoverWatchesRole", "states:SendTaskFailure", CALLERS): fails_a_waiting_task_for_an_execution_that_was_stopped,
    ("RecoverWatchesRole", "events:PutEvents", EVENT_BUS): publishes_for_an_execution_that_was_stopped,
    ("RecoverWatchesRole", "states:DescribeExecution", EXECUTION_ARNS): reads_how_an_execution_was_started,
    ("RecoverWatchesRole", "states:StartExecution", "WatchStateMachine"): takes_over_from_an_execution_that_failed,
    ("PollEgainRole", "s3:GetObject", "LogSourceObjectArns"): copies_a_log,
    ("PollEgainRole", "sts:AssumeRole", "LogReaderRoleArns"): copies_a_log_in_anothers_role,
}
SECRETS = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${AWS::StackName}"
for _vendor in VENDORS:
    _role = poll_role(_vendor)
    USES |= {
        (_role, "dynamodb:GetItem", TABLE): of(_vendor, polls),
        (_role, "dynamodb:UpdateItem", TABLE): of(_vendor, polls),
        (_role, "s3:PutObject", f"${{LogArchiveBucket.Arn}}/{_vendor}/*"): of(_vendor, archives_the_response),
        (_role, "secretsmanager:GetSecretValue", f"{SECRETS}/{_vendor}/*"): of(_vendor, reads_its_credentials),
    }
