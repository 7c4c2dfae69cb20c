"""publish_outcome: publishes the outcome of a watch, once, and that an import is stalled.

Every failure of the state machine leads here, too. After a failure of register_watch, this function registers the watch
from the execution's input, so its package is the whole `functions` folder.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from import_watch.bootstrap import publisher, registrar, vendor_registry
from import_watch.lifecycle.execution_names import RESUME
from import_watch.model.serialization import JSON, to_json
from import_watch.model.step import NextAction
from import_watch.observability import bind_log_context, bind_state_log_context, logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

VENDORS = vendor_registry(__file__)


def handler(event: dict[str, JSON], _context: LambdaContext) -> dict[str, JSON]:
    """Handle one invocation: `{"input": <what the state machine holds>, "execution": …}`, or `stalled` with a watch."""
    held, execution, now, action = event.get("input", {}), event["execution"], time.time(), NextAction.PUBLISH
    owned = event.get("stalled") or held.get("watch") or held.get(RESUME)
    if owned is None:
        start = VENDORS.parse(held)
        bind_log_context(execution, correlation=start.correlation)
        step = registrar(VENDORS).register(start, execution, now)
        owned, action = to_json(step.watch), step.action
    bind_state_log_context(owned, execution)
    if "stalled" in event:
        action = publisher(publishes_stalls=True).publish_stalled(owned["watchId"], now)
    elif action is not NextAction.ALREADY_WATCHED:
        arguments = owned["watchId"], owned["generation"], held.get("error"), now
        action = publisher(publishes_stalls=True).publish_for(*arguments)
    logger.info("outcome", action=action.value)
    return {"action": action.value, "watchId": owned["watchId"]}
