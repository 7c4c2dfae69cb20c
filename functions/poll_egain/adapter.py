"""eGain, Knowledge Content Manager API v4: what its import status answers mean.

Facts from the vendor's page "Checking the Status of an Import or Validation Job" and, where marked [spec], its
OpenAPI file.
"""

from __future__ import annotations

import re
from typing import Any

from import_watch.model import watch as model
from import_watch.vendors import adapter as vendor

STATUSES = vendor.StatusMap(
    {
        model.ImportState.QUEUED: ("Scheduled",),
        model.ImportState.RUNNING: ("In Progress",),
        # `Completed` is in the prose of the OpenAPI file [spec].
        model.ImportState.SUCCEEDED: ("Successful", "Completed"),
        model.ImportState.FAILED: ("Failed",),
        model.ImportState.CANCELLED: ("Cancelled",),
    }
)
UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


def read(answer: vendor.Answer, _import_id: str) -> model.Observation | model.FailedPoll:
    """Read an answer; only `status` and `jobType` are always there."""
    body = answer.json()
    if answer.status == 404:
        return vendor.not_found(answer)
    if not isinstance(body, dict):
        return vendor.unreadable(answer, "the body is not a JSON object")
    status = vendor.text_of(body.get("status"))
    if not answer.is_success or status is None:
        return vendor.unreadable(answer, "the answer has no status of a job")
    state = STATUSES[status]
    reason = vendor.text_of(body.get("error"))
    retryable = body.get("retryable")
    return model.Observation(
        state=state,
        vendor_status=status,
        job_type=vendor.text_of(body.get("jobType")),
        progress=_progress(vendor.object_of(body.get("progress"))),
        counts=_counts(body),
        problems=vendor.errors_of([reason]) if reason else (),
        log=_log(body),
        started_at=vendor.time_of(body.get("startTime")),
        ended_at=_ended_at(body, state) if state in model.FINISHED else None,
        retryable=retryable if isinstance(retryable, bool) else None,
        reason=reason if state is model.ImportState.FAILED else None,
    )


def _progress(progress: dict[str, Any]) -> model.ReportedProgress | None:
    """Give the progress by the items, whose step is one; else by the percentage."""
    processed, total = vendor.integer_of(progress.get("processed")), vendor.integer_of(progress.get("total"))
    if processed is not None and total:  # 0 while a job is scheduled
        return model.ReportedProgress(min(1.0, processed / total), 1 / total)
    percentage = vendor.number_of(progress.get("percentage"))
    if percentage is not None and 0 <= percentage <= 100:
        return model.ReportedProgress(percentage / 100)
    return None


def _counts(body: dict[str, Any]) -> dict[str, int]:
    results, progress = _results(body.get("results")), vendor.object_of(body.get("progress"))
    counts = {
        # The vendor's OpenAPI file has both spellings [spec].
        "succeeded": vendor.count_of(results.get("successful"))
        or vendor.count_of(results.get("succesfull", results.get("successful"))),
        "warnings": vendor.count_of(results.get("warnings")),
        "errors": vendor.count_of(results.get("errors"), otherwise=1),
        "processed": vendor.integer_of(progress.get("processed")),
        "total": vendor.integer_of(progress.get("total")),
    }
    return {name: count for name, count in counts.items() if count is not None}


def _results(value: Any) -> dict[str, Any]:
    """Give the results: an object by the vendor's page; of a list, the sums, so that no errors are lost in it."""
    if isinstance(value, str):
        value = vendor.json_in(value)
    if not isinstance(value, list):
        return vendor.object_of(value)
    parts = [vendor.object_of(part) for part in value]
    return {
        name: sum(vendor.count_of(part.get(name), otherwise=1) or 0 for part in parts)
        for name in ("successful", "succesfull", "warnings", "errors")
        if any(name in part for part in parts)
    }


def _ended_at(body: dict[str, Any], state: model.ImportState) -> float | None:
    names = (
        ("completionTime", "failureTime") if state is model.ImportState.SUCCEEDED else ("failureTime", "completionTime")
    )
    return next((time for name in names if (time := vendor.time_of(body.get(name))) is not None), None)


def _log(body: dict[str, Any]) -> model.LogReference:
    location = body.get("logFileLocation")
    if isinstance(location, str) and location.strip():
        return model.StoredLog(location.strip())
    return model.MissingLog("the answer has no logFileLocation", expected=False)


def import_id(raw: str) -> str | None:
    """Give the job's UUID, also out of the `location` header of the starting request, which people paste whole.

    That header is relative and ends in `/status`: `knowledge/contentmgr/v4/import/content/{id}/status` [spec].
    """
    found = re.fullmatch(rf"(?:\S*/)?import/content/({UUID})(?:/status)?/?|({UUID})", vendor.printable_id(raw) or "")
    return (found[1] or found[2]) if found else None


def key_id(import_id: str) -> str:
    """Give the job's UUID in lower case: its letters make no difference."""
    return import_id.lower()


def _base_url(fields: Any) -> str | None:
    location = fields.get("baseUrl") or fields.get("apiDomain")
    return vendor.with_scheme(location) if location else None


ADAPTER = vendor.Adapter(
    vendor="egain",
    title="eGain",
    statuses=STATUSES,
    connection=vendor.ConnectionShape(
        required=("tokenUrl", "clientId", "clientSecret"),
        secret=("clientSecret",),
        base_url=_base_url,
        base_url_fields="apiDomain (or baseUrl)",
        hosts=(r"([a-z0-9-]+\.)+egain\.cloud",),
        optional=("apiDomain", "baseUrl", "scope", "logReaderRoleArn"),
    ),
    # The vendor's quick start for client credentials has the other one [spec].
    authentication=vendor.ClientCredentials(
        default_scope="knowledge.contentmgr.manage", scope_hint="app.knowledge.contentmgr.manage"
    ),
    path="/knowledge/contentmgr/v4/import/content/{import_id}/status",
    read=read,
    keeps_log=True,
    import_id=import_id,
    import_id_hint="the job's UUID, or the whole location header of the starting request",
    unknown_id_phrases=(
        *("invalid job id", "invalid jobid", "unknown job id", "no such job", "no job with this id"),
        *("job id is invalid", "job id is not valid", "job id not found", "job id does not exist"),
        *("job not found", "job was not found", "job does not exist"),
    ),
    key_id=key_id,
)
