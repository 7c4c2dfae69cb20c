"""The published event: one CloudEvents message per watch, on the SNS topic."""

from __future__ import annotations

import json
import math
import re
import shlex
import uuid

from import_watch.model.observation import LogRecord, LogStatus
from import_watch.model.outcome import COMPLETED, Outcome
from import_watch.model.record import StoredWatch
from import_watch.model.serialization import JSON, to_json
from import_watch.model.timestamps import iso
from import_watch.model.watch import Watch
from import_watch.notifications.console_pages import EMULATED_ACCOUNT, execution_page, object_page
from import_watch.notifications.cost import estimated_cost
from import_watch.notifications.messages import duration, stalled

IMPORT_COMPLETED, IMPORT_FAILED, IMPORT_STALLED = "ImportCompleted", "ImportFailed", "ImportStalled"
NOTIFICATION_SCHEMA, STALLED_SCHEMA = "urn:import-watch:notification:1", "urn:import-watch:stalled:1"
"""Schemas of the data, with their versions: `events/schemas/` has them under these ids."""
DEFAULT_STACK = "import-watch"
"""Name of the stack that the command line uses where none is given."""
NAMESPACE = uuid.UUID("2ed902b8-3470-453e-8009-0264b1c8177a")
"""Namespace of the ids of notifications; it must never change, or repeats would look new."""
MAX_BYTES = 250_000
"""SNS accepts 256 KiB for the message, in all its forms, and its attributes."""
PROBLEMS_IN_MAIL = 5
MAX_ATTRIBUTE = 200
"""Maximum characters of a vendor's reason in a message attribute."""
SURROGATE = re.compile("[\ud800-\udfff]")
"""A lone surrogate: JSON can represent it as an escape, and UTF-8 cannot."""
NONCHARACTERS = "\ufdd0-\ufdef" + "".join(
    f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0x110000, 1 << 16)
)
ESCAPED = re.compile(f"[\x7f-\x9f\u2028\u2029{NONCHARACTERS}]")
"""Characters that are escaped in JSON. SQS refuses U+FFFE and U+FFFF; many readers do not accept the others as text."""
UNREADABLE = re.compile(f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff{NONCHARACTERS}]")
"""Characters that become a question mark in text for a person, which has no escapes."""


def notification_id(watch: Watch, more: str = "") -> str:
    """Id of a watch's notification, the same in an attempt, so that a consumer can drop a repeat."""
    attempt = f"/{watch.attempt}" if watch.attempt > 1 else ""
    return str(uuid.uuid5(NAMESPACE, f"{watch.watch_id}/{iso(watch.registered_at)}{attempt}{more}"))


def event_type(outcome: Outcome) -> str:
    """CloudEvents type of an outcome."""
    return IMPORT_COMPLETED if outcome in COMPLETED else IMPORT_FAILED


def notification(record: StoredWatch, source: str) -> dict[str, JSON]:
    """CloudEvents 1.0 event of an ended watch.

    Parameters
    ----------
    record : StoredWatch
        With a `result`.
    source : str
        CloudEvents source, the stack: `/import-watch/<region>/<account>/<stack>`.

    Raises
    ------
    ValueError
        If the watch has not ended.
    """
    watch, result = record.watch, record.result
    if result is None:
        raise ValueError(f"watch {watch.watch_id} has not ended")
    return {
        **_envelope(watch, source, event_type(result.outcome), result.detected_at, NOTIFICATION_SCHEMA),
        "data": {
            **_given_back(record),
            "outcome": result.outcome.value,
            "reason": result.reason,
            "message": result.message,
            "retryable": result.retryable,
            "vendorStatus": result.vendor_status,
            "jobType": result.job_type,
            "counts": dict(result.counts),
            "problems": to_json(result.problems),
            "log": _log(record.log or _no_log(keeps_log=record.keeps_log), record.execution),
            "answer": record.response,
            "startedAt": iso(result.started_at),
            "endedAt": iso(result.ended_at),
            "detectedAt": iso(result.detected_at),
            "detectionLagSeconds": result.detection_lag_seconds,
            "watch": {
                "polls": watch.polls,
                "vendorErrors": watch.vendor_errors,
                "executions": watch.executions,
                "attempt": watch.attempt,
                "ignoredFields": list(record.ignored_fields),
                "estimatedCostUsd": estimated_cost(watch),
                "executionConsoleUrl": execution_page(record.execution),
            },
        },
    }


def stall_notification(record: StoredWatch, source: str, now: float) -> dict[str, JSON]:
    """CloudEvents 1.0 event of a stalled import, whose watch continues.

    Parameters
    ----------
    record : StoredWatch
    source : str
        CloudEvents source, as in `notification`.
    now : float
        Epoch seconds.
    """
    watch = record.watch
    since = watch.progress_changed_at
    return {
        **_envelope(watch, source, IMPORT_STALLED, watch.stalled_at or now, STALLED_SCHEMA, "/stalled"),
        "data": {
            **_given_back(record),
            "message": stalled(watch, now - (since or now)),
            "vendorStatus": watch.vendor_status,
            "jobType": watch.job_type,
            "fractionDone": watch.progress.fraction if watch.progress else None,
            "stalledSince": iso(since),
            "startedAt": iso(watch.running_since if watch.running_since is not None else watch.started_at),
            "polls": watch.polls,
        },
    }


def mail(event: dict[str, JSON]) -> str:
    """Text of a notification for a person who gets it as e-mail."""
    data = event["data"]
    log = data["log"]
    lines = [data["message"], ""]
    lines += [f"Outcome:    {data['outcome']}" + (f" ({data['reason']})" if data["reason"] else "")]
    lines += [f"Import:     {import_named_in(data)} (connection {data['connection'] or '-'})"]
    if data["correlationId"]:
        lines += [f"Reference:  {data['correlationId']}"]
    if data["counts"]:
        lines += ["Counts:     " + ", ".join(f"{name} {count:,}" for name, count in data["counts"].items())]
    if data["startedAt"]:
        lines += [f"Started:    {data['startedAt']}"]
    if data["endedAt"]:
        lines += [f"Ended:      {data['endedAt']}"]
    lag = data["detectionLagSeconds"]
    lines += [f"Detected:   {data['detectedAt']}" + (f" (within {duration(lag)})" if lag is not None else "")]
    lines += [f"Log:        {log['location'] or log['source'] or '-'} ({log['status']}" + _because(log["reason"]) + ")"]
    if text := readable_log(log["location"]):
        lines += [f"  readable: {text}"]
    if log["consoleUrl"]:
        lines += [f"  page:     {log['consoleUrl']}"]
    if data["answer"]:
        lines += [f"Response:   {data['answer']}"]
    if data["watch"]["executionConsoleUrl"]:
        lines += [f"Execution:  {data['watch']['executionConsoleUrl']}"]
    lines += [f"Details:    {show_command(event)}"]
    if data["problems"]:
        shown = data["problems"][:PROBLEMS_IN_MAIL]
        lines += ["", f"Messages of the vendor ({len(shown)} of {len(data['problems'])}):"]
        lines += [f"  {problem['severity']}: {problem['text']}" for problem in shown]
    return "\n".join(lines) + "\n"


def stalled_mail(event: dict[str, JSON]) -> str:
    """Text of the notification of a stalled import for a person who gets it as e-mail."""
    return f"{event['data']['message']}\n\nDetails:    {show_command(event)}\n"


def show_command(event: dict[str, JSON]) -> str:
    """Command that shows the watch of a notification: as it stands, in any shell, whatever the import's id is."""
    # An invalid start event's watch has no import id by which it could be found.
    named = event["data"]["importId"] if not event["subject"].startswith("invalid#") else None
    words = ["import-watch", "show"]
    place = event["source"].split("/")[2:]
    if len(place) == 3:
        region, account, stack = place
        # The region is needed, too: without it a local stack that runs would be taken.
        options = ["--local"] if account == EMULATED_ACCOUNT else ["--region", region]
        words += options if stack == DEFAULT_STACK or "--local" in options else [*options, "--stack", stack]
    identifier = named or event["subject"]
    return shlex.join([*words, *(["--"] if identifier.startswith("-") else []), identifier])


def readable_log(location: str | None) -> str | None:
    """Location of a log as text for a person, where the log itself is JSON: `log.txt` beside `log.json`."""
    if location is None or not location.endswith("/log.json"):
        return None
    return location.removesuffix(".json") + ".txt"


def bounded(event: dict[str, JSON]) -> tuple[dict[str, JSON], str]:
    """Event and its SNS message, with fewer problems where it would be too large."""
    while True:
        message = sns_message(event, mail(event))
        problems = event["data"]["problems"]
        if len(message.encode()) <= MAX_BYTES or not problems:
            return event, message
        event = {**event, "data": {**event["data"], "problems": problems[: len(problems) // 2]}}


def json_text(value: JSON) -> str:
    """Write a value as JSON that every parser and every service accepts.

    A lone surrogate becomes U+FFFD, and a number that JSON does not have becomes null; everything else is unchanged
    after parsing.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        text = ""
    if not text or SURROGATE.search(text):
        text = json.dumps(_harmless(value), ensure_ascii=False, allow_nan=False)
    return ESCAPED.sub(lambda found: json.dumps(found[0])[1:-1], text)


def _harmless(value: JSON) -> JSON:
    if isinstance(value, str):
        return SURROGATE.sub("\ufffd", value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [_harmless(item) for item in value]
    if not isinstance(value, dict):
        return value
    found: dict[str, JSON] = {}
    for name, item in value.items():
        key = _harmless(name)
        while key in found or (key != name and key in value):
            key += "\ufffd"  # No member overwrites another.
        found[key] = _harmless(item)
    return found


def sns_message(event: dict[str, JSON], text: str) -> str:
    """SNS message with an event as JSON, and as text for e-mail subscribers."""
    return json.dumps({"default": json_text(event), "email": UNREADABLE.sub("?", text)}, ensure_ascii=False)


def _envelope(watch: Watch, source: str, kind: str, time: float, schema: str, more: str = "") -> dict[str, JSON]:
    """Attributes of the CloudEvent."""
    return {
        "specversion": "1.0",
        "id": notification_id(watch, more),
        "source": source,
        "type": kind,
        "subject": watch.watch_id,
        "time": iso(time),
        "datacontenttype": "application/json",
        "dataschema": schema,
    }


def _given_back(record: StoredWatch) -> dict[str, JSON]:
    """Fields that identify the import; empty where an invalid event named none."""
    watch = record.watch
    return {
        "vendor": watch.vendor or None,
        "connection": watch.connection or None,
        "importId": watch.import_id or None,
        "correlationId": record.correlation_id,
        "metadata": record.metadata,
    }


def _no_log(*, keeps_log: bool) -> LogRecord:
    if not keeps_log:
        return LogRecord(LogStatus.NONE)
    return LogRecord(LogStatus.UNAVAILABLE, reason="no log was fetched before the watch ended")


def _log(log: LogRecord, execution: str) -> dict[str, JSON]:
    return {
        "location": log.location,
        "source": log.source,
        "status": log.status.value,
        "reason": log.reason,
        "bytes": log.bytes,
        "consoleUrl": object_page(log.location, execution),
    }


def import_named_in(data: dict[str, JSON]) -> str:
    """Import and vendor of a notification's data, as text."""
    return f"{data['importId'] or '(no id)'} at {data['vendor'] or '(no vendor)'}"


def _because(reason: str | None) -> str:
    return f": {reason}" if reason else ""
