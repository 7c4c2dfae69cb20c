"""Time of the next request that a vendor's headers name, in any form, within [0, 900] seconds."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from import_watch.http_client.retry_after import retry_after
from import_watch.vendors.response_body import HttpResponse

NOW = 1_767_225_600.0
"""Thu, 01 Jan 2026 00:00:00 GMT."""
HEADERS = ("retry-after", "x-ratelimit-reset", "ratelimit-reset", "x-rate-limit-reset")


def read_delay(status: int = 429, /, **headers: str) -> float | None:
    return retry_after(
        HttpResponse(status, {name.replace("_", "-"): value for name, value in headers.items()}, b""), NOW
    )


@pytest.mark.parametrize("header", HEADERS)
class TestOneHeader:
    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            # seconds
            ("0", 0.0),
            ("17", 17.0),
            (" 17 ", 17.0),
            ("17.5", 17.5),
            ("900", 900.0),
            ("901", 900.0),
            ("86400", 900.0),
            ("999999999", 900.0),
            ("-1", 0.0),
            ("-2147483648", 0.0),
            ("1e300", 900.0),
            ("-1e300", 0.0),
            # epoch seconds
            ("1767225617", 17.0),
            ("1767225600", 0.0),
            ("1767220000", 0.0),
            ("1767312000", 900.0),
            # epoch milliseconds, microseconds and nanoseconds
            ("1767225617000", 17.0),
            ("1767225600000", 0.0),
            ("1767220000000", 0.0),
            ("1767312000000", 900.0),
            ("1767225617500000", 17.5),
            ("1767225617000000000", 17.0),
            # several values, where a header came more than once
            ("120, 120", 120.0),
            ("5, 10", 10.0),
            ("17, soon", 17.0),
            ("-5,17", 17.0),
            ("Thu, 01 Jan 2026 00:00:17 GMT, Thu, 01 Jan 2026 00:00:18 GMT", 18.0),
            ("5, Thu, 01 Jan 2026 00:00:17 GMT", 17.0),
            ('"17"', 17.0),
            # an HTTP date
            ("Thu, 01 Jan 2026 00:00:17 GMT", 17.0),
            ("Thu, 01 Jan 2026 01:00:17 +0100", 17.0),
            ("Thu, 01 Jan 2026 00:00:17 -0000", 17.0),
            ("Thursday, 01-Jan-26 00:00:17 GMT", 17.0),
            ("Thu Jan  1 00:00:17 2026", 17.0),
            ("Thu, 01 Jan 2026 12:00:00 GMT", 900.0),
            ("Wed, 31 Dec 2025 23:59:00 GMT", 0.0),
            # a date-time
            ("2026-01-01T00:00:17Z", 17.0),
            ("2026-01-01T00:00:17.000+00:00", 17.0),
            ("2026-01-01 00:00:17", 17.0),
            ("2026-01-02T00:00:00Z", 900.0),
            ("2025-12-31T23:59:00Z", 0.0),
        ],
    )
    def test_a_value_gives_seconds_within_bounds(self, header: str, value: str, seconds: float) -> None:
        assert read_delay(**{header: value}) == pytest.approx(seconds)

    @pytest.mark.parametrize(
        "value",
        [
            "",
            "  ",
            "nan",
            "NaN",
            "inf",
            "-inf",
            "Infinity",
            "1e400",
            "soon",
            "in 5 minutes",
            "soon, later",
            ",",
            "1_0",
            "١٢٠",
            "１７",
            "²",
            "1" * 2_000,
            "17s",
            "0x10",
            "Thu, 32 Jan 2026 00:00:00 GMT",
            "Thu, 01 Jan 99999 00:00:00 GMT",
            "Thu, 01 Jan 2026 00:00:00 +99999999",
            "2026-13-01T00:00:00Z",
            "2026-01-01",
            "\ud800",
        ],
    )
    def test_an_unreadable_value_is_none(self, header: str, value: str) -> None:
        assert read_delay(**{header: value}) is None

    @given(value=st.text() | st.from_regex(r"\A[A-Z][a-z]{2}, [0-9]{1,3} [A-Z][a-z]{2} [0-9]{1,6} [0-9:]{5,9} ?.{0,9}"))
    @example("Thu, 01 Jan 2026 00:00:00 +" + "9" * 20)
    @example("Thu, 01 Jan 2026 00:00:00 -" + "9" * 20)
    @example("Thu, 01 Jan 2026 00:00:00 +" + "9" * 5_000)
    @example("9" * 5_000)
    @example("0001-01-01T00:00:00+01:00")
    @example("9999-12-31T23:59:59.9999999Z")
    def test_no_value_raises_or_leaves_the_bounds(self, header: str, value: str) -> None:
        seconds = read_delay(**{header: value})
        assert seconds is None or 0 <= seconds <= 900


def test_no_header_is_none() -> None:
    assert read_delay() is None


@pytest.mark.parametrize("status", [300, 302, 400, 401, 403, 404, 418, 429, 500, 502, 503, 504])
def test_retry_after_counts_with_every_status(status: int) -> None:
    assert read_delay(status, retry_after="17") == 17


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("limit=100, remaining=0, reset=17", 17.0),
        ("limit=100,remaining=40,reset=17", 17.0),
        ("LIMIT=100, Remaining=0, Reset=17.5", 17.5),
        ('"default";r=0;t=17', 17.0),
        ('"default"; r=0 ; t = 17', 17.0),
        ('"minute";r=0;t=17, "day";r=900;t=80000', 17.0),
        ('"minute";r=0;t=17, "hour";r=0;t=60', 60.0),
        ('"a,t=99;b";r=0;t=17', 17.0),
        ('"default";r=0', None),
        ('"default";r=0;t=soon', None),
        ("limit=100", None),
        ("x" * 70_000, None),
    ],
)
def test_the_fields_of_the_drafts_are_read(value: str, seconds: float | None) -> None:
    assert read_delay(ratelimit=value) == seconds


@pytest.mark.parametrize("status", [403, 503])
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x_ratelimit_reset": "17"}, None),
        ({"x_ratelimit_reset": "17", "x_ratelimit_remaining": "1"}, None),
        ({"x_ratelimit_reset": "17", "x_ratelimit_remaining": "soon"}, None),
        ({"x_ratelimit_reset": "17", "x_ratelimit_remaining": "0"}, 17),
        ({"x_ratelimit_reset": "17", "x_ratelimit_remaining": "0, 0"}, 17),
        ({"ratelimit_reset": "17", "ratelimit_remaining": "0"}, 17),
        ({"ratelimit": "limit=9, remaining=0, reset=17"}, 17),
        ({"ratelimit": "limit=9, remaining=3, reset=17"}, None),
        ({"ratelimit": '"default";r=0;t=17'}, 17),
        ({"ratelimit": '"default";r=3;t=17'}, None),
    ],
)
def test_a_reset_counts_with_these_only_where_nothing_remains(
    status: int, headers: dict[str, str], seconds: float | None
) -> None:
    assert read_delay(status, **headers) == seconds


@pytest.mark.parametrize("status", [302, 400, 401, 404, 500, 502])
def test_a_reset_does_not_count_with_others(status: int) -> None:
    assert read_delay(status, x_ratelimit_reset="17", x_ratelimit_remaining="0") is None


def test_retry_after_comes_before_the_rate_limits_reset() -> None:
    assert read_delay(retry_after="5", x_ratelimit_reset="60") == 5


@pytest.mark.parametrize("value", ["", "soon", "nan"])
def test_without_a_readable_retry_after_the_reset_counts(value: str) -> None:
    assert read_delay(retry_after=value, x_ratelimit_reset="60") == 60
