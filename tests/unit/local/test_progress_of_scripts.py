"""The progress that the demo's eGain imports report, over the whole of their scripts."""

from __future__ import annotations

import pytest

from local.scenarios import SCENARIOS, Scenario
from local.simulators.egain import Egain
from local.simulators.script import Import

T0 = 1_000_000.0
IMPORTS = [scenario for scenario in SCENARIOS if scenario.steps and scenario.vendor == "egain"]


@pytest.mark.parametrize("scenario", IMPORTS, ids=lambda scenario: scenario.name)
def test_no_import_reports_less_than_before(scenario: Scenario) -> None:
    simulator, scripted = Egain(), Import(list(scenario.steps))
    percentages = [
        simulator.response(scenario.import_id, scripted.poll(T0 + tenths / 10), T0 + tenths / 10).body["progress"][
            "percentage"
        ]
        for tenths in range(300)
    ]
    assert percentages == sorted(percentages)
    assert (
        percentages[-1]
        == scenario.steps[-1].get("processed", scenario.steps[-1]["total"]) * 100 // (scenario.steps[-1]["total"])
    )
