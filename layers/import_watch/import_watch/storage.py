"""What is stored, as a function's settings name it: each part once, over one client."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from import_watch import settings
from import_watch.aws.connection_store import ConnectionStore
from import_watch.aws.dynamodb import table_client
from import_watch.aws.watch_store import WatchStore

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from import_watch.aws.sweep_cursor_store import SweepCursorStore


@cache
def watches() -> WatchStore:
    """Give the table of watches."""
    return WatchStore(settings.get_str("TABLE_NAME"), settings.retention_seconds(), _client())


@cache
def states() -> ConnectionStore:
    """Give what connections share."""
    return ConnectionStore(settings.get_str("TABLE_NAME"), _client())


@cache
def cursors() -> SweepCursorStore:
    """Give where sweeps leave off."""
    # Nobody but the recovery sweeps.
    from import_watch.aws.sweep_cursor_store import SweepCursorStore

    return SweepCursorStore(settings.get_str("TABLE_NAME"), _client())


@cache
def _client() -> DynamoDBClient:
    return table_client()
