"""eGain, Knowledge Content Manager API v4: what its import status answers mean.

Facts from the vendor's page "Checking the Status of an Import or Validation Job" and, where marked [spec], its
OpenAPI file.
"""

from __future__ import annotations

import re
import uuid
from typing import Any

from import_watch.model import (
    FailedPoll,
    ImportState,
    LogReference,
    MissingLog,
    Observation,
    ReportedProgress,
    StoredLog,
)
from import_watch.vendor import (
    Adapter,
    Answer,
    ClientCredentials,
    ConnectionShape,
    StatusMap,
    error_text,
    errors_of,
    integer_of,
    number_of,
    object_of,
    printable_id,
    text_of,
    time_of,
    unreadable,
)

STATUSES = StatusMap(
    {
        ImportState.QUEUED: ("Scheduled",),
        ImportState.RUNNING: ("In Progress",),
        # `Completed` is in the prose of the OpenAPI file [spec].
        ImportState.SUCCEEDED: ("Successful", "Completed"),
        ImportState.FAILED: ("Failed",),
        ImportState.CANCELLED: ("Cancelled",),
    }
)
UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
ENDED = (ImportState.SUCCEEDED, ImportState.FAILED, ImportState.CANCELLED)


def read(answer: Answer, _import_id: str) -> Observation | FailedPoll:
    """Read an answer; only `status` and `jobType` are always there."""
    body = answer.json()
    if answer.status == 404:
        said = error_text(answer)
        return Observation(ImportState.NOT_FOUND, problems=errors_of([said] if said else []))
    if not isinstance(body, dict):
        return unreadable(answer, "the body is not a JSON object")
    status = text_of(body.get("status"))
    if answer.status != 200 or status is None:
        return unreadable(answer, "the answer has no status of a job")
    state = STATUSES[status]
    reason = text_of(body.get("error"))
    retryable = body.get("retryable")
    return Observation(
        state=state,
        vendor_status=status,
        job_type=text_of(body.get("jobType")),
        progress=_progress(object_of(body.get("progress"))),
        counts=_counts(body),
        problems=errors_of([reason]) if reason else (),
        log=_log(body),
        started_at=time_of(body.get("startTime")),
        ended_at=_ended_at(body) if state in ENDED else None,
        retryable=retryable if isinstance(retryable, bool) else None,
        reason=reason if state is ImportState.FAILED else None,
    )


def _progress(progress: dict[str, Any]) -> ReportedProgress | None:
    """Give the progress by the items, whose step is one; else by the percentage."""
    processed, total = integer_of(progress.get("processed")), integer_of(progress.get("total"))
    if processed is not None and total:  # 0 while a job is scheduled
        return ReportedProgress(min(1.0, processed / total), 1 / total)
    percentage = number_of(progress.get("percentage"))
    if percentage is not None and 0 <= percentage <= 100:
        return ReportedProgress(percentage / 100, 0.01)
    return None


def _counts(body: dict[str, Any]) -> dict[str, int]:
    results, progress = object_of(body.get("results")), object_of(body.get("progress"))
    told = {
        # The vendor's OpenAPI file has both spellings [spec].
        "succeeded": integer_of(results.get("successful")) or results.get("succesfull", results.get("successful")),
        "warnings": results.get("warnings"),
        "errors": results.get("errors"),
        "processed": progress.get("processed"),
        "total": progress.get("total"),
    }
    return {name: count for name, value in told.items() if (count := integer_of(value)) is not None}


def _ended_at(body: dict[str, Any]) -> float | None:
    times = (time_of(body.get("failureTime")), time_of(body.get("completionTime")))
    return next((time for time in times if time is not None), None)


def _log(body: dict[str, Any]) -> LogReference:
    location = body.get("logFileLocation")
    if isinstance(location, str) and location.strip():
        return StoredLog(location.strip())
    return MissingLog("the answer has no logFileLocation", expected=False)


def import_id(raw: str) -> str | None:
    """Give the job's UUID, also out of the `location` header of the starting request, which people paste whole.

    That header is relative and ends in `/status`: `knowledge/contentmgr/v4/import/content/{id}/status` [spec].
    """
    found = re.fullmatch(rf"(?:\S*/)?import/content/({UUID})(?:/status)?/?|({UUID})", printable_id(raw) or "")
    return str(uuid.UUID(found[1] or found[2])) if found else None


def _base_url(fields: Any) -> str | None:
    domain = fields.get("apiDomain")
    return fields.get("baseUrl") or (f"https://{domain}" if domain else None)


ADAPTER = Adapter(
    vendor="egain",
    title="eGain",
    statuses=STATUSES,
    connection=ConnectionShape(
        required=("tokenUrl", "clientId", "clientSecret"),
        secret=("clientSecret",),
        base_url=_base_url,
        base_url_fields="apiDomain (or baseUrl)",
        hosts=(r"([a-z0-9-]+\.)+egain\.cloud",),
        optional=("apiDomain", "baseUrl", "scope", "logReaderRoleArn"),
    ),
    authentication=ClientCredentials(default_scope="knowledge.contentmgr.manage"),
    path="/knowledge/contentmgr/v4/import/content/{import_id}/status",
    read=read,
    keeps_log=True,
    import_id=import_id,
    import_id_hint="the job's UUID, or the whole location header of the starting request",
)
