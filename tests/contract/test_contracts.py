"""The contracts as their users' tools read them: JSON Schemas, the AsyncAPI document, CloudEvents.

`jsonschema` (Python) and Ajv (JavaScript) judge alike, and both SDKs of CloudEvents parse every sample. The checks in
JavaScript are skipped where there is no Node.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import pytest
from cloudevents.core.formats.json import JSONFormat
from import_watch.aws.event_bus import SOURCE
from import_watch.model.outcome import Outcome
from import_watch.notifications.notification import (
    IMPORT_COMPLETED,
    IMPORT_FAILED,
    IMPORT_STALLED,
    MAX_ATTRIBUTE,
    NOTIFICATION_SCHEMA,
    STALLED_SCHEMA,
)
from jsonschema import Draft4Validator, Draft202012Validator
from samtranslator.yaml_helper import yaml_parse

from local.paths import EVENTS, TEMPLATE
from tests.contract.event_schema import draft_4, with_schema
from tests.contract.samples import samples
from tests.contract.schemas import CONTENTS, FOLDER, INCOMING, NAMES, OUTGOING, completed, faults, schema, written
from tests.sam_template import RESOURCES, STACK
from tests.support.node import STATIC, node, run_script

pytestmark = pytest.mark.xdist_group("node")
ASYNCAPI = EVENTS / "asyncapi.yaml"
MISSING = object()
"""Stands for a field that a broken variant does not have."""
LONG = "x" * 3_000


def _sample(path: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EVENTS / path).read_text())
    return found


def _on_the_bus(notification: Mapping[str, Any]) -> dict[str, Any]:
    """Event by which EventBridge delivers a notification."""
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": notification["type"],
        "source": SOURCE,
        "account": "123456789012",
        "time": "2026-11-22T06:54:34Z",
        "region": "eu-west-1",
        "resources": [],
        "detail": notification,
    }


STARTED, CHANGED = _sample("import-started/egain-partial.json"), _sample("import-changed/egain.json")
VOYADO = {**STARTED, "detail": {"vendor": "voyado", "importId": "5537431447739019570"}}
FULL = {
    **STARTED,
    "detail": {
        **STARTED["detail"],
        "connection": "second",
        "correlationId": "c",
        "metadata": {"a": [1, None]},
        "startedAt": "2026-01-31T09:30:00,5+01:00",
        "timeoutSeconds": 60,
        "watchAgain": True,
        "taskToken": "token",
    },
}
SUCCEEDED, FAILED, UNKNOWN = (
    _sample(f"notifications/{name}.json") for name in ("succeeded", "failed", "unknown-timed-out")
)
STALLED = _sample("stalled/stalled.json")
EVENT = _on_the_bus(FAILED)
OPTIONAL = ("connection", "correlationId", "metadata", "startedAt", "timeoutSeconds", "watchAgain", "taskToken")
VARIANTS: dict[str, tuple[dict[str, Any], dict[str, list[Any]], dict[str, list[Any]]]] = {
    # Schema: a valid document; for fields of it, values with which it stays valid, and with which it does not.
    "import-started": (
        FULL,
        {
            **{f"detail.{name}": [MISSING, None] for name in OPTIONAL},
            "detail.other": [1],
            "source": [MISSING, "any"],
            "detail.timeoutSeconds": [1, 60.0, 2_592_000],
            "detail.importId": [
                " C8D8976B-fd91-5585-9fd2-a802ac104b80\n",
                "https://host/a/import/content/c8d8976b-fd91-5585-9fd2-a802ac104b80/status/",
            ],
        },
        {
            "detail-type": [MISSING, "importStarted", None, 1],
            "detail": [MISSING, None, [], "text"],
            "detail.vendor": [MISSING, None, "eGain", 1],
            "detail.importId": [MISSING, None, "", "1", 1, True, [], {}],
            "detail.connection": ["", ".", "..", "a/b", "a\n", "x" * 65, 1, {}],
            "detail.correlationId": ["", LONG, 1],
            "detail.metadata": ["text", [], 1],
            "detail.startedAt": ["", "2026-01-31", "2026-01-31T09:30:00Z\n", 1_769_851_800],
            "detail.timeoutSeconds": [0, 2_592_001, 1.5, "60", True],
            "detail.watchAgain": ["true", 1],
            "detail.taskToken": ["", LONG, 1],
        },
    ),
    "import-started of a vendor without a form of ids": (
        VOYADO,
        {"detail.importId": ["any-id", "\t5 ", 0, 5, 9_007_199_254_740_992, 5.0]},
        {"detail.importId": ["", " ", ".", " .. ", "two words", "é", "x" * 201, -1, 5.5, 9_007_199_254_740_994, 2**70]},
    ),
    "import-changed": (
        CHANGED,
        {"detail.connection": [MISSING, None, "second"], "detail.other": [1]},
        {
            "detail-type": [MISSING, "ImportStarted"],
            "detail": [MISSING, None],
            "detail.vendor": [MISSING, None, "eGain"],
            "detail.importId": [MISSING, None, "", "1", 1],
            "detail.connection": ["", ".", "a/b", "a\n"],
        },
    ),
    "notification": (
        FAILED,
        {
            "new": [1],
            "data.new": [1],
            "data.log.new": [1],
            "data.watch.new": [1],
            "data.reason": [None, "any text"],
            "data.counts": [{}, {"new": 1}],
            "data.watch.executionConsoleUrl": [None],
            "data.outcome": ["CANCELLED"],
            "data.detectionLagSeconds": [0, 1.5, None],
        },
        {
            **{name: [MISSING, None] for name in FAILED},
            **{f"data.{name}": [MISSING] for name in FAILED["data"]},
            **{f"data.log.{name}": [MISSING] for name in FAILED["data"]["log"]},
            **{f"data.watch.{name}": [MISSING] for name in FAILED["data"]["watch"]},
            "specversion": [MISSING, "0.3", 1.0],
            "id": [MISSING, "", "no-uuid", f"{FAILED['id']}\n"],
            "source": [MISSING, "", "/import-watch/import-watch", "/import-watch/eu-west-1/1/import-watch"],
            "type": [MISSING, "ImportCompleted", "ImportStalled", "importFailed"],
            "subject": [MISSING, "", 1],
            "time": [MISSING, "2026-11-22", "2026-11-22T06:54:23Z", f"{FAILED['time']}\n", 1],
            "dataschema": [MISSING, "urn:import-watch:notification:2", STALLED_SCHEMA],
            "data": [MISSING, None, [], "text"],
            "data.outcome": [MISSING, None, "SUCCEEDED", "PARTIAL", "UNKNOWN", "failed"],
            "data.reason": [MISSING, ""],
            "data.message": [MISSING, "", None],
            "data.counts": [MISSING, None, {"a": -1}, {"a": 1.5}, {"a": "1"}],
            "data.problems": [
                MISSING,
                None,
                [{"severity": "FATAL", "text": "a"}],
                [{"severity": "ERROR", "text": ""}],
                [{"severity": "ERROR"}],
                [{"severity": "ERROR", "text": "🙂" * 1_001}],
                [{"severity": "ERROR", "text": "a"}] * 21,
            ],
            "data.log": [MISSING, None],
            "data.log.status": [MISSING, "ARCHIVED", "UNAVAILABLES", None],
            "data.log.location": [MISSING, "s3://archive/log.txt", "https://example.org"],
            "data.log.consoleUrl": [MISSING, "http://example.org", "javascript:alert(1)", 1],
            "data.answer": [MISSING, "https://example.org"],
            "data.detectedAt": [MISSING, None],
            "data.startedAt": [MISSING, "yesterday", 1],
            "data.watch.attempt": [MISSING, 0, 21, 1.5],
            "data.watch.estimatedCostUsd": [MISSING, -1, "0"],
            "data.watch.executionConsoleUrl": [MISSING, "arn:aws:states"],
        },
    ),
    "notification of a success": (
        SUCCEEDED,
        {"data.outcome": ["PARTIAL"]},
        {
            "type": ["ImportFailed"],
            "data.outcome": ["FAILED", "CANCELLED", "UNKNOWN"],
            "data.reason": ["a reason"],
            "data.log.location": [None],
            "data.log.bytes": [None, -1],
        },
    ),
    "notification of an unknown result": (
        UNKNOWN,
        {"data.reason": ["WATCH_BROKEN"], "data.vendor": [None], "data.importId": [None]},
        {"data.reason": ["any text", None], "data.outcome": ["SUCCEEDED"]},
    ),
    "stalled": (
        STALLED,
        {"data.new": [1], "data.fractionDone": [None, 0, 1], "data.stalledSince": [None]},
        {
            **{name: [MISSING, None] for name in STALLED},
            **{f"data.{name}": [MISSING] for name in STALLED["data"]},
            "type": [MISSING, "ImportFailed"],
            "dataschema": [MISSING, NOTIFICATION_SCHEMA],
            "data.fractionDone": [MISSING, -0.1, 1.1, "25%"],
            "data.polls": [MISSING, 0, None],
            "data.startedAt": [MISSING, "2025-12-31T23:50:00Z"],
        },
    ),
    "outcome-event": (
        EVENT,
        {"new": [1], "detail.new": [1]},
        {
            **{name: [MISSING, None] for name in EVENT},
            "detail-type": [MISSING, "ImportCompleted", "ImportStalled"],
            "source": [MISSING, "aws.states"],
            "resources": [MISSING, [1]],
            "detail.type": [MISSING, "ImportCompleted"],
            "detail.data.outcome": [MISSING, "SUCCEEDED"],
        },
    ),
}
"""Documents that are valid and invalid, by the schema; behind its name, what they are about."""


def _changed(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    found = deepcopy(document)
    *folders, name = path.split(".")
    inner = found
    for folder in folders:
        inner = inner[folder]
    if value is MISSING:
        inner.pop(name, None)
    else:
        inner[name] = value
    return found


def _documents() -> list[tuple[str, dict[str, Any], bool | None]]:
    """Name of a schema, a document, and whether it is valid; None where the validators only have to agree."""
    found: list[tuple[str, dict[str, Any], bool | None]] = []
    for subject, (document, good, bad) in VARIANTS.items():
        name = subject.partition(" ")[0]
        field, content = CONTENTS[name]
        found += [(name, document, True), (content, document[field], True)]
        for valid, changes in ((True, good), (False, bad)):
            for path, value in ((path, value) for path, values in changes.items() for value in values):
                changed = _changed(document, path, value)
                found.append((name, changed, valid))
                if path.startswith(f"{field}."):
                    # A content may be wrong for its event alone.
                    found.append((content, changed[field], valid or None))
    for event in samples().values():
        name = "stalled" if event["type"] == IMPORT_STALLED else "notification"
        found += [(name, event, True)] + ([("outcome-event", _on_the_bus(event), True)] if name != "stalled" else [])
    starts = (EVENTS / "import-started").iterdir()
    return found + [("import-started", json.loads(path.read_text()), path.stem != "two-faults") for path in starts]


DOCUMENTS = _documents()
CLOUD_EVENTS = [written(event) for event in samples().values()]


@pytest.fixture(scope="module")
def judged() -> dict[str, Any]:
    """What the tools in JavaScript find."""
    program = node()
    if program is None:
        pytest.skip("left out, because there is no Node on this machine: Ajv, AsyncAPI, and the JavaScript SDK")
    given = {
        "schemas": {name: schema(name) for name in NAMES},
        "documents": [(name, document) for name, document, _ in DOCUMENTS],
        "events": CLOUD_EVENTS,
        "asyncapi": str(ASYNCAPI),
    }
    found: dict[str, Any] = run_script(program, STATIC / "judge_contracts.mjs", given)
    return found


def test_the_files_agree_with_each_other() -> None:
    """`python -m tests.contract.schemas` writes the copies, and the names of the vendors."""
    files = {path.name: path.read_text() for path in FOLDER.glob("*.schema.json")}
    assert files == {f"{name}.schema.json": written(document) for name, document in completed().items()}
    assert set(INCOMING) | set(OUTGOING) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_names_itself_and_its_dialect(name: str) -> None:
    document = schema(name)
    Draft202012Validator.check_schema(document)
    assert document["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    kind = "-event" if name in CONTENTS and name != "outcome-event" else ""
    stem = name.removesuffix("-detail").removesuffix("-data")
    assert document["$id"] == f"urn:import-watch:{stem}{kind}:1"


def test_a_notification_names_the_schema_of_its_data() -> None:
    named = {SUCCEEDED["dataschema"]: "notification-data", STALLED["dataschema"]: "stalled-data"}
    assert {schema(content)["$id"]: content for content in named.values()} == named
    assert set(named) == {NOTIFICATION_SCHEMA, STALLED_SCHEMA}


@pytest.mark.parametrize("name", OUTGOING)
def test_what_goes_out_may_get_more_fields(name: str) -> None:
    assert '"additionalProperties": false' not in written(schema(name))


def test_python_judges_every_document_as_expected() -> None:
    wrong = [
        (name, document, faults(name, document))
        for name, document, valid in DOCUMENTS
        if valid is not None and valid != (not faults(name, document))
    ]
    assert wrong == []


def test_ajv_accepts_every_schema_in_strict_mode(judged: dict[str, Any]) -> None:
    assert judged["refused"] == {}


def test_ajv_judges_every_document_as_python_does(judged: dict[str, Any]) -> None:
    differ = [
        (name, document)
        for (name, document, _), valid in zip(DOCUMENTS, judged["valid"], strict=True)
        if valid != (not faults(name, document))
    ]
    assert differ == []


def test_the_python_sdk_of_cloudevents_parses_every_sample() -> None:
    for text in CLOUD_EVENTS:
        event, expected = JSONFormat().read(None, text), json.loads(text)
        assert (event.get_id(), event.get_dataschema()) == (expected["id"], expected["dataschema"])
        assert event.get_data() == expected["data"]


def test_the_javascript_sdk_of_cloudevents_parses_every_sample(judged: dict[str, Any]) -> None:
    assert [one["error"] for one in judged["events"]] == [None] * len(CLOUD_EVENTS)
    assert [one["event"] for one in judged["events"]] == [json.loads(text) for text in CLOUD_EVENTS]


# ------------------------------------------------------------ AsyncAPI


def test_its_own_parser_finds_nothing_wrong_with_the_asyncapi_document(judged: dict[str, Any]) -> None:
    # A newer version of AsyncAPI, which few tools read yet, is only information.
    reported = [line for line in judged["diagnostics"]["reported"] if " asyncapi-latest-version " not in line]
    assert reported == []
    assert judged["diagnostics"]["operations"] == [
        ["startWatch", "receive", ["ImportStarted"]],
        ["wakeWatch", "receive", ["ImportChanged"]],
        ["publishOutcome", "send", ["Notification"]],
        ["publishStalled", "send", ["ImportStalled"]],
        ["sendOutcomeEvent", "send", ["Outcome"]],
    ]


def test_the_asyncapi_document_refers_to_every_schema_of_an_event() -> None:
    document: dict[str, Any] = yaml_parse(ASYNCAPI.read_text())
    payloads = {message["payload"]["$ref"] for message in document["components"]["messages"].values()}
    assert payloads == {f"schemas/{name}.schema.json" for name in CONTENTS}


def test_the_asyncapi_document_lists_the_message_attributes() -> None:
    attributes = yaml_parse(ASYNCAPI.read_text())["components"]["schemas"]["MessageAttributes"]["properties"]
    assert attributes["eventType"]["enum"] == [IMPORT_COMPLETED, IMPORT_FAILED, IMPORT_STALLED]
    assert attributes["outcome"]["enum"] == [outcome.value for outcome in Outcome]
    assert attributes["reason"]["maxLength"] == MAX_ATTRIBUTE
    assert set(attributes) == {"eventType", "vendor", "connection", "outcome", "reason"}


# ------------------------------------------------------------ EventBridge's registry


def test_the_registry_has_the_schema_of_an_outcome_in_draft_4() -> None:
    """`python -m tests.contract.event_schema` writes it into the template."""
    assert with_schema(TEMPLATE.read_text()) == TEMPLATE.read_text()
    properties = RESOURCES["OutcomeSchema"]["Properties"]
    assert (properties["Type"], json.loads(properties["Content"])) == ("JSONSchemaDraft4", draft_4())
    Draft4Validator.check_schema(draft_4())
    valid = [document for name, document, valid in DOCUMENTS if name == "outcome-event" and valid]
    assert [list(Draft4Validator(draft_4()).iter_errors(document)) for document in valid] == [[]] * len(valid)
    assert not Draft4Validator(draft_4()).is_valid({**EVENT, "source": "another"})


@pytest.mark.parametrize("name", ["SchemaRegistry", "OutcomeSchema"])
def test_the_registry_is_made_on_demand_and_never_on_the_emulator(name: str) -> None:
    assert STACK["Parameters"]["PublishSchemas"]["Default"] == "false"
    assert {"Condition": "IsAws"} in STACK["Conditions"][RESOURCES[name]["Condition"]]["Fn::And"]
