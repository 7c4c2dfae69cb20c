"""Quarry, a vendor that does not exist: the errors of an ended import are in a report of several pages."""

from __future__ import annotations

from import_watch.model.observation import FINISHED, FailedPoll, ImportState, Observation
from import_watch.vendors import fields
from import_watch.vendors.adapter import Adapter, Api, ConnectionSpec, StatusMap
from import_watch.vendors.allowed_hosts import base_url_of
from import_watch.vendors.authentication import ClientAuthentication, ClientCredentials
from import_watch.vendors.details import Details, Page
from import_watch.vendors.request import RequestSpec
from import_watch.vendors.response import not_found, status_in, unreadable
from import_watch.vendors.response_body import HttpResponse

STATUSES = StatusMap(
    {
        ImportState.RUNNING: ("going",),
        ImportState.SUCCEEDED: ("ok",),
        ImportState.PARTIAL: ("mostly",),
        ImportState.FAILED: ("broken",),
        ImportState.EXPIRED: ("lapsed",),
        ImportState.REVERTED: ("undone",),
        ImportState.RESULT_EXPIRED: ("purged",),
    }
)


def read(response: HttpResponse, _import_id: str) -> Observation | FailedPoll:
    """Meaning of a response to the status request."""
    if response.status == 404:
        return not_found(response)
    found = status_in(response, "an import", "state")
    if isinstance(found, FailedPoll):
        return found
    body, status = found
    state, report = STATUSES[status], fields.id_of(body.get("report"))
    # An import of which nothing was rejected has no report.
    details = {"report": report} if report is not None and state in FINISHED else None
    return Observation(state=state, vendor_status=status, details=details)


def read_page(response: HttpResponse, seen: Observation) -> Page | FailedPoll:
    """Meaning of a page of the report: some of the rejected items, and what names the next page."""
    body = response.json()
    if not isinstance(body, dict) or not isinstance(body.get("rejected"), list):
        return unreadable(response, "the page of a report has no list of rejected items")
    texts, count = fields.errors_in(body["rejected"])
    return Page(
        counts={"errors": seen.counts.get("errors", 0) + count},
        problems=fields.errors_of(texts),
        reason=fields.joined(texts),
        cursor=fields.id_of(body.get("next")),
    )


API = Api(
    statuses=STATUSES,
    connection=ConnectionSpec(
        required=("tokenUrl", "clientId", "clientSecret"),
        secret=("clientSecret",),
        base_url=lambda connection: base_url_of(connection, "tenant", "{}.quarry.example"),
        base_url_fields="tenant (or baseUrl)",
        hosts=(r"[a-z0-9-]+\.quarry\.example",),
        optional=("tenant", "baseUrl", "scope"),
    ),
    authentication=ClientCredentials(client_authentication=ClientAuthentication.BASIC),
    request=RequestSpec("/imports", query={"id": "{importId}"}),
    read=read,
    keeps_log=False,
    details=Details(
        RequestSpec("/reports/{report}", query={"import": "{importId}", "after": "{cursor}"}),
        read_page,
        values=("report",),
    ),
)
ADAPTER = Adapter(
    vendor="quarry",
    title="Quarry",
    apis=API,
    import_id=fields.printable_id,
    import_id_hint="the id of the import, without blanks",
)
