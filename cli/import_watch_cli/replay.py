"""Lets a notification be published again, under the same id, for a consumer that lost it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from import_watch.aws.watch_items import UNPUBLISHED

from import_watch_cli.errors import NOT_DONE, CommandError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def replay(table: str, watch_id: str, dynamodb: DynamoDBClient) -> None:
    """Mark the outcome of a watch as not published: the next sweep of recover_watches publishes it.

    There is no second way to publish: the notification is the same as before, with the same id, so that a consumer that
    has it can drop it.

    Parameters
    ----------
    table : str
    watch_id : str
        `vendor#connection#importId`, as in the notification's `subject`.

    Raises
    ------
    CommandError
        If there is no such watch, it has not ended, or its outcome is about to be published anyway.
    """
    try:
        dynamodb.update_item(
            TableName=table,
            Key={"watchId": {"S": watch_id}},
            UpdateExpression="SET unpublished = :unpublished REMOVE publishedAt, expiresAt",
            ConditionExpression="attribute_exists(ending) AND attribute_exists(publishedAt)",
            ExpressionAttributeValues={":unpublished": {"S": UNPUBLISHED}},
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        raise CommandError(
            f"The outcome of {watch_id} cannot be published again: it was not published yet, or there is no such "
            "watch.",
            NOT_DONE,
        ) from None
