"""Task tokens of callers' state machines: kept until the outcome of their watch is known, and sent that outcome."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from import_watch.aws.dynamodb import deserialize
from import_watch.aws.watch_store import TOKENS_SECONDS
from import_watch.model.serialization import JSON
from import_watch.model.watch import callbacks_key
from import_watch.notifications.callback import failure, is_success, success
from import_watch.observability import logger

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_stepfunctions import SFNClient


class TokenResult(StrEnum):
    """What became of a task token."""

    SENT = "SENT"
    EXPIRED = "EXPIRED"
    DENIED = "DENIED"
    REFUSED = "REFUSED"


TOO_MANY = "TooManyTaskTokens"
"""Error of a task whose token is refused."""


class TokenNotSent(Exception):
    """An outcome that a task could not get now."""


FINAL_ERRORS = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken", "InvalidOutput", "ValidationException"})
"""Errors of a token that is expired or unknown: no later attempt would succeed."""
DENIED_ERRORS = frozenset(
    {"AccessDeniedException", "AccessDenied", "KmsAccessDeniedException", "KmsInvalidStateException"}
)
"""Errors of a task that may not be reached until a person permits it."""


class TaskTokens:
    """Reads, sends to, and deletes the task tokens of watches.

    Parameters
    ----------
    table_name : str
        The table of watches.
    dynamodb : DynamoDBClient
    stepfunctions : SFNClient, optional
        An existing boto3 client.
    """

    def __init__(self, table_name: str, dynamodb: DynamoDBClient, stepfunctions: SFNClient | None = None) -> None:
        self._table = table_name
        self._dynamodb = dynamodb
        self._given = stepfunctions

    @cached_property
    def _stepfunctions(self) -> SFNClient:
        return self._given or boto3.client(
            "stepfunctions", config=Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 3})
        )

    def waiting(self, watch_id: str, attempt: int) -> list[str]:
        """Tokens that wait for the outcome of an attempt; that of another attempt may be a different one."""
        found = self._dynamodb.get_item(
            TableName=self._table, Key={"watchId": {"S": callbacks_key(watch_id)}}, ConsistentRead=True
        )
        stored = deserialize(found.get("Item", {})).get("tokens", ())
        return sorted(entry for entry in stored if int(entry.partition(":")[0]) == attempt)

    def last_added(self, watch_id: str) -> float:
        """Epoch seconds at which the last token of a watch was stored; 0 where there is none."""
        found = self._dynamodb.get_item(TableName=self._table, Key={"watchId": {"S": callbacks_key(watch_id)}})
        return float(found.get("Item", {}).get("expiresAt", {}).get("N", TOKENS_SECONDS)) - TOKENS_SECONDS

    def send(self, entry: str, event: dict[str, JSON]) -> TokenResult:
        """Send the outcome of a notification to one of these tokens.

        Raises
        ------
        TokenNotSent
            If Step Functions cannot take it now; without the message of the service, which may quote the token.
        """
        token = entry.partition(":")[2]
        try:
            if is_success(event):
                self._stepfunctions.send_task_success(taskToken=token, output=success(event))
            else:
                error, cause = failure(event)
                self._stepfunctions.send_task_failure(taskToken=token, error=error, cause=cause)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in DENIED_ERRORS:
                return TokenResult.DENIED
            if code not in FINAL_ERRORS:
                raise TokenNotSent(code) from None
            return TokenResult.EXPIRED
        except BotoCoreError as error:
            raise TokenNotSent(type(error).__name__) from None
        return TokenResult.SENT

    def refuse(self, token: str, why: str) -> None:
        """Fail the task of a token that is not stored; one that cannot be reached gets no outcome.

        Parameters
        ----------
        token : str
        why : str
            The cause, for a person.
        """
        try:
            self._stepfunctions.send_task_failure(taskToken=token, error=TOO_MANY, cause=why)
        except ClientError as error:
            # Without its message, which may quote the token.
            logger.warning("the task of a refused token gets no outcome", why=error.response["Error"]["Code"])
        except BotoCoreError as error:
            logger.warning("the task of a refused token gets no outcome", why=type(error).__name__)

    def delete(self, watch_id: str, entry: str) -> None:
        """Delete a token that needs no more, and the item with the last one."""
        key = {"watchId": {"S": callbacks_key(watch_id)}}
        self._dynamodb.update_item(
            TableName=self._table,
            Key=key,
            UpdateExpression="DELETE tokens :tokens",
            ExpressionAttributeValues={":tokens": {"SS": [entry]}},
        )
        try:
            self._dynamodb.delete_item(
                TableName=self._table, Key=key, ConditionExpression="attribute_not_exists(tokens)"
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return  # others wait
