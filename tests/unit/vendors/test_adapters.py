"""Rules of each vendor: its statuses, its ids, and how it reports the end of an import."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from import_watch.model.observation import (
    MAX_PROBLEM_TEXT,
    FailedPoll,
    ImportState,
    InlineLog,
    MissingLog,
    Observation,
    PollError,
    Problem,
    ReportedProgress,
    Severity,
    StoredLog,
)
from import_watch.vendors.adapter import normalized_status
from import_watch.vendors.response import parse_response
from import_watch.vendors.response_body import HttpResponse

from tests.unit.aws_fixtures import VENDORS, adapter

ID = "5512340987651234567"
JOB = "7a84b875-6f75-4c7b-b137-0632b62db0bd"


def polled(vendor: str, status: int, body: Any) -> Observation | FailedPoll:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return parse_response(adapter(vendor), HttpResponse(status, {}, data), ID)


def seen(vendor: str, body: Any, status: int = 200) -> Observation:
    found = polled(vendor, status, body)
    assert isinstance(found, Observation), found
    return found


def failed(vendor: str, body: Any, status: int = 200) -> FailedPoll:
    found = polled(vendor, status, body)
    assert isinstance(found, FailedPoll), found
    return found


STATES = {
    "document360": {
        "Queued": ImportState.QUEUED,
        "Initiated": ImportState.QUEUED,
        "InProgress": ImportState.RUNNING,
        "Completed": ImportState.SUCCEEDED,
        "Error": ImportState.FAILED,
        "Cancelled": ImportState.CANCELLED,
    },
    "egain": {
        "Scheduled": ImportState.QUEUED,
        "In Progress": ImportState.RUNNING,
        "Successful": ImportState.SUCCEEDED,
        "Completed": ImportState.SUCCEEDED,
        "Failed": ImportState.FAILED,
        "Cancelled": ImportState.CANCELLED,
    },
    "voyado": {
        "NOT_FOUND": ImportState.NOT_FOUND,
        "WAITING": ImportState.QUEUED,
        "BLOCKED": ImportState.QUEUED,
        "IN_PROGRESS": ImportState.RUNNING,
        "SUCCESS": ImportState.SUCCEEDED,
        "FAILURE": ImportState.FAILED,
        "ABORTED": ImportState.CANCELLED,
        # Not in the vendor's documentation: another spelling of the same status, in both forms.
        "CANCELLED": ImportState.CANCELLED,
    },
}


class TestStatuses:
    @pytest.mark.parametrize(
        ("vendor", "status", "state"),
        [(vendor, status, state) for vendor, states in STATES.items() for status, state in states.items()],
    )
    def test_every_documented_status_gives_its_state(self, vendor: str, status: str, state: ImportState) -> None:
        found = seen(vendor, {"status": status})
        assert (found.state, found.vendor_status) == (state, status)

    @pytest.mark.parametrize("vendor", STATES)
    def test_no_status_is_mapped_that_is_not_documented(self, vendor: str) -> None:
        documented = {normalized_status(status): state for status, state in STATES[vendor].items()}
        assert dict(adapter(vendor).api().statuses.items()) == documented

    @pytest.mark.parametrize("vendor", STATES)
    @pytest.mark.parametrize("status", ["Paused", "Success!", "Completed with errors", "None", "0", "✓", "x" * 5_000])
    def test_any_other_status_is_unrecognised_and_kept_as_it_is(self, vendor: str, status: str) -> None:
        found = seen(vendor, {"status": status})
        assert (found.state, found.vendor_status) == (ImportState.UNRECOGNISED, status[:MAX_PROBLEM_TEXT])


class TestDocument360:
    def test_invalid_import_id_is_not_found_despite_success_true(self) -> None:
        body = {"success": True, "errors": [{"description": "Invalid import id", "error_code": "400"}]}
        found = seen("document360", body, 400)
        assert found.state is ImportState.NOT_FOUND
        assert found.problems == (Problem(Severity.ERROR, "Invalid import id"),)

    @pytest.mark.parametrize("status", [400, 404, 422])
    @pytest.mark.parametrize(
        "body",
        [
            {"errors": [{"description": "Request failed"}, {"description": "INVALID IMPORT ID"}]},
            {"errors": [{"description": "Invalid import id: 5512340987651234567."}]},
            {"errors": ["Invalid import-id"]},
            {"errors": "invalid_import_id"},
            {"title": "Bad request", "detail": "Invalid  import id"},
            b"Invalid import id",
        ],
    )
    def test_invalid_import_id_is_recognised_in_any_field(self, status: int, body: Any) -> None:
        assert seen("document360", body, status).state is ImportState.NOT_FOUND

    @pytest.mark.parametrize("errors", [None, [], [{"description": "Quota exceeded"}], [{}], ["Invalid import ids"]])
    def test_another_400_is_a_poll_error(self, errors: Any) -> None:
        assert failed("document360", {"success": True, "errors": errors}, 400).error is PollError.UNAVAILABLE

    def test_a_404_is_not_found(self) -> None:
        assert seen("document360", {"errors": [{"description": "Nothing here"}]}, 404).state is ImportState.NOT_FOUND

    def test_completed_without_its_log_succeeded_and_awaits_the_log(self) -> None:
        body = {
            "import_documentation_log": None,
            "status": "Completed",
            "success": False,
            "errors": [{"description": "Element 'ImportLog' not found."}],
        }
        found = seen("document360", body)
        assert found.state is ImportState.SUCCEEDED
        assert found.log == MissingLog("Element 'ImportLog' not found.", expected=True)
        assert (found.problems, found.counts, found.reason) == ((), {}, None)

    @pytest.mark.parametrize("status", ["Error", "Cancelled"])
    def test_the_log_of_an_unfinished_import_may_still_appear(self, status: str) -> None:
        log = seen("document360", {"status": status}).log
        assert log == MissingLog("the response has no log", expected=True)

    @pytest.mark.parametrize(
        "text", ["Element 'ImportLog' not found.", "element ImportLog not found", "ImportLog NOT FOUND!"]
    )
    def test_a_missing_log_is_never_the_reason_of_an_error(self, text: str) -> None:
        alone = seen("document360", {"status": "Error", "errors": [{"description": text}]})
        assert (alone.reason, alone.problems, alone.log) == (
            None,
            (),
            MissingLog("the response has no log", expected=True),
        )
        both = seen("document360", {"status": "Error", "errors": [{"description": text}, {"description": "Disk full"}]})
        assert (both.reason, both.problems) == ("Disk full", (Problem(Severity.ERROR, "Disk full"),))

    @pytest.mark.parametrize(
        "text",
        [
            "Element 'ImportLog' not found. Article 3 failed.",
            "Template not found, see the import log",
            "Image a.png referenced in import log is missing",
            "Category does not exist, see import log",
            "Import of article 'Setup' stopped: attachment not found; see ImportLog for details",
        ],
    )
    def test_an_error_that_mentions_the_log_is_an_error(self, text: str) -> None:
        body = {"status": "Completed", "errors": [{"description": text}], "import_documentation_log": {"messages": []}}
        assert seen("document360", body).counts["errors"] == 1

    @pytest.mark.parametrize(
        ("errors", "count"),
        [
            ([{"error_code": "X1"}], 1),
            ([{"description": None, "error_code": ""}], 1),
            ({"count": 3}, 3),
            ({"importId": ["bad row", "bad column"]}, 2),
            (3, 3),
            ("1,234", 1_234),
            ("500 Internal", 1),
            ([1, 2], 2),
            (True, 1),
            ([], 0),
            ({}, 0),
            ("", 0),
            ("none", 0),
            ([{}, None, ""], 0),
            (["x"] * 3_000, 3_000),
        ],
        ids=lambda value: repr(value)[:40],
    )
    def test_errors_of_the_request_are_counted_in_any_shape(self, errors: Any, count: int) -> None:
        body = {"status": "Completed", "errors": errors, "import_documentation_log": {"messages": []}}
        assert seen("document360", body).counts["errors"] == count

    def test_errors_by_field_take_bounded_memory(self) -> None:
        body = {"status": "Completed", "errors": {"x" * 1_000_000: ["a"] * 1_000}}
        found = seen("document360", body)
        assert sum(len(problem.text) for problem in found.problems) < 20_000
        assert found.counts["errors"] == 1_000

    @pytest.mark.parametrize(
        ("log", "errors"),
        [
            ([{"message_type": 0, "message": "boom"}], 1),
            ('[{"message_type": 0, "message": "boom"}]', 1),
            ('{"messages": [{"message_type": 0, "message": "boom"}]}', 1),
            ('{"messages": [{"message_type": 0, "mess', 1),
            ("all is well", 0),
        ],
    )
    def test_a_log_in_another_shape_loses_no_error(self, log: Any, errors: int) -> None:
        found = seen("document360", {"status": "Completed", "import_documentation_log": log})
        assert found.counts["errors"] == errors
        assert isinstance(found.log, InlineLog)

    @pytest.mark.parametrize("log", ["null", "{}", "[]", "0", "false", "", []])
    def test_an_empty_log_may_still_appear(self, log: Any) -> None:
        found = seen("document360", {"status": "Completed", "import_documentation_log": log}).log
        assert isinstance(found, MissingLog)
        assert found.expected

    @pytest.mark.parametrize("errors", ["boom", ["boom"], {"description": "boom"}, [{"message": "boom"}]])
    def test_an_error_in_any_shape_counts_for_a_completed_import(self, errors: Any) -> None:
        found = seen("document360", {"status": "Completed", "success": False, "errors": errors})
        assert (found.counts["errors"], found.problems) == (1, (Problem(Severity.ERROR, "boom"),))

    @pytest.mark.parametrize("status", ["Queued", "InProgress", "Paused"])
    def test_no_log_is_missing_before_the_end(self, status: str) -> None:
        assert seen("document360", {"status": status}).log is None

    def test_the_reason_of_a_missing_log_is_cut(self) -> None:
        errors = [{"description": "x" * 900} for _ in range(500)]
        log = seen("document360", {"status": "Completed", "errors": errors}).log
        assert isinstance(log, MissingLog)
        assert len(log.reason) <= MAX_PROBLEM_TEXT

    def test_errors_inside_a_completed_import_are_counted(self) -> None:
        messages = [
            {"message_type": 0, "message": "Article 7 was left out.", "cancel_operation": False},
            {"message_type": 1, "message": "An image was scaled.", "cancel_operation": False},
        ]
        found = seen("document360", {"status": "Completed", "import_documentation_log": {"messages": messages}})
        assert found.state is ImportState.SUCCEEDED
        assert (found.counts["errors"], found.counts["warnings"]) == (1, 1)

    @pytest.mark.parametrize("text", ["The archive is damaged.", None])
    def test_an_error_that_ended_the_import_is_never_a_success(self, text: str | None) -> None:
        messages = [{"message_type": 0, "message": text, "cancel_operation": True}]
        found = seen("document360", {"status": "Completed", "import_documentation_log": {"messages": messages}})
        assert (found.state, found.reason) == (ImportState.FAILED, text)

    @pytest.mark.parametrize("raw", [False, None, 1, "true", "false", {}])
    def test_only_a_true_cancel_operation_ends_an_import(self, raw: Any) -> None:
        messages = [{"message_type": 0, "message": "Left out.", "cancel_operation": raw}]
        found = seen("document360", {"status": "Completed", "import_documentation_log": {"messages": messages}})
        assert found.state is ImportState.SUCCEEDED

    def test_a_running_import_does_not_fail_by_a_message(self) -> None:
        messages = [{"message_type": 0, "message": "Left out.", "cancel_operation": True}]
        found = seen("document360", {"status": "InProgress", "import_documentation_log": {"messages": messages}})
        assert found.state is ImportState.RUNNING

    @pytest.mark.parametrize(
        ("raw", "count"), [("3", 3), (3, 3), (" 12 ", 12), (None, None), ("three", None), (-1, None), ([], None)]
    )
    def test_languages_may_be_a_string_a_number_or_null(self, raw: Any, count: int | None) -> None:
        found = seen("document360", {"status": "Completed", "import_documentation_log": {"languages": raw}})
        assert found.counts.get("languages") == count

    @pytest.mark.parametrize(
        ("message_type", "severity"),
        [
            (0, Severity.ERROR),
            (1, Severity.WARNING),
            (2, Severity.INFO),
            (2.0, Severity.INFO),
            ("1", Severity.WARNING),
            # An unknown severity counts as the highest, so that it is not overlooked.
            (3, Severity.ERROR),
            (-1, Severity.ERROR),
            (10**400, Severity.ERROR),
            (True, Severity.ERROR),
            ("warning", Severity.ERROR),
            (None, Severity.ERROR),
            ([1], Severity.ERROR),
        ],
    )
    def test_a_message_type_gives_a_severity(self, message_type: Any, severity: Severity) -> None:
        messages = [{"message_type": message_type, "message": "Said."}]
        found = seen("document360", {"status": "Completed", "import_documentation_log": {"messages": messages}})
        assert found.problems == (Problem(severity, "Said."),)

    def test_many_messages_are_all_counted_and_all_in_the_log(self) -> None:
        messages = [{"message_type": number % 3, "message": f"Message {number}"} for number in range(90)]
        found = seen("document360", {"status": "Completed", "import_documentation_log": {"messages": messages}})
        assert (found.counts["errors"], found.counts["warnings"]) == (30, 30)
        assert [problem.text for problem in found.problems[:20]] == [f"Message {number}" for number in range(20)]
        assert isinstance(found.log, InlineLog)
        assert found.log.content == {"messages": messages}
        assert all(f"Message {number}\n" in found.log.text for number in range(90))

    @pytest.mark.parametrize("messages", [None, "text", {}, [None, 5, "text", [], {"message": 5}, {"message": None}]])
    def test_messages_of_any_other_shape_are_ignored(self, messages: Any) -> None:
        found = seen("document360", {"status": "Completed", "import_documentation_log": {"messages": messages}})
        assert found.problems == ()
        assert isinstance(found.log, InlineLog)

    def test_errors_of_the_request_precede_those_of_the_log(self) -> None:
        body = {
            "status": "Error",
            "errors": [{"description": "The archive could not be opened."}],
            "import_documentation_log": {"messages": [{"message_type": 0, "message": "Stopped at article 3."}]},
        }
        found = seen("document360", body)
        assert found.reason == "The archive could not be opened."
        assert [problem.text for problem in found.problems] == [
            "The archive could not be opened.",
            "Stopped at article 3.",
        ]

    def test_an_error_without_errors_has_the_reason_of_the_log(self) -> None:
        messages = [{"message_type": 1, "message": "Slow."}, {"message_type": 0, "message": "Stopped."}]
        found = seen("document360", {"status": "Error", "import_documentation_log": {"messages": messages}})
        assert found.reason == "Stopped."

    def test_the_success_field_is_about_the_request_only(self) -> None:
        assert seen("document360", {"status": "Error", "success": True}).state is ImportState.FAILED
        assert seen("document360", {"status": "Completed", "success": False}).state is ImportState.SUCCEEDED


class TestEgain:
    @pytest.mark.parametrize("spelling", ["successful", "succesfull"])
    def test_both_spellings_of_the_results_are_read(self, spelling: str) -> None:
        found = seen("egain", {"status": "Successful", "results": {spelling: 9, "warnings": 2, "errors": 0}})
        assert found.counts == {"succeeded": 9, "warnings": 2, "errors": 0}

    def test_the_spelling_that_has_a_number_wins(self) -> None:
        found = seen("egain", {"status": "Successful", "results": {"successful": None, "succesfull": 9}})
        assert found.counts == {"succeeded": 9}

    @pytest.mark.parametrize("errors", [0, 5])
    def test_errors_among_the_results_of_a_success_are_counted(self, errors: int) -> None:
        found = seen("egain", {"status": "Successful", "results": {"errors": errors}})
        assert (found.state, found.counts) == (ImportState.SUCCEEDED, {"errors": errors})

    @pytest.mark.parametrize(
        ("progress", "expected"),
        [
            ({"processed": 1250, "total": 5000, "percentage": 25}, ReportedProgress(0.25, 1 / 5000)),
            ({"processed": 1250, "total": 5000}, ReportedProgress(0.25, 1 / 5000)),
            ({"processed": 0, "total": 5000}, ReportedProgress(0.0, 1 / 5000)),
            ({"processed": 6000, "total": 5000}, ReportedProgress(1.0, 1 / 5000)),
            ({"percentage": 25}, ReportedProgress(0.25)),
            ({"percentage": 12.5}, ReportedProgress(0.125)),
            ({"processed": 0, "total": 0, "percentage": 0}, ReportedProgress(0.0)),
            ({"processed": 0, "total": 0}, None),
            ({"total": 5000}, None),
            ({"processed": -5, "total": 5000, "percentage": 10}, ReportedProgress(0.1)),
            ({"percentage": 101}, None),
            ({"percentage": -1}, None),
            ({"percentage": "25"}, None),
            ({"percentage": float("nan")}, None),
            ({"percentage": float("inf")}, None),
            ({"processed": True, "total": True}, None),
            ({}, None),
            (None, None),
            ("25%", None),
        ],
    )
    def test_progress_is_read_by_items_else_by_percentage(
        self, progress: Any, expected: ReportedProgress | None
    ) -> None:
        assert seen("egain", {"status": "In Progress", "progress": progress}).progress == expected

    def test_only_the_status_and_the_job_type_are_required(self) -> None:
        found = seen("egain", {"status": "In Progress", "jobType": "Validation"})
        assert (found.job_type, found.progress, found.started_at, found.ended_at) == ("Validation", None, None, None)

    @pytest.mark.parametrize(
        ("status", "times", "ended_at"),
        [
            ("Successful", {"completionTime": "2024-03-01T11:15:00.000Z"}, 1_709_291_700.0),
            ("Failed", {"failureTime": "2024-03-01T10:45:00.000Z"}, 1_709_289_900.0),
            ("Cancelled", {"completionTime": "2024-03-01T11:15:00.000Z"}, 1_709_291_700.0),
            (
                "Failed",
                {"completionTime": "2024-03-01T11:15:00.000Z", "failureTime": "2024-03-01T10:45:00.000Z"},
                1_709_289_900.0,
            ),
            ("Successful", {"completionTime": "yesterday"}, None),
            ("Successful", {}, None),
            ("In Progress", {"completionTime": "2024-03-01T11:15:00.000Z"}, None),
            ("In Progress", {"estimatedCompletion": "2024-03-01T11:30:00.000Z"}, None),
        ],
    )
    def test_the_end_is_the_time_of_completion_or_failure(
        self, status: str, times: dict[str, str], ended_at: float | None
    ) -> None:
        assert seen("egain", {"status": status, **times}).ended_at == ended_at

    def test_the_time_of_the_start_is_read(self) -> None:
        found = seen("egain", {"status": "Scheduled", "startTime": "2024-03-01T10:00:00.000Z"})
        assert found.started_at == 1_709_287_200.0

    @pytest.mark.parametrize(
        ("raw", "retryable"), [(True, True), (False, False), (None, None), ("true", None), (1, None), (0, None)]
    )
    def test_retryable_is_true_false_or_none(self, raw: Any, *, retryable: bool | None) -> None:
        assert seen("egain", {"status": "Failed", "retryable": raw}).retryable is retryable

    def test_a_failure_has_its_reason(self) -> None:
        found = seen("egain", {"status": "Failed", "error": "Database connection timeout"})
        assert found.reason == "Database connection timeout"
        assert found.problems == (Problem(Severity.ERROR, "Database connection timeout"),)

    def test_a_success_has_no_reason(self) -> None:
        assert seen("egain", {"status": "Successful", "error": "Two items were retried"}).reason is None

    def test_the_location_of_the_log_is_kept_as_it_is(self) -> None:
        found = seen("egain", {"status": "In Progress", "logFileLocation": " s3://mybucket/logs/import-7A84.txt "})
        assert found.log == StoredLog("s3://mybucket/logs/import-7A84.txt")

    @pytest.mark.parametrize("location", [None, "", "  ", 5, ["s3://mybucket/x"]])
    def test_without_a_location_the_log_is_missing(self, location: Any) -> None:
        log = seen("egain", {"status": "Successful", "logFileLocation": location}).log
        assert log == MissingLog("the response has no logFileLocation", expected=False)

    @pytest.mark.parametrize("body", [b"", b"<html>404</html>", {"code": "404-100", "developerMessage": "No such job"}])
    def test_a_404_is_not_found_whatever_its_body(self, body: Any) -> None:
        assert seen("egain", body, 404).state is ImportState.NOT_FOUND

    def test_a_404_has_the_vendor_s_text(self) -> None:
        found = seen("egain", {"code": "404-100", "developerMessage": "No such job"}, 404)
        assert found.problems == (Problem(Severity.ERROR, "No such job"),)

    @pytest.mark.parametrize("status", [400, 406])
    def test_a_400_or_406_is_a_poll_error_with_the_vendor_s_text(self, status: int) -> None:
        polled = failed("egain", {"code": f"{status}-1", "developerMessage": "Bad header"}, status)
        assert polled.error is PollError.UNAVAILABLE
        assert "Bad header" in polled.detail

    @pytest.mark.parametrize("status", [400, 422])
    @pytest.mark.parametrize("text", ["Invalid job id", "INVALID JOB-ID 'x'", "Job not found."])
    def test_a_400_about_the_id_is_an_import_that_is_not_found(self, status: int, text: str) -> None:
        body = {"code": "400-104", "developerMessage": text}
        assert seen("egain", body, status).state is ImportState.NOT_FOUND

    @pytest.mark.parametrize(
        "text",
        ["Invalid job type", "Invalid jobType parameter", "Unknown job error", "The folder of the job does not exist"],
    )
    def test_a_400_about_something_else_is_a_poll_error(self, text: str) -> None:
        assert failed("egain", {"developerMessage": text}, 400).error is PollError.UNAVAILABLE

    @pytest.mark.parametrize(
        ("results", "errors"),
        [
            ([{"errors": 3}, {"errors": 2}], 5),
            ('{"errors": 3}', 3),
            ({"errors": {"count": 0, "critical": 3}}, 3),
            ({"errors": {"total": "1,234"}}, 1_234),
            ({"errors": {"fatal": ["a", "b"], "minor": ["c"]}}, 3),
            ([{str(number): 1} for number in range(20_000)], None),
        ],
        ids=lambda value: repr(value)[:40],
    )
    def test_errors_are_found_in_any_shape_of_the_results(self, results: Any, errors: int | None) -> None:
        assert seen("egain", {"status": "Successful", "results": results}).counts.get("errors") == errors

    @pytest.mark.parametrize("written", ["1e999", "Infinity", "9" * 5_000, '{"a":' * 200 + '"bad"' + "}" * 200])
    def test_an_absurd_number_of_errors_is_no_success(self, written: str) -> None:
        body = f'{{"status": "Successful", "results": {{"errors": {written}}}}}'.encode()
        assert seen("egain", body).counts["errors"] == 1

    @pytest.mark.parametrize(
        ("errors", "count"),
        [
            ([{"item": "a"}], 1),
            ("1,234", 1_234),
            ({"a.md": "bad"}, 1),
            ("some", 1),
            (-1, 1),
            ([], 0),
            ("0", 0),
            (None, None),
        ],
    )
    def test_errors_are_counted_however_they_are_written(self, errors: Any, count: int | None) -> None:
        body = {"status": "Successful", "results": {"successful": 1, "errors": errors}}
        assert seen("egain", body).counts.get("errors") == count

    @pytest.mark.parametrize(
        "raw",
        [
            JOB,
            JOB.upper(),
            f"  {JOB}\n",
            f"knowledge/contentmgr/v4/import/content/{JOB}/status",
            f"/knowledge/contentmgr/v4/import/content/{JOB.upper()}/status",
            f"knowledge/contentmgr/v4/import/content/{JOB}",
            f"import/content/{JOB}/status/",
            f"https://tenant.egain.cloud/knowledge/contentmgr/v4/import/content/{JOB}/status",
        ],
    )
    def test_an_id_is_the_jobs_uuid_or_the_whole_location_header(self, raw: str) -> None:
        found = adapter("egain").import_id(raw)
        assert found == (JOB.upper() if JOB.upper() in raw else JOB), "an id is sent as it came"
        assert adapter("egain").key_id(found) == JOB, "spellings of one id are one import"

    @pytest.mark.parametrize(
        "raw",
        [
            "",
            "5512340987651234567",
            JOB[:-1],
            JOB + "0",
            JOB.replace("-", ""),
            "{" + JOB + "}",
            f"urn:uuid:{JOB}",
            f"{JOB}/status",
            f"export/content/{JOB}/status",
            f"import/content/{JOB}/log",
            f"import/content/{JOB}/{JOB}",
            f"import/content/{JOB}?x=1",
            "g" + JOB[1:],
            "\u0667" + JOB[1:],
            "\ud800",
        ],
    )
    def test_anything_else_is_no_id(self, raw: str) -> None:
        assert adapter("egain").import_id(raw) is None


class TestVoyado:
    @pytest.mark.parametrize("body", [b"", {"status": "NOT_FOUND", "id": ID}, {"status": "SUCCESS", "id": ID}])
    def test_a_404_is_an_unknown_cluster(self, body: Any) -> None:
        polled = failed("voyado", body, 404)
        assert polled.error is PollError.MISCONFIGURED
        assert "clusterId" in polled.detail

    def test_not_found_is_a_200(self) -> None:
        assert seen("voyado", {"id": ID, "status": "NOT_FOUND"}).state is ImportState.NOT_FOUND

    @pytest.mark.parametrize("status", ["WAITING", "BLOCKED"])
    def test_waiting_and_blocked_are_queued_without_progress(self, status: str) -> None:
        found = seen("voyado", {"id": ID, "status": status, "type": "PRODUCTS"})
        assert (found.state, found.progress, found.job_type) == (ImportState.QUEUED, None, "PRODUCTS")

    @pytest.mark.parametrize("other", ["5512340987651234568", 5512340987651234568, "", 0, 5.512340987651235e18, [ID]])
    def test_a_response_about_another_import_is_unreadable(self, other: Any) -> None:
        polled = failed("voyado", {"id": other, "status": "SUCCESS"})
        assert polled.error is PollError.UNREADABLE

    @pytest.mark.parametrize("raw", [ID, int(ID), None])
    def test_the_id_may_be_a_string_a_large_integer_or_absent(self, raw: Any) -> None:
        assert seen("voyado", {"id": raw, "status": "SUCCESS"}).state is ImportState.SUCCEEDED

    def test_a_failure_has_its_message(self) -> None:
        found = seen("voyado", {"id": ID, "status": "FAILURE", "message": "Import failed."})
        assert (found.reason, found.problems) == ("Import failed.", (Problem(Severity.ERROR, "Import failed."),))

    @pytest.mark.parametrize("status", ["SUCCESS", "FAILURE", "ABORTED"])
    def test_there_is_no_log(self, status: str) -> None:
        assert not adapter("voyado").api().keeps_log
        assert seen("voyado", {"id": ID, "status": status}).log is None

    def test_a_busy_cluster_is_unavailable_and_its_text_is_kept(self) -> None:
        polled = failed("voyado", b"Cluster is busy.", 503)
        assert (polled.error, polled.detail) == (
            PollError.UNAVAILABLE,
            "Voyado Elevate responded with HTTP 503: Cluster is busy.",
        )


DOCUMENTED: list[tuple[str, int, dict[str, Any]]] = [
    (
        "document360",
        200,
        {
            "import_documentation_log": {
                "new_versions": 2,
                "categories": 9,
                "articles": 120,
                "languages": "3",
                "messages": [{"message_type": 1, "message": "Scaled.", "cancel_operation": False}],
            },
            "status": status,
            "extension_data": None,
            "success": True,
            "errors": [{"description": "Element 'ImportLog' not found.", "error_code": ""}],
            "warnings": [],
            "information": [],
        },
    )
    for status in ("Queued", "InProgress", "Error", "Cancelled")
]
DOCUMENTED += [
    ("document360", 400, {"success": True, "errors": [{"description": "Invalid import id", "error_code": "400"}]}),
]
DOCUMENTED += [
    (
        "egain",
        200,
        {
            "status": status,
            "jobType": "Import",
            "progress": {"processed": 1250, "total": 5000, "percentage": 25},
            "logFileLocation": "s3://mybucket/logs/import-logs.txt",
            "startTime": "2024-03-01T10:00:00.000Z",
            "completionTime": "2024-03-01T11:15:00.000Z",
            "failureTime": "2024-03-01T10:45:00.000Z",
            "estimatedCompletion": "2024-03-01T11:30:00.000Z",
            "results": {"successful": 4985, "warnings": 10, "errors": 5},
            "error": "Database connection timeout",
            "retryable": True,
        },
    )
    for status in ("Scheduled", "In Progress", "Failed", "Cancelled")
]
DOCUMENTED += [
    ("voyado", 200, {"id": ID, "status": status, "type": "PRODUCTS", "message": "Import failed."})
    for status in ("NOT_FOUND", "WAITING", "BLOCKED", "IN_PROGRESS", "FAILURE", "ABORTED")
]

SUCCESSES = ("Completed", "Successful", "SUCCESS", "success", True, 1)
WRONG: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.just(10**400),
    st.floats(),
    st.text(st.characters(exclude_categories=()), max_size=20),
    st.sampled_from(SUCCESSES),
    st.lists(st.integers() | st.text(max_size=3), max_size=3),
    st.dictionaries(st.sampled_from(["status", "message", "description"]), st.sampled_from(SUCCESSES), max_size=2),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Path of every field and list item."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, item in inner for found in [(*path, key), *places(item, (*path, key))]]


@st.composite
def spoilt(draw: st.DrawFn) -> tuple[str, int, Any, bool]:
    """Documented response that is no success, with fields dropped, nulled or retyped."""
    vendor, status, body = copy.deepcopy(draw(st.sampled_from(DOCUMENTED)))
    own_status_changed = False
    for _ in range(draw(st.integers(1, 4))):
        left = places(body)
        if not left:
            break
        path = draw(st.sampled_from(left))
        holder = body
        for key in path[:-1]:
            holder = holder[key]
        own_status_changed |= path == ("status",)
        if draw(st.booleans()):
            del holder[path[-1]]
        else:
            holder[path[-1]] = draw(WRONG)
    return vendor, status, body, own_status_changed


class TestSpoiltResponses:
    @settings(max_examples=1_500, deadline=None)
    @given(spoilt())
    def test_no_response_raises_or_becomes_a_success_by_accident(self, response: tuple[str, int, Any, bool]) -> None:
        vendor, status, body, own_status_changed = response
        found = polled(vendor, status, body)
        if isinstance(found, Observation) and found.state is ImportState.SUCCEEDED:
            assert own_status_changed
            assert body["status"].strip().casefold() in ("completed", "successful", "success")

    @settings(max_examples=300, deadline=None)
    @given(
        vendor=st.sampled_from(VENDORS.names),
        status=st.integers(100, 999),
        body=st.binary(max_size=60) | st.sampled_from([b"null", b"[]", b"{}", b'"Completed"', b"{\xed\xa0\x80}"]),
    )
    def test_no_status_and_no_bytes_raise_or_succeed(self, vendor: str, status: int, body: bytes) -> None:
        found = polled(vendor, status, body)
        assert isinstance(found, FailedPoll) or found.state is not ImportState.SUCCEEDED

    @settings(max_examples=300, deadline=None)
    @given(vendor=st.sampled_from(VENDORS.names), raw=st.text(st.characters(exclude_categories=())))
    def test_an_import_id_is_canonical_or_refused(self, vendor: str, raw: str) -> None:
        found = adapter(vendor).import_id(raw)
        assert found is None or (found.isascii() and adapter(vendor).import_id(found) == found)


@pytest.mark.parametrize("text", ["3 articles could not be imported.", "The archive is corrupt.", "~"])
def test_an_error_of_a_completed_document360_import_is_counted(text: str) -> None:
    found = seen("document360", {"status": "Completed", "success": False, "errors": [{"description": text}]})
    assert (found.state, found.counts["errors"]) == (ImportState.SUCCEEDED, 1)
    assert [problem.text for problem in found.problems] == [text]


def test_warnings_and_information_of_document360_are_problems() -> None:
    body = {
        "status": "Completed",
        "warnings": [{"description": "A link leads nowhere."}],
        "information": [{"description": "18 categories."}],
    }
    found = seen("document360", body)
    assert [(problem.severity, problem.text) for problem in found.problems] == [
        (Severity.WARNING, "A link leads nowhere."),
        (Severity.INFO, "18 categories."),
    ]
    assert (found.counts["warnings"], found.counts["errors"]) == (1, 0)
