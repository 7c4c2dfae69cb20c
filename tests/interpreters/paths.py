"""The paths through the state machine: what its tasks answer on each, and the states that it is to go through."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.paths import ROOT

DEFINITION_TEXT = (ROOT / "statemachine" / "watch_import.asl.json").read_text()
ACCOUNT = "eu-west-1:000000000000"
STATE_MACHINE = f"arn:aws:states:{ACCOUNT}:stateMachine:watch-import"
FUNCTIONS = f"arn:aws:lambda:{ACCOUNT}:function:"
SUBSTITUTIONS = {
    "RegisterWatchFunctionArn": f"{FUNCTIONS}register-watch",
    "PublishOutcomeFunctionArn": f"{FUNCTIONS}publish-outcome",
    "PollFunctionPrefix": f"{FUNCTIONS}poll-",
}
FUNCTION_NAMES = ("register-watch", "publish-outcome", "poll-voyado")
START: dict[str, Any] = {"detail-type": "ImportStarted", "detail": {"vendor": "voyado", "importId": "1"}}
WATCH = {"watchId": "voyado#default#1", "vendor": "voyado", "generation": 1}
TAKEN = "ExecutionAlreadyExists"
"""What the emulator raises by itself for an execution's name that is taken; AWS puts more around it."""
PASSING = (
    "Lambda.TooManyRequestsException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "InternalServerError",
    "EndpointConnectionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "NotWritten",
)
"""Trouble that passes, as Lambda and boto3 name it."""


def definition() -> dict[str, Any]:
    """Give the definition as it is deployed, its substitutions filled."""
    text = DEFINITION_TEXT
    for name, value in SUBSTITUTIONS.items():
        text = text.replace(f"${{{name}}}", value)
    found: dict[str, Any] = json.loads(text)
    return found


@dataclass(frozen=True)
class Returns:
    """A function's answer."""

    payload: Mapping[str, Any]


@dataclass(frozen=True)
class Raises:
    """A task's failure, so many times on end; for good where `times` is None."""

    error: str = "LookupError"
    times: int | None = None


Answer = Returns | Raises


@dataclass(frozen=True)
class Path:
    """One path.

    Parameters
    ----------
    name : str
        Also the execution's.
    answers : mapping of str to list of Answer
        By state, in order.
    states : str
        The states that it goes through, separated by blanks.
    status, error : str
        How the execution ends.
    attempts : mapping of str to int
        How often a state's task is asked, where that is more than once a visit.
    by_name : bool
        Whether it hangs on the names of errors that pass, which functions on the emulator cannot raise.
    """

    name: str
    answers: Mapping[str, list[Answer]]
    states: str
    status: str = "SUCCEEDED"
    error: str | None = None
    attempts: Mapping[str, int] = field(default_factory=dict)
    by_name: bool = False


def says(action: str, **more: Any) -> Returns:
    """Give what register_watch or a poll function returns."""
    return Returns({"action": action, "seconds": 7, "watch": WATCH, **more})


def handing_over(successor: str) -> Returns:
    return says("HAND_OVER", successor={"name": successor, "input": {"resume": {"generation": 2}}})


PUBLISHED = Returns({"action": "PUBLISHED", "watchId": WATCH["watchId"]})
WAITS = says("WAIT")
ENDS = says("PUBLISH")
BEGINNING = "RegisterWatch NextAction WaitForPoll PollVendor"
ENDING = "NextAction PublishOutcome OutcomePublished"
PATHS = [
    Path(
        "waits-and-publishes",
        {"RegisterWatch": [WAITS], "PollVendor": [WAITS, WAITS, ENDS], "PublishOutcome": [PUBLISHED]},
        f"{BEGINNING} NextAction WaitForPoll PollVendor NextAction WaitForPoll PollVendor {ENDING}",
    ),
    Path(
        "publishes-at-once",
        {"RegisterWatch": [ENDS], "PublishOutcome": [PUBLISHED]},
        f"RegisterWatch {ENDING}",
    ),
    Path("watched-already", {"RegisterWatch": [says("ALREADY_WATCHED")]}, "RegisterWatch NextAction AlreadyWatched"),
    Path(
        "superseded",
        {"RegisterWatch": [WAITS], "PollVendor": [says("SUPERSEDED")]},
        f"{BEGINNING} NextAction Superseded",
    ),
    Path(
        "unknown-action",
        {"RegisterWatch": [WAITS], "PollVendor": [says("DANCE")], "PublishOutcome": [PUBLISHED]},
        f"{BEGINNING} {ENDING}",
    ),
    Path(
        "stalled-and-told",
        {
            "RegisterWatch": [WAITS],
            "PollVendor": [says("STALLED"), ENDS],
            "PublishStalled": [Returns({"action": "TOLD"})],
            "PublishOutcome": [PUBLISHED],
        },
        f"{BEGINNING} NextAction PublishStalled WaitForPoll PollVendor {ENDING}",
    ),
    Path(
        "stalled-and-not-told",
        {
            "RegisterWatch": [WAITS],
            "PollVendor": [says("STALLED"), ENDS],
            "PublishStalled": [Raises()],
            "PublishOutcome": [PUBLISHED],
        },
        f"{BEGINNING} NextAction PublishStalled WaitForPoll PollVendor {ENDING}",
        attempts={"PublishStalled": 5},
    ),
    Path(
        "handed-over",
        {
            "RegisterWatch": [WAITS],
            "PollVendor": [handing_over("successor")],
            "HandOver": [Returns({"ExecutionArn": STATE_MACHINE.replace("stateMachine", "execution") + ":successor"})],
        },
        f"{BEGINNING} NextAction HandOver HandedOver",
    ),
    Path(
        "handed-over-before",
        # Its successor has a name that is taken: its own.
        {
            "RegisterWatch": [WAITS],
            "PollVendor": [handing_over("handed-over-before")],
            "HandOver": [Raises(TAKEN)],
        },
        f"{BEGINNING} NextAction HandOver HandedOver",
        attempts={"HandOver": 1},
    ),
    Path(
        "handed-over-before-on-aws",
        {
            "RegisterWatch": [WAITS],
            "PollVendor": [handing_over("successor")],
            "HandOver": [Raises(f"StepFunctions.{TAKEN}Exception")],
        },
        f"{BEGINNING} NextAction HandOver HandedOver",
        attempts={"HandOver": 1},
    ),
    Path(
        "not-handed-over",
        {
            "RegisterWatch": [WAITS],
            "PollVendor": [handing_over("successor")],
            "HandOver": [Raises("StepFunctions.ExecutionLimitExceededException")],
        },
        f"{BEGINNING} NextAction HandOver HandOverFailed",
        status="FAILED",
        error="HandOverFailed",
        attempts={"HandOver": 7},
    ),
    Path(
        "registering-fails",
        {"RegisterWatch": [Raises()], "PublishOutcome": [PUBLISHED]},
        "RegisterWatch PublishOutcome OutcomePublished",
        attempts={"RegisterWatch": 7},
    ),
    Path(
        "polling-fails",
        {"RegisterWatch": [WAITS], "PollVendor": [Raises()], "PublishOutcome": [PUBLISHED]},
        f"{BEGINNING} PublishOutcome OutcomePublished",
        attempts={"PollVendor": 7},
    ),
    Path(
        "publishing-fails",
        {"RegisterWatch": [ENDS], "PublishOutcome": [Raises()]},
        "RegisterWatch NextAction PublishOutcome OutcomeNotPublished",
        status="FAILED",
        error="OutcomeNotPublished",
        attempts={"PublishOutcome": 11},
    ),
    Path(
        "a-task-takes-too-long",
        {"RegisterWatch": [WAITS], "PollVendor": [Raises("States.Timeout")], "PublishOutcome": [PUBLISHED]},
        f"{BEGINNING} PublishOutcome OutcomePublished",
        attempts={"PollVendor": 7},
    ),
    Path(
        "everything-fails-once",
        {
            "RegisterWatch": [Raises(times=1), WAITS],
            "PollVendor": [Raises(times=2), says("STALLED"), ENDS],
            "PublishStalled": [Raises(times=1), Returns({"action": "TOLD"})],
            "PublishOutcome": [Raises(times=1), PUBLISHED],
        },
        f"{BEGINNING} NextAction PublishStalled WaitForPoll PollVendor {ENDING}",
        attempts={"RegisterWatch": 2, "PollVendor": 4, "PublishStalled": 2, "PublishOutcome": 2},
    ),
    *(
        Path(
            f"{error}-passes".replace(".", "-"),
            {
                "RegisterWatch": [Raises(error, 24), WAITS],
                "PollVendor": [Raises(error, 24), ENDS],
                "PublishOutcome": [PUBLISHED],
            },
            f"{BEGINNING} {ENDING}",
            attempts={"RegisterWatch": 25, "PollVendor": 25},
            by_name=True,
        )
        for error in PASSING
    ),
    Path(
        "throttled-and-broken",
        {
            "RegisterWatch": [ENDS],
            "PublishOutcome": [Raises("Lambda.TooManyRequestsException", 10), PUBLISHED],
        },
        f"RegisterWatch {ENDING}",
        attempts={"PublishOutcome": 11},
        by_name=True,
    ),
    Path(
        "throttled-for-good",
        {
            "RegisterWatch": [WAITS],
            "PollVendor": [Raises("Lambda.TooManyRequestsException")],
            "PublishOutcome": [PUBLISHED],
        },
        f"{BEGINNING} PublishOutcome OutcomePublished",
        attempts={"PollVendor": 25},
        by_name=True,
    ),
]
