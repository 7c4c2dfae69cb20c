"""Voyado Elevate 3, Web API v2, as its page "Import Status" describes it."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from local.simulators import elevate_4
from local.simulators.responses import Request, Response, Simulated
from local.simulators.script import Moment

API_KEY = "simulated-voyado-key+/=\"'&<"


class Voyado:
    """A step has `status`, and `message` where an import failed."""

    def before(self, request: Request) -> Response | None:
        """Refuse a wrong key."""
        if request.headers.get("api-key") != API_KEY:
            return Response(403, {"message": "Api-Key could not be validated."})
        return None

    def import_id(self, request: Request) -> str | None:
        """Read `/api/v2/import/status/{id}`."""
        found = re.fullmatch(r"/api/v2/import/status/([^/]+)", request.path)
        return unquote(found[1]) if found else None

    def unknown(self, import_id: str) -> Response:
        """Respond with 200 and the status NOT_FOUND."""
        return Response(200, {"id": import_id, "status": "NOT_FOUND"})

    def response(self, import_id: str, moment: Moment, now: float) -> Response:
        """Response with the status."""
        step = moment.step
        if step["status"] == "NOT_FOUND":
            return self.unknown(import_id)
        body = {"id": import_id, "status": step["status"], "type": "PRODUCTS"}
        return Response(200, {**body, "message": step["message"]} if "message" in step else body)


def connections(base_url: str) -> dict[str, dict[str, Any]]:
    """Connections of the simulator."""
    of_4 = {"baseUrl": base_url, "apiKey": elevate_4.API_KEY, "apiVersion": "4"}
    return {"default": {"baseUrl": base_url, "apiKey": API_KEY}, "elevate-4": of_4}


SIMULATED = Simulated(
    apis=(Voyado, elevate_4.Elevate4),
    connections=connections,
    import_id="5300580843122327001",
    running={"status": "IN_PROGRESS"},
    succeeded={"status": "SUCCESS"},
)
