"""Document360, Customer API v2: what its import status answers mean.

Facts from the vendor's page "Get the status of import" and, where marked [spec], its OpenAPI file.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from import_watch import model, vendor

STATUSES = vendor.StatusMap(
    {
        # `Initiated` and `Cancelled` are known from the same API's background tasks [spec].
        model.ImportState.QUEUED: ("Queued", "Initiated"),
        model.ImportState.RUNNING: ("InProgress",),
        model.ImportState.SUCCEEDED: ("Completed",),
        model.ImportState.FAILED: ("Error",),
        model.ImportState.CANCELLED: ("Cancelled",),
    }
)
ERROR = model.Severity.ERROR
LOG_NOT_FOUND = "Element 'ImportLog' not found."
"""What `Completed` says of a log that is not there (yet): an error of the request, and not of the import."""
SEVERITIES = {0: ERROR, 1: model.Severity.WARNING, 2: model.Severity.INFO}


def read(answer: vendor.Answer, _import_id: str) -> model.Observation | model.FailedPoll:
    """Read an answer by its HTTP status and its body: `success` speaks of the request, `status` of the import."""
    body = answer.json()
    if answer.status != 404 and not isinstance(body, dict):
        return vendor.unreadable(answer, "the body is not a JSON object")
    body = vendor.object_of(body)
    errors, warnings, information = (_descriptions(body, name) for name in ("errors", "warnings", "information"))
    # An unknown id is a 400 with `success: true`; 404 is in the vendor's general table of codes [spec].
    if answer.status == 404 or (answer.status == 400 and "invalid import id" in " ".join(errors).lower()):
        return model.Observation(model.ImportState.NOT_FOUND, problems=vendor.errors_of(errors))
    status = vendor.text_of(body.get("status"))
    if answer.status != 200 or status is None:
        return vendor.unreadable(answer, "the answer has no status of an import")
    state = STATUSES[status]
    log = vendor.object_of(body.get("import_documentation_log"))
    messages = [vendor.object_of(message) for message in vendor.list_of(log.get("messages"))]
    # Undocumented; read as "this message aborted the import", so that an aborted import is never told as a success.
    aborted = any(message.get("cancel_operation") is True and _severity(message) is ERROR for message in messages)
    if state is model.ImportState.SUCCEEDED and aborted:
        state = model.ImportState.FAILED
    problems = (
        *(model.Problem(ERROR, text) for text in errors if text != LOG_NOT_FOUND),
        *(model.Problem(_severity(message), text) for message in messages if (text := _text_of(message))),
        *(model.Problem(model.Severity.WARNING, text) for text in warnings),
        *(model.Problem(model.Severity.INFO, text) for text in information),
    )
    said = errors or [problem.text for problem in problems if problem.severity is ERROR]
    silent = Counter(_severity(message) for message in messages if not _text_of(message))
    found = Counter(problem.severity for problem in problems) + silent
    return model.Observation(
        state=state,
        vendor_status=status,
        counts=_counts(log, found),
        problems=problems,
        log=_log(body, state, errors),
        reason=_joined(said) if state is model.ImportState.FAILED else None,
    )


def _descriptions(body: dict[str, Any], name: str) -> list[str]:
    found = (vendor.text_of(vendor.object_of(item).get("description")) for item in vendor.list_of(body.get(name)))
    return [text for text in found if text]


def _text_of(message: dict[str, Any]) -> str | None:
    return vendor.text_of(message.get("message"))


def _severity(message: dict[str, Any]) -> model.Severity:
    return SEVERITIES.get(vendor.integer_of(message.get("message_type")) or 0, ERROR)


def _counts(log: dict[str, Any], found: Counter[model.Severity]) -> dict[str, int]:
    told = {"versions": "new_versions", "categories": "categories", "articles": "articles", "languages": "languages"}
    counts = {name: count for name, key in told.items() if (count := vendor.integer_of(log.get(key))) is not None}
    if log or found:
        counts |= {"warnings": found[model.Severity.WARNING], "errors": found[ERROR]}
    return counts


def _log(body: dict[str, Any], state: model.ImportState, errors: list[str]) -> model.LogReference:
    content = body.get("import_documentation_log")
    if not isinstance(content, dict):
        if state in (model.ImportState.QUEUED, model.ImportState.RUNNING, model.ImportState.UNRECOGNISED):
            return None
        # Such an import is done, and its log is not there yet.
        return model.MissingLog(
            _joined(errors) or "the answer has no log", expected=state is model.ImportState.SUCCEEDED
        )
    return model.InlineLog(content, _text(content))


def _joined(texts: list[str]) -> str | None:
    """Give the first texts in one, as short as any vendor message."""
    return "; ".join(texts[:3])[: model.TEXT_KEPT] or None


def _text(content: dict[str, Any]) -> str:
    """Write the log for a person: the counts, then a line for every message."""
    lines = [f"{name}: {value}" for name, value in content.items() if name != "messages"]
    for message in map(vendor.object_of, vendor.list_of(content.get("messages"))):
        mark = " (this message ended the import)" if message.get("cancel_operation") is True else ""
        lines.append(f"{_severity(message).value:<8}{message.get('message') or '(no text)'}{mark}")
    return "\n".join(lines) + "\n"


ADAPTER = vendor.Adapter(
    vendor="document360",
    title="Document360",
    statuses=STATUSES,
    connection=vendor.ConnectionShape(
        required=("apiToken",),
        secret=("apiToken",),
        # EU is the default; US and private hosting have hosts of their own [spec].
        base_url=lambda fields: vendor.with_scheme(fields.get("baseUrl", "apihub.document360.io")),
        base_url_fields="baseUrl",
        hosts=(r"apihub(\.[a-z0-9-]+)?\.document360\.io",),
        optional=("baseUrl",),
    ),
    authentication=vendor.ApiKey(header="api_token", field="apiToken"),
    path="/v2/Project/Import/{import_id}",
    read=read,
    keeps_log=True,
    import_id=vendor.printable_id,
    import_id_hint="the id that the import request gave, without blanks",
    most_bytes=vendor.MOST_BYTES_WITH_LOG,
    # Per token: 60 for Professional and Business, 100 for Enterprise and Trial [spec].
    requests_per_minute=60,
)
