"""Each response of Step Functions about a task token is final, or the outcome is sent again; none is quoted."""

from __future__ import annotations

import boto3
import pytest
from botocore.config import Config
from import_watch.aws.task_tokens import TaskTokens, TokenNotSent, TokenResult
from import_watch.model.outcome import Outcome
from import_watch.notifications.notification import notification

from tests.loopback_server import Exchange, Serve
from tests.unit.aws_fixtures import REGION, TABLE, a_result, a_stored_watch, client

SECRET = "token-c4n4ry"


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (200, "", TokenResult.SENT),
        (400, "TaskTimedOut", TokenResult.EXPIRED),
        (400, "TaskDoesNotExist", TokenResult.EXPIRED),
        (400, "InvalidToken", TokenResult.EXPIRED),
        (400, "ValidationException", TokenResult.EXPIRED),
        (400, "AccessDeniedException", TokenResult.DENIED),
        (400, "ThrottlingException", TokenNotSent),
        (400, "KmsThrottlingException", TokenNotSent),
        (500, "InternalFailure", TokenNotSent),
    ],
)
@pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.FAILED])
def test_a_response_is_final_or_the_outcome_is_sent_again(
    serve: Serve, status: int, code: str, expected: TokenResult | type[Exception], outcome: Outcome
) -> None:
    seen: list[str] = []

    def behave(exchange: Exchange) -> None:
        seen.append(exchange.request_seen.headers["x-amz-target"])
        body = {"__type": code, "message": f"Invalid Token: '{SECRET}'"} if code else {}
        exchange.response(status, body)

    stepfunctions = boto3.client(
        "stepfunctions",
        endpoint_url=serve(behave).url,
        region_name=REGION,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(retries={"total_max_attempts": 1}),
    )
    tokens = TaskTokens(TABLE, client("dynamodb"), stepfunctions)
    event = notification(a_stored_watch(result=a_result(outcome=outcome)), "/import-watch/stack")
    if isinstance(expected, TokenResult):
        assert tokens.send(f"1:{SECRET}", event) is expected
    else:
        with pytest.raises(expected) as raised:
            tokens.send(f"1:{SECRET}", event)
        assert SECRET not in str(raised.getrepr(chain=True, showlocals=False))
    assert seen == [f"AWSStepFunctions.SendTask{'Success' if outcome is Outcome.SUCCEEDED else 'Failure'}"]
