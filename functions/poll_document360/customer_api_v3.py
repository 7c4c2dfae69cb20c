"""Document360, Customer API v3: the meaning of its import status responses, which have no log.

Facts from the vendor's OpenAPI file; what is marked [inf] is inferred. Nothing was tried at the vendor.
"""

from __future__ import annotations

import re

from import_watch.model.observation import FailedPoll, ImportState, Observation, Problem, Severity
from import_watch.vendors import fields
from import_watch.vendors.adapter import Api, ConnectionSpec, FieldForm, StatusMap
from import_watch.vendors.allowed_hosts import with_scheme
from import_watch.vendors.authentication import ApiKey
from import_watch.vendors.request import RequestSpec
from import_watch.vendors.response import not_found, status_in, unknown_id_phrases, unreadable
from import_watch.vendors.response_body import HttpResponse

STATUSES = StatusMap(
    {
        ImportState.QUEUED: ("Pending",),
        ImportState.RUNNING: ("InProgress",),
        ImportState.SUCCEEDED: ("Completed",),
        ImportState.FAILED: ("Failed",),
    }
)


def read(response: HttpResponse, import_id: str) -> Observation | FailedPoll:
    """Meaning of a response; 404 is an unknown id, or an import of another project."""
    if response.status == 404:
        return not_found(response)
    found = status_in(response, "an import", "data", "status")
    if isinstance(found, FailedPoll):
        return found
    body, status = found
    data, state = fields.object_of(body["data"]), STATUSES[status]
    named = fields.id_of(data.get("id"))
    if named is not None and named.casefold() != import_id.casefold():
        return unreadable(response, "the response is about another import")
    # Errors of the envelope of a completed import are errors in it [inf].
    errors, errors_in_all = fields.errors_in(body.get("errors"))
    warnings, warnings_in_all = fields.errors_in(body.get("warnings"))
    return Observation(
        state=state,
        vendor_status=status,
        counts={"warnings": warnings_in_all, "errors": errors_in_all} if errors_in_all or warnings_in_all else {},
        problems=(*fields.errors_of(errors), *(Problem(Severity.WARNING, text) for text in warnings)),
        ended_at=fields.time_of(data.get("completed_at")),
        reason=fields.joined(errors) if state is ImportState.FAILED else None,
    )


def _project_id(text: str) -> str | None:
    return text if re.fullmatch(fields.UUID, text) else None


API = Api(
    statuses=STATUSES,
    connection=ConnectionSpec(
        required=("apiToken", "projectId"),
        secret=("apiToken",),
        # The hosts of version 2 [inf].
        base_url=lambda connection: with_scheme(connection.get("baseUrl", "apihub.document360.io")),
        base_url_fields="baseUrl",
        hosts=(r"apihub(\.[a-z0-9-]+)?\.document360\.io",),
        optional=("baseUrl",),
        forms={"projectId": FieldForm(_project_id, "the UUID of the project")},
    ),
    # A token of version 3 is made in the portal, for one project.
    authentication=ApiKey("Authorization", "apiToken", scheme="Bearer"),
    request=RequestSpec("/v3/projects/{projectId}/imports/{importId}"),
    read=read,
    keeps_log=False,
    unknown_id_phrases=unknown_id_phrases("import id", "import"),
)
