"""Ended watches are listed by outcome and time, from all shards of their index."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from import_watch.aws.ended_watches import ended_watches
from import_watch.aws.watch_store import WatchStore
from import_watch.aws.watch_writer import Conflict
from import_watch.model.outcome import Outcome
from import_watch.model.watch import watch_id

from tests.unit.aws_fixtures import EXECUTION, NOW, TABLE, a_result, a_start, a_watch, aws_account, client, watch_table

OUTCOMES = (Outcome.FAILED, Outcome.SUCCEEDED, Outcome.UNKNOWN)


@pytest.fixture(scope="module")
def table() -> Iterator[WatchStore]:
    """Forty watches: every third one failed, and each ended a second after the one before."""
    with pytest.MonkeyPatch.context() as monkeypatch, aws_account(monkeypatch):
        watches = watch_table()
        for number in range(40):
            watch = a_watch(watch_id=watch_id("voyado", "default", str(number)), import_id=str(number), polls=number)
            result = a_result(outcome=OUTCOMES[number % 3], detected_at=NOW + number, reason="x" * 300)
            watches.register(watch, EXECUTION, a_start(import_id=str(number)), keeps_log=False, result=result)
        watches.register(a_watch(watch_id="voyado#default#active"), EXECUTION, a_start(), keeps_log=False)
        yield watches


def listed(**given: Any) -> list[int]:
    return [int(entry["importId"]) for entry in ended_watches(client("dynamodb"), TABLE, **given)]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"outcomes": OUTCOMES}, range(39, -1, -1)),
        ({"limit": 3}, [39, 38, 37]),
        ({"limit": 0}, []),
        ({"outcomes": []}, []),
        ({"outcomes": [Outcome.FAILED]}, range(39, -1, -3)),
        ({"outcomes": [Outcome.FAILED, Outcome.UNKNOWN], "limit": 3}, [39, 38, 36]),
        ({"outcomes": [Outcome.PARTIAL]}, []),
        ({"since": NOW + 38}, [39, 38]),
        ({"after": (NOW + 2, "voyado#default#2")}, [1, 0]),
        ({"since": NOW + 3, "after": (NOW + 6, "voyado#default#6"), "limit": 2}, [5, 4]),
    ],
)
@pytest.mark.usefixtures("table")
def test_a_list_has_the_latest_first(given: dict[str, Any], expected: list[int]) -> None:
    assert listed(**given) == list(expected)


@pytest.mark.parametrize("size", [1, 2, 7])
def test_pages_together_are_the_whole_list(table: WatchStore, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"same-{number}" for number in range(10)]
    for name in names:
        watch = a_watch(watch_id=watch_id("egain", "default", name), import_id=name)
        result = a_result(outcome=Outcome.CANCELLED, detected_at=NOW)
        with suppress(Conflict):
            table.register(watch, EXECUTION, a_start(import_id=name), keeps_log=False, result=result)
    monkeypatch.setattr("import_watch.aws.ended_watches.MAX_PAGE_SIZE", 2)
    pages: list[str] = []
    after = None
    while page := ended_watches(
        client("dynamodb"), TABLE, outcomes=[Outcome.CANCELLED, Outcome.FAILED], after=after, limit=size
    ):
        pages += [entry["importId"] for entry in page]
        after = (float(page[-1]["detectedAt"]), page[-1]["watchId"])
    assert pages == [*map(str, range(39, 0, -3)), *names, "0"]


@pytest.mark.usefixtures("table")
def test_an_entry_has_what_a_list_shows() -> None:
    (entry,) = ended_watches(client("dynamodb"), TABLE, limit=1)
    assert entry.pop("ended").startswith("FAILED#")
    assert entry == {
        "watchId": "voyado#default#39",
        "vendor": "voyado",
        "connection": "default",
        "importId": "39",
        "attempt": 1,
        "outcome": "FAILED",
        "outcomeReason": "x" * 200,
        "detectedAt": NOW + 39,
        "registeredAt": NOW,
        "polls": 39,
    }
