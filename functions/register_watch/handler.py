"""register_watch: validates the start event, refuses duplicates, records the watch; or carries on one that is there.

Its package is the whole `functions` folder, because what an import id looks like is the named vendor's to say.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from import_watch import settings
from import_watch.bootstrap import registrar
from import_watch.lifecycle.execution_names import RESUME
from import_watch.lifecycle.start_event import correlation_of, unknown_fields
from import_watch.model.serialization import JSON, to_json
from import_watch.observability import bind_log_context, bind_watch_log_context, logger
from import_watch.services.registration import read_any_event
from import_watch.services.vendor_registry import VendorRegistry

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

read_any_event()
VENDORS = VendorRegistry(Path(__file__).parents[1])
settings.log_unknown_policies(VENDORS.names)


def handler(event: dict[str, JSON], _context: LambdaContext) -> dict[str, JSON]:
    """Handle one invocation by the state machine: `{"event": <its input>, "execution": …}`."""
    given, execution, now = event["event"], event["execution"], time.time()
    if resumed := given.get(RESUME) if isinstance(given, dict) else None:
        bind_log_context(execution, watch_id=resumed["watchId"], generation=resumed["generation"])
        done = registrar(VENDORS).resume(resumed["watchId"], resumed["generation"], execution, now)
        bind_watch_log_context(done.watch, execution)
    else:
        bind_log_context(execution, correlation=correlation_of(given))
        done = registrar(VENDORS).register(given, execution, now)
        # A duplicate is found by what its own sender knows, and says which import it is a duplicate of.
        mine = replace(done.watch, correlation=correlation_of(given))
        bind_watch_log_context(mine, execution)
    if ignored := unknown_fields(given):
        logger.warning("the start event has fields that are passed over", fields=ignored)
    logger.info("registered", action=done.action, watchedAs=done.watch.correlation)
    return {"action": done.action, "seconds": done.seconds, "watch": to_json(done.watch)}
