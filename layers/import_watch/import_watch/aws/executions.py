"""Executions of the state machine: how one fares, and starting the one that carries a watch on."""

from __future__ import annotations

import json
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from import_watch.lifecycle.execution_names import resume_input, successor_name
from import_watch.model.serialization import JSON
from import_watch.model.watch import Watch

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


class ExecutionStatus(StrEnum):
    """How an execution fares, in the words of Step Functions; MISSING where there is none of that name."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    ABORTED = "ABORTED"
    PENDING_REDRIVE = "PENDING_REDRIVE"
    MISSING = "MISSING"

    @property
    def is_alive(self) -> bool:
        """Whether the execution goes on by itself."""
        return self in (ExecutionStatus.RUNNING, ExecutionStatus.PENDING_REDRIVE)

    @property
    def is_over(self) -> bool:
        """Whether there was an execution, which has ended."""
        return not self.is_alive and self is not ExecutionStatus.MISSING


class Executions:
    """Executions of one state machine.

    Parameters
    ----------
    client : SFNClient, optional
        A boto3 client that is there already.
    """

    def __init__(self, client: SFNClient | None = None) -> None:
        self._given = client

    @cached_property
    def _client(self) -> SFNClient:
        # Most registrations never ask.
        return self._given or boto3.client(
            "stepfunctions", config=Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 4})
        )

    def status(self, execution: str) -> ExecutionStatus:
        """Give how an execution fares.

        Parameters
        ----------
        execution : str
            Its ARN.

        Raises
        ------
        botocore.exceptions.ClientError
            If Step Functions does not tell.
        """
        try:
            return ExecutionStatus(self._client.describe_execution(executionArn=execution)["status"])
        except self._client.exceptions.ExecutionDoesNotExist:
            return ExecutionStatus.MISSING

    def input(self, execution: str) -> JSON:
        """Give what an execution was started with; None where it is gone."""
        try:
            return parse_input(self._client.describe_execution(executionArn=execution)["input"])
        except self._client.exceptions.ExecutionDoesNotExist:
            return None

    def start(self, watch: Watch, state_machine: str) -> None:
        """Start the execution that owns a watch in its present generation; nothing, if it was started before.

        Raises
        ------
        botocore.exceptions.ClientError
            If Step Functions does not start it.
        """
        name, resume = successor_name(watch), json.dumps(resume_input(watch))
        try:
            self._client.start_execution(stateMachineArn=state_machine, name=name, input=resume)
        except self._client.exceptions.ExecutionAlreadyExists:
            return


def parse_input(text: str) -> JSON:
    """Read an execution's input; as the text that it is where its numbers or its nesting are too much for the parser.

    A start event that no function could read is then still known by something, and ends as one that is invalid.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
