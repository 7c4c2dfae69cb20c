"""Measurements that tests read from logs are those of the embedded metric format."""

from __future__ import annotations

import json

import pytest

from tests.support.measurements import Measurement, measurements_of


def test_a_line_may_have_many_measurements() -> None:
    line = {
        "_aws": {
            "Timestamp": 5_000,
            "CloudWatchMetrics": [
                {
                    "Namespace": "ImportWatch",
                    "Dimensions": [["vendor"]],
                    "Metrics": [{"Name": "Polls", "Unit": "Count"}, {"Name": "EstimatedCost"}],
                }
            ],
        },
        "vendor": "egain",
        "Polls": [1.0],
        "EstimatedCost": 0.5,
    }
    assert list(measurements_of(json.dumps(line))) == [
        Measurement("ImportWatch", "Polls", "Count", (("vendor", "egain"),), 1.0, 5.0),
        Measurement("ImportWatch", "EstimatedCost", "None", (("vendor", "egain"),), 0.5, 5.0),
    ]


@pytest.mark.parametrize("line", ["START RequestId: 1", "[1]", '{"message": "polled"}', "5", "{"])
def test_another_line_has_none(line: str) -> None:
    assert list(measurements_of(line)) == []
