"""Puts every vendor that a test class of this folder has as its fixture `vendor` on the stage."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from import_watch.aws.watch_store import WatchStore

from tests.conformance.harness import BUCKET, CANARY, Case, Harness, VendorUnderTest, listening
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
def case(harness: Harness) -> Iterator[Case]:
    """A watch; whatever it shows, no secret may have been told."""
    made = Case(harness)
    yield made
    assert CANARY not in made.told()


@pytest.fixture(autouse=True)
def _counted(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> None:
    """Say of which vendor a case is."""
    if "vendor" in request.fixturenames:
        record_property("conformance", request.getfixturevalue("vendor").adapter.vendor)
