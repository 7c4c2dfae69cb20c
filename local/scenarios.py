"""The demo's imports: for each a start event of `events/`, the script of its simulator, and the expected outcome.

Besides, an example import for every vendor that has a simulator.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from import_watch.model.watch import watch_id

from local.paths import EVENTS
from local.simulators.egain import LOG_BUCKET
from local.simulators.registry import VENDORS, simulated
from local.simulators.script import Step

LOG_KEY = "logs/import-logs-4c2d.txt"
LOG_TEXT = "".join(
    f"2026-11-20T09:{minute:02}:00Z {'ERROR' if minute % 10 == 7 else 'INFO '} item {minute * 100} "
    f"{'has no parent topic, left out' if minute % 10 == 7 else 'imported'}\n"
    for minute in range(50)
)
EGAIN_LOG = {"logFileLocation": f"s3://{LOG_BUCKET}/{LOG_KEY}"}
EXAMPLE_SECONDS = 20
FOREIGN_LOG = {"logFileLocation": "s3://another-accounts-bucket/logs/import-logs-9f1b.txt"}


@dataclass(frozen=True, slots=True)
class Scenario:
    """One import.

    Parameters
    ----------
    name : str
        Name of the start event, `events/import-started/<name>.json`.
    story : str
        Description for a person.
    steps : tuple of Step
        The vendor's script.
    expected : mapping
        Expected notification: `type`, and fields of `data` (`log` by its status).
    times : int
        How often the start event is sent.
    detail : mapping or None
        Detail of the start event, where that is not a file.
    """

    name: str
    story: str
    steps: tuple[Step, ...]
    expected: Mapping[str, Any]
    times: int = 1
    detail: Mapping[str, Any] | None = None

    @property
    def event(self) -> dict[str, Any]:
        """The start event."""
        if self.detail is not None:
            return {"id": self.name, "detail-type": "ImportStarted", "detail": dict(self.detail)}
        parsed: dict[str, Any] = json.loads((EVENTS / "import-started" / f"{self.name}.json").read_text())
        return parsed

    @property
    def vendor(self) -> str:
        """The vendor that the start event names."""
        return str(self.event["detail"]["vendor"])

    @property
    def import_id(self) -> str:
        """The import id in the status request."""
        return str(self.event["detail"]["importId"]).removesuffix("/status").rpartition("/")[2]

    @property
    def connection(self) -> str:
        """The connection that the start event names."""
        return str(self.event["detail"].get("connection", "default"))

    @property
    def watch_id(self) -> str:
        """The key of its watch, in which the case of a UUID makes no difference."""
        return watch_id(self.vendor, self.connection, self.import_id.lower())

    def faults(self, notification: Mapping[str, Any]) -> list[str]:
        """Differences between a notification and the expected one."""
        data = notification["data"]
        seen = {**data, "type": notification["type"], "log": data["log"]["status"]}
        return [
            f"{name} is {seen[name]!r}, not {value!r}" for name, value in self.expected.items() if seen[name] != value
        ]


def examples() -> tuple[Scenario, ...]:
    """Import of each vendor that runs and then succeeds; `make up` scripts them beside the demo's."""
    return tuple(_example(vendor) for vendor in VENDORS)


def _example(vendor: str) -> Scenario:
    found = simulated(vendor)
    return Scenario(
        name=f"{vendor}-example",
        story="runs and succeeds",
        steps=({"seconds": EXAMPLE_SECONDS, **found.running}, found.succeeded),
        expected={"type": "ImportCompleted", "outcome": "SUCCEEDED"},
        detail={"vendor": vendor, "importId": found.import_id},
    )


def _document360_log(*messages: tuple[int, str]) -> dict[str, Any]:
    return {
        "new_versions": 1,
        "categories": 18,
        "articles": 412,
        "languages": "2",
        "messages": [{"message_type": kind, "message": text, "cancel_operation": False} for kind, text in messages],
    }


def _expected(outcome: str, log: str, **more: Any) -> dict[str, Any]:
    completed = outcome in ("SUCCEEDED", "PARTIAL")
    return {"type": "ImportCompleted" if completed else "ImportFailed", "outcome": outcome, "log": log, **more}


SCENARIOS = (
    Scenario(
        "document360-warnings",
        "completes with a log of warnings; its start event is sent twice",
        (
            {"seconds": 3, "status": "Queued"},
            {"seconds": 8, "status": "InProgress"},
            {
                "status": "Completed",
                "log": _document360_log(
                    (1, "Article 'Set up single sign-on': an image of 14 MB was scaled down."),
                    (1, "Article 'Billing': the link to /old/prices leads nowhere."),
                    (2, "18 categories and 412 articles imported."),
                ),
            },
        ),
        _expected(
            "SUCCEEDED",
            "ARCHIVED",
            counts={"versions": 1, "categories": 18, "articles": 412, "languages": 2, "warnings": 2, "errors": 0},
        ),
        times=2,
    ),
    Scenario(
        "document360-no-log",
        "completes, but its log is never found",
        (
            {"seconds": 4, "status": "InProgress"},
            {"status": "Completed", "log": None, "errors": ["Element 'ImportLog' not found."]},
        ),
        _expected("SUCCEEDED", "UNAVAILABLE"),
    ),
    Scenario(
        "document360-error",
        "ends in an error",
        (
            {"seconds": 7, "status": "InProgress"},
            {
                "status": "Error",
                "errors": ["The archive holds no project file."],
                "log": _document360_log((0, "The archive holds no project file.")),
            },
        ),
        _expected("FAILED", "ARCHIVED", reason="The archive holds no project file."),
    ),
    Scenario(
        "document360-throttled",
        "is throttled once, which is not a failure",
        (
            {"polls": 1, "status": "InProgress"},
            {"polls": 1, "fault": {"status": 429, "headers": {"X-RateLimit-Reset": "6"}, "body": "Too many requests"}},
            {"status": "Completed", "log": _document360_log((2, "412 articles imported."))},
        ),
        _expected("SUCCEEDED", "ARCHIVED"),
    ),
    Scenario(
        "document360-v3",
        "completes with an error, at version 3 of the API",
        (
            {"seconds": 3, "status": "Pending"},
            {"seconds": 6, "status": "InProgress"},
            {"status": "Completed", "errors": ["Article 'Billing': the title is too long, left out."]},
        ),
        _expected("PARTIAL", "NONE", counts={"warnings": 0, "errors": 1}),
    ),
    Scenario(
        "egain-partial",
        "runs with progress, then completes with 5 errors; its log is copied",
        (
            {"seconds": 18, "status": "In Progress", "total": 5_000, "fields": EGAIN_LOG},
            {
                "status": "Successful",
                "total": 5_000,
                "fields": {**EGAIN_LOG, "results": {"successful": 4_985, "warnings": 10, "errors": 5}},
            },
        ),
        _expected(
            "PARTIAL",
            "ARCHIVED",
            counts={"succeeded": 4_985, "warnings": 10, "errors": 5, "processed": 5_000, "total": 5_000},
        ),
    ),
    Scenario(
        "egain-failed",
        "fails after a quarter, and may be tried again; its log is in a bucket that the stack may not read",
        (
            {"seconds": 9, "status": "In Progress", "total": 5_000, "processed": 1_250, "fields": FOREIGN_LOG},
            {
                "status": "Failed",
                "total": 5_000,
                "processed": 1_250,
                "fields": {
                    **FOREIGN_LOG,
                    "error": "The database did not respond after 1250 items",
                    "retryable": True,
                },
            },
        ),
        _expected("FAILED", "VENDOR_ONLY", retryable=True, reason="The database did not respond after 1250 items"),
    ),
    Scenario(
        "egain-cancelled",
        "is cancelled by a person",
        (
            {"seconds": 8, "status": "In Progress", "total": 800, "processed": 310, "fields": EGAIN_LOG},
            {"status": "Cancelled", "total": 800, "processed": 310, "fields": EGAIN_LOG},
        ),
        _expected("CANCELLED", "ARCHIVED"),
    ),
    Scenario(
        "egain-scheduled",
        "is scheduled: the next poll is at its start",
        (
            {"seconds": 11, "status": "Scheduled", "startsIn": 11, "total": 0},
            {"seconds": 6, "status": "In Progress", "total": 40, "fields": EGAIN_LOG},
            {
                "status": "Successful",
                "total": 40,
                "fields": {**EGAIN_LOG, "results": {"succesfull": 40, "warnings": 0, "errors": 0}},
            },
        ),
        _expected("SUCCEEDED", "ARCHIVED"),
    ),
    Scenario(
        "voyado-success",
        "waits, is blocked by another import, runs and succeeds",
        (
            {"seconds": 4, "status": "WAITING"},
            {"seconds": 4, "status": "BLOCKED"},
            {"seconds": 6, "status": "IN_PROGRESS"},
            {"status": "SUCCESS"},
        ),
        _expected("SUCCEEDED", "NONE", jobType="PRODUCTS"),
    ),
    Scenario(
        "voyado-aborted",
        "is aborted",
        ({"seconds": 7, "status": "IN_PROGRESS"}, {"status": "ABORTED", "message": "Aborted by an operator."}),
        _expected("CANCELLED", "NONE"),
    ),
    Scenario(
        "voyado-late",
        "is not known at first, and is found later",
        ({"seconds": 4, "status": "NOT_FOUND"}, {"seconds": 5, "status": "IN_PROGRESS"}, {"status": "SUCCESS"}),
        _expected("SUCCEEDED", "NONE"),
    ),
    Scenario(
        "voyado-elevate-4",
        "succeeds in Elevate 4",
        ({"seconds": 3, "status": "WAITING"}, {"seconds": 5, "status": "IN_PROGRESS"}, {"status": "SUCCESS"}),
        _expected("SUCCEEDED", "NONE", jobType=None),
    ),
    Scenario(
        "two-faults",
        "has an invalid start event, with two faults",
        (),
        _expected("UNKNOWN", "NONE", reason="INVALID_EVENT", correlationId="typed-by-hand"),
    ),
)
