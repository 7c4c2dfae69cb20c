"""Reading the table: active and ended watches, and one by its id, in an account in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from import_watch.model.outcome import Outcome
from import_watch.model.watch import Start, watch_id
from import_watch_cli.errors import CommandError
from import_watch_cli.listing import Listing
from import_watch_cli.output import Output
from import_watch_cli.rows import FAILED
from import_watch_cli.stack import Stack
from import_watch_cli.watches import Watches, one_watch

from tests.unit.aws_fixtures import (
    EXECUTION,
    NOW,
    REGION,
    TABLE,
    a_result,
    a_watch,
    aws_account,
    client,
    connection_store,
    watch_table,
)


class Session:
    def client(self, service: str, **_: Any) -> Any:
        return client(service)


STACK = Stack(
    name="import-watch",
    region=REGION,
    account="123456789012",
    version="0.3.0",
    outputs={"WatchTableName": TABLE, "ImportBusName": "import-watch-imports"},
    session=Session(),
)


@pytest.fixture
def watches(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watches]:
    with aws_account(monkeypatch):
        watch_table()
        yield Watches(STACK)


def put(watches: Watches, import_id: str, vendor: str = "voyado", connection: str = "default", **result: Any) -> str:
    """Store a watch, which is active unless it has a result."""
    key = watch_id(vendor, connection, import_id)
    watch = a_watch(watch_id=key, vendor=vendor, connection=connection, import_id=import_id)
    watches.store.register(
        watch,
        EXECUTION,
        Start(vendor, import_id, connection, correlation_id="c"),
        keeps_log=False,
        result=a_result(**result) if result else None,
    )
    return key


def test_active_watches_are_listed_by_their_next_poll(watches: Watches) -> None:
    for number in range(120):
        key = watch_id("voyado", "default", str(number))
        watch = a_watch(watch_id=key, import_id=str(number), next_poll_at=NOW + 200 - number)
        watches.store.register(watch, EXECUTION, Start("voyado", str(number)), keeps_log=False)
    put(watches, "ended", outcome=Outcome.SUCCEEDED)
    put(watches, "1", vendor="egain")
    rows = watches.active(vendor="voyado")
    assert [row.import_id for row in rows] == [str(number) for number in reversed(range(120))]
    assert [row.import_id for row in watches.active(limit=2)] == ["1", "119"]


def test_ended_watches_are_listed_in_pages(watches: Watches) -> None:
    for number, outcome in enumerate(Outcome):
        for more in range(3):
            put(watches, f"{outcome}-{more}", outcome=outcome, detected_at=NOW + 10 * number + more)
    put(watches, "active")
    rows = watches.ended()
    assert [row.ended_at for row in rows] == sorted((row.ended_at or 0.0 for row in rows), reverse=True)
    assert len(rows) == 15
    first = watches.ended(limit=4)
    assert first + watches.ended(limit=50, before=first[-1].ended_at) == rows
    assert {row.outcome for row in watches.ended(FAILED)} == {"FAILED", "CANCELLED", "UNKNOWN"}
    assert len(watches.ended(since=NOW + 40)) == 3
    assert watches.ended(vendor="egain") == []
    assert len(watches.ended(vendor="voyado", limit=7)) == 7


def test_a_program_gets_every_watch_and_a_person_the_first_50(
    watches: Watches, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("import_watch_cli.watches.PAGE_SIZE", 8)
    # Several end at the same time, so that pages begin and end among them; the last page is a full one.
    keys = [put(watches, str(number), outcome=Outcome.FAILED, detected_at=NOW + number // 5) for number in range(56)]
    Listing(ended=True).run(STACK, Output(as_json=True))
    printed = capsys.readouterr()
    listed = [json.loads(line)["watchId"] for line in printed.out.splitlines()]
    assert (sorted(listed), printed.err) == (sorted(keys), "")
    assert listed == [row.watch_id for row in watches.ended(limit=100)]
    for options, output in ((Listing(ended=True), Output()), (Listing(ended=True, limit=50), Output(as_json=True))):
        options.run(STACK, output)
        printed = capsys.readouterr()
        assert len([line for line in printed.out.splitlines() if "FAILED" in line]) == 50
        assert printed.err == "These are the first 50: --limit lists more.\n"


def test_a_row_of_the_index_is_that_of_the_item(watches: Watches) -> None:
    key = put(watches, "1", outcome=Outcome.FAILED, reason="no key")
    (row,) = watches.ended()
    assert row == watches.attempts(one_watch(STACK, key))[0]
    assert row.to_json() == {
        "watchId": key,
        "vendor": "voyado",
        "connection": "default",
        "importId": "1",
        "attempt": 1,
        "state": "ENDED",
        "outcome": "FAILED",
        "reason": "no key",
        "polls": 0,
        "nextPollAt": None,
        "endedAt": "2026-01-01T00:01:00.000Z",
        "registeredAt": "2026-01-01T00:00:00.000Z",
        "fraction": None,
        "error": None,
        "failures": 0,
        "failingSince": None,
        "correlationId": "c",
    }


UUID = "C8D8976B-FD91-5585-9FD2-A802AC104B80"


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        (("egain", "default", UUID.lower()), UUID),
        (("egain", "default", UUID.lower()), f"knowledge/contentmgr/v4/import/content/{UUID}/status"),
        (("voyado", "second", "5512340987651234567"), " 5512340987651234567 "),
        (("document360", "default", "a%b"), "a%b"),
        (("document360", "default", "a#b"), "a#b"),
        (("document360", "default", "a#b#c"), "a#b#c"),
        (("document360", "second", "1"), "document360#second#1"),
    ],
)
def test_a_watch_is_found_by_its_key_alone(watches: Watches, stored: tuple[str, str, str], text: str) -> None:
    vendor, connection, import_id = stored
    connection_store().watch_began(vendor, connection)
    key = put(watches, import_id, vendor, connection)
    assert one_watch(STACK, text).watch.watch_id == key


@pytest.mark.parametrize("text", ["2", "voyado#default", "voyado#default#1#callbacks", "", "x" * 2_000])
def test_nothing_else_of_the_table_is_found(watches: Watches, text: str) -> None:
    connection_store().watch_began("voyado", "default")
    put(watches, "1")
    item = client("dynamodb").get_item(TableName=TABLE, Key={"watchId": {"S": "voyado#default#1"}})["Item"]
    client("dynamodb").put_item(TableName=TABLE, Item={**item, "watchId": {"S": "voyado#default#1#callbacks"}})
    with pytest.raises(CommandError, match="No watch for import"):
        one_watch(STACK, text)


def test_an_import_of_several_connections_has_to_be_named(watches: Watches) -> None:
    for connection in ("default", "second"):
        connection_store().watch_began("voyado", connection)
        put(watches, "1", connection=connection)
    with pytest.raises(CommandError, match="'voyado#default#1', 'voyado#second#1'"):
        one_watch(STACK, "1")


def test_a_list_of_ended_watches_needs_the_index(watches: Watches) -> None:
    client("dynamodb").update_table(
        TableName=TABLE, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "ended-by-detection"}}]
    )
    put(watches, "1")
    with pytest.raises(CommandError, match=r"needs release 0\.3\.0, and stack import-watch is of 0\.2\.0"):
        Watches(replace(STACK, version="0.2.0")).ended()
