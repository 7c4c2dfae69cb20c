"""The model: keys of watches, times, and values as JSON and back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from import_watch.model.observation import ImportState, Problem, ReportedProgress, Severity
from import_watch.model.outcome import Outcome, WatchResult
from import_watch.model.serialization import camel, from_json, to_json
from import_watch.model.timestamps import iso, parse_iso
from import_watch.model.watch import Start, Watch, watch_id

WATCH = Watch(
    watch_id="egain#default#1",
    vendor="egain",
    connection="default",
    import_id="1",
    registered_at=1_700_000_000.25,
    deadline=1_700_086_400.25,
)
RESULT = WatchResult(
    outcome=Outcome.PARTIAL,
    message="Import 1 at egain completed, but with 2 errors.",
    detected_at=1_700_000_100.0,
    retryable=False,
    counts={"errors": 2, "warnings": 0},
    problems=(Problem(Severity.ERROR, "no title"), Problem(Severity.INFO, "done")),
    detection_lag_seconds=0.0,
)
FULL_WATCH = replace(
    WATCH,
    import_state=ImportState.RUNNING,
    progress=ReportedProgress(0.5, 0.01),
    only_unreadable=False,
    last_trouble="HTTP 503",
    awaiting_log=RESULT,
)

# Few letters, so that ids which differ only in how they are escaped come up often.
PARTS = st.text(alphabet="#%235ab", max_size=6)
TRIPLES = st.tuples(PARTS, PARTS, PARTS)


def test_a_watch_is_known_by_vendor_connection_and_import() -> None:
    assert watch_id("egain", "default", "4b1c") == "egain#default#4b1c"


@pytest.mark.parametrize(("import_id", "escaped"), [("a#b", "a%23b"), ("a%b", "a%25b"), ("a%23b", "a%2523b")])
def test_separators_are_escaped_in_the_parts_of_a_key(import_id: str, escaped: str) -> None:
    assert watch_id("egain", "default", import_id) == f"egain#default#{escaped}"


@given(TRIPLES, TRIPLES)
@example(("a#b", "c", "d"), ("a", "b#c", "d"))
@example(("a", "b", "%23"), ("a", "b", "#"))
def test_no_two_imports_share_a_watch(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    assert (watch_id(*one) == watch_id(*other)) == (one == other)


@pytest.mark.parametrize(
    ("time", "text"),
    [(0, "1970-01-01T00:00:00.000Z"), (1_769_851_800.5, "2026-01-31T09:30:00.500Z"), (None, None)],
)
def test_a_time_is_written_in_utc_with_milliseconds(time: float | None, text: str | None) -> None:
    assert iso(time) == text


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T09:30:00Z",
        "2026-01-31T09:30:00.000Z",
        "2026-01-31T09:30:00",
        "2026-01-31 09:30",
        "2026-01-31T11:30:00+02:00",
        "2026-01-31T07:00-0230",
    ],
)
def test_a_time_is_read_with_its_offset_and_without_one_as_utc(text: str) -> None:
    assert parse_iso(text) == 1_769_851_800


@pytest.mark.parametrize(
    "text",
    [None, 1_769_851_800, "", "soon", "2026-01-31", "2026-02-30T00:00:00Z", "2026-01-31T25:00:00Z", "2026-01-31T" * 9],
)
def test_what_is_no_time_is_none(text: object) -> None:
    assert parse_iso(text) is None


@given(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_time_is_written_and_read_to_the_millisecond(moment: datetime) -> None:
    assert parse_iso(iso(moment.timestamp())) == pytest.approx(moment.timestamp(), abs=0.002)


OFFSETS = st.integers(-1_439, 1_439).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(timezones=OFFSETS).map(datetime.isoformat))
@example("0001-01-01T00:00:00+01:00")
@example("9999-12-31T23:59:59-01:00")
@example("9999-12-31T23:59:59.999999Z")
def test_every_time_that_can_be_read_can_be_written(text: str) -> None:
    time = parse_iso(text)
    # An event or a vendor may send any time, and an accepted one is published in the notification.
    assert time is None or iso(time) is not None


@pytest.mark.parametrize(
    ("name", "json_name"), [("import_id", "importId"), ("vendor", "vendor"), ("log_polls", "logPolls")]
)
def test_fields_have_their_json_names(name: str, json_name: str) -> None:
    assert camel(name) == json_name


def test_json_has_no_field_that_is_none() -> None:
    assert to_json(WATCH) == {
        "watchId": "egain#default#1",
        "vendor": "egain",
        "connection": "default",
        "importId": "1",
        "registeredAt": 1_700_000_000.25,
        "deadline": 1_700_086_400.25,
        "attempt": 1,
        "generation": 1,
        "executions": 1,
        "takeovers": 0,
        "executionPolls": 0,
        "arrivalIndex": 1,
        "histories": {},
        "polls": 0,
        "vendorErrors": 0,
        "pollMilliseconds": 0,
        "failures": 0,
        "onlyUnreadable": True,
        "logPolls": 0,
    }


def test_json_is_plain_to_the_last_value() -> None:
    assert to_json(RESULT) == {
        "outcome": "PARTIAL",
        "message": "Import 1 at egain completed, but with 2 errors.",
        "detectedAt": 1_700_000_100.0,
        "retryable": False,
        "counts": {"errors": 2, "warnings": 0},
        "problems": [{"severity": "ERROR", "text": "no title"}, {"severity": "INFO", "text": "done"}],
        "detectionLagSeconds": 0.0,
    }


@pytest.mark.parametrize("watch", [WATCH, FULL_WATCH], ids=["new", "full"])
def test_a_watch_survives_json(watch: Watch) -> None:
    assert from_json(Watch, json.loads(json.dumps(to_json(watch)))) == watch


def test_an_enum_read_from_json_is_an_enum_again() -> None:
    read = from_json(Watch, to_json(FULL_WATCH))
    assert isinstance(read.import_state, ImportState)
    assert read.awaiting_log is not None
    assert isinstance(read.awaiting_log.problems[0].severity, Severity)


def test_metadata_survives_json_with_its_nulls_and_its_keys() -> None:
    start = Start("egain", "1", metadata={"snake_case": None, "list": [1, {"a": 1.5}]})
    assert from_json(Start, json.loads(json.dumps(to_json(start)))) == start


def test_a_null_is_read_as_a_field_that_is_not_there() -> None:
    assert from_json(Watch, to_json(WATCH) | {"lastPollAt": None}) == WATCH


def test_unknown_keys_are_ignored() -> None:
    assert from_json(Watch, to_json(WATCH) | {"addedLater": {"by": "a newer version"}}) == WATCH


@pytest.mark.parametrize("key", ["watchId", "vendor", "connection", "importId", "registeredAt", "deadline"])
def test_a_key_that_is_missing_is_named(key: str) -> None:
    state = to_json(WATCH)
    del state[key]
    with pytest.raises(ValueError, match=rf"Watch\.{key} is missing"):
        from_json(Watch, state)


def test_a_missing_key_of_a_nested_object_is_named() -> None:
    state = to_json(FULL_WATCH)
    del state["awaitingLog"]["outcome"]
    with pytest.raises(ValueError, match=r"WatchResult\.outcome is missing"):
        from_json(Watch, state)


def test_an_unknown_state_is_refused() -> None:
    with pytest.raises(ValueError, match="PAUSED"):
        from_json(Watch, to_json(WATCH) | {"importState": "PAUSED"})
