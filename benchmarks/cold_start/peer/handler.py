"""The straightforward handler: requests the status of one import and stores it, the way most people would.

boto3's resource, `requests`, Powertools with Tracer and Parser, everything at the top. It reads the secret through
the cache of Powertools, sends a request with a timeout, and writes one item.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import boto3
import requests
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.parser import BaseModel, event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger(service="import-poller")
tracer = Tracer(service="import-poller")
metrics = Metrics(namespace="ImportPoller", service="import-poller")
table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


class ImportEvent(BaseModel):
    """The import to poll."""

    watch_id: str
    import_id: str
    connection: str = "default"
    polls: int = 0


class Status(BaseModel):
    """The vendor's response."""

    id: str
    status: str
    type: str | None = None
    message: str | None = None


@tracer.capture_method
def request_status(connection: str, import_id: str) -> Status:
    """Status of an import at its vendor."""
    secret: Any = parameters.get_secret(
        f"{os.environ['SECRET_PREFIX']}/voyado/{connection}", transform="json", max_age=300
    )
    response = requests.get(
        f"{secret['baseUrl']}/api/v2/import/status/{import_id}",
        headers={"Api-Key": secret["apiKey"], "Accept": "application/json"},
        timeout=10,
    )
    response.raise_for_status()
    return Status.model_validate(response.json())


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
@event_parser(model=ImportEvent)
def handler(event: ImportEvent, context: LambdaContext) -> dict[str, Any]:
    """Poll once."""
    status = request_status(event.connection, event.import_id)
    now = datetime.now(UTC)
    table.put_item(
        Item={
            "watchId": event.watch_id,
            "importId": event.import_id,
            "status": status.status,
            "polls": event.polls + 1,
            "updatedAt": Decimal(str(now.timestamp())),
        }
    )
    metrics.add_metric(name="Polls", unit=MetricUnit.Count, value=1)
    logger.info("polled", status=status.status)
    return {"done": status.status not in ("WAITING", "IN_PROGRESS"), "polls": event.polls + 1}
