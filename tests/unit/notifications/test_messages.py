"""Messages of notifications: each names its import or connection, and is complete."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from import_watch.model.observation import (
    ImportState,
    Problem,
    ReportedProgress,
    Severity,
)
from import_watch.model.outcome import Outcome, Reason, WatchResult
from import_watch.model.watch import Watch
from import_watch.notifications import messages
from import_watch.notifications.messages import sentence

WATCH = Watch(
    watch_id="egain#sandbox#import-4711",
    vendor="egain",
    connection="sandbox",
    import_id="import-4711",
    registered_at=0.0,
    deadline=86_400.0,
    vendor_status="Paused",
)
SUCCEEDED = WatchResult(Outcome.SUCCEEDED, 0.0, has_log=True)
PARTIAL = WatchResult(Outcome.PARTIAL, 0.0, has_log=True, counts={"errors": 1})
CANCELLED = WatchResult(Outcome.CANCELLED, 0.0, counts={"processed": 3})
FAILED = WatchResult(Outcome.FAILED, 0.0, reason="The file is not a ZIP archive.", has_log=True)


def unknown(reason: Reason, watch: Watch = WATCH, **facts: Any) -> str:
    facts = {"vendor_status": watch.vendor_status, "job_type": watch.job_type, **facts}
    return sentence(watch, WatchResult(Outcome.UNKNOWN, 0.0, reason=reason.value, **facts))


RUNNING = replace(
    WATCH,
    import_state=ImportState.RUNNING,
    vendor_status="In Progress",
    progress=ReportedProgress(0.4, 0.01),
)
QUEUED = replace(WATCH, import_state=ImportState.QUEUED, vendor_status="Scheduled", announced_start=1_769_851_800.0)
UNSEEN = replace(WATCH, vendor_status=None)
EVERY: dict[str, list[str]] = {
    "ended": [
        sentence(WATCH, SUCCEEDED),
        sentence(WATCH, replace(SUCCEEDED, counts={"warnings": 1_234})),
        sentence(WATCH, PARTIAL),
        sentence(WATCH, CANCELLED),
        sentence(WATCH, FAILED),
        sentence(WATCH, replace(FAILED, reason=None, retryable=True)),
        sentence(WATCH, replace(FAILED, retryable=False)),
    ],
    "without a log": [
        sentence(WATCH, replace(SUCCEEDED, has_log=False, missing_log="")),
        sentence(WATCH, replace(SUCCEEDED, has_log=False, missing_log="'ImportLog' not found.")),
        sentence(WATCH, replace(FAILED, has_log=False, missing_log="NoSuchKey")),
    ],
    Reason.NOT_FOUND: [
        unknown(Reason.NOT_FOUND, grace_seconds=120),
        unknown(Reason.NOT_FOUND, grace_seconds=120, problems=(Problem(Severity.ERROR, "No tenant."),)),
    ],
    Reason.UNRECOGNISED_STATUS: [unknown(Reason.UNRECOGNISED_STATUS, grace_seconds=600)],
    Reason.UNAUTHORIZED: [unknown(Reason.UNAUTHORIZED, detail="HTTP 401")],
    Reason.MISCONFIGURED: [unknown(Reason.MISCONFIGURED, detail="its secret has no clientId.")],
    Reason.VENDOR_UNAVAILABLE: [unknown(Reason.VENDOR_UNAVAILABLE, detail="HTTP 503", grace_seconds=3_600)],
    Reason.UNREADABLE_ANSWER: [
        unknown(Reason.UNREADABLE_ANSWER, detail="HTTP 200: the body is not a JSON object", grace_seconds=3_600)
    ],
    Reason.TIMED_OUT: [unknown(Reason.TIMED_OUT, watch) for watch in (RUNNING, QUEUED, UNSEEN)],
    Reason.INVALID_EVENT: [
        unknown(Reason.INVALID_EVENT, detail="importId must be import-4711; vendor must be one of egain, voyado")
    ],
    Reason.WATCH_STOPPED: [unknown(Reason.WATCH_STOPPED)],
    Reason.WATCH_BROKEN: [unknown(Reason.WATCH_BROKEN, detail="States.Timeout")],
    "stalled": [messages.stalled(WATCH, 3_600)],
}
TEXTS = [pytest.param(text, id=f"{name}-{n}") for name, texts in EVERY.items() for n, text in enumerate(texts)]


def test_every_reason_has_its_sentence_here() -> None:
    assert set(EVERY) >= set(Reason)


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


def test_the_message_of_a_success_has_its_warnings() -> None:
    plain, warned = EVERY["ended"][:2]
    assert plain == "Import import-4711 at egain completed."
    assert warned == "Import import-4711 at egain completed with 1,234 warnings; see its log."


@pytest.mark.parametrize("has_log", [True, False])
@pytest.mark.parametrize(
    ("outcome", "counts"),
    [(Outcome.SUCCEEDED, {"warnings": 2}), (Outcome.PARTIAL, {"errors": 2}), (Outcome.FAILED, {})],
)
def test_only_a_log_that_exists_is_referred_to(outcome: Outcome, counts: dict[str, int], has_log: bool) -> None:
    text = sentence(WATCH, WatchResult(outcome, 0.0, counts=counts, has_log=has_log))
    assert ("see its log" in text) is has_log


def test_a_validation_that_found_errors_left_nothing_out() -> None:
    text = sentence(WATCH, replace(PARTIAL, job_type="Validation", counts={"errors": 3}))
    assert text == ("Validation import-4711 at egain found 3 errors: see its log, and fix them before you import.")


def test_the_message_of_a_partial_success_has_its_errors() -> None:
    assert "1 error:" in EVERY["ended"][2]


@pytest.mark.parametrize(
    ("retryable", "advice"),
    [(True, "worth starting it again"), (False, "fix the cause"), (None, "see its log before you start it again")],
)
def test_the_message_of_a_failure_has_its_reason_and_advice(retryable: bool | None, advice: str) -> None:
    text = sentence(WATCH, replace(FAILED, retryable=retryable))
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
def test_a_message_names_the_job_type(job_type: str, start: str) -> None:
    assert sentence(WATCH, replace(SUCCEEDED, job_type=job_type)).startswith(start)


def test_a_sentence_is_about_the_job_that_the_result_is_of() -> None:
    result = replace(PARTIAL, job_type="Validation", has_log=False)
    text = sentence(replace(WATCH, job_type="Import"), result)
    assert text == "Validation import-4711 at egain found 1 error: fix them before you import."


@pytest.mark.parametrize(
    ("watch", "seen"),
    [
        (RUNNING, "last status 'In Progress', 40% done"),
        (QUEUED, "scheduled for 2026-01-31T09:30:00.000Z"),
        (UNSEEN, "no status"),
        (replace(RUNNING, last_trouble="eGain: HTTP 503"), "the last poll failed: eGain: HTTP 503"),
    ],
    ids=["running", "scheduled", "no status", "failed polls"],
)
def test_a_timeout_names_its_duration_and_what_was_seen_last(watch: Watch, seen: str) -> None:
    text = unknown(Reason.TIMED_OUT, watch)
    assert "after 1 day," in text
    assert seen in text


def test_an_unmapped_status_is_quoted() -> None:
    assert "'Paused', which Import Watch does not know, for 10 minutes" in EVERY[Reason.UNRECOGNISED_STATUS][0]


def test_an_invalid_event_names_every_fault() -> None:
    text = EVERY[Reason.INVALID_EVENT][0]
    assert "importId must be import-4711; vendor must be one of egain, voyado" in text


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
