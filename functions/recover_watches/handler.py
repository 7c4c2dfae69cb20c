"""recover_watches: recovers orphaned watches, and publishes pending outcomes.

Invoked on a schedule, and by Step Functions' own events about executions that did not end by themselves.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from import_watch.bootstrap import prepare_for_start_events, recovery
from import_watch.model.serialization import JSON
from import_watch.observability import bind_log_context, logger
from import_watch.services.recovery import read_status_change

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

VENDORS = prepare_for_start_events(__file__)
RESERVE_SECONDS = 45
"""Reserve of the function's time in seconds: enough for one watch with only slow services."""


def handler(event: dict[str, JSON], context: LambdaContext) -> dict[str, JSON]:
    """Handle one invocation: an event about an execution, or anything else for a sweep."""
    if event.get("source") == "aws.states":
        execution, status, given = read_status_change(event)
        bind_log_context(execution)
        done = recovery(VENDORS).execution_ended(execution, status, given, time.time())
        logger.info("an execution did not end by itself", executionStatus=status.value, done=done.value)
        return {"done": done.value}
    bind_log_context(None)
    counts = recovery(VENDORS).sweep(
        time.time(), lambda: context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS
    )
    logger.info("swept", done=counts)
    return {"done": counts}
