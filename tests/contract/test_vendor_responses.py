"""Every kind of response in the vendors' documentation, and its meaning."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from import_watch.model.observation import Observation
from import_watch.model.serialization import to_json
from import_watch.model.timestamps import iso
from import_watch.services.vendor_registry import VendorRegistry
from import_watch.vendors.response import parse_response
from import_watch.vendors.response_body import HttpResponse

from local.paths import FUNCTIONS

RESPONSES = Path(__file__).parent / "responses"
SAMPLES = sorted(RESPONSES.glob("**/*.json"))
VENDORS = VendorRegistry(FUNCTIONS)
IMPORT_ID = "5512340987651234567"


def label(path: Path) -> str:
    return "-".join(path.relative_to(RESPONSES).with_suffix("").parts)


def vendor_and_version(path: Path) -> tuple[str, str]:
    """Vendor and version of a sample: those of the default version are in the folder of the vendor itself."""
    vendor, *version = path.relative_to(RESPONSES).parts[:-1]
    return vendor, version[0] if version else VENDORS.adapter(vendor).default_version


@pytest.mark.parametrize("path", SAMPLES, ids=label)
def test_a_response_means_what_the_vendors_page_states(path: Path) -> None:
    sample = json.loads(path.read_text())
    text = sample["body"] if isinstance(sample["body"], str) else json.dumps(sample["body"])
    response = HttpResponse(sample["status"], {}, text.encode())
    vendor, version = vendor_and_version(path)
    adapter = VENDORS.adapter(vendor)
    polled = parse_response(adapter, response, IMPORT_ID, adapter.api(version))
    assert readable(polled) == sample["means"]


def readable(polled: Any) -> Any:
    """Meaning of a response as JSON, with readable times."""
    fields = to_json(replace(polled))
    if isinstance(polled, Observation):
        fields |= {name: iso(fields[name]) for name in ("startedAt", "endedAt") if name in fields}
    return fields


def test_every_version_of_every_vendor_has_samples() -> None:
    wanted = {(vendor, version) for vendor in VENDORS.names for version in VENDORS.adapter(vendor).versions}
    assert set(map(vendor_and_version, SAMPLES)) == wanted
