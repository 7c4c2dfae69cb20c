"""eGain, Knowledge Content Manager API v4: the meaning of its import status responses.

Facts from the vendor's page "Checking the Status of an Import or Validation Job" and, where marked [spec], its
OpenAPI file.
"""

from __future__ import annotations

import re

from import_watch.model.observation import FINISHED, FailedPoll, ImportState, Observation
from import_watch.vendors import fields
from import_watch.vendors.adapter import Adapter, Api, ConnectionSpec, StatusMap
from import_watch.vendors.allowed_hosts import base_url_of
from import_watch.vendors.authentication import ClientCredentials
from import_watch.vendors.request import RequestSpec
from import_watch.vendors.response import not_found, status_in, unknown_id_phrases
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


def read(response: HttpResponse, _import_id: str) -> Observation | FailedPoll:
    """Meaning of a response; only `status` and `jobType` are always present."""
    if response.status == 404:
        return not_found(response)
    found = status_in(response, "a job")
    if isinstance(found, FailedPoll):
        return found
    body, status = found
    state, reason, retryable = STATUSES[status], fields.text_of(body.get("error")), body.get("retryable")
    progress = fields.object_of(body.get("progress"))
    results = fields.summed(body.get("results"), "successful", "succesfull", "warnings", "errors")
    ends = ("completionTime", "failureTime") if state is ImportState.SUCCEEDED else ("failureTime", "completionTime")
    return Observation(
        state=state,
        vendor_status=status,
        job_type=fields.text_of(body.get("jobType")),
        progress=fields.progress_of(progress.get("processed"), progress.get("total"), progress.get("percentage")),
        counts=fields.counts_of(
            # The vendor's OpenAPI file has both spellings [spec].
            succeeded=fields.first_count(results, "successful", "succesfull"),
            warnings=fields.count_of(results.get("warnings")),
            errors=fields.count_of(results.get("errors"), otherwise=1),
            processed=fields.integer_of(progress.get("processed")),
            total=fields.integer_of(progress.get("total")),
        ),
        problems=fields.errors_of([reason]) if reason else (),
        log=fields.log_at(body, "logFileLocation"),
        started_at=fields.time_of(body.get("startTime")),
        ended_at=fields.first_time(body, *ends) if state in FINISHED else None,
        retryable=retryable if isinstance(retryable, bool) else None,
        reason=reason if state is ImportState.FAILED else None,
    )


def import_id(raw: str) -> str | None:
    """UUID of the job, also from the whole `location` header of the starting request, which people paste.

    That header is relative and ends in `/status`: `knowledge/contentmgr/v4/import/content/{id}/status` [spec].
    """
    found = re.fullmatch(
        rf"(?:\S*/)?import/content/({fields.UUID})(?:/status)?/?|({fields.UUID})", fields.printable_id(raw) or ""
    )
    return (found[1] or found[2]) if found else None


API = Api(
    statuses=STATUSES,
    connection=ConnectionSpec(
        required=("tokenUrl", "clientId", "clientSecret"),
        secret=("clientSecret",),
        base_url=lambda connection: base_url_of(connection, "apiDomain", "{}"),
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
    unknown_id_phrases=unknown_id_phrases("job id", "job"),
)
ADAPTER = Adapter(
    vendor="egain",
    title="eGain",
    apis=API,
    import_id=import_id,
    import_id_hint="the job's UUID, or the whole location header of the starting request",
    key_id=str.lower,  # the case of a UUID makes no difference
)
