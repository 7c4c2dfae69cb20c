"""The kit also holds for APIs of other shapes than those of this repository's vendors."""

from __future__ import annotations

import json
from typing import Any

import pytest
from import_watch.model.observation import FailedPoll, ImportState, Observation
from import_watch.vendors import fields
from import_watch.vendors.adapter import Adapter, Api, ConnectionSpec, StatusMap
from import_watch.vendors.allowed_hosts import base_url_of
from import_watch.vendors.authentication import Basic, ClientAuthentication, ClientCredentials
from import_watch.vendors.request import RequestSpec
from import_watch.vendors.response import not_found, unreadable
from import_watch.vendors.response_body import HttpResponse

from tests.conformance.facts import FactChecks, VendorUnderTest
from tests.conformance.kit import (
    CredentialChecks,
    EndChecks,
    FaultChecks,
    IdChecks,
    NotFoundChecks,
    RequestChecks,
    SecrecyChecks,
    UnknownStatusChecks,
)
from tests.conformance.sample import sample_of

ABSENT = ["jobType", "progress", "counts", "problems", "log", "startedAt", "endedAt", "retryable", "reason"]
HOSTS = {"allowedHosts": ["acme.lodge.example"], "refusedHosts": ["lodge.example"]}
URL = "https://acme.lodge.example"


def in_a_list(response: HttpResponse, _import_id: str) -> Observation | FailedPoll:
    """Read `jobs.0.state`: a list of jobs that is empty means an unknown one."""
    jobs = fields.object_of(response.json()).get("jobs")
    if response.is_success and jobs == []:
        return Observation(ImportState.NOT_FOUND)
    first = fields.object_of(next(iter(fields.list_of(jobs)), None))
    status = fields.text_of(first.get("state"))
    if response.status == 404:
        return not_found(response)
    if not response.is_success or status is None:
        return unreadable(response, "the response has no state")
    return Observation(NO_FAILURE[status], vendor_status=status)


NO_FAILURE = StatusMap({ImportState.RUNNING: ("open",), ImportState.SUCCEEDED: ("closed",)})
LODGE = Adapter(
    vendor="lodge",
    title="Lodge",
    apis=Api(
        statuses=NO_FAILURE,
        connection=ConnectionSpec(
            required=("user", "password"),
            secret=("password",),
            base_url=lambda connection: base_url_of(connection, "tenant", "{}.lodge.example"),
            base_url_fields="tenant (or baseUrl)",
            hosts=(r"[a-z0-9-]+\.lodge\.example",),
            optional=("tenant", "baseUrl"),
        ),
        authentication=Basic("user", "password"),
        request=RequestSpec("/query", "POST", headers={"X-Api": "7"}, json={"ids": ["{importId}"]}),
        read=in_a_list,
        keeps_log=False,
    ),
    import_id=fields.printable_id,
    import_id_hint="any",
)
LODGE_SAMPLE: dict[str, Any] = {
    "title": "Lodge",
    "source": "It does not exist: a POST with a JSON body, Basic authentication, and no status for a failure.",
    "importId": "Job-2041",
    "required": {"user": "a-user", "password": "{secret}"},
    "location": {"tenant": "acme"},
    "requests": [
        {
            "method": "POST",
            "url": f"{URL}/query",
            "headers": {
                "Accept": "application/json",
                "Content-Type": "application/json",
                "X-Api": "7",
                "Authorization": "Basic {base64:a-user:{secret}}",
            },
            "body": {"ids": ["Job-2041"]},
        }
    ],
    **HOSTS,
    "ids": {"a/B": {"url": f"{URL}/query", "body": {"ids": ["a/B"]}}, "an id": None},
    "absent": [name for name in ABSENT if name != "problems"],
    "statusField": "jobs.0.state",
    "statuses": {"open": "RUNNING", "closed": "SUCCEEDED"},
    "responses": [
        {"body": {"jobs": [{"state": "open"}]}, "means": {"state": "RUNNING", "vendorStatus": "open"}},
        {"body": {"jobs": [{"state": "closed"}]}, "means": {"state": "SUCCEEDED", "vendorStatus": "closed"}},
        {
            "status": 404,
            "body": {"message": "nothing"},
            "means": {"state": "NOT_FOUND", "problems": [{"severity": "ERROR", "text": "nothing"}]},
        },
    ],
}


def at_the_top(response: HttpResponse, _import_id: str) -> Observation | FailedPoll:
    """Read `state`."""
    status = fields.text_of(fields.object_of(response.json()).get("state"))
    if response.status == 404:
        return not_found(response)
    if not response.is_success or status is None:
        return unreadable(response, "the response has no state")
    return Observation(ALL_ENDS[status], vendor_status=status)


ALL_ENDS = StatusMap(
    {
        ImportState.RUNNING: ("going",),
        ImportState.SUCCEEDED: ("ok",),
        ImportState.PARTIAL: ("mostly",),
        ImportState.EXPIRED: ("lapsed",),
        ImportState.REVERTED: ("undone",),
        ImportState.RESULT_EXPIRED: ("purged",),
    }
)
QUARRY = Adapter(
    vendor="quarry",
    title="Quarry",
    apis=Api(
        statuses=ALL_ENDS,
        connection=ConnectionSpec(
            required=("tokenUrl", "clientId", "clientSecret"),
            secret=("clientSecret",),
            base_url=lambda connection: base_url_of(connection, "tenant", "{}.lodge.example"),
            base_url_fields="tenant (or baseUrl)",
            hosts=(r"[a-z0-9-]+\.lodge\.example",),
            optional=("tenant", "baseUrl", "scope"),
        ),
        authentication=ClientCredentials(client_authentication=ClientAuthentication.BASIC),
        request=RequestSpec("/jobs", query={"id": "{importId}"}),
        read=at_the_top,
        keeps_log=False,
    ),
    import_id=fields.printable_id,
    import_id_hint="any",
)
QUARRY_SAMPLE: dict[str, Any] = {
    "title": "Quarry",
    "source": "It does not exist: a status named `state`, every end but a failure, and a client in a Basic header.",
    "importId": "Job-2041",
    "required": {"tokenUrl": f"{URL}/token", "clientId": "a client", "clientSecret": "{secret}"},
    "location": {"tenant": "acme"},
    "optional": {"scope": "a-scope"},
    "requests": [
        {
            "url": f"{URL}/jobs?id=Job-2041",
            "headers": {"Accept": "application/json", "Authorization": "Bearer {token}"},
        }
    ],
    "tokenRequest": {
        "url": f"{URL}/token",
        "headers": {
            "Accept": "application/json",
            "Authorization": "Basic {base64:{quoted:a client}:{quoted:{secret}}}",
        },
        "form": {"grant_type": "client_credentials"},
    },
    **HOSTS,
    "ids": {"a/B": f"{URL}/jobs?id=a%2FB", "an id": None},
    "absent": [name for name in ABSENT if name != "problems"],
    "statusField": "state",
    "statuses": {raw: state.value for raw, state in ALL_ENDS.items()},
    "responses": [
        *(
            {"body": {"state": raw}, "means": {"state": state.value, "vendorStatus": raw}}
            for raw, state in ALL_ENDS.items()
        ),
        LODGE_SAMPLE["responses"][-1],
    ],
}
VENDORS = (
    VendorUnderTest(LODGE, sample_of(json.dumps(LODGE_SAMPLE), "lodge")),
    VendorUnderTest(QUARRY, sample_of(json.dumps(QUARRY_SAMPLE), "quarry")),
)


@pytest.fixture(scope="module", params=VENDORS, ids=lambda vendor: vendor.adapter.vendor)
def vendor(request: pytest.FixtureRequest) -> VendorUnderTest:
    one: VendorUnderTest = request.param
    return one


class TestOtherShapes(
    FactChecks,
    RequestChecks,
    EndChecks,
    UnknownStatusChecks,
    CredentialChecks,
    NotFoundChecks,
    FaultChecks,
    IdChecks,
    SecrecyChecks,
):
    """All but what is the same for every shape, and takes long."""
