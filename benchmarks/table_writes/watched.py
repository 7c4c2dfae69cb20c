"""Watches of simulated imports, poll by poll, as the poll function writes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

from import_watch.lifecycle.execution_names import successor_name
from import_watch.lifecycle.transitions import advance, schedule, start_watch
from import_watch.model.observation import Observation
from import_watch.model.serialization import to_json
from import_watch.model.watch import Start, Tolerance
from import_watch.notifications.messages import with_messages
from import_watch.scheduling.interval import DEFAULT_POLICY
from import_watch.scheduling.poll_delay import next_interval

from benchmarks.schedule.figures import POLLS_PER_EXECUTION
from benchmarks.schedule.imports import SCENARIOS, Import, imports
from benchmarks.schedule.observed import polled

NOW = 1_795_651_200.123456
STATUS = {"QUEUED": "Scheduled", "RUNNING": "In Progress", "SUCCEEDED": "Successful"}
EXECUTIONS = "arn:aws:states:eu-west-1:123456789012:execution:import-watch-watch-import:"
METADATA: tuple[Any, ...] = (
    None,
    {"team": "help centre", "articles": 412},
    {"team": "help centre", "release": "2026-11", "files": [f"articles/{number}.xml" for number in range(100)]},
)
"""Metadata of start events, one after the other: none, some, and two kilobytes."""


def watched(count: int, seed: int) -> list[dict[str, Any]]:
    """Writes of as many imports of each scenario, as plain JSON for the code of any release."""
    return [_writes(one) for name in SCENARIOS for one in imports(name, count, seed)]


def _writes(simulated: Import) -> dict[str, Any]:
    number = simulated.number
    identity = str(UUID(int=number + 2**64 * (1 + list(SCENARIOS).index(simulated.scenario))))
    start = Start(
        "egain",
        identity,
        correlation_id=f"release-2026-11-{number}",
        metadata=METADATA[number % len(METADATA)],
        timeout_seconds=10 * 86_400,
    )
    # Imports of the same schedule do not begin in the same minute.
    began = NOW + 37.0 * number
    histories = {simulated.scenario: simulated.history} if simulated.history else {}
    watch = start_watch(start, began, Tolerance(), histories=histories)
    watch = replace(watch, correlation=start.correlation_id)
    execution = f"{EXECUTIONS}{identity}_{identity}"
    return {
        "start": to_json(start),
        "watch": to_json(watch),
        "execution": execution,
        "polls": list(_polls(simulated, watch, began)),
    }


def _polls(simulated: Import, watch: Any, began: float) -> Iterator[dict[str, Any]]:
    while watch.next_poll_at is not None:
        now = watch.next_poll_at + 0.25
        seen = polled(simulated, simulated.response(now - began))
        if isinstance(seen, Observation):
            seen = replace(seen, vendor_status=STATUS[seen.state.value])
        transition = advance(watch, seen, now, Tolerance())
        seconds = next_interval(transition.watch, seen, now)
        transition = schedule(transition, now, seconds, DEFAULT_POLICY.floor, POLLS_PER_EXECUTION)
        watch, result = with_messages(transition.watch, transition.result)
        watch = replace(watch, poll_milliseconds=watch.poll_milliseconds + 187)
        owner = f"{EXECUTIONS}{successor_name(watch)}" if transition.handed_over else None
        yield {"watch": to_json(watch), "result": result and to_json(result), "owner": owner}
