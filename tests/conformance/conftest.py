"""Fixtures of the conformance kit: a harness for the fixture `vendor` of a test class, and a case for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from import_watch.aws.watch_store import WatchStore

from tests.conformance.facts import VendorUnderTest
from tests.conformance.harness import BUCKET, Case, Harness, listening
from tests.loopback_server import servers
from tests.unit.aws_fixtures import REGION, aws_account, client, watch_table


@pytest.fixture(scope="module")
def watches() -> Iterator[WatchStore]:
    """An account in memory, with the template's table."""
    with pytest.MonkeyPatch.context() as patch, aws_account(patch):
        client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield watch_table()


@pytest.fixture(scope="class")
def harness(vendor: VendorUnderTest, watches: WatchStore, refused_url: str) -> Iterator[Harness]:
    """The vendor's poller and servers, for all cases of a class."""
    with servers() as serve:
        built = Harness(vendor, serve, watches, refused_url)
        with listening(built):
            yield built


@pytest.fixture
def cases(harness: Harness) -> Iterator[Callable[[], Case]]:
    """Function that makes a watch; no secret may be in what any of them logs, returns or stores."""
    made: list[Case] = []

    def make() -> Case:
        made.append(Case(harness))
        return made[-1]

    yield make
    assert [leaked for case in made for leaked in case.leaked()] == []


@pytest.fixture
def case(cases: Callable[[], Case]) -> Case:
    """A watch."""
    return cases()


@pytest.fixture(autouse=True)
def _counted(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> None:
    """Record which vendor a case belongs to."""
    if "vendor" in request.fixturenames:
        record_property("conformance", request.getfixturevalue("vendor").adapter.vendor)
