"""register_watch: validates the start event, refuses duplicates, records the watch; or carries on one that is there.

Its package is the whole `functions` folder, because what an import id looks like is the named vendor's to say.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from import_watch.assembly import registrar
from import_watch.encoding import to_json
from import_watch.model import JSON
from import_watch.observability import logger, speak_of
from import_watch.registration import Vendors
from import_watch.start_event import unknown_fields
from import_watch.succession import RESUME

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

VENDORS = Vendors(Path(__file__).parents[1])


def handler(event: dict[str, JSON], _context: LambdaContext) -> dict[str, JSON]:
    """Handle one invocation by the state machine: `{"event": <its input>, "execution": …}`."""
    given, execution, now = event["event"], event["execution"], time.time()
    if resumed := given.get(RESUME) if isinstance(given, dict) else None:
        done = registrar(VENDORS).resume(resumed["watchId"], resumed["generation"], execution, now)
    else:
        done = registrar(VENDORS).register(given, execution, now)
    speak_of(done.watch.watch_id, execution, generation=done.watch.generation)
    if ignored := unknown_fields(given):
        logger.warning("the start event has fields that are passed over", fields=ignored)
    logger.info("registered", action=done.action)
    return {"action": done.action, "seconds": done.seconds, "watch": to_json(done.watch)}
