"""Document360, Customer API v2: the meaning of its import status responses.

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
from import_watch.vendors.adapter import MAX_BYTES_WITH_LOG, Adapter, Api, ConnectionSpec, StatusMap
from import_watch.vendors.allowed_hosts import with_scheme
from import_watch.vendors.authentication import ApiKey
from import_watch.vendors.request import RequestSpec
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
"""Phrases of an error that the log does not exist (yet): an error of the request, and not of the import."""
MAX_NO_LOG = 120
ERRORS_IN_REASON = 3
NO_TEXT = "(no text)"
NO_MESSAGE = f"{ERROR.value:<8}{NO_TEXT}"
SEVERITIES = {0: ERROR, 1: Severity.WARNING, 2: Severity.INFO}


def read(response: HttpResponse, _import_id: str) -> Observation | FailedPoll:
    """Meaning of a response: in the body, `success` is about the request, and `status` about the import."""
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
        return unreadable(response, "the response has no status of an import")
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
    # Those without a text and those beyond the maximum count, too.
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
    # The whole text must match: an additional sentence is an error of the import.
    return len(text) <= MAX_NO_LOG and NO_LOG.fullmatch(" ".join(re.findall(r"[a-z0-9]+", text.lower()))) is not None


class _Messages(NamedTuple):
    """The messages of a log: the first ones that have a text, and the number of the others.

    There may be millions of them, so that a list of all texts would not fit into memory.
    """

    problems: list[Problem]
    errors: list[str]
    unlisted: Counter[Severity]
    aborted: bool


def _message_list(log: dict[str, Any]) -> Collection[Any]:
    """Messages of a log: documented as a list; a single message, or an object of messages, is read, too."""
    messages = log.get("messages")
    if isinstance(messages, dict):
        return [messages] if messages.keys() & {"message", "message_type"} else messages.values()
    # A plain text is an error, like every message of an unknown type.
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
        # Undocumented; read as "this message aborted the import", so that an aborted import is never published as a
        # success.
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
    keys = {"versions": "new_versions", "categories": "categories", "articles": "articles", "languages": "languages"}
    counts = {name: count for name, key in keys.items() if (count := fields.integer_of(log.get(key))) is not None}
    if log or found:
        counts |= {"warnings": found[Severity.WARNING], "errors": found[ERROR]}
    return counts


def _log_content(body: dict[str, Any]) -> Any:
    """Content of the log, which the vendor's page documents as an object.

    A list is read as a list of messages, and a text may be JSON.
    """
    content = body.get("import_documentation_log")
    if isinstance(content, str):
        text, content = content.strip(), fields.json_in(content)
        if text and content is None and text != "null":
            # A text that begins like JSON and cannot be parsed may contain errors, and counts as one.
            return {"log": text, "messages": [text] if text.startswith(("{", "[")) else []}
        content = content or None
    return {"messages": content} if isinstance(content, list) and content else content


def _log(content: Any, state: ImportState, why: str | None) -> LogReference:
    """What is known about the log, from its content and from the error that it does not exist."""
    if not isinstance(content, dict):
        if state in (ImportState.QUEUED, ImportState.RUNNING, ImportState.UNRECOGNISED):
            return None
        # Such an import has ended, and its log does not exist yet.
        text = why if state is ImportState.SUCCEEDED else None
        return MissingLog(text or "the response has no log", expected=True)
    return InlineLog(content, _text(content))


def _joined(texts: list[str]) -> str | None:
    """The first texts joined, at most as long as a vendor message."""
    return "; ".join(texts[:ERRORS_IN_REASON])[:MAX_PROBLEM_TEXT] or None


def _text(content: dict[str, Any]) -> str:
    """Text of the log for a person: the counts, then a line for every message that has a text."""
    counts = (f"{name}: {_shown(value)}" for name, value in content.items() if name != "messages")
    return "\n".join((*counts, *_lines(_message_list(content)))) + "\n"


def _lines(messages: Collection[Any]) -> Iterator[str]:
    """Lines of messages; consecutive ones without a text share a line, because a log may have millions of them."""
    for line, alike in groupby(map(_line, messages), key=lambda line: line if NO_TEXT in line else None):
        if line is None:
            yield from alike
        else:
            count = sum(1 for _ in alike)
            yield line if count == 1 else f"{line} ({count:,} times)"


def _line(message: Any) -> str:
    if not message or not isinstance(message, dict):
        return NO_MESSAGE
    text = message.get("message")
    mark = " (this message ended the import)" if message.get("cancel_operation") is True else ""
    return f"{_severity(message).value:<8}{_shown(text) if text else NO_TEXT}{mark}"


def _shown(value: Any) -> str:
    """Value as short text: a whole tree is not readable, and may be too deep to be written."""
    if isinstance(value, dict | list):
        return f"({len(value):,} entries: see log.json)"
    try:
        return f"{value}"
    except ValueError:  # an integer of thousands of digits
        return "(see log.json)"


API = Api(
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
    request=RequestSpec("/v2/Project/Import/{importId}"),
    read=read,
    keeps_log=True,
    # An unknown id is a 400 with `success: true`.
    unknown_id_phrases=(
        *("invalid import id", "unknown import id", "no such import", "no import with this id"),
        *("import id is invalid", "import id is not valid", "import id not found", "import id does not exist"),
        *("import not found", "import was not found", "import does not exist"),
    ),
    max_bytes=MAX_BYTES_WITH_LOG,
)
ADAPTER = Adapter(
    vendor="document360",
    title="Document360",
    apis=API,
    import_id=fields.printable_id,
    import_id_hint="the id that the import request gave, without blanks",
    # Per token: 60 for Professional and Business, 100 for Enterprise and Trial [spec].
    requests_per_minute=60,
)
