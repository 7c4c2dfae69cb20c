"""A small storm, with every kind of script once; `make storm` is the large one."""

from __future__ import annotations

import pytest

from tests.resilience.__main__ import fault_injector
from tests.resilience.scripts import MAKERS

COUNT, SEED = len(MAKERS), 1


@pytest.mark.xdist_group("storm")
@pytest.mark.timeout(900)
def test_every_import_is_told_once_and_as_what_it_is() -> None:
    assertions = fault_injector(COUNT, SEED)
    print(assertions.text)  # noqa: T201
    assert assertions.wrong == (), f"it is repeated by: make storm N={COUNT} SEED={SEED}"
