"""No interleaving of executions, duplicates, recovery and faults breaks invariants 1 to 4.

`MODEL=deep` adds the searches that take minutes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

import pytest
from import_watch.model.observation import FailedPoll, ImportState, PollError

from tests.resilience.model.search import Search
from tests.resilience.model.steps import Model
from tests.resilience.model.world import Event, Scenario

pytestmark = pytest.mark.usefixtures("socket_disabled")

AWAY = FailedPoll(PollError.UNAVAILABLE, "HTTP 503")
ENDED = (ImportState.SUCCEEDED, AWAY, ImportState.NOT_FOUND, AWAY, ImportState.SUCCEEDED)
"""The log of a finished import is awaited, and three polls bring no information about it."""
CHANGES = (ImportState.SUCCEEDED, ImportState.FAILED, ImportState.RUNNING, ImportState.CANCELLED)
"""The vendor reports another state at every poll for the log."""
BAD = FailedPoll(PollError.MISCONFIGURED, "HTTP 400")
AGAIN, ON_REQUEST, JOINS = Event("again"), Event("again", watch_again=True), Event("joins", token=True)
INVALID, CHANGED = Event("invalid", token=True, invalid=True), Event("changed", changed=True)
UNKNOWN = Scenario(more=(AGAIN,), vendor=(BAD,), vendor_again=(ImportState.SUCCEEDED,))
"""The first attempt ends at once without a known outcome, and another event starts a second one at any moment."""
LONGER = replace(UNKNOWN, vendor=(ImportState.RUNNING, BAD), vendor_again=(ImportState.RUNNING, ImportState.SUCCEEDED))
KNOWN = Scenario(vendor=(ImportState.FAILED,), vendor_again=(ImportState.SUCCEEDED,))
ATTEMPTS = {
    "two attempts, one fault": (replace(UNKNOWN, faults=1), 300_000),
    "two attempts and a sweep": (replace(UNKNOWN, sweeps=1), 50_000),
    "two attempts and a duplicate": (replace(UNKNOWN, starts=2), 100_000),
    "two attempts, every operation a step": (replace(UNKNOWN, exact=True), 5_000),
    "two attempts around hand-overs": (replace(LONGER, hand_over_polls=1), 2_000),
    "two attempts of a stalled import": (replace(LONGER, stalls=True), 2_000),
    "two attempts on request and a sweep": (replace(KNOWN, more=(ON_REQUEST,), sweeps=1), 25_000),
    "a stalled import, one fault": (Scenario(stalls=True, faults=1, deliveries=1), 1_000),
}
TOKENS = {
    "a task token in each of two attempts": (replace(UNKNOWN, token=True, more=(Event("again", token=True),)), 2_000),
    "a task token joins, one fault": (replace(KNOWN, more=(JOINS,), faults=1), 100_000),
    "a task token joins, twice": (replace(KNOWN, token=True, more=(Event("joins", 2, token=True),)), 20_000),
    "a task token joins, a sweep, and outcomes are events": (
        replace(KNOWN, more=(JOINS,), sweeps=1, sends_events=True),
        10_000,
    ),
    "outcomes are events, one fault": (replace(KNOWN, sends_events=True, faults=1, deliveries=1), 500),
    "an invalid event with a task token, one fault": (replace(KNOWN, more=(INVALID,), faults=1), 5_000),
}
WAKES = {
    "an ImportChanged, one fault": (Scenario(more=(CHANGED,), faults=1, deliveries=1), 50_000),
    "an ImportChanged while polls fail": (
        Scenario(more=(CHANGED,), sweeps=1, vendor=(AWAY, ImportState.SUCCEEDED)),
        500,
    ),
    "two ImportChanged, every operation a step": (
        Scenario(
            more=(Event("changed", 2, changed=True),), exact=True, vendor=(ImportState.RUNNING, ImportState.FAILED)
        ),
        10_000,
    ),
    "an ImportChanged around a hand-over": (Scenario(more=(CHANGED,), hand_over_polls=1), 300),
    "an ImportChanged and two attempts": (replace(UNKNOWN, more=(CHANGED, AGAIN)), 5_000),
}
SCENARIOS = (
    ATTEMPTS
    | TOKENS
    | WAKES
    | {
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
        "sweeps list the running executions around a hand-over, one fault": (
            Scenario(sweeps=1, faults=1, hand_over_polls=1, lists=True),
            2_000,
        ),
        "sweeps list the running executions, one fault and an event": (
            Scenario(sweeps=1, deliveries=1, faults=1, lists=True),
            8_000,
        ),
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
)
DEEP = {
    "two attempts, one fault and an event": (replace(UNKNOWN, faults=1, deliveries=1), 900_000),
    "two attempts on request, one fault and an event": (
        replace(KNOWN, more=(ON_REQUEST,), faults=1, deliveries=1),
        500_000,
    ),
    "a task token of the first of two attempts, one fault": (replace(UNKNOWN, token=True, faults=1), 600_000),
    "two task tokens, one fault": (replace(KNOWN, token=True, more=(JOINS,), faults=1), 400_000),
    "an ImportChanged and two longer attempts": (replace(LONGER, more=(CHANGED, AGAIN)), 100_000),
    "three attempts": (replace(UNKNOWN, more=(AGAIN, Event("third", watch_again=True))), 1_000_000),
    "an ImportChanged, one fault, every operation a step": (
        Scenario(more=(CHANGED,), faults=1, deliveries=1, exact=True, vendor=(ImportState.SUCCEEDED,)),
        200_000,
    ),
    "three ImportChanged, every operation a step": (
        Scenario(
            more=(Event("changed", 3, changed=True),), exact=True, vendor=(ImportState.RUNNING, ImportState.FAILED)
        ),
        900_000,
    ),
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
