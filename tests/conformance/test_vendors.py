"""Every vendor folder goes through the conformance kit."""

from __future__ import annotations

import pytest
from import_watch.services.vendor_registry import VendorRegistry

from local.paths import FUNCTIONS
from tests.conformance.harness import VendorUnderTest
from tests.conformance.kit import Conformance
from tests.conformance.samples import SAMPLES

VENDORS = VendorRegistry(FUNCTIONS)


def test_every_version_in_a_vendor_folder_has_a_sample() -> None:
    assert {name: set(samples) for name, samples in SAMPLES.items()} == {
        name: set(VENDORS.adapter(name).versions) for name in VENDORS.names
    }


ALL = [(name, version) for name in VENDORS.names for version in SAMPLES.get(name, ())]


@pytest.fixture(scope="module", params=ALL, ids=["-".join(filter(None, one)) for one in ALL])
def vendor(request: pytest.FixtureRequest) -> VendorUnderTest:
    name, version = request.param
    return VendorUnderTest(VENDORS.adapter(name), SAMPLES[name][version])


class TestVendors(Conformance):
    pass
