"""Voyado Elevate 3, Web API v2: what its import status answers mean.

Facts from the vendor's page "Import Status" and, where marked [spec], its newer developer portal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from import_watch.model import watch as model
from import_watch.vendors import adapter as vendor

STATUSES = vendor.StatusMap(
    {
        model.ImportState.NOT_FOUND: ("NOT_FOUND",),
        # BLOCKED waits for another import; no progress is to be expected.
        model.ImportState.QUEUED: ("WAITING", "BLOCKED"),
        model.ImportState.RUNNING: ("IN_PROGRESS",),
        model.ImportState.SUCCEEDED: ("SUCCESS",),
        model.ImportState.FAILED: ("FAILURE",),
        # The vendor documents ABORTED alone; a cancelled import must never wait for a status that is not mapped.
        model.ImportState.CANCELLED: ("ABORTED", "CANCELLED"),
    }
)


def read(answer: vendor.Answer, import_id: str) -> model.Observation | model.FailedPoll:
    """Read an answer; an import that is not known (yet) is a 200 with the status NOT_FOUND."""
    body = answer.json()
    if not isinstance(body, dict):
        return vendor.unreadable(answer, "the body is not a JSON object")
    status = vendor.text_of(body.get("status"))
    if not answer.is_success or status is None:
        return vendor.unreadable(answer, "the answer has no status of an import")
    if body.get("id") is not None and vendor.id_of(body["id"]) != import_id:
        return vendor.unreadable(answer, "the answer speaks of another import")
    state = STATUSES[status]
    message = vendor.text_of(body.get("message"))
    return model.Observation(
        state=state,
        vendor_status=status,
        job_type=vendor.text_of(body.get("type")),
        problems=vendor.errors_of([message]) if message else (),
        reason=message if state is model.ImportState.FAILED else None,
    )


def _base_url(fields: Mapping[str, str]) -> str | None:
    cluster = re.sub(r"(?i:https?)://|/+$", "", fields.get("clusterId", ""))
    if "baseUrl" in fields:
        return vendor.with_scheme(fields["baseUrl"])
    if "." in cluster:  # a whole host, of either form, or its URL
        return vendor.with_scheme(fields["clusterId"])
    return f"https://{cluster}.api.esales.apptus.cloud" if re.fullmatch(r"[a-zA-Z0-9-]{1,63}", cluster) else None


ADAPTER = vendor.Adapter(
    vendor="voyado",
    title="Voyado Elevate",
    statuses=STATUSES,
    connection=vendor.ConnectionShape(
        required=("apiKey",),
        secret=("apiKey",),
        base_url=_base_url,
        base_url_fields="clusterId (or baseUrl)",
        # The second is the newer host of the same API [spec].
        hosts=(r"[a-z0-9-]+\.api\.esales\.apptus\.cloud", r"[a-z0-9-]+\.elevate-api\.cloud"),
        optional=("clusterId", "baseUrl"),
    ),
    authentication=vendor.ApiKey(header="Api-Key", field="apiKey"),
    path="/api/v2/import/status/{import_id}",
    read=read,
    keeps_log=False,
    import_id=vendor.printable_id,
    import_id_hint="the id that the import request gave, sent as a string",
    settled={
        # Not an unknown import: the vendor's page gives 404 to an unknown cluster. A gateway may say it for a moment.
        404: model.FailedPoll(
            model.Trouble.MISCONFIGURED,
            "Voyado Elevate knows no such cluster (HTTP 404): check clusterId (or baseUrl)",
            after_grace=True,
        )
    },
)
