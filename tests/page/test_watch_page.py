"""The facts of one watch, without a browser."""

from __future__ import annotations

from dataclasses import replace

import pytest
from import_watch.model.outcome import Outcome, WatchResult
from import_watch.model.record import StoredWatch
from import_watch_cli.page.logs import Excerpt
from import_watch_cli.page.watch_page import Reading, context

from tests.page.seeding import EXECUTION, a_watch, seeded_story

NOW = 1_795_688_640.0
RECORD = StoredWatch(a_watch("egain", "1", NOW - 60), EXECUTION, stop_reason="by mistake")


@pytest.mark.parametrize(
    ("result", "names"),
    [
        (None, ["Stop requested"]),
        (WatchResult(Outcome.UNKNOWN, NOW, reason="WATCH_STOPPED"), ["Stopped because"]),
        (WatchResult(Outcome.SUCCEEDED, NOW), []),
    ],
)
def test_a_stop_is_a_fact_where_it_counted(result: WatchResult | None, names: list[str]) -> None:
    record = replace(RECORD, result=result)
    reading = Reading(record, seeded_story(None, record), Excerpt(None, ""), NOW, NOW, 0.0)  # type: ignore[arg-type]
    facts = context(reading, str.title, NOW)["facts"]
    assert [fact.name for fact in facts if fact.text == "by mistake"] == names
