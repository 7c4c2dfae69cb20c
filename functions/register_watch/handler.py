"""register_watch: validates the start event, refuses duplicates, and records the watch.

Its package is the whole `functions` folder, because what an import id looks like is the named vendor's to say.
"""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from import_watch import settings
from import_watch.encoding import to_json
from import_watch.model import JSON
from import_watch.observability import logger, speak_of
from import_watch.registration import Vendors, register
from import_watch.start_event import unknown_fields
from import_watch.watches import Watches

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

VENDORS = Vendors(Path(__file__).parents[1])


def handler(event: dict[str, JSON], _context: LambdaContext) -> dict[str, JSON]:
    """Handle one invocation by the state machine: `{"event": <the start event>, "execution": …}`."""
    execution = event["execution"]
    done = register(event["event"], execution, time.time(), VENDORS, _watches(), settings.tolerance())
    speak_of(done.watch.watch_id, execution, generation=done.watch.generation)
    if ignored := unknown_fields(event["event"]):
        logger.warning("the start event has fields that are passed over", fields=ignored)
    logger.info("registered", action=done.action)
    return {"action": done.action, "seconds": done.seconds, "watch": to_json(done.watch)}


@cache
def _watches() -> Watches:
    return Watches(settings.text("TABLE_NAME"), settings.retention_seconds())
