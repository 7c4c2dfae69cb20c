"""One local stack for all integration tests, with waits at a twentieth and trouble borne for seconds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.stack import LocalStack
from tests.integration.observer import Observer

WAIT_SCALE = 0.05
SHORT_PATIENCE = {"NotFoundSeconds": "30", "UnrecognisedSeconds": "4", "FailingSeconds": "5"}


@pytest.fixture(scope="session")
def stack() -> Iterator[LocalStack]:
    """The real template on the emulator, with the simulators."""
    with LocalStack(wait_scale=WAIT_SCALE, parameters=SHORT_PATIENCE) as running:
        yield running


@pytest.fixture(scope="session")
def observer(stack: LocalStack) -> Observer:
    """What a subscriber, an operator and the table see."""
    return Observer(stack)
