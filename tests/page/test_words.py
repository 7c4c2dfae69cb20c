"""Words, queries, marks and curves of the page, without a browser and a server."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from import_watch.model.observation import ImportState
from import_watch.model.record import StoredWatch
from import_watch_cli.page import geometry
from import_watch_cli.page.listing import LINES_PER_PAGE, Query, active_rows, element_id, health
from import_watch_cli.page.overview import Overview
from import_watch_cli.page.states import active_sentence, state_of
from import_watch_cli.page.words import dollars, next_poll, percent, short_duration, size, visible
from import_watch_cli.story import Poll

from tests.page.seeding import EXECUTION, a_watch

NOW = 1_795_688_640.0


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (short_duration(-3), "0 s"),
        (short_duration(59.9), "59 s"),
        (short_duration(60), "1 m"),
        (short_duration(3_899), "1 h 4 m"),
        (short_duration(7_200), "2 h"),
        (short_duration(183_600), "2 d 3 h"),
        (next_poll(0.9), "now"),
        (next_poll(41.5), "in 41 s"),
        (percent(0.999), 99),
        (percent(0.29), 29),
        (percent(1.0), 100),
        (percent(-1), 0),
        (size(812), "812 B"),
        (size(18_400), "18 KB"),
        (size(2_400_000), "2.4 MB"),
        (dollars(0), "$0.00"),
        (dollars(0.0058), "$0.0058"),
        (dollars(1_234.5), "$1,234.50"),
        (visible("plain"), "plain"),
        (visible("a\x1b[31m\x00\x7f\x85"), "a\\x1b[31m\\x00\\x7f\\x85"),
        (visible("\u202etxt\u2028\ufeff"), "\\u202etxt\\u2028\\ufeff"),
        (visible("a\nb\tc\rd", frozenset("\n\t")), "a\nb\tc\\x0dd"),
        (visible("\U000e0001"), "\\U000e0001"),
        (element_id("watch", "\ud800 <"), element_id("watch", "\ud800 <")),
    ],
)
def test_a_value_has_its_words(found: object, expected: object) -> None:
    assert found == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, Query()),
        ({"view": "nonsense", "period": "1y", "before": "x", "start": "-1"}, Query()),
        ({"view": "ended", "outcome": "failed"}, Query(view="ended", outcome="failed")),
        ({"outcome": "failed"}, Query()),
        ({"view": "ended", "outcome": "<script>"}, Query(view="ended")),
        ({"view": "ended", "before": "1795688640.25"}, Query(view="ended", before=1_795_688_640.25)),
        ({"view": "ended", "before": "nan"}, Query(view="ended")),
        ({"view": "ended", "before": "1e99"}, Query(view="ended")),
        ({"start": "٣"}, Query()),
        ({"q": f" {'x' * 2_000} "}, Query(text="x" * 1_024)),
    ],
)
def test_a_query_has_only_known_values(values: dict[str, str], expected: Query) -> None:
    assert Query.parse(values) == expected


@pytest.mark.parametrize(
    ("query", "changes", "expected"),
    [
        (Query(), {}, "/"),
        (Query(text="a&b=c#"), {}, "/?q=a%26b%3Dc%23"),
        (Query(view="ended", outcome="failed", period="7d"), {}, "/?view=ended&outcome=failed&period=7d"),
        (Query(view="ended", outcome="failed"), {"view": "active"}, "/"),
        (Query(start=200), {}, "/"),
        (Query(), {"start": LINES_PER_PAGE}, "/?start=200"),
        (Query(view="ended"), {"before": 12.5}, "/?view=ended&before=12.5"),
    ],
)
def test_a_url_leads_to_the_first_page(query: Query, changes: dict[str, object], expected: str) -> None:
    assert query.url(**changes) == expected


def a_record(import_id: str, **state: Any) -> StoredWatch:
    return StoredWatch(a_watch("egain", import_id, NOW - 100, **state), EXECUTION)


def test_failing_watches_come_first_then_the_newest() -> None:
    records = [a_record("old"), a_record("failing", failures=3, failing_since=NOW - 60), a_record("new")]
    watches = [
        replace(record, watch=replace(record.watch, registered_at=NOW - 100 + index))
        for index, record in enumerate(records)
    ]
    rows = active_rows(Overview(NOW, tuple(watches)), Query())
    assert [row.import_id for row in rows] == ["failing", "new", "old"]
    assert [state_of(row).label for row in rows] == ["3 polls failed", "Registered", "Registered"]


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([{}], ("queued", None, None)),
        ([{"polls": 4, "last_poll_at": NOW}], ("ok", "0.5 s", None)),
        ([{"failures": 1, "failing_since": NOW - 9, "last_trouble": "HTTP 503"}], ("failed", None, "HTTP 503")),
        (
            [
                {"polls": 4, "last_poll_at": NOW},
                {"failures": 1, "failing_since": NOW - 9, "last_trouble": "HTTP 503"},
                {"failures": 2, "failing_since": NOW - 20, "last_trouble": "HTTP 429", "last_poll_at": NOW},
            ],
            ("unknown", "0.5 s", "HTTP 429"),
        ),
    ],
)
def test_health_is_that_of_the_last_polls(
    states: list[dict[str, Any]], expected: tuple[str, str | None, str | None]
) -> None:
    records = [a_record(str(index), **state) for index, state in enumerate(states)]
    latencies = {record.watch.watch_id: 0.5 for record in records if record.watch.polls}
    (vendor,) = health(records, latencies, str.upper)
    assert (vendor.tone, vendor.latency, vendor.error) == expected
    assert vendor.title == "EGAIN"
    assert vendor.since == min((state["failing_since"] for state in states if "failing_since" in state), default=None)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({}, "Import 7 at eGain is being watched; it was not polled yet."),
        ({"import_state": ImportState.QUEUED}, "Import 7 is queued at eGain."),
        ({"import_state": ImportState.RUNNING}, "Import 7 is running at eGain."),
        ({"import_state": ImportState.NOT_FOUND}, "eGain does not know import 7 yet."),
        (
            {"import_state": ImportState.QUEUED, "announced_start": NOW + 60},
            "Import 7 is scheduled at eGain and has not started yet.",
        ),
        (
            {"failures": 2, "last_trouble": "HTTP 503"},
            "The last 2 polls of import 7 at eGain failed: HTTP 503.",
        ),
    ],
)
def test_an_active_import_has_a_sentence(state: dict[str, Any], expected: str) -> None:
    assert active_sentence(a_record("7", **state), "eGain", NOW) == expected


def polls(times: list[float], state: str | None = "RUNNING", fraction: float | None = None) -> list[Poll]:
    return [Poll(index + 1, at, state, fraction, None, None, None) for index, at in enumerate(times)]


def test_marks_are_to_scale() -> None:
    found = geometry.timeline(polls([NOW, NOW + 10, NOW + 50, NOW + 100]), NOW, NOW + 100)
    assert found is not None
    assert [round(mark.x) for mark in found.marks] == [0, 10, 50, 100]
    assert found.legend[0].text == "4 running"
    assert found.description.startswith("Time line of 4 polls from ")


@pytest.mark.parametrize("length", [1, 40, 3_600, 86_400, 2_592_000])
def test_ticks_are_few_and_inside(length: int) -> None:
    found = geometry.timeline(polls([NOW, NOW + length]), NOW, NOW + length)
    assert found is not None
    assert len(found.ticks) <= geometry.MAX_TICKS + 1
    assert all(0 <= tick.x <= 100 for tick in found.ticks)


def test_many_polls_keep_every_change() -> None:
    times = [NOW + index for index in range(20_000)]
    many = polls(times)
    many[9_999] = replace(many[9_999], state=None, error="HTTP 503")
    found = geometry.timeline(many, NOW, times[-1])
    assert found is not None
    assert len(found.marks) <= geometry.MAX_MARKS
    assert sum(mark.is_failed for mark in found.marks) == 1
    assert [entry.text for entry in found.legend] == ["19,999 running", "1 poll failed"]


@pytest.mark.parametrize(
    ("fractions", "curve"),
    [([None, None], None), ([0.5], None), ([0.0, 1.0], "3.0,100.0 997.0,0.0"), ([0.5, 7.0], "3.0,50.0 997.0,0.0")],
)
def test_the_curve_is_the_reported_progress(fractions: list[float | None], curve: str | None) -> None:
    given = [Poll(index, NOW + 60 * index, "RUNNING", one, None, None, None) for index, one in enumerate(fractions)]
    found = geometry.chart(given, NOW, NOW + 60)
    assert (found.curve if found else None) == curve


def test_no_poll_has_no_picture() -> None:
    assert geometry.timeline([], NOW, NOW) is None
