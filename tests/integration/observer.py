"""Observes a stack from outside: messages as a subscriber gets them, items, archived objects, executions."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from local.outcomes import Message, fetch, receive
from local.stack import LocalStack
from local.waiting import wait_until

OUTCOME_SECONDS = 60


class Observer:
    """Collects all that a subscriber of the topic got, by watch."""

    def __init__(self, stack: LocalStack) -> None:
        self.stack = stack
        self._sqs = stack.client("sqs")
        self._messages: dict[str, list[Message]] = defaultdict(list)

    def outcome(self, watch_id: str) -> Message:
        """Wait for the outcome of a watch."""
        return wait_until(lambda: self._published(watch_id), OUTCOME_SECONDS, f"an outcome of {watch_id}")[0]

    def outcome_of_correlation(self, correlation_id: str) -> Message:
        """Wait for the outcome with a correlation id."""

        def found() -> Message | None:
            self._collect()
            every = [message for messages in self._messages.values() for message in messages]
            return next((one for one in every if one.event["data"]["correlationId"] == correlation_id), None)

        return wait_until(found, OUTCOME_SECONDS, f"an outcome with correlation id {correlation_id}")

    def messages(self, watch_id: str) -> list[Message]:
        """All messages about a watch until now."""
        self._collect()
        return self._messages[watch_id]

    def all_messages(self) -> dict[str, list[Message]]:
        """All messages until now, by watch."""
        self._collect()
        return dict(self._messages)

    def item(self, watch_id: str) -> dict[str, Any]:
        """Item of a watch."""
        found = self.stack.client("dynamodb").get_item(
            TableName=self.stack.outputs["WatchTableName"], Key={"watchId": {"S": watch_id}}, ConsistentRead=True
        )
        return {name: TypeDeserializer().deserialize(value) for name, value in found["Item"].items()}

    def archived(self, location: str) -> bytes:
        """An archived object."""
        return fetch(self.stack.client("s3"), location)

    def states(self, execution_arn: str) -> list[str]:
        """States that an execution went through, in order, once it has ended."""
        stepfunctions = self.stack.client("stepfunctions")
        wait_until(
            lambda: stepfunctions.describe_execution(executionArn=execution_arn)["status"] != "RUNNING",
            OUTCOME_SECONDS,
            "the execution ends",
        )
        pages = stepfunctions.get_paginator("get_execution_history").paginate(executionArn=execution_arn)
        return [
            event["stateEnteredEventDetails"]["name"]
            for page in pages
            for event in page["events"]
            if "stateEnteredEventDetails" in event
        ]

    def executions(self, import_id: str) -> list[str]:
        """Executions that start events of an import started."""
        return self._executions("importId", import_id)

    def executions_of_correlation(self, correlation_id: str) -> list[str]:
        """Executions that start events with a correlation id started."""
        return self._executions("correlationId", correlation_id)

    def _executions(self, field: str, value: str) -> list[str]:
        stepfunctions = self.stack.client("stepfunctions")
        pages = stepfunctions.get_paginator("list_executions").paginate(
            stateMachineArn=self.stack.outputs["WatchStateMachineArn"]
        )
        arns = [execution["executionArn"] for page in pages for execution in page["executions"]]
        inputs = {arn: json.loads(stepfunctions.describe_execution(executionArn=arn)["input"]) for arn in arns}
        return [arn for arn, event in inputs.items() if event.get("detail", {}).get(field) == value]

    def _published(self, watch_id: str) -> list[Message]:
        self._collect()
        return self._messages[watch_id]

    def _collect(self) -> None:
        while found := receive(self._sqs, self.stack.outcomes_queue_url):
            for message in found:
                self._messages[message.event["subject"]].append(message)
