"""Document360, Customer API v2: the meaning of its import status responses.

Facts from the vendor's page "Get the status of import" and, where marked [spec], its OpenAPI file.
"""

from __future__ import annotations

import re

from import_watch.model.observation import FailedPoll, ImportState, Observation, Problem, Severity
from import_watch.vendors import fields
from import_watch.vendors.adapter import MAX_BYTES_WITH_LOG, Api, ConnectionSpec, StatusMap
from import_watch.vendors.allowed_hosts import with_scheme
from import_watch.vendors.authentication import ApiKey
from import_watch.vendors.inline_log import LogFormat
from import_watch.vendors.request import RequestSpec
from import_watch.vendors.response import not_found, status_in, unknown_id_phrases
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
LOG = LogFormat(
    messages="messages",
    text="message",
    severity="message_type",
    severities={0: Severity.ERROR, 1: Severity.WARNING, 2: Severity.INFO},
    # Undocumented; read as "this message aborted the import", which is then never published as a success.
    aborted="cancel_operation",
)
COUNTS = {"versions": "new_versions", "categories": "categories", "articles": "articles", "languages": "languages"}
OBJECT = r"(?:the )?(?:element |document |object )?(?:import ?logs?|import documentation log)(?: element| document)?"
MISSING = r"(?:(?:was|is|has|could|can|does) )?(?:not (?:be |been |yet )?(?:found|exist|available)(?: yet)?|missing)"
NO_LOG = re.compile(rf"{OBJECT} {MISSING}|(?:the )?(?:element )?(?:could |can |was )?not (?:found|find) {OBJECT}")
"""Phrases of an error that the log does not exist (yet): an error of the request, and not of the import."""
MAX_NO_LOG = 120


def read(response: HttpResponse, _import_id: str) -> Observation | FailedPoll:
    """Meaning of a response: in the body, `success` is about the request, and `status` about the import."""
    if response.status == 404:  # in the vendor's general table of codes [spec]
        return not_found(response)
    found = status_in(response, "an import")
    if isinstance(found, FailedPoll):
        return found
    body, status = found
    content = LOG.content_of(body.get("import_documentation_log"))
    log = fields.object_of(content)
    messages, state = LOG.read(log), STATUSES[status]
    if state is ImportState.SUCCEEDED and messages.aborted:
        state = ImportState.FAILED
    errors, errors_in_all = fields.errors_in(body.get("errors"))
    warnings, warnings_in_all = fields.errors_in(body.get("warnings"))
    of_log = [text for text in errors if _is_log_not_found(text)]
    of_import = [text for text in errors if text not in of_log]
    problems = (
        *fields.errors_of(of_import),
        *messages.problems,
        *(Problem(Severity.WARNING, text) for text in warnings),
        *(Problem(Severity.INFO, text) for text in fields.texts_of(body.get("information"))),
    )
    counts = fields.counts_of(**{name: fields.integer_of(log.get(key)) for name, key in COUNTS.items()})
    found_errors = messages.amounts[Severity.ERROR] + errors_in_all - len(of_log)
    if log or problems or found_errors or warnings_in_all:
        counts |= {"warnings": messages.amounts[Severity.WARNING] + warnings_in_all, "errors": found_errors}
    missing = of_log[0] if of_log and state is ImportState.SUCCEEDED else "the response has no log"
    return Observation(
        state=state,
        vendor_status=status,
        counts=counts,
        problems=problems,
        log=LOG.reference(content, state, missing),
        reason=fields.joined(of_import or messages.errors) if state is ImportState.FAILED else None,
    )


def _is_log_not_found(text: str) -> bool:
    # The whole text must match: an additional sentence is an error of the import.
    return len(text) <= MAX_NO_LOG and NO_LOG.fullmatch(" ".join(re.findall(r"[a-z0-9]+", text.lower()))) is not None


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
    authentication=ApiKey("api_token", "apiToken"),
    request=RequestSpec("/v2/Project/Import/{importId}"),
    read=read,
    keeps_log=True,
    unknown_id_phrases=unknown_id_phrases("import id", "import"),  # in a 400 with `success: true`
    max_bytes=MAX_BYTES_WITH_LOG,
)
