"""Every path through the state machine, on two interpreters that know nothing of one another: alike on both."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from local.emulator import Emulator
from tests.interpreters.paths import FUNCTIONS, PASSING, PATHS, Path, definition
from tests.interpreters.runs import Run, mocks, node, run_emulated, run_second, transitions

pytestmark = pytest.mark.xdist_group("interpreters")
ON_BOTH = [path for path in PATHS if not path.by_name]


@pytest.fixture(scope="module")
def second() -> dict[str, Run]:
    """The runs on aws-local-stepfunctions."""
    if node() is None:
        pytest.skip("left out, because there is no Node 22 on this machine: the second interpreter")
    return run_second(PATHS)


@pytest.fixture(scope="module")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """The runs on the emulator."""
    folder = tmp_path_factory.mktemp("asked")
    config = folder / "mocks.json"
    config.write_text(json.dumps(mocks(ON_BOTH)))
    with Emulator(wait_scale=0, environment={"SFN_MOCK_CONFIG": str(config)}) as emulator:
        return run_emulated(ON_BOTH, emulator, folder)


def check(path: Path, run: Run) -> None:
    states = [name for name, _ in run.states]
    assert states == path.states.split()
    assert (run.status, run.error) == (path.status, path.error)
    visits = Counter(state for state in states if definition()["States"][state]["Type"] == "Task")
    assert run.attempts == {**visits, **path.attempts}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_the_second_interpreter_goes_this_way(path: Path, second: dict[str, Run]) -> None:
    check(path, second[path.name])


@pytest.mark.parametrize("path", ON_BOTH, ids=lambda path: path.name)
def test_the_emulator_goes_this_way(path: Path, emulated: dict[str, Run]) -> None:
    check(path, emulated[path.name])


@pytest.mark.parametrize("path", ON_BOTH, ids=lambda path: path.name)
def test_both_hand_the_same_to_every_state_and_every_function(
    path: Path, second: dict[str, Run], emulated: dict[str, Run]
) -> None:
    one, other = second[path.name], emulated[path.name]
    assert plain(one.states) == plain(other.states)
    # What fails for good is answered by the emulator itself, and a successor is started by it.
    recorded = {state for state, _ in other.asked}
    assert [plain(asked) for asked in one.asked if asked[0] in recorded] == [plain(asked) for asked in other.asked]


def test_every_transition_is_taken_on_both(second: dict[str, Run], emulated: dict[str, Run]) -> None:
    for runs in (second, emulated):
        taken = {edge for run in runs.values() for edge in run.edges}
        assert taken == set(transitions())


def test_every_state_is_entered(emulated: dict[str, Run]) -> None:
    assert {name for run in emulated.values() for name, _ in run.states} == definition()["States"].keys()


def test_every_error_that_passes_has_a_path() -> None:
    named = {
        error
        for state in definition()["States"].values()
        for retry in state.get("Retry", [])
        for error in retry["ErrorEquals"]
        if retry["MaxAttempts"]  # 0 says that an error does not pass
    }
    assert named == {*PASSING, "States.TaskFailed", "States.Timeout"}


def test_functions_are_asked_with_what_they_read(emulated: dict[str, Run]) -> None:
    told = dict(emulated["stalled-and-told"].asked)
    execution = "arn:aws:states:eu-west-1:000000000000:execution:watch-import:stalled-and-told"
    assert told["PollVendor"]["FunctionName"] == f"{FUNCTIONS}poll-voyado"
    assert told["PollVendor"]["Payload"].keys() == {"watch", "execution", "actions"}
    assert {payload["Payload"]["execution"] for payload in told.values()} == {execution}
    failed = dict(emulated["registering-fails"].asked)["PublishOutcome"]["Payload"]["input"]
    assert failed["error"]["Error"] == "LookupError"
    assert failed["detail"]["importId"] == "1"


def plain(found: Any) -> Any:
    """Give what both know: not when, nor in whose words; Lambda's envelope without its HTTP headers."""
    if isinstance(found, dict):
        if "Payload" in found and "StatusCode" in found:
            return {"StatusCode": found["StatusCode"], "Payload": plain(found["Payload"])}
        return {key: plain(value) for key, value in found.items() if key not in ("Cause", "StartDate")}
    return [plain(one) for one in found] if isinstance(found, list | tuple) else found
