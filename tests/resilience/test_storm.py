"""A small storm, with every kind of script once; `make storm` is the large one."""

from __future__ import annotations

import pytest

from tests.resilience.__main__ import run_storm
from tests.resilience.scripts import MAKERS

COUNT, SEED = len(MAKERS), 1


@pytest.mark.xdist_group("storm")
@pytest.mark.timeout(900)
def test_every_import_has_one_right_outcome() -> None:
    findings = run_storm(COUNT, SEED)
    print(findings.text)  # noqa: T201
    assert findings.wrong == (), f"it is repeated by: make storm N={COUNT} SEED={SEED}"
