"""Failed imports, and watches that cannot continue: each has the right outcome and reason."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from import_watch.model.watch import watch_id

from local.simulators.egain import LOG_BUCKET
from local.simulators.script import Step
from local.stack import LocalStack, connection_fields
from tests.integration.conftest import SHORT_DEADLINE_SECONDS
from tests.integration.observer import Observer
from tests.leaks import secrets_in

pytestmark = pytest.mark.xdist_group("stack")
COUNTER = itertools.count(1)
RUNNING: dict[str, Step] = {
    "document360": {"status": "InProgress"},
    "egain": {"status": "In Progress", "total": 100, "processed": 10},
    "voyado": {"status": "IN_PROGRESS"},
}


def new_id(vendor: str) -> str:
    number = next(COUNTER)
    return f"00000000-0000-4000-8000-{number:012}" if vendor == "egain" else f"{9_100_000_000_000_000_000 + number}"


def started(stack: LocalStack, vendor: str, *steps: Step, connection: str = "default", **more: Any) -> str:
    """Script an import, send its start event, and return its id."""
    import_id = new_id(vendor)
    if steps:
        stack.simulators[vendor].script(import_id, steps)
    stack.start_import({"vendor": vendor, "importId": import_id, "connection": connection, **more})
    return import_id


def watched(
    stack: LocalStack, observer: Observer, vendor: str, *steps: Step, connection: str = "default", **more: Any
) -> dict[str, Any]:
    """Script an import, have it watched, and return its notification."""
    import_id = started(stack, vendor, *steps, connection=connection, **more)
    return observer.outcome(watch_id(vendor, connection, import_id)).event


AWAY: Step = {"fault": {"status": 503, "body": "The service is busy"}}
PAGE: Step = {"fault": {"status": 200, "body": "<html><body>Sign in</body></html>"}}
UNENDING = {
    **{("not-found", vendor): () for vendor in RUNNING},
    **{("unrecognised", vendor): ({"status": "Paused"},) for vendor in RUNNING},
    **{("away", vendor): (RUNNING[vendor], AWAY) for vendor in RUNNING},
    **{("page", vendor): (PAGE,) for vendor in RUNNING},
}


@pytest.fixture(scope="module")
def unending(stack: LocalStack, observer: Observer) -> dict[tuple[str, str], dict[str, Any]]:
    """Watch imports whose end cannot be known, all at once, until each watch ends."""
    ids = {case: started(stack, case[1], *steps) for case, steps in UNENDING.items()}
    return {case: observer.outcome(watch_id(case[1], "default", ids[case])).event["data"] for case in ids}


@pytest.mark.parametrize("vendor", RUNNING)
def test_an_import_that_the_vendor_does_not_know(
    vendor: str, unending: dict[tuple[str, str], dict[str, Any]], observer: Observer
) -> None:
    data = unending["not-found", vendor]
    assert (data["outcome"], data["reason"]) == ("UNKNOWN", "NOT_FOUND")
    assert data["importId"] in data["message"]
    item = observer.item(watch_id(vendor, "default", data["importId"]))
    assert item["ending"]["detectedAt"] - item["registeredAt"] >= int(SHORT_DEADLINE_SECONDS["NotFoundSeconds"])


@pytest.mark.parametrize("vendor", RUNNING)
def test_a_status_that_is_not_mapped(vendor: str, unending: dict[tuple[str, str], dict[str, Any]]) -> None:
    data = unending["unrecognised", vendor]
    assert (data["outcome"], data["reason"]) == ("UNKNOWN", "UNRECOGNISED_STATUS")
    assert data["vendorStatus"] == "Paused"
    assert "'Paused'" in data["message"]


@pytest.mark.parametrize("vendor", RUNNING)
def test_a_vendor_that_is_away_for_too_long(
    vendor: str, unending: dict[tuple[str, str], dict[str, Any]], observer: Observer
) -> None:
    data = unending["away", vendor]
    assert (data["outcome"], data["reason"]) == ("UNKNOWN", "VENDOR_UNAVAILABLE")
    assert "The service is busy" in data["message"]
    assert data["watch"]["vendorErrors"] == data["watch"]["polls"] - 1
    assert observer.archived(data["answer"]) == b"The service is busy"


@pytest.mark.parametrize("vendor", RUNNING)
def test_a_vendor_that_sends_an_unreadable_response(
    vendor: str, unending: dict[tuple[str, str], dict[str, Any]], observer: Observer
) -> None:
    data = unending["page", vendor]
    assert (data["outcome"], data["reason"]) == ("UNKNOWN", "UNREADABLE_ANSWER")
    assert observer.archived(data["answer"]).startswith(b"<html>")


def test_a_failed_voyado_import_has_the_vendors_reason(stack: LocalStack, observer: Observer) -> None:
    event = watched(stack, observer, "voyado", {"status": "FAILURE", "message": "The feed is not well formed."})
    assert (event["type"], event["data"]["outcome"]) == ("ImportFailed", "FAILED")
    assert event["data"]["reason"] == "The feed is not well formed."
    assert event["data"]["log"] == {
        "location": None,
        "source": None,
        "status": "NONE",
        "reason": None,
        "bytes": None,
        "consoleUrl": None,
    }


def test_transient_errors_are_not_a_failure(stack: LocalStack, observer: Observer) -> None:
    data = watched(
        stack,
        observer,
        "voyado",
        RUNNING["voyado"],
        {"fault": {"reset": True}},
        {"fault": {"status": 500, "body": ""}},
        {"status": "SUCCESS"},
    )["data"]
    assert data["outcome"] == "SUCCEEDED"
    # A reset of a kept connection costs a second attempt, and no poll; whether it was kept is the emulator's choice.
    assert data["watch"]["vendorErrors"] in (1, 2)


@pytest.mark.parametrize(
    ("vendor", "secret"), [("document360", "apiToken"), ("egain", "clientSecret"), ("voyado", "apiKey")]
)
def test_credentials_that_the_vendor_refuses(vendor: str, secret: str, stack: LocalStack, observer: Observer) -> None:
    fields = connection_fields(vendor, stack.simulators[vendor].base_url)
    stack.put_connection(vendor, {**fields, secret: "not-the-right-one"}, "wrong-key")
    event = watched(stack, observer, vendor, RUNNING[vendor], connection="wrong-key")
    assert (event["data"]["outcome"], event["data"]["reason"]) == ("UNKNOWN", "UNAUTHORIZED")
    assert "not-the-right-one" not in json.dumps(event)


def test_a_connection_that_does_not_exist(stack: LocalStack, observer: Observer) -> None:
    data = watched(stack, observer, "voyado", connection="nowhere")["data"]
    assert (data["outcome"], data["reason"], data["answer"]) == ("UNKNOWN", "MISCONFIGURED", None)
    assert "import-watch/voyado/nowhere does not exist" in data["message"]


def test_a_connection_that_leads_elsewhere(stack: LocalStack, observer: Observer) -> None:
    stack.put_connection(
        "document360", {"baseUrl": "https://example.org", "apiToken": "kept-to-ourselves"}, "elsewhere"
    )
    event = watched(stack, observer, "document360", connection="elsewhere")
    assert event["data"]["reason"] == "MISCONFIGURED"
    assert "'example.org'" in event["data"]["message"]
    assert "kept-to-ourselves" not in json.dumps(event)


def test_a_watch_that_times_out_names_the_last_state(stack: LocalStack, observer: Observer) -> None:
    data = watched(stack, observer, "egain", RUNNING["egain"], timeoutSeconds=2)["data"]
    assert (data["outcome"], data["reason"]) == ("UNKNOWN", "TIMED_OUT")
    assert data["vendorStatus"] == "In Progress"
    assert "10% done" in data["message"]


def test_a_log_that_cannot_be_copied_does_not_change_the_outcome(stack: LocalStack, observer: Observer) -> None:
    missing = {"logFileLocation": f"s3://{LOG_BUCKET}/logs/not-there.txt"}
    data = watched(stack, observer, "egain", {"status": "Successful", "fields": missing})["data"]
    assert data["outcome"] == "SUCCEEDED"
    assert data["log"]["status"] == "UNAVAILABLE"
    assert "NoSuchKey" in data["log"]["reason"]


def test_the_deciding_response_stays_if_later_polls_bring_none(stack: LocalStack, observer: Observer) -> None:
    data = watched(
        stack,
        observer,
        "document360",
        {"polls": 1, "status": "Completed", "log": None, "errors": ["Element 'ImportLog' not found."]},
        {"fault": {"status": 500, "body": "dead"}},
    )["data"]
    assert (data["outcome"], data["log"]["status"]) == ("SUCCEEDED", "UNAVAILABLE")
    assert json.loads(observer.archived(data["answer"]))["status"] == "Completed"


def test_errors_of_a_completed_import_make_it_partial(stack: LocalStack, observer: Observer) -> None:
    done: Step = {"status": "Completed", "log": {"articles": 9}, "errors": ["3 articles could not be imported."]}
    data = watched(stack, observer, "document360", done)["data"]
    assert (data["outcome"], data["counts"]["errors"]) == ("PARTIAL", 1)
    assert data["problems"] == [{"severity": "ERROR", "text": "3 articles could not be imported."}]


def test_a_log_that_comes_late_is_still_archived(stack: LocalStack, observer: Observer) -> None:
    log = {"articles": 3, "messages": [{"message_type": 0, "message": "One article was left out."}]}
    data = watched(
        stack,
        observer,
        "document360",
        {"polls": 1, "status": "Completed", "log": None, "errors": ["Element 'ImportLog' not found."]},
        {"status": "Completed", "log": log},
    )["data"]
    assert (data["outcome"], data["log"]["status"]) == ("PARTIAL", "ARCHIVED")
    assert json.loads(observer.archived(data["log"]["location"])) == log


def test_an_invalid_event_is_published_and_not_dropped(stack: LocalStack, observer: Observer) -> None:
    stack.start_import({"vendor": ["egain"], "importId": {"a": 1}, "metadata": 7, "correlationId": "invalid-event"})
    data = observer.outcome_of_correlation("invalid-event").event["data"]
    assert (data["vendor"], data["importId"], data["reason"]) == (None, None, "INVALID_EVENT")
    assert [name for name in ("vendor", "importId", "metadata") if name not in data["message"]] == []


def test_two_connections_watch_one_id_apart(stack: LocalStack, observer: Observer) -> None:
    vendor = "voyado"
    stack.put_connection(vendor, connection_fields(vendor, stack.simulators[vendor].base_url), "second")
    import_id = new_id(vendor)
    stack.simulators[vendor].script(import_id, [{"status": "SUCCESS"}])
    for connection in ("default", "second"):
        stack.start_import({"vendor": vendor, "importId": import_id, "connection": connection})
    events = [observer.outcome(watch_id(vendor, name, import_id)).event for name in ("default", "second")]
    assert len({event["id"] for event in events}) == 2


def test_no_credential_is_stored_logged_or_published(stack: LocalStack, observer: Observer) -> None:
    """Runs last in this file, over all that the tests before it left in the table, the executions and the logs."""
    dynamodb, stepfunctions, logs = stack.client("dynamodb"), stack.client("stepfunctions"), stack.client("logs")
    kept = json.dumps(dynamodb.scan(TableName=stack.outputs["WatchTableName"])["Items"])
    for page in stepfunctions.get_paginator("list_executions").paginate(
        stateMachineArn=stack.outputs["WatchStateMachineArn"]
    ):
        for execution in page["executions"]:
            history = stepfunctions.get_execution_history(executionArn=execution["executionArn"], maxResults=1000)
            kept += json.dumps(history["events"], default=str)
    written = json.dumps([message.event for messages in observer.all_messages().values() for message in messages])
    for group in logs.describe_log_groups()["logGroups"]:
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"]):
            written += "".join(event["message"] for event in page["events"])
    assert "poll failed" in written, "the functions' logs were not read"
    assert secrets_in(kept) == secrets_in(written) == []
