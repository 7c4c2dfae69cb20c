"""Executions of the state machine: reads the status of one, stops one, and starts the one that resumes a watch."""

from __future__ import annotations

import json
from collections.abc import Iterator
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

EXECUTIONS_OF_A_PAGE = 1_000
"""As many as Step Functions returns in one response."""


class ExecutionStatus(StrEnum):
    """Status of an execution, as Step Functions names it; MISSING where there is no such execution."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    ABORTED = "ABORTED"
    PENDING_REDRIVE = "PENDING_REDRIVE"
    MISSING = "MISSING"

    @property
    def is_alive(self) -> bool:
        """Whether the execution continues by itself."""
        return self in (ExecutionStatus.RUNNING, ExecutionStatus.PENDING_REDRIVE)

    @property
    def is_over(self) -> bool:
        """Whether the execution existed and has ended."""
        return not self.is_alive and self is not ExecutionStatus.MISSING


class Executions:
    """Executions of one state machine.

    Parameters
    ----------
    client : SFNClient, optional
        An existing boto3 client.
    """

    def __init__(self, client: SFNClient | None = None) -> None:
        self._given = client

    @cached_property
    def _client(self) -> SFNClient:
        # Most registrations never need the client.
        return self._given or boto3.client(
            "stepfunctions", config=Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 4})
        )

    def status(self, execution: str) -> ExecutionStatus:
        """Status of an execution.

        Parameters
        ----------
        execution : str
            Its ARN.

        Raises
        ------
        botocore.exceptions.ClientError
            If Step Functions does not return it.
        """
        try:
            return ExecutionStatus(self._client.describe_execution(executionArn=execution)["status"])
        except self._client.exceptions.ExecutionDoesNotExist:
            return ExecutionStatus.MISSING

    def running(self, state_machine: str) -> Iterator[list[str]]:
        """ARNs of the running executions of a state machine, in pages, the latest first.

        The lists are not consistent: an execution that is in none may run, and one that is in one may have ended.

        Raises
        ------
        botocore.exceptions.ClientError
            If Step Functions does not return a page.
        """
        pages = self._client.get_paginator("list_executions").paginate(
            stateMachineArn=state_machine, statusFilter="RUNNING", PaginationConfig={"PageSize": EXECUTIONS_OF_A_PAGE}
        )
        for page in pages:
            yield [execution["executionArn"] for execution in page["executions"]]

    def input(self, execution: str) -> JSON:
        """Input of an execution; None where the execution no longer exists."""
        try:
            return parse_input(self._client.describe_execution(executionArn=execution)["input"])
        except self._client.exceptions.ExecutionDoesNotExist:
            return None

    def stop(self, execution: str, cause: str) -> None:
        """Stop an execution; one that has ended, or never started, stays as it is.

        Raises
        ------
        botocore.exceptions.ClientError
            If Step Functions does not stop it.
        """
        try:
            self._client.stop_execution(executionArn=execution, error="Stopped", cause=cause)
        except self._client.exceptions.ExecutionDoesNotExist:
            return

    def start(self, watch: Watch, state_machine: str) -> None:
        """Start the execution that owns a watch in its present generation, unless it was started before.

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
    """Parse an execution's input; return it as text where its numbers or its nesting are too large for the parser.

    So a start event that no function could parse still has an identity, and its watch ends as INVALID_EVENT.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
