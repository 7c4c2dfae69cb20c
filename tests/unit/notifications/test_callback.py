"""The outcome as the result of a task: valid JSON within the limits of Step Functions, whatever a vendor sends."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from import_watch.model.observation import LogRecord, LogStatus, Problem, Severity
from import_watch.model.outcome import Outcome
from import_watch.model.record import StartRecord
from import_watch.notifications.callback import MAX_CAUSE, failure, is_success, success
from import_watch.notifications.notification import notification

from tests.contract.schemas import faults
from tests.unit.aws_fixtures import a_result, a_stored_watch


def event(
    outcome: Outcome = Outcome.FAILED, metadata: Any = None, log: LogRecord | None = None, **result: Any
) -> dict[str, Any]:
    record = a_stored_watch(result=a_result(outcome=outcome, **result), start=StartRecord(metadata), log=log)
    return notification(record, "/import-watch/eu-west-1/123456789012/stack")


@pytest.mark.parametrize("outcome", Outcome)
def test_a_task_gets_the_data_of_the_notification(outcome: Outcome) -> None:
    sent = event(outcome, metadata={"a": 1})
    assert is_success(sent) == (outcome in (Outcome.SUCCEEDED, Outcome.PARTIAL))
    assert json.loads(success(sent)) == sent["data"]
    assert failure(sent) == (outcome.value, json.dumps(sent["data"], ensure_ascii=False))
    if outcome is not Outcome.UNKNOWN:  # which needs a reason
        assert faults("notification-data", json.loads(success(sent))) == []


TEXT = st.text(st.characters(), max_size=1_000).map(lambda text: text * 7)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(TEXT.map(lambda text: text[:1_000]), max_size=20),
    TEXT,
    st.dictionaries(st.text(max_size=20), TEXT, max_size=8),
    st.dictionaries(st.text(max_size=300), st.integers(), max_size=200),
)
def test_a_cause_is_short_and_valid(problems: list[str], text: str, metadata: Any, counts: Any) -> None:
    found = tuple(Problem(Severity.ERROR, problem) for problem in problems)
    log = LogRecord(LogStatus.ARCHIVED, location=f"s3://archive/{text}", source=text, bytes=1)
    sent = event(metadata=metadata, log=log, problems=found, message=text + ".", vendor_status=text, counts=counts)
    error, cause = failure(sent)
    assert error == "FAILED"
    assert len(cause) <= MAX_CAUSE
    assert json.loads(cause)["outcome"] == "FAILED"
    assert len(success(sent).encode()) <= 262_144


def test_a_long_cause_loses_problems_first() -> None:
    found = tuple(Problem(Severity.ERROR, "\x00" * 1_000) for _ in range(20))
    cause = json.loads(failure(event(problems=found, metadata={"a": 1}))[1])
    assert 1 <= len(cause["problems"]) < 20
    assert cause["metadata"] == {"a": 1}
