"""The pages agree with the schemas, the template, the decision records and the packages; every link has a target."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from import_watch.aws.sns import Topic
from import_watch.notifications.notification import IMPORT_COMPLETED, IMPORT_FAILED, IMPORT_STALLED
from import_watch.services.vendor_registry import VendorRegistry
from samtranslator.yaml_helper import yaml_parse

from local.paths import EVENTS, FUNCTIONS, ROOT, TEMPLATE
from tests.contract import markdown

REFERENCE = (ROOT / "docs" / "reference.md").read_text()
DECISIONS = ROOT / "docs" / "decisions"
RECORDS = sorted(page for page in DECISIONS.glob("*.md") if page.name != "README.md")
STACK: dict[str, Any] = yaml_parse(TEMPLATE.read_text())


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EVENTS / "schemas" / f"{name}.schema.json").read_text())["properties"]
    return found


def names(heading: str, table: int = 0) -> list[str]:
    """Names in the first column of a table of the reference, in its order."""
    return [name for row in markdown.tables(REFERENCE, heading)[table] for name in markdown.code_spans(row[0])]


# ------------------------------------------------------------ form


@pytest.mark.parametrize("page", markdown.pages(), ids=lambda page: str(page.relative_to(ROOT)))
class TestEveryPage:
    def test_has_one_line_per_paragraph(self, page: Path) -> None:
        assert markdown.wrapped(page.read_text()) == []

    def test_has_links_with_targets(self, page: Path) -> None:
        for link in markdown.links(page.read_text()):
            if re.match(r"[a-z]+:", link):
                continue
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            assert target.exists(), link
            assert not anchor or anchor in markdown.anchors(target.read_text()), link

    def test_has_no_mark_of_a_merge_conflict(self, page: Path) -> None:
        assert [line for line in page.read_text().splitlines() if re.match(r"(<{7}|={7}|>{7})( |$)", line)] == []

    def test_has_one_title(self, page: Path) -> None:
        titles = [line for line in markdown.lines(page.read_text()) if line.kind == "heading" and line.text[:2] == "# "]
        assert [line.number for line in titles] == [1]


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("One line.\n\nAnother.", []),
        ("A paragraph\nof two lines.", [2]),
        ("- An item\n  of two lines\n- another", [2]),
        ("> quoted\n> twice", [2]),
        ("```\ncode\ncode\n```\n\n    code\n\n    code\n    code\n\ntext", []),
        ("# Title\nText.\n\n| a |\n| - |\n| b |\n\nText:\n- item\n  - item", []),
        ("<!-- mark -->\nText.", []),
    ],
)
def test_a_wrapped_paragraph_is_found(page: str, expected: list[int]) -> None:
    assert markdown.wrapped(page) == expected


# ------------------------------------------------------------ decision records


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
class TestEveryDecisionRecord:
    def test_has_the_headings(self, record: Path) -> None:
        headings = re.findall(r"^## (.+)$", record.read_text(), re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences"]

    def test_is_in_the_index_as_it_is(self, record: Path) -> None:
        text = record.read_text()
        title = re.match(r"# (\d+)\. (.+)\n", text)
        status = re.search(r"\bStatus: (accepted|superseded by \d{4})\b", text)
        date = re.search(r"\bDate: (\d{4}-\d{2}-\d{2})\b", text)
        assert title, "the title is '# <number>. <title>'"
        assert status, "'Status: accepted' or 'Status: superseded by <number>'"
        assert date, "'Date: <year>-<month>-<day>'"
        assert record.name.startswith(f"{int(title[1]):04}-")
        assert [f"[{record.name[:4]}]({record.name})", title[2], status[1], date[1]] in index()


def test_the_numbers_of_the_records_are_consecutive() -> None:
    assert [int(record.name[:4]) for record in RECORDS] == list(range(1, len(RECORDS) + 1))


def test_the_index_lists_the_records_in_their_order() -> None:
    assert [row[0] for row in index()] == [f"[{record.name[:4]}]({record.name})" for record in RECORDS]


def index() -> list[list[str]]:
    return markdown.tables((DECISIONS / "README.md").read_text(), "Decision records")[0]


# ------------------------------------------------------------ reference


def test_the_reference_lists_the_fields_of_a_start_event() -> None:
    detail = schema("import-started")["detail"]
    rows = markdown.tables(REFERENCE, "Start event")[0]
    assert {row[0].strip("`"): row[1] == "yes" for row in rows} == {
        name: name in detail["required"] for name in detail["properties"]
    }


def test_the_reference_lists_the_fields_of_a_notification() -> None:
    event = schema("notification")
    data = event["data"]["properties"]
    assert names("Notification") == list(event)
    assert names("Notification", 1) == list(data)
    assert names("Log") == list(data["log"]["properties"])
    assert names("Log", 1) == data["log"]["properties"]["status"]["enum"]
    (watch,) = [row[1] for row in markdown.tables(REFERENCE, "Notification")[1] if row[0] == "`watch`"]
    assert markdown.code_spans(watch) == list(data["watch"]["properties"])


def test_the_reference_lists_the_outcomes_by_their_type() -> None:
    types = {row[0].strip("`"): row[1].strip("`") for row in markdown.tables(REFERENCE, "Outcomes")[0]}
    event = json.loads((EVENTS / "schemas" / "notification.schema.json").read_text())
    expected = {}
    for case in event["oneOf"]:
        outcome = case["properties"]["data"]["properties"]["outcome"]
        for name in outcome.get("enum") or [outcome["const"]]:
            expected[name] = case["properties"]["type"]["const"]
    assert types == expected


def test_the_reference_lists_the_reasons() -> None:
    event = json.loads((EVENTS / "schemas" / "notification.schema.json").read_text())
    assert set(names("Reasons of UNKNOWN")) == set(
        event["properties"]["data"]["oneOf"][2]["properties"]["reason"]["enum"]
    )


def test_the_reference_lists_the_vendors_and_their_secret_fields() -> None:
    vendors = VendorRegistry(FUNCTIONS)
    rows = {row[0].strip("`"): row for row in markdown.tables(REFERENCE, "Connections")[0]}
    assert sorted(rows) == sorted(vendors.names)
    for name, row in rows.items():
        adapter = vendors.adapter(name)
        documented = {span for cell in row[1:3] for span in markdown.code_spans(cell)}
        for shape in (adapter.api(version).connection for version in adapter.versions):
            assert {*shape.required, *shape.optional} <= documented
        assert adapter.version_field is None or {adapter.version_field, *adapter.versions} <= documented


def test_the_reference_lists_the_template_s_parameters() -> None:
    rows = {row[0].strip("`"): row[1] for row in markdown.tables(REFERENCE, "Template parameters")[0]}
    assert rows == {name: str(one["Default"]) or "empty" for name, one in STACK["Parameters"].items()}
    assert list(rows) == list(STACK["Parameters"])


def test_the_reference_lists_the_stack_s_outputs() -> None:
    assert names("Stack outputs") == list(STACK["Outputs"])


@pytest.mark.parametrize("event_type", [IMPORT_COMPLETED, IMPORT_FAILED, IMPORT_STALLED])
def test_the_reference_lists_the_message_attributes(event_type: str) -> None:
    published: list[dict[str, Any]] = []

    class Sns:
        def publish(self, **message: Any) -> None:
            published.append(message["MessageAttributes"])

    samples = (json.loads(path.read_text()) for path in [*EVENTS.glob("notifications/*"), *EVENTS.glob("stalled/*")])
    topic = Topic("arn:aws:sns:eu-west-1:000000000000:outcomes", Sns())  # type: ignore[arg-type]
    for event in (sample for sample in samples if sample["type"] == event_type):
        (topic.publish_stalled if event_type == IMPORT_STALLED else topic.publish)(event)
    assert published
    rows = {
        row[0].strip("`"): markdown.code_spans(row[1]) for row in markdown.tables(REFERENCE, "Message attributes")[0]
    }
    assert set().union(*published) <= set(rows)
    assert event_type in rows["eventType"]
    if event_type == IMPORT_FAILED:
        assert set().union(*published) == set(rows)


# ------------------------------------------------------------ contributing


def test_the_contributing_page_lists_the_checked_layers() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text()
    tables = markdown.tables(page, "Where things are")
    documented = [markdown.code_spans(row[1]) for row in tables[1]]
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [one["layers"] for one in contracts if one["type"] == "layers"]
    assert documented == [re.findall(r"import_watch\.(\w+)", layer) for layer in layers]


def test_the_contributing_page_lists_the_folders() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text()
    listed = {
        span.rstrip("/") for row in markdown.tables(page, "Where things are")[0] for span in markdown.code_spans(row[0])
    }
    assert all((ROOT / path).exists() for path in listed)
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert {path.removeprefix("tests/") for path in listed if path.startswith("tests/")} == folders


def test_commands_of_the_pages_are_targets_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in markdown.pages():
        used = {target for span in code(page.read_text()) for target in re.findall(r"^\s*make ([a-z-]+)", span)}
        assert used <= targets, page


def code(text: str) -> list[str]:
    lines = [line.text for line in markdown.lines(text) if line.kind == "code"]
    return [*lines, *markdown.code_spans(text)]


def test_the_comparisons_have_the_measured_prices() -> None:
    text = (ROOT / "docs" / "cost.md").read_text()
    measured = {row[0]: row[1] for row in markdown.tables(text, "Cost of a month")[1]}
    shown = {row[0]: row[1] for row in markdown.tables((ROOT / "README.md").read_text(), "What it costs")[0]}
    comparison = (ROOT / "docs" / "comparison.md").read_text()
    longer = {row[0]: row[4] for row in markdown.tables(comparison, "What people use instead")[0]}
    for name, other in (
        ("Import Watch", "Import Watch"),
        ("Step Functions HTTP task", "Step Functions HTTP Task"),
        ("Lambda durable functions", "Lambda durable functions"),
    ):
        assert measured[name] == shown[other] == longer[other]
    ours, theirs = (float(measured[name].strip("$")) for name in ("Import Watch", "Lambda durable functions"))
    assert round(ours / theirs) == 8, "an eighth of the price"
