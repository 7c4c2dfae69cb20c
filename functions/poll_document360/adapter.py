"""Document360, Customer API v2: what its import status answers mean.

Facts from the vendor's page "Get the status of import" and, where marked [spec], its OpenAPI file.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from itertools import groupby
from typing import Any, NamedTuple

from import_watch.model.observation import (
    MAX_PROBLEM_TEXT,
    MAX_PROBLEMS,
    FailedPoll,
    ImportState,
    InlineLog,
    LogReference,
    MissingLog,
    Observation,
    Problem,
    Severity,
)
from import_watch.vendors import fields
from import_watch.vendors.adapter import MAX_BYTES_WITH_LOG, Adapter, ApiKey, ConnectionSpec, StatusMap
from import_watch.vendors.allowed_hosts import with_scheme
from import_watch.vendors.response import unreadable
from import_watch.vendors.response_body import HttpResponse

STATUSES = StatusMap(
    {
        # `Initiated` and `Cancelled` are known from the same API's background tasks [spec].
        ImportState.QUEUED: ("Queued", "Initiated"),
        ImportState.RUNNING: ("InProgress",),
        ImportState.SUCCEEDED: ("Completed",),
        ImportState.FAILED: ("Error",),
        ImportState.CANCELLED: ("Cancelled",),
    }
)
ERROR = Severity.ERROR
LOG = r"(?:the )?(?:element |document |object )?(?:import ?logs?|import documentation log)(?: element| document)?"
MISSING = r"(?:(?:was|is|has|could|can|does) )?(?:not (?:be |been |yet )?(?:found|exist|available)(?: yet)?|missing)"
NO_LOG = re.compile(rf"{LOG} {MISSING}|(?:the )?(?:element )?(?:could |can |was )?not (?:found|find) {LOG}")
"""What says that the log is not there (yet), in its words: an error of the request, and not of the import."""
MAX_NO_LOG = 120
ERRORS_IN_REASON = 3
NO_TEXT = "(no text)"
NO_MESSAGE = f"{ERROR.value:<8}{NO_TEXT}"
SEVERITIES = {0: ERROR, 1: Severity.WARNING, 2: Severity.INFO}


def read(response: HttpResponse, _import_id: str) -> Observation | FailedPoll:
    """Read an answer by its HTTP status and its body: `success` speaks of the request, `status` of the import."""
    body = response.json()
    if response.status != 404 and not isinstance(body, dict):
        return unreadable(response, "the body is not a JSON object")
    body = fields.object_of(body)
    errors, errors_in_all = fields.errors_in(body.get("errors"))
    warnings, warnings_in_all = fields.errors_in(body.get("warnings"))
    information = fields.texts_of(body.get("information"))
    if response.status == 404:  # in the vendor's general table of codes [spec]
        return Observation(ImportState.NOT_FOUND, problems=fields.errors_of(errors))
    status = fields.text_of(body.get("status"))
    if not response.is_success or status is None:
        return unreadable(response, "the answer has no status of an import")
    state = STATUSES[status]
    content = _log_content(body)
    log = fields.object_of(content)
    messages = _messages(log)
    if state is ImportState.SUCCEEDED and messages.aborted:
        state = ImportState.FAILED
    of_log = [text for text in errors if _is_log_not_found(text)]
    of_import = [text for text in errors if text not in of_log]
    problems = (
        *fields.errors_of(of_import),
        *messages.problems,
        *(Problem(Severity.WARNING, text) for text in warnings),
        *(Problem(Severity.INFO, text) for text in information),
    )
    found = Counter(problem.severity for problem in problems) + messages.unlisted
    # Those without a text, or beyond the first ones, count too.
    found += Counter({ERROR: errors_in_all - len(errors), Severity.WARNING: warnings_in_all - len(warnings)})
    return Observation(
        state=state,
        vendor_status=status,
        counts=_counts(log, found),
        problems=problems,
        log=_log(content, state, next(iter(of_log), None)),
        reason=_joined(of_import or messages.errors) if state is ImportState.FAILED else None,
    )


def _is_log_not_found(text: str) -> bool:
    # Nothing but that: another sentence beside it is an error of the import.
    return len(text) <= MAX_NO_LOG and NO_LOG.fullmatch(" ".join(re.findall(r"[a-z0-9]+", text.lower()))) is not None


class _Messages(NamedTuple):
    """The messages of a log: the first ones that have a text, and how many there are besides.

    There may be millions of them, so that a list of what each says would not fit into memory.
    """

    problems: list[Problem]
    errors: list[str]
    unlisted: Counter[Severity]
    aborted: bool


def _message_list(log: dict[str, Any]) -> Collection[Any]:
    """Give the messages of a log: a list by the vendor's page, and neither one alone nor an object of them is lost."""
    messages = log.get("messages")
    if isinstance(messages, dict):
        return [messages] if messages.keys() & {"message", "message_type"} else messages.values()
    # A text alone is an error, as every message of no known type.
    return [messages] if isinstance(messages, str) and messages.strip() else fields.list_of(messages)


def _messages(log: dict[str, Any]) -> _Messages:
    problems: list[Problem] = []
    errors: list[str] = []
    unlisted: Counter[Severity] = Counter()
    aborted = False
    for message in _message_list(log):
        if not message or not isinstance(message, dict):
            unlisted[ERROR] += 1
            continue
        severity = _severity(message)
        # Undocumented; read as "this message aborted the import", so that an aborted import is never told as a success.
        aborted = aborted or (severity is ERROR and message.get("cancel_operation") is True)
        listed = len(problems) < MAX_PROBLEMS
        of_reason = severity is ERROR and len(errors) < ERRORS_IN_REASON
        text = _text_of(message) if listed or of_reason else None
        if text and of_reason:
            errors.append(text)
        if text and listed:
            problems.append(Problem(severity, text))
        else:
            unlisted[severity] += 1
    return _Messages(problems, errors, unlisted, aborted)


def _text_of(message: dict[str, Any]) -> str | None:
    return fields.text_of(message.get("message"))


def _severity(message: dict[str, Any]) -> Severity:
    return SEVERITIES.get(fields.integer_of(message.get("message_type")) or 0, ERROR)


def _counts(log: dict[str, Any], found: Counter[Severity]) -> dict[str, int]:
    told = {"versions": "new_versions", "categories": "categories", "articles": "articles", "languages": "languages"}
    counts = {name: count for name, key in told.items() if (count := fields.integer_of(log.get(key))) is not None}
    if log or found:
        counts |= {"warnings": found[Severity.WARNING], "errors": found[ERROR]}
    return counts


def _log_content(body: dict[str, Any]) -> Any:
    """Give the log: an object by the vendor's page. A list is one of messages, and a text may be JSON."""
    content = body.get("import_documentation_log")
    if isinstance(content, str):
        text, content = content.strip(), fields.json_in(content)
        if text and content is None and text != "null":
            # What begins as JSON and cannot be read may have errors in it, and counts as one.
            return {"log": text, "messages": [text] if text.startswith(("{", "[")) else []}
        content = content or None
    return {"messages": content} if isinstance(content, list) and content else content


def _log(content: Any, state: ImportState, why: str | None) -> LogReference:
    """Say what is known of the log, by its content and by the error that says that it is not there."""
    if not isinstance(content, dict):
        if state in (ImportState.QUEUED, ImportState.RUNNING, ImportState.UNRECOGNISED):
            return None
        # Such an import is done, and its log is not there yet.
        said = why if state is ImportState.SUCCEEDED else None
        return MissingLog(said or "the response has no log", expected=True)
    return InlineLog(content, _text(content))


def _joined(texts: list[str]) -> str | None:
    """Give the first texts in one, as short as any vendor message."""
    return "; ".join(texts[:ERRORS_IN_REASON])[:MAX_PROBLEM_TEXT] or None


def _text(content: dict[str, Any]) -> str:
    """Write the log for a person: the counts, then a line for every message that has a text."""
    counts = (f"{name}: {_shown(value)}" for name, value in content.items() if name != "messages")
    return "\n".join((*counts, *_lines(_message_list(content)))) + "\n"


def _lines(messages: Collection[Any]) -> Iterator[str]:
    """Lines of messages; those without a text share one, because a log of nothing else may have millions."""
    for line, alike in groupby(map(_line, messages), key=lambda line: line if NO_TEXT in line else None):
        if line is None:
            yield from alike
        else:
            count = sum(1 for _ in alike)
            yield line if count == 1 else f"{line} ({count:,} times)"


def _line(message: Any) -> str:
    if not message or not isinstance(message, dict):
        return NO_MESSAGE
    said = message.get("message")
    mark = " (this message ended the import)" if message.get("cancel_operation") is True else ""
    return f"{_severity(message).value:<8}{_shown(said) if said else NO_TEXT}{mark}"


def _shown(value: Any) -> str:
    """Write a value in short: a text that holds a whole tree helps nobody, and a tree may be too deep to be written."""
    if isinstance(value, dict | list):
        return f"({len(value):,} entries: see log.json)"
    try:
        return f"{value}"
    except ValueError:  # an integer of thousands of digits
        return "(see log.json)"


ADAPTER = Adapter(
    vendor="document360",
    title="Document360",
    statuses=STATUSES,
    connection=ConnectionSpec(
        required=("apiToken",),
        secret=("apiToken",),
        # EU is the default; US and private hosting have hosts of their own [spec].
        base_url=lambda connection: with_scheme(connection.get("baseUrl", "apihub.document360.io")),
        base_url_fields="baseUrl",
        hosts=(r"apihub(\.[a-z0-9-]+)?\.document360\.io",),
        optional=("baseUrl",),
    ),
    authentication=ApiKey(header="api_token", field="apiToken"),
    path="/v2/Project/Import/{import_id}",
    read=read,
    keeps_log=True,
    import_id=fields.printable_id,
    import_id_hint="the id that the import request gave, without blanks",
    # An unknown id is a 400 with `success: true`.
    unknown_id_phrases=(
        *("invalid import id", "unknown import id", "no such import", "no import with this id"),
        *("import id is invalid", "import id is not valid", "import id not found", "import id does not exist"),
        *("import not found", "import was not found", "import does not exist"),
    ),
    max_bytes=MAX_BYTES_WITH_LOG,
    # Per token: 60 for Professional and Business, 100 for Enterprise and Trial [spec].
    requests_per_minute=60,
)
