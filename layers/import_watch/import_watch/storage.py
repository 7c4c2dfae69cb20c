"""What is stored, as a function's settings name it: each part once, over one client."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from import_watch import settings
from import_watch.aws.connection_store import ConnectionStates
from import_watch.aws.dynamodb import table_client
from import_watch.aws.watch_store import Watches

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from import_watch.aws.sweep_cursor_store import SweepPositions


@cache
def watches() -> Watches:
    """Give the table of watches."""
    return Watches(settings.text("TABLE_NAME"), settings.retention_seconds(), _client())


@cache
def states() -> ConnectionStates:
    """Give what connections share."""
    return ConnectionStates(settings.text("TABLE_NAME"), _client())


@cache
def positions() -> SweepPositions:
    """Give where sweeps leave off."""
    # Nobody but the recovery sweeps.
    from import_watch.aws.sweep_cursor_store import SweepPositions

    return SweepPositions(settings.text("TABLE_NAME"), _client())


@cache
def _client() -> DynamoDBClient:
    return table_client()
