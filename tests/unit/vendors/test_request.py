"""Requests from templates: what is escaped, what is refused, and what an adapter can get wrong when it is built."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from import_watch.model.observation import ImportState
from import_watch.vendors.adapter import Adapter, Api, ConnectionSpec, FieldForm, StatusMap, Versions
from import_watch.vendors.authentication import ApiKey, Basic, ClientCredentials
from import_watch.vendors.fields import printable_id
from import_watch.vendors.request import RequestSpec
from import_watch.vendors.response import not_found

BASE = "https://api.example:8443/elsewhere?x=1#y"
SPEC = RequestSpec(
    "/v3/projects/{projectId}/imports/{importId}.json",
    method="POST",
    query={"api version": "{version}", "id": "{importId}"},
    headers={"X-Account": "account {projectId}", "Accept": "application/vnd.api+json"},
    json={"query": "job {{ id }}", "variables": {"id": "{importId}", "deep": [True, 7, None, "{version}"]}},
)
CONNECTION = ConnectionSpec(
    required=("token", "projectId"),
    secret=("token",),
    base_url=lambda _fields: "https://api.example",
    base_url_fields="baseUrl",
    hosts=("api.example",),
    optional=("baseUrl", "version", "note"),
    defaults={"version": "v4"},
)


def an_api(**changes: Any) -> Api:
    values = {
        "statuses": StatusMap({ImportState.SUCCEEDED: ("done",)}),
        "connection": CONNECTION,
        "request": RequestSpec("/{projectId}/{importId}"),
        "authentication": ApiKey("Authorization", "token", "Bearer"),
        "read": lambda response, _id: not_found(response),
        "keeps_log": False,
    }
    return Api(**{**values, **changes})


def test_values_are_escaped_for_their_place() -> None:
    fields = {"projectId": "a/b?c#d%e&f g", "version": "v+1 &=ä", "token": "unused"}
    spec = replace(SPEC, headers={"X-Account": "account {projectId}"})
    request = spec.bind(BASE, fields, 'i"d\\1')
    assert request.method == "POST"
    assert request.url == (
        "https://api.example:8443/v3/projects/a%2Fb%3Fc%23d%25e%26f%20g/imports/i%22d%5C1.json"
        "?api%20version=v%2B1%20%26%3D%C3%A4&id=i%22d%5C1"
    )
    assert request.headers == {"Content-Type": "application/json", "X-Account": "account a/b?c#d%e&f g"}
    assert json.loads(request.body or b"") == {
        "query": "job { id }",
        "variables": {"id": 'i"d\\1', "deep": [True, 7, None, "v+1 &=ä"]},
    }
    assert "projectId" not in repr(request)


@given(st.text(min_size=1), st.text(min_size=1))
def test_no_value_changes_another_part_of_the_request(project: str, import_id: str) -> None:
    assume({project, import_id}.isdisjoint((".", "..")))
    spec = RequestSpec("/p/{projectId}/i/{importId}", "POST", query={"q": "{projectId}"}, json=["{importId}"])
    request = spec.bind(BASE, {"projectId": project}, import_id)
    parts = urlsplit(request.url)
    _, p, project_segment, i, id_segment = parts.path.split("/")
    assert (parts.netloc, p, i, parts.fragment) == ("api.example:8443", "p", "i", "")
    if project.isascii() and import_id.isascii():
        assert (unquote(project_segment), unquote(id_segment)) == (project, import_id)
        assert parse_qs(parts.query, keep_blank_values=True) == {"q": [project]}
    assert json.loads(request.body or b"") == [import_id]


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"projectId": ".."}, "projectId cannot be a segment of a path"),
        ({"projectId": "."}, "projectId cannot be a segment of a path"),
        ({"projectId": ""}, "projectId cannot be a segment of a path"),
        ({"importId": ".."}, "importId cannot be a segment of a path"),
        ({"account": "a\r\nHost: elsewhere"}, "account cannot be in the header X-Account: it must be visible ASCII"),
        ({"account": "é"}, "account cannot be in the header X-Account: it must be visible ASCII"),
        ({"account": " a"}, "account cannot be in the header X-Account: it must be visible ASCII"),
        ({"account": ""}, "account cannot be in the header X-Account: it must be visible ASCII"),
    ],
)
def test_a_value_that_cannot_be_sent_is_refused_by_its_name(values: dict[str, str], named: str) -> None:
    spec = RequestSpec("/{projectId}/{importId}", headers={"X-Account": "{account}"})
    fields = {"projectId": "p", "account": "a", **values}
    import_id = fields.pop("importId", "1")
    with pytest.raises(ValueError, match=f"^{named}$"):
        spec.bind(BASE, fields, import_id)


@pytest.mark.parametrize(
    "arguments",
    [
        {"path": "v3/{importId}"},
        {"path": "/v3?id={importId}"},
        {"path": "/v3/{importId}#x"},
        {"path": "/v3/{}"},
        {"path": "/v3/{importId!r}"},
        {"path": "/v3/{importId:>9}"},
        {"path": "/v3/{import.id}"},
        {"path": "/v3/{importId"},
        {"path": "/v3/importId}"},
        {"path": "/a/../{importId}", "method": "PUT"},
        {"path": "/a", "json": {}},
        {"path": "/a", "headers": {"Authorization": "Bearer {token}"}},
        {"path": "/a", "headers": {"Host": "elsewhere"}},
        {"path": "/a", "headers": {"X Y": "1"}},
        {"path": "/a", "headers": {"X-Y": "1\r\nHost: elsewhere"}},
        {"path": "/a", "headers": {"X-Y": ""}},
        {"path": "/a", "query": {"q": "{a b}"}},
    ],
    ids=str,
)
def test_an_invalid_template_is_an_error_when_it_is_built(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        RequestSpec(**arguments)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"request": RequestSpec("/{projectID}")}, "no connection has to have the field 'projectID'"),
        ({"request": RequestSpec("/{note}")}, "no connection has to have the field 'note'"),
        ({"request": RequestSpec("/{token}")}, "a URL is no place for a secret: token"),
        ({"request": RequestSpec("/", query={"key": "{token}"})}, "a URL is no place for a secret: token"),
        ({"authentication": ApiKey("X-Key", "key")}, "no connection has to have the field 'key'"),
        ({"authentication": Basic("user", "token")}, "no connection has to have the field 'user'"),
        ({"authentication": ClientCredentials()}, "no connection has to have the field 'tokenUrl'"),
        (
            {"request": RequestSpec("/", headers={"api-key": "1"}), "authentication": ApiKey("Api-Key", "token")},
            "the header Api-Key is that of the authentication",
        ),
    ],
)
def test_an_api_that_no_connection_can_use_is_an_error_when_it_is_built(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named}$"):
        an_api(**changes)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"secret": ("tokn",)}, "the connection has no field 'tokn'"),
        ({"forms": {"tokn": FieldForm(printable_id, "an id")}}, "the connection has no field 'tokn'"),
        ({"defaults": {"token": "x"}}, "the connection has no optional field 'token'"),
    ],
)
def test_a_field_that_a_connection_does_not_have_is_an_error(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named}$"):
        replace(CONNECTION, **changes)


def an_adapter(apis: Api | Versions) -> Adapter:
    return Adapter("papyrus", "Papyrus", apis, printable_id, "an id")


VERSIONS = Versions("apiVersion", "v2", {"v2": "of_v2", "v3": "of_v3"}, beside="adapter", keeps_log=True)


@pytest.mark.parametrize(
    ("value", "version"),
    [(None, "v2"), ("v2", "v2"), ("v3", "v3"), ("V3", "v3"), ("3", "v3"), (3, "v3"), (" v3", "v3")],
)
def test_a_field_of_the_connection_chooses_the_version(value: object, version: str) -> None:
    fields = {} if value is None else {"apiVersion": value}
    assert an_adapter(VERSIONS).version_of(fields) == version


@pytest.mark.parametrize("value", ["v4", "", "vv3", "v2 v3", True, ["v2"], 2.5])
def test_an_unknown_version_is_refused_and_not_quoted(value: object) -> None:
    with pytest.raises(ValueError, match=r"^apiVersion must be v2 or v3$"):
        an_adapter(VERSIONS).version_of({"apiVersion": value})


def test_a_vendor_with_one_api_has_no_versions() -> None:
    adapter = an_adapter(an_api())
    assert (adapter.version_field, adapter.versions, adapter.default_version) == (None, ("",), "")
    assert adapter.api_of({"apiVersion": "9"}) is adapter.apis


def test_a_default_version_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ValueError, match="'v1'"):
        an_adapter(VERSIONS._replace(default="v1"))
