"""Every file in `events/` against its JSON Schema, and the demo's scenarios against both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from import_watch.lifecycle.start_event import parse, parse_change
from import_watch.services.vendor_registry import VendorRegistry
from jsonschema import Draft202012Validator

from local.paths import EVENTS, FUNCTIONS
from local.scenarios import SCENARIOS, Scenario

STARTS = sorted((EVENTS / "import-started").glob("*.json"))
NOTIFICATIONS = sorted((EVENTS / "notifications").glob("*.json"))
INVALID = {"two-faults"}


def schema(name: str) -> Draft202012Validator:
    document = json.loads((EVENTS / "schemas" / f"{name}.schema.json").read_text())
    Draft202012Validator.check_schema(document)
    return Draft202012Validator(document, format_checker=Draft202012Validator.FORMAT_CHECKER)


def faults(validator: Draft202012Validator, document: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


@pytest.mark.parametrize("path", STARTS, ids=lambda path: path.stem)
def test_a_sample_start_event_is_valid_by_schema_and_code(path: Path) -> None:
    event = json.loads(path.read_text())
    vendors = VendorRegistry(FUNCTIONS)
    valid = not faults(schema("import-started"), event)
    parsed = parse(event, vendors.names, vendors.adapter)
    assert valid == (path.stem not in INVALID)
    assert (not parsed.faults) is valid


def test_the_event_with_two_faults_has_two() -> None:
    event = json.loads((EVENTS / "import-started" / "two-faults.json").read_text())
    vendors = VendorRegistry(FUNCTIONS)
    parsed = parse(event, vendors.names, vendors.adapter)
    assert parsed.faults
    assert [fault.split()[0] for fault in parsed.faults] == ["vendor", "timeoutSeconds"]


CHANGED = json.loads((EVENTS / "import-changed" / "egain.json").read_text())


@pytest.mark.parametrize(
    ("changes", "valid"),
    [
        ({}, True),
        ({"connection": None}, True),
        ({"metadata": 7}, True),
        ({"importId": "1"}, False),
        ({"vendor": "other"}, False),
        ({"connection": "a/b"}, False),
    ],
)
def test_an_event_about_a_change_is_valid_by_schema_and_code_alike(changes: dict[str, Any], *, valid: bool) -> None:
    event = {**CHANGED, "detail": {**CHANGED["detail"], **changes}}
    vendors = VendorRegistry(FUNCTIONS)
    assert (not faults(schema("import-changed"), event)) is valid
    assert (not parse_change(event, vendors.names, vendors.adapter).faults) is valid


@pytest.mark.parametrize("path", NOTIFICATIONS, ids=lambda path: path.stem)
def test_a_sample_notification_is_valid(path: Path) -> None:
    assert faults(schema("notification"), json.loads(path.read_text())) == []


def test_there_is_a_sample_notification_for_every_outcome() -> None:
    outcomes = {json.loads(path.read_text())["data"]["outcome"] for path in NOTIFICATIONS}
    assert outcomes == {"SUCCEEDED", "PARTIAL", "FAILED", "CANCELLED", "UNKNOWN"}


def test_the_schema_refuses_a_failed_import_as_completed() -> None:
    event = json.loads(NOTIFICATIONS[0].read_text())
    wrong = {**event, "type": "ImportCompleted", "data": {**event["data"], "outcome": "FAILED"}}
    assert faults(schema("notification"), wrong)


def test_every_sample_start_event_is_in_the_demo() -> None:
    assert {path.stem for path in STARTS} == {scenario.name for scenario in SCENARIOS}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_scenario_scripts_the_import_that_its_event_names(scenario: Scenario) -> None:
    vendors = VendorRegistry(FUNCTIONS)
    parsed = parse(scenario.event, vendors.names, vendors.adapter)
    assert parsed.faults or parsed.start.import_id == scenario.import_id
