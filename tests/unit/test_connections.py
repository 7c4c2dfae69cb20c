"""Connections out of Secrets Manager: what is right is read, what is wrong is named, and no secret is told."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from import_watch.connections import Connection, Connections
from import_watch.hosts import Hosts
from import_watch.model import FailedPoll, Trouble

from tests.unit.aws_fixtures import VENDORS, adapter, aws_account, client

PREFIX = "watch-stack"
CANARY = "c4n4ry-7f3b9d21"
GOOD: dict[str, dict[str, Any]] = {
    "document360": {"apiToken": f"token-{CANARY}"},
    "egain": {
        "apiDomain": "api.tenant.egain.cloud",
        "tokenUrl": "https://ai.egain.cloud/system/auth/tenant/oauth2/token",
        "clientId": "client",
        "clientSecret": f"secret-{CANARY}",
    },
    "voyado": {"clusterId": "w00000000", "apiKey": f"key-{CANARY}"},
}
BASE_URLS = {
    "document360": "https://apihub.document360.io",
    "egain": "https://api.tenant.egain.cloud",
    "voyado": "https://w00000000.api.esales.apptus.cloud",
}
VENDORS_ONLY = Hosts()
SECRET_FIELD = {"document360": "apiToken", "egain": "clientSecret", "voyado": "apiKey"}


@pytest.fixture(scope="module", autouse=True)
def _account() -> Iterator[None]:
    """Share one account, where every test has connections of its own: clients are slow to make."""
    with pytest.MonkeyPatch.context() as patch, aws_account(patch):
        yield
    connections.cache_clear()


@cache
def connections(vendor: str, hosts: Hosts = VENDORS_ONLY, cache_seconds: int = 300) -> Connections:
    return Connections(PREFIX, adapter(vendor), hosts, cache_seconds)


def put(vendor: str, secret: Any) -> str:
    """Store a secret, and give the name of its connection."""
    name = f"team-{uuid.uuid4().hex}"
    text = secret if isinstance(secret, str) else json.dumps(secret)
    client("secretsmanager").create_secret(Name=f"{PREFIX}/{vendor}/{name}", SecretString=text)
    return name


def read(vendor: str, secret: Any, hosts: Hosts = VENDORS_ONLY) -> Connection:
    found = connections(vendor, hosts).get(put(vendor, secret))
    assert isinstance(found, Connection), found
    return found


def refused(vendor: str, secret: Any) -> str:
    found = connections(vendor).get(put(vendor, secret))
    assert isinstance(found, FailedPoll), found
    assert found.trouble is Trouble.MISCONFIGURED
    assert CANARY not in repr(found)
    return found.detail


@pytest.mark.parametrize("vendor", VENDORS.names)
class TestEveryVendor:
    def test_a_good_secret_is_read(self, vendor: str) -> None:
        found = read(vendor, GOOD[vendor])
        assert (found.base_url, found.fields, found.log_buckets) == (BASE_URLS[vendor], GOOD[vendor], ())

    def test_a_connection_is_read_by_its_name(self, vendor: str) -> None:
        names = [put(vendor, {**GOOD[vendor], SECRET_FIELD[vendor]: f"of-{number}"}) for number in range(2)]
        found = [connections(vendor).get(name) for name in names]
        assert [(one.name, one.fields[SECRET_FIELD[vendor]]) for one in found if isinstance(one, Connection)] == [
            (names[0], "of-0"),
            (names[1], "of-1"),
        ]

    def test_a_base_url_takes_the_place_of_the_default(self, vendor: str) -> None:
        found = read(vendor, {**GOOD[vendor], "baseUrl": BASE_URLS[vendor] + ":8443"})
        assert found.base_url == BASE_URLS[vendor] + ":8443"

    def test_a_host_of_the_allow_list_is_taken(self, vendor: str) -> None:
        hosts = Hosts(allowed=frozenset({"docs.acme.example"}))
        secret = {**GOOD[vendor], "baseUrl": "https://docs.acme.example"}
        assert read(vendor, secret, hosts).base_url == "https://docs.acme.example"

    def test_the_repr_of_a_connection_shows_no_secret(self, vendor: str) -> None:
        found = read(vendor, GOOD[vendor])
        assert CANARY not in repr(found)
        assert CANARY not in str(found)

    def test_a_missing_secret_is_named(self, vendor: str) -> None:
        found = connections(vendor).get("nobody")
        assert found == FailedPoll(
            Trouble.MISCONFIGURED, f"the secret {PREFIX}/{vendor}/nobody does not exist: create it"
        )

    @pytest.mark.parametrize(
        ("secret", "why"),
        [
            (CANARY, "it is not JSON"),
            (" ", "it is not JSON"),
            ('{"apiToken": "' + CANARY, "it is not JSON"),
            ("[" * 60_000, "it is not JSON"),
            (f'["{CANARY}"]', "it is not a JSON object"),
            (f'"{CANARY}"', "it is not a JSON object"),
            ("null", "it is not a JSON object"),
            ("5", "it is not a JSON object"),
        ],
        ids=lambda value: repr(value[:12]),
    )
    def test_a_secret_that_is_no_json_object_is_refused(self, vendor: str, secret: str, why: str) -> None:
        name = put(vendor, secret)
        assert connections(vendor).get(name) == FailedPoll(
            Trouble.MISCONFIGURED, f"the secret {PREFIX}/{vendor}/{name} is malformed: {why}"
        )

    def test_a_binary_secret_is_refused(self, vendor: str) -> None:
        client("secretsmanager").create_secret(
            Name=f"{PREFIX}/{vendor}/binary", SecretBinary=json.dumps(GOOD[vendor]).encode()
        )
        found = connections(vendor).get("binary")
        assert isinstance(found, FailedPoll)
        assert (found.trouble, "it is binary" in found.detail) == (Trouble.MISCONFIGURED, True)
        assert CANARY not in found.detail

    @pytest.mark.parametrize("value", [5, True, ["x"], {"x": CANARY}, None, "", "   ", f"{CANARY}\n{CANARY}", "\x00"])
    def test_a_field_that_is_no_text_is_named(self, vendor: str, value: Any) -> None:
        name = SECRET_FIELD[vendor]
        assert f"{name} must be a text" in refused(vendor, {**GOOD[vendor], name: value})

    @pytest.mark.parametrize(
        "base_url",
        [
            f"https://evil.example/{CANARY}",
            "https://apihub.document360.io.evil.example",
            f"https://user:{CANARY}@apihub.document360.io",
            "https://169.254.169.254",
            "http://127.0.0.1:8081",
            "http://apihub.document360.io",
            "https://",
            "not a URL",
        ],
    )
    def test_a_base_url_that_leads_elsewhere_is_refused(self, vendor: str, base_url: str) -> None:
        assert "the base URL" in refused(vendor, {**GOOD[vendor], "baseUrl": base_url})

    @pytest.mark.parametrize("base_url", [5, ["https://x"], {}, True, "", "   "])
    def test_a_base_url_that_is_no_text_is_named(self, vendor: str, base_url: Any) -> None:
        assert "baseUrl must be a text" in refused(vendor, {**GOOD[vendor], "baseUrl": base_url})

    @pytest.mark.parametrize("buckets", ["logs", {"logs": 1}, 5, None, ["logs", 5], ["logs", ""], [["logs"]]])
    def test_log_buckets_of_another_type_are_named(self, vendor: str, buckets: Any) -> None:
        assert "logBuckets" in refused(vendor, {**GOOD[vendor], "logBuckets": buckets})

    def test_log_buckets_are_read(self, vendor: str) -> None:
        found = read(vendor, {**GOOD[vendor], "logBuckets": ["logs", "more-logs"]})
        assert found.log_buckets == ("logs", "more-logs")

    def test_fields_that_nobody_asked_for_change_nothing(self, vendor: str) -> None:
        found = read(vendor, {**GOOD[vendor], "note": "rotated in May", "owner": 5})
        assert found.base_url == BASE_URLS[vendor]

    def test_blanks_around_a_value_are_dropped(self, vendor: str) -> None:
        name = SECRET_FIELD[vendor]
        assert read(vendor, {**GOOD[vendor], name: "  value  "}).fields[name] == "value"


@pytest.mark.parametrize(
    ("vendor", "name"), [(vendor, name) for vendor in VENDORS.names for name in adapter(vendor).connection.required]
)
def test_a_missing_field_is_named(vendor: str, name: str) -> None:
    secret = {key: value for key, value in GOOD[vendor].items() if key != name}
    assert f"{name} is missing" in refused(vendor, secret)


@pytest.mark.parametrize("vendor", VENDORS.names)
def test_every_fault_is_named_at_once(vendor: str) -> None:
    detail = refused(vendor, {"baseUrl": "http://evil.example", "logBuckets": 5})
    wanted = [*(f"{name} is missing" for name in adapter(vendor).connection.required), "the base URL", "logBuckets"]
    assert [name for name in wanted if name not in detail] == []


@pytest.mark.parametrize(("vendor", "name"), [("egain", "apiDomain"), ("voyado", "clusterId")])
def test_without_a_place_the_field_that_gives_it_is_named(vendor: str, name: str) -> None:
    secret = {key: value for key, value in GOOD[vendor].items() if key != name}
    assert f"{name} (or baseUrl) is missing" in refused(vendor, secret)


@pytest.mark.parametrize("cluster", ["a.b", "evil.example/", "w0/", "w0#", "w0@evil", "x" * 64, "w 0", "ü"])
def test_a_cluster_id_cannot_lead_elsewhere(cluster: str) -> None:
    assert "clusterId" in refused("voyado", {**GOOD["voyado"], "clusterId": cluster})


@pytest.mark.parametrize("domain", ["evil.example", "evil.example#.egain.cloud", "egain.cloud.evil.example", "x@y"])
def test_an_api_domain_cannot_lead_elsewhere(domain: str) -> None:
    assert "the base URL" in refused("egain", {**GOOD["egain"], "apiDomain": domain})


@pytest.mark.parametrize(
    "url",
    [
        f"https://evil.example/{CANARY}",
        "http://ai.egain.cloud/token",
        f"https://client:{CANARY}@ai.egain.cloud/token",
        "https://ai.egain.cloud.evil.example/token",
        "ai.egain.cloud/token",
    ],
)
def test_a_token_url_that_leads_elsewhere_is_refused(url: str) -> None:
    assert "tokenUrl" in refused("egain", {**GOOD["egain"], "tokenUrl": url})


class TestCaching:
    def rotated(self, cache_seconds: int) -> tuple[Connections, str]:
        """Give connections that have read a secret, which was replaced since, and its name."""
        name = put("voyado", GOOD["voyado"])
        kept = connections("voyado", cache_seconds=cache_seconds)
        assert isinstance(kept.get(name), Connection)
        replaced = json.dumps({**GOOD["voyado"], "apiKey": "rotated"})
        client("secretsmanager").put_secret_value(SecretId=f"{PREFIX}/voyado/{name}", SecretString=replaced)
        return kept, name

    def key(self, found: Connection | FailedPoll) -> str:
        assert isinstance(found, Connection), found
        return found.fields["apiKey"]

    def test_a_secret_that_was_read_is_believed_for_a_while(self) -> None:
        kept, name = self.rotated(300)
        assert self.key(kept.get(name)) == GOOD["voyado"]["apiKey"]

    def test_fresh_reads_past_the_cache(self) -> None:
        kept, name = self.rotated(300)
        assert self.key(kept.get(name, fresh=True)) == "rotated"

    def test_what_was_read_fresh_is_believed_from_then_on(self) -> None:
        kept, name = self.rotated(300)
        kept.get(name, fresh=True)
        assert self.key(kept.get(name)) == "rotated"

    def test_zero_seconds_believe_nothing(self) -> None:
        kept, name = self.rotated(0)
        assert self.key(kept.get(name)) == "rotated"

    def test_a_secret_that_was_missing_is_found_once_it_is_there(self) -> None:
        assert isinstance(connections("voyado").get("late"), FailedPoll)
        client("secretsmanager").create_secret(Name=f"{PREFIX}/voyado/late", SecretString=json.dumps(GOOD["voyado"]))
        assert isinstance(connections("voyado").get("late"), Connection)


@pytest.mark.parametrize("at_once", [True, False])
def test_a_secret_that_was_deleted_is_misconfigured(*, at_once: bool) -> None:
    name = put("voyado", GOOD["voyado"])
    more: dict[str, Any] = {"ForceDeleteWithoutRecovery": True} if at_once else {}
    client("secretsmanager").delete_secret(SecretId=f"{PREFIX}/voyado/{name}", **more)
    found = connections("voyado").get(name)
    assert isinstance(found, FailedPoll)
    assert found.trouble is Trouble.MISCONFIGURED
