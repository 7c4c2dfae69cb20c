"""The real functions, by their real handlers, over ports of a replay and a constant clock."""

from __future__ import annotations

import json
import logging
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import import_watch.bootstrap
import import_watch.lifecycle.transitions
import import_watch.services.active_counts
import import_watch.services.archiving
import import_watch.services.callbacks
import import_watch.services.poll_telemetry
import import_watch.services.polling
import import_watch.services.publication
import import_watch.services.recovery
import import_watch.services.registration
import import_watch.services.status_request
import import_watch.services.waking
import publish_outcome.handler
import pytest
import recover_watches.handler
import register_watch.handler
from aws_lambda_powertools.utilities.typing import LambdaContext
from import_watch.aws.secrets import Connections
from import_watch.http_client.client import Client
from import_watch.model.observation import FailedPoll, Observation
from import_watch.model.watch import Tolerance
from import_watch.observability import logger
from import_watch.services.callbacks import Callbacks
from import_watch.services.publication import Publisher
from import_watch.services.recovery import Recovery
from import_watch.services.registration import Registrar
from import_watch.services.vendor_registry import VendorRegistry
from import_watch.services.waking import Waker
from import_watch.vendors.connection import Connection
from import_watch.vendors.response_body import HttpResponse

from local.paths import FUNCTIONS
from tests.resilience.model.flow import text
from tests.resilience.model.replay import (
    Replay,
    ReplayedArchiving,
    ReplayedConnectionStore,
    ReplayedEventBus,
    ReplayedExecutions,
    ReplayedSweepCursorStore,
    ReplayedTaskTokens,
    ReplayedTopic,
    ReplayedWatchStore,
)
from tests.support.polling import a_poller

VENDOR = "voyado"
STATE_MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:watch"
EXECUTIONS = "arn:aws:states:eu-west-1:123456789012:execution:watch:"
SWEEP_LATER = 3_600.0
"""Seconds by which a sweep's clock is ahead: everything is overdue to it, so that no invariant depends on lateness."""


class Call(NamedTuple):
    """One invocation of a function: what it is given, as JSON text, and the time on its clock."""

    function: str
    event: str
    now: float


class Clock:
    """Constant while a function runs."""

    now = 0.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


class Functions:
    """Runs calls on replays.

    Parameters
    ----------
    patch : pytest.MonkeyPatch
        Takes back, at the end of a test, what is put in place here.
    hand_over_polls : int
    max_takeovers : int
    sends_events : bool
        Whether outcomes are also sent to the event bus.
    stalls : bool
        Whether every import is stalled after its first poll.
    lists : bool
        Whether sweeps list the running executions, as if many watches were overdue.
    publisher, recovery, waker, task_tokens : type
        Classes with a mistake show that the search finds it.
    """

    def __init__(
        self,
        patch: pytest.MonkeyPatch,
        *,
        hand_over_polls: int,
        max_takeovers: int,
        sends_events: bool = False,
        stalls: bool = False,
        lists: bool = False,
        publisher: type[Publisher] = Publisher,
        recovery: type[Recovery] = Recovery,
        waker: type[Waker] = Waker,
        task_tokens: type[ReplayedTaskTokens] = ReplayedTaskTokens,
    ) -> None:
        self._replay, self._clock = Replay(), Clock()
        replay = self._replay
        self._client = _Client(replay)
        watches, states, executions = (
            ReplayedWatchStore(replay),
            ReplayedConnectionStore(replay),
            ReplayedExecutions(replay),
        )
        vendors = VendorRegistry(FUNCTIONS)
        registrar = Registrar(vendors, watches, states, executions, Tolerance())
        topic, callbacks = ReplayedTopic(replay), Callbacks(task_tokens(replay))
        publications = publisher(
            watches,
            states,
            topic,
            "/import-watch/model",
            topic if stalls else None,
            bus=ReplayedEventBus(replay) if sends_events else None,
            callbacks=lambda: callbacks,
        )
        wakes = waker(vendors, watches, states, executions)
        recovers = recovery(
            watches,
            states,
            executions,
            registrar,
            publications,
            ReplayedSweepCursorStore(replay),
            STATE_MACHINE,
            overdue_seconds=0,
        )
        archiving = ReplayedArchiving(replay, watches)
        poller = a_poller(
            vendors.adapter(VENDOR),
            cast("Connections", _Connections()),
            cast("Client", self._client),
            watches,
            states,
            archiving,
            max_polls=hand_over_polls,
        )

        patch.setattr(import_watch.bootstrap, "poller", lambda _adapter: lambda: poller)
        patch.setattr(import_watch.services.recovery, "MAX_TAKEOVERS", max_takeovers)
        if lists:
            patch.setattr(import_watch.services.recovery, "MAX_DESCRIBED", -1)
        # Time does not advance, so that no wait is long enough to be ended sooner, and no import is stalled by itself.
        patch.setattr(import_watch.lifecycle.transitions, "MIN_WAKE_GAIN", 0)
        patch.setattr(import_watch.lifecycle.transitions, "stalled_seconds", lambda *_: 1.0 if stalls else None)
        for module in (
            register_watch.handler,
            publish_outcome.handler,
            recover_watches.handler,
            import_watch.services.polling,
            import_watch.services.status_request,
        ):
            patch.setattr(module, "time", self._clock)
        patch.setattr(import_watch.services.archiving, "time", self._clock)
        patch.setattr(register_watch.handler, "registrar", lambda _vendors: registrar)
        patch.setattr(publish_outcome.handler, "registrar", lambda _vendors: registrar)
        patch.setattr(register_watch.handler, "waker", lambda _vendors: wakes)
        patch.setattr(publish_outcome.handler, "publisher", lambda **_: publications)
        patch.setattr(recover_watches.handler, "recovery", lambda _vendors: recovers)
        # The logs of a million runs are of no use.
        for module in (
            import_watch.services.polling,
            import_watch.services.poll_telemetry,
            import_watch.services.recovery,
            import_watch.services.active_counts,
            import_watch.services.publication,
            import_watch.services.registration,
            import_watch.services.callbacks,
            import_watch.services.waking,
        ):
            patch.setattr(module, "emit_metrics", lambda *_of, **_more: None)
        patch.setattr(logging.getLogger(logger.service), "disabled", True)
        self._handlers: dict[str, Any] = {
            "register_watch": register_watch.handler.handler,
            "publish_outcome": publish_outcome.handler.handler,
            "recover_watches": recover_watches.handler.handler,
            f"poll_{VENDOR}": import_watch.bootstrap.poll_handler(vendors.adapter(VENDOR)),
        }

    def run(self, call: Call, results: tuple[Any, ...]) -> str:
        """Run a call on the results that its operations had so far, and return its response as JSON text.

        Raises
        ------
        Suspended
            Before the first operation that has no result.
        Exception
            Whatever the function raises.
        """
        self._replay.load(results)
        self._clock.now = call.now
        context = cast("LambdaContext", SimpleNamespace(get_remaining_time_in_millis=lambda: 300_000))
        event = json.loads(call.event)
        if "watch" in event:
            self._client.attempt = tuple(event["watch"][name] for name in ("attempt", "generation", "polls"))
        return text(self._handlers[call.function](event, context))


class _Connections:
    """The secret of every connection."""

    def get(self, name: str, *, force_refresh: bool = False) -> Connection:  # noqa: ARG002
        return Connection(name, "https://cluster.api.esales.apptus.cloud", {})


class _Client:
    """A vendor, whose port is replayed as any other."""

    attempt: tuple[int, ...] = (0, 0, 0)
    """The attempt, the generation and the poll, on which its response may depend."""

    def __init__(self, replay: Replay) -> None:
        self._replay = replay

    def request_status(
        self,
        connection: Connection,  # noqa: ARG002
        import_id: str,
        *,
        force_refresh: bool = False,  # noqa: ARG002
    ) -> tuple[HttpResponse | None, Observation | FailedPoll]:
        seen: Observation | FailedPoll = self._replay.perform("vendor", "request_status", import_id, *self.attempt)
        return HttpResponse(200, {}, b"{}"), seen
