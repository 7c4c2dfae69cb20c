"""Every path through the state machine, where errors have the names that AWS gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest

from tests.interpreters.second_interpreter import CHANGED, DEFINITION, START, Raises, Response, Run, node, run

pytestmark = pytest.mark.xdist_group("interpreters")
STATES = DEFINITION["States"]
PASSING = (
    "Lambda.TooManyRequestsException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.ClientExecutionTimeoutException",
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "InternalServerError",
    "EndpointConnectionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "WriteUnconfirmed",
)
"""Transient errors, as Lambda and boto3 name them."""
OF_LAMBDA = (
    # The service did not run the function, or did not learn how it ended.
    "Lambda.TooManyRequestsException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.EC2ThrottledException",
    "Lambda.KMSAccessDeniedException",
    "Lambda.KMSDisabledException",
    "Lambda.ResourceNotFoundException",
    "Lambda.ResourceNotReadyException",
    "Lambda.InvalidRuntimeException",
    "Lambda.InvalidZipFileException",
    "Lambda.InvalidSecurityGroupIDException",
    "Lambda.CodeArtifactUserPendingException",
    "Lambda.CodeArtifactUserFailedException",
    "Lambda.RecursiveInvocationException",
    "Lambda.RequestTooLargeException",
    "Lambda.AccessDeniedException",
    # It ended the function, or its process ended by itself.
    "Lambda.Unknown",
    "Sandbox.Timedout",
    "Runtime.ExitError",
    "Runtime.OutOfMemory",
    "Runtime.Unknown",
    "Extension.Crash",
    # The runtime could not start the function, or could not read its input or its result.
    "Runtime.HandlerNotFound",
    "Runtime.ImportModuleError",
    "Runtime.InvalidEntrypoint",
    "Runtime.MalformedHandlerName",
    "Runtime.MarshalError",
    "Runtime.UnmarshalError",
    "Runtime.UserCodeSyntaxError",
    "Function.ResponseSizeTooLarge",
    # Step Functions did not wait any longer, or may not invoke the function.
    "States.Timeout",
    "States.HeartbeatTimeout",
    "States.Permissions",
    "States.TaskFailed",
)
"""Names of errors with which a task of AWS Lambda fails, other than those of exceptions in our code."""
BROKEN = Raises("LookupError")
THROTTLED = Raises("Lambda.TooManyRequestsException")
USUAL = {
    "RegisterWatch": ["WAIT"],
    "PollVendor": ["PUBLISH"],
    "PublishStalled": ["PUBLISHED"],
    "HandOver": ["STARTED"],
    "PublishOutcome": ["PUBLISHED"],
}


@dataclass(frozen=True)
class Path:
    """States that an execution goes through where tasks respond differently than usual.

    Parameters
    ----------
    states : str
        In order, separated by blanks.
    responses : mapping of str to sequence of Response
        By state; the last one repeats.
    attempts : mapping of str to int
        Attempts of a task, where there are more than one.
    error : str, optional
        Error of an execution that fails.
    event : dict
        What starts it.
    """

    states: str
    responses: Mapping[str, Sequence[Response]]
    attempts: Mapping[str, int] = field(default_factory=dict)
    error: str | None = None
    event: Mapping[str, Any] = field(default_factory=lambda: START)


POLLED = "RegisterWatch NextAction WaitForPoll PollVendor"
PUBLISHED = "PublishOutcome OutcomePublished"
STALLED = f"{POLLED} NextAction PublishStalled WaitForPoll PollVendor NextAction {PUBLISHED}"
PATHS = {
    "waits": Path(
        f"{POLLED} NextAction WaitForPoll PollVendor NextAction {PUBLISHED}", {"PollVendor": ["WAIT", "PUBLISH"]}
    ),
    "watched already": Path("RegisterWatch NextAction AlreadyWatched", {"RegisterWatch": ["ALREADY_WATCHED"]}),
    "broken registration of a duplicate": Path(
        f"RegisterWatch {PUBLISHED}",
        {"RegisterWatch": [BROKEN], "PublishOutcome": ["ALREADY_WATCHED"]},
        {"RegisterWatch": 7},
    ),
    "woken": Path(f"{POLLED} NextAction {PUBLISHED}", {}, event=CHANGED),
    "not woken": Path("RegisterWatch NextAction NotWoken", {"RegisterWatch": ["NOT_WOKEN"]}, event=CHANGED),
    "waking broken": Path(
        f"RegisterWatch {PUBLISHED}",
        {"RegisterWatch": [BROKEN], "PublishOutcome": ["NOT_WOKEN"]},
        {"RegisterWatch": 7},
        event=CHANGED,
    ),
    "replaced by a woken one": Path(
        f"{POLLED} NextAction WaitForPoll PollVendor NextAction Superseded", {"PollVendor": ["WAIT", "SUPERSEDED"]}
    ),
    "superseded": Path(f"{POLLED} NextAction Superseded", {"PollVendor": ["SUPERSEDED"]}),
    "unknown action": Path(f"{POLLED} NextAction {PUBLISHED}", {"PollVendor": ["DANCE"]}),
    "stalled": Path(STALLED, {"PollVendor": ["STALLED", "PUBLISH"]}),
    "stalled, not published": Path(
        STALLED, {"PollVendor": ["STALLED", "PUBLISH"], "PublishStalled": [BROKEN]}, {"PublishStalled": 5}
    ),
    "handed over": Path(f"{POLLED} NextAction HandOver HandedOver", {"PollVendor": ["HAND_OVER"]}),
    **{
        f"handed over before, {error}": Path(
            f"{POLLED} NextAction HandOver HandedOver",
            {"PollVendor": ["HAND_OVER"], "HandOver": [Raises(error)]},
        )
        # The first is what AWS raises, the second what the emulator does.
        for error in ("StepFunctions.ExecutionAlreadyExistsException", "ExecutionAlreadyExists")
    },
    "not handed over": Path(
        f"{POLLED} NextAction HandOver HandOverFailed",
        {"PollVendor": ["HAND_OVER"], "HandOver": [Raises("StepFunctions.ExecutionLimitExceededException")]},
        {"HandOver": 7},
        error="HandOverFailed",
    ),
    "registration broken": Path(f"RegisterWatch {PUBLISHED}", {"RegisterWatch": [BROKEN]}, {"RegisterWatch": 7}),
    "polls broken": Path(f"{POLLED} {PUBLISHED}", {"PollVendor": [BROKEN]}, {"PollVendor": 7}),
    "polls too slow": Path(f"{POLLED} {PUBLISHED}", {"PollVendor": [Raises("States.Timeout")]}, {"PollVendor": 7}),
    "polls throttled for good": Path(f"{POLLED} {PUBLISHED}", {"PollVendor": [THROTTLED]}, {"PollVendor": 25}),
    "publication throttled": Path(
        f"{POLLED} NextAction {PUBLISHED}",
        {"PublishOutcome": [Raises(THROTTLED.error, 10), "PUBLISHED"]},
        {"PublishOutcome": 11},
    ),
    "publication broken": Path(
        f"{POLLED} NextAction PublishOutcome OutcomeNotPublished",
        {"PublishOutcome": [BROKEN]},
        {"PublishOutcome": 11},
        error="OutcomeNotPublished",
    ),
    **{
        f"{error} once": Path(
            f"{POLLED} NextAction PublishStalled WaitForPoll PollVendor NextAction {PUBLISHED}",
            {
                "RegisterWatch": [Raises(error), "WAIT"],
                "PollVendor": [Raises(error), "STALLED", "PUBLISH"],
                "PublishStalled": [Raises(error), "PUBLISHED"],
                "PublishOutcome": [Raises(error), "PUBLISHED"],
            },
            {"RegisterWatch": 2, "PollVendor": 3, "PublishStalled": 2, "PublishOutcome": 2},
        )
        for error in OF_LAMBDA
    },
    **{
        f"{error} for good": Path(
            f"{POLLED} {PUBLISHED}", {"PollVendor": [Raises(error)]}, {"PollVendor": 25 if error in PASSING else 7}
        )
        for error in OF_LAMBDA
    },
    **{
        f"{error} passes": Path(
            f"{POLLED} NextAction {PUBLISHED}",
            {"RegisterWatch": [Raises(error, 24), "WAIT"], "PollVendor": [Raises(error, 24), "PUBLISH"]},
            {"RegisterWatch": 25, "PollVendor": 25},
        )
        for error in PASSING
    },
}


@pytest.fixture(scope="module")
def runs() -> dict[str, Run]:
    """All executions."""
    if node() is None:
        pytest.skip("left out, because there is no Node 22 on this machine: the second interpreter")
    responses = {name: {**USUAL, **path.responses} for name, path in PATHS.items()}
    return run(responses, {name: dict(path.event) for name, path in PATHS.items()})


@pytest.mark.parametrize("name", PATHS)
def test_an_execution_follows_its_path(name: str, runs: dict[str, Run]) -> None:
    path, found = PATHS[name], runs[name]
    assert found.states == path.states.split()
    assert (found.status, found.error) == ("FAILED" if path.error else "SUCCEEDED", path.error)
    visits = {state: found.states.count(state) for state in found.requests}
    assert {state: len(attempts) for state, attempts in found.requests.items()} == {**visits, **path.attempts}


def test_every_transition_has_a_path() -> None:
    taken = {pair for path in PATHS.values() for pair in pairwise(path.states.split())}
    assert taken == {
        (name, way["Next"])
        for name, state in STATES.items()
        for way in (state, *state.get("Catch", []), *state.get("Choices", []), {"Next": state.get("Default")})
        if way.get("Next")
    }


def test_every_transient_error_has_a_path() -> None:
    named = {
        error
        for state in STATES.values()
        for retry in state.get("Retry", [])
        for error in retry["ErrorEquals"]
        if retry["MaxAttempts"]  # 0 means that an error is not transient
    }
    assert named == {*PASSING, "States.TaskFailed", "States.Timeout"}


@pytest.mark.parametrize("error", OF_LAMBDA)
def test_publish_outcome_learns_the_name_of_the_error(error: str, runs: dict[str, Run]) -> None:
    held = runs[f"{error} for good"].requests["PublishOutcome"][0]["Payload"]["input"]
    assert held["error"]["Error"] == error
    assert held["watch"]["watchId"] == "voyado#default#1"


def test_functions_are_invoked_with_what_they_read(runs: dict[str, Run]) -> None:
    requests = {state: attempts[0] for state, attempts in runs["stalled"].requests.items()}
    assert requests["PollVendor"]["FunctionName"] == "PollFunctionPrefixvoyado"
    assert requests["PollVendor"]["Payload"].keys() == {"watch", "execution", "actions"}
    execution = "arn:aws:states:eu-west-1:000000000000:execution:watch-import:stalled"
    assert {parameters["Payload"]["execution"] for parameters in requests.values()} == {execution}
    failed = runs["registration broken"].requests["PublishOutcome"][0]["Payload"]["input"]
    assert failed["error"]["Error"] == "LookupError"
    assert failed["detail"]["importId"] == "1"


def test_functions_get_the_whole_event_that_started_the_execution(runs: dict[str, Run]) -> None:
    for name, path in PATHS.items():
        assert runs[name].requests["RegisterWatch"][0]["Payload"]["event"] == path.event
    held = runs["waking broken"].requests["PublishOutcome"][0]["Payload"]["input"]
    assert held == {**CHANGED, "error": held["error"]}


def test_a_successor_gets_the_name_and_the_input_of_the_poll(runs: dict[str, Run]) -> None:
    assert runs["handed over"].requests["HandOver"] == [
        {
            "StateMachineArn": "arn:aws:states:eu-west-1:000000000000:stateMachine:watch-import",
            "Name": "successor",
            "Input": {"resume": {"generation": 2}},
        }
    ]
