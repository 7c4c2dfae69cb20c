"""Every vendor folder goes through the conformance kit."""

from __future__ import annotations

import pytest
from import_watch.services.vendor_registry import VendorRegistry

from local.paths import FUNCTIONS
from tests.conformance.harness import VendorUnderTest
from tests.conformance.kit import Conformance
from tests.conformance.samples import SAMPLES

VENDORS = VendorRegistry(FUNCTIONS)


def test_every_vendor_folder_has_a_sample() -> None:
    assert set(SAMPLES) == set(VENDORS.names)


@pytest.fixture(scope="module", params=[name for name in VENDORS.names if name in SAMPLES])
def vendor(request: pytest.FixtureRequest) -> VendorUnderTest:
    return VendorUnderTest(VENDORS.adapter(request.param), SAMPLES[request.param])


class TestVendors(Conformance):
    pass
