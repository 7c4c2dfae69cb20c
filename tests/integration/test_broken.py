"""Failures of the stack itself: the outcome is published, or the execution visibly fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from import_watch.model.watch import watch_id

from local.stack import LocalStack
from local.waiting import wait_until
from tests.integration.observer import Observer

pytestmark = pytest.mark.xdist_group("broken-stack")
# Retries take minutes at full length.
RETRY_SCALE = 0.002


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    """A separate stack, whose parts the tests break one by one."""
    with LocalStack(wait_scale=RETRY_SCALE, vendors=("voyado",), enforces_policies=True) as running:
        yield running


@pytest.fixture(scope="module")
def observer(stack: LocalStack) -> Observer:
    return Observer(stack)


@contextmanager
def failing(stack: LocalStack, name: str) -> Iterator[None]:
    """Have every invocation of a function refused."""
    function, functions = f"import-watch-{name}", stack.client("lambda")
    functions.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    yield
    functions.delete_function_concurrency(FunctionName=function)


def test_a_poll_function_that_always_fails_breaks_the_watch(stack: LocalStack, observer: Observer) -> None:
    with failing(stack, "poll-voyado"):
        stack.start_import({"vendor": "voyado", "importId": "76", "correlationId": "kept"})
        event = observer.outcome(watch_id("voyado", "default", "76")).event
    data = event["data"]
    assert (event["type"], data["outcome"], data["reason"]) == ("ImportFailed", "UNKNOWN", "WATCH_BROKEN")
    assert (data["correlationId"], data["retryable"]) == ("kept", None)
    assert observer.states(observer.executions("76")[0])[-3:] == ["PollVendor", "PublishOutcome", "OutcomePublished"]


def test_the_outcome_of_an_unregistered_watch_is_published(stack: LocalStack, observer: Observer) -> None:
    with failing(stack, "register-watch"):
        stack.start_import({"vendor": "voyado", "importId": "77", "metadata": {"kept": True}})
        data = observer.outcome(watch_id("voyado", "default", "77")).event["data"]
    assert (data["outcome"], data["reason"], data["metadata"]) == ("UNKNOWN", "WATCH_BROKEN", {"kept": True})
    assert observer.states(observer.executions("77")[0]) == ["RegisterWatch", "PublishOutcome", "OutcomePublished"]


def test_recovery_publishes_what_the_execution_could_not(stack: LocalStack, observer: Observer) -> None:
    stack.simulators["voyado"].script("78", [{"status": "SUCCESS"}])
    with failing(stack, "publish-outcome"):
        stack.start_import({"vendor": "voyado", "importId": "78"})
        arn = wait_until(lambda: observer.executions("78"), 20, "an execution")[0]
        assert observer.states(arn)[-1] == "OutcomeNotPublished"
    assert stack.client("stepfunctions").describe_execution(executionArn=arn)["status"] == "FAILED"
    key = watch_id("voyado", "default", "78")
    assert observer.outcome(key).event["data"]["outcome"] == "SUCCEEDED"
    wait_until(lambda: "publishedAt" in observer.item(key), 20, "the publication is recorded")
    wait_until(lambda: "unpublished" not in observer.item(key), 20, "nothing is left to be published")
    assert len(observer.messages(key)) == 1
