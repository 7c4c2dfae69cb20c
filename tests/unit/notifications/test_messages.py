"""The sentence that a person reads: it names what it speaks of, and it is whole."""

from __future__ import annotations

import inspect
from dataclasses import replace

import pytest
from import_watch.model.observation import (
    FailedPoll,
    ImportState,
    InlineLog,
    LogRecord,
    LogReference,
    LogStatus,
    MissingLog,
    Observation,
    PollError,
    Problem,
    ReportedProgress,
    Severity,
    StoredLog,
)
from import_watch.model.outcome import Outcome, WatchResult
from import_watch.model.watch import Watch
from import_watch.notifications import messages

WATCH = Watch(
    watch_id="egain#sandbox#import-4711",
    vendor="egain",
    connection="sandbox",
    import_id="import-4711",
    registered_at=0.0,
    deadline=86_400.0,
    vendor_status="Paused",
)
SUCCEEDED = Observation(ImportState.SUCCEEDED, log=InlineLog({}, ""))
FAILED = Observation(ImportState.FAILED, reason="The file is not a ZIP archive.", log=StoredLog("s3://logs/4711.txt"))
NOT_FOUND = Observation(ImportState.NOT_FOUND)
RUNNING = Observation(ImportState.RUNNING, "In Progress", progress=ReportedProgress(0.4, 0.01))
QUEUED = Observation(ImportState.QUEUED, "Scheduled", started_at=1_769_851_800.0)
NO_RESPONSE = FailedPoll(PollError.UNAVAILABLE, "eGain answered HTTP 503")


def a_result(outcome: Outcome, seen: Observation) -> WatchResult:
    return WatchResult(outcome, messages.ended(WATCH, outcome, seen), 0.0)


EVERY = {
    "ended": [
        messages.ended(WATCH, Outcome.SUCCEEDED, SUCCEEDED),
        messages.ended(WATCH, Outcome.SUCCEEDED, replace(SUCCEEDED, counts={"warnings": 1_234})),
        messages.ended(WATCH, Outcome.PARTIAL, replace(SUCCEEDED, counts={"errors": 1})),
        messages.ended(WATCH, Outcome.CANCELLED, Observation(ImportState.CANCELLED, counts={"processed": 3})),
        messages.ended(WATCH, Outcome.FAILED, FAILED),
        messages.ended(WATCH, Outcome.FAILED, replace(FAILED, reason=None, retryable=True)),
        messages.ended(WATCH, Outcome.FAILED, replace(FAILED, retryable=False)),
    ],
    "without_log": [
        messages.without_log(WATCH, a_result(Outcome.SUCCEEDED, SUCCEEDED), None),
        messages.without_log(WATCH, a_result(Outcome.SUCCEEDED, SUCCEEDED), "'ImportLog' not found."),
        messages.without_log(WATCH, a_result(Outcome.FAILED, FAILED), "NoSuchKey"),
    ],
    "not_found": [
        messages.not_found(WATCH, 120, NOT_FOUND),
        messages.not_found(WATCH, 120, replace(NOT_FOUND, problems=(Problem(Severity.ERROR, "No tenant."),))),
    ],
    "unrecognised": [messages.unrecognised(WATCH, 600)],
    "unauthorized": [messages.unauthorized(WATCH, "HTTP 401")],
    "misconfigured": [messages.misconfigured(WATCH, "its secret has no clientId.")],
    "vendor_unavailable": [messages.vendor_unavailable(WATCH, "HTTP 503", 3_600)],
    "unreadable": [messages.unreadable(WATCH, "HTTP 200: the body is not a JSON object", 3_600)],
    "timed_out": [messages.timed_out(WATCH, 86_400, polled) for polled in (RUNNING, QUEUED, None)],
    "invalid_event": [messages.invalid_event(["importId must be import-4711", "vendor must be one of egain, voyado"])],
    "stalled": [messages.stalled(WATCH, 3_600)],
    "watch_stopped": [messages.watch_stopped(WATCH)],
    "watch_broken": [messages.watch_broken(WATCH, "States.Timeout")],
}
TEXTS = [pytest.param(text, id=f"{name}-{n}") for name, texts in EVERY.items() for n, text in enumerate(texts)]


def test_every_message_is_looked_at_here() -> None:
    functions = [value for _, value in inspect.getmembers(messages, inspect.isfunction)]
    own = {function.__name__ for function in functions if function.__module__ == messages.__name__}
    assert {name for name in own if not name.startswith("_")} == EVERY.keys() | {"duration"}


@pytest.mark.parametrize("text", TEXTS)
def test_a_message_names_the_import_or_its_connection(text: str) -> None:
    assert "import-4711" in text or "'sandbox'" in text


@pytest.mark.parametrize("text", TEXTS)
def test_a_message_is_one_whole_readable_text(text: str) -> None:
    assert text.endswith(".")
    assert text.isprintable()
    assert len(text) > 30
    for slip in ("None", "..", "  ", " .", " ,", "()", "{", "ImportState", "Outcome."):
        assert slip not in text


def test_a_success_is_told_with_its_warnings() -> None:
    plain, warned = EVERY["ended"][:2]
    assert plain == "Import import-4711 at egain completed."
    assert warned == "Import import-4711 at egain completed with 1,234 warnings; see its log."


@pytest.mark.parametrize(
    ("log", "has_log"),
    [
        (InlineLog({}, ""), True),
        (StoredLog("s3://logs/4711.txt"), True),
        (LogRecord(LogStatus.ARCHIVED, "s3://archive/log.txt"), True),
        (LogRecord(LogStatus.VENDOR_ONLY, source="s3://logs/4711.txt"), True),
        (LogRecord(LogStatus.UNAVAILABLE, reason="NoSuchKey"), False),
        (MissingLog("not there", expected=True), False),
        (None, False),
    ],
)
@pytest.mark.parametrize(
    ("outcome", "counts"),
    [(Outcome.SUCCEEDED, {"warnings": 2}), (Outcome.PARTIAL, {"errors": 2}), (Outcome.FAILED, {})],
)
def test_only_a_log_that_is_there_is_pointed_to(
    outcome: Outcome, counts: dict[str, int], log: LogReference, has_log: bool
) -> None:
    text = messages.ended(WATCH, outcome, Observation(ImportState.FAILED, counts=counts, log=log))
    assert ("see its log" in text) is has_log


def test_a_validation_that_found_errors_left_nothing_out() -> None:
    text = messages.ended(
        replace(WATCH, job_type="Validation"), Outcome.PARTIAL, replace(SUCCEEDED, counts={"errors": 3})
    )
    assert text == ("Validation import-4711 at egain found 3 errors: see its log, and fix them before you import.")


def test_a_partial_success_is_told_with_its_errors() -> None:
    assert "1 error:" in EVERY["ended"][2]


@pytest.mark.parametrize(
    ("retryable", "advice"),
    [(True, "worth starting it again"), (False, "fix the cause"), (None, "see its log before you start it again")],
)
def test_a_failure_is_told_with_its_reason_and_what_to_do(retryable: bool | None, advice: str) -> None:
    text = messages.ended(WATCH, Outcome.FAILED, replace(FAILED, retryable=retryable))
    assert "The file is not a ZIP archive;" in text
    assert advice in text


@pytest.mark.parametrize(
    ("job_type", "start"),
    [
        ("validation", "Validation import-4711 at egain"),
        ("Import", "Import import-4711 at egain"),
        ("DELTA", "Import import-4711 (DELTA) at egain"),
    ],
)
def test_a_message_says_what_kind_of_job_it_was(job_type: str, start: str) -> None:
    assert messages.ended(replace(WATCH, job_type=job_type), Outcome.SUCCEEDED, SUCCEEDED).startswith(start)


@pytest.mark.parametrize(
    ("polled", "seen"),
    [
        (RUNNING, "last status 'In Progress', 40% done"),
        (QUEUED, "scheduled for 2026-01-31T09:30:00.000Z"),
        (Observation(ImportState.NOT_FOUND), "no status"),
    ],
    ids=["running", "scheduled", "no status"],
)
def test_a_time_out_says_how_long_it_was_and_what_was_seen_last(polled: Observation | FailedPoll, seen: str) -> None:
    text = messages.timed_out(WATCH, 86_400, polled)
    assert "after 1 day," in text
    assert seen in text


@pytest.mark.parametrize("polled", [NO_RESPONSE, None], ids=["at the last poll", "without another poll"])
def test_a_time_out_after_failed_polls_says_why_they_failed(polled: FailedPoll | None) -> None:
    text = messages.timed_out(replace(WATCH, last_trouble="eGain answered HTTP 503"), 86_400, polled)
    assert "the last poll failed: eGain answered HTTP 503" in text


def test_a_status_that_nobody_has_mapped_is_quoted() -> None:
    assert "'Paused' for 10 minutes" in messages.unrecognised(WATCH, 600)


def test_an_invalid_event_is_told_with_every_fault() -> None:
    text = messages.invalid_event(["vendor is one fault", "importId is another"])
    assert "vendor is one fault; importId is another" in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 seconds"),
        (0, "0 seconds"),
        (0.4, "0 seconds"),
        (1, "1 second"),
        (59, "59 seconds"),
        (59.6, "1 minute"),
        (61, "1 minute 1 second"),
        (3_600, "1 hour"),
        (7_325, "2 hours 2 minutes"),
        (86_400, "1 day"),
        (90_061, "1 day 1 hour"),
        (30 * 86_400, "30 days"),
    ],
)
def test_a_duration_has_at_most_two_units_the_largest_first(seconds: float, text: str) -> None:
    assert messages.duration(seconds) == text
