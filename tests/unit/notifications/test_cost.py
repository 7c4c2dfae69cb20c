"""Estimated cost of a watch: against prices calculated by hand, the template and the state machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from import_watch.model.serialization import JSON
from import_watch.model.watch import Watch
from import_watch.notifications.cost import (
    MEMORY_GB,
    TRANSITIONS_PER_HAND_OVER,
    TRANSITIONS_PER_POLL,
    TRANSITIONS_PER_WATCH,
    estimated_cost,
    price,
)
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parents[3]
MACHINE: JSON = json.loads((ROOT / "statemachine" / "watch_import.asl.json").read_text())
TEMPLATE: JSON = yaml_parse((ROOT / "template.yaml").read_text())
WATCH = Watch(
    watch_id="egain#default#1",
    vendor="egain",
    connection="default",
    import_id="1",
    registered_at=0.0,
    deadline=86_400.0,
    polls=35,
    poll_milliseconds=7_000,
)


def states_entered(actions: list[str]) -> Iterator[str]:
    """States entered from the start of the state machine, with these results of its functions."""
    name, returned, action = MACHINE["StartAt"], iter(actions), ""
    while name:
        yield name
        state = MACHINE["States"][name]
        if state["Type"] == "Task":
            action = next(returned, "")
        taken = [choice["Next"] for choice in state.get("Choices", []) if choice["StringEquals"] == action]
        name = taken[0] if taken else state.get("Next", state.get("Default"))


@pytest.mark.parametrize("polls", [0, 1, 2, 50])
def test_transitions_are_counted_as_the_state_machine_makes_them(polls: int) -> None:
    entered = list(states_entered(["WAIT"] * polls + ["PUBLISH"]))
    assert entered[-1] == "OutcomePublished"
    assert len(entered) == TRANSITIONS_PER_WATCH + TRANSITIONS_PER_POLL * polls


def test_a_hand_over_costs_the_transitions_of_both_executions() -> None:
    handing_over = list(states_entered(["WAIT", "WAIT", "HAND_OVER"]))
    resumed = list(states_entered(["WAIT", "WAIT", "PUBLISH"]))
    assert (handing_over[-1], resumed[-1]) == ("HandedOver", "OutcomePublished")
    polls = [*handing_over, *resumed].count("PollVendor")
    expected = TRANSITIONS_PER_WATCH + TRANSITIONS_PER_HAND_OVER + TRANSITIONS_PER_POLL * polls
    assert len(handing_over) + len(resumed) == expected


def test_memory_is_that_of_every_function_in_the_template() -> None:
    functions = [part for part in TEMPLATE["Resources"].values() if part["Type"] == "AWS::Serverless::Function"]
    shared = TEMPLATE["Globals"]["Function"]["MemorySize"]
    assert shared / 1024 == MEMORY_GB
    assert {function["Properties"].get("MemorySize", shared) for function in functions} == {shared}


def test_a_watch_of_35_polls_costs_about_three_tenths_of_a_cent() -> None:
    transitions = (4 + 3 * 35) * 25.00 / 1e6
    functions = 37 * 0.20 / 1e6 + 7.5 * 0.5 * 13.33 / 1e6
    table = (1.2 * 35 + 18) * 0.625 / 1e6 + (4 + 35 / 2) * 0.125 / 1e6
    rest = (2 * 1.00 + 0.50 + 3 * 5.00) / 1e6
    assert estimated_cost(WATCH) == pytest.approx(transitions + functions + table + rest, rel=0.001)
    assert 0.0025 < estimated_cost(WATCH) < 0.0035


@pytest.mark.parametrize(
    "dearer",
    [
        replace(WATCH, polls=36),
        replace(WATCH, executions=2),
        replace(WATCH, poll_milliseconds=70_000),
    ],
    ids=["polls", "executions", "time"],
)
def test_more_of_anything_costs_more(dearer: Watch) -> None:
    assert estimated_cost(dearer) > estimated_cost(WATCH)


def test_another_execution_costs_transitions_function_writes_and_reads() -> None:
    one, two = (estimated_cost(replace(WATCH, executions=executions)) for executions in (1, 2))
    function = 0.20 / 1e6 + 0.25 * 0.5 * 13.33 / 1e6
    table = 3 * 0.625 / 1e6 + 2.5 * 0.125 / 1e6
    assert two - one == pytest.approx(4 * 25.00 / 1e6 + function + table, abs=1.1e-6)


def test_the_price_of_a_mean_watch_is_the_mean_of_prices() -> None:
    watches = [replace(WATCH, polls=polls, executions=polls // 200 + 1) for polls in (3, 250, 900)]
    polls, executions = (sum(getattr(watch, name) for watch in watches) / 3 for name in ("polls", "executions"))
    mean = sum(estimated_cost(watch) for watch in watches) / 3
    assert price(polls, executions, 7.0) == pytest.approx(mean, abs=1e-6)


def test_a_watch_that_never_polled_still_costs_something() -> None:
    assert 0 < estimated_cost(replace(WATCH, polls=0, poll_milliseconds=0)) < 0.0005


def test_a_cost_is_rounded_to_a_millionth_of_a_dollar() -> None:
    assert estimated_cost(WATCH) == round(estimated_cost(WATCH), 6)
