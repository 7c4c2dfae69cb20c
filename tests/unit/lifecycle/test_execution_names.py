"""Names of executions that resume a watch, and their input."""

from __future__ import annotations

from typing import Any

import pytest
from import_watch.lifecycle.execution_names import Resumed, resume_input, resumed_watch, successor_name, successor_of

from tests.unit.aws_fixtures import EXECUTION, a_watch


def test_a_successor_has_the_name_of_its_watch_and_generation() -> None:
    watch = a_watch(generation=3)
    successor = successor_of(watch, EXECUTION)
    assert successor.arn == f"{EXECUTION.rpartition(':')[0]}:{successor_name(watch)}"
    assert successor.for_state_machine() == {"name": successor_name(watch), "input": resume_input(watch)}
    assert successor_name(watch).endswith("-3")
    assert successor_name(watch) != successor_name(a_watch(generation=3, registered_at=watch.registered_at + 1))


def test_its_input_names_watch_and_generation() -> None:
    for watch in (a_watch(generation=2), a_watch(generation=3, attempt=2)):
        assert resumed_watch(resume_input(watch)) == Resumed(watch.watch_id, watch.generation, watch.attempt)
    older = {"resume": {"watchId": a_watch().watch_id, "generation": 2}}
    assert resumed_watch(older) == Resumed(a_watch().watch_id, 2, 1)


@pytest.mark.parametrize(
    "given",
    [
        None,
        "resume",
        [],
        {},
        {"resume": None},
        {"resume": "a#b#c"},
        {"resume": {"watchId": "a#b#c"}},
        {"resume": {"watchId": "", "generation": 2}},
        {"resume": {"watchId": 5, "generation": 2}},
        {"resume": {"watchId": "a#b#c", "generation": "2"}},
        {"detail": {"resume": {"watchId": "a#b#c", "generation": 2}}},
    ],
)
def test_any_other_input_is_a_start_event(given: Any) -> None:
    assert resumed_watch(given) is None
