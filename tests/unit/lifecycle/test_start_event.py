"""The start event: every field valid and invalid, all faults at once, and no disagreement with its JSON Schema."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from import_watch.lifecycle.start_event import (
    KNOWN_FIELDS,
    MAX_METADATA_DEPTH,
    SAFE_INTEGER,
    StartEvent,
    event_id,
    parse,
    parse_change,
)
from import_watch.model.serialization import JSON
from import_watch.model.watch import Start
from import_watch.services.vendor_registry import VendorRegistry
from jsonschema import Draft202012Validator

Detail: TypeAlias = dict[str, JSON]

ROOT = Path(__file__).resolve().parents[3]
VENDORS = VendorRegistry(ROOT / "functions")
UUID = "4b1c2f0e-9d57-4f7e-8a53-0c8b6f1f2a11"
MINIMAL: Detail = {"vendor": "voyado", "importId": "4711"}
FULL: Detail = {
    "vendor": "egain",
    "importId": UUID,
    "connection": "sandbox",
    "correlationId": "release 12 / nightly",
    "metadata": {"team": "content", "run": 7},
    "startedAt": "2026-01-31T09:30:00Z",
    "timeoutSeconds": 3_600,
    "watchAgain": True,
    "taskToken": "AQC-token-1",
}
REMOVED = object()


def event(detail: JSON) -> JSON:
    return {"detail-type": "ImportStarted", "detail": detail}


def parsed(detail: JSON) -> StartEvent:
    return parse(event(detail), VENDORS.names, VENDORS.adapter)


def valid(detail: JSON) -> Start:
    read = parsed(detail)
    assert not read.faults
    return read.start


def invalid(detail: JSON) -> StartEvent:
    read = parsed(detail)
    assert read.faults, "was accepted"
    return read


def fields_at_fault(detail: JSON) -> list[str]:
    return [fault.split()[0] for fault in invalid(detail).faults]


def test_a_minimal_event_gets_the_defaults() -> None:
    assert valid(MINIMAL) == Start("voyado", "4711", vendor_title="Voyado Elevate")


def test_a_full_event_is_read_whole() -> None:
    assert valid(FULL) == Start(
        vendor="egain",
        import_id=UUID,
        connection="sandbox",
        correlation_id="release 12 / nightly",
        metadata={"team": "content", "run": 7},
        started_at=1_769_851_800.0,
        timeout_seconds=3_600,
        vendor_title="eGain",
        watch_again=True,
        task_token="AQC-token-1",
    )


@pytest.mark.parametrize(
    "field", ["connection", "correlationId", "metadata", "startedAt", "timeoutSeconds", "watchAgain", "taskToken"]
)
def test_an_optional_field_that_is_null_counts_as_missing(field: str) -> None:
    without = {name: value for name, value in FULL.items() if name != field}
    assert valid(FULL | {field: None}) == valid(without)


@pytest.mark.parametrize(
    ("vendor", "raw", "read"),
    [
        ("voyado", 4711, "4711"),
        ("voyado", " 4711\n", "4711"),
        ("document360", "a/b%20c?d#e", "a/b%20c?d#e"),
        ("document360", "x" * 200, "x" * 200),
        ("voyado", SAFE_INTEGER, "9007199254740992"),
        ("egain", UUID.upper(), UUID.upper()),
        ("egain", f"knowledge/contentmgr/v4/import/content/{UUID}/status", UUID),
        ("egain", f"https://api.example.egain.cloud/import/content/{UUID}", UUID),
    ],
)
def test_an_import_id_is_read_in_the_vendor_s_own_form(vendor: str, raw: str | int, read: str) -> None:
    assert valid({"vendor": vendor, "importId": raw}).import_id == read


@pytest.mark.parametrize(
    ("field", "value", "attribute", "read"),
    [
        ("connection", "A-z_0.9", "connection", "A-z_0.9"),
        ("connection", "c" * 64, "connection", "c" * 64),
        ("connection", "...", "connection", "..."),
        ("connection", ".a", "connection", ".a"),
        ("correlationId", "é", "correlation_id", "é"),
        ("correlationId", "c" * 256, "correlation_id", "c" * 256),
        ("metadata", {}, "metadata", {}),
        ("metadata", {"k": "é" * 2_044}, "metadata", {"k": "é" * 2_044}),
        ("startedAt", "2026-01-31T11:30:00+02:00", "started_at", 1_769_851_800.0),
        ("startedAt", "2026-01-31 09:30", "started_at", 1_769_851_800.0),
        ("timeoutSeconds", 1, "timeout_seconds", 1),
        ("timeoutSeconds", 2_592_000, "timeout_seconds", 2_592_000),
        ("timeoutSeconds", 60.0, "timeout_seconds", 60),
        ("watchAgain", True, "watch_again", True),
        ("watchAgain", False, "watch_again", False),
        ("taskToken", "t" * 2_048, "task_token", "t" * 2_048),
    ],
)
def test_an_optional_field_is_taken_over_up_to_its_limits(field: str, value: JSON, attribute: str, read: JSON) -> None:
    assert getattr(valid(MINIMAL | {field: value}), attribute) == read


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("vendor", REMOVED),
        ("vendor", None),
        ("vendor", "Voyado"),
        ("vendor", "dokument360"),
        ("vendor", ["voyado"]),
        ("vendor", 1),
        ("importId", REMOVED),
        ("importId", None),
        ("importId", ""),
        ("importId", "  "),
        ("importId", ".."),
        ("importId", "two words"),
        ("importId", "é"),
        ("importId", "x" * 201),
        ("importId", True),
        ("importId", 1.5),
        ("importId", SAFE_INTEGER + 1),
        ("importId", 5512340987651234567),
        ("importId", 1e16),
        ("watchAgain", "true"),
        ("watchAgain", 1),
        ("taskToken", ""),
        ("taskToken", "t" * 2_049),
        ("taskToken", "a\nb"),
        ("taskToken", {"token": "t"}),
        ("importId", -1),
        ("importId", {"id": "1"}),
        ("connection", ""),
        ("connection", "."),
        ("connection", ".."),
        ("connection", "a/b"),
        ("connection", "c" * 65),
        ("connection", "default\n"),
        ("connection", 1),
        ("correlationId", ""),
        ("correlationId", "c" * 257),
        ("correlationId", "two\nlines"),
        ("correlationId", 4711),
        ("metadata", []),
        ("metadata", "{}"),
        ("metadata", {"k": "é" * 2_045}),
        ("startedAt", ""),
        ("startedAt", "yesterday"),
        ("startedAt", "2026-01-31"),
        ("startedAt", "2026-02-30T09:30:00Z"),
        ("startedAt", 1_769_851_800),
        ("timeoutSeconds", 0),
        ("timeoutSeconds", -1),
        ("timeoutSeconds", 2_592_001),
        ("timeoutSeconds", 1.5),
        ("timeoutSeconds", "60"),
        ("timeoutSeconds", True),
    ],
)
def test_a_field_that_is_wrong_or_missing_is_named_and_no_other(field: str, value: JSON) -> None:
    detail = {name: given for name, given in (MINIMAL | {field: value}).items() if given is not REMOVED}
    assert fields_at_fault(detail) == [field]


@pytest.mark.parametrize("raw", ["4711", 4711, UUID[:-1], f"{UUID} {UUID}", f"{{{UUID}}}", f"import/{UUID}"])
def test_an_egain_import_id_must_be_a_job_s_uuid(raw: str | int) -> None:
    (fault,) = invalid({"vendor": "egain", "importId": raw}).faults
    assert fault.startswith("importId must be the job's UUID")


@pytest.mark.parametrize(
    ("detail", "fault"),
    [
        ({"vendor": "voyado"}, "importId is missing: it must be the id that the import request gave, without blanks"),
        ({**MINIMAL, "importId": None}, "importId is missing: it must be the id that the import request gave"),
        ({**MINIMAL, "importId": "4 7"}, "importId must be the id that the import request gave, without blanks"),
        ({"importId": "4711"}, f"vendor is missing: it must be one of {', '.join(VENDORS.names)}"),
        ({**MINIMAL, "vendor": ""}, "vendor must be one of "),
    ],
)
def test_a_missing_field_is_distinguished_from_a_wrong_one(detail: Detail, fault: str) -> None:
    (found,) = invalid(detail).faults
    assert found.startswith(fault)


def test_all_faults_are_named_at_once() -> None:
    broken: Detail = {
        "vendor": "unknown",
        "importId": [],
        "connection": "a b",
        "correlationId": 1,
        "metadata": 1,
        "startedAt": 1,
        "timeoutSeconds": 0,
        "watchAgain": 1,
        "taskToken": 1,
    }
    assert fields_at_fault(broken) == list(KNOWN_FIELDS)
    assert fields_at_fault({}) == ["vendor", "importId"]


@pytest.mark.parametrize("import_id", ["two words", "..", "x" * 201], ids=["blank", "dots", "too long"])
def test_an_impossible_id_is_named_beside_an_unknown_vendor(import_id: str) -> None:
    assert fields_at_fault({"vendor": "dokument360", "importId": import_id}) == ["vendor", "importId"]


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("vendor", "x", ", ".join(VENDORS.names)),
        ("importId", "", "must be the id that the import request gave"),
        ("connection", "a b", "1 to 64"),
        ("connection", "..", "neither . nor .."),
        ("correlationId", "", "1 to 256"),
        ("metadata", 1, "4,096 bytes"),
        ("startedAt", "x", "for example 2026-01-31T09:30:00Z"),
        ("timeoutSeconds", 0, "from 1 to 2592000"),
    ],
)
def test_a_fault_names_what_is_valid(field: str, value: JSON, expected: str) -> None:
    (fault,) = invalid(MINIMAL | {field: value}).faults
    assert expected in fault


@pytest.mark.parametrize("detail", [None, [], "text", 1])
def test_a_detail_that_is_no_object_is_a_fault(detail: JSON) -> None:
    assert fields_at_fault(detail) == ["detail"]


@pytest.mark.parametrize("whole", [None, [], "text", {}])
def test_an_event_that_is_no_event_is_a_fault(whole: JSON) -> None:
    start = parse(whole, VENDORS.names, VENDORS.adapter)
    assert start.faults
    assert start.start == Start("", "")


def test_the_readable_fields_of_an_invalid_event_are_returned() -> None:
    assert invalid(FULL | {"timeoutSeconds": "a day"}).start == Start(
        vendor="egain",
        import_id=UUID,
        connection="sandbox",
        correlation_id="release 12 / nightly",
        metadata={"team": "content", "run": 7},
        started_at=1_769_851_800.0,
        vendor_title="eGain",
        watch_again=True,
        task_token="AQC-token-1",
    )


def test_the_value_of_an_invalid_field_is_cut_and_cleaned() -> None:
    start = invalid({"vendor": "doku\nment\x1b[31m", "importId": "x" * 300 + "\x00", "connection": "a/b"}).start
    assert start.vendor == "doku ment [31m"
    assert start.import_id == "x" * 256
    assert start.connection == "a/b"


@pytest.mark.parametrize(("raw", "given_back"), [(4711, "4711"), (1.5, "1.5"), (None, ""), (True, ""), ({}, "")])
def test_an_import_id_that_is_no_text_is_returned_or_empty(raw: JSON, given_back: str) -> None:
    assert invalid({"vendor": "unknown", "importId": raw}).start.import_id == given_back


def test_unknown_fields_are_ignored_and_listed() -> None:
    detail = MINIMAL | {"timeoutInSeconds": 60, "corelationId": "1"}
    assert replace(valid(detail), ignored_fields=()) == valid(MINIMAL)
    assert valid(detail).ignored_fields == ("corelationId", "timeoutInSeconds")


@pytest.mark.parametrize("whole", [None, {}, {"detail": []}, {"detail": FULL}])
def test_an_event_without_unknown_fields_has_none(whole: JSON) -> None:
    assert parse(whole, VENDORS.names, VENDORS.adapter).start.ignored_fields == ()


def test_at_most_ten_unknown_fields_are_listed() -> None:
    assert len(parsed({f"field{n}": n for n in range(30)}).start.ignored_fields) == 10


def nested(levels: int, leaf: JSON = None, *, in_objects: bool = False) -> JSON:
    """Lists, or objects, within each other."""
    for _ in range(levels):
        leaf = {"a": leaf} if in_objects else [leaf]
    return leaf


HOSTILE: dict[str, JSON] = {
    "digits": 10**5_000,
    "negative": -(10**5_000),
    "infinite": float("inf"),
    "no number": float("nan"),
    "lists": nested(1_900),
    "objects": nested(1_900, in_objects=True),
    "100,000 lists": nested(100_000),
    "digits within": {"a": 10**5_000},
    "infinite within": {"a": [float("-inf")]},
    "surrogate": "\ud800",
    "no character": "\ufffe",
    "NUL": "a\x00b",
    "long": "x" * 200_000,
    "truth": True,
}


@pytest.mark.parametrize("field", KNOWN_FIELDS)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_value_that_python_cannot_process_is_a_field_fault(name: str, field: str) -> None:
    detail = MINIMAL | {field: HOSTILE[name]}
    if (name, field) == ("truth", "watchAgain"):
        return
    assert fields_at_fault(detail) == [field]
    start = invalid(detail).start
    given_back = [start.vendor, start.import_id, start.connection, str(start.correlation_id)]
    assert all(text.isprintable() and len(text) <= 256 for text in given_back)
    assert parse({"id": "event-1", "detail": detail}, VENDORS.names, VENDORS.adapter).correlation == "event-1"
    assert parsed(detail | {"\ud800" * 5_000: 1}).start.ignored_fields == ("?" * 100,)


@pytest.mark.parametrize("in_objects", [True, False])
def test_metadata_is_as_deep_as_any_parser_takes(*, in_objects: bool) -> None:
    deepest = {"m": nested(MAX_METADATA_DEPTH - 1, 1, in_objects=in_objects)}
    assert valid(MINIMAL | {"metadata": deepest}).metadata == deepest
    assert fields_at_fault(MINIMAL | {"metadata": {"m": deepest}}) == ["metadata"]
    wide: Detail = {str(number): [] for number in range(400)}
    assert valid(MINIMAL | {"metadata": wide}).metadata == wide


@pytest.mark.parametrize("whole", [{"id": 10**5_000}, {"id": nested(1_900)}, {"resources": nested(1_900)}])
def test_an_envelope_that_python_cannot_process_has_no_id(whole: JSON) -> None:
    assert event_id(whole) is None


# ------------------------------------------------------------- the schema ----


def anchored(schema: JSON) -> JSON:
    """Schema with `$` as JSON Schema defines it: in Python it also matches before a newline at the end."""
    if isinstance(schema, dict):
        return {
            key: re.sub(r"\$$", r"\\Z", value) if key == "pattern" else anchored(value) for key, value in schema.items()
        }
    return [anchored(item) for item in schema] if isinstance(schema, list) else schema


SCHEMA = Draft202012Validator(
    anchored(json.loads((ROOT / "events" / "schemas" / "import-started.schema.json").read_text()))
)


def schema_faults(detail: JSON) -> list[str]:
    return sorted({str(error.absolute_path[1]) for error in SCHEMA.iter_errors(event(detail)) if len(error.path) > 1})


def printable(text: str) -> bool:
    return text.isprintable()


ZONES = ["", "Z", "z", "+02:00", "-0230", "+14:00"]
MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1))  # noqa: DTZ001
WHOLE_SECONDS = MOMENTS.map(lambda moment: moment.replace(microsecond=0))
TIMES = st.builds(
    lambda moment, fraction, separator, zone: moment.isoformat(sep=separator) + fraction + zone,
    WHOLE_SECONDS,
    st.just("") | st.from_regex(r"[.,][0-9]{1,9}", fullmatch=True),
    st.sampled_from(["T", "t", " "]),
    st.sampled_from(ZONES),
) | st.builds(lambda moment, zone: moment.strftime("%Y-%m-%dT%H:%M") + zone, MOMENTS, st.sampled_from(ZONES))
NO_TIMES = [
    "",
    "2026-01-31",
    "2026-01-31T09",
    "2026-01-31T0930",
    "2026-01-31T093000Z",
    "2026-W05-6T09:30:00Z",
    "2026-01-31T09:30:00+02",
    "2026-01-31T09:30:00+02:00:30",
    "2026-01-31T09:30:00 Z",
    "2026-01-31T09:30:00.1234567891Z",
    "2026-01-31_09:30:00Z",
    " 2026-01-31T09:30:00Z",
    "2026-01-31T09:30:00Z\n",
    "Sat, 31 Jan 2026 09:30:00 GMT",
]
NO_IDS = ["", " ", ".", " .. ", "two words", "é", "x" * 201, "a\x00b", f"{{{UUID}}}", f"urn:uuid:{UUID}", UUID[:-1]]
WRONG_TYPES = st.sampled_from([True, False, 1.5, [], ["egain"], {}, {"a": None}, 0, 7, -3, 10**9, "text"])
IDS = st.one_of(
    st.from_regex(r"\s{0,2}[!-~]{1,200}\s{0,2}", fullmatch=True),
    st.uuids().map(str),
    st.uuids().map(lambda uuid: f" https://host/knowledge/contentmgr/v4/import/content/{uuid}/status/"),
    st.integers(),
    st.sampled_from([10**199, 10**200, 5.0, *NO_IDS]),
    st.text(max_size=5),
)
VALUES: dict[str, st.SearchStrategy[JSON]] = {
    "vendor": st.sampled_from([*VENDORS.names, *VENDORS.names, "Egain", "", None]),
    "importId": IDS | st.none() | WRONG_TYPES,
    "connection": st.one_of(
        st.from_regex(r"[A-Za-z0-9_.-]{0,66}", fullmatch=True),
        st.sampled_from(["default\n", "a b", "a/b", "é", ".", "..", "...", None]),
        WRONG_TYPES,
    ),
    "correlationId": st.text(max_size=10).filter(printable)
    | st.sampled_from(["c" * 256, "é" * 257, None])
    | WRONG_TYPES,
    "metadata": st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5)) | st.none() | WRONG_TYPES,
    "startedAt": TIMES | st.sampled_from([*NO_TIMES, None]) | WRONG_TYPES,
    "timeoutSeconds": st.one_of(
        st.integers(-1, 5), st.integers(2_591_999, 2_592_001), st.floats(0.5, 5), st.just(60.0), st.none(), WRONG_TYPES
    ),
    "somethingElse": st.text(max_size=5),
}
GOOD: dict[str, st.SearchStrategy[JSON]] = {name: st.just(value) for name, value in FULL.items()}
GOOD["vendor"] = st.sampled_from(VENDORS.names)


@st.composite
def details(draw: st.DrawFn) -> Detail:
    """Draw an event's detail of which one or two fields are odd, and one may be missing."""
    odd = draw(st.sets(st.sampled_from(sorted(VALUES)), min_size=1, max_size=2))
    missing = draw(st.sets(st.sampled_from(sorted(FULL)), max_size=1))
    return {name: draw(VALUES[name] if name in odd else GOOD[name]) for name in sorted((odd | set(FULL)) - missing)}


@settings(max_examples=500)
@given(details() | st.fixed_dictionaries(VALUES))
def test_the_code_accepts_exactly_the_events_of_the_schema(detail: Detail) -> None:
    assert (not parsed(detail).faults) == SCHEMA.is_valid(event(detail))


@settings(max_examples=500)
@given(details().filter(lambda detail: detail.get("vendor") in VENDORS.names and "importId" in detail))
def test_the_code_and_the_schema_name_the_same_fields(detail: Detail) -> None:
    named = [fault.split()[0] for fault in parsed(detail).faults]
    assert sorted(named) == schema_faults(detail)


@pytest.mark.parametrize("raw", [*NO_TIMES, *(f"2026-01-31T09:30:00{zone}" for zone in ZONES), "2026-01-31t09:30,5z"])
def test_the_code_accepts_exactly_the_times_of_the_schema(raw: str) -> None:
    detail = MINIMAL | {"startedAt": raw}
    assert (not parsed(detail).faults) == SCHEMA.is_valid(event(detail))


@pytest.mark.parametrize("vendor", VENDORS.names)
@pytest.mark.parametrize("raw", [*NO_IDS, 0, -7, 10**199, 10**200, 5.0, 1.5], ids=lambda raw: str(raw)[:20])
def test_the_code_accepts_exactly_the_import_ids_of_the_schema(vendor: str, raw: str | float) -> None:
    detail: Detail = {"vendor": vendor, "importId": raw}
    assert (not parsed(detail).faults) == SCHEMA.is_valid(event(detail))


@pytest.mark.parametrize("detail", [None, [], "text", {}])
def test_the_schema_wants_a_detail_with_vendor_and_import_id(detail: JSON) -> None:
    assert not SCHEMA.is_valid(event(detail))
    assert parsed(detail).faults


def test_the_schema_itself_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA.schema)


def test_the_schema_allows_thirty_days_and_no_second_more() -> None:
    seconds = 30 * 86_400
    assert [SCHEMA.is_valid(event(MINIMAL | {"timeoutSeconds": seconds + more})) for more in (0, 1)] == [True, False]


@pytest.mark.parametrize(
    ("given", "faults", "ignored"),
    [
        ({"importID": "1"}, ["unknown field importID: did you mean importId?"], ()),
        ({"import_id": "1"}, ["unknown field import_id: did you mean importId?"], ()),
        ({"import-id": "1", "importId": None}, ["unknown field import-id: did you mean importId?"], ()),
        ({"importId": "1", "Vendor": "egain"}, [], ("Vendor",)),
        ({"importId": "1", "import_id": "2"}, [], ("import_id",)),
        ({"importId": "1", "task_token": "secret"}, ["unknown field task_token: did you mean taskToken?"], ()),
        ({"importId": "1", "Watch-Again": True}, ["unknown field Watch-Again: did you mean watchAgain?"], ()),
        ({"importId": "1", "importIds": "2"}, [], ("importIds",)),
        (
            {"ImportId": "1", "metaData": {}},
            ["unknown field ImportId: did you mean importId?", "unknown field metaData: did you mean metadata?"],
            (),
        ),
    ],
)
def test_a_field_that_differs_only_in_its_spelling_is_a_fault_where_the_known_one_is_absent(
    given: Detail, faults: list[str], ignored: tuple[str, ...]
) -> None:
    found = parsed({"vendor": "voyado"} | given)
    assert list(found.faults) == faults
    assert found.start.ignored_fields == ignored


@pytest.mark.parametrize("number", [SAFE_INTEGER + 1, 5512340987651234567, 1e17, 10**37])
def test_a_number_that_may_have_lost_digits_is_refused_with_the_reason(number: float) -> None:
    (fault,) = invalid(MINIMAL | {"importId": number}).faults
    assert fault.startswith("importId must be sent as a text: ")


@pytest.mark.parametrize(
    ("detail_type", "faults"),
    [
        ("ImportStarted", []),
        (None, []),
        ("importStarted", ["detail-type must be ImportStarted (or ImportChanged), not importStarted"]),
        ("Import Started", ["detail-type must be ImportStarted (or ImportChanged), not Import Started"]),
        ("ImportEnded", ["detail-type must be ImportStarted (or ImportChanged), not ImportEnded"]),
        ("", ["detail-type must be ImportStarted (or ImportChanged), not an empty text"]),
    ],
)
def test_an_event_of_another_type_is_invalid(detail_type: str | None, faults: list[str]) -> None:
    given = {"id": "event-1", "detail-type": detail_type, "detail": FULL}
    assert list(parse(given, VENDORS.names, VENDORS.adapter).faults) == faults


def test_the_fields_of_an_event_with_a_misspelled_type_are_checked_too() -> None:
    given = {"id": "event-1", "detail-type": "import_started", "detail": MINIMAL | {"importId": ""}}
    assert len(parse(given, VENDORS.names, VENDORS.adapter).faults) == 2
    assert len(parse(given | {"detail-type": "Order"}, VENDORS.names, VENDORS.adapter).faults) == 1


@pytest.mark.parametrize(
    ("detail", "watch_id", "faults"),
    [
        ({"vendor": "voyado", "importId": " 5 "}, "voyado#default#5", 0),
        ({"vendor": "voyado", "importId": "5", "connection": "a", "metadata": 7}, "voyado#a#5", 0),
        ({"vendor": "voyado", "import_id": "5"}, None, 1),
        ({"vendor": "other", "importId": ""}, None, 2),
        (None, None, 2),
        ([], None, 2),
    ],
)
def test_an_event_about_a_change_names_its_watch(detail: JSON, watch_id: str | None, faults: int) -> None:
    change = parse_change({"id": "e", "detail-type": "ImportChanged", "detail": detail}, VENDORS.names, VENDORS.adapter)
    assert len(change.faults) == faults
    assert watch_id is None or change.watch_id == watch_id


def test_other_fields_of_a_change_are_listed_as_ignored() -> None:
    detail = {"vendor": "voyado", "importId": "5", "taskToken": "a-token", "why": {"a": 1}, "\x1bz": None}
    change = parse_change({"id": "e", "detail-type": "ImportChanged", "detail": detail}, VENDORS.names, VENDORS.adapter)
    assert (change.faults, change.start.task_token) == ((), None)
    assert change.start.ignored_fields == ("taskToken", "why", "z")
    assert "a-token" not in repr(change)


def test_no_fault_contains_a_task_token() -> None:
    secret = "AQC\nsecret" * 300
    found = invalid(MINIMAL | {"taskToken": secret})
    assert found.faults == ("taskToken must be a text of 1 to 2,048 printable characters",)
    assert "secret" not in repr(found)
    assert "token-1" not in repr(valid(MINIMAL | {"taskToken": "token-1"}))


@pytest.mark.parametrize(
    ("detail", "token"),
    [
        ({"task_token": "t"}, "t"),
        ({"TaskToken": "t", "taskToken": None}, "t"),
        ({"task_token": "t", "taskToken": "own"}, "own"),
        ({"task_token": 7}, None),
        ({"task_token": "t" * 2_049}, None),
        ({"token": "t"}, None),
    ],
)
def test_a_task_with_a_misspelled_token_is_not_left_waiting(detail: Detail, token: str | None) -> None:
    found = parsed(MINIMAL | detail)
    assert found.start.task_token == token
    assert bool(found.faults) == (token != "own" and "token" not in detail)
