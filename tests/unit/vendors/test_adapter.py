"""The adapter contract: status maps, safe reading of fields, and the rules for responses of all vendors."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from import_watch.model.observation import FINISHED, MAX_PROBLEM_TEXT, FailedPoll, ImportState, Observation, PollError
from import_watch.model.outcome import Outcome, Reason, WatchResult
from import_watch.model.text import clean
from import_watch.model.watch import Watch
from import_watch.notifications.messages import sentence
from import_watch.vendors.adapter import MAX_BYTES, MAX_BYTES_WITH_LOG, StatusMap
from import_watch.vendors.fields import (
    MAX_ID_LENGTH,
    count_of,
    id_of,
    integer_of,
    list_of,
    number_of,
    object_of,
    printable_id,
    text_of,
    texts_of,
    time_of,
)
from import_watch.vendors.response import error_text, is_html, parse_response, unreadable
from import_watch.vendors.response_body import HttpResponse

from tests.conformance.sample import samples
from tests.unit.aws_fixtures import VENDORS, adapter

HUGE = 10**400
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def a_response(status: int, body: Any = None, *, truncated: bool = False) -> HttpResponse:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpResponse(status, {}, data, truncated)


def url(vendor: str, base_url: str, import_id: str) -> str:
    return adapter(vendor).api().request.bind(base_url, {}, import_id).url


def has_a_plain_url(vendor: str) -> bool:
    """Whether the id is all that differs between the URLs of a vendor's requests."""
    request = adapter(vendor).api().request
    return not request.query and request.url_placeholders == {"importId"}


class TestStatusMap:
    def test_a_status_that_is_mapped_twice_is_refused(self) -> None:
        with pytest.raises(ValueError, match="'Done' is mapped twice"):
            StatusMap({ImportState.SUCCEEDED: ("Done",), ImportState.FAILED: ("Done",)})

    @pytest.mark.parametrize("other", ["IN PROGRESS", "in_progress", "In-Progress"])
    def test_a_status_mapped_twice_in_another_spelling_is_refused(self, other: str) -> None:
        with pytest.raises(ValueError, match=f"{other!r} is mapped twice"):
            StatusMap({ImportState.RUNNING: ("In Progress",), ImportState.QUEUED: (other,)})

    def test_a_state_from_no_status_is_refused(self) -> None:
        with pytest.raises(ValueError, match="CANCELLED is mapped from no status"):
            StatusMap({ImportState.SUCCEEDED: ("Done",), ImportState.CANCELLED: ()})

    @pytest.mark.parametrize(
        "raw",
        [
            "In Progress",
            "IN PROGRESS",
            "  In Progress\n",
            "InProgress",
            "in__progress",
            "In-\u00a0PROGRESS",
            "iN\tpROGRESS",
        ],
    )
    def test_case_blanks_and_dashes_do_not_matter(self, raw: str) -> None:
        assert StatusMap({ImportState.RUNNING: ("In Progress",)})[raw] is ImportState.RUNNING

    @pytest.mark.parametrize("raw", ["Canceled", "CANCELLED", "can-celed", "C A N C E L E D"])
    @pytest.mark.parametrize("mapped", ["Cancelled", "CANCELED"])
    def test_cancelled_has_two_spellings(self, raw: str, mapped: str) -> None:
        assert StatusMap({ImportState.CANCELLED: (mapped,)})[raw] is ImportState.CANCELLED

    @pytest.mark.parametrize("raw", ["Progress", "", "In Progress!", "In.Progress", "_", "Inprogressing"])
    def test_anything_else_is_unrecognised(self, raw: str) -> None:
        assert StatusMap({ImportState.RUNNING: ("In Progress",)})[raw] is ImportState.UNRECOGNISED

    def test_every_mapped_status_is_listed(self) -> None:
        statuses = StatusMap({ImportState.QUEUED: ("Queued", "Initiated"), ImportState.FAILED: ("Error",)})
        assert dict(statuses.items()) == {
            "queued": ImportState.QUEUED,
            "initiated": ImportState.QUEUED,
            "error": ImportState.FAILED,
        }


class TestReaders:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("plain", "plain"),
            ("  outer blanks \n", "outer blanks"),
            ("two\nlines\x00\x1b[31m", "two lines  [31m"),
            ("half \ud83d a pair", "half ? a pair"),
            ("right-to-left \u202e override", "right-to-left   override"),
            ("Größe 木 🙂", "Größe 木 🙂"),
            ("", None),
            (" \t\n\x00", None),
            (None, None),
            (5, None),
            (True, None),
            (["text"], None),
            ({"text": 1}, None),
        ],
    )
    def test_a_text_is_cleaned_or_none(self, value: Any, expected: str | None) -> None:
        assert text_of(value) == expected

    def test_a_text_is_cut(self) -> None:
        assert text_of("x" * 5_000) == "x" * MAX_PROBLEM_TEXT

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (0, 0),
            (7, 7),
            (7.0, 7),
            ("7", 7),
            (" 7 ", 7),
            ("007", 7),
            (10**15 - 1, 10**15 - 1),
            (10**15, None),
            (HUGE, None),
            (-1, None),
            (-1.0, None),
            (7.5, None),
            (1e300, None),
            (float("nan"), None),
            (float("inf"), None),
            (float("-inf"), None),
            (True, None),
            (False, None),
            ("", None),
            ("-7", None),
            ("7.0", None),
            ("1e3", None),
            ("1_000", None),
            ("\u0667", None),
            ("9" * 5_000, None),
            ("\ud800", None),
            (None, None),
            ([7], None),
            ({}, None),
        ],
    )
    def test_a_count_is_a_whole_number_that_is_not_negative_or_none(self, value: Any, expected: int | None) -> None:
        found = integer_of(value)
        assert found == expected
        assert found is None or type(found) is int

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (0, 0.0),
            (-2, -2.0),
            (99.5, 99.5),
            (float("nan"), None),
            (float("inf"), None),
            (float("-inf"), None),
            (1e16, None),
            (HUGE, None),
            (-HUGE, None),
            (True, None),
            ("5", None),
            (None, None),
            ([], None),
        ],
    )
    def test_a_number_is_of_sane_size_or_none(self, value: Any, expected: float | None) -> None:
        assert number_of(value) == expected

    @pytest.mark.parametrize("value", [None, 0, "", "{}", [], [{}], True, float("nan")])
    def test_anything_but_an_object_is_an_empty_object(self, value: Any) -> None:
        assert object_of(value) == {}

    @pytest.mark.parametrize("value", [None, 0, "", "[]", {}, {"0": 1}, True, float("nan")])
    def test_anything_but_a_list_is_an_empty_list(self, value: Any) -> None:
        assert list_of(value) == []

    def test_an_object_and_a_list_are_given_as_they_are(self) -> None:
        assert (object_of({"a": 1}), list_of([1])) == ({"a": 1}, [1])

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("2024-03-01T10:00:00.000Z", 1_709_287_200.0),
            ("2024-03-01T11:00:00+01:00", 1_709_287_200.0),
            ("2024-03-01T10:00:00", 1_709_287_200.0),
            ("2024-03-01", None),
            ("tomorrow at ten", None),
            (1_709_287_200, None),
            (True, None),
            ("2024-13-01T10:00:00Z", None),
            ("\ud800" * 20, None),
            (None, None),
        ],
    )
    def test_a_time_is_an_iso_date_time_or_none(self, value: Any, expected: float | None) -> None:
        assert time_of(value) == expected

    @given(ANYTHING)
    def test_no_reader_raises(self, value: Any) -> None:
        text = text_of(value)
        assert text is None or (text.isprintable() and text.encode("utf-8"))
        for reader in (integer_of, number_of, time_of, object_of, list_of):
            reader(value)

    @given(st.text(st.characters(exclude_categories=())))
    def test_a_cleaned_text_is_printable_and_can_be_encoded(self, text: str) -> None:
        cleaned = clean(text)
        assert cleaned.isprintable()
        assert cleaned.encode("utf-8").decode() == cleaned.strip()

    @pytest.mark.parametrize("raw", ["5512340987651234567", "a/b?c#d", "  padded  ", "..a", "x" * MAX_ID_LENGTH])
    def test_an_id_of_visible_ascii_is_taken(self, raw: str) -> None:
        assert printable_id(raw) == raw.strip()

    @pytest.mark.parametrize(
        "raw", ["", "  ", ".", "..", " .. ", "a b", "a\nb", "a\x00", "ü", "\ud800", "x" * (MAX_ID_LENGTH + 1)]
    )
    def test_an_id_that_is_invalid_in_a_path_is_refused(self, raw: str) -> None:
        assert printable_id(raw) is None


WIDE = [
    (encoding, mark) for encoding in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be") for mark in ("", "\ufeff")
]
DEEP = b"[" * 100_000 + b"]" * 100_000


class TestResponse:
    @pytest.mark.parametrize(
        "body",
        [
            *(b"", b"null", b"<html>", b"{", b'{"a":', b"\xff\xfe\x00", b"[" * 100_000, b"\xed\xa0\x80"),
            *(b'{"a":1,}', b"callback({})", b")]}',\n{}", b"{'a':1}", b"{} {}", b"\0", b'"', b"]", b"}" * 200),
        ],
        ids=lambda body: repr(body[:8]),
    )
    def test_a_body_that_is_not_json_is_none(self, body: bytes) -> None:
        assert HttpResponse(200, {}, body).json() is None

    @pytest.mark.parametrize(
        ("content_type", "body", "text"),
        [
            ("application/json; charset=ISO-8859-1", b"s\xf6k", "sök"),
            ('text/plain; Charset="WINDOWS-1252"', b"\x80 5", "€ 5"),
            ("text/plain;charset='cp1252' ; x=y", b"\x80 5", "€ 5"),
            ("text/plain; charset=shift_jis", "木".encode("shift_jis"), "木"),
            ("text/plain; charset=GB18030", "木".encode("gb18030"), "木"),
            ("text/plain; charset=us-ascii", "ö".encode(), "ö"),
            ("text/plain; charset=utf-8", b"s\xf6k", "s\ufffdk"),
            ("text/plain; charset=iso-8859-1", b"\xef\xbb\xbf" + "ö".encode(), "ö"),
            ("text/plain; charset=utf-16", "木".encode("utf-16-be"), "木"),
            ("text/plain; charset=utf-16le", "木木".encode("utf-16-le"), "木木"),
            ("application/json; charset=utf-16", b'{"a":1}', '{"a":1}'),
            ("application/json; charset=utf-8", "[12]".encode("utf-16-le"), "[12]"),
            *(
                (f"text/plain; charset={name}", "ö\\u0041+AGE-".encode(), "ö\\u0041+AGE-")
                for name in (
                    *("utf-7", "unicode_escape", "raw_unicode_escape", "idna", "punycode", "base64", "rot13", "hex"),
                    *("zlib", "bz2", "undefined", "mbcs", "nonsense", "x" * 5_000, "..", "", "\0", '"', "utf8;", "ö"),
                )
            ),
        ],
    )
    def test_a_text_is_read_as_declared_where_that_is_an_encoding(
        self, content_type: str, body: bytes, text: str
    ) -> None:
        assert HttpResponse(200, {"content-type": content_type}, body).text == text

    @pytest.mark.parametrize(("encoding", "mark"), WIDE)
    @pytest.mark.parametrize("content_type", ["", "application/json", "text/html; charset=utf-8"])
    def test_undeclared_wide_encodings_are_recognised(self, encoding: str, mark: str, content_type: str) -> None:
        body = (mark + '{"status": "木"}').encode(encoding)
        assert HttpResponse(200, {"content-type": content_type}, body).json() == {"status": "木"}

    @pytest.mark.parametrize(
        ("oddity", "value"),
        [
            (b'"x":1,"x":1', {"x": 1}),
            (b'"x":{"y":[1,{"z":null}]},"x":{"y":[1,{"z":null}]}', {"x": {"y": [1, {"z": None}]}}),
            (b'"x":' + b"9" * 5_000, {"x": "9" * 5_000}),
            (b'"x":1e999999,"y":NaN,"z":-Infinity', {"x": "1e999999", "y": None, "z": "-Infinity"}),
            (b'"x":"\\ud800","y":"a\x00\n\tb","z":"\\u0000"', {"x": "\ud800", "y": "a\x00\n\tb", "z": "\0"}),
            (b'"x":"a\\\\","y":"\\"{[:,"', {"x": "a\\", "y": '"{[:,'}),
            (b'"x":[],"y":{},"z":[{}]', {"x": [], "y": {}, "z": [{}]}),
            (b'"x":"\xff"', {"x": "\ufffd"}),
        ],
    )
    def test_an_odd_field_does_not_hide_the_status(self, oddity: bytes, value: Any) -> None:
        for before, after in (
            (b"", b""),
            (b"\xef\xbb\xbf", b""),
            (b"\0 \r\n", b"\n\0"),
            (b"\xc2\xa0", b"\xe2\x80\x8b"),
        ):
            response = HttpResponse(200, {}, before + b'{"status":"SUCCESS",' + oddity + b"}" + after)
            assert (response.json(), response.fault) == ({"status": "SUCCESS", **value}, None)

    @pytest.mark.parametrize(
        "deep", [DEEP, b'{"":' * 50_000 + b"1" + b"}" * 50_000, b'[{"x":' * 99 + b"[]" + b"}]" * 99]
    )
    def test_a_status_beside_deep_nesting_is_read(self, deep: bytes) -> None:
        value = HttpResponse(200, {}, b'{"x":[1,' + deep + b'],"status":"SUCCESS","y":"]["}').json()
        assert (value["status"], value["x"][0], value["y"]) == ("SUCCESS", 1, "][")

    @pytest.mark.parametrize(
        ("text", "key"),
        [
            ('{"status":"SUCCESS","status":"FAILURE"}', "'status'"),
            ('{"status":"SUCCESS","x":[{"y":1,"y":2}]}', "'y'"),
            ('{"x":1,"x":1.0}', "'x'"),
            ('{"x":1,"x":true}', "'x'"),
            ('{"x":null,"x":0}', "'x'"),
            ('{"x":"","x":null}', "'x'"),
            ('{"x":{"y":1},"x":{"y":1,"z":2}}', "'x'"),
            ('{"x":[1],"x":[1,1]}', "'x'"),
            ('{"":1,"":2}', "''"),
            ('{"a\\n":1,"a\\u000a":2}', r"'a\n'"),
            ('{"' + "k" * 500 + '":1,"' + "k" * 500 + '":2}', f"'{'k' * 60}'"),
        ],
    )
    def test_two_values_under_one_key_are_a_fault_that_names_it(self, text: str, key: str) -> None:
        response = HttpResponse(200, {}, text.encode())
        assert (response.json(), response.fault) == (None, f"the key {key} occurs twice with different values")
        assert unreadable(response, "why").detail == f"HTTP 200: the key {key} occurs twice with different values"

    @pytest.mark.parametrize("vendor", VENDORS.names)
    @pytest.mark.parametrize(
        ("body", "fault"),
        [
            (b'{"status":"SUCCESS","status":"Error"}', "the key 'status' occurs twice with different values"),
            (b"[" + b'{"a":1},' * 600_000 + b"1]", "more values than can be read"),
        ],
        ids=["two values", "many values"],
    )
    def test_a_failed_poll_names_what_makes_a_response_unreadable(self, vendor: str, body: bytes, fault: str) -> None:
        polled = parse_response(adapter(vendor), HttpResponse(200, {}, body), "1")
        assert polled == FailedPoll(PollError.UNREADABLE, f"HTTP 200: {fault}")

    def test_the_text_and_the_value_of_a_body_are_cached(self) -> None:
        response = HttpResponse(200, {}, b'{"status":["SUCCESS"]}')
        assert response.text is response.text
        assert response.json() is response.json()

    @given(st.binary(max_size=40), st.text(max_size=20))
    def test_no_body_and_no_header_raises(self, body: bytes, charset: str) -> None:
        for data in (body, b'{"' + body + b'":1}'):
            response = HttpResponse(200, {"content-type": f"application/json; charset={charset}"}, data)
            assert (response.json() is None) or response.fault is None
            assert error_text(response).isprintable()

    @pytest.mark.parametrize(
        ("body", "html"),
        [
            (b"<!DOCTYPE html>", True),
            (b"\xef\xbb\xbf\r\n<HTML lang=en>", True),
            (b"<!-- a --> <!-- b --><body>", True),
            (b'<?xml version="1.0"?><!doctype html><html>', True),
            ("<html>".encode("utf-16"), True),
            (b"<head/>", True),
            (b"<header>", False),
            (b"<Error><Code>x</Code></Error>", False),
            (b"", False),
            (b"<!-- <html>", False),
            (b"<!---->" * 50_000, False),
            (b'{"message": "<html>"}', False),
            (b"see <html>", False),
        ],
    )
    def test_html_is_known_by_its_body(self, body: bytes, *, html: bool) -> None:
        assert is_html(HttpResponse(403, {"content-type": "application/json"}, body)) is html


@pytest.mark.parametrize("vendor", VENDORS.names)
class TestSharedStatuses:
    @pytest.mark.parametrize(
        ("status", "error"),
        [
            (401, PollError.UNAUTHORIZED),
            (403, PollError.UNAUTHORIZED),
            (429, PollError.THROTTLED),
            (408, PollError.UNAVAILABLE),
            (500, PollError.UNAVAILABLE),
            (502, PollError.UNAVAILABLE),
            (503, PollError.UNAVAILABLE),
            (504, PollError.UNAVAILABLE),
            (599, PollError.UNAVAILABLE),
            (301, PollError.UNREADABLE),
            (302, PollError.UNREADABLE),
            (304, PollError.UNREADABLE),
            (307, PollError.UNREADABLE),
            (308, PollError.UNREADABLE),
        ],
    )
    @pytest.mark.parametrize("body", [b"", b"oops", {"status": "Completed"}, {"status": "SUCCESS"}, [1]])
    def test_a_shared_http_status_is_a_failed_poll_whatever_the_body(
        self, vendor: str, status: int, error: PollError, body: Any
    ) -> None:
        polled = parse_response(adapter(vendor), a_response(status, body), "5")
        assert isinstance(polled, FailedPoll)
        assert polled.error is error
        assert str(status) in polled.detail

    def test_the_text_of_a_server_error_is_kept(self, vendor: str) -> None:
        polled = parse_response(adapter(vendor), a_response(503, b"Cluster is reindexing."), "5")
        assert isinstance(polled, FailedPoll)
        assert "Cluster is reindexing." in polled.detail

    def test_a_truncated_response_is_unreadable_though_it_parses(self, vendor: str) -> None:
        for state in ("Completed", "Successful", "SUCCESS"):
            polled = parse_response(adapter(vendor), a_response(200, {"status": state}, truncated=True), "5")
            assert isinstance(polled, FailedPoll)
            assert polled.error is PollError.UNREADABLE

    @pytest.mark.parametrize("status", [200, 201, 202, 204, 206])
    @pytest.mark.parametrize("body", [b"", b"oops", b"[]", b"{}", b"5", b'{"status":null}', b'{"status":7}'])
    def test_a_response_without_an_import_status_is_unreadable(self, vendor: str, status: int, body: bytes) -> None:
        polled = parse_response(adapter(vendor), a_response(status, body), "5")
        assert isinstance(polled, FailedPoll)
        assert polled.error is PollError.UNREADABLE

    @pytest.mark.parametrize("status", [200, 201, 202, 203, 206, 226])
    def test_any_2xx_with_a_status_is_an_observation(self, vendor: str, status: int) -> None:
        sample = samples()[vendor, adapter(vendor).default_version]
        for state, body in sample.bodies.items():
            polled = parse_response(adapter(vendor), a_response(status, body), sample.import_id)
            assert isinstance(polled, Observation)
            assert polled.state is state

    @pytest.mark.parametrize("status", [400, 402, 405, 406, 407, 409, 411, 418, 422, 425, 431, 451, 499])
    @pytest.mark.parametrize("raw", [None, "SUCCESS", "Completed", "Successful"])
    def test_any_other_4xx_is_a_poll_error_with_the_vendor_s_words(
        self, vendor: str, status: int, raw: str | None
    ) -> None:
        body = {"status": raw, "message": "The header X-Tenant is missing"}
        polled = parse_response(adapter(vendor), a_response(status, body), "5")
        assert isinstance(polled, FailedPoll)
        assert (polled.error, polled.after_grace) == (PollError.UNAVAILABLE, False)
        assert f"HTTP {status}: The header X-Tenant is missing" in polled.detail
        watch = Watch("a#b#5", vendor, "default", "5", 0.0, 1.0)
        reason = Reason.VENDOR_UNAVAILABLE.value
        assert "base URL" not in sentence(watch, WatchResult(Outcome.UNKNOWN, 0.0, reason=reason, detail=polled.detail))

    def test_a_410_is_an_import_that_is_not_found(self, vendor: str) -> None:
        for body in b"", b"gone", b'{"status":"SUCCESS"}':
            polled = parse_response(adapter(vendor), a_response(410, body), "5")
            assert isinstance(polled, Observation)
            assert polled.state is ImportState.NOT_FOUND

    @pytest.mark.parametrize(
        ("headers", "body", "error"),
        [
            pytest.param({}, b"", PollError.UNAUTHORIZED, id="empty"),
            pytest.param({"content-type": "text/html"}, b"", PollError.UNAUTHORIZED, id="empty, whatever its type"),
            pytest.param({}, b'{"message": "no"}', PollError.UNAUTHORIZED, id="JSON"),
            pytest.param({"content-type": "text/html"}, b"Forbidden", PollError.UNAUTHORIZED, id="text called HTML"),
            pytest.param({}, b"<html><title>Denied</title></html>", PollError.UNAVAILABLE, id="HTML"),
            pytest.param(
                {"content-type": "application/json"}, b"\n <!DOCTYPE html>", PollError.UNAVAILABLE, id="doctype"
            ),
            pytest.param({"retry-after": "30"}, b"", PollError.THROTTLED, id="Retry-After"),
            pytest.param({"retry-after": "30"}, b"<html></html>", PollError.THROTTLED, id="Retry-After and HTML"),
        ],
    )
    def test_a_403_is_unauthorized_or_unavailable_by_its_sender(
        self, vendor: str, headers: dict[str, str], body: bytes, error: PollError
    ) -> None:
        polled = parse_response(adapter(vendor), HttpResponse(403, headers, body), "5")
        assert isinstance(polled, FailedPoll)
        assert polled.error is error

    def test_a_status_override_of_the_vendor_comes_first(self, vendor: str) -> None:
        own = FailedPoll(PollError.MISCONFIGURED, "no such tenant")
        api = replace(adapter(vendor).api(), status_overrides={403: own})
        assert parse_response(adapter(vendor), a_response(403, {}), "5", api) is own

    @pytest.mark.parametrize("status", [401, 403, 429])
    def test_a_body_may_decide_a_refusal(self, vendor: str, status: int) -> None:
        def read_refusal(response: HttpResponse, _import_id: str) -> Observation | None:
            return Observation(ImportState.NOT_FOUND) if "account" in response.text else None

        api = replace(adapter(vendor).api(), read_refusal=read_refusal)
        decided = parse_response(adapter(vendor), a_response(status, {"message": "another account"}), "5", api)
        assert decided == Observation(ImportState.NOT_FOUND)
        other = parse_response(adapter(vendor), a_response(status, {"message": "no"}), "5", api)
        assert isinstance(other, FailedPoll)
        assert other.error is (PollError.THROTTLED if status == 429 else PollError.UNAUTHORIZED)

    @pytest.mark.parametrize("state", FINISHED)
    def test_only_a_success_can_state_an_end(self, vendor: str, state: ImportState) -> None:
        end = replace(adapter(vendor).api(), read_refusal=lambda _response, _id: Observation(state))
        polled = parse_response(adapter(vendor), a_response(403, {}), "5", end)
        assert isinstance(polled, FailedPoll)
        assert polled.error is PollError.UNREADABLE

    @pytest.mark.parametrize("depth", [100, 300, 900, 2_000, 100_000])
    def test_deep_nesting_is_no_error(self, vendor: str, depth: int) -> None:
        deep = b"[" * depth + b"]" * depth
        body = b'{"status":"SUCCESS","id":%s,"import_documentation_log":{"x":%s}}' % (deep, deep)
        polled = parse_response(adapter(vendor), a_response(200, body), "5")
        assert isinstance(polled, FailedPoll) or polled.state is ImportState.UNRECOGNISED


class TestErrorText:
    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            ({"developerMessage": "No such job", "message": "second"}, "No such job"),
            ({"message": "Rate limit reached"}, "Rate limit reached"),
            ({"userMessage": "Sorry"}, "Sorry"),
            ({"error": "invalid_client", "error_description": "Unknown client"}, "Unknown client"),
            ({"error": {"code": 5}, "detail": "Nothing there"}, "Nothing there"),
            (
                {"errors": [{"description": "One."}, {"description": None}, "x", {"description": "Two."}]},
                "One.; x; Two.",
            ),
            ({"errors": ["One.", "Two."]}, "One.; Two."),
            ({"errors": "text"}, "text"),
            ({"errors": [{"message": "One."}, {"error": {"detail": "Two."}}]}, "One.; Two."),
            ({"title": "Not valid", "errors": {"id": ["Unknown.", "Too long."]}}, "id: Unknown.; Too long."),
            ({"error": {"code": "x", "message": "Inner"}}, "Inner"),
            ({"title": "Not Found", "status": 404}, "Not Found"),
            ({"Message": "Upper case"}, "Upper case"),
            ([{"message": "In a list"}], "In a list"),
            ([{"errorCode": "GONE", "message": "One."}, {"errorCode": "X", "message": "Two."}], "One.; Two."),
            (
                {"type": "about:blank", "title": "Bad Request", "status": 400, "detail": "Not valid."}
                | {"errors": [{"code": "c", "message": "No such project.", "field": "id", "details": None}]},
                "Not valid. (No such project.)",
            ),
            ({"message": "Not valid", "errors": {"id": "Too long."}}, "Not valid (id: Too long.)"),
            ({"errorMessages": ["One.", "Two."]}, "One.; Two."),
            ({"error": {"error": {"error": {"error": {"error": "too deep"}}}}}, ""),
            ({"message": 5, "errors": None}, ""),
            ([1, 2], ""),
            ({}, ""),
            (b"Cluster\nis   busy\x00", "Cluster is   busy"),
            (b"<!DOCTYPE html><HTML><body>504</body>", ""),
            (b"\xfe\xfd broken", "\ufffd\ufffd broken"),
            ("\ufeff Größe".encode("utf-16-le"), "Größe"),
            (b"\xef\xbb\xbf <!-- a proxy's --><?xml version='1.0'?>\n<Head><title>504</title>", ""),
            (b"", ""),
        ],
    )
    def test_an_error_text_is_the_message_or_the_start_of_the_body(self, body: Any, expected: str) -> None:
        assert error_text(a_response(500, body)) == expected

    @pytest.mark.parametrize("body", [b"x" * 5_000, {"message": "x" * 5_000}, {"errors": [{"description": "x" * 999}]}])
    def test_it_is_short(self, body: Any) -> None:
        assert error_text(a_response(500, body)) == "x" * 200

    @given(ANYTHING)
    def test_it_never_raises_and_is_printable(self, body: Any) -> None:
        assert error_text(a_response(500, body)).isprintable()

    def test_an_unreadable_response_has_status_cause_and_text(self) -> None:
        polled = unreadable(a_response(406, {"message": "Not acceptable"}), "the answer has no status")
        assert polled == FailedPoll(PollError.UNREADABLE, "HTTP 406: the answer has no status (Not acceptable)")


@pytest.mark.parametrize("vendor", [name for name in VENDORS.names if has_a_plain_url(name)])
class TestUrl:
    BASE = "https://api.example"

    @pytest.mark.parametrize(
        ("import_id", "escaped"),
        [
            ("a/b", "a%2Fb"),
            ("../../admin", "..%2F..%2Fadmin"),
            ("a?key=1", "a%3Fkey%3D1"),
            ("a#b", "a%23b"),
            ("100%", "100%25"),
            ("a%2Fb", "a%252Fb"),
            ("{importId}", "%7BimportId%7D"),
            ("a\\b;c&d@e:f", "a%5Cb%3Bc%26d%40e%3Af"),
            ("Größe", "Gr%C3%B6%C3%9Fe"),
        ],
    )
    def test_an_id_stays_one_segment_of_the_path(self, vendor: str, import_id: str, escaped: str) -> None:
        path = adapter(vendor).api().request.path.replace("{importId}", escaped)
        assert url(vendor, self.BASE, import_id) == self.BASE + path

    @pytest.mark.parametrize(
        "base_url",
        ["https://api.example/", "https://api.example/other/path", "https://api.example?x=1", "https://api.example#x"],
    )
    def test_the_base_url_gives_scheme_host_and_port_only(self, vendor: str, base_url: str) -> None:
        assert url(vendor, base_url, "5") == url(vendor, self.BASE, "5")

    def test_a_port_is_kept(self, vendor: str) -> None:
        assert urlsplit(url(vendor, "http://127.0.0.1:8081", "5")).netloc == "127.0.0.1:8081"

    @given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1))
    def test_no_id_changes_where_the_request_goes(self, vendor: str, import_id: str) -> None:
        assume(import_id not in (".", ".."))  # refused: see test_request.py
        parts = urlsplit(url(vendor, self.BASE, import_id))
        prefix, _, suffix = adapter(vendor).api().request.path.partition("{importId}")
        assert (parts.netloc, parts.query, parts.fragment) == ("api.example", "", "")
        assert parts.path.startswith(prefix)
        assert parts.path.endswith(suffix)
        assert parts.path.count("/") == adapter(vendor).api().request.path.count("/")


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "1999-12-31T23:59:59Z"])
def test_a_placeholder_date_is_none(text: str) -> None:
    assert time_of(text) is None


def test_a_date_of_our_century_is_a_time() -> None:
    assert time_of("2000-01-01T00:00:00Z") == 946_684_800.0


def test_the_size_limits_of_a_response_are_as_documented() -> None:
    assert (MAX_BYTES, MAX_BYTES_WITH_LOG) == (1_048_576, 5_242_880)
    assert {VENDORS.adapter(name).api().max_bytes for name in VENDORS.names} == {MAX_BYTES, MAX_BYTES_WITH_LOG}


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (None, None),
        ("", None),
        (0, 0),
        (7, 7),
        (7.0, 7),
        (True, 1),
        ("7", 7),
        (" 7.0 ", 7),
        ("1,234", 1_234),
        ("1.234.567", 1_234_567),
        ("1 234", 1_234),
        ("1\u00a0234", 1_234),
        ("1'234", 1_234),
        ("0 errors", 0),
        ("3 errors", 3),
        ([], 0),
        (["a", {"item": 1}], 2),
        ({}, 0),
        ({"fatal": 2, "minor": "1"}, 3),
        ({"count": 0}, 0),
        ({"a.md": "bad link", "b.md": "too large"}, 2),
        ("many", 99),
        ("-1", 99),
        (-1, 99),
        (0.5, 99),
        (10**30, 99),
        (float("nan"), 99),
    ],
    ids=repr,
)
def test_a_count_is_read_however_it_is_written(value: Any, count: int | None) -> None:
    assert count_of(value, otherwise=99) == count
    assert count_of(value) == (None if count == 99 else count)


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        (None, []),
        ([], []),
        ("boom", ["boom"]),
        (["boom", "", 7, None], ["boom"]),
        ({"description": "boom"}, ["boom"]),
        (
            [{"description": "a"}, {"message": "b"}, {"title": "c", "code": "d"}, {"code": "e"}, {}],
            ["a", "b", "c", "e"],
        ),
    ],
    ids=repr,
)
def test_texts_are_found_in_any_shape_of_a_list_of_errors(value: Any, texts: list[str]) -> None:
    assert texts_of(value) == texts


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("5", "5"),
        (5, "5"),
        (5537431447739019570, "5537431447739019570"),
        (HUGE, None),
        (True, None),
        (5.0, None),
        ([], None),
    ],
    ids=lambda v: repr(v)[:30],
)
def test_an_id_in_a_response_may_be_a_whole_number(value: Any, found: str | None) -> None:
    assert id_of(value) == found
