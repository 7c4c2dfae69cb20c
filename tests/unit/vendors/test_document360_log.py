"""The log inside Document360's responses: counted whole, kept in short, and readable whatever its fields hold."""

from __future__ import annotations

import json
from typing import Any

import pytest
from import_watch.model.observation import MAX_PROBLEMS, ImportState, InlineLog, Observation, Severity
from import_watch.vendors.response import parse_response
from import_watch.vendors.response_body import HttpResponse

from tests.unit.aws_fixtures import adapter

HEAD = "ERROR   "


def seen(log: dict[str, Any], status: str = "Completed") -> Observation:
    body = json.dumps({"status": status, "success": True, "import_documentation_log": log}).encode()
    found = parse_response(adapter("document360"), HttpResponse(200, {}, body), "1")
    assert isinstance(found, Observation)
    return found


def text_of(log: dict[str, Any]) -> str:
    found = seen(log).log
    assert isinstance(found, InlineLog)
    assert found.content == log
    return found.text


def message(severity: int, text: Any, **more: Any) -> dict[str, Any]:
    return {"message_type": severity, "message": text, **more}


def test_no_more_messages_are_kept_than_leave() -> None:
    log = {"messages": [message(1, f"warning {number}") for number in range(500)] + [message(0, "error")] * 3}
    found = seen(log)
    assert [problem.text for problem in found.problems] == [f"warning {number}" for number in range(MAX_PROBLEMS)]
    assert (found.counts["warnings"], found.counts["errors"]) == (500, 3)


def test_the_reason_is_found_however_late_it_stands() -> None:
    log = {
        "messages": [message(2, f"step {number}") for number in range(100)] + [message(0, f"E{n}") for n in range(5)]
    }
    assert seen(log, "Error").reason == "E0; E1; E2"


@pytest.mark.parametrize(
    ("messages", "errors", "warnings", "state"),
    [
        ([1, None, "x", [], {}], 5, 0, ImportState.SUCCEEDED),
        ([message(1, ""), message(1, None), message(1, 5)], 0, 3, ImportState.SUCCEEDED),
        ([message(1, "w")] * 30 + [message(0, "", cancel_operation=True)], 1, 30, ImportState.FAILED),
        ([message(1, "w", cancel_operation=True)], 0, 1, ImportState.SUCCEEDED),
        ([message(0, "e", cancel_operation="true")], 1, 0, ImportState.SUCCEEDED),
    ],
)
def test_every_message_counts(messages: list[Any], errors: int, warnings: int, state: ImportState) -> None:
    found = seen({"messages": messages})
    assert (found.counts["errors"], found.counts["warnings"], found.state) == (errors, warnings, state)


@pytest.mark.parametrize(
    ("log", "text"),
    [
        ({"articles": 3, "languages": None, "messages": []}, "articles: 3\nlanguages: None\n"),
        ({"messages": [message(1, "a"), message(1, "a")]}, "WARNING a\nWARNING a\n"),
        ({"messages": [1] * 1_234_567}, f"{HEAD}(no text) (1,234,567 times)\n"),
        (
            {"messages": [{}, message(1, ""), message(1, None), message(0, "b")]},
            f"{HEAD}(no text)\nWARNING (no text) (2 times)\n{HEAD}b\n",
        ),
        ({"messages": [message(0, "a", cancel_operation=True)]}, f"{HEAD}a (this message ended the import)\n"),
        (
            {"messages": [message(0, 7), message(0, [1, 2]), message(0, {"a": 1})]},
            f"{HEAD}7\n{HEAD}(2 entries: see log.json)\n{HEAD}(1 entries: see log.json)\n",
        ),
        ({"unknown": {"deep": [1, 2]}, "messages": "text"}, "unknown: (1 entries: see log.json)\nERROR   (no text)\n"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_the_text_of_a_log_is_readable(log: dict[str, Any], text: str) -> None:
    assert text_of(log) == text


def test_a_value_that_cannot_be_written_does_no_harm() -> None:
    deep: Any = 0
    for _ in range(5_000):
        deep = [deep]
    content = {"new_versions": 10**5_000, "deep": deep, "messages": [message(0, 10**5_000), message(0, deep)]}

    class Parsed(HttpResponse):
        """One whose parser takes what ours refuses."""

        def json(self) -> Any:
            return {"status": "Completed", "import_documentation_log": content}

    found = parse_response(adapter("document360"), Parsed(200, {}, b""), "1")
    assert isinstance(found, Observation)
    assert isinstance(found.log, InlineLog)
    assert found.log.text == (
        "new_versions: (see log.json)\ndeep: (1 entries: see log.json)\n"
        f"{HEAD}(see log.json)\n{HEAD}(1 entries: see log.json)\n"
    )
    assert found.counts["errors"] == 2
    assert all(problem.severity is Severity.ERROR for problem in found.problems)
