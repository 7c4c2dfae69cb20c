"""One local stack for all integration tests: waits at a twentieth, grace periods of seconds, every policy enforced."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.simulators.egain import LOG_BUCKET
from local.stack import LocalStack
from tests.integration.observer import Observer
from tests.loopback_server import Serve, servers

WAIT_SCALE = 0.05
SHORT_DEADLINE_SECONDS = {
    "NotFoundSeconds": "30",
    "UnrecognisedSeconds": "4",
    "FailingSeconds": "5",
    "UnauthorizedSeconds": "3",
}


@pytest.fixture
def serve() -> Iterator[Serve]:
    """What starts local servers in the role of a vendor or a service."""
    with servers() as start:
        yield start


@pytest.fixture(scope="session")
def stack() -> Iterator[LocalStack]:
    """The real template on the emulator, with the simulators; what no policy of the template allows is refused."""
    parameters = {**SHORT_DEADLINE_SECONDS, "LogSourceObjectArns": f"arn:aws:s3:::{LOG_BUCKET}/*"}
    # The emulator does not find the state machine of a token, so it checks access to all of them.
    parameters["CallbackStateMachineArns"] = "*"
    with LocalStack(wait_scale=WAIT_SCALE, parameters=parameters, enforces_policies=True) as running:
        yield running


@pytest.fixture(scope="session")
def observer(stack: LocalStack) -> Observer:
    """What a subscriber, an operator and the table see."""
    return Observer(stack)
