"""Details of an ended import: what a page adds, how pages are requested, and that no missing page is taken for none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from import_watch.http_client.details import read_details
from import_watch.model.observation import (
    MAX_PROBLEMS,
    FailedPoll,
    ImportState,
    LogRecord,
    LogStatus,
    MissingDetails,
    MissingLog,
    Observation,
    PollError,
    Problem,
    Severity,
)
from import_watch.model.outcome import Outcome
from import_watch.model.watch import Tolerance
from import_watch.vendors import fields
from import_watch.vendors.adapter import Adapter, Api, ConnectionSpec, StatusMap
from import_watch.vendors.authentication import ApiKey
from import_watch.vendors.details import MAX_CURSOR, MAX_PAGES, Details, Page, with_page
from import_watch.vendors.request import RequestSpec
from import_watch.vendors.response_body import HttpResponse

from tests.support.lifecycle import End, Wait, advance
from tests.unit.aws_fixtures import NOW, a_watch

ENDED = Observation(ImportState.SUCCEEDED, "done", details={"report": "r/1"})
REQUEST = RequestSpec("/reports/{report}", query={"after": "{cursor}", "size": "100"})


def read_page(response: HttpResponse, seen: Observation) -> Page:
    body = fields.object_of(response.json())
    texts = fields.texts_of(body.get("errors"))
    return Page(
        {"errors": seen.counts.get("errors", 0) + len(texts)},
        fields.errors_of(texts),
        fields.joined(texts),
        fields.text_of(body.get("next")),
    )


def an_api(**changes: Any) -> Api:
    api = Api(
        statuses=StatusMap({ImportState.SUCCEEDED: ("done",)}),
        connection=ConnectionSpec(("key",), ("key",), lambda _fields: None, "baseUrl", ()),
        authentication=ApiKey("X-Key", "key"),
        request=RequestSpec("/jobs/{importId}"),
        read=lambda _response, _import_id: ENDED,
        keeps_log=False,
        details=Details(REQUEST, read_page, values=("report",)),
    )
    return replace(api, **changes)


@dataclass
class Vendor:
    """Responds with one page after the other, and records what was requested."""

    pages: list[Any]
    requested: list[dict[str, str]] = field(default_factory=list)

    def send(self, spec: RequestSpec, values: Mapping[str, str], seconds: float) -> HttpResponse | FailedPoll:
        assert seconds > 0
        self.requested.append({name: text.format(**values) for name, text in spec.query.items()})
        page = self.pages.pop(0)
        if isinstance(page, FailedPoll | HttpResponse):
            return page
        return HttpResponse(200, {}, json.dumps(page).encode())

    def details(self, seen: Observation = ENDED, seconds: float = 30.0, **changes: Any) -> Observation:
        api = an_api(**changes)
        assert api.details is not None
        return read_details("Quarry", api, api.details, seen, self.send, seconds, lambda: NOW)


def problems(*texts: str) -> tuple[Problem, ...]:
    return tuple(Problem(Severity.ERROR, text) for text in texts)


def test_every_page_is_added_and_the_first_one_has_no_cursor() -> None:
    vendor = Vendor([{"errors": ["a", "b"], "next": "p2"}, {"errors": ["c"]}])
    seen = vendor.details()
    assert (seen.state, seen.counts, seen.problems) == (ENDED.state, {"errors": 3}, problems("a", "b", "c"))
    assert (seen.missing_details, seen.reason) == (None, None)
    assert vendor.requested == [{"size": "100"}, {"after": "p2", "size": "100"}]


def test_a_first_cursor_is_sent() -> None:
    vendor = Vendor([{"errors": []}])
    vendor.details(details=Details(REQUEST, read_page, values=("report",), first_cursor="1"))
    assert vendor.requested == [{"after": "1", "size": "100"}]


FAILURES: dict[str, tuple[Any, bool]] = {
    "cannot be reached": (FailedPoll(PollError.UNAVAILABLE, "down"), True),
    "500": (HttpResponse(500, {}, b""), True),
    "429": (HttpResponse(429, {"retry-after": "40"}, b""), True),
    "429 for the token": (FailedPoll(PollError.THROTTLED, "slow down", retry_after=40), True),
    "404": (HttpResponse(404, {}, b"{}"), True),
    "redirect": (HttpResponse(302, {"location": "https://elsewhere.example"}, b""), True),
    "cut": (HttpResponse(200, {}, b'{"errors": [', truncated=True), True),
    "401": (HttpResponse(401, {}, b"{}"), False),
    "403": (HttpResponse(403, {}, b"{}"), False),
    "no request": (FailedPoll(PollError.MISCONFIGURED, "cannot be sent"), False),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_page_that_fails_is_missing_and_the_ones_before_it_count(failure: str) -> None:
    response, expected = FAILURES[failure]
    seen = Vendor([{"errors": ["a"], "next": "p2"}, response]).details()
    assert (seen.counts, seen.problems) == ({"errors": 1}, problems("a"))
    assert seen.missing_details is not None
    assert seen.missing_details.expected is expected
    assert seen.missing_details.throttled is ("429" in failure)
    assert seen.retry_after == (40 if "429" in failure else None)


@pytest.mark.parametrize(
    ("pages", "words"),
    [
        ([{"errors": [], "next": f"p{number}"} for number in range(MAX_PAGES)], f"more than {MAX_PAGES} pages"),
        ([{"errors": [], "next": "p1"}, {"errors": [], "next": "p1"}], "a page names itself"),
        ([{"errors": [], "next": "p1"}, {"errors": [], "next": "p2"}, {"errors": [], "next": "p1"}], "or one before"),
        ([{"errors": [], "next": "x" * 900}, {"errors": [], "next": "y" * 900}, {}], None),
    ],
)
def test_pages_without_end_are_not_read(pages: list[Any], words: str | None) -> None:
    seen = Vendor(pages).details()
    assert (seen.missing_details is None) is (words is None)
    if words is not None:
        assert seen.missing_details is not None
        assert words in seen.missing_details.reason
        assert not seen.missing_details.expected


@pytest.mark.parametrize("fault", [KeyError("n"), TypeError("no number"), RecursionError()])
def test_a_fault_of_the_adapter_takes_no_outcome_away(fault: Exception) -> None:
    def fails(_response: HttpResponse, _seen: Observation) -> Page:
        raise fault

    seen = Vendor([{}]).details(details=Details(REQUEST, fails, values=("report",)))
    assert (seen.state, seen.missing_details is not None) == (ENDED.state, True)


@pytest.mark.parametrize(
    ("seen", "seconds"),
    [
        (replace(ENDED, details={}), 30.0),
        (replace(ENDED, details={"report": ""}), 30.0),
        (replace(ENDED, details={"report": "x" * (MAX_CURSOR + 1)}), 30.0),
        (ENDED, 0.0),
        (ENDED, -5.0),
    ],
)
def test_without_a_value_or_time_nothing_is_requested(seen: Observation, seconds: float) -> None:
    vendor = Vendor([])
    missing = vendor.details(seen, seconds).missing_details
    assert missing is not None
    assert (missing.expected, vendor.requested) == (False, [])


@pytest.mark.parametrize(
    ("request_spec", "values"),
    [
        (RequestSpec("/reports/{unknown}"), ()),
        (RequestSpec("/reports/{key}"), ()),
        (RequestSpec("/reports", headers={"X-Key": "7"}), ()),
        (RequestSpec("/reports/{cursor}"), ()),
    ],
)
def test_a_request_that_no_connection_can_make_is_refused(request_spec: RequestSpec, values: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"no field|has to have|no place|authentication|cursor"):
        an_api(details=Details(request_spec, read_page, values=values))


def test_an_adapter_keeps_its_api_with_details() -> None:
    adapter = Adapter("quarry", "Quarry", an_api(), fields.printable_id, "an id")
    assert adapter.api().details is not None


STATES = st.sampled_from([state for state in ImportState if state is not ImportState.RUNNING])
COUNTS = st.dictionaries(st.sampled_from(["errors", "warnings", "succeeded"]), st.integers(0, 10**6))


@given(STATES, COUNTS, COUNTS, st.lists(st.text(min_size=1)), st.none() | st.text())
def test_details_change_no_state_and_hide_no_error(
    state: ImportState, before: dict[str, int], added: dict[str, int], texts: list[str], reason: str | None
) -> None:
    seen = Observation(state, "raw", counts=before, reason="the vendor's", ended_at=NOW, retryable=True)
    after = with_page(seen, Page(added, problems(*texts), reason))
    assert after.counts.get("errors", 0) >= before.get("errors", 0)
    assert len(after.problems) <= MAX_PROBLEMS
    assert replace(after, counts=before, problems=()) == replace(seen, problems=())


class TestOutcome:
    """A success whose details are missing is not reported as one without a word."""

    WATCH = a_watch(seen_at=NOW - 60)
    MISSING = replace(ENDED, missing_details=MissingDetails("HTTP 503", expected=True))
    ERRORS = replace(ENDED, counts={"errors": 2})

    def test_errors_of_the_details_make_it_partial(self) -> None:
        ended = advance(self.WATCH, self.ERRORS, NOW, Tolerance())
        assert isinstance(ended, End)
        assert ended.result.outcome is Outcome.PARTIAL

    def test_they_are_awaited_and_then_count(self) -> None:
        waits = advance(self.WATCH, self.MISSING, NOW, Tolerance())
        assert isinstance(waits, Wait)
        ended = advance(waits.watch, self.ERRORS, NOW + 20, Tolerance())
        assert isinstance(ended, End)
        assert (ended.result.outcome, ended.result.detected_at) == (Outcome.PARTIAL, NOW)
        assert "details" not in ended.result.message

    @pytest.mark.parametrize("later", [MISSING, FailedPoll(PollError.UNAVAILABLE, "down")])
    def test_without_them_the_message_names_them(self, later: Observation | FailedPoll) -> None:
        step: Wait | End = advance(self.WATCH, self.MISSING, NOW, Tolerance())
        for seconds in (20, 40, 60, 80):
            if isinstance(step, Wait):
                step = advance(step.watch, later, NOW + seconds, Tolerance())
        assert isinstance(step, End)
        assert step.result.outcome is Outcome.SUCCEEDED
        assert "but its details could not be read (HTTP 503): check" in step.result.message
        assert "log is not available" not in step.result.message

    def test_final_ones_end_it_at_once(self) -> None:
        final = replace(ENDED, missing_details=MissingDetails("HTTP 403", expected=False))
        ended = advance(self.WATCH, final, NOW, Tolerance())
        assert isinstance(ended, End)
        assert "HTTP 403" in ended.result.message

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            (replace(ERRORS, missing_details=MISSING.missing_details), MISSING),
            (replace(ERRORS, log=MissingLog("late", expected=True)), replace(MISSING, log=None)),
        ],
    )
    def test_details_that_were_read_once_are_not_lost(self, first: Observation, second: Observation) -> None:
        step: Wait | End = advance(self.WATCH, first, NOW, Tolerance())
        for seconds in (20, 40, 60, 80):
            if isinstance(step, Wait):
                step = advance(step.watch, second, NOW + seconds, Tolerance())
        assert isinstance(step, End)
        assert (step.result.outcome, step.result.counts) == (Outcome.PARTIAL, {"errors": 2})

    def test_a_log_that_was_archived_before_is_kept(self) -> None:
        record = LogRecord(LogStatus.ARCHIVED, location="s3://archive/log.txt")
        waits = advance(self.WATCH, replace(self.MISSING, log=record), NOW, Tolerance())
        assert isinstance(waits, Wait)
        assert waits.watch.kept_log == record
        running = advance(waits.watch, Observation(ImportState.RUNNING, "working"), NOW + 20, Tolerance())
        assert (running.watch.kept_log, running.watch.awaiting_log) == (None, None)
