"""One word per concept: code, schemas and pages use the same values, and none uses a word that the glossary refuses."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any

import pytest
from import_watch.model.observation import ImportState, LogStatus, Severity
from import_watch.model.outcome import Outcome, Reason
from import_watch.notifications.notification import event_type
from import_watch.services.vendor_registry import VendorRegistry
from import_watch_cli.display import COLOURS

from local.paths import EVENTS, FUNCTIONS, ROOT
from tests.contract import markdown, vocabulary
from tests.contract.vocabulary import Glossary, Use

NOTIFICATION: dict[str, Any] = json.loads((EVENTS / "schemas" / "notification.schema.json").read_text())
START: dict[str, Any] = json.loads((EVENTS / "schemas" / "import-started.schema.json").read_text())
DATA: dict[str, Any] = NOTIFICATION["properties"]["data"]["properties"]
REFERENCE = (ROOT / "docs" / "reference.md").read_text()
GLOSSARY = Glossary(vocabulary.GLOSSARY.read_text())
PACKAGE = ROOT / "layers" / "import_watch" / "import_watch"


def values(kind: type[StrEnum]) -> set[str]:
    return {member.value for member in kind}


@pytest.mark.parametrize(
    ("kind", "listed"),
    [
        (Outcome, DATA["outcome"]["enum"]),
        (Reason, NOTIFICATION["properties"]["data"]["oneOf"][2]["properties"]["reason"]["enum"]),
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
    """A new outcome needs an event type and a colour."""
    assert {outcome: event_type(outcome) for outcome in Outcome} == {
        Outcome.SUCCEEDED: "ImportCompleted",
        Outcome.PARTIAL: "ImportCompleted",
        Outcome.FAILED: "ImportFailed",
        Outcome.CANCELLED: "ImportFailed",
        Outcome.UNKNOWN: "ImportFailed",
    }
    assert COLOURS.keys() == values(Outcome)


OF_OTHER_VENDORS = {ImportState.PARTIAL, ImportState.EXPIRED, ImportState.REVERTED, ImportState.RESULT_EXPIRED}
"""States that no vendor of this repository has, and other vendors do."""


def test_every_state_of_an_import_is_mapped_by_some_vendor() -> None:
    """A new state has to be mapped by some vendor; UNRECOGNISED is for statuses that are not mapped."""
    adapters = [VendorRegistry(FUNCTIONS).adapter(name) for name in VendorRegistry(FUNCTIONS).names]
    apis = [adapter.api(version) for adapter in adapters for version in adapter.versions]
    mapped = {state for api in apis for _, state in api.statuses.items()}
    assert mapped - OF_OTHER_VENDORS == set(ImportState) - {ImportState.UNRECOGNISED} - OF_OTHER_VENDORS


# ------------------------------------------------------------ the glossary's words


@pytest.mark.parametrize("area", vocabulary.AREAS)
def test_no_refused_word_is_used(area: str) -> None:
    """`python -m tests.contract.vocabulary` lists those of the areas that are not enforced yet."""
    assert [str(finding) for finding in vocabulary.findings(area)] == []


@pytest.mark.parametrize("area", vocabulary.AREAS)
def test_every_area_can_be_read(area: str) -> None:
    sources = {**vocabulary.TEXTS, **vocabulary.NAMES, "docstring openings": vocabulary.openings}
    if area != "docstring openings":
        assert any(use.text.strip() for use in sources[area]())
    assert all(use.path.is_file() for use in sources[area]())


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Nobody was told.", "told"),
        ("The vendor answers late.", "answers"),
        ("The watch carries on.", "carries on"),
        ("It needs a\nround.", "round"),
        ("Telling people is its job.", "Telling"),
    ],
)
def test_a_refused_word_is_found_in_a_text(text: str, word: str) -> None:
    assert word in [found.word for found in GLOSSARY.in_text(use(text))]


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("was_told", "told"),
        ("TellStalled", "Tell"),
        ("PutOffPoll", "Put Off"),
        ("lastAnswer", "Answer"),
        ("MOST_POLLS", "MOST"),
        ("BYTES_KEPT", "KEPT"),
        ("Ending", "Ending"),
    ],
)
def test_a_refused_word_is_found_in_a_name(name: str, word: str) -> None:
    assert [found.word for found in GLOSSARY.in_name(use(name))] == [word]


@pytest.mark.parametrize(
    "text",
    ["`answer` is released", "one round trip", "UNREADABLE_ANSWER", "The tally is stale.", "It is returned.", "most"],
)
def test_other_words_are_accepted_in_a_text(text: str) -> None:
    plain = markdown.without_code_spans(text)
    assert [str(found) for found in GLOSSARY.in_text(use(plain))] == []


@pytest.mark.parametrize("name", ["UNREADABLE_ANSWER", "last_trouble", "kept_answer", "round_up", "task", "most_polls"])
def test_other_words_are_accepted_in_a_name(name: str) -> None:
    assert [str(found) for found in GLOSSARY.in_name(use(name))] == []


def test_the_glossary_is_in_alphabetical_order() -> None:
    words = [row[0].lower() for row in GLOSSARY.terms]
    assert words == sorted(set(words))
    assert len(words) > 40


def test_the_glossary_refuses_no_word_that_it_prescribes() -> None:
    for row in GLOSSARY.terms:
        found = [str(one) for cell in row[:2] for one in GLOSSARY.in_text(use(cell))]
        assert found == [], row[0]


@pytest.mark.parametrize("row", GLOSSARY.terms, ids=lambda row: row[0])
def test_every_term_is_defined_where_the_glossary_locates_it(row: list[str]) -> None:
    path = row[3].strip("`")
    assert (PACKAGE / path).is_file() or (ROOT / path).is_file()


def use(text: str) -> Use:
    return Use(vocabulary.GLOSSARY, 1, text)
