"""The adapters of `docs/examples` go through the conformance kit: they have what no vendor of the repository needs."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from import_watch.services.vendor_registry import VendorRegistry

from local.paths import ROOT
from tests.conformance.facts import FactChecks, VendorUnderTest
from tests.conformance.kit import (
    CredentialChecks,
    DetailsAndLogChecks,
    EndChecks,
    FaultChecks,
    IdChecks,
    NotFoundChecks,
    RequestChecks,
    SecrecyChecks,
    UnknownStatusChecks,
)
from tests.conformance.mistakes import Mistake, adapter_with, first_difference, importable
from tests.conformance.sample import samples

EXAMPLES = ROOT / "docs" / "examples"
SAMPLES = samples(EXAMPLES / "samples")
NAMES = VendorRegistry(EXAMPLES).names
MISTAKES = [
    Mistake(vendor, "", what, "adapter.py", ((right, wrong),))
    for vendor, what, right, wrong in (
        ("lodge", "the method", '"/query", "POST"', '"/queries", "POST"'),
        ("lodge", "another shape of the body", '{"ids": ["{importId}"]}', '{"id": "{importId}"}'),
        ("lodge", "a log host too wide", r"[a-z0-9-]+\.store", r"[a-z0-9.-]+"),
        (
            "lodge",
            "any host of the vendor",
            r"log_hosts=(r\"[a-z0-9-]+\.store".replace('\\"', '"'),
            'log_hosts=(r"[a-z0-9-]+',
        ),
        ("lodge", "the log at another field", '"logUrl"', '"url"'),
        ("lodge", "a log before the end", " if state is ImportState.SUCCEEDED else None", ""),
        ("lodge", "rejected items dropped", "errors=rejected", "rejected=rejected"),
        ("quarry", "details of every import", " and state in FINISHED", ""),
        ("quarry", "details never requested", "details = {", "details = None and {"),
        ("quarry", "the report in the query", '"/reports/{report}", query={', '"/reports", query={"id": "{report}", '),
        ("quarry", "only the first page", 'cursor=fields.id_of(body.get("next"))', "cursor=None"),
        ("quarry", "another name of the cursor", '"after": ', '"page": '),
        ("quarry", "errors of the last page alone", 'seen.counts.get("errors", 0) + count', "count"),
        ("quarry", "errors counted only with a text", "+ count", "+ len(texts)"),
        ("quarry", "the reason dropped", "reason=fields.joined(texts)", "reason=None"),
        ("quarry", "a page without a list read as empty", ' or not isinstance(body.get("rejected"), list)', ""),
        ("harbour", "the account not in the path", "/accounts/{account}", "/accounts/main"),
        ("harbour", "a header not sent", ', headers={"X-Api-Date": "{apiDate}"}', ""),
        ("harbour", "a maintenance read as a refusal", '== "MAINTENANCE"', '== "CLOSED"'),
        (
            "harbour",
            "every 403 read as a maintenance",
            ' and fields.object_of(response.json()).get("code") == "MAINTENANCE"',
            "",
        ),
    )
]


@pytest.fixture(scope="module", autouse=True)
def _importable() -> Iterator[None]:
    """Have the examples imported as the vendors of the repository are, and forget them afterwards."""
    sys.path.insert(0, str(EXAMPLES))
    importlib.invalidate_caches()
    yield
    sys.path.remove(str(EXAMPLES))
    for name in list(sys.modules):
        if name.split(".")[0].removeprefix("poll_") in NAMES:
            del sys.modules[name]


@pytest.fixture(scope="module", params=NAMES)
def vendor(request: pytest.FixtureRequest, _importable: None) -> VendorUnderTest:
    return VendorUnderTest(VendorRegistry(EXAMPLES).adapter(request.param), SAMPLES[request.param, ""])


def test_every_example_has_a_sample() -> None:
    assert {(name, "") for name in NAMES} == set(SAMPLES)


class TestExamples(
    FactChecks,
    RequestChecks,
    EndChecks,
    DetailsAndLogChecks,
    UnknownStatusChecks,
    CredentialChecks,
    NotFoundChecks,
    FaultChecks,
    IdChecks,
    SecrecyChecks,
):
    """All but what is the same for every shape, and takes long."""


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_its_sample_finds_a_mistake(tmp_path: Path, mistake: Mistake) -> None:
    with importable(tmp_path):
        assert first_difference(adapter_with(mistake, EXAMPLES, tmp_path), SAMPLES[mistake.vendor, ""]) is not None
