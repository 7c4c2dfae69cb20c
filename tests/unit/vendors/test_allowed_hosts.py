"""Allowed hosts: only https, only the vendor's or an allowed host, and no way around either."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from import_watch import settings
from import_watch.vendors.allowed_hosts import Hosts, host_of

from tests.conformance.sample import samples
from tests.unit.aws_fixtures import VENDORS, adapter

SAMPLES = [sample for (name, version), sample in samples().items() if version == adapter(name).default_version]
VENDOR_URLS = [
    *((sample.vendor, f"https://{host}") for sample in SAMPLES for host in sample.allowed_hosts),
    *((sample.vendor, sample.token_request.url) for sample in SAMPLES if sample.token_request),
]
ONE_URL = dict(VENDOR_URLS)


def fault(vendor: str, url: str, hosts: Hosts | None = None) -> str | None:
    return (hosts or Hosts()).fault(url, adapter(vendor).api().connection.hosts)


@pytest.mark.parametrize(("vendor", "url"), VENDOR_URLS)
class TestVendorHosts:
    def test_the_vendors_own_host_is_allowed(self, vendor: str, url: str) -> None:
        assert fault(vendor, url) is None

    def test_the_host_may_be_in_upper_case(self, vendor: str, url: str) -> None:
        assert fault(vendor, url.upper()) is None

    def test_a_port_changes_nothing(self, vendor: str, url: str) -> None:
        host = url.split("/")[2]
        assert fault(vendor, f"https://{host}:8443") is None

    def test_plain_http_is_refused(self, vendor: str, url: str) -> None:
        assert fault(vendor, url.replace("https", "http")) == "must begin with https://"

    @pytest.mark.parametrize("loopback_http", [False, True])
    @pytest.mark.parametrize("scheme", ["ftp", "file", "ws", "gopher"])
    def test_another_scheme_is_refused(self, vendor: str, url: str, scheme: str, *, loopback_http: bool) -> None:
        assert fault(vendor, url.replace("https", scheme), Hosts(loopback_http=loopback_http)) is not None

    @pytest.mark.parametrize(
        "trick",
        [
            "https://{host}.evil.example",
            "https://evil-{host}.evil.example",
            "https://evil.example/{host}",
            "https://evil.example?{host}",
            "https://evil.example#{host}",
            "https://evil.example?x=@{host}",
            "https://evil.example:443#@{host}",
            "https://evil.example%2f.{host}",
            "https://evil.example%23.{host}",
            "https://evil_example.{host}",
            "https://.{host}",
            "https://{host}.",
            "https://{host}..",
            "https://*.{host}",
            "https://x{host}x",
            "https://{host}%00.evil.example",
        ],
    )
    def test_a_look_alike_is_refused(self, vendor: str, url: str, trick: str) -> None:
        assert fault(vendor, trick.format(host=url.split("/")[2])) is not None

    @pytest.mark.parametrize(
        "trick",
        [
            "https://user@{host}",
            "https://user:password@{host}",
            "https://@{host}",
            "https://:@{host}",
            "https://{host}@evil.example",
            "https://{host}:443@evil.example",
            "https://{host}\\@evil.example",
            "https://evil.example\\@{host}",
            "https://evil.example\\.{host}",
            "https:\\\\{host}",
            "https:/\\{host}",
            "https://{host}\\",
        ],
    )
    def test_user_information_and_backslashes_are_refused(self, vendor: str, url: str, trick: str) -> None:
        for hosts in (Hosts(), Hosts(loopback_http=True)):
            assert fault(vendor, trick.format(host=url.split("/")[2]), hosts) == "is not a URL of the form https://host"

    @pytest.mark.parametrize("char", ["\n", "\r", "\t", " ", "\x00", "\x7f", "ı", "。", "\u200b", "\ud800"])
    def test_blanks_control_and_non_ascii_characters_are_refused(self, vendor: str, url: str, char: str) -> None:
        for place in (8, len(url) - 3, 0, len(url)):
            assert fault(vendor, url[:place] + char + url[place:]) is not None


@pytest.mark.parametrize("vendor", VENDORS.names)
class TestOtherAddresses:
    @pytest.mark.parametrize(
        "url",
        [
            "",
            "https",
            "https:",
            "https://",
            "https:///path",
            "//apihub.document360.io",
            "apihub.document360.io",
            "https://?x",
            "https://:443",
            "https://[::1",
            "https://[evil]",
            "https://host:port",
            "https://host:99999",
            "https://host:-1",
            "javascript:alert(1)",
        ],
    )
    def test_what_is_no_url_is_refused(self, vendor: str, url: str) -> None:
        for hosts in (Hosts(), Hosts(loopback_http=True)):
            assert fault(vendor, url, hosts) is not None

    @pytest.mark.parametrize("port", [":99999", ":port", ":-1", ":1e3"])
    def test_a_bad_port_is_refused(self, vendor: str, port: str) -> None:
        assert fault(vendor, ONE_URL[vendor].split("/")[0] + "//" + ONE_URL[vendor].split("/")[2] + port)

    @pytest.mark.parametrize(
        "url",
        [
            "https://169.254.169.254",
            "https://10.0.0.1",
            "https://localhost",
            "https://127.0.0.1",
            "https://[::1]",
            "https://0x7f000001",
            "https://2130706433",
        ],
    )
    def test_an_inner_address_is_refused(self, vendor: str, url: str) -> None:
        assert "neither the vendor's nor in the parameter AllowedHosts" in (fault(vendor, url) or "")

    def test_another_vendors_host_is_refused(self, vendor: str) -> None:
        for other, url in VENDOR_URLS:
            assert (fault(vendor, url) is None) == (other == vendor)

    @pytest.mark.parametrize("url", ["https://docs.customer.example", "https://DOCS.customer.Example:8443/base"])
    def test_a_host_of_the_allow_list_is_allowed(self, vendor: str, url: str) -> None:
        hosts = Hosts(allowed=frozenset({"docs.customer.example"}))
        assert fault(vendor, url, hosts) is None
        assert fault(vendor, url) is not None

    @pytest.mark.parametrize(
        "url",
        [
            "http://docs.customer.example",
            "https://x.docs.customer.example",
            "https://docs.customer.example.evil.example",
        ],
    )
    def test_only_the_exact_host_is_allowed_and_only_by_https(self, vendor: str, url: str) -> None:
        assert fault(vendor, url, Hosts(allowed=frozenset({"docs.customer.example"}), loopback_http=True)) is not None

    @pytest.mark.parametrize(
        "url",
        ["http://127.0.0.1:8081", "http://localhost", "http://LOCALHOST:1", "http://[::1]:8081", "https://127.0.0.1"],
    )
    def test_plain_http_to_this_machine_needs_the_parameter(self, vendor: str, url: str) -> None:
        assert fault(vendor, url, Hosts(loopback_http=True)) is None
        assert fault(vendor, url, Hosts()) is not None

    @pytest.mark.parametrize(
        "url",
        [
            "http://127.0.0.2",
            "http://0.0.0.0",
            "http://10.0.0.1",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
            "http://127.0.0.1@evil.example",
            "http://evil.example#127.0.0.1",
            "http://apihub.document360.io",
        ],
    )
    def test_the_parameter_allows_this_machine_only(self, vendor: str, url: str) -> None:
        assert fault(vendor, url, Hosts(loopback_http=True)) is not None

    @given(url=st.text(st.characters(exclude_categories=())) | st.from_regex(r"https?://[^/]{0,30}"))
    def test_no_text_raises(self, vendor: str, url: str) -> None:
        message = fault(vendor, url, Hosts(frozenset({"docs.customer.example"}), loopback_http=True))
        assert message is None or message


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("docs.acme.example", "docs.acme.example"),
        (" https://Docs.Acme.example/base/ \n", "docs.acme.example"),
        ("docs.acme.example:8443", "docs.acme.example"),
        ("docs.acme.example.", "docs.acme.example"),
        ("//docs.acme.example", "docs.acme.example"),
        ("\ufeffdocs.acme.example/", "docs.acme.example"),
        ("https://[2001:db8::1]:8443", "2001:db8::1"),
        *((text, None) for text in ("", "*", "*.acme.example", "user@acme.example", "https://", "https//acme.example")),
        *(
            (text, None)
            for text in ("acme.example\\x", "äcme.example", "acme .example", "acme.example:port", "[", "-x-")
        ),
    ],
)
def test_a_host_is_read_in_every_common_form(text: str, host: str | None) -> None:
    assert host_of(text) == host


def test_the_parameter_allows_valid_hosts_and_the_rest_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    text = "https://Docs.acme.example/, b.example:443 ,*.evil.example,\nc.example.;x@y"
    assert settings.hosts({"ALLOWED_HOSTS": text}).allowed == {"docs.acme.example", "b.example", "c.example"}
    assert [record.__dict__["wrong"] for record in caplog.records] == [["*.evil.example", "x@y"]]
    assert settings.hosts({}) == Hosts()
