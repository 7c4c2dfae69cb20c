"""The real recovery over an account that a loopback server has."""

from __future__ import annotations

import time
from typing import Any
from unittest.mock import create_autospec

import boto3
from botocore.config import Config
from import_watch.aws.connection_store import ConnectionStore
from import_watch.aws.executions import Executions
from import_watch.aws.sweep_cursor_store import SweepCursor, SweepCursorStore
from import_watch.aws.watch_store import WatchStore
from import_watch.services.publication import Publisher
from import_watch.services.recovery import Recovery
from import_watch.services.registration import Registrar
from import_watch.services.vendor_registry import VendorRegistry

from benchmarks.sweeps.account import STATE_MACHINE
from local.paths import FUNCTIONS

TABLE = "watches"
RUN_SECONDS = 300 - 45
"""Seconds that a sweep has: the function's timeout, without its reserve (test_template holds the one, and the handler
has the other)."""
GRACE_SECONDS = 300


class Sweeps:
    """Sweeps one after the other.

    Parameters
    ----------
    url : str
        Where DynamoDB and Step Functions are served.
    """

    def __init__(self, url: str) -> None:
        dynamodb, stepfunctions = _client("dynamodb", url), _client("stepfunctions", url)
        watches, connections = WatchStore(TABLE, 0, dynamodb), ConnectionStore(TABLE, dynamodb)
        self.cursors = SweepCursorStore(TABLE, dynamodb)
        # Neither is used: no watch here has ended, and none begins.
        registrar, publisher = create_autospec(Registrar, instance=True), create_autospec(Publisher, instance=True)
        registrar.vendors = VendorRegistry(FUNCTIONS)
        self._recovery = Recovery(
            watches=watches,
            connections=connections,
            executions=Executions(stepfunctions),
            registrar=registrar,
            publisher=publisher,
            cursors=self.cursors,
            state_machine=STATE_MACHINE,
            overdue_seconds=GRACE_SECONDS,
        )

    def sweep(self, now: float) -> tuple[dict[str, int], SweepCursor, float]:
        """Sweep once: what was done, where it stopped, and the seconds that it took."""
        began = time.monotonic()
        done = self._recovery.sweep(now, lambda: RUN_SECONDS - (time.monotonic() - began))
        return done, self.cursors.get(), time.monotonic() - began


def _client(service: Any, url: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=url,
        region_name="eu-west-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(retries={"total_max_attempts": 4}, parameter_validation=False),
    )
