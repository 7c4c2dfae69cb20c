"""publish_outcome: publishes how a watch ended, once; and that an import makes no progress."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from import_watch.bootstrap import prepare_for_start_events, publisher, registrar
from import_watch.lifecycle.execution_names import resumed_watch
from import_watch.model.serialization import JSON, to_json
from import_watch.model.step import NextAction
from import_watch.observability import bind_log_context, bind_state_log_context, logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

VENDORS = prepare_for_start_events(__file__)  # a failure of register_watch ends here: this function registers as well


def handler(event: dict[str, JSON], _context: LambdaContext) -> dict[str, JSON]:
    """Handle one invocation: `{"input": <what the state machine holds>, "execution": …}`, or `stalled` with a watch."""
    execution, now = event["execution"], time.time()
    held = {"watch": event["stalled"]} if "stalled" in event else event["input"]
    owned, action = held.get("watch"), None
    if resumed := resumed_watch(held):
        owned = {"watchId": resumed[0], "generation": resumed[1]}
    elif owned is None:
        start = VENDORS.parse(held)
        bind_log_context(execution, correlation=start.correlation)
        step = registrar(VENDORS).register(start, execution, now)
        owned, action = to_json(step.watch), step.action
    bind_state_log_context(owned, execution)
    publish, watch_id = publisher(publishes_stalls=True), owned["watchId"]
    if "stalled" in event:
        action = publish.publish_stalled(watch_id, now)
    elif action is not NextAction.ALREADY_WATCHED:
        action = publish.publish_for(watch_id, owned["generation"], held.get("error"), now)
    logger.info("outcome", action=action.value)
    return {"action": action.value, "watchId": watch_id}
