"""register_watch: the first step of an execution: registers a start event, wakes a watch, or resumes one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from import_watch import settings
from import_watch.bootstrap import prepare_for_start_events, registrar, waker
from import_watch.model.serialization import JSON, to_json
from import_watch.services.entry import first_step

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

VENDORS = prepare_for_start_events(
    __file__
)  # the package has every vendor's adapter, which decides what an import id is
settings.log_unknown_policies(VENDORS.names)


def handler(event: dict[str, JSON], _context: LambdaContext) -> JSON:
    """Handle one invocation by the state machine: `{"event": <its input>, "execution": …}`."""
    step = first_step(event["event"], event["execution"], time.time(), registrar(VENDORS), lambda: waker(VENDORS))
    return to_json(step)
