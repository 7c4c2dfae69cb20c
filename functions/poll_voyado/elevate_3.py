"""Voyado Elevate 3, Web API v2: the meaning of its import status responses.

Facts from the vendor's page "Import Status" and, where marked [spec], its newer developer portal.
"""

from __future__ import annotations

from import_watch.model.observation import FailedPoll, ImportState, Observation, PollError
from import_watch.vendors import fields
from import_watch.vendors.adapter import Api, ConnectionSpec, StatusMap
from import_watch.vendors.allowed_hosts import base_url_of
from import_watch.vendors.authentication import ApiKey
from import_watch.vendors.request import RequestSpec
from import_watch.vendors.response import status_in, unreadable
from import_watch.vendors.response_body import HttpResponse

STATUSES = StatusMap(
    {
        ImportState.NOT_FOUND: ("NOT_FOUND",),
        # BLOCKED waits for another import, so no progress is expected.
        ImportState.QUEUED: ("WAITING", "BLOCKED"),
        ImportState.RUNNING: ("IN_PROGRESS",),
        ImportState.SUCCEEDED: ("SUCCESS",),
        ImportState.FAILED: ("FAILURE",),
        # The vendor documents ABORTED alone; a cancelled import must never wait for a status that is not mapped.
        ImportState.CANCELLED: ("ABORTED", "CANCELLED"),
    }
)


def read(response: HttpResponse, import_id: str) -> Observation | FailedPoll:
    """Meaning of a response; an import that is not known (yet) is a 200 with the status NOT_FOUND."""
    found = status_in(response, "an import")
    if isinstance(found, FailedPoll):
        return found
    body, status = found
    if body.get("id") is not None and fields.id_of(body["id"]) != import_id:
        return unreadable(response, "the response is about another import")
    state = STATUSES[status]
    message = fields.text_of(body.get("message"))
    return Observation(
        state=state,
        vendor_status=status,
        job_type=fields.text_of(body.get("type")),
        problems=fields.errors_of([message]) if message else (),
        reason=message if state is ImportState.FAILED else None,
    )


API = Api(
    statuses=STATUSES,
    connection=ConnectionSpec(
        required=("apiKey",),
        secret=("apiKey",),
        base_url=lambda connection: base_url_of(connection, "clusterId", "{}.api.esales.apptus.cloud"),
        base_url_fields="clusterId (or baseUrl)",
        # The second is the newer host of the same API [spec].
        hosts=(r"[a-z0-9-]+\.api\.esales\.apptus\.cloud", r"[a-z0-9-]+\.elevate-api\.cloud"),
        optional=("clusterId", "baseUrl"),
    ),
    authentication=ApiKey("Api-Key", "apiKey"),
    request=RequestSpec("/api/v2/import/status/{importId}"),
    read=read,
    keeps_log=False,
    status_overrides={
        # Not an unknown import: according to the vendor's page, 404 means an unknown cluster. A gateway may also send
        # it for a short time.
        404: FailedPoll(
            PollError.MISCONFIGURED,
            "Voyado Elevate knows no such cluster (HTTP 404): check clusterId (or baseUrl)",
            after_grace=True,
        )
    },
)
