"""No interleaving of executions, duplicates, recovery and faults breaks invariants 1 to 4.

`MODEL=deep` adds the searches that take minutes.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from import_watch.model.observation import FailedPoll, ImportState, PollError

from tests.resilience.model.search import Search
from tests.resilience.model.steps import Model
from tests.resilience.model.world import Scenario

pytestmark = pytest.mark.usefixtures("socket_disabled")

AWAY = FailedPoll(PollError.UNAVAILABLE, "HTTP 503")
ENDED = (ImportState.SUCCEEDED, AWAY, ImportState.NOT_FOUND, AWAY, ImportState.SUCCEEDED)
"""The log of a finished import is awaited, and three polls bring no information about it."""
CHANGES = (ImportState.SUCCEEDED, ImportState.FAILED, ImportState.RUNNING, ImportState.CANCELLED)
"""The vendor reports another state at every poll for the log."""
SCENARIOS = {
    "a start event, and nothing else": (Scenario(exact=True), 15),
    "a duplicate and two sweeps": (Scenario(starts=2, sweeps=2), 5_000),
    "a duplicate and a sweep around a hand-over": (Scenario(starts=2, sweeps=1, hand_over_polls=1), 2_000),
    "a duplicate and a sweep, every operation a step": (Scenario(starts=2, sweeps=1, exact=True), 15_000),
    "one fault and a sweep, every operation a step": (
        Scenario(sweeps=1, deliveries=1, faults=1, exact=True),
        80_000,
    ),
    "one fault around a hand-over, every operation a step": (
        Scenario(deliveries=1, faults=1, hand_over_polls=1, exact=True),
        1_500,
    ),
    "one fault and a duplicate": (Scenario(starts=2, deliveries=1, faults=1), 15_000),
    "one fault, a duplicate and a sweep": (Scenario(starts=2, sweeps=1, faults=1), 40_000),
    "one fault and a duplicate around a hand-over": (
        Scenario(starts=2, deliveries=1, faults=1, hand_over_polls=1),
        40_000,
    ),
    "one fault and two sweeps around a hand-over": (Scenario(sweeps=2, faults=1, hand_over_polls=1), 20_000),
    "one fault, a sweep and an event": (Scenario(sweeps=1, deliveries=1, faults=1), 8_000),
    "two faults": (Scenario(deliveries=1, faults=2), 8_000),
    "two faults around a hand-over, and no grace period": (
        Scenario(deliveries=1, faults=2, hand_over_polls=1, max_takeovers=0),
        8_000,
    ),
    "a log is awaited": (Scenario(exact=True, vendor=ENDED, log_missing=True), 20),
    "a log is awaited, one fault and a duplicate": (
        Scenario(starts=2, deliveries=1, faults=1, vendor=ENDED, log_missing=True),
        5_000,
    ),
    "a log is awaited, one fault and a sweep, every operation a step": (
        Scenario(sweeps=1, faults=1, exact=True, vendor=ENDED, log_missing=True),
        5_000,
    ),
    "a log is awaited around a hand-over, one fault": (
        Scenario(deliveries=1, faults=1, hand_over_polls=2, exact=True, vendor=ENDED, log_missing=True),
        1_000,
    ),
    "a log is awaited and the vendor changes the state, one fault": (
        Scenario(deliveries=1, faults=1, exact=True, vendor=CHANGES, log_missing=True),
        1_000,
    ),
}
DEEP = {
    "one fault and a duplicate, and events come twice": (Scenario(starts=2, deliveries=2, faults=1), 50_000),
    "one fault and a sweep, and events come twice": (Scenario(sweeps=1, deliveries=2, faults=1), 50_000),
    "one fault, a duplicate, a sweep and an event": (Scenario(starts=2, sweeps=1, deliveries=1, faults=1), 300_000),
    "one fault, a duplicate and two sweeps": (Scenario(starts=2, sweeps=2, faults=1), 300_000),
    "one fault, two sweeps and an event around a hand-over": (
        Scenario(sweeps=2, deliveries=1, faults=1, hand_over_polls=1),
        100_000,
    ),
    "two faults and a sweep, and no grace period": (
        Scenario(sweeps=1, deliveries=1, faults=2, max_takeovers=1),
        200_000,
    ),
    "a log is awaited, two faults": (
        Scenario(deliveries=1, faults=2, exact=True, vendor=ENDED, log_missing=True),
        10_000,
    ),
    "two faults and a duplicate": (Scenario(starts=2, deliveries=1, faults=2), 200_000),
}


def check(
    scenario: Scenario, least: int, patch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    covered = Search(Model(patch, scenario)).run()
    record_property("model", (covered.interleavings, covered.steps, covered.moments, covered.settled))
    assert covered.moments >= least, "the search reached far fewer moments than before"
    assert covered.settled > 0


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_interleaving_breaks_an_invariant(
    name: str, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    check(*SCENARIOS[name], monkeypatch, record_property)


@pytest.mark.skipif(os.environ.get("MODEL") != "deep", reason="takes minutes: MODEL=deep runs it")
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("name", DEEP)
def test_no_deeper_interleaving_breaks_an_invariant(
    name: str, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    check(*DEEP[name], monkeypatch, record_property)
