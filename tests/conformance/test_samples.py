"""What a sample states about itself: an adapter is only as good as the facts that it is compared with."""

from __future__ import annotations

import pytest

from tests.conformance.sample import SAMPLES, Sample, samples


@pytest.mark.parametrize("sample", samples().values(), ids=lambda one: one.vendor)
def test_a_sample_names_the_source_of_its_facts(sample: Sample) -> None:
    file = next(path.name for path in SAMPLES.glob(f"{sample.vendor}*.json"))
    assert sample.source.strip(), f"{file} has no source: write the page of the vendor that its facts are from"
