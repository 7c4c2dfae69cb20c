"""One word per concept: what the code calls an outcome, a reason or a status, schemas and pages call it too."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any

import pytest
from import_watch.model.observation import ImportState, LogStatus, Severity
from import_watch.model.outcome import Outcome, Reason
from import_watch.notifications.notification import event_type
from import_watch.services.vendor_registry import VendorRegistry

from local.display import COLOURS
from local.paths import EVENTS, FUNCTIONS, ROOT

NOTIFICATION: dict[str, Any] = json.loads((EVENTS / "schemas" / "notification.schema.json").read_text())
START: dict[str, Any] = json.loads((EVENTS / "schemas" / "import-started.schema.json").read_text())
DATA: dict[str, Any] = NOTIFICATION["properties"]["data"]["properties"]
REFERENCE = (ROOT / "docs" / "reference.md").read_text()


def values(kind: type[StrEnum]) -> set[str]:
    return {member.value for member in kind}


@pytest.mark.parametrize(
    ("kind", "listed"),
    [
        (Outcome, DATA["outcome"]["enum"]),
        (Reason, NOTIFICATION["oneOf"][2]["properties"]["data"]["properties"]["reason"]["enum"]),
        (LogStatus, DATA["log"]["properties"]["status"]["enum"]),
        (Severity, DATA["problems"]["items"]["properties"]["severity"]["enum"]),
    ],
)
def test_the_schema_lists_every_word(kind: type[StrEnum], listed: list[str]) -> None:
    assert set(listed) == values(kind)


@pytest.mark.parametrize("word", sorted(values(Outcome) | values(Reason) | values(LogStatus)))
def test_the_reference_explains_every_value(word: str) -> None:
    assert f"| `{word}` |" in REFERENCE


def test_every_outcome_has_a_type_and_a_colour() -> None:
    """An outcome that is added has to be decided on here."""
    assert {outcome: event_type(outcome) for outcome in Outcome} == {
        Outcome.SUCCEEDED: "ImportCompleted",
        Outcome.PARTIAL: "ImportCompleted",
        Outcome.FAILED: "ImportFailed",
        Outcome.CANCELLED: "ImportFailed",
        Outcome.UNKNOWN: "ImportFailed",
    }
    assert COLOURS.keys() == values(Outcome)


def test_every_state_that_a_vendor_can_tell_is_mapped_by_some_vendor() -> None:
    """A state that is added has to be given to the vendors that know it; UNRECOGNISED is for what nobody mapped."""
    vendors = VendorRegistry(FUNCTIONS)
    mapped = {state for name in vendors.names for _, state in vendors.adapter(name).statuses.items()}
    assert mapped == set(ImportState) - {ImportState.UNRECOGNISED}


def test_the_schema_lists_every_vendor_folder() -> None:
    assert set(START["properties"]["detail"]["properties"]["vendor"]["enum"]) == set(VendorRegistry(FUNCTIONS).names)
