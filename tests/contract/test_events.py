"""Every file in `events/` against its JSON Schema and the code, and the demo's scenarios against both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from import_watch.lifecycle.start_event import parse, parse_change
from import_watch.services.vendor_registry import VendorRegistry

from local.paths import EVENTS, FUNCTIONS
from local.scenarios import SCENARIOS, Scenario
from tests.contract.samples import samples
from tests.contract.schemas import faults, written

STARTS = sorted((EVENTS / "import-started").glob("*.json"))
INVALID = {"two-faults"}
VENDORS = VendorRegistry(FUNCTIONS)


@pytest.mark.parametrize("path", STARTS, ids=lambda path: path.stem)
def test_a_sample_start_event_is_valid_by_schema_and_code(path: Path) -> None:
    event = json.loads(path.read_text())
    valid = not faults("import-started", event)
    assert valid == (not faults("import-started-detail", event["detail"])) == (path.stem not in INVALID)
    assert (not parse(event, VENDORS.names, VENDORS.adapter).faults) is valid


def test_the_event_with_two_faults_has_two() -> None:
    event = json.loads((EVENTS / "import-started" / "two-faults.json").read_text())
    parsed = parse(event, VENDORS.names, VENDORS.adapter)
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
    assert (not faults("import-changed", event)) is valid
    assert (not parse_change(event, VENDORS.names, VENDORS.adapter).faults) is valid


def test_the_sample_notifications_are_what_is_published() -> None:
    """`python -m tests.contract.samples` writes them."""
    found = {path: path.read_text() for folder in ("notifications", "stalled") for path in (EVENTS / folder).iterdir()}
    assert found == {path: written(event) for path, event in samples().items()}


def test_there_is_a_sample_notification_for_every_outcome() -> None:
    outcomes = {event["data"].get("outcome") for event in samples().values()}
    assert outcomes == {"SUCCEEDED", "PARTIAL", "FAILED", "CANCELLED", "UNKNOWN", None}


def test_every_sample_start_event_is_in_the_demo() -> None:
    assert {path.stem for path in STARTS} == {scenario.name for scenario in SCENARIOS}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_scenario_scripts_the_import_that_its_event_names(scenario: Scenario) -> None:
    parsed = parse(scenario.event, VENDORS.names, VENDORS.adapter)
    assert parsed.faults or parsed.start.import_id == scenario.import_id
