"""Connections in Secrets Manager: valid secrets are read, invalid fields are named, and no secret is published."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from import_watch.aws.secrets import Connections
from import_watch.model.observation import FailedPoll, PollError
from import_watch.scheduling.interval import Policy
from import_watch.vendors.allowed_hosts import Hosts
from import_watch.vendors.connection import Connection

from tests.conformance.facts import all_fields
from tests.conformance.sample import SECRET, filled, samples
from tests.unit.aws_fixtures import VENDORS, adapter, aws_account, client

PREFIX = "watch-stack"
CANARY = "c4n4ry-7f3b9d21"
OTHERS = [sample for sample in samples().values() if not sample.version]
"""Samples of the vendors' default versions, for those that are not below."""
GOOD: dict[str, dict[str, Any]] = {
    **{sample.vendor: {name: filled(text, CANARY) for name, text in all_fields(sample).items()} for sample in OTHERS},
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
    **{sample.vendor: "/".join(sample.requests[0].url.split("/")[:3]) for sample in OTHERS},
    "document360": "https://apihub.document360.io",
    "egain": "https://api.tenant.egain.cloud",
    "voyado": "https://w00000000.api.esales.apptus.cloud",
}
READ = {vendor: adapter(vendor).api().connection.with_defaults(fields) for vendor, fields in GOOD.items()}
"""Fields of the connection that is read."""
VENDORS_ONLY = Hosts()
TYPOGRAPHIC = 'it is not JSON: it has a typographic quotation mark at character 2, where a " must be'
SECRET_FIELD = {
    sample.vendor: next(name for name, text in sample.required.items() if SECRET in text) for sample in OTHERS
}


@pytest.fixture(scope="module", autouse=True)
def _account() -> Iterator[None]:
    """Share one account: clients are slow to make, and every test has its own connections."""
    with pytest.MonkeyPatch.context() as patch, aws_account(patch):
        yield
    connections.cache_clear()


@cache
def connections(vendor: str, hosts: Hosts = VENDORS_ONLY, cache_seconds: int = 300) -> Connections:
    return Connections(PREFIX, adapter(vendor), hosts, cache_seconds)


def put(vendor: str, secret: Any) -> str:
    """Store a secret; name of its connection."""
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
    assert found.error is PollError.MISCONFIGURED
    assert CANARY not in repr(found)
    return found.detail


@pytest.mark.parametrize("vendor", VENDORS.names)
class TestEveryVendor:
    def test_a_good_secret_is_read(self, vendor: str) -> None:
        found = read(vendor, GOOD[vendor])
        assert (found.base_url, found.fields, found.log_buckets) == (BASE_URLS[vendor], READ[vendor], ())

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

    def test_a_host_of_the_allow_list_is_accepted(self, vendor: str) -> None:
        hosts = Hosts(allowed=frozenset({"docs.acme.example"}))
        secret = {**GOOD[vendor], "baseUrl": "https://docs.acme.example"}
        assert read(vendor, secret, hosts).base_url == "https://docs.acme.example"

    def test_the_repr_of_a_connection_shows_no_secret(self, vendor: str) -> None:
        found = read(vendor, GOOD[vendor])
        assert CANARY not in repr(found)
        assert CANARY not in str(found)

    def test_a_missing_secret_is_named(self, vendor: str) -> None:
        found = connections(vendor).get("missing")
        assert found == FailedPoll(
            PollError.MISCONFIGURED, f"the secret {PREFIX}/{vendor}/missing does not exist: create it"
        )

    @pytest.mark.parametrize(
        ("secret", "why"),
        [
            (CANARY, "it is not JSON: Expecting value at character 1"),
            (" ", "it is empty"),
            ("\ufeff\r\n", "it is empty"),
            ('{"apiToken": "' + CANARY, "it is not JSON: Unterminated string starting at at character 14"),
            (f"{{\u201capiToken\u201d: \u201c{CANARY}\u201d}}", TYPOGRAPHIC),
            (f'{{"apiToken": \u201c{CANARY}\u201d}}', TYPOGRAPHIC.replace("character 2", "character 14")),
            (f'{{"baseUrl": "{CANARY}", "baseUrl": "x"}}', "the key 'baseUrl' occurs twice with different values"),
            (f'{{"{CANARY}": 1, "{CANARY}": 2}}', "a key occurs twice with different values"),
            (json.dumps(f'{{"{CANARY}": 1, "{CANARY}": 2}}'), "a key occurs twice with different values"),
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
            PollError.MISCONFIGURED, f"the secret {PREFIX}/{vendor}/{name} is malformed: {why}"
        )

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
    def test_a_binary_secret_that_is_text_is_read(self, vendor: str, encoding: str) -> None:
        client("secretsmanager").create_secret(
            Name=f"{PREFIX}/{vendor}/{encoding}", SecretBinary=json.dumps(GOOD[vendor]).encode(encoding)
        )
        found = connections(vendor).get(encoding)
        assert isinstance(found, Connection), found
        assert found.fields == READ[vendor]

    def test_a_binary_secret_that_is_no_text_is_refused(self, vendor: str) -> None:
        client("secretsmanager").create_secret(Name=f"{PREFIX}/{vendor}/binary", SecretBinary=b"\x1f\x8b\x08\xff")
        found = connections(vendor).get("binary")
        assert isinstance(found, FailedPoll)
        assert (found.error, "it is binary and no text" in found.detail) == (PollError.MISCONFIGURED, True)

    @pytest.mark.parametrize("value", [5, 1.5, True, ["x"], {"x": CANARY}, {}])
    def test_a_field_that_is_no_text_is_named(self, vendor: str, value: Any) -> None:
        name = SECRET_FIELD[vendor]
        assert f"{name} must be a text" in refused(vendor, {**GOOD[vendor], name: value})

    @pytest.mark.parametrize("value", [None, "", "   ", "\x00", "\ufeff\u200b\n", []])
    def test_a_field_that_is_empty_is_named(self, vendor: str, value: Any) -> None:
        name = SECRET_FIELD[vendor]
        assert f"{name} is empty" in refused(vendor, {**GOOD[vendor], name: value})

    @pytest.mark.parametrize(
        ("value", "what"),
        [
            (f"{CANARY}\n{CANARY}", "a line break at character 16"),
            (f"abcd\r\n{CANARY}", "a line break at character 5"),
            (f"\n abcd\u2028{CANARY}", "a line break at character 7"),
            (f"abcd\t{CANARY}", "a tab at character 5"),
            (f"abcd\xa0{CANARY}", "a no-break space at character 5"),
            (f"abcd\u200b{CANARY}", "an invisible character (U+200B) at character 5"),
            (f"abcd\x07{CANARY}", "an invisible character (U+0007) at character 5"),
            (f"abcd\ud800{CANARY}", "an invisible character (U+D800) at character 5"),
        ],
    )
    def test_a_character_at_fault_is_named_with_its_place(self, vendor: str, value: str, what: str) -> None:
        name = SECRET_FIELD[vendor]
        assert f"{name} has {what}: " in refused(vendor, {**GOOD[vendor], name: value})

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

    @pytest.mark.parametrize("base_url", ["?x=1", "/?key=1", "#x", "/path#x", "?"])
    def test_a_base_url_with_a_query_or_a_fragment_is_refused(self, vendor: str, base_url: str) -> None:
        detail = refused(vendor, {**GOOD[vendor], "baseUrl": BASE_URLS[vendor] + base_url})
        assert "the base URL has a query or a fragment" in detail

    @pytest.mark.parametrize(
        "write",
        [
            lambda url: url.removeprefix("https://"),
            lambda url: url.removeprefix("https:"),
            lambda url: f"https://{url}",
            lambda url: f" \ufeff{url}/\r\n",
            lambda url: f"{url}/some/path/",
            str.upper,
            lambda url: url.replace("https", "Https"),
        ],
    )
    def test_a_base_url_is_read_in_every_common_form(self, vendor: str, write: Callable[[str], str]) -> None:
        assert read(vendor, {**GOOD[vendor], "baseUrl": write(BASE_URLS[vendor])}).base_url == BASE_URLS[vendor]

    @pytest.mark.parametrize("base_url", [5, ["https://x"], {}, True])
    def test_a_base_url_that_is_no_text_is_named(self, vendor: str, base_url: Any) -> None:
        assert "baseUrl must be a text" in refused(vendor, {**GOOD[vendor], "baseUrl": base_url})

    @pytest.mark.parametrize(
        ("buckets", "item"),
        [
            *(({"logs": 1}, 0), (5, 0), (True, 0), (["logs", 5], 2), ([["logs"]], 1)),
            *(
                ("*", 1),
                (["logs", "lo gs"], 2),
                ("logs, arn:aws:s3:eu-west-1:1:accesspoint/x", 2),
                (["https://x.y/z"], 1),
            ),
            *(('["logs"', 1), ("s3://", 1), ("arn:aws:s3:::*", 1), ("ab", 1), ("lögs", 1)),
        ],
    )
    def test_invalid_log_buckets_are_named(self, vendor: str, buckets: Any, item: int) -> None:
        where = f": item {item} is none" if item else ""
        expected = f"logBuckets must be a list of bucket names{where}"
        assert refused(vendor, {**GOOD[vendor], "logBuckets": buckets}).endswith(expected)

    @pytest.mark.parametrize(
        "buckets",
        [
            ["logs", "more-logs"],
            ["logs", "more-logs", "logs"],
            [" logs\n", "s3://more-logs/some/folder/"],
            '["logs", "more-logs"]',
            "logs,more-logs",
            "logs, more-logs,\n",
            "logs more-logs",
            "s3://logs/, s3://more-logs",
            "\ufeffarn:aws:s3:::logs/* ; arn:aws-cn:s3:::more-logs",
            ["https://logs.s3.eu-west-1.amazonaws.com/", "https://s3.eu-west-1.amazonaws.com/more-logs/x"],
            ["https://logs.s3-eu-west-1.amazonaws.com", "https://s3.amazonaws.com/more-logs"],
        ],
    )
    def test_log_buckets_are_read_in_every_common_form(self, vendor: str, buckets: Any) -> None:
        assert read(vendor, {**GOOD[vendor], "logBuckets": buckets}).log_buckets == ("logs", "more-logs")

    @pytest.mark.parametrize("empty", ["", None, [], " \n"])
    def test_an_empty_field_counts_as_absent(self, vendor: str, empty: Any) -> None:
        shape = adapter(vendor).api().connection
        names = {*shape.optional, "logBuckets", "requestsPerMinute", "policy"} - GOOD[vendor].keys()
        found = read(vendor, {**GOOD[vendor], **dict.fromkeys(names, empty)})
        assert found == read(vendor, GOOD[vendor]) or found.fields == READ[vendor]
        assert (found.base_url, found.log_buckets, found.requests_per_minute, found.policy) == (
            *(BASE_URLS[vendor], ()),
            *(None, None),
        )

    @pytest.mark.parametrize(
        ("limit", "expected"), [(60, 60), ("60", 60), (" 60.5\n", 60.5), (1.5, 1.5), ("100000", 100_000), ("+60", 60)]
    )
    def test_a_limit_is_a_number_or_the_text_of_one(self, vendor: str, limit: Any, expected: float) -> None:
        assert read(vendor, {**GOOD[vendor], "requestsPerMinute": limit}).requests_per_minute == expected

    @pytest.mark.parametrize(
        "limit",
        ["sixty", "60/min", "1,000", "1e3", "0", 0, -1, True, "true", [60], {}, "nan", "inf", "٦٠", "1_0", 10**400],
    )
    def test_a_limit_that_is_no_number_is_named(self, vendor: str, limit: Any) -> None:
        detail = refused(vendor, {**GOOD[vendor], "requestsPerMinute": limit})
        assert "requestsPerMinute must be a number from 1 to 100,000" in detail

    @pytest.mark.parametrize("policy", ['{"floor":10}', {"floor": "10"}, "floor=10", ' {"floor": "10"}\n'])
    def test_a_policy_is_read_in_every_common_form(self, vendor: str, policy: Any) -> None:
        assert read(vendor, {**GOOD[vendor], "policy": policy}).policy == Policy(floor=10)

    @pytest.mark.parametrize(
        "write",
        [
            lambda text: f"\ufeff{text}\r\n",
            lambda text: f"\u200b\xa0 {text}",
            json.dumps,
            lambda text: f"\ufeff{json.dumps(text)}",
            lambda text: text.replace(CANARY, f"{CANARY}\n"),
            lambda text: text.replace(CANARY, f"{CANARY}\\ufeff\\u200b\\u00a0 \\n"),
            lambda text: text.replace(": ", ": \t"),
            lambda text: re.sub('"([a-zA-Z]+)":', r'" \1\n":', text),
            lambda text: f"{text[:-1]}, {text[1:]}",
        ],
    )
    def test_a_secret_is_read_as_the_console_and_terraform_write_it(
        self, vendor: str, write: Callable[[str], str]
    ) -> None:
        assert read(vendor, write(json.dumps(GOOD[vendor]))).fields == READ[vendor]

    @pytest.mark.parametrize("misspell", [str.upper, lambda name: "_" + re.sub("([A-Z])", r"_\1", name).lower()])
    def test_a_misspelled_field_is_named_with_the_one_that_is_meant(
        self, vendor: str, misspell: Callable[[str], str]
    ) -> None:
        name = SECRET_FIELD[vendor]
        wrong = {misspell(key) if key == name else key: value for key, value in GOOD[vendor].items()}
        detail = refused(vendor, {**wrong, "base-url": "https://x.example", "requests per minute": 5})
        for what in (
            f"{name} is missing; ",
            f"unknown field {misspell(name)}: did you mean {name}?",
            "unknown field base-url: did you mean baseUrl?",
            "unknown field requests per minute: did you mean requestsPerMinute?",
        ):
            assert what in detail

    def test_a_misspelled_field_beside_the_right_one_changes_nothing(self, vendor: str) -> None:
        name = SECRET_FIELD[vendor]
        assert read(vendor, {**GOOD[vendor], name.upper(): "other"}).fields[name] == GOOD[vendor][name]

    def test_unknown_fields_change_nothing(self, vendor: str) -> None:
        found = read(vendor, {**GOOD[vendor], "note": "rotated in May", "owner": 5})
        assert found.base_url == BASE_URLS[vendor]

    def test_blanks_around_a_value_are_dropped(self, vendor: str) -> None:
        name = SECRET_FIELD[vendor]
        assert read(vendor, {**GOOD[vendor], name: "  value  "}).fields[name] == "value"


@pytest.mark.parametrize(
    ("vendor", "name"),
    [(vendor, name) for vendor in VENDORS.names for name in adapter(vendor).api().connection.required],
)
def test_a_missing_field_is_named(vendor: str, name: str) -> None:
    secret = {key: value for key, value in GOOD[vendor].items() if key != name}
    assert f"{name} is missing" in refused(vendor, secret)


@pytest.mark.parametrize("vendor", VENDORS.names)
def test_every_fault_is_named_at_once(vendor: str) -> None:
    detail = refused(vendor, {"baseUrl": "http://evil.example", "logBuckets": 5})
    wanted = [
        *(f"{name} is missing" for name in adapter(vendor).api().connection.required),
        "the base URL",
        "logBuckets",
    ]
    assert [name for name in wanted if name not in detail] == []


@pytest.mark.parametrize(("vendor", "name"), [("egain", "apiDomain"), ("voyado", "clusterId")])
def test_a_missing_host_is_reported_with_its_field(vendor: str, name: str) -> None:
    secret = {key: value for key, value in GOOD[vendor].items() if key != name}
    assert f"{name} (or baseUrl) is missing" in refused(vendor, secret)


@pytest.mark.parametrize(
    "cluster",
    [
        *("w00000000", "W00000000", " w00000000\n"),
        "w00000000.api.esales.apptus.cloud",
        "W00000000.API.esales.apptus.cloud/",
        "https://w00000000.api.esales.apptus.cloud/api/v2/import",
    ],
)
def test_a_cluster_may_be_named_by_id_host_or_url(cluster: str) -> None:
    assert read("voyado", {**GOOD["voyado"], "clusterId": cluster}).base_url == BASE_URLS["voyado"]


@pytest.mark.parametrize("cluster", ["w00000000.elevate-api.cloud", "https://w00000000.elevate-api.cloud:443/"])
def test_the_newer_host_of_a_cluster_is_kept(cluster: str) -> None:
    found = read("voyado", {**GOOD["voyado"], "clusterId": cluster})
    assert found.base_url.removesuffix(":443") == "https://w00000000.elevate-api.cloud"


@pytest.mark.parametrize(
    "domain",
    [
        *(
            "https://api.tenant.egain.cloud",
            "api.tenant.egain.cloud/",
            "API.Tenant.egain.cloud",
            "//api.tenant.egain.cloud",
        ),
        *(
            "https://api.tenant.egain.cloud/system/x",
            "https://https://api.tenant.egain.cloud",
            "\u200bapi.tenant.egain.cloud",
        ),
    ],
)
def test_an_api_domain_may_be_written_as_a_url(domain: str) -> None:
    assert read("egain", {**GOOD["egain"], "apiDomain": domain}).base_url == BASE_URLS["egain"]


def test_a_port_of_an_api_domain_is_kept() -> None:
    found = read("egain", {**GOOD["egain"], "apiDomain": "api.tenant.egain.cloud:8443/"})
    assert found.base_url == BASE_URLS["egain"] + ":8443"


@pytest.mark.parametrize(
    ("domain", "fault"),
    [
        ("https://evil.example", "the base URL (of apiDomain) leads to the host 'evil.example'"),
        ("http://api.tenant.egain.cloud", "the base URL (of apiDomain) must begin with https://"),
        ("https//api.tenant.egain.cloud", "the base URL (of apiDomain) is not a URL"),
        ("https:api.tenant.egain.cloud", "the base URL (of apiDomain) is not a URL"),
        ("user:pass@api.tenant.egain.cloud", "the base URL (of apiDomain) is not a URL"),
        ("api.tenant.egain.cloud?x=1", "the base URL (of apiDomain) has a query or a fragment"),
        ("api.ténant.egain.cloud", "apiDomain has a character that is not ASCII at character 6"),
        ('"api.tenant.egain.cloud"', "apiDomain is in quotation marks"),
        ("api.tenant.egain.cloud, b.egain.cloud", "the base URL (of apiDomain) is not a URL"),
    ],
)
def test_an_api_domain_at_fault_is_named_with_what_is_wrong(domain: str, fault: str) -> None:
    detail = refused("egain", {**GOOD["egain"], "apiDomain": domain})
    assert fault in detail
    assert "'https'" not in detail


@pytest.mark.parametrize(
    "url", ["ai.egain.cloud/Auth/token", " https://ai.egain.cloud/Auth/token\n", "//ai.egain.cloud/Auth/token"]
)
def test_a_token_url_is_read_in_every_common_form(url: str) -> None:
    found = read("egain", {**GOOD["egain"], "tokenUrl": url})
    assert found.fields["tokenUrl"] == "https://ai.egain.cloud/Auth/token"


@pytest.mark.parametrize(
    ("vendor", "value", "expected"),
    [
        *(("document360", f"Bearer {CANARY}", CANARY), ("voyado", f" bearer  {CANARY}\n", CANARY)),
        *(("document360", CANARY + "+/=\"'&<\\", CANARY + "+/=\"'&<\\"), ("egain", f'"{CANARY}"', f'"{CANARY}"')),
        *(("egain", f"{CANARY} ö木🙂 x", f"{CANARY} ö木🙂 x"), ("egain", f"Bearer {CANARY}", f"Bearer {CANARY}")),
    ],
)
def test_a_credential_is_read_as_it_is(vendor: str, value: str, expected: str) -> None:
    name = SECRET_FIELD[vendor]
    assert read(vendor, {**GOOD[vendor], name: value}).fields[name] == expected


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (f"abcö{CANARY}", "has a character that is not ASCII at character 4"),
        (f"abc {CANARY}", "has a blank at character 4"),
        (f'"{CANARY}"', "is in quotation marks: remove them"),
        (f"Bearer x {CANARY}", "has a blank at character 7"),
    ],
)
@pytest.mark.parametrize("vendor", ["document360", "voyado"])
def test_a_credential_that_cannot_be_a_header_is_refused(vendor: str, value: str, fault: str) -> None:
    name = SECRET_FIELD[vendor]
    assert f"{name} {fault}" in refused(vendor, {**GOOD[vendor], name: value})


@pytest.mark.parametrize("cluster", ["a.b", "evil.example/", "w0#", "w0@evil", "x" * 64, "w 0", "ü"])
def test_a_cluster_id_cannot_lead_elsewhere(cluster: str) -> None:
    assert "clusterId" in refused("voyado", {**GOOD["voyado"], "clusterId": cluster})


@pytest.mark.parametrize("domain", ["evil.example", "evil.example#.egain.cloud", "egain.cloud.evil.example", "x@y"])
def test_an_api_domain_cannot_lead_elsewhere(domain: str) -> None:
    fault = "apiDomain has a character" if "@" in domain else "the base URL"
    assert fault in refused("egain", {**GOOD["egain"], "apiDomain": domain})


@pytest.mark.parametrize(
    "url",
    [
        f"https://evil.example/{CANARY}",
        "http://ai.egain.cloud/token",
        f"https://client:{CANARY}@ai.egain.cloud/token",
        "https://ai.egain.cloud.evil.example/token",
        "ai.egain.cloud.evil.example/token",
        "https://ai.egain.cloud/token#x",
    ],
)
def test_a_token_url_that_leads_elsewhere_is_refused(url: str) -> None:
    assert "tokenUrl" in refused("egain", {**GOOD["egain"], "tokenUrl": url})


class TestCaching:
    def rotated(self, cache_seconds: int) -> tuple[Connections, str]:
        """Connections that have read a secret, which was replaced since, and its name."""
        name = put("voyado", GOOD["voyado"])
        kept = connections("voyado", cache_seconds=cache_seconds)
        assert isinstance(kept.get(name), Connection)
        replaced = json.dumps({**GOOD["voyado"], "apiKey": "rotated"})
        client("secretsmanager").put_secret_value(SecretId=f"{PREFIX}/voyado/{name}", SecretString=replaced)
        return kept, name

    def key(self, found: Connection | FailedPoll) -> str:
        assert isinstance(found, Connection), found
        return found.fields["apiKey"]

    def test_a_secret_is_cached_for_a_while(self) -> None:
        kept, name = self.rotated(300)
        assert self.key(kept.get(name)) == GOOD["voyado"]["apiKey"]

    def test_content_that_is_the_same_is_validated_once(self) -> None:
        name, kept = put("voyado", GOOD["voyado"]), connections("voyado", cache_seconds=0)
        assert kept.get(name) is kept.get(name, force_refresh=True)

    def test_force_refresh_bypasses_the_cache(self) -> None:
        kept, name = self.rotated(300)
        assert self.key(kept.get(name, force_refresh=True)) == "rotated"

    def test_a_refreshed_secret_is_cached(self) -> None:
        kept, name = self.rotated(300)
        kept.get(name, force_refresh=True)
        assert self.key(kept.get(name)) == "rotated"

    def test_zero_seconds_cache_nothing(self) -> None:
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
    assert found.error is PollError.MISCONFIGURED


HEX_TOKEN = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"


@pytest.mark.parametrize("token", [HEX_TOKEN, "eyJhbGciOi.eyJzdWIiOi.dozjgNryP4J3", "w0-kjh.98asdf7"])
@pytest.mark.parametrize(
    ("vendor", "field"),
    [
        ("document360", "baseUrl"),
        ("egain", "apiDomain"),
        ("egain", "tokenUrl"),
        ("egain", "baseUrl"),
        ("voyado", "clusterId"),
        ("voyado", "baseUrl"),
        ("voyado", "policy"),
    ],
)
def test_a_credential_in_the_wrong_field_is_not_quoted(vendor: str, field: str, token: str) -> None:
    if field == "clusterId" and token == HEX_TOKEN:
        pytest.skip("it may be the id of a cluster")
    fields = {key: value for key, value in GOOD[vendor].items() if key not in ("baseUrl", "apiDomain", "clusterId")}
    value = f"{token}=" if field == "policy" else token
    assert token.lower() not in refused(vendor, {**fields, field: value}).lower()


PROJECT = "3f6d0a58-1c2e-4b7a-9d48-5e8c7f1a2b30"
DOCUMENT360_V3 = {"apiVersion": "v3", "apiToken": f"token-{CANARY}", "projectId": PROJECT}
ELEVATE_4 = {"apiVersion": "4", "clusterId": "w00000000", "apiKey": f"key-{CANARY}"}


class TestVersions:
    @pytest.mark.parametrize("written", ["v3", "V3", "3", 3, " v3\n"])
    def test_the_version_decides_which_fields_there_are(self, written: Any) -> None:
        found = read("document360", {**DOCUMENT360_V3, "apiVersion": written})
        assert (found.base_url, found.fields) == ("https://apihub.document360.io", DOCUMENT360_V3)
        assert (found.keeps_log, read("document360", GOOD["document360"]).keeps_log) == (False, True)

    @pytest.mark.parametrize(
        ("vendor", "secret", "faults"),
        [
            ("document360", {**DOCUMENT360_V3, "apiVersion": "v4"}, ["apiVersion must be v2 or v3"]),
            ("voyado", {**ELEVATE_4, "apiVersion": CANARY}, ["apiVersion must be 3 or 4"]),
            ("document360", {"apiVersion": "v3"}, ["apiToken is missing", "projectId is missing"]),
            ("document360", {**DOCUMENT360_V3, "projectId": "handbook"}, ["projectId must be the UUID of the project"]),
            ("document360", {**DOCUMENT360_V3, "projectId": ".."}, ["projectId must be the UUID of the project"]),
            (
                "document360",
                {"apiVersion": "v3", "apiToken": f"token-{CANARY}", "projectID": PROJECT},
                ["projectId is missing", "unknown field projectID: did you mean projectId?"],
            ),
            (
                "document360",
                {"apiversion": "v3", "apiToken": f"token-{CANARY}"},
                ["unknown field apiversion: did you mean apiVersion?"],
            ),
            ("voyado", {**ELEVATE_4, "adminApiVersion": "latest"}, ["adminApiVersion must be a version such as v4"]),
            ("voyado", {**ELEVATE_4, "adminApiVersion": "v4/../v3"}, ["adminApiVersion must be a version such as v4"]),
            (
                "voyado",
                {**ELEVATE_4, "baseUrl": "https://w00000000.api.esales.apptus.cloud"},
                ["the base URL leads to the host 'w00000000.api.esales.apptus.cloud', which is neither the vendor's"],
            ),
        ],
    )
    def test_what_a_version_needs_is_named(self, vendor: str, secret: dict[str, Any], faults: list[str]) -> None:
        detail = refused(vendor, secret)
        assert all(fault in detail for fault in faults), detail
        assert detail.count(";") == len(faults) - 1

    def test_a_pasted_header_is_read_as_its_token(self) -> None:
        found = read("document360", {**DOCUMENT360_V3, "apiToken": f"Bearer token-{CANARY}"})
        assert found.fields["apiToken"] == f"token-{CANARY}"

    @pytest.mark.parametrize(("written", "used"), [(None, "v4"), ("v4", "v4"), ("4", "v4"), (4, "v4"), ("V5", "v5")])
    def test_the_admin_api_has_a_version_of_its_own(self, written: Any, used: str) -> None:
        found = read("voyado", ELEVATE_4 if written is None else {**ELEVATE_4, "adminApiVersion": written})
        assert (found.base_url, found.fields["adminApiVersion"]) == ("https://w00000000.elevate-api.cloud", used)
        assert found.deprecation is None

    def test_a_version_that_will_end_is_named(self) -> None:
        found = read("voyado", {**ELEVATE_4, "adminApiVersion": "v3"})
        assert found.deprecation is not None
        assert "ends on 2026-12-31: set adminApiVersion to v4" in found.deprecation

    def test_a_field_of_another_version_does_no_harm(self) -> None:
        found = read("document360", {**GOOD["document360"], "projectId": "handbook"})
        assert found.base_url == BASE_URLS["document360"]
