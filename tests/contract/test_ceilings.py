"""The page on scale has the ceilings as they are computed, each with an official source."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from import_watch_cli.doctor import MAX_CONTROL_WATCHES, MAX_WATCHES
from recover_watches.handler import RESERVE_SECONDS

from benchmarks.ceilings import BIG_REGIONS, OPEN, POLLS_PER_EXECUTION, SWEEP_EVERY, SWEEP_SECONDS, Ceiling, ceilings
from benchmarks.ceilings.page import PAGE, refreshed
from tests.sam_template import FUNCTIONS, STACK

BY_NAME = {one.what: one for one in ceilings()}


def test_the_page_has_the_table_as_it_is_computed() -> None:
    """`python -m benchmarks.ceilings` writes it."""
    page = PAGE.read_text()
    assert refreshed(page) == page


def test_every_quota_of_aws_has_its_official_source() -> None:
    assert OPEN == (1_000, 10_000, 100_000, 1_000_000)
    assert {urlsplit(one.source).hostname for one in ceilings() if one.source} == {"docs.aws.amazon.com"}
    assert sum(not one.source for one in ceilings()) == 1


def test_what_a_watch_takes_is_that_of_the_template() -> None:
    assert STACK["Parameters"]["MaxPollsPerExecution"]["Default"] == POLLS_PER_EXECUTION
    assert STACK["Parameters"]["RecoveryMinutes"]["Default"] * 60 == SWEEP_EVERY
    assert FUNCTIONS["RecoverWatchesFunction"]["Timeout"] - RESERVE_SECONDS == SWEEP_SECONDS
    assert len(BY_NAME) == len(ceilings())


@pytest.mark.parametrize(
    ("what", "allows"),
    [
        # Three transitions a minute, and four an hour.
        ("state transitions a second, other regions", 800 / (3 / 60 + 4 / 3_600)),
        # An entry is moved once in a quarter of an hour, added and removed once in an hour, in one of ten partitions.
        (
            "write units a second of each of the 10 partitions of active watches",
            10 * 1_000 / (2 / 900 + 2 / 3_600),
        ),
        ("open executions", 1_000_000),
        ("messages a second to an e-mail subscription", 36_000),
    ],
)
def test_a_ceiling_is_counted_by_hand(what: str, allows: float) -> None:
    assert BY_NAME[what].watches == pytest.approx(allows, abs=1)


@pytest.mark.parametrize(("regions", "most"), [(BIG_REGIONS, MAX_CONTROL_WATCHES), ("other regions", MAX_WATCHES)])
def test_doctor_warns_by_the_first_ceiling(regions: str, most: int) -> None:
    assert BY_NAME[f"state transitions a second, {regions}"].watches // 1_000 * 1_000 == most


def test_what_is_needed_is_named_where_it_is_more_than_the_limit() -> None:
    one = Ceiling("anything", 100, 0.001, "")
    assert [one.at(count) for count in (500, 50_000, 100_000, 200_000)] == ["<1%", "50%", "100%", "**raise to 200**"]
    assert Ceiling("anything", 100, 1, "", can_be_raised=False).at(101) == "**too many**"


def test_no_partition_limits_a_million_open_watches() -> None:
    partitions = [one for one in ceilings() if "partition" in one.what]
    assert len(partitions) == 3
    assert min(one.watches for one in partitions) > 1_000_000
