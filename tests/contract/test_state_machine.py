"""The state machine's definition: its graph is complete, and every task has a timeout and a catch."""

from __future__ import annotations

import json
from typing import Any

import pytest
from import_watch.model.step import NextAction
from import_watch.services.vendor_registry import VendorRegistry

from local.paths import FUNCTIONS, ROOT

DEFINITION: dict[str, Any] = json.loads((ROOT / "statemachine" / "watch_import.asl.json").read_text())
STATES: dict[str, dict[str, Any]] = DEFINITION["States"]
TASKS = [name for name, state in STATES.items() if state["Type"] == "Task"]
ENDS = {"Succeed", "Fail"}
AFTER_THE_LAST_STEP = {NextAction.PUBLISHED, NextAction.ALREADY_PUBLISHED, NextAction.NOT_PUBLISHED}
"""Actions of publish_outcome, which no state reads."""


def successors(state: dict[str, Any]) -> set[str]:
    named = [state.get("Next"), state.get("Default")]
    named += [choice["Next"] for choice in state.get("Choices", [])]
    named += [catcher["Next"] for catcher in state.get("Catch", [])]
    return {name for name in named if name is not None}


def reachable() -> set[str]:
    found: set[str] = set()
    ahead = {DEFINITION["StartAt"]}
    while ahead:
        name = ahead.pop()
        found.add(name)
        ahead |= successors(STATES[name]) - found
    return found


def test_every_next_exists() -> None:
    named = set().union(*(successors(state) for state in STATES.values()))
    assert named - STATES.keys() == set()


def test_every_state_is_reachable() -> None:
    assert reachable() == STATES.keys()


def test_every_state_leads_on_or_ends() -> None:
    for name, state in STATES.items():
        assert bool(successors(state)) != (state["Type"] in ENDS), name


@pytest.mark.parametrize("name", TASKS)
def test_every_task_has_a_timeout_a_retry_and_a_catch(name: str) -> None:
    state = STATES[name]
    assert state["TimeoutSeconds"] > 0
    assert state["Retry"][-1]["ErrorEquals"] == ["States.TaskFailed", "States.Timeout"]
    assert state["Catch"][-1]["ErrorEquals"] == ["States.ALL"]
    # The input of the task is kept: PublishOutcome needs it.
    assert {catcher["ResultPath"] for catcher in state["Catch"]} == {"$.error"}


@pytest.mark.parametrize("name", ["RegisterWatch", "PollVendor"])
def test_transient_errors_are_retried_longer_than_others(name: str) -> None:
    passing, broken = STATES[name]["Retry"]
    assert {"Lambda.TooManyRequestsException", "ThrottlingException"} <= set(passing["ErrorEquals"])
    assert longest(passing) > 10 * 60
    assert longest(broken) < 3 * 60


def longest(retry: dict[str, Any]) -> float:
    """Seconds that retries take without jitter, which only shortens them."""
    waits = (retry["IntervalSeconds"] * retry["BackoffRate"] ** attempt for attempt in range(retry["MaxAttempts"]))
    return float(sum(min(wait, retry["MaxDelaySeconds"]) for wait in waits))


def test_a_failed_task_leads_to_publishing_or_a_failed_execution() -> None:
    caught = {name: STATES[name]["Catch"][-1]["Next"] for name in TASKS}
    assert caught == {
        "RegisterWatch": "PublishOutcome",
        "PollVendor": "PublishOutcome",
        "HandOver": "HandOverFailed",
        "PublishStalled": "WaitForPoll",
        "PublishOutcome": "OutcomeNotPublished",
    }
    assert {STATES[name]["Type"] for name in ("OutcomeNotPublished", "HandOverFailed")} == {"Fail"}


def test_no_vendor_is_named() -> None:
    text = json.dumps(DEFINITION).lower()
    assert [vendor for vendor in VendorRegistry(FUNCTIONS).names if vendor in text] == []
    assert STATES["PollVendor"]["Parameters"]["FunctionName.$"].endswith(", $.watch.vendor)")


def test_every_action_of_a_step_has_a_choice() -> None:
    chosen = {NextAction(choice["StringEquals"]) for choice in STATES["NextAction"]["Choices"]}
    assert chosen == set(NextAction) - AFTER_THE_LAST_STEP
    # A poll neither begins a watch nor wakes one.
    assert set(STATES["PollVendor"]["Parameters"]["Payload"]["actions"]) == chosen - {
        NextAction.ALREADY_WATCHED,
        NextAction.NOT_WOKEN,
    }


def test_an_unknown_action_is_published() -> None:
    assert STATES["NextAction"]["Default"] == "PublishOutcome"


def test_only_jsonpath_without_assign() -> None:
    """Offline interpreters disagree on the rest."""
    assert DEFINITION.get("QueryLanguage", "JSONPath") == "JSONPath"
    assert [name for name, state in STATES.items() if "Assign" in state or "QueryLanguage" in state] == []
