"""Harbour, a vendor that does not exist: Basic authentication, and an account in the path."""

from __future__ import annotations

from import_watch.model.observation import FailedPoll, ImportState, Observation, PollError
from import_watch.vendors import fields
from import_watch.vendors.adapter import Adapter, Api, ConnectionSpec, StatusMap
from import_watch.vendors.allowed_hosts import base_url_of
from import_watch.vendors.authentication import Basic
from import_watch.vendors.request import RequestSpec
from import_watch.vendors.response import not_found, status_in
from import_watch.vendors.response_body import HttpResponse

STATUSES = StatusMap(
    {
        ImportState.QUEUED: ("waiting",),
        ImportState.RUNNING: ("running",),
        ImportState.SUCCEEDED: ("completed",),
        ImportState.FAILED: ("failed",),
        ImportState.CANCELLED: ("cancelled",),
    }
)


def read(response: HttpResponse, _import_id: str) -> Observation | FailedPoll:
    """Meaning of a response."""
    if response.status == 404:
        return not_found(response)
    found = status_in(response, "a task", "task", "state")
    if isinstance(found, FailedPoll):
        return found
    body, status = found
    task, state = fields.object_of(body["task"]), STATUSES[status]
    reason = fields.text_of(task.get("cause"))
    return Observation(
        state=state,
        vendor_status=status,
        progress=fields.progress_of(task.get("done"), task.get("total")),
        problems=fields.errors_of([reason]) if reason else (),
        ended_at=fields.time_of(task.get("ended")),
        reason=reason if state is ImportState.FAILED else None,
    )


def read_refusal(response: HttpResponse, _import_id: str) -> Observation | FailedPoll | None:
    """Meaning of a 403 whose body names a maintenance: nothing is wrong with the credentials."""
    if response.status == 403 and fields.object_of(response.json()).get("code") == "MAINTENANCE":
        return FailedPoll(PollError.UNAVAILABLE, "Harbour is in maintenance")
    return None


API = Api(
    statuses=STATUSES,
    connection=ConnectionSpec(
        required=("user", "password", "account"),
        secret=("password",),
        base_url=lambda connection: base_url_of(connection, "tenant", "{}.harbour.example"),
        base_url_fields="tenant (or baseUrl)",
        hosts=(r"[a-z0-9-]+\.harbour\.example",),
        optional=("tenant", "baseUrl", "apiDate"),
        defaults={"apiDate": "2026-01-31"},
    ),
    authentication=Basic("user", "password"),
    request=RequestSpec("/accounts/{account}/tasks/{importId}", headers={"X-Api-Date": "{apiDate}"}),
    read=read,
    keeps_log=False,
    read_refusal=read_refusal,
)
ADAPTER = Adapter(
    vendor="harbour",
    title="Harbour",
    apis=API,
    import_id=fields.printable_id,
    import_id_hint="the number of the task",
    requests_per_minute=30,
)
