"""Every vendor folder goes through the conformance kit."""

from __future__ import annotations

import pytest
from import_watch.services.vendor_registry import VendorRegistry

from local.paths import FUNCTIONS
from tests.conformance.facts import VendorUnderTest
from tests.conformance.kit import Conformance
from tests.conformance.sample import samples

VENDORS = VendorRegistry(FUNCTIONS)
SAMPLES = samples()


def test_every_version_in_a_vendor_folder_has_a_sample() -> None:
    assert set(SAMPLES) == {(name, version) for name in VENDORS.names for version in VENDORS.adapter(name).versions}


def test_the_connection_of_a_sample_uses_its_version() -> None:
    for (name, version), sample in SAMPLES.items():
        assert VENDORS.adapter(name).version_of(sample.fields) == version


@pytest.fixture(scope="module", params=SAMPLES, ids=lambda one: "-".join(filter(None, one)))
def vendor(request: pytest.FixtureRequest) -> VendorUnderTest:
    return VendorUnderTest(VENDORS.adapter(request.param[0]), SAMPLES[request.param])


class TestVendors(Conformance):
    pass
