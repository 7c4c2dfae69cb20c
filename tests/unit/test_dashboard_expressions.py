"""What a widget shows is worked out as CloudWatch does, so that the picture in the docs is of real measurements."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from local.dashboard.data import Measurement, measurements_of
from local.dashboard.expressions import Series, shown, statistic
from local.dashboard.record import keep, kept

STACK = {"service": "a-stack"}


def measured(name: str, value: float, time: float = 0.0, **dimensions: str) -> Measurement:
    return Measurement("ImportWatch", name, "Count", tuple(sorted({**STACK, **dimensions}.items())), value, time)


MEASUREMENTS = [
    measured("Polls", 1, 1, vendor="egain"),
    measured("Polls", 1, 9, vendor="egain"),
    measured("Polls", 1, 12, vendor="egain"),
    measured("Polls", 1, 3, vendor="voyado"),
    measured("VendorErrors", 1, 3, vendor="voyado", error="THROTTLED"),
    Measurement("ImportWatch", "Polls", "Count", (("service", "another-stack"), ("vendor", "egain")), 7, 1),
    Measurement("AWS/Lambda", "Duration", "Milliseconds", (("FunctionName", "a-stack-poll-egain"),), 40, 1),
    Measurement("AWS/Lambda", "Duration", "Milliseconds", (("FunctionName", "other"),), 90, 1),
]


def widget(*metrics: list[Any]) -> list[Series]:
    return shown({"stat": "Sum", "metrics": metrics}, MEASUREMENTS, 10)


def searching(terms: str, stat: str = "Sum") -> str:
    return f"SEARCH('{terms}', '{stat}')"


EVERY_POLL = searching('{ImportWatch,service,vendor} MetricName="Polls" service="a-stack"')


class TestSearch:
    def test_it_gives_a_line_for_every_metric_of_just_these_dimensions(self) -> None:
        found = widget([{"expression": EVERY_POLL, "label": "${PROP('Dim.vendor')}"}])
        assert {one.label: one.points for one in found} == {"egain": {0: 2, 10: 1}, "voyado": {0: 1}}

    def test_a_term_without_quotes_is_found_within_a_value(self) -> None:
        (found,) = widget(
            [{"expression": searching('{AWS/Lambda,FunctionName} MetricName="Duration" FunctionName=a-st')}]
        )
        assert found.points == {0: 40}

    def test_the_sum_of_a_search_is_one_line(self) -> None:
        (found,) = widget([{"expression": f"SUM({EVERY_POLL})", "label": "all"}])
        assert (found.label, found.points) == ("all", {0: 3, 10: 1})

    def test_nothing_that_is_found_adds_up_to_nothing(self) -> None:
        (found,) = widget([{"expression": "SUM(" + searching('{ImportWatch,service} MetricName="Sweeps"') + ")"}])
        assert found.points == {}


class TestMetric:
    def test_it_is_named_with_its_dimensions(self) -> None:
        (found,) = widget(["ImportWatch", "Polls", "service", "a-stack", "vendor", "egain", {"label": "polls"}])
        assert found == Series("polls", {0: 2, 10: 1}, (("service", "a-stack"), ("vendor", "egain")))

    def test_one_that_is_hidden_can_be_counted_on(self) -> None:
        polls = [["ImportWatch", "Polls", "service", "a-stack", "vendor", name] for name in ("egain", "voyado")]
        (found,) = widget(
            [*polls[0], {"id": "a", "visible": False}],
            [*polls[1], {"id": "b", "visible": False}],
            [{"expression": "SUM([a, b])"}],
        )
        assert found.points == {0: 3, 10: 1}


@pytest.mark.parametrize(
    ("stat", "value"), [("Sum", 15), ("Maximum", 5), ("Minimum", 1), ("Average", 3), ("p50", 3), ("p90", 5)]
)
def test_statistics(stat: str, value: float) -> None:
    assert statistic(stat, [5, 1, 4, 2, 3]) == value


def test_math_that_is_not_understood_is_refused() -> None:
    with pytest.raises(ValueError, match="not understood"):
        widget([{"expression": "1 / 2"}])


class TestMeasurements:
    def test_a_line_may_have_many(self) -> None:
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
    def test_another_line_has_none(self, line: str) -> None:
        assert list(measurements_of(line)) == []


def test_measurements_come_back_as_they_were_kept(tmp_path: Path) -> None:
    keep({"AWS::StackName": "a-stack"}, MEASUREMENTS, tmp_path / "measurements.json")
    assert kept(tmp_path / "measurements.json") == ({"AWS::StackName": "a-stack"}, MEASUREMENTS)
