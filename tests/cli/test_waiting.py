"""A wait outlasts a network that is gone for a moment, and ends with an error that stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError
from import_watch.model.outcome import Outcome
from import_watch.model.watch import Start
from import_watch_cli import waiting
from import_watch_cli.output import Output
from import_watch_cli.waiting import Wait

from tests.cli.test_watches import STACK
from tests.unit.aws_fixtures import EXECUTION, REGION, a_result, a_watch, aws_account, watch_table

WATCH = a_watch()
UNREACHABLE = EndpointConnectionError(endpoint_url="https://dynamodb")
ENDLESS = 10_000


@dataclass
class Fails:
    """Raises an error in place of the first requests."""

    error: Exception
    times: int

    def __call__(self, **_: Any) -> None:
        if self.times > 0:
            self.times -= 1
            raise self.error


def of_service(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "m"}}, "GetItem")


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Wait]]:
    """Make a wait for an ended watch whose requests fail first."""
    monkeypatch.setattr(waiting, "PAUSE_SECONDS", 0.001)
    with aws_account(monkeypatch):
        watch_table().register(
            WATCH,
            EXECUTION,
            Start(WATCH.vendor, WATCH.import_id),
            keeps_log=False,
            result=a_result(outcome=Outcome.SUCCEEDED),
        )

        def make(fails: Fails, *, is_local: bool = False, **arguments: Any) -> Wait:
            client = boto3.client("dynamodb", region_name=REGION, config=Config(retries={"total_max_attempts": 1}))
            client.meta.events.register_first("before-call.dynamodb.GetItem", fails)
            stack = replace(STACK, is_local=is_local, _clients={"dynamodb": client})
            return Wait(stack, Output(as_json=True, quiet=True), WATCH.watch_id, **arguments)

        yield make


@pytest.mark.parametrize("error", [UNREACHABLE, of_service("ThrottlingException")])
def test_an_error_that_passes_is_outlasted(wait: Callable[..., Wait], error: Exception) -> None:
    fails = Fails(error, 3)
    assert (wait(fails).run(), fails.times) == (0, 0)


@pytest.mark.parametrize(
    ("error", "arguments", "retry_seconds"),
    [
        (UNREACHABLE, {}, 0.05),
        (UNREACHABLE, {"seconds": 0.05}, 300),
        (UNREACHABLE, {"is_local": True}, 300),
        (of_service("AccessDeniedException"), {}, 300),
        (NoCredentialsError(), {}, 300),
    ],
)
def test_an_error_that_stays_ends_the_wait(
    wait: Callable[..., Wait],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    arguments: dict[str, Any],
    retry_seconds: float,
) -> None:
    monkeypatch.setattr(waiting, "RETRY_SECONDS", retry_seconds)
    with pytest.raises((BotoCoreError, ClientError)) as raised:
        wait(Fails(error, ENDLESS), **arguments).run()
    assert raised.value is error
