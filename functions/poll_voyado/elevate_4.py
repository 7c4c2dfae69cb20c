"""Voyado Elevate 4, Admin API: the meaning of its import status responses.

Facts from the vendor's page on the request in v3, and from parts of its page on v4. Nothing was tried at the vendor.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from import_watch.model.observation import FailedPoll, ImportState, Observation, PollError
from import_watch.vendors import fields
from import_watch.vendors.adapter import Api, ConnectionSpec, FieldForm, StatusMap
from import_watch.vendors.allowed_hosts import base_url_of
from import_watch.vendors.authentication import ApiKey
from import_watch.vendors.request import RequestSpec
from import_watch.vendors.response import status_in, unreadable
from import_watch.vendors.response_body import HttpResponse

STATUSES = StatusMap(
    {
        ImportState.NOT_FOUND: ("NOT_FOUND",),
        # BLOCKED is on the page of v4, and no longer on the newer one of v3.
        ImportState.QUEUED: ("WAITING", "BLOCKED"),
        ImportState.RUNNING: ("IN_PROGRESS",),
        ImportState.SUCCEEDED: ("SUCCESS",),
        ImportState.FAILED: ("FAILURE",),
        # As in Elevate 3: the vendor documents ABORTED alone.
        ImportState.CANCELLED: ("ABORTED", "CANCELLED"),
    }
)


def read(response: HttpResponse, import_id: str) -> Observation | FailedPoll:
    """Meaning of a response; the id is a number in the vendor's example, and a text in its schema."""
    found = status_in(response, "an import")
    if isinstance(found, FailedPoll):
        return found
    body, status = found
    if body.get("id") is not None and fields.id_of(body["id"]) != import_id:
        return unreadable(response, "the response is about another import")
    state = STATUSES[status]
    reason = fields.text_of(body.get("reason"))
    return Observation(
        state=state,
        vendor_status=status,
        problems=fields.errors_of([reason]) if reason else (),
        reason=reason if state is ImportState.FAILED else None,
    )


def _admin_api_version(text: str) -> str | None:
    found = re.fullmatch(r"v?([1-9][0-9]?)", text, re.IGNORECASE)
    return f"v{found[1]}" if found else None


def _deprecation(connection: Mapping[str, str]) -> str | None:
    if connection.get("adminApiVersion") != "v3":
        return None
    return "version 3 of Voyado Elevate's Admin API ends on 2026-12-31: set adminApiVersion to v4"


API = Api(
    statuses=STATUSES,
    connection=ConnectionSpec(
        required=("apiKey",),
        secret=("apiKey",),
        base_url=lambda connection: base_url_of(connection, "clusterId", "{}.elevate-api.cloud"),
        base_url_fields="clusterId (or baseUrl)",
        hosts=(r"[a-z0-9-]+\.elevate-api\.cloud",),
        optional=("clusterId", "baseUrl", "adminApiVersion"),
        defaults={"adminApiVersion": "v4"},
        forms={"adminApiVersion": FieldForm(_admin_api_version, "a version such as v4")},
    ),
    authentication=ApiKey("Api-Key", "apiKey"),
    request=RequestSpec("/api/admin/{adminApiVersion}/import/status", query={"id": "{importId}"}),
    read=read,
    keeps_log=False,
    status_overrides={
        # As in Elevate 3; a version of the Admin API that does not exist leads to it, too.
        404: FailedPoll(
            PollError.MISCONFIGURED,
            "Voyado Elevate knows no such cluster (HTTP 404): check clusterId (or baseUrl) and adminApiVersion",
            after_grace=True,
        )
    },
    deprecation=_deprecation,
)
