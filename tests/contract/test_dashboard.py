"""The dashboard, the alarms and the saved queries show what the code measures and logs, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pytest
from import_watch.model.observation import PollError
from import_watch.model.outcome import Outcome, Reason
from import_watch.observability import NAMESPACE, Metric
from import_watch.services.recovery import Recovered
from import_watch.services.vendor_registry import VendorRegistry

from local.paths import FUNCTIONS, ROOT
from tests.sam_template import FUNCTIONS as TEMPLATE_FUNCTIONS
from tests.sam_template import RESOURCES, STACK

ALARMS = {name: one for name, one in RESOURCES.items() if one["Type"] == "AWS::CloudWatch::Alarm"}
QUERIES = {name: one for name, one in RESOURCES.items() if one["Type"] == "AWS::Logs::QueryDefinition"}
BODY = json.loads(RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"].replace("${!", "${"))
SEARCH = re.compile(r"SEARCH\('\{([^}]+)\} ([^']+)', '(\w+)'\)")
"""A search of CloudWatch: namespace and dimensions, then terms, then the statistic."""
VENDORS = VendorRegistry(FUNCTIONS).names
BY_LABEL = {metric.label: metric for metric in Metric}
BOUNDS: dict[str, type[StrEnum]] = {"outcome": Outcome, "reason": Reason, "error": PollError, "result": Recovered}
AWS = {
    # Namespace and dimension: the metrics that AWS writes there.
    ("AWS/Lambda", "FunctionName"): {"Throttles", "Errors", "Duration"},
    ("AWS/States", "StateMachineArn"): {"ExecutionsFailed", "ExecutionsTimedOut"},
    ("AWS/SQS", "QueueName"): {"ApproximateNumberOfMessagesVisible"},
    ("AWS/Events", "RuleName"): {"InvocationsFailedToBeSentToDlq"},
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A metric that a widget or an alarm shows; a dimension's value is None where any value counts."""

    where: str
    namespace: str
    name: str
    dimensions: dict[str, Any]
    stat: str


def in_widgets() -> Iterator[Shown]:
    for widget in BODY["widgets"]:
        properties = widget["properties"]
        for entry in properties["metrics"]:
            options = entry[-1] if isinstance(entry[-1], dict) else {}
            if "expression" not in options:
                namespace, name, *pairs = [part for part in entry if isinstance(part, str)]
                dimensions = dict(zip(pairs[::2], pairs[1::2], strict=True))
                yield Shown(properties["title"], namespace, name, dimensions, options.get("stat", properties["stat"]))
            expression = options.get("expression", "")
            searches = SEARCH.findall(expression)
            assert len(searches) == expression.count("SEARCH(")
            for schema, searched, stat in searches:
                namespace, *names = schema.split(",")
                terms = {key: value.strip('"') for key, value in re.findall(r'(\w+)=("[^"]*"|\S+)', searched)}
                name = terms.pop("MetricName")
                assert terms.keys() <= set(names)
                yield Shown(properties["title"], namespace, name, {key: terms.get(key) for key in names}, stat)


QUERY = re.compile(
    r"SELECT AVG\((?P<name>\w+)\) FROM SCHEMA\(\"(?P<namespace>\w+)\", (?P<dimensions>[^)]+)\) "
    r"WHERE \"service\" = '(?P<service>[^']+)' GROUP BY \"(?P<group>\w+)\" ORDER BY AVG\(\) DESC"
)
"""A query of CloudWatch Metrics Insights, with every label in quotes: reserved words need them."""


def in_queries(properties: dict[str, Any]) -> Iterator[re.Match[str]]:
    for one in properties.get("Metrics", []):
        text = one.get("Expression", {})
        if isinstance(text, dict) and "Fn::Sub" in text:
            found = QUERY.fullmatch(text["Fn::Sub"])
            assert found, "not a query that this test reads"
            yield found


def present(values: list[Any]) -> Iterator[dict[str, Any]]:
    """The members of a list, those too that a condition adds."""
    for value in values:
        branches = value["Fn::If"][1:] if "Fn::If" in value else [value]
        yield from (branch for branch in branches if branch != {"Ref": "AWS::NoValue"})


def in_alarms() -> Iterator[Shown]:
    for name, alarm in ALARMS.items():
        properties = alarm["Properties"]
        for query in in_queries(properties):
            dimensions: dict[str, Any] = dict.fromkeys(re.findall(r'"(\w+)"', query["dimensions"]))
            dimensions["service"] = query["service"]
            yield Shown(name, query["namespace"], query["name"], dimensions, "Average")
        stats = [one["MetricStat"] for one in present(properties.get("Metrics", [])) if "MetricStat" in one]
        if "Statistic" in properties:
            stats.append({"Metric": properties, "Stat": properties["Statistic"]})
        for stat in stats:
            metric = stat["Metric"]
            dimensions = {one["Name"]: one["Value"] for one in present(metric["Dimensions"])}
            yield Shown(name, metric["Namespace"], metric["MetricName"], dimensions, stat["Stat"])


SHOWN = [*in_widgets(), *in_alarms()]


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: f"{shown.where}: {shown.name}")
class TestEveryMetricThatIsShown:
    def test_is_measured_with_these_dimensions(self, shown: Shown) -> None:
        if shown.namespace == NAMESPACE:
            assert set(shown.dimensions) == {"service", *BY_LABEL[shown.name].dimensions}
        else:
            # A rule on another bus than the default one is named with its bus.
            (dimension,) = shown.dimensions.keys() - {"EventBusName"}
            assert shown.name in AWS[shown.namespace, dimension]

    def test_belongs_to_this_stack(self, shown: Shown) -> None:
        text = json.dumps(shown.dimensions)
        functions = (*(f"{name}Function" for name in polls()), "RegisterWatch", "PublishOutcome", "RecoverWatches")
        rules = (name for name, one in RESOURCES.items() if one["Type"] == "AWS::Events::Rule")
        own = ("AWS::StackName", "WatchStateMachine", "DeadLetterQueue", *functions, *rules)
        assert any(name in text for name in own)

    def test_has_only_existing_values(self, shown: Shown) -> None:
        for name, value in shown.dimensions.items():
            if name in BOUNDS and value is not None:
                assert value in {member.value for member in BOUNDS[name]}
            if name == "vendor" and value is not None:
                assert value in VENDORS

    def test_is_shown_by_a_statistic_that_makes_sense(self, shown: Shown) -> None:
        """Counts are added, except those of a moment; times are not."""
        if shown.namespace == NAMESPACE:
            metric = BY_LABEL[shown.name]
            of_a_moment = metric in (Metric.ACTIVE_WATCHES, Metric.OUTCOMES_UNPUBLISHED)
            adds_up = metric.unit in ("Count", "None") and not of_a_moment
            # The average of what is 0 or 1 at every poll is a share.
            assert (shown.stat == "Sum") == (adds_up and shown.where != "VendorFailingAlarm")


def test_figures_of_functions_are_those_of_this_stack() -> None:
    """The fixed functions by their whole names; poll functions by a part of theirs, in which the stack's name comes
    directly before `poll`. So a stack whose name begins with this one's is left out."""
    fixed = sorted(
        function["FunctionName"]["Fn::Sub"]
        for name, function in TEMPLATE_FUNCTIONS.items()
        if not re.fullmatch(r"Poll\w+Function", name)
    )
    searches = [
        searched
        for widget in BODY["widgets"]
        for entry in widget["properties"]["metrics"]
        if isinstance(entry[-1], dict)
        for schema, searched, _ in SEARCH.findall(entry[-1].get("expression", ""))
        if schema == "AWS/Lambda,FunctionName"
    ]
    assert len(searches) == 3
    for searched in searches:
        assert sorted(re.findall(r'FunctionName="([^"]+)"', searched)) == fixed
        assert re.findall(r"FunctionName=([^\s\")]+)", searched) == ["${AWS::StackName}-poll"]
        # CloudWatch's maximum, with the longest name of a stack.
        assert len(searched.replace("${AWS::StackName}", "s" * 47)) < 900


def polls() -> list[str]:
    return [name.removesuffix("Function") for name in RESOURCES if re.fullmatch(r"Poll\w+Function", name)]


def test_every_metric_is_shown_in_a_widget() -> None:
    assert {shown.name for shown in in_widgets() if shown.namespace == NAMESPACE} == BY_LABEL.keys()


def test_no_widget_lists_the_vendors() -> None:
    text = json.dumps(BODY).lower()
    assert [vendor for vendor in VENDORS if vendor in text] == []


def test_widgets_fill_the_screen_and_do_not_overlap() -> None:
    cells = [
        (x, y)
        for one in BODY["widgets"]
        for x in range(one["x"], one["x"] + one["width"])
        for y in range(one["y"], one["y"] + one["height"])
    ]
    assert len(set(cells)) == len(cells) == 24 * 21


def test_the_page_has_every_widget_in_its_order() -> None:
    page = (ROOT / "docs" / "observability.md").read_text()
    titles = [widget["properties"]["title"] for widget in BODY["widgets"]]
    assert re.findall(r"^\| \*\*(.+)\*\* \|", page, re.MULTILINE) == titles


def test_names_within_a_widget_are_used_once() -> None:
    for widget in BODY["widgets"]:
        ids = [entry[-1]["id"] for entry in widget["properties"]["metrics"] if "id" in entry[-1]]
        assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("name", ALARMS)
class TestEveryAlarm:
    def test_notifies_of_its_beginning_alone(self, name: str) -> None:
        """An action for OK would also follow the first data of a new stack, once for each alarm."""
        action = {"Fn::If": ["HasAlarmAction", [{"Ref": "AlarmActionArn"}], {"Ref": "AWS::NoValue"}]}
        properties = ALARMS[name]["Properties"]
        assert properties["AlarmActions"] == action
        assert not {"OKActions", "InsufficientDataActions"} & properties.keys()

    def test_describes_itself_and_its_treatment_of_missing_data(self, name: str) -> None:
        properties = ALARMS[name]["Properties"]
        assert len(properties["AlarmDescription"]) > 60
        assert properties["TreatMissingData"] in ("notBreaching", "breaching", "ignore")

    def test_is_in_the_page_about_it(self, name: str) -> None:
        page = (ROOT / "docs" / "observability.md").read_text()
        of_a_vendor = re.fullmatch(r"Poll\w+?(Throttled)Alarm", name)
        assert (f"`Poll‹Vendor›{of_a_vendor[1]}Alarm`" if of_a_vendor else f"`{name}`") in page

    def test_is_left_out_on_an_emulator_only_if_it_does_math(self, name: str) -> None:
        assert (ALARMS[name].get("Condition") in ("IsAws", "IsFullOnAws")) == ("Metrics" in ALARMS[name]["Properties"])


def test_every_rule_whose_events_are_kept_has_an_alarm_on_those_that_are_lost() -> None:
    """EventBridge counts them by rule: with its bus, except on the default bus."""
    kept = {
        name: one["Properties"]
        for name, one in RESOURCES.items()
        if one["Type"] == "AWS::Events::Rule"
        and any("DeadLetterConfig" in target for target in one["Properties"]["Targets"])
    }
    alarm = RESOURCES["EventsLostAlarm"]["Properties"]
    metrics = [one["MetricStat"]["Metric"] for one in present(alarm["Metrics"]) if "MetricStat" in one]
    found = {}
    for metric in metrics:
        dimensions = {one["Name"]: one["Value"] for one in present(metric["Dimensions"])}
        (rule,) = (name for name in kept if name in json.dumps(dimensions["RuleName"]))
        found[rule] = "EventBusName" in dimensions
        if found[rule]:
            # The id of a rule is `bus|rule`, or `rule` on the default bus.
            twice = {"Fn::Sub": f"${{{rule}}}|${{{rule}}}"}
            assert dimensions["RuleName"] == {"Fn::Select": [1, {"Fn::Split": ["|", twice]}]}
    assert found == {name: "EventBusName" in properties for name, properties in kept.items()}
    assert alarm["Metrics"][0]["Expression"] == "SUM(METRICS())"


def test_only_a_missing_sweep_is_an_alarm_by_itself() -> None:
    missing = {name: one["Properties"]["TreatMissingData"] for name, one in ALARMS.items()}
    assert missing.pop("RecoveryMissingAlarm") == "breaching"
    assert missing.pop("OutcomesUnpublishedAlarm") == "ignore"
    assert set(missing.values()) == {"notBreaching"}


def test_every_vendor_has_an_alarm_on_throttling() -> None:
    folders = {RESOURCES[f"{name}Function"]["Properties"]["CodeUri"] for name in polls()}
    assert folders == {f"functions/poll_{name}" for name in VENDORS}
    for name in polls():
        throttled = RESOURCES[f"{name}ThrottledAlarm"]["Properties"]
        assert throttled["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": f"{name}Function"}}]


def test_each_vendor_that_fails_is_a_time_series_of_one_alarm() -> None:
    """More than 90 % failed in each of three periods, so in 15 minutes and with three polls at least."""
    alarm = RESOURCES["VendorFailingAlarm"]["Properties"]
    (query,) = in_queries(alarm)
    (metric,) = alarm["Metrics"]
    assert (query["name"], query["group"]) == (Metric.POLLS_FAILED.label, "vendor")
    assert metric["Period"] * alarm["EvaluationPeriods"] == 15 * 60
    assert "DatapointsToAlarm" not in alarm
    assert alarm["EvaluationPeriods"] == 3
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", 0.9)


def test_every_other_function_is_in_the_alarm_on_throttling() -> None:
    watched = [shown.dimensions["FunctionName"]["Ref"] for shown in in_alarms() if shown.where.startswith("Functions")]
    functions = {name for name, one in RESOURCES.items() if one["Type"] == "AWS::Serverless::Function"}
    assert set(watched) == functions - {f"{name}Function" for name in polls()}


def test_the_sweeps_alarm_is_slower_than_the_slowest_sweeps() -> None:
    alarm = RESOURCES["RecoveryMissingAlarm"]["Properties"]
    assert STACK["Parameters"]["RecoveryMinutes"]["MaxValue"] * 60 <= alarm["Period"]


@pytest.mark.parametrize("name", QUERIES)
class TestEverySavedQuery:
    def test_requests_only_fields_that_are_logged(self, name: str) -> None:
        sources = [*FUNCTIONS.rglob("*.py"), *(ROOT / "layers/import_watch/import_watch").rglob("*.py")]
        code = "\n".join(path.read_text() for path in sources)
        # What Powertools puts into every line, or every line about an exception.
        logged = {"message", "level", "exception_name"}
        logged |= set(re.findall(r"\b([A-Za-z]+)=", code)) | set(re.findall(r'"([A-Za-z]+)": ', code))
        assert requested_fields(name) - logged == set()
        assert len(requested_fields(name)) > 1

    def test_names_the_log_groups_of_the_functions(self, name: str) -> None:
        """All of them, or the one of the polls: a new vendor adds none."""
        assert QUERIES[name]["Condition"] == "IsAws"
        groups = {group["Ref"] for group in QUERIES[name]["Properties"]["LogGroupNames"]}
        written = {function["LoggingConfig"]["LogGroup"]["Ref"] for function in TEMPLATE_FUNCTIONS.values()}
        assert groups in ({"PollLogGroup"}, written)
        assert [group for group in groups for vendor in VENDORS if vendor in group.lower()] == []

    def test_is_in_the_page_about_it(self, name: str) -> None:
        title = QUERIES[name]["Properties"]["Name"]["Fn::Sub"].partition("/")[2]
        assert f"**{title}**" in (ROOT / "docs" / "observability.md").read_text()


def requested_fields(name: str) -> set[str]:
    text = QUERIES[name]["Properties"]["QueryString"]
    fields: set[str] = set()
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        fields |= {field.strip() for field in line.removeprefix("fields ").split(",") if line.startswith("fields")}
        fields |= set(re.findall(r"(?:ispresent|pct|max|count)\((\w+)", line))
        fields |= set(re.findall(r"(\w+) (?:=|in) [\"\[]", line)) | set(re.findall(r" by (\w+)$", line))
    return {field for field in fields if not field.startswith("@")}


@pytest.mark.parametrize("metric", Metric, ids=lambda metric: metric.label)
def test_the_page_explains_every_metric(metric: Metric) -> None:
    page = (ROOT / "docs" / "observability.md").read_text()
    dimensions = ", ".join(f"`{name}`" for name in metric.dimensions) or "–"
    assert re.search(rf"^\| `{metric.label}` \| {dimensions} \| .+\|$", page, re.MULTILINE)
