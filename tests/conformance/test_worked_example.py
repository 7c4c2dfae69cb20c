"""The vendor of `docs/adding-a-vendor.md`, built by the page alone, goes through the conformance kit."""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from import_watch.services.vendor_registry import VendorRegistry
from import_watch_cli.new_vendor import PAGE, block_of, example, files_of
from samtranslator.yaml_helper import yaml_parse

from local.paths import FUNCTIONS, ROOT, TEMPLATE
from tests.conformance.facts import VendorUnderTest
from tests.conformance.kit import Conformance
from tests.conformance.mistakes import Mistake, adapter_with, first_difference, importable
from tests.conformance.sample import samples
from tests.conformance.worked_example import CHANGED, VENDOR, apply, copy_to

pytestmark = pytest.mark.skipif(
    VENDOR in VendorRegistry(FUNCTIONS).names, reason="this is a copy of the project to which the page was applied"
)
TEXT = (ROOT / PAGE).read_text()
MISTAKES = [
    Mistake(VENDOR, "", what, "adapter.py", ((right, wrong),))
    for what, right, wrong in (
        ("total read as done", 'progress_of(body.get("done")', 'progress_of(body.get("of")'),
        ("a status forgotten", '        ImportState.CANCELLED: ("withdrawn",),\n', ""),
        (
            "the status of a state under another one",
            '        ImportState.FAILED: ("broken",),\n        ImportState.CANCELLED: ("withdrawn",)',
            '        ImportState.FAILED: ("broken", "withdrawn")',
        ),
        ("a wrong time zone", 'time_of(body.get("finished"))', 'time_of(str(body.get("finished"))[:19])'),
        ("the end from another field", '"finished"', '"started"'),
        (
            "ids case-folded",
            "import_id=fields.printable_id",
            "import_id=lambda raw: (fields.printable_id(raw) or '').lower() or None",
        ),
        ("keys case-folded", "import_id=fields.printable_id", "key_id=str.lower, import_id=fields.printable_id"),
        ("a host pattern too wide", r"[a-z0-9-]+\.papyrus", r"[a-z0-9.-]+papyrus"),
        ("a dot of the host not escaped", r"\.papyrus\.example", r"\.papyrus.example"),
        ("counters sent as text ignored", '(body.get("done")', '(fields.number_of(body.get("done"))'),
        ("a typo in the path", "/exports/v1/jobs/", "/export/v1/jobs/"),
        ("the wrong header", "X-Papyrus-Key", "X-Papyrus-Token"),
        ("the failure reason dropped", "fields.joined(complaints) if state is ImportState.FAILED else None", "None"),
        ("errors not counted", 'counts={"errors": errors} if errors else {}', "counts={}"),
        ("404 not read", "response.status == 404", "response.status == 410"),
    )
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the page changes of the project, after its steps."""
    root = tmp_path_factory.mktemp("project")
    copy_to(root, *CHANGED, "functions", "local/simulators", "tests/conformance/samples")
    apply(root)
    return root


@pytest.fixture(scope="module")
def vendor(project: Path) -> Iterator[VendorUnderTest]:
    """The page's vendor, found by its folder and by its file."""
    registry = VendorRegistry(project / "functions")
    assert VENDOR in registry.names
    sys.path.insert(0, str(project / "functions"))
    importlib.invalidate_caches()
    try:
        yield VendorUnderTest(registry.adapter(VENDOR), samples(project / "tests/conformance/samples")[VENDOR, ""])
    finally:
        sys.path.remove(str(project / "functions"))
        for name in [name for name in sys.modules if name.startswith(f"poll_{VENDOR}")]:
            del sys.modules[name]


class TestPapyrus(Conformance):
    pass


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_its_sample_finds_a_mistake(vendor: VendorUnderTest, project: Path, tmp_path: Path, mistake: Mistake) -> None:
    with importable(tmp_path):
        assert first_difference(adapter_with(mistake, project / "functions", tmp_path), vendor.sample) is not None


def test_the_page_has_every_file() -> None:
    assert set(files_of(TEXT)) == {
        f"functions/poll_{VENDOR}/adapter.py",
        f"functions/poll_{VENDOR}/handler.py",
        f"tests/conformance/samples/{VENDOR}.json",
        f"local/simulators/{VENDOR}.py",
    }


def test_the_page_names_every_file_that_is_changed() -> None:
    written, changed = example(ROOT)
    assert [path for path in written | changed if f"`{path}`" not in TEXT] == []


def test_its_handler_is_that_of_the_others() -> None:
    first, rest = files_of(TEXT)[f"functions/poll_{VENDOR}/handler.py"].split("\n", 1)
    assert first == f'"""poll_{VENDOR}: polls one import at Papyrus."""'
    assert rest == (FUNCTIONS / "poll_egain" / "handler.py").read_text().partition("\n")[2]


def test_its_block_of_the_template_has_the_shape_of_the_others(project: Path) -> None:
    added = yaml_parse((project / "template.yaml").read_text())["Resources"]
    assert set(yaml_parse(block_of(TEXT))) == set(added) - set(yaml_parse(TEMPLATE.read_text())["Resources"])
    shapes = {vendor: shape(added, vendor) for vendor in VendorRegistry(project / "functions").names}
    # A role reads what its vendor needs besides, and every vendor has what one with an API key alone has.
    assert shapes[VENDOR] == shapes["voyado"]


def shape(resources: dict[str, Any], vendor: str) -> str:
    """Resources of a vendor, without its name: its function, found by its folder, and all whose names begin alike."""
    (function,) = (
        name
        for name, resource in resources.items()
        if resource["Properties"].get("CodeUri") == f"functions/poll_{vendor}"
    )
    prefix = function.removesuffix("Function")
    theirs = {
        name.removeprefix(prefix): resource
        for name, resource in resources.items()
        if re.match(rf"{prefix}(?=[A-Z])", name)
    }
    for resource in theirs.values():
        for words in ("Description", "AlarmDescription"):
            resource["Properties"].pop(words, None)
    return re.sub(rf"{prefix}(?=[A-Z])|\b(?:poll_)?{vendor}\b", "vendor", json.dumps(theirs, sort_keys=True))
