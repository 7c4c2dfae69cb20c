"""Every import of the demo, from the start event to what a subscriber, the table and the archive have of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cloudevents.core.formats.json import JSONFormat

from local.emulator import REGION
from local.scenarios import LOG_TEXT, SCENARIOS, Scenario
from local.simulators.registry import VENDORS
from local.stack import LocalStack
from local.waiting import wait_until
from tests.contract.schemas import faults
from tests.integration.conftest import WAIT_SCALE
from tests.integration.observer import Observer
from tests.support.node import STATIC, node, run_script

pytestmark = pytest.mark.xdist_group("stack")
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
WATCHED = [scenario for scenario in SCENARIOS if scenario.steps]


def key(scenario: Scenario) -> str:
    return scenario.watch_id


def scaled(step: Any) -> dict[str, Any]:
    """Step whose times are scaled as the waits are."""
    return {name: value * WAIT_SCALE if name in ("seconds", "startsIn") else value for name, value in step.items()}


@pytest.fixture(scope="module")
def played(stack: LocalStack, observer: Observer) -> dict[str, dict[str, Any]]:
    """Send every sample start event, and return the notification of each."""
    for scenario in SCENARIOS:
        if scenario.steps:
            stack.simulators[scenario.vendor].script(scenario.import_id, [scaled(step) for step in scenario.steps])
        stack.start_import(scenario.event["detail"], scenario.times)
    events = {scenario.name: observer.outcome(key(scenario)).event for scenario in WATCHED}
    events["two-faults"] = observer.outcome_of_correlation("typed-by-hand").event
    return events


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_the_outcome_is_the_expected_one(scenario: Scenario, played: dict[str, dict[str, Any]]) -> None:
    assert scenario.faults(played[scenario.name]) == []


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_the_notification_keeps_its_contract(scenario: Scenario, played: dict[str, dict[str, Any]]) -> None:
    assert faults("notification", played[scenario.name]) == []


def test_both_sdks_of_cloudevents_parse_what_is_published(played: dict[str, dict[str, Any]]) -> None:
    texts = [json.dumps(event) for event in played.values()]
    for text, event in zip(texts, played.values(), strict=True):
        assert JSONFormat().read(None, text).get_data() == event["data"]
    program = node()
    if program is None:
        pytest.skip("left out, because there is no Node on this machine: the JavaScript SDK of CloudEvents")
    parsed = run_script(program, STATIC / "judge_contracts.mjs", {"events": texts})["events"]
    assert parsed == [{"event": event, "error": None} for event in played.values()]


def test_a_notification_names_its_stack_and_no_page_of_a_console_on_the_emulator(
    played: dict[str, dict[str, Any]], stack: LocalStack
) -> None:
    event = played["document360-warnings"]
    assert event["source"] == f"/import-watch/{REGION}/000000000000/{stack.outputs['ConnectionSecretPrefix']}"
    assert (event["data"]["log"]["consoleUrl"], event["data"]["watch"]["executionConsoleUrl"]) == (None, None)


@pytest.mark.parametrize("scenario", WATCHED, ids=lambda scenario: scenario.name)
def test_the_outcome_is_published_once_with_attributes(
    scenario: Scenario, played: dict[str, dict[str, Any]], observer: Observer
) -> None:
    event = played[scenario.name]
    messages = observer.messages(key(scenario))
    expected = {"eventType": event["type"], "vendor": scenario.vendor, "connection": scenario.connection}
    expected["outcome"] = event["data"]["outcome"]
    if event["data"]["reason"]:
        expected["reason"] = event["data"]["reason"]
    assert [message.attributes for message in messages] == [expected]


@pytest.mark.parametrize("scenario", WATCHED, ids=lambda scenario: scenario.name)
def test_the_item_agrees_and_is_no_longer_active(
    scenario: Scenario, played: dict[str, dict[str, Any]], observer: Observer
) -> None:
    data = played[scenario.name]["data"]
    item = observer.item(key(scenario))
    assert item["outcome"] == item["ending"]["outcome"] == data["outcome"]
    assert int(item["polls"]) == data["watch"]["polls"]
    assert "active" not in item
    assert "nextPollAt" not in item
    assert item["expiresAt"] > item["registeredAt"]
    wait_until(lambda: "publishedAt" in observer.item(key(scenario)), 10, "the publication is recorded")


@pytest.mark.parametrize("scenario", WATCHED, ids=lambda scenario: scenario.name)
def test_the_execution_polls_in_a_wait_loop_and_ends_well(
    scenario: Scenario, played: dict[str, dict[str, Any]], observer: Observer
) -> None:
    loop = ["WaitForPoll", "PollVendor", "NextAction"]
    item = observer.item(key(scenario))
    assert played[scenario.name]["data"]["watch"]["polls"] == item["polls"] <= item["executionPolls"]
    if scenario.vendor != "document360":  # one of whose imports is throttled, which defers the polls of all
        assert item["polls"] == item["executionPolls"]
    cycles = int(item["executionPolls"])
    expected = ["RegisterWatch", "NextAction", *loop * cycles, "PublishOutcome", "OutcomePublished"]
    assert observer.states(item["execution"]) == expected


@pytest.mark.parametrize("scenario", WATCHED, ids=lambda scenario: scenario.name)
def test_the_vendors_last_response_is_archived_as_it_came(
    scenario: Scenario, played: dict[str, dict[str, Any]], observer: Observer
) -> None:
    data = played[scenario.name]["data"]
    body = json.loads(observer.archived(data["answer"]))
    assert body.get("data", body)["status"] == data["vendorStatus"]


def test_document360s_log_is_archived_as_json_and_as_text(
    played: dict[str, dict[str, Any]], observer: Observer
) -> None:
    log = played["document360-warnings"]["data"]["log"]
    content = observer.archived(log["location"])
    assert json.loads(content) == BY_NAME["document360-warnings"].steps[-1]["log"]
    assert log["bytes"] == len(content)
    text = observer.archived(log["location"].replace("log.json", "log.txt")).decode()
    assert "WARNING Article 'Billing': the link to /old/prices leads nowhere." in text.splitlines()


def test_a_log_that_is_never_found_is_requested_twice_more(played: dict[str, dict[str, Any]]) -> None:
    data = played["document360-no-log"]["data"]
    assert data["log"]["reason"] == "Element 'ImportLog' not found."
    first = data["watch"]["polls"] - 2
    assert first >= 1


def test_egains_log_is_copied_from_the_connections_own_bucket(
    played: dict[str, dict[str, Any]], observer: Observer
) -> None:
    log = played["egain-partial"]["data"]["log"]
    assert observer.archived(log["location"]).decode() == LOG_TEXT
    assert (log["source"], log["bytes"]) == ("s3://egain-job-logs/logs/import-logs-4c2d.txt", len(LOG_TEXT))


def test_a_log_in_a_bucket_of_another_connection_is_only_named(played: dict[str, dict[str, Any]]) -> None:
    log = played["egain-failed"]["data"]["log"]
    assert log["source"] == "s3://another-accounts-bucket/logs/import-logs-9f1b.txt"
    assert log["reason"]


def test_correlation_id_and_metadata_come_back(played: dict[str, dict[str, Any]]) -> None:
    data = played["document360-warnings"]["data"]
    assert (data["correlationId"], data["metadata"]) == ("handbook-2026-11", {"team": "docs", "articles": 412})


def test_a_pasted_location_is_watched_as_the_job_that_it_names(played: dict[str, dict[str, Any]]) -> None:
    scenario = BY_NAME["egain-failed"]
    assert "/" in scenario.event["detail"]["importId"]
    assert played["egain-failed"]["data"]["importId"] == scenario.import_id


def test_an_id_beyond_the_safe_integers_keeps_its_digits(played: dict[str, dict[str, Any]]) -> None:
    assert played["voyado-success"]["data"]["importId"] == "5537431447739019570"


def test_the_same_event_twice_is_watched_once(
    played: dict[str, dict[str, Any]], observer: Observer, stack: LocalStack
) -> None:
    scenario = BY_NAME["document360-warnings"]
    ends = sorted(observer.states(arn)[-1] for arn in observer.executions(scenario.import_id))
    assert ends == ["AlreadyWatched", "OutcomePublished"]
    polls = stack.simulators["document360"].polled_at(scenario.import_id)
    assert len(polls) == played["document360-warnings"]["data"]["watch"]["polls"]


@pytest.mark.usefixtures("played")
def test_a_start_event_of_an_ended_watch_ends_quietly(observer: Observer, stack: LocalStack) -> None:
    scenario = BY_NAME["voyado-aborted"]
    before = len(observer.executions(scenario.import_id))
    stack.start_import(scenario.event["detail"])
    arns = wait_until(
        lambda: found if len(found := observer.executions(scenario.import_id)) > before else None, 20, "an execution"
    )
    ends = sorted(observer.states(arn)[-1] for arn in arns)
    assert ends == ["AlreadyWatched", "OutcomePublished"]
    assert len(observer.messages(key(scenario))) == 1


def test_every_field_at_fault_is_named(played: dict[str, dict[str, Any]]) -> None:
    event = played["two-faults"]
    assert f"vendor must be one of {', '.join(VENDORS)}" in event["data"]["message"]
    assert "timeoutSeconds must be a whole number" in event["data"]["message"]
    assert event["data"]["watch"]["polls"] == 0
