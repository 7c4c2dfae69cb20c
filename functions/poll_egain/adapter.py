"""eGain, Knowledge Content Manager API v4: the meaning of its import status responses.

Facts from the vendor's page "Checking the Status of an Import or Validation Job" and, where marked [spec], its
OpenAPI file.
"""

from __future__ import annotations

import re
from typing import Any

from import_watch.model.observation import (
    FINISHED,
    FailedPoll,
    ImportState,
    LogReference,
    MissingLog,
    Observation,
    ReportedProgress,
    StoredLog,
)
from import_watch.vendors import fields
from import_watch.vendors.adapter import Adapter, Api, ConnectionSpec, StatusMap
from import_watch.vendors.allowed_hosts import with_scheme
from import_watch.vendors.authentication import ClientCredentials
from import_watch.vendors.request import RequestSpec
from import_watch.vendors.response import not_found, unreadable
from import_watch.vendors.response_body import HttpResponse

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


def read(response: HttpResponse, _import_id: str) -> Observation | FailedPoll:
    """Meaning of a response; only `status` and `jobType` are always present."""
    body = response.json()
    if response.status == 404:
        return not_found(response)
    if not isinstance(body, dict):
        return unreadable(response, "the body is not a JSON object")
    status = fields.text_of(body.get("status"))
    if not response.is_success or status is None:
        return unreadable(response, "the response has no status of a job")
    state = STATUSES[status]
    reason = fields.text_of(body.get("error"))
    retryable = body.get("retryable")
    return Observation(
        state=state,
        vendor_status=status,
        job_type=fields.text_of(body.get("jobType")),
        progress=_progress(fields.object_of(body.get("progress"))),
        counts=_counts(body),
        problems=fields.errors_of([reason]) if reason else (),
        log=_log(body),
        started_at=fields.time_of(body.get("startTime")),
        ended_at=_ended_at(body, state) if state in FINISHED else None,
        retryable=retryable if isinstance(retryable, bool) else None,
        reason=reason if state is ImportState.FAILED else None,
    )


def _progress(progress: dict[str, Any]) -> ReportedProgress | None:
    """Progress by the items, whose step is one; else by the percentage."""
    processed, total = fields.integer_of(progress.get("processed")), fields.integer_of(progress.get("total"))
    if processed is not None and total:  # 0 while a job is scheduled
        return ReportedProgress(min(1.0, processed / total), 1 / total)
    percentage = fields.number_of(progress.get("percentage"))
    if percentage is not None and 0 <= percentage <= 100:
        return ReportedProgress(percentage / 100)
    return None


def _counts(body: dict[str, Any]) -> dict[str, int]:
    results, progress = _results(body.get("results")), fields.object_of(body.get("progress"))
    counts = {
        # The vendor's OpenAPI file has both spellings [spec].
        "succeeded": fields.count_of(results.get("successful"))
        or fields.count_of(results.get("succesfull", results.get("successful"))),
        "warnings": fields.count_of(results.get("warnings")),
        "errors": fields.count_of(results.get("errors"), otherwise=1),
        "processed": fields.integer_of(progress.get("processed")),
        "total": fields.integer_of(progress.get("total")),
    }
    return {name: count for name, count in counts.items() if count is not None}


def _results(value: Any) -> dict[str, Any]:
    """Results: an object according to the vendor's page; of a list, the sums, so that no errors are lost."""
    if isinstance(value, str):
        value = fields.json_in(value)
    if not isinstance(value, list):
        return fields.object_of(value)
    parts = [fields.object_of(part) for part in value]
    return {
        name: sum(fields.count_of(part.get(name), otherwise=1) or 0 for part in parts)
        for name in ("successful", "succesfull", "warnings", "errors")
        if any(name in part for part in parts)
    }


def _ended_at(body: dict[str, Any], state: ImportState) -> float | None:
    names = ("completionTime", "failureTime") if state is ImportState.SUCCEEDED else ("failureTime", "completionTime")
    return next((time for name in names if (time := fields.time_of(body.get(name))) is not None), None)


def _log(body: dict[str, Any]) -> LogReference:
    location = body.get("logFileLocation")
    if isinstance(location, str) and location.strip():
        return StoredLog(location.strip())
    return MissingLog("the response has no logFileLocation", expected=False)


def import_id(raw: str) -> str | None:
    """UUID of the job, also from the whole `location` header of the starting request, which people paste.

    That header is relative and ends in `/status`: `knowledge/contentmgr/v4/import/content/{id}/status` [spec].
    """
    found = re.fullmatch(rf"(?:\S*/)?import/content/({UUID})(?:/status)?/?|({UUID})", fields.printable_id(raw) or "")
    return (found[1] or found[2]) if found else None


def key_id(import_id: str) -> str:
    """UUID of the job in lower case, because its case makes no difference."""
    return import_id.lower()


def _base_url(connection: Any) -> str | None:
    location = connection.get("baseUrl") or connection.get("apiDomain")
    return with_scheme(location) if location else None


API = Api(
    statuses=STATUSES,
    connection=ConnectionSpec(
        required=("tokenUrl", "clientId", "clientSecret"),
        secret=("clientSecret",),
        base_url=_base_url,
        base_url_fields="apiDomain (or baseUrl)",
        hosts=(r"([a-z0-9-]+\.)+egain\.cloud",),
        optional=("apiDomain", "baseUrl", "scope", "logReaderRoleArn"),
    ),
    # The vendor's quick start for client credentials has the other scope [spec].
    authentication=ClientCredentials(
        default_scope="knowledge.contentmgr.manage", scope_hint="app.knowledge.contentmgr.manage"
    ),
    request=RequestSpec("/knowledge/contentmgr/v4/import/content/{importId}/status"),
    read=read,
    keeps_log=True,
    unknown_id_phrases=(
        *("invalid job id", "invalid jobid", "unknown job id", "no such job", "no job with this id"),
        *("job id is invalid", "job id is not valid", "job id not found", "job id does not exist"),
        *("job not found", "job was not found", "job does not exist"),
    ),
)
ADAPTER = Adapter(
    vendor="egain",
    title="eGain",
    apis=API,
    import_id=import_id,
    import_id_hint="the job's UUID, or the whole location header of the starting request",
    key_id=key_id,
)
