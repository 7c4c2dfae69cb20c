"""The sample notifications in `events/`, as the product makes them: `python -m tests.contract.samples` writes them.

A vendor's responses go through its adapter, the rules of an outcome and the notification, at fixed times.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from import_watch.lifecycle.start_event import parse
from import_watch.model.observation import ImportState, LogRecord, LogStatus, ReportedProgress
from import_watch.model.outcome import Outcome, Reason, WatchResult
from import_watch.model.record import StartRecord, StoredWatch
from import_watch.model.timestamps import iso, parse_iso
from import_watch.model.watch import Tolerance
from import_watch.notifications.messages import with_message
from import_watch.notifications.notification import notification, stall_notification
from import_watch.services.vendor_registry import VendorRegistry
from import_watch.vendors.response import parse_response
from import_watch.vendors.response_body import HttpResponse

from local.paths import EVENTS, FUNCTIONS
from tests.contract.schemas import written
from tests.support.lifecycle import End, Wait, advance, start_watch

VENDORS = VendorRegistry(FUNCTIONS)
REGION, ACCOUNT, STACK = "eu-west-1", "123456789012", "import-watch"
SOURCE = f"/import-watch/{REGION}/{ACCOUNT}/{STACK}"
EXECUTION = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:{STACK}-watch-import:"
ARCHIVE = "s3://import-watch-logarchivebucket-b415917ec4960"
AT = parse_iso("2026-11-22T06:54:05.000Z") or 0.0
"""When the watches begin."""
POLL_MILLISECONDS = 240
"""Billed time of a poll."""


@dataclass(frozen=True)
class Sample:
    """A sample of the notification of an outcome.

    Parameters
    ----------
    event : str
        Name of the start event in `events/import-started`.
    polls : mapping of float to mapping
        Bodies of the vendor's responses, by the seconds since the watch began.
    log : LogRecord, optional
        `location` is the name of the file in the archive.
    changes : mapping
        Other fields of the detail of the start event.
    """

    event: str
    polls: Mapping[float, Mapping[str, Any]]
    log: LogRecord | None = None
    changes: Mapping[str, Any] | None = None


def _at(seconds: float) -> str:
    return iso(AT + seconds) or ""


_SAMPLES = {
    "succeeded": Sample(
        "document360-warnings",
        {
            5.3: {"status": "Queued", "errors": []},
            11.0: {"status": "InProgress", "errors": []},
            22.7: {
                "status": "Completed",
                "errors": [],
                "import_documentation_log": {
                    "new_versions": 1,
                    "categories": 18,
                    "articles": 412,
                    "languages": "2",
                    "messages": [
                        {"message_type": kind, "message": text, "cancel_operation": False}
                        for kind, text in (
                            (1, "Article 'Set up single sign-on': an image of 14 MB was scaled down."),
                            (1, "Article 'Billing': the link to /old/prices leads nowhere."),
                            (2, "18 categories and 412 articles imported."),
                        )
                    ],
                },
            },
        },
        LogRecord(LogStatus.ARCHIVED, location="log.json", bytes=539),
    ),
    "partial": Sample(
        "egain-partial",
        {
            5.1: {"status": "Scheduled", "jobType": "Import"},
            12.4: {
                "status": "In Progress",
                "jobType": "Import",
                "startTime": _at(7.9),
                "progress": {"processed": 1250, "total": 5000, "percentage": 25},
            },
            28.1: {
                "status": "Successful",
                "jobType": "Import",
                "startTime": _at(7.9),
                "completionTime": _at(25.9),
                "progress": {"processed": 5000, "total": 5000, "percentage": 100},
                "results": {"successful": 4985, "warnings": 10, "errors": 5},
                "logFileLocation": "s3://egain-job-logs/logs/import-logs-4c2d.txt",
            },
        },
        LogRecord(
            LogStatus.ARCHIVED,
            location="log.txt",
            source="s3://egain-job-logs/logs/import-logs-4c2d.txt",
            bytes=2_393,
        ),
    ),
    "failed": Sample(
        "egain-failed",
        {
            9.2: {"status": "In Progress", "jobType": "Import", "startTime": _at(8.2)},
            18.3: {
                "status": "Failed",
                "jobType": "Import",
                "startTime": _at(8.2),
                "failureTime": _at(17.2),
                "error": "The database did not respond after 1250 items",
                "retryable": True,
                "progress": {"processed": 1250, "total": 5000, "percentage": 25},
                "logFileLocation": "s3://another-accounts-bucket/logs/import-logs-9f1b.txt",
            },
        },
        LogRecord(
            LogStatus.VENDOR_ONLY,
            source="s3://another-accounts-bucket/logs/import-logs-9f1b.txt",
            reason="its bucket is not in the connection's logBuckets",
        ),
    ),
    "cancelled": Sample(
        "voyado-aborted",
        {
            5.2: {"status": "IN_PROGRESS", "type": "PRODUCTS"},
            18.1: {"status": "ABORTED", "type": "PRODUCTS", "message": "Aborted by an operator."},
        },
    ),
    "unknown-timed-out": Sample(
        "voyado-late",
        {5.2: {"status": "IN_PROGRESS", "type": "PRODUCTS"}, 12.1: {"status": "IN_PROGRESS", "type": "PRODUCTS"}},
        changes={"timeoutSeconds": 12, "sentBy": "nightly-export"},
    ),
}


def _named(name: str, changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / "import-started" / f"{name}.json").read_text())
    return {**event, "detail": {**event["detail"], **(changes or {})}}


def _outcome(name: str) -> dict[str, Any]:
    sample = _SAMPLES[name]
    event = _named(sample.event, sample.changes)
    start = VENDORS.parse(event).start
    adapter = VENDORS.adapter(start.vendor)
    step: Wait | End = start_watch(start, AT, Tolerance())
    for seconds, body in sample.polls.items():
        assert isinstance(step, Wait)
        watch = replace(step.watch, poll_milliseconds=step.watch.poll_milliseconds + POLL_MILLISECONDS)
        response = HttpResponse(200, {}, json.dumps({"id": start.import_id, **body}).encode())
        step = advance(watch, parse_response(adapter, response, start.import_id), AT + seconds, Tolerance())
    assert isinstance(step, End)
    folder = f"{ARCHIVE}/{start.vendor}/{start.connection}/{start.import_id}/20261122T065405Z"
    log = sample.log
    if log is not None and log.location is not None:
        log = replace(log, location=f"{folder}/{log.location}")
    record = StoredWatch(
        step.watch,
        EXECUTION + event["id"],
        StartRecord(start.metadata, start.ignored_fields),
        correlation_id=start.correlation_id,
        keeps_log=adapter.keeps_log,
        result=step.result,
        log=log,
        response=f"{folder}/answer.json",
    )
    return notification(record, SOURCE)


def _invalid() -> dict[str, Any]:
    event = _named("two-faults")
    sent = {json.loads(path.read_text())["detail"]["vendor"] for path in (EVENTS / "import-started").iterdir()}
    # The message lists the vendors: those of the samples, so that a new one changes no sample.
    parsed = parse(event, tuple(sorted(sent & {*VENDORS.names})), VENDORS.adapter)
    watch = replace(start_watch(parsed.start, AT, Tolerance()).watch, watch_id=parsed.watch_id)
    facts = WatchResult(Outcome.UNKNOWN, AT, reason=Reason.INVALID_EVENT.value, detail="; ".join(parsed.faults))
    result = with_message(watch, facts)
    correlation = parsed.start.correlation_id
    record = StoredWatch(watch, EXECUTION + event["id"], correlation_id=correlation, keeps_log=False, result=result)
    return notification(record, SOURCE)


def _stalled() -> dict[str, Any]:
    event = _named("egain-partial", {"metadata": {"team": "help centre"}})
    start = VENDORS.parse(event).start
    watch = replace(
        start_watch(start, AT, Tolerance()).watch,
        import_state=ImportState.RUNNING,
        vendor_status="In Progress",
        job_type="Import",
        progress=ReportedProgress(0.25, 0.01),
        progress_changed_at=AT + 610,
        running_since=AT + 12,
        polls=41,
        stalled_at=AT + 3_010,
    )
    record = StoredWatch(
        watch, EXECUTION + event["id"], StartRecord(start.metadata), correlation_id=start.correlation_id
    )
    return stall_notification(record, SOURCE, AT + 3_010)


def samples() -> dict[Path, dict[str, Any]]:
    """Samples by their files."""
    folder = EVENTS / "notifications"
    found = {folder / f"{name}.json": _outcome(name) for name in _SAMPLES}
    found[folder / "unknown-invalid-event.json"] = _invalid()
    found[EVENTS / "stalled" / "stalled.json"] = _stalled()
    return found


if __name__ == "__main__":
    for path, sample in samples().items():
        path.write_text(written(sample))
