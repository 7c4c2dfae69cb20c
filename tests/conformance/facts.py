"""The facts of a sample, compared with what an adapter does: quick checks without a server and without an account.

A check has only the fixture `vendor`, so that `test_mistakes` can run all checks against an adapter with a mistake.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import boto3
from import_watch.aws.secrets import Connections
from import_watch.http_client.client import Client
from import_watch.http_client.transport import Request
from import_watch.model.observation import FailedPoll, ImportState, InlineLog, Observation, PollError
from import_watch.model.serialization import to_json
from import_watch.model.timestamps import iso
from import_watch.vendors.adapter import MAX_BYTES, Adapter, Api, normalized_status
from import_watch.vendors.allowed_hosts import Hosts
from import_watch.vendors.connection import Connection
from import_watch.vendors.response import parse_response
from import_watch.vendors.response_body import HttpResponse

from tests.conformance.mutations import GONE, Path, changed, paths
from tests.conformance.sample import (
    ENDS,
    OBSERVED,
    SECRET,
    Response,
    Sample,
    filled,
    name_of,
    place_of,
    placed,
    value_at,
)

OTHER_ZONE = timezone(timedelta(hours=5, minutes=30))
A_SECRET, A_TOKEN = "s3cr3t+/=value", "t0k3n-value"


@dataclass(frozen=True)
class VendorUnderTest:
    """A vendor's adapter, and the facts of one of its APIs."""

    adapter: Adapter
    sample: Sample

    @property
    def api(self) -> Api:
        """API that the sample's connection uses."""
        return self.adapter.api_of(self.sample.fields)


def read(vendor: VendorUnderTest, body: Any, status: int = 200) -> Observation | FailedPoll:
    """Read a response as the client does."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return parse_response(vendor.adapter, HttpResponse(status, {}, data), vendor.sample.import_id, vendor.api)


def meaning(polled: Observation | FailedPoll, body: Any) -> dict[str, Any]:
    """Meaning of a response as JSON: times are texts, and nothing that is empty is in it.

    A log in the body is the place of its content, and the lines of its text.
    """
    log = polled.log if isinstance(polled, Observation) else None
    found: dict[str, Any] = to_json(
        replace(polled, log=None, details=None) if isinstance(polled, Observation) else polled
    )
    found |= {name: iso(found[name]) for name in ("startedAt", "endedAt") if name in found}
    if "progress" in found:
        found["progress"] = {name: round(value, 6) for name, value in found["progress"].items()}
    if isinstance(log, InlineLog):
        places = (name_of(path) for path in paths(body) if value_at(body, path) == log.content)
        found["log"] = {"content": next(places, "not in the body"), "lines": log.text.splitlines()}
    elif log is not None:
        found["log"] = to_json(log)
    return {name: value for name, value in found.items() if value not in ({}, [], False) or name == "retryable"}


def compact(means: Mapping[str, Any]) -> dict[str, Any]:
    """Meaning without the lines of a log, which repeat its content."""
    log = means.get("log")
    return {**means, "log": {**log, "lines": []}} if isinstance(log, dict) and "lines" in log else dict(means)


def differing(means: Mapping[str, Any], difference: Mapping[str, Any]) -> dict[str, Any]:
    """Meaning with differences, each by its place; null takes something away."""
    found = dict(means)
    for name, value in difference.items():
        path = place_of(name)
        found = changed(found, path, GONE) if value is None else placed(found, path, value)
    return {name: value for name, value in found.items() if value not in ({}, [])}


def fields_in(response: Response) -> Iterator[Path]:
    """Places of all fields of a body; of the objects of a list, those of the first one."""
    return (
        path
        for path in paths(response.body)
        if isinstance(path[-1], str) and not any(isinstance(key, int) and key > 0 for key in path)
    )


@dataclass
class Recorder:
    """A transport that records what it is to send, and responds with a token, or why there is none, and with pages."""

    token: Any = field(default_factory=lambda: {"access_token": A_TOKEN, "token_type": "Bearer", "expires_in": 600})
    pages: list[HttpResponse] = field(default_factory=list)
    sent: list[Request] = field(default_factory=list)

    def send(self, request: Request, _seconds: float = 0.0) -> HttpResponse:
        self.sent.append(request)
        if request.form is None and self.pages:
            return self.pages.pop(0)
        return HttpResponse(400 if "error" in self.token else 200, {}, json.dumps(self.token).encode())


@cache
def _secrets_manager() -> Any:
    # Nothing is sent with it: `Connections` needs one, and each takes a tenth of a second to make.
    return boto3.client(
        "secretsmanager", region_name="eu-west-1", aws_access_key_id="none", aws_secret_access_key="none"
    )


def connection(vendor: VendorUnderTest, fields: Mapping[str, str]) -> Connection:
    """Connection of a secret with these fields, at the vendor's own hosts.

    Raises
    ------
    ValueError
        If it is invalid.
    """
    connections = Connections("kit", vendor.adapter, Hosts(), 0, client=_secrets_manager())
    return connections.read("default", json.dumps({name: filled(text, A_SECRET) for name, text in fields.items()}))


def refused(vendor: VendorUnderTest, fields: Mapping[str, str]) -> str:
    """Why a secret with these fields is invalid; empty where it is not."""
    try:
        connection(vendor, fields)
    except ValueError as error:
        return str(error) or "an error without a message"
    return ""


def all_fields(sample: Sample) -> dict[str, str]:
    """Fields of a connection, with those that name its host."""
    return {**sample.fields, **sample.location}


def sent(vendor: VendorUnderTest, import_id: str, changes: Mapping[str, str] | None = None) -> list[Request]:
    """Requests that are sent for the status of an import; with a token, the request for it is the first."""
    client, recorder = Client(vendor.adapter), Recorder()
    client._transport = recorder  # type: ignore[assignment]
    client.request_status(connection(vendor, {**all_fields(vendor.sample), **(changes or {})}), import_id)
    return recorder.sent


def request_for(vendor: VendorUnderTest, given: str) -> Any:
    """URL that is requested for an id of a start event, with the body if it has one; None where the id is invalid."""
    import_id = vendor.adapter.import_id(given)
    if import_id is None:
        return None
    request = sent(vendor, import_id)[-1]
    return request.url if request.body is None else {"url": request.url, "body": json.loads(request.body)}


class FactChecks:
    """An adapter agrees with the facts of its sample."""

    # ------------------------------------------------------------ the request

    def test_the_request_is_exactly_the_documented_one(self, vendor: VendorUnderTest) -> None:
        for expected in vendor.sample.requests:
            request = sent(vendor, vendor.sample.import_id, expected.connection)[-1]
            body = None if request.body is None else json.loads(request.body)
            headers = {name: filled(text, A_SECRET, A_TOKEN) for name, text in expected.headers.items()}
            assert (request.method, request.url, dict(request.headers)) == (expected.method, expected.url, headers)
            assert (body, request.form) == (expected.body, None)

    def test_the_token_is_requested_exactly_as_documented(self, vendor: VendorUnderTest) -> None:
        first, *others = sent(vendor, vendor.sample.import_id)
        expected = vendor.sample.token_request
        assert len(others) == (expected is not None)
        if expected is not None:
            form = {name: filled(text, A_SECRET) for name, text in expected.form.items()}
            headers = {name: filled(text, A_SECRET) for name, text in expected.headers.items()}
            assert (first.url, dict(first.headers), first.form) == (expected.url, headers, form)

    def test_a_refused_scope_leads_to_a_message_with_every_scope(self, vendor: VendorUnderTest) -> None:
        expected = vendor.sample.token_request
        if expected is None or not expected.scopes:
            return
        client = Client(vendor.adapter)
        client._transport = Recorder(token={"error": "invalid_scope"})  # type: ignore[assignment]
        polled = client.request_status(connection(vendor, all_fields(vendor.sample)), vendor.sample.import_id)[1]
        assert isinstance(polled, FailedPoll)
        assert set(expected.scopes) <= set(re.split(r"[ ,:;]+", polled.detail))

    def test_every_id_is_sent_exactly(self, vendor: VendorUnderTest) -> None:
        sample = vendor.sample
        assert {given: request_for(vendor, given) for given in sample.ids} == sample.ids
        assert vendor.adapter.import_id(sample.import_id) == sample.import_id, "it is canonical"

    def test_the_case_of_an_id_is_kept_where_it_matters(self, vendor: VendorUnderTest) -> None:
        lower, upper = (vendor.adapter.key_id(spelling) for spelling in ("abcd-ef01", "ABCD-EF01"))
        assert (lower != upper) == vendor.sample.case_matters

    # ------------------------------------------------------------ the connection

    def test_the_fields_of_a_connection_are_the_documented_ones(self, vendor: VendorUnderTest) -> None:
        sample, spec = vendor.sample, vendor.api.connection
        assert set(spec.required) == set(sample.required)
        assert set(spec.optional) == {*sample.optional, *sample.location, "baseUrl"}
        assert {name for name, value in sample.required.items() if SECRET in value} == set(spec.secret)

    def test_a_connection_without_a_required_field_is_refused_by_name(self, vendor: VendorUnderTest) -> None:
        fields = all_fields(vendor.sample)
        assert not refused(vendor, fields)
        for name in (*vendor.sample.required, *vendor.sample.location):
            assert name in refused(vendor, {key: value for key, value in fields.items() if key != name})

    def test_an_invalid_field_is_refused_by_name(self, vendor: VendorUnderTest) -> None:
        for name, values in vendor.sample.refused_fields.items():
            for value in values:
                assert name in refused(vendor, {**all_fields(vendor.sample), name: value}), value

    def test_an_optional_field_is_accepted(self, vendor: VendorUnderTest) -> None:
        for name, value in vendor.sample.optional.items():
            assert not refused(vendor, {**all_fields(vendor.sample), name: value}), name

    def test_a_connection_whose_api_will_end_is_marked(self, vendor: VendorUnderTest) -> None:
        for request in vendor.sample.requests:
            used = connection(vendor, {**all_fields(vendor.sample), **request.connection})
            assert (used.deprecation is None) == (request.deprecated is None)
            assert (request.deprecated or "") in (used.deprecation or "")

    def test_only_the_hosts_of_the_vendor_are_allowed(self, vendor: VendorUnderTest) -> None:
        sample = vendor.sample
        hosts = {
            *sample.allowed_hosts,
            *(str(urlsplit(request.url).hostname) for request in sample.requests),
        }
        assert {
            host: refused(vendor, {**sample.fields, "baseUrl": f"https://{host}"}) for host in hosts
        } == dict.fromkeys(hosts, "")
        wrong = {*sample.refused_hosts, *(other for host in hosts for other in hosts_like(host))}
        assert [host for host in wrong if not refused(vendor, {**sample.fields, "baseUrl": f"https://{host}"})] == []

    # ------------------------------------------------------------ the responses

    def test_every_status_means_its_state(self, vendor: VendorUnderTest) -> None:
        sample = vendor.sample
        for raw, state in sample.statuses.items():
            polled = read(vendor, sample.body(state, {sample.status_field: raw}))
            assert isinstance(polled, Observation), raw
            assert (polled.state, polled.vendor_status) == (state, raw)

    def test_no_other_status_is_mapped(self, vendor: VendorUnderTest) -> None:
        documented = {normalized_status(raw): state for raw, state in vendor.sample.statuses.items()}
        assert dict(vendor.api.statuses.items()) == documented

    def test_every_response_means_what_the_sample_states(self, vendor: VendorUnderTest) -> None:
        for response in vendor.sample.responses:
            means = meaning(read(vendor, response.body, response.status), response.body)
            if "error" in response.means:
                # The wording of a failed poll is the adapter's.
                means = {name: value for name, value in means.items() if name in response.means or name == "afterGrace"}
            assert means == response.means

    def test_a_missing_field_means_what_the_sample_states(self, vendor: VendorUnderTest) -> None:
        for response, path in self._places(vendor):
            body = changed(response.body, path, GONE)
            found = meaning(read(vendor, body, response.status), body)
            if path == vendor.sample.status_path[: len(path)]:
                assert found.get("error") == PollError.UNREADABLE, path
                continue
            assert compact(found) == compact(differing(response.means, response.without.get(name_of(path), {}))), path

    def test_every_missing_field_of_the_sample_exists(self, vendor: VendorUnderTest) -> None:
        for response in vendor.sample.responses:
            assert set(response.without) <= {name_of(path) for path in fields_in(response)}

    def test_null_means_the_same_as_a_missing_field(self, vendor: VendorUnderTest) -> None:
        for response, path in self._places(vendor):
            bodies = [changed(response.body, path, value) for value in (None, GONE)]
            null, missing = (compact(meaning(read(vendor, body, response.status), body)) for body in bodies)
            assert null == missing, path

    def test_a_number_as_text_means_the_same(self, vendor: VendorUnderTest) -> None:
        for response, path in self._places(vendor):
            value = value_at(response.body, path)
            if (
                path in (vendor.sample.id_path, vendor.sample.status_path)
                or name_of(path) in vendor.sample.numbers_only
            ):
                continue
            if isinstance(value, int) and not isinstance(value, bool):
                self._means_the_same(vendor, response, path, str(value))
            if isinstance(value, str) and value.isdigit():
                self._means_the_same(vendor, response, path, int(value))

    def test_a_time_in_another_zone_is_the_same_time(self, vendor: VendorUnderTest) -> None:
        for response, path in self._places(vendor):
            value = value_at(response.body, path)
            if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT.*Z", value):
                time = datetime.fromisoformat(value)
                self._means_the_same(vendor, response, path, time.astimezone(OTHER_ZONE).isoformat())
                self._means_the_same(vendor, response, path, time.astimezone(UTC).isoformat())

    def test_a_response_about_another_import_is_unreadable(self, vendor: VendorUnderTest) -> None:
        if vendor.sample.id_field is None:
            return
        for state in vendor.sample.bodies:
            polled = read(vendor, vendor.sample.body(state, {vendor.sample.id_field: "1234567"}))
            assert isinstance(polled, FailedPoll)
            assert polled.error is PollError.UNREADABLE

    def _places(self, vendor: VendorUnderTest) -> Iterator[tuple[Response, Path]]:
        """Fields of the responses that have an observation."""
        return (
            (response, path)
            for response in vendor.sample.responses
            if "state" in response.means and 200 <= response.status < 300
            for path in fields_in(response)
        )

    def _means_the_same(self, vendor: VendorUnderTest, response: Response, path: Path, value: Any) -> None:
        body = changed(response.body, path, value)
        assert compact(meaning(read(vendor, body, response.status), body)) == compact(dict(response.means)), path

    # ------------------------------------------------------------ details, and logs behind URLs

    def test_details_are_requested_and_mean_what_the_sample_states(self, vendor: VendorUnderTest) -> None:
        sample = vendor.sample
        for expected in sample.details:
            seen = read(vendor, expected.of)
            assert isinstance(seen, Observation)
            assert (seen.details is None) is (not expected.pages)
            if seen.details is None:
                continue
            client, recorder = Client(vendor.adapter), Recorder()
            recorder.pages = [HttpResponse(p.status, {}, json.dumps(p.response).encode()) for p in expected.pages]
            client._transport = recorder  # type: ignore[assignment]
            done = client.with_details(connection(vendor, all_fields(sample)), sample.import_id, seen, 30.0)
            requests = [request for request in recorder.sent if request.form is None]
            assert [
                (one.method, one.url, dict(one.headers), None if one.body is None else json.loads(one.body))
                for one in requests
            ] == [
                (
                    page.method,
                    page.url,
                    {
                        name: filled(text, A_SECRET, A_TOKEN)
                        for name, text in (page.headers or sample.requests[0].headers).items()
                    },
                    page.body,
                )
                for page in expected.pages
            ]
            assert (done.missing_details is not None) is expected.missing
            assert meaning(replace(done, details=None, missing_details=None), None) == expected.means

    def test_only_ended_imports_have_details(self, vendor: VendorUnderTest) -> None:
        assert (vendor.api.details is None) is (not vendor.sample.details)
        for state, body in vendor.sample.bodies.items():
            polled = read(vendor, body)
            assert isinstance(polled, Observation)
            assert polled.details is None or (vendor.api.details is not None and state in ENDS)

    def test_logs_are_fetched_from_the_documented_hosts_alone(self, vendor: VendorUnderTest) -> None:
        sample, patterns = vendor.sample, vendor.api.log_hosts
        assert bool(patterns) is bool(sample.log_hosts) is bool(sample.refused_log_hosts)
        if patterns:
            refused = {*sample.refused_log_hosts, *(other for host in sample.log_hosts for other in hosts_like(host))}
            faults = {host: Hosts().fault(f"https://{host}/log", patterns) for host in (*sample.log_hosts, *refused)}
            assert [host for host, fault in faults.items() if fault is None] == list(sample.log_hosts)
            assert sample.log_url is not None, "some ended import has a log"
            assert urlsplit(value_at(*sample.log_url)).hostname in sample.log_hosts

    # ------------------------------------------------------------ the rest, and the sample itself

    def test_limits_and_logs_are_the_documented_ones(self, vendor: VendorUnderTest) -> None:
        assert vendor.adapter.requests_per_minute == vendor.sample.requests_per_minute
        assert vendor.api.keeps_log == vendor.sample.keeps_log
        assert vendor.adapter.keeps_log or not vendor.sample.keeps_log, "some version keeps a log"
        if any("content" in response.means.get("log", {}) for response in vendor.sample.responses):
            assert vendor.api.max_bytes > MAX_BYTES, "a log in the body needs more"

    def test_the_vendor_is_the_one_of_the_sample(self, vendor: VendorUnderTest) -> None:
        assert (vendor.adapter.vendor, vendor.adapter.title) == (vendor.sample.vendor, vendor.sample.title)

    def test_the_sample_has_a_response_for_every_state(self, vendor: VendorUnderTest) -> None:
        sample = vendor.sample
        assert set(sample.bodies) == set(sample.statuses.values())
        assert ImportState.SUCCEEDED in sample.bodies
        assert set(sample.bodies) - set(ENDS) - {ImportState.NOT_FOUND}, "a watch has to see it before its end"

    def test_the_sample_shows_all_that_the_vendor_reports(self, vendor: VendorUnderTest) -> None:
        shown = [response.means for response in vendor.sample.responses]
        seen = {name for name in OBSERVED for means in shown if means.get(name) is not None}
        assert seen == set(OBSERVED) - set(vendor.sample.absent)
        if "progress" in seen:
            fractions = [means["progress"]["fraction"] for means in shown if "progress" in means]
            assert any(0 < fraction < 1 for fraction in fractions), "0 and 1 do not show what is divided by what"

    def test_the_hosts_of_the_sample_include_one_to_refuse(self, vendor: VendorUnderTest) -> None:
        assert vendor.sample.refused_hosts
        assert None in vendor.sample.ids.values() or any(re.search("[A-Z]", given) for given in vendor.sample.ids)


def hosts_like(host: str) -> tuple[str, ...]:
    """Hosts of other owners that look like a vendor's: a pattern with a dot that is not escaped matches some."""
    *account, domain, top = host.split(".")
    return (
        f"{host}.elsewhere.example",
        f"{'.'.join((*account, domain))}x{top}",
        f"{'.'.join(account)}x{domain}.{top}",
        f"{'.'.join(account)}.elsewhere-{domain}.{top}",
        f"{host}.elsewhere",
    )
