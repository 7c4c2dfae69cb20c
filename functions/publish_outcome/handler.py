"""publish_outcome: publishes how a watch ended, once.

Every failure of the state machine ends here too. One of register_watch comes with the execution's input in place of a
watch, so this function can register as well, and its package is the whole `functions` folder for the same reason.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from import_watch.bootstrap import publisher, registrar
from import_watch.lifecycle.execution_names import RESUME
from import_watch.model.serialization import JSON, to_json
from import_watch.model.step import NextAction
from import_watch.observability import bind_log_context, bind_state_log_context, logger
from import_watch.services.registration import accept_any_event
from import_watch.services.vendor_registry import VendorRegistry

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

accept_any_event()
VENDORS = VendorRegistry(Path(__file__).parents[1])


def handler(event: dict[str, JSON], _context: LambdaContext) -> dict[str, JSON]:
    """Handle one invocation by the state machine: `{"input": <what it holds>, "execution": …}`.

    With `stalled` in place of `input`, it publishes that an import makes no progress, and its watch continues.
    """
    execution, now = event["execution"], time.time()
    if owned := event.get("stalled"):
        bind_state_log_context(owned, execution)
        action = publisher(publishes_stalls=True).publish_stalled(owned["watchId"], now)
        logger.info("stalled", action=action.value)
        return {"action": action.value, "watchId": owned["watchId"]}
    held = event["input"]
    owned = held.get("watch") or held.get(RESUME)
    if owned is None:
        start = VENDORS.parse(held)
        bind_log_context(execution, correlation=start.correlation)
        step = registrar(VENDORS).register(start, execution, now)
        owned = to_json(step.watch)
        if step.action is NextAction.ALREADY_WATCHED:
            return {"action": step.action.value, "watchId": owned["watchId"]}
    bind_state_log_context(owned, execution)
    action = publisher(publishes_stalls=True).publish_for(owned["watchId"], owned["generation"], held.get("error"), now)
    logger.info("outcome", action=action.value)
    return {"action": action.value, "watchId": owned["watchId"]}
