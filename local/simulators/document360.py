"""Document360, Customer API v2, as its page "Get the status of import" describes it."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from local.simulators import document360_v3
from local.simulators.responses import Request, Response, Simulated
from local.simulators.script import Moment

API_TOKEN = "simulated-document360-token+/=\"'&<"
"""It contains every character that encoders change, like the other simulators' credentials."""


class Document360:
    """A step has `status`, and for an ended import `log` (an object or null), `errors` (texts) and `success`."""

    def before(self, request: Request) -> Response | None:
        """Refuse a wrong token, and every method except GET: tokens are restricted by method."""
        if request.headers.get("api_token") != API_TOKEN:
            return Response(401, _body(["Invalid API token"], success=False))
        return (
            None
            if request.method == "GET"
            else Response(403, _body(["Method not allowed for this token"], success=False))
        )

    def import_id(self, request: Request) -> str | None:
        """Read `/v2/Project/Import/{importId}`."""
        found = re.fullmatch(r"/v2/Project/Import/([^/]+)", request.path)
        return unquote(found[1]) if found else None

    def unknown(self, import_id: str) -> Response:
        """Respond with 400 and `success: true`."""
        return Response(400, _body(["Invalid import id"], success=True, code="400"))

    def response(self, import_id: str, moment: Moment, now: float) -> Response:
        """Response with the status, and the log where there is one."""
        step = moment.step
        errors = step.get("errors", [])
        body = {
            "import_documentation_log": step.get("log"),
            "status": step["status"],
            **_body(errors, success=step.get("success", not errors)),
        }
        return Response(200, body)


def _body(errors: list[str], *, success: bool, code: str = "") -> dict[str, Any]:
    return {
        "extension_data": None,
        "success": success,
        "errors": [
            {
                "extension_data": None,
                "stack_trace": None,
                "description": text,
                "error_code": code,
                "custom_data": None,
            }
            for text in errors
        ],
        "warnings": [],
        "information": [],
    }


def connections(base_url: str) -> dict[str, dict[str, Any]]:
    """Connections of the simulator."""
    # The simulator has no limit of its own; with the vendor's, a dozen imports would wait for one another.
    default = {"baseUrl": base_url, "apiToken": API_TOKEN, "requestsPerMinute": 600}
    of_v3 = {"apiVersion": "v3", "apiToken": document360_v3.API_TOKEN, "projectId": document360_v3.PROJECT_ID}
    return {"default": default, "v3": {**default, **of_v3}}


SIMULATED = Simulated(
    apis=(Document360, document360_v3.Document360V3),
    connections=connections,
    import_id="0d6f3c1e-example",
    running={"status": "InProgress"},
    succeeded={"status": "Completed", "log": {"articles": 1}},
)
