"""Conformance kit: the rules that every vendor's adapter has to fulfil.

A test module of this folder has a fixture `vendor`, of scope "module", that returns a `VendorUnderTest`, and a subclass
of `Conformance` whose name begins with `Test`. Nothing else is needed. The facts are in the sample (`sample`), and what
follows from them alone is checked without a server (`facts`).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from import_watch.model.observation import FailedPoll, ImportState, LogStatus, Observation, PollError
from import_watch.model.outcome import Outcome, Reason
from import_watch.model.serialization import to_json
from import_watch.model.watch import Watch
from import_watch.notifications.notification import notification
from import_watch.vendors.response import parse_response
from import_watch.vendors.response_body import HttpResponse

from tests.conformance.facts import FactChecks, VendorUnderTest, read
from tests.conformance.faults import FAULTS, NOTHING_SENT
from tests.conformance.harness import CANARY, TOLERANCE, Case, Harness, path_of
from tests.conformance.mutations import WRONG, any_json, changed, mutations, paths
from tests.conformance.sample import ENDS, ExpectedPage, placed, value_at
from tests.loopback_server import Behaviour, Exchange, respond_with
from tests.support.lifecycle import End, Wait, advance
from tests.unit.aws_fixtures import NOW, a_watch

COMPLETED = (Outcome.SUCCEEDED, Outcome.PARTIAL)
STRANGE = "Paused for review"
LARGE_ID = "9007199254740993"
"""2^53 + 1: the first whole number that a float cannot hold."""
OF_THE_TRANSPORT = ("host", "connection", "user-agent", "accept-encoding", "content-length")
Cases: TypeAlias = Callable[[], Case]
NO_WATCH = a_watch(vendor="any", watch_id="any#default#1")
FEW = settings(max_examples=60, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))


def step(polled: Observation | FailedPoll, watch: Watch = NO_WATCH) -> Wait | End:
    """Step of a watch after a poll; it can be stored, written as JSON and published."""
    following = advance(watch, polled, NOW + 60, TOLERANCE)
    state = json.dumps(to_json(following.watch), allow_nan=False)
    assert len(state) < 100_000, "the state machine carries it"
    if isinstance(following, End):
        json.dumps(to_json(following.result), ensure_ascii=False, allow_nan=False).encode()
    return following


def between(text: str, before: str, after: str) -> str:
    """What is between the beginning and the end of a text."""
    assert text.startswith(before)
    assert text.endswith(after)
    return text[len(before) : len(text) - len(after)]


def outcome(following: Wait | End) -> Outcome | None:
    """Outcome of a watch, also while its log is awaited; None while the watch is active."""
    result = following.result if isinstance(following, End) else following.watch.awaiting_log
    return None if result is None else result.outcome


class RequestChecks:
    """What is sent is the request of the sample."""

    def test_the_server_gets_the_documented_request(self, case: Case) -> None:
        expected = case.sample.requests[0]
        case.polled_in(next(iter(case.sample.bodies)))
        (request,) = case.requests
        assert (request.method, request.path) == (expected.method, path_of(expected.url))
        assert (json.loads(request.body) if request.body else None) == expected.body
        assert case.credentials == [case.secret]
        others = {name.lower(): text for name, text in expected.headers.items()}
        sent = {name for name in request.headers if name not in OF_THE_TRANSPORT}
        assert sent == set(others)
        assert {name: request.headers[name] for name, text in others.items() if "{" not in text} == {
            name: text for name, text in others.items() if "{" not in text
        }


class EndChecks:
    """Every end of an import is published with its own outcome."""

    def test_an_ended_import_is_published_with_its_outcome(self, harness: Harness, cases: Cases) -> None:
        for state, outcome_of in harness.vendor.sample.ends.items():
            case = cases()
            unfinished = next(one for one in case.sample.bodies if one not in (*ENDS, ImportState.NOT_FOUND))
            assert case.polled_in(unfinished)["action"] == "WAIT"
            assert case.polled_in(state)["action"] == "PUBLISH"
            assert (case.result.outcome, case.result.vendor_status) == (outcome_of, case.sample.status(state))
            published = notification(case.record, "kit")
            assert published["type"] == ("ImportCompleted" if outcome_of in COMPLETED else "ImportFailed")
            assert case.sample.import_id in published["data"]["message"]

    def test_an_import_with_errors_is_a_partial_success(self, harness: Harness, cases: Cases) -> None:
        for body in harness.vendor.sample.partials:
            case = cases()
            case.respond_with(200, body)
            assert case.poll()["action"] == "PUBLISH"
            assert case.result.outcome is Outcome.PARTIAL

    def test_an_unfinished_import_is_waited_for(self, harness: Harness, cases: Cases) -> None:
        for state in set(harness.vendor.sample.bodies) - set(ENDS) - {ImportState.NOT_FOUND}:
            case = cases()
            assert [case.polled_in(state)["action"] for _ in range(3)] == ["WAIT"] * 3
            assert (case.watch.import_state, case.record.result) == (state, None)

    def test_the_last_response_and_the_log_are_recorded(self, harness: Harness, cases: Cases) -> None:
        for state in harness.vendor.sample.ends:
            case = cases()
            case.polled_in(state)
            assert case.record.response is not None
            assert case.record.log is not None
            assert (case.record.log.status is LogStatus.NONE) is not harness.vendor.api.keeps_log


class DetailsAndLogChecks:
    """Details complete an end, and a log behind a URL is fetched, where the API has such."""

    def test_an_end_has_the_outcome_of_its_details(self, harness: Harness, cases: Cases) -> None:
        for expected in harness.vendor.sample.details:
            if expected.missing or not expected.pages:
                continue
            case, pages = cases(), {path_of(page.url): page for page in expected.pages}

            def behaviour(exchange: Exchange, pages: Mapping[str, ExpectedPage] = pages, of: Any = expected.of) -> None:
                page = pages.get(exchange.path)
                exchange.response(*((page.status, page.response) if page else (200, of)))

            harness.api.behave = behaviour
            assert case.poll()["action"] == "PUBLISH"
            errors = expected.means.get("counts", {}).get("errors", 0)
            outcome_of = ENDS[ImportState(expected.means["state"])]
            partial = outcome_of is Outcome.SUCCEEDED and errors
            assert case.result.outcome is (Outcome.PARTIAL if partial else outcome_of)
            assert case.result.counts == expected.means.get("counts", {})
            assert set(case.credentials) == {case.secret}

    @pytest.mark.parametrize("status", [302, 401, 404, 429, 500])
    def test_details_that_are_refused_delay_an_end_by_a_minute_at_most(self, case: Case, status: int) -> None:
        pages = {path_of(page.url) for page in case.sample.first_pages}
        if not pages:
            return
        body = case.sample.body(ImportState.SUCCEEDED)

        def behaviour(exchange: Exchange) -> None:
            exchange.response(*((status,) if exchange.path in pages else (200, body)))

        case.harness.api.behave = behaviour
        waited = 0
        for _ in range(4):
            result = case.poll()
            if result["action"] == "PUBLISH":
                break
            waited += result["seconds"]
            case.pass_time(result["seconds"])
        assert waited <= 60
        assert case.result.outcome is Outcome.SUCCEEDED
        assert "its details could not be read" in case.result.message

    def test_a_log_behind_a_url_is_archived(self, case: Case) -> None:
        if case.sample.log_url is None:
            return
        content = b"line 1\nline 2\n"
        logs = case.harness.serve(respond_with(200, content, Content_Type="text/plain"))
        case.log_hosts.append("127.0.0.1")
        case.move()
        body, place = case.sample.log_url
        case.respond_with(200, placed(body, place, f"{logs.url}/import.log?sig={CANARY}"))
        assert case.poll()["action"] == "PUBLISH"
        log = case.record.log
        assert log is not None
        assert (log.status, log.bytes, log.source) == (LogStatus.ARCHIVED, len(content), f"{logs.url}/import.log")
        (request,) = logs.requests
        assert not {name.lower() for name in case.sample.secret_headers} & set(request.headers)

    def test_a_log_behind_a_url_needs_a_host_of_the_connection(self, case: Case) -> None:
        if case.sample.log_url is None:
            return
        logs = case.harness.serve(respond_with(200, b"a log"))
        body, place = case.sample.log_url
        case.respond_with(200, placed(body, place, f"{logs.url}/import.log"))
        assert case.poll()["action"] == "PUBLISH"
        log = case.record.log
        assert log is not None
        assert (log.status, logs.requests) == (LogStatus.VENDOR_ONLY, [])
        assert "logHosts" in (log.reason or "")


class UnknownStatusChecks:
    """A status that is not mapped is never a success, and never an exception."""

    def test_it_is_tolerated_for_its_grace_period_and_then_named(self, case: Case) -> None:
        case.is_in(ImportState.RUNNING, {case.sample.status_field: STRANGE})
        assert case.poll_repeatedly(TOLERANCE.unrecognised - 60)["action"] == "WAIT"
        case.pass_time(60)
        assert case.poll()["action"] == "PUBLISH"
        assert (case.result.outcome, case.result.reason) == (Outcome.UNKNOWN, Reason.UNRECOGNISED_STATUS)
        assert case.result.vendor_status == STRANGE
        assert STRANGE in case.result.message

    def test_it_is_logged_as_a_warning(self, case: Case) -> None:
        case.is_in(ImportState.RUNNING, {case.sample.status_field: STRANGE})
        case.poll()
        assert [line["vendorStatus"] for line in case.log_lines if line["level"] == "WARNING"] == [STRANGE]

    def test_a_known_status_restarts_its_grace_period(self, case: Case) -> None:
        strange = {case.sample.status_field: STRANGE}
        case.is_in(ImportState.RUNNING, strange)
        case.poll()
        case.polled_in(ImportState.RUNNING)
        case.pass_time(TOLERANCE.unrecognised)
        case.is_in(ImportState.RUNNING, strange)
        assert case.poll()["action"] == "WAIT"
        case.polled_in(ImportState.SUCCEEDED)
        assert case.result.outcome is Outcome.SUCCEEDED


class CredentialChecks:
    """A refusal may mean that the secret was rotated: it is fetched again, and has a grace period."""

    @pytest.mark.parametrize("status", [401, 403])
    def test_a_rotated_secret_is_fetched_past_the_cache_and_used(self, case: Case, status: int) -> None:
        case.polled_in(ImportState.RUNNING)
        old = case.rotate()
        case.accepts_only(case.secret, otherwise=status)
        assert case.poll()["action"] == "WAIT"
        assert case.credentials == [old, old, case.secret]
        assert (case.watch.failures, case.watch.import_state) == (0, ImportState.RUNNING)
        case.poll()
        assert case.credentials[3:] == [case.secret]

    @pytest.mark.parametrize("status", [401, 403])
    def test_a_secret_that_never_worked_ends_the_watch_in_a_minute(self, case: Case, status: int) -> None:
        case.respond_with(status, case.sample.body(ImportState.SUCCEEDED))
        assert case.poll_repeatedly(60)["action"] == "PUBLISH"
        assert (case.result.outcome, case.result.reason) == (Outcome.UNKNOWN, Reason.UNAUTHORIZED)
        assert {result.get("seconds") for result in case.results[:-1]} == {15}
        assert case.credentials == [case.secret] * 6, "twice in the first poll alone"

    @pytest.mark.parametrize("status", [401, 403])
    def test_a_rotated_secret_that_is_refused_too_ends_the_watch(self, case: Case, status: int) -> None:
        case.polled_in(ImportState.RUNNING)
        old = case.rotate()
        case.respond_with(status)
        assert case.poll_repeatedly(TOLERANCE.unauthorized)["action"] == "PUBLISH"
        assert case.result.reason == Reason.UNAUTHORIZED
        assert {result.get("seconds") for result in case.results[1:-1]} == {60}
        assert case.credentials[1:] == [old, *[case.secret] * 5]

    @pytest.mark.parametrize("status", [401, 403])
    def test_an_error_of_the_second_request_is_transient(self, case: Case, status: int) -> None:
        case.polled_in(ImportState.RUNNING)
        case.rotate()
        case.accepts_only("none", otherwise=503)
        new, otherwise = case.secret, case.harness.api.behave

        def refuse_the_old(exchange: Exchange) -> None:
            refused = case.harness.credential(exchange.request_seen) != new
            (respond_with(status) if refused else otherwise)(exchange)

        case.behave(refuse_the_old)
        assert case.poll()["action"] == "WAIT"
        assert (case.watch.failures, len(case.requests)) == (1, 3)
        case.polled_in(ImportState.SUCCEEDED)
        assert case.result.outcome is Outcome.SUCCEEDED


class NotFoundChecks:
    """An import that the vendor does not know (yet) has a grace period."""

    def responses(self, vendor: VendorUnderTest) -> list[tuple[int, Any]]:
        """Responses of the vendor that mean an unknown import."""
        known = vendor.sample.bodies.get(ImportState.NOT_FOUND)
        return [*vendor.sample.not_found.items(), *([] if known is None else [(200, known)])]

    def test_the_vendor_has_a_response_for_it(self, vendor: VendorUnderTest) -> None:
        assert self.responses(vendor)

    def test_it_is_tolerated_for_its_grace_period_and_then_published(self, harness: Harness, cases: Cases) -> None:
        for status, body in self.responses(harness.vendor):
            case = cases()
            case.respond_with(status, body)
            assert case.poll_repeatedly(TOLERANCE.not_found)["action"] == "PUBLISH"
            assert (case.watch.import_state, case.watch.failures) == (ImportState.NOT_FOUND, 0)
            assert (case.result.outcome, case.result.reason) == (Outcome.UNKNOWN, Reason.NOT_FOUND)

    def test_an_import_that_appears_in_time_is_watched(self, harness: Harness, cases: Cases) -> None:
        for status, body in self.responses(harness.vendor):
            case = cases()
            case.respond_with(status, body)
            case.poll()
            case.polled_in(ImportState.RUNNING)
            case.pass_time(TOLERANCE.not_found)
            case.polled_in(ImportState.SUCCEEDED)
            assert case.result.outcome is Outcome.SUCCEEDED

    def test_404_means_what_the_sample_states(self, case: Case) -> None:
        case.respond_with(404, case.sample.not_found.get(404, b""))
        assert case.poll()["action"] == "WAIT", "a gateway may respond so for a moment"
        assert case.watch.failures == (0 if 404 in case.sample.not_found else 1)
        if (reason := case.sample.after_grace.get(404)) is not None:
            assert case.poll_repeatedly(TOLERANCE.not_found)["action"] == "PUBLISH"
            assert (case.result.outcome, case.result.reason) == (Outcome.UNKNOWN, reason)

    @pytest.mark.parametrize("status", [403, 404, 410])
    def test_an_error_with_the_body_of_a_success_is_no_success(self, case: Case, status: int) -> None:
        case.respond_with(status, case.sample.body(ImportState.SUCCEEDED))
        case.poll()
        result = case.record.result
        assert result is None or result.outcome is Outcome.UNKNOWN


HINTS: dict[str, tuple[str, float | None]] = {
    "seconds": ("40", 40),
    "a fraction of seconds": ("40.5", 40.5),
    "seconds with blanks": ("  40 ", 40),
    "one second": ("1", 5),
    "epoch seconds": (str(int(NOW) + 40), 40),
    "epoch seconds that have passed": (str(int(NOW) - 40), 0),
    "a date-time": ("2026-01-01T00:01:00Z", 60),
    "a date-time with an offset": ("2026-01-01T02:01:00.000+02:00", 60),
    "a date-time without a zone": ("2026-01-01T00:01:00", 60),
    "an HTTP date": ("Thu, 01 Jan 2026 00:01:00 GMT", 60),
    "an HTTP date that has passed": ("Wed, 31 Dec 2025 23:00:00 GMT", 0),
    "an HTTP date in 2099": ("Thu, 01 Jan 2099 00:00:00 GMT", 900),
    "zero": ("0", 0),
    "a negative number": ("-5", 0),
    "the least 32-bit number": ("-2147483648", 0),
    "a day": ("86400", 900),
    "an absurd number": ("9" * 30, 900),
    "more than a float holds": ("1e999", None),
    "NaN": ("nan", None),
    "a word": ("soon", None),
    "nothing": ("", None),
    "an impossible date": ("Thu, 99 Jan 2026 99:99:99 GMT", None),
    "an impossible offset": ("Thu, 01 Jan 2026 00:01:00 +99999999999999999999", None),
}
BACKOFF = 30


class ThrottlingChecks:
    """A vendor that names the time of the next request gets it then, within bounds."""

    @pytest.mark.parametrize("header", ["Retry_After", "X_RateLimit_Reset"])
    @pytest.mark.parametrize("status", [429, 503])
    @pytest.mark.parametrize("hint", HINTS)
    def test_the_wait_is_the_one_that_the_vendor_named(self, case: Case, header: str, status: int, hint: str) -> None:
        text, seconds = HINTS[hint]
        case.respond_with(status, b"busy", **{header: text}, X_RateLimit_Remaining="0")
        waits = self.waited(case)
        if seconds is None:
            assert waits == BACKOFF
        elif seconds == 0:
            # Neither at once, nor later than without a hint.
            assert 5 <= waits <= BACKOFF
        else:
            assert math.ceil(seconds) <= waits <= min(900, math.ceil(1.1 * seconds))

    @pytest.mark.parametrize("status", [429, 503])
    def test_without_a_hint_the_wait_is_the_backoff(self, case: Case, status: int) -> None:
        case.respond_with(status)
        assert [self.waited(case) for _ in range(6)] == [30, 60, 120, 240, 300, 300]

    def test_the_first_readable_header_counts(self, case: Case) -> None:
        case.respond_with(429, b"", Retry_After="soon", X_RateLimit_Reset="40")
        assert 40 <= self.waited(case) <= 44

    def waited(self, case: Case) -> int:
        following = case.poll_unstored()
        assert isinstance(following, Wait)
        return following.seconds

    @pytest.mark.parametrize("status", [429, 503])
    def test_the_state_machine_gets_the_wait(self, case: Case, status: int) -> None:
        case.respond_with(status, b"busy", Retry_After="40")
        result = case.poll()
        assert result["action"] == "WAIT"
        assert 40 <= result["seconds"] <= 44


class FaultChecks:
    """A failed poll is not a failed import."""

    @pytest.mark.parametrize("fault", FAULTS)
    def test_a_transient_fault_does_not_change_the_outcome(self, case: Case, fault: str) -> None:
        with pytest.MonkeyPatch.context() as patch:
            FAULTS[fault].cause(case, patch)
            assert case.poll()["action"] == "WAIT"
        assert (case.watch.failures, case.watch.vendor_errors) == (1, 1)
        assert case.watch.import_state is None
        case.move()
        case.is_in(ImportState.RUNNING)
        case.poll_unstored()
        assert (case.watch.failures, case.watch.failing_since, case.watch.last_trouble) == (0, None, None)
        case.is_in(case.sample.failure)
        assert outcome(case.poll_unstored()) is ENDS[case.sample.failure]

    @pytest.mark.parametrize("fault", FAULTS)
    def test_a_permanent_fault_ends_as_unknown(self, case: Case, fault: str) -> None:
        with pytest.MonkeyPatch.context() as patch:
            FAULTS[fault].cause(case, patch)
            following = case.poll_unstored_repeatedly(TOLERANCE.failing)
        assert isinstance(following, End)
        assert (following.result.outcome, following.result.reason) == (Outcome.UNKNOWN, FAULTS[fault].reason)

    def test_a_permanent_fault_is_published(self, case: Case) -> None:
        case.respond_with(502)
        assert case.poll_repeatedly(TOLERANCE.failing)["action"] == "PUBLISH"
        assert (case.result.outcome, case.result.reason) == (Outcome.UNKNOWN, Reason.VENDOR_UNAVAILABLE)

    @pytest.mark.parametrize("fault", NOTHING_SENT)
    def test_nothing_is_sent_before_the_peer_is_known(self, case: Case, fault: str) -> None:
        with pytest.MonkeyPatch.context() as patch:
            FAULTS[fault].cause(case, patch)
            case.poll_unstored()
        assert case.requests == []

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_is_not_followed(self, case: Case, status: int) -> None:
        elsewhere = case.harness.serve(respond_with(200, case.sample.body(ImportState.SUCCEEDED)))
        case.respond_with(status, b"", Location=f"{elsewhere.url}/status")
        assert case.poll()["action"] == "WAIT"
        assert (len(case.requests), elsewhere.requests) == (1, [])

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    def test_the_text_of_a_server_error_is_in_the_message(self, case: Case, status: int) -> None:
        case.respond_with(status, b"The cluster is being moved", Content_Type="text/plain")
        case.poll_repeatedly(TOLERANCE.failing)
        assert "The cluster is being moved" in (case.watch.last_trouble or "")
        assert f"HTTP {status}: The cluster is being moved" in case.result.message

    @pytest.mark.parametrize("name", ["http_proxy", "https_proxy", "all_proxy"])
    def test_no_proxy_of_the_environment_is_used(self, case: Case, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        proxy = case.harness.serve(respond_with(200, case.sample.body(ImportState.SUCCEEDED)))
        monkeypatch.setenv(name, proxy.url)
        case.polled_in(ImportState.RUNNING)
        assert (len(case.requests), proxy.requests) == (1, [])


IDS = [
    *("a/b", ".", "..", "../../admin", "%2e%2e", "%2F", "..%2f", "a?b=c", "a#b", "a%b", "a%", "a b", "a+b", "a&b"),
    *("a\r\nHost: elsewhere", "a\x00b", "a\tb", "a\x7fb", "ä", "日本", "a\u202eb", "\ud800", "{import_id}", "{0.a}"),
    *("a\\b", "a;b", "//elsewhere/x", "http://elsewhere/", "@elsewhere", "x" * 5_000, "", " ", "$(id)", "*"),
    *("{id}/..", "../{id}", "{id}?x=y", "{id}#x", "{id}%2f", "{id}/", " {id}", "{id}\n", "{id} {id}", "{id}/status"),
]


class IdChecks:
    """An id is a text that is never changed; it is one segment of the path, or it is refused."""

    @pytest.mark.parametrize("raw", IDS, ids=lambda raw: repr(raw)[1:25])
    def test_an_odd_id_is_one_segment_of_the_path_or_refused(self, case: Case, raw: str) -> None:
        event = case.read_start(json.dumps({"importId": raw.replace("{id}", case.sample.import_id)}))
        if event.faults:
            assert [fault.split()[0] for fault in event.faults] == ["importId"]
            return
        start = event.start
        case.replace_watch(start)
        case.is_in(ImportState.RUNNING, self.id_field(case, start.import_id))
        assert outcome(case.poll_unstored()) is None
        assert (self.sent_id(case), case.watch.import_state) == (start.import_id, ImportState.RUNNING)

    @pytest.mark.parametrize("written", [f'"{LARGE_ID}"', LARGE_ID, "18446744073709551617"])
    @pytest.mark.parametrize("id_type", [str, int])
    def test_a_large_id_is_carried_digit_for_digit(self, case: Case, written: str, id_type: type[str | int]) -> None:
        digits = written.strip('"')
        event = case.read_start(f'{{"importId": {written}}}')
        if case.adapter.import_id(digits) is None or digits == written:
            assert event.faults, "a JavaScript producer has lost the digits of such a number already"
            return
        assert not event.faults
        start = event.start
        case.replace_watch(start)
        case.is_in(ImportState.SUCCEEDED, self.id_field(case, id_type(digits)))
        assert case.poll()["action"] == "PUBLISH"
        published = notification(case.record, "kit")
        assert (self.sent_id(case), start.import_id, published["data"]["importId"]) == (digits, digits, digits)
        assert case.result.outcome is Outcome.SUCCEEDED
        assert digits in case.result.message

    def id_field(self, case: Case, import_id: str | int) -> dict[str, str | int]:
        return {} if case.sample.id_field is None else {case.sample.id_field: import_id}

    def sent_id(self, case: Case) -> str:
        """The id in the request: a segment of its path, a value of its query, or a text in its body."""
        request = case.requests[0]
        expected = case.sample.requests[0]
        path = path_of(expected.url)
        if case.sample.import_id in path:
            segment = between(request.path, *path.split(case.sample.import_id))
            assert re.fullmatch(r"([A-Za-z0-9._~-]|%[0-9A-F]{2})+", segment)
            assert segment not in (".", "..")
            return unquote(segment)
        assert request.path == path
        body = json.loads(request.body)
        texts = ((place, value_at(expected.body, place)) for place in paths(expected.body))
        place, text = next(one for one in texts if isinstance(one[1], str) and case.sample.import_id in one[1])
        found = value_at(body, place)
        assert changed(body, place, text) == expected.body
        return between(found, *text.split(case.sample.import_id))


class ResponseChecks:
    """No response raises an exception, and only a success is read as a success."""

    @pytest.mark.parametrize("value", WRONG)
    def test_a_field_of_a_wrong_type_makes_no_success(self, vendor: VendorUnderTest, value: str) -> None:
        status = vendor.sample.status_path
        for state, body in vendor.sample.bodies.items():
            for path in paths(body):
                ended = outcome(step(read(vendor, changed(body, path, WRONG[value]))))
                assert ended in (None, ENDS.get(state), *self.worse(state)), path
                assert path != status or ended is None, "a status of a wrong type ends nothing"

    def test_only_the_status_is_needed(self, vendor: VendorUnderTest) -> None:
        sample = vendor.sample
        for state, body in sample.bodies.items():
            nulls = {**dict.fromkeys(body), **sample.only_status(state)}
            assert outcome(step(read(vendor, nulls))) == ENDS.get(state)

    def test_no_mutation_that_leaves_the_status_makes_a_success(self, vendor: VendorUnderTest) -> None:
        sample = vendor.sample
        bodies = dict(sample.bodies)
        for state in sample.ends:
            bodies[ImportState.UNRECOGNISED] = sample.body(state, {sample.status_field: STRANGE})
            self._never_better(vendor, ImportState.UNRECOGNISED, bodies.pop(ImportState.UNRECOGNISED))
        for state, body in bodies.items():
            self._never_better(vendor, state, body)

    def _never_better(self, vendor: VendorUnderTest, state: ImportState, original: Any) -> None:
        @FEW
        @given(mutations(original, without=vendor.sample.status_path))
        def check(body: Any) -> None:
            ended = outcome(step(read(vendor, body)))
            assert ended in (None, ENDS.get(state), *self.worse(state))

        check()

    def test_no_mutation_raises(self, vendor: VendorUnderTest) -> None:
        for state in vendor.sample.ends:

            @FEW
            @given(mutations(vendor.sample.bodies[state], without=()), st.integers(200, 599))
            def check(body: Any, status: int) -> None:
                ended = outcome(step(read(vendor, body, status)))
                assert 200 <= status < 300 or ended in (None, Outcome.UNKNOWN)

            check()

    def test_no_json_raises_or_is_a_success(self, vendor: VendorUnderTest) -> None:
        @FEW
        @given(any_json(), st.integers(200, 599))
        def check(body: Any, status: int) -> None:
            assert outcome(step(read(vendor, body, status))) in (None, Outcome.UNKNOWN)

        check()

    def test_no_bytes_raise_or_are_a_success(self, vendor: VendorUnderTest) -> None:
        @FEW
        @given(st.binary(max_size=200), st.integers(200, 599))
        def check(body: bytes, status: int) -> None:
            assert outcome(step(read(vendor, body, status))) in (None, Outcome.UNKNOWN)

        check()

    @pytest.mark.parametrize("status", [*range(200, 232), *range(300, 310), *range(400, 432), 451, *range(500, 512)])
    def test_only_a_2xx_ends_an_import(self, vendor: VendorUnderTest, status: int) -> None:
        for body in vendor.sample.bodies.values():
            assert 200 <= status < 300 or outcome(step(read(vendor, body, status))) in (None, Outcome.UNKNOWN)

    def test_a_body_that_was_cut_is_unreadable(self, vendor: VendorUnderTest) -> None:
        body = json.dumps(vendor.sample.bodies[ImportState.SUCCEEDED]).encode()
        polled = parse_response(
            vendor.adapter, HttpResponse(200, {}, body, truncated=True), vendor.sample.import_id, vendor.api
        )
        assert isinstance(polled, FailedPoll)
        assert polled.error is PollError.UNREADABLE

    def worse(self, state: ImportState) -> tuple[Outcome, ...]:
        """Outcomes that a changed response may lead to besides its own; none leads to a success."""
        return (Outcome.PARTIAL, Outcome.FAILED) if state is ImportState.SUCCEEDED else ()


class SecrecyChecks:
    """A vendor may return the credentials it was sent: they are not published."""

    @pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 429, 500, 503])
    def test_no_secret_in_an_error_body_is_published(self, case: Case, status: int) -> None:
        case.behave(lambda exchange: exchange.response(status, f"{self.sent(case, exchange)} is wrong here".encode()))
        self.poll_until_the_end(case)
        assert case.leaked() == []

    def test_no_secret_in_any_field_is_published(self, harness: Harness, cases: Cases) -> None:
        for state in harness.vendor.sample.ends:
            case = cases()
            case.behave(self.repeats_the_secret(case, case.sample.bodies[state]))
            self.poll_until_the_end(case)
            assert case.leaked(json.dumps(notification(case.record, "kit"))) == []

    def repeats_the_secret(self, case: Case, body: Any) -> Behaviour:
        """Respond with a body whose values are texts with the secret, besides its status and its id."""
        fixed = {case.sample.status_path, case.sample.id_path}

        def behaviour(exchange: Exchange) -> None:
            response = body
            for path in paths(body):
                if path not in fixed and not isinstance(value_at(body, path), dict | list):
                    response = changed(response, path, f"it was {self.sent(case, exchange)} that failed")
            exchange.response(200, response)

        return behaviour

    @pytest.mark.parametrize("before", [150, 160, 170, 180, 190])
    def test_no_piece_of_a_secret_is_published_where_a_text_is_cut(self, case: Case, before: int) -> None:
        case.behave(lambda exchange: exchange.response(503, f"{'x' * before} {self.sent(case, exchange)}".encode()))
        self.poll_until_the_end(case)
        assert case.leaked() == []

    def test_no_secret_is_published_as_a_status(self, case: Case) -> None:
        case.behave(
            lambda exchange: exchange.response(
                200, case.sample.body(ImportState.SUCCEEDED, {case.sample.status_field: self.sent(case, exchange)})
            )
        )
        self.poll_until_the_end(case)
        assert case.leaked() == []

    def sent(self, case: Case, exchange: Exchange) -> str:
        """Values of the headers that the secret, or its token, is in."""
        headers = exchange.request_seen.headers
        return " ".join(headers[name.lower()] for name in case.sample.secret_headers)

    def poll_until_the_end(self, case: Case) -> None:
        for _ in range(6):
            if case.poll()["action"] == "PUBLISH":
                return
            case.pass_time(0 if case.watch.awaiting_log else TOLERANCE.failing / 4)
        raise AssertionError("the watch does not end")


class Conformance(
    FactChecks,
    RequestChecks,
    EndChecks,
    DetailsAndLogChecks,
    UnknownStatusChecks,
    CredentialChecks,
    NotFoundChecks,
    ThrottlingChecks,
    FaultChecks,
    IdChecks,
    ResponseChecks,
    SecrecyChecks,
):
    """All rules for a vendor."""
