"""The next action, in the words that an execution's definition knows."""

from __future__ import annotations

import pytest
from import_watch.model.serialization import to_json
from import_watch.model.step import NextAction, Step

from tests.unit.aws_fixtures import a_watch

FIRST_RELEASE = ("WAIT", "PUBLISH", "SUPERSEDED")
ALL = (*FIRST_RELEASE, "HAND_OVER", "STALLED")


@pytest.mark.parametrize(
    ("action", "supported", "expected"),
    [
        (NextAction.STALLED, ALL, NextAction.STALLED),
        (NextAction.HAND_OVER, ALL, NextAction.HAND_OVER),
        (NextAction.STALLED, FIRST_RELEASE, NextAction.WAIT),
        (NextAction.HAND_OVER, FIRST_RELEASE, NextAction.SUPERSEDED),
        (NextAction.STALLED, (), NextAction.WAIT),
        (NextAction.PUBLISH, (), NextAction.PUBLISH),
    ],
)
def test_a_definition_gets_only_actions_that_it_knows(
    action: NextAction, supported: tuple[str, ...], expected: NextAction
) -> None:
    step = Step(action, a_watch(), 5)
    assert step.in_supported_actions(supported) == Step(expected, a_watch(), 5)


def test_a_step_is_plain_json_without_what_it_does_not_have() -> None:
    successor = {"name": "next", "input": {"resume": {"watchId": "a#b#c", "generation": 2}}}
    step = Step(NextAction.HAND_OVER, a_watch(), successor=successor)
    assert to_json(step) == {"action": "HAND_OVER", "watch": to_json(a_watch()), "successor": successor}
