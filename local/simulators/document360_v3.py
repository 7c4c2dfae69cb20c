"""Document360, Customer API v3, as its OpenAPI file describes it."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from local.simulators.responses import Request, Response, timestamp
from local.simulators.script import Moment

API_TOKEN = "simulated-document360-v3-token+/=\"'&<"
PROJECT_ID = "3f6d0a58-1c2e-4b7a-9d48-5e8c7f1a2b30"


class Document360V3:
    """A step has `status`, and `errors` (texts) where there are some."""

    def before(self, request: Request) -> Response | None:
        """Refuse a wrong token, and one of another project."""
        if request.headers.get("authorization") != f"Bearer {API_TOKEN}":
            return _problem(401, "Unauthorized", "The access token is not valid.")
        if f"/projects/{PROJECT_ID}/" not in request.path:
            return _problem(404, "Not Found", "There is no such project.")
        return None

    def import_id(self, request: Request) -> str | None:
        """Read `/v3/projects/{project_id}/imports/{import_id}`."""
        found = re.fullmatch(r"/v3/projects/[^/]+/imports/([^/]+)", request.path)
        return unquote(found[1]) if found else None

    def unknown(self, import_id: str) -> Response:
        """Respond with 404 and a problem."""
        return _problem(404, "Not Found", "There is no import with this id in the project.")

    def response(self, import_id: str, moment: Moment, now: float) -> Response:
        """Response with the status, which has no log."""
        step = moment.step
        ended = step["status"] in ("Completed", "Failed")
        body = {
            "data": {
                "id": import_id,
                "status": step["status"],
                "completed_at": timestamp(moment.step_began_at) if ended else None,
            },
            "success": True,
            "request_id": "simulated",
            "errors": [
                {"code": "import_error", "message": text, "field": None, "details": None}
                for text in step.get("errors", [])
            ],
            "warnings": [],
        }
        return Response(200, body)


def _problem(status: int, title: str, detail: str) -> Response:
    body: dict[str, Any] = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    headers = {"Content-Type": "application/problem+json"}
    return Response(status, {**body, "errors": [], "trace_id": "simulated"}, headers)
