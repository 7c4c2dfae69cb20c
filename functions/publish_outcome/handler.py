"""publish_outcome: tells SNS how a watch ended, once.

Every failure of the state machine ends here too. One of register_watch comes with the start event in place of a
watch, so this function can register as well, and its package is the whole `functions` folder for the same reason.
"""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from import_watch import settings
from import_watch.encoding import from_json
from import_watch.model import JSON, Watch
from import_watch.notifications import Topic
from import_watch.observability import logger, speak_of
from import_watch.publication import publish
from import_watch.registration import Vendors, register
from import_watch.watches import Watches

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

VENDORS = Vendors(Path(__file__).parents[1])


def handler(event: dict[str, JSON], _context: LambdaContext) -> dict[str, JSON]:
    """Handle one invocation by the state machine: `{"input": <what it holds>, "execution": …}`."""
    held, execution, now = event["input"], event["execution"], time.time()
    if "watch" in held:
        watch = from_json(Watch, held["watch"])
    else:
        registration = register(held, execution, now, VENDORS, _watches(), settings.tolerance())
        watch = registration.watch
        if registration.action == "ALREADY_WATCHED":
            return {"action": "ALREADY_WATCHED", "watchId": watch.watch_id}
    speak_of(watch.watch_id, execution, generation=watch.generation)
    action = publish(watch, held.get("error"), now, _watches(), _topic(), settings.text("SOURCE"))
    logger.info("outcome", action=action)
    return {"action": action, "watchId": watch.watch_id}


@cache
def _watches() -> Watches:
    return Watches(settings.text("TABLE_NAME"), settings.retention_seconds())


@cache
def _topic() -> Topic:
    return Topic(settings.text("TOPIC_ARN"))
