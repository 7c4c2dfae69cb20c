"""Samples: what the conformance kit has to know of each vendor beyond its adapter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from import_watch.model.observation import ImportState
from import_watch.model.outcome import Reason

SECRET, TOKEN_URL = "{secret}", "{token_url}"
"""Placeholders in a connection's fields, which the kit replaces."""


@dataclass(frozen=True)
class Sample:
    """Responses of a vendor without faults, for an invented import.

    Parameters
    ----------
    import_id : str
        One that the vendor could have given, in its canonical form.
    fields : mapping of str to str
        The connection's secret besides `baseUrl`.
    responses : mapping of ImportState to JSON
        The body of an HTTP 200 for each state that the vendor reports in one.
    partial : JSON
        The body of an HTTP 200 for an import that is done but for some errors; None where there is no such thing.
    not_found : mapping of int to JSON
        HTTP statuses that mean an unknown import, with their bodies.
    after_grace : mapping of int to Reason
        HTTP statuses that end a watch once they have been given for the grace period of an import that is not found.
    status_field, id_field : str, str or None
        Where the body has the status and, if it has, the id: `data.status` is the status in the object `data`.
    """

    import_id: str
    fields: Mapping[str, str]
    responses: Mapping[ImportState, Any]
    partial: Any = None
    not_found: Mapping[int, Any] = field(default_factory=dict)
    after_grace: Mapping[int, Reason] = field(default_factory=dict)
    status_field: str = "status"
    id_field: str | None = None

    @property
    def status_path(self) -> tuple[str, ...]:
        """Keys that lead to the status."""
        return tuple(self.status_field.split("."))

    @property
    def id_path(self) -> tuple[str, ...]:
        """Keys that lead to the id; none where the body has none."""
        return tuple(self.id_field.split(".")) if self.id_field else ()

    def body(self, state: ImportState, **changes: Any) -> dict[str, Any]:
        """Body for a state, with fields changed."""
        body = dict(self.responses[state])
        for name, value in changes.items():
            body = placed(body, tuple(name.split(".")), value)
        return body

    def status(self, state: ImportState) -> str:
        """The raw status of a state."""
        value = self.responses[state]
        for key in self.status_path:
            value = value[key]
        return str(value)

    def only_status(self, state: ImportState) -> dict[str, Any]:
        """Body for a state that has nothing but the status."""
        return placed({}, self.status_path, self.status(state))


def placed(body: Mapping[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """Copy of a body with a value in one place."""
    first, *rest = path
    return {**body, first: placed(body.get(first, {}), tuple(rest), value) if rest else value}


def _document360(status: str, log: Any = None, *errors: str, **more: Any) -> dict[str, Any]:
    return {
        "import_documentation_log": log,
        "status": status,
        "extension_data": None,
        "success": not errors,
        "errors": [_document360_error(text) for text in errors],
        "warnings": [],
        "information": [],
        **more,
    }


def _document360_error(text: str, code: str = "") -> dict[str, Any]:
    return {
        "extension_data": None,
        "stack_trace": None,
        "description": text,
        "error_code": code,
        "custom_data": None,
    }


def _document360_log(*messages: tuple[int, str, bool]) -> dict[str, Any]:
    return {
        "new_versions": 1,
        "categories": 4,
        "articles": 31,
        "languages": "2",
        "messages": [
            {"message_type": kind, "message": text, "cancel_operation": cancels} for kind, text, cancels in messages
        ],
    }


DOCUMENT360 = Sample(
    import_id="8d2f6c0e-51b7-4a39-9f0d-3a1e7c5b2d64",
    fields={"apiToken": SECRET},
    responses={
        ImportState.QUEUED: _document360("Queued"),
        ImportState.RUNNING: _document360("InProgress"),
        ImportState.SUCCEEDED: _document360("Completed", _document360_log((2, "31 articles read.", False))),
        ImportState.FAILED: _document360(
            "Error", _document360_log((0, "The archive has no index.", True)), "The archive could not be opened."
        ),
        ImportState.CANCELLED: _document360("Cancelled", _document360_log((1, "Stopped on request.", False))),
    },
    partial=_document360("Completed", _document360_log((0, "One article is too long.", False), (1, "Scaled.", False))),
    not_found={
        400: {"success": True, "errors": [_document360_error("Invalid import id", "400")], "warnings": []},
        404: {"success": False, "errors": [_document360_error("Not found", "404")], "warnings": []},
    },
)

_DOCUMENT360_V3_ID = "0b1c7d52-94e3-4f6a-8d20-6f5e3c9a1b78"


def _document360_v3(status: str, errors: tuple[str, ...] = (), completed_at: str | None = None) -> dict[str, Any]:
    return {
        "data": {"id": _DOCUMENT360_V3_ID, "status": status, "completed_at": completed_at},
        "success": True,
        "request_id": "a-request",
        "errors": [{"code": "article_too_long", "message": text, "field": None, "details": None} for text in errors],
        "warnings": [],
    }


DOCUMENT360_V3 = Sample(
    import_id=_DOCUMENT360_V3_ID,
    fields={"apiVersion": "v3", "apiToken": SECRET, "projectId": "5e0f9b1a-2c3d-4e5f-8a6b-7c8d9e0f1a2b"},
    responses={
        ImportState.QUEUED: _document360_v3("Pending"),
        ImportState.RUNNING: _document360_v3("InProgress"),
        ImportState.SUCCEEDED: _document360_v3("Completed", completed_at="2026-01-01T00:00:00Z"),
        ImportState.FAILED: _document360_v3("Failed", ("The archive has no index.",), "2026-01-01T00:00:00Z"),
    },
    partial=_document360_v3("Completed", ("One article is too long.",), "2026-01-01T00:00:00Z"),
    not_found={
        404: {
            "type": "about:blank",
            "title": "Not Found",
            "status": 404,
            "detail": "No import with this id in the project.",
            "errors": [],
            "trace_id": "a-trace",
        }
    },
    status_field="data.status",
    id_field="data.id",
)

_PROGRESS = {"processed": 300, "total": 1200, "percentage": 25}
_LOG_FILE = {"logFileLocation": "s3://logs-of-a-customer/import-1f0c.txt", "startTime": "2026-01-01T00:00:00.000Z"}
EGAIN = Sample(
    import_id="1f0c2e6a-7b3d-4c58-a1e9-5d8f0b6c4a27",
    fields={"tokenUrl": TOKEN_URL, "clientId": "a-client", "clientSecret": SECRET},
    responses={
        ImportState.QUEUED: {
            "status": "Scheduled",
            "jobType": "Import",
            "progress": {"processed": 0, "total": 0, "percentage": 0},
        },
        ImportState.RUNNING: {
            "status": "In Progress",
            "jobType": "Import",
            "progress": _PROGRESS,
            "estimatedCompletion": "2026-01-01T01:00:00.000Z",
            "currentOperation": "Reading items",
            **_LOG_FILE,
        },
        ImportState.SUCCEEDED: {
            "status": "Successful",
            "jobType": "Import",
            "progress": {"processed": 1200, "total": 1200, "percentage": 100},
            "completionTime": "2026-01-01T00:30:00.000Z",
            "results": {"successful": 1200, "warnings": 4, "errors": 0},
            **_LOG_FILE,
        },
        ImportState.FAILED: {
            "status": "Failed",
            "jobType": "Import",
            "progress": _PROGRESS,
            "failureTime": "2026-01-01T00:10:00.000Z",
            "error": "The item store was not reachable",
            "retryable": True,
            **_LOG_FILE,
        },
        ImportState.CANCELLED: {"status": "Cancelled", "jobType": "Import", "progress": _PROGRESS, **_LOG_FILE},
    },
    partial={
        "status": "Successful",
        "jobType": "Import",
        "results": {"succesfull": 1190, "warnings": 4, "errors": 10},
        **_LOG_FILE,
    },
    not_found={404: {"code": "404-100", "developerMessage": "No such job.", "details": [], "userMessage": "Not found"}},
)

_VOYADO_ID = "5512340987651234567"


def _voyado(status: str, **more: Any) -> dict[str, Any]:
    return {"id": _VOYADO_ID, "status": status, "type": "PRODUCTS", **more}


VOYADO = Sample(
    import_id=_VOYADO_ID,
    fields={"apiKey": SECRET},
    responses={
        ImportState.NOT_FOUND: {"id": _VOYADO_ID, "status": "NOT_FOUND"},
        ImportState.QUEUED: _voyado("WAITING"),
        ImportState.RUNNING: _voyado("IN_PROGRESS"),
        ImportState.SUCCEEDED: _voyado("SUCCESS"),
        ImportState.FAILED: _voyado("FAILURE", message="The feed is not well formed."),
        ImportState.CANCELLED: _voyado("ABORTED", message="Another import took its place."),
    },
    after_grace={404: Reason.MISCONFIGURED},
    id_field="id",
)


def _elevate_4(status: str, reason: str | None = None) -> dict[str, Any]:
    return {"id": _VOYADO_ID, "reason": reason, "status": status}


ELEVATE_4 = Sample(
    import_id=_VOYADO_ID,
    fields={"apiVersion": "4", "apiKey": SECRET},
    responses={
        ImportState.NOT_FOUND: _elevate_4("NOT_FOUND"),
        ImportState.QUEUED: _elevate_4("WAITING"),
        ImportState.RUNNING: _elevate_4("IN_PROGRESS"),
        ImportState.SUCCEEDED: _elevate_4("SUCCESS"),
        ImportState.FAILED: _elevate_4("FAILURE", "The feed is not well formed."),
        ImportState.CANCELLED: _elevate_4("ABORTED", "Another import took its place."),
    },
    after_grace={404: Reason.MISCONFIGURED},
    id_field="id",
)

SAMPLES = {
    "document360": {"v2": DOCUMENT360, "v3": DOCUMENT360_V3},
    "egain": {"": EGAIN},
    "voyado": {"3": VOYADO, "4": ELEVATE_4},
}
"""A sample for each version of each vendor's API."""
