"""Lodge, a vendor that does not exist: a POST with a JSON body, and a log behind a signed URL."""

from __future__ import annotations

from import_watch.model.observation import FailedPoll, ImportState, Observation
from import_watch.vendors import fields
from import_watch.vendors.adapter import Adapter, Api, ConnectionSpec, StatusMap
from import_watch.vendors.allowed_hosts import base_url_of
from import_watch.vendors.authentication import ApiKey
from import_watch.vendors.request import RequestSpec
from import_watch.vendors.response import not_found, unreadable
from import_watch.vendors.response_body import HttpResponse

# It documents no status for a failure: a job is closed, and its log has the errors.
STATUSES = StatusMap({ImportState.RUNNING: ("open",), ImportState.SUCCEEDED: ("closed",)})


def read(response: HttpResponse, _import_id: str) -> Observation | FailedPoll:
    """Meaning of a response: a list of jobs, which is empty for an unknown id."""
    if response.status == 404:
        return not_found(response)
    jobs = fields.object_of(response.json()).get("jobs")
    if response.is_success and jobs == []:
        return Observation(ImportState.NOT_FOUND)
    job = fields.object_of(next(iter(fields.list_of(jobs)), None))
    status = fields.text_of(job.get("state"))
    if not response.is_success or status is None:
        return unreadable(response, "the response has no state of a job")
    state = STATUSES[status]
    rejected = fields.count_of(job.get("rejected"), otherwise=1)
    return Observation(
        state=state,
        vendor_status=status,
        counts=fields.counts_of(errors=rejected),
        log=fields.log_at(job, "logUrl") if state is ImportState.SUCCEEDED else None,
    )


API = Api(
    statuses=STATUSES,
    connection=ConnectionSpec(
        required=("key",),
        secret=("key",),
        base_url=lambda connection: base_url_of(connection, "tenant", "{}.lodge.example"),
        base_url_fields="tenant (or baseUrl)",
        hosts=(r"[a-z0-9-]+\.lodge\.example",),
        optional=("tenant", "baseUrl"),
    ),
    authentication=ApiKey("X-Lodge-Key", "key"),
    request=RequestSpec("/query", "POST", headers={"X-Api": "7"}, json={"jobs": {"ids": ["{importId}"]}}),
    read=read,
    keeps_log=True,
    # The vendor's store; a connection names the one host that it uses in `logHosts`.
    log_hosts=(r"[a-z0-9-]+\.store\.lodge\.example",),
)
ADAPTER = Adapter(
    vendor="lodge",
    title="Lodge",
    apis=API,
    import_id=fields.printable_id,
    import_id_hint="the job's id, without blanks",
)
