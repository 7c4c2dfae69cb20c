"""register_watch: registers a start event as a watch, once; or resumes a watch that exists."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from import_watch import settings
from import_watch.bootstrap import prepare_for_start_events, registrar
from import_watch.lifecycle.execution_names import resumed_watch
from import_watch.model.serialization import JSON, to_json
from import_watch.observability import bind_log_context, bind_watch_log_context, logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

VENDORS = prepare_for_start_events(
    __file__
)  # the package has every vendor's adapter, which decides what an import id is
settings.log_unknown_policies(VENDORS.names)


def handler(event: dict[str, JSON], _context: LambdaContext) -> JSON:
    """Handle one invocation by the state machine: `{"event": <its input>, "execution": …}`."""
    given, execution, now = event["event"], event["execution"], time.time()
    if resumed := resumed_watch(given):
        bind_log_context(execution, watch_id=resumed[0], generation=resumed[1])
        step = registrar(VENDORS).resume(*resumed, execution, now)
        bind_watch_log_context(step.watch, execution)
    else:
        start = VENDORS.parse(given)
        bind_log_context(execution, correlation=start.correlation)
        step = registrar(VENDORS).register(start, execution, now)
        # The log lines of a duplicate have the correlation id of its own event.
        bind_watch_log_context(replace(step.watch, correlation=start.correlation), execution)
        if start.ignored_fields:
            logger.warning("the start event has unknown fields, which are ignored", fields=list(start.ignored_fields))
    logger.info("registered", action=step.action.value, watchedAs=step.watch.correlation)
    return to_json(step)
