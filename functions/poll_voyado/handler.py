"""poll_voyado: polls one import at Voyado Elevate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapter import ADAPTER  # type: ignore[import-not-found]
from import_watch.bootstrap import poller
from import_watch.model.serialization import JSON, from_json, to_json
from import_watch.model.watch import Watch
from import_watch.observability import bind_watch_log_context

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def handler(event: dict[str, JSON], _context: LambdaContext) -> JSON:
    """Handle one invocation by the state machine: `{"watch": …, "execution": …, "actions": …}`."""
    watch, execution = from_json(Watch, event["watch"]), event["execution"]
    bind_watch_log_context(watch, execution, poll=watch.polls + 1)
    return to_json(poller(ADAPTER).poll(watch, execution).in_supported_actions(event.get("actions", ())))
