"""publish_outcome: tells SNS how a watch ended, once.

Every failure of the state machine ends here too. One of register_watch comes with the execution's input in place of a
watch, so this function can register as well, and its package is the whole `functions` folder for the same reason.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from import_watch.bootstrap import publisher, registrar
from import_watch.lifecycle.execution_names import RESUME
from import_watch.lifecycle.start_event import correlation_of
from import_watch.model.serialization import JSON, to_json
from import_watch.observability import bind_log_context, logger
from import_watch.services.registration import read_any_event
from import_watch.services.vendor_registry import VendorRegistry

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

read_any_event()
VENDORS = VendorRegistry(Path(__file__).parents[1])


def handler(event: dict[str, JSON], _context: LambdaContext) -> dict[str, JSON]:
    """Handle one invocation by the state machine: `{"input": <what it holds>, "execution": …}`.

    With `stalled` in place of `input`, a watch goes on and people are told that its import does not.
    """
    if stalled := event.get("stalled"):
        _bind_log_context(stalled, event["execution"])
        told = publisher(publishes_stalls=True).publish_stalled(stalled["watchId"], time.time())
        logger.info("stalled", told=told)
        return {"action": "TOLD" if told else "NOT_TOLD", "watchId": stalled["watchId"]}
    held, execution, now = event["input"], event["execution"], time.time()
    owned = held.get("watch") or held.get(RESUME)
    if owned is None:
        bind_log_context(execution, correlation=correlation_of(held))
        registration = registrar(VENDORS).register(held, execution, now)
        owned = to_json(registration.watch)
        if registration.action == "ALREADY_WATCHED":
            return {"action": "ALREADY_WATCHED", "watchId": owned["watchId"]}
    _bind_log_context(owned, execution)
    action = publisher(publishes_stalls=True).publish_for(owned["watchId"], owned["generation"], held.get("error"), now)
    logger.info("outcome", action=action)
    return {"action": action, "watchId": owned["watchId"]}


def _bind_log_context(watch: dict[str, JSON], execution: str) -> None:
    """Speak of a watch as the state machine carries it; where it resumes one, that is hardly more than its id."""
    bind_log_context(
        execution,
        correlation=watch.get("correlation"),
        watch_id=watch["watchId"],
        generation=watch["generation"],
        poll=watch.get("polls"),
    )
