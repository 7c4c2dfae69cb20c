"""The facts of the samples find nearly all mistakes in the adapters: the planted ones, and those made by a program."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from import_watch.services.vendor_registry import VendorRegistry
from import_watch.vendors.adapter import Versions

from local.paths import FUNCTIONS
from tests.conformance.mistakes import MISTAKES, adapter_of, adapter_with, alterations, first_difference, importable
from tests.conformance.sample import samples

SAMPLES, VENDORS = samples(), VendorRegistry(FUNCTIONS)
MIN_FOUND, MIN_ALTERED = 0.95, 0.8
"""Shares that are found at least. What remains of the second are wordings, and readings of undocumented responses."""
Record = Callable[[str, object], None]


def test_the_facts_find_the_planted_mistakes(tmp_path: Path, record_property: Record) -> None:
    found: dict[str, str | None] = {}
    with importable(tmp_path):
        for mistake in MISTAKES:
            sample = SAMPLES[mistake.vendor, mistake.version]
            found[str(mistake)] = first_difference(adapter_with(mistake, FUNCTIONS, tmp_path), sample)
    missed = [what for what, check in found.items() if check is None]
    record_property("mistakes", ("planted", len(found), missed))
    assert len(found) == len(MISTAKES) >= 40, "no name occurs twice"
    assert {(mistake.vendor, mistake.version) for mistake in MISTAKES} <= set(SAMPLES)
    assert len(found) - len(missed) >= max(38, MIN_FOUND * len(found)), missed


def test_the_facts_find_alterations_that_no_person_chose(tmp_path: Path, record_property: Record) -> None:
    made, missed = 0, []
    with importable(tmp_path):
        for (vendor, version), sample in SAMPLES.items():
            apis = VENDORS.adapter(vendor).apis
            file = f"{apis.modules[version]}.py" if isinstance(apis, Versions) else "adapter.py"
            for what, text in alterations((FUNCTIONS / f"poll_{vendor}" / file).read_text()):
                try:
                    adapter = adapter_of(vendor, file, text, FUNCTIONS, tmp_path)
                    adapter.api(version or None)
                except Exception:  # noqa: BLE001, S112 - the first test of any kind finds what cannot be loaded
                    continue
                made += 1
                if first_difference(adapter, sample) is None:
                    missed.append(f"{vendor} {version}: {what}")
    record_property("mistakes", ("altered", made, missed))
    assert made - len(missed) >= MIN_ALTERED * made, missed


@pytest.mark.parametrize(("name", "version"), SAMPLES, ids=lambda one: one or "one")
def test_an_adapter_without_a_mistake_differs_in_nothing(name: str, version: str) -> None:
    assert first_difference(VENDORS.adapter(name), SAMPLES[name, version]) is None
