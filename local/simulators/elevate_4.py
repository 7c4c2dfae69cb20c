"""Voyado Elevate 4, Admin API, as its developer portal describes version 3; version 4 has the same path but for it."""

from __future__ import annotations

import re
from urllib.parse import parse_qs

from local.simulators.responses import Request, Response
from local.simulators.script import Moment

API_KEY = "simulated-elevate-4-key+/=\"'&<"


class Elevate4:
    """A step has `status`, and `reason` where an import failed."""

    def before(self, request: Request) -> Response | None:
        """Refuse a wrong key."""
        if request.headers.get("api-key") != API_KEY:
            return Response(403, {"message": "Api-Key could not be validated."})
        return None

    def import_id(self, request: Request) -> str | None:
        """Read `/api/admin/{version}/import/status?id={id}`."""
        if not re.fullmatch(r"/api/admin/v[34]/import/status", request.path):
            return None
        return parse_qs(request.query).get("id", [""])[0]

    def unknown(self, import_id: str) -> Response:
        """Respond with 200 and the status NOT_FOUND."""
        return Response(200, {"id": import_id, "reason": None, "status": "NOT_FOUND"})

    def response(self, import_id: str, moment: Moment, now: float) -> Response:
        """Response with the status."""
        return Response(200, {"id": import_id, "reason": moment.step.get("reason"), "status": moment.step["status"]})
