"""The message of a notification in each of the likely situations, as `docs/notification-messages.md` lists them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from import_watch.aws.secrets import Connections
from import_watch.lifecycle.outcome_rules import broken
from import_watch.model.observation import FailedPoll, ImportState, MissingDetails, Observation, PollError, StoredLog
from import_watch.model.outcome import Outcome, Reason, WatchResult
from import_watch.model.watch import Start, Tolerance
from import_watch.notifications.messages import sentence, with_message
from import_watch.notifications.notification import mail
from import_watch.vendors.allowed_hosts import Hosts
from import_watch.vendors.response import parse_response
from import_watch.vendors.response_body import HttpResponse

from local.paths import EVENTS, ROOT
from tests.support.lifecycle import End, advance, start_watch
from tests.unit.aws_fixtures import NOW, VENDORS, aws_account, client

PAGE = ROOT / "docs" / "notification-messages.md"
IDS = {"document360": "6f1c2a", "egain": "7a84b875-6f75-4c7b-b137-0632b62db0bd", "voyado": "5300580843122327405"}
HOUR = 3_600
NO_DETAILS = Observation(
    ImportState.SUCCEEDED,
    "SUCCESS",
    missing_details=MissingDetails("Voyado Elevate responded with HTTP 403: no access to reports", expected=False),
)


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with aws_account(monkeypatch):
        yield


def parsed(vendor: str, status: int, body: Any) -> Observation | FailedPoll:
    text = body if isinstance(body, str) else json.dumps(body)
    return parse_response(VENDORS.adapter(vendor), HttpResponse(status, {}, text.encode()), IDS[vendor])


def connected(vendor: str, secret: Any) -> FailedPoll:
    """Failed poll of a connection whose secret is invalid."""
    if secret is not None:
        client("secretsmanager").create_secret(Name=f"import-watch/{vendor}/default", SecretString=json.dumps(secret))
    found = Connections("import-watch", VENDORS.adapter(vendor), Hosts(), 0).get("default")
    assert isinstance(found, FailedPoll)
    return found


def message(
    vendor: str, *polled: Observation | FailedPoll, after: float = 60, every: float = 60, timeout: int | None = None
) -> str:
    """Message of a watch that polls until it ends; the last response is repeated."""
    start = Start(vendor, IDS[vendor], timeout_seconds=timeout, vendor_title=VENDORS.adapter(vendor).title)
    step = advance(start_watch(start, NOW, Tolerance()).watch, polled[0], NOW + after, Tolerance())
    for poll in range(1, 2_000):
        if isinstance(step, End):
            return labelled(step.result)
        step = advance(step.watch, polled[min(poll, len(polled) - 1)], NOW + after + poll * every, Tolerance())
    raise AssertionError("the watch does not end")


def labelled(result: WatchResult) -> str:
    reason = result.reason if result.outcome.value == "UNKNOWN" else None
    return f"{result.outcome.value}{f' {reason}' if reason else ''} | {result.message}"


def document360(status: str, *errors: str, log: Any = None) -> Observation | FailedPoll:
    found = [{"description": error} for error in errors]
    return parsed("document360", 200, {"status": status, "errors": found, "import_documentation_log": log})


def egain(status: str, **fields: Any) -> Observation | FailedPoll:
    return parsed("egain", 200, {"status": status, "jobType": "Import", **fields})


def voyado(status: str, **fields: Any) -> Observation | FailedPoll:
    return parsed("voyado", 200, {"id": IDS["voyado"], "status": status, "type": "PRODUCTS", **fields})


def invalid(detail: Any) -> str:
    event = VENDORS.parse({"detail": detail})
    facts = WatchResult(Outcome.UNKNOWN, NOW, reason=Reason.INVALID_EVENT.value, detail="; ".join(event.faults))
    watch = start_watch(event.start, NOW, Tolerance()).watch
    return f"UNKNOWN INVALID_EVENT | {sentence(watch, facts)}"


def of_a_broken_watch() -> str:
    watch = start_watch(Start("voyado", IDS["voyado"], vendor_title="Voyado Elevate"), NOW, Tolerance()).watch
    result = broken(watch, NOW, "States.Timeout")
    return labelled(with_message(watch, result))


RUNNING = {"progress": {"processed": 1250, "total": 5000, "percentage": 25}, "startTime": "2026-01-01T00:00:00Z"}
LOG = {"messages": [{"message_type": 1, "message": "An image was scaled down.", "cancel_operation": False}]}
REFUSED_TOKEN = FailedPoll(PollError.UNAUTHORIZED, "no token from tokenUrl: HTTP 401, invalid_client")
AWAY = (503, "The service is down for maintenance")

SITUATIONS: dict[str, Callable[[], str]] = {
    "completed without errors": lambda: message("egain", egain("Successful")),
    "completed with warnings": lambda: message("document360", document360("Completed", log=LOG)),
    "completed with errors": lambda: message(
        "egain", egain("Successful", results={"successful": 4985, "errors": 5}, logFileLocation="s3://logs/1.txt")
    ),
    "completed with errors, and there is no log": lambda: message(
        "egain", egain("Successful", results={"successful": 4985, "errors": 5})
    ),
    "completed, and the log is missing": lambda: message(
        "document360", document360("Completed", "Element 'ImportLog' not found.")
    ),
    "completed, and its details could not be read": lambda: message("voyado", NO_DETAILS),
    "completed with errors, and more of its details could not be read": lambda: message(
        "voyado", replace(NO_DETAILS, counts={"errors": 3})
    ),
    "failed, and its details could not be read": lambda: message(
        "voyado", replace(NO_DETAILS, state=ImportState.FAILED, reason="The archive is empty")
    ),
    "failed half-way, worth another try": lambda: message(
        "egain", egain("Failed", error="The database did not respond after 1250 items", retryable=True, **RUNNING)
    ),
    "failed, not worth another try": lambda: message(
        "egain", egain("Failed", error="The manifest is not valid", retryable=False)
    ),
    "failed, and it is unknown whether to try again": lambda: message(
        "document360", document360("Error", "The archive holds no project file.", log={})
    ),
    "failed, and the log is missing": lambda: message("document360", document360("Error", "The quota is exceeded.")),
    "failed without a reason": lambda: message("voyado", voyado("FAILURE")),
    "cancelled by a colleague": lambda: message("egain", egain("Cancelled", **RUNNING)),
    "completed in part, and the vendor counts no errors": lambda: message(
        "egain", Observation(ImportState.PARTIAL, "Partially completed", log=StoredLog("s3://logs/1.txt"))
    ),
    "reverted after it had run": lambda: message("egain", Observation(ImportState.REVERTED, "Rolled back")),
    "expired before its end": lambda: message("voyado", Observation(ImportState.EXPIRED, "EXPIRED")),
    "ended, and its result has expired": lambda: message("voyado", Observation(ImportState.RESULT_EXPIRED, "PURGED")),
    "wrong or expired key": lambda: message("document360", parsed("document360", 401, {"message": "Invalid token"})),
    "wrong or expired client secret": lambda: message("egain", REFUSED_TOKEN),
    "a host name mistyped": lambda: message(
        "document360",
        FailedPoll(
            PollError.UNAVAILABLE,
            "Document360 could not be reached: name not found (apihub.ue.document360.io:443)",
            after_grace=True,
        ),
    ),
    "wrong cluster": lambda: message("voyado", parsed("voyado", 404, "")),
    "import id mistyped": lambda: message("voyado", voyado("NOT_FOUND")),
    "import id of another vendor": lambda: invalid({"vendor": "egain", "importId": IDS["voyado"]}),
    "a start event with several invalid fields": lambda: invalid({"vendor": "voyado", "timeoutSeconds": "a day"}),
    "the secret does not exist": lambda: message("voyado", connected("voyado", None)),
    "the secret lacks a field": lambda: message("egain", connected("egain", {"apiDomain": "api.egain.cloud"})),
    "the secret names a host that is not allowed": lambda: message(
        "voyado", connected("voyado", {"baseUrl": "https://example.org", "apiKey": "unseen"})
    ),
    "the vendor is down for an hour": lambda: message("voyado", parsed("voyado", *AWAY)),
    "the vendor refuses the request for an hour": lambda: message(
        "egain", parsed("egain", 406, {"code": "406-1", "developerMessage": "Accept-Language is missing"})
    ),
    "the vendor throttles for an hour": lambda: message("document360", parsed("document360", 429, "")),
    "a sign-in page instead of the API": lambda: message("voyado", parsed("voyado", 200, "<html>Sign in</html>")),
    "an unmapped status": lambda: message("document360", document360("Paused")),
    "still running at the timeout": lambda: message("egain", egain("In Progress", **RUNNING), timeout=2 * HOUR),
    "scheduled for later than the timeout": lambda: message(
        "egain", egain("Scheduled", startTime="2026-01-04T06:00:00Z"), timeout=HOUR
    ),
    "Import Watch itself failed": of_a_broken_watch,
}


def documented() -> dict[str, str]:
    """Read the page's table: situation, outcome, message."""
    rows = [re.split(r"\s+\|\s+", line.strip("| \n")) for line in PAGE.read_text().splitlines() if line.startswith("|")]
    return {row[0]: f"{row[1].replace('`', '')} | {row[2]}" for row in rows[2:]}


def test_the_page_lists_the_situations() -> None:
    assert list(documented()) == list(SITUATIONS)


@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_page_has_the_message_of_every_situation(situation: str) -> None:
    assert SITUATIONS[situation]() == documented()[situation]


@pytest.mark.parametrize("situation", SITUATIONS)
def test_it_is_one_plain_sentence(situation: str) -> None:
    message = SITUATIONS[situation]().partition(" | ")[2]
    assert message.startswith("eGain") or message[0].isupper()
    assert message.endswith(".")
    assert ". " not in message
    assert not re.search(r"\d{9,}\.\d|Traceback|None|HTTPSConnection", message)
    assert len(message) < 330


def test_the_page_has_the_mail_of_a_sample() -> None:
    event = json.loads((EVENTS / "notifications" / "partial.json").read_text())
    assert f"```text\n{mail(event)}```\n" in PAGE.read_text()
