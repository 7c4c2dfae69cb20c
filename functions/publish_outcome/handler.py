"""publish_outcome: publishes how a watch ended, once; and that an import makes no progress."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from import_watch.bootstrap import prepare_for_start_events, publisher, registrar
from import_watch.lifecycle.execution_names import resumed_watch
from import_watch.model.serialization import JSON, to_json
from import_watch.model.step import NextAction
from import_watch.observability import bind_state_log_context, logger
from import_watch.services.entry import first_step

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

VENDORS = prepare_for_start_events(__file__)  # a failure of register_watch ends here: this function registers as well
NOTHING_TO_PUBLISH = (NextAction.ALREADY_WATCHED, NextAction.NOT_WOKEN)


def handler(event: dict[str, JSON], _context: LambdaContext) -> dict[str, JSON]:
    """Handle one invocation: `{"input": <what the state machine holds>, "execution": …}`, or `stalled` with a watch."""
    execution, now = event["execution"], time.time()
    held = {"watch": event["stalled"]} if "stalled" in event else event["input"]
    owned, error = held.get("watch"), held.get("error")
    if resumed := resumed_watch(held):
        owned = {"watchId": resumed.watch_id, "generation": resumed.generation, "attempt": resumed.attempt}
    elif owned is None:
        step = first_step(held, execution, now, registrar(VENDORS))
        if step.action in NOTHING_TO_PUBLISH:
            return {"action": step.action.value, "watchId": step.watch.watch_id}
        owned = to_json(step.watch)
    bind_state_log_context(owned, execution)
    publish, key = publisher(publishes_stalls=True), (owned["watchId"], owned.get("attempt", 1))
    if "stalled" in event:
        return {"action": publish.publish_stalled(*key, now).value, "watchId": key[0]}
    done = publish.publish_for(*key, owned["generation"], error, now)
    logger.info("outcome", action=done.action.value)
    return done.to_output()
