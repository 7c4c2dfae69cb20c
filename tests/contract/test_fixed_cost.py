"""The fixed cost of a month in docs/cost.md: counted in the template and in the table of metrics."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any

import pytest
from import_watch.aws.task_tokens import TokenResult
from import_watch.lifecycle.attempts import NotStarted
from import_watch.model.observation import PollError
from import_watch.model.outcome import Outcome, Reason
from import_watch.observability import BASIC, NAMESPACE, Metric
from import_watch.services.recovery import Recovered
from import_watch.services.vendor_registry import VendorRegistry
from import_watch.services.waking import Woken

from local.paths import FUNCTIONS, ROOT
from tests.contract.test_dashboard import ALARMS, SHOWN, in_queries, present
from tests.sam_template import RESOURCES, STACK

# List prices of a month in us-east-1 in USD, beyond the free tier of an account, as of 2026-11. A metric is that of the
# first 10,000; a metric of an alarm has standard resolution: https://aws.amazon.com/cloudwatch/pricing/
METRIC, ALARM_METRIC, DASHBOARD = 0.30, 0.10, 3.00
VENDORS = VendorRegistry(FUNCTIONS).names
VALUES: dict[Metric, type[StrEnum]] = {
    Metric.START_EVENTS_IGNORED: NotStarted,
    Metric.VENDOR_ERRORS: PollError,
    Metric.WATCHES_ENDED: Outcome,
    Metric.OUTCOMES_UNKNOWN: Reason,
    Metric.CALLBACKS: TokenResult,
    Metric.WAKES: Woken,
    Metric.RECOVERIES: Recovered,
}
"""The values of the dimension that is no vendor."""
DETAILS = ("full", "basic")


def exists(resource: dict[str, Any], detail: str) -> bool:
    """Whether a deployed stack without chat has a resource."""
    condition = resource.get("Condition", "IsAws")
    assert condition in {"IsAws", "IsFull", "IsFullOnAws", "HasChatTopic"}
    return condition == "IsAws" or (detail == "full" and condition.startswith("IsFull"))


def alarms(detail: str) -> dict[str, dict[str, Any]]:
    return {name: alarm["Properties"] for name, alarm in ALARMS.items() if exists(alarm, detail)}


def alarm_metrics(detail: str) -> int:
    """Metrics of all alarms; a query counts as one for each vendor."""
    count = 0
    for properties in alarms(detail).values():
        queried = len(list(in_queries(properties))) * len(VENDORS)
        listed = sum("MetricStat" in one for one in present(properties.get("Metrics", [])))
        count += queried + listed + ("MetricName" in properties)
    return count


def custom_metrics(detail: str) -> int:
    """Metrics that have data at some time: each with every value of its dimensions."""
    if detail == "basic":
        return len(BASIC)
    return sum(
        (len(VENDORS) if "vendor" in metric.dimensions else 1) * (len(VALUES[metric]) if metric in VALUES else 1)
        for metric in Metric
    )


def dashboards(detail: str) -> int:
    return sum(one["Type"] == "AWS::CloudWatch::Dashboard" and exists(one, detail) for one in RESOURCES.values())


def table() -> list[str]:
    """Rows of the page."""
    counts = {
        "custom metrics with data in every hour, at most": (METRIC, [custom_metrics(detail) for detail in DETAILS]),
        "metrics of alarms": (ALARM_METRIC, [alarm_metrics(detail) for detail in DETAILS]),
        "dashboards": (DASHBOARD, [dashboards(detail) for detail in DETAILS]),
    }
    rows = [
        f"| {name} | ${price:.2f} | {' | '.join(f'{count}, ${count * price:.2f}' for count in each)} |"
        for name, (price, each) in counts.items()
    ]
    sums = [sum(price * each[column] for price, each in counts.values()) for column in range(len(DETAILS))]
    return [*rows, f"| **together, at most** | | {' | '.join(f'**${total:.2f}**' for total in sums)} |"]


def test_the_page_has_what_the_template_creates() -> None:
    page = (ROOT / "docs" / "cost.md").read_text()
    section = re.search(r"^## Fixed costs of a month\n(.*?)^## ", page, re.MULTILINE | re.DOTALL)
    assert section is not None
    rows = [line for line in section[1].splitlines() if line.startswith("| ") and "$" in line]
    assert rows == table()


def test_fixed_costs_come_before_those_of_imports() -> None:
    page = (ROOT / "docs" / "cost.md").read_text()
    assert re.findall(r"^## (.+)$", page, re.MULTILINE)[0] == "Fixed costs of a month"


def test_every_other_dimension_has_its_values() -> None:
    others = {metric for metric in Metric if set(metric.dimensions) - {"vendor"}}
    assert others == VALUES.keys()


def test_basic_metrics_are_those_of_the_alarms_that_remain() -> None:
    kept = alarms("basic")
    used = {
        (shown.name, tuple(sorted((key, value) for key, value in shown.dimensions.items() if key != "service")))
        for shown in SHOWN
        if shown.where in kept and shown.namespace == NAMESPACE
    }
    assert used == {(metric.label, tuple(sorted(values.items()))) for metric, values in BASIC.items()}


def test_functions_learn_the_detail_from_the_template() -> None:
    variables = STACK["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["METRIC_DETAIL"] == {"Ref": "Detail"}
    assert STACK["Parameters"]["Detail"]["AllowedValues"] == ["basic", "full"]
    assert STACK["Outputs"]["DashboardName"]["Condition"] == RESOURCES["Dashboard"]["Condition"]


@pytest.mark.parametrize("name", ["InternalFailureAlarm", "OutcomesUnpublishedAlarm", "RecoveryMissingAlarm"])
def test_alarms_on_outcomes_do_not_depend_on_the_detail(name: str) -> None:
    assert name in alarms("basic")
