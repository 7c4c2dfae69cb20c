"""eGain, Knowledge Content Manager API v4, as its page on the status of jobs describes it, with its token endpoint."""

from __future__ import annotations

import re
import secrets
import time
from typing import Any
from urllib.parse import parse_qs

from local.simulators.responses import Request, Response, Simulated, timestamp
from local.simulators.script import Moment

CLIENT_ID = "simulated-egain-client"
CLIENT_SECRET = "simulated-egain-secret+/=\"'&<é"
SECOND_CLIENT_SECRET = "simulated-egain-second-secret+/=\"'&<"
"""Two secrets, as during the rotation of one; the second has only ASCII, which release 0.1.0 requires."""
SCOPE = "knowledge.contentmgr.manage"
TOKEN_PATH = "/system/auth/simulated/oauth2/token"
TOKEN_SECONDS = 300
LOG_BUCKET = "egain-job-logs"
"""Bucket in the emulator that the connection names as its own."""


class Egain:
    """A step has `status`, and other fields of the vendor as `fields`.

    During a timed step, the number of processed items grows up to `processed`, or else to `total`; `startsIn` seconds
    become a `startTime` in the future. An ended job keeps its number of processed items: `processed` of `total`.
    """

    def __init__(self) -> None:
        self._tokens: dict[str, float] = {}

    def before(self, request: Request) -> Response | None:
        """Issue tokens, and refuse requests without one."""
        if request.path == TOKEN_PATH:
            return self._token(request)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or self._tokens.get(token, 0.0) < time.time():
            return _error(401, "401-100", "The access token is missing, wrong or expired.")
        return None

    def import_id(self, request: Request) -> str | None:
        """Read `/knowledge/contentmgr/v4/import/content/{job_id}/status`."""
        found = re.fullmatch(r"/knowledge/contentmgr/v4/import/content/([^/]+)/status", request.path)
        return found[1] if found else None

    def unknown(self, import_id: str) -> Response:
        """Respond with 404 and the vendor's error object."""
        return _error(404, "404-100", "There is no job with this id.")

    def response(self, import_id: str, moment: Moment, now: float) -> Response:
        """Response with the status, and with the progress that the time of the step implies."""
        step = moment.step
        body: dict[str, Any] = {"status": step["status"], "jobType": "Import"}
        if "startsIn" in step:
            body["startTime"] = timestamp(moment.step_began_at + step["startsIn"])
        elif step["status"] != "Scheduled":
            body["startTime"] = timestamp(moment.began_at)
        if "total" in step:
            processed = int(step.get("processed", step["total"]) * moment.share)
            percentage = 100 * processed // step["total"] if step["total"] else 0
            body["progress"] = {"processed": processed, "total": step["total"], "percentage": percentage}
        ended = {"Successful": "completionTime", "Cancelled": "completionTime", "Failed": "failureTime"}
        if step["status"] in ended:
            body[ended[step["status"]]] = timestamp(moment.step_began_at)
        return Response(200, {**body, **step.get("fields", {})})

    def _token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        if form.get("grant_type") != "client_credentials" or form.get("scope") != SCOPE:
            return Response(400, {"error": "invalid_request"})
        known = (CLIENT_SECRET, SECOND_CLIENT_SECRET)
        if form.get("client_id") != CLIENT_ID or form.get("client_secret") not in known:
            return Response(401, {"error": "invalid_client"})
        token = secrets.token_urlsafe(24)
        self._tokens[token] = time.time() + TOKEN_SECONDS
        return Response(200, {"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_SECONDS})


def _error(status: int, code: str, text: str) -> Response:
    return Response(status, {"code": code, "developerMessage": text, "details": [], "userMessage": text})


def connections(base_url: str) -> dict[str, dict[str, Any]]:
    """Connection of the simulator, which may read the logs in the bucket of the local stack."""
    return {
        "default": {
            "baseUrl": base_url,
            "tokenUrl": f"{base_url}{TOKEN_PATH}",
            "clientId": CLIENT_ID,
            "clientSecret": CLIENT_SECRET,
            "logBuckets": [LOG_BUCKET],
        }
    }


SIMULATED = Simulated(
    apis=(Egain,),
    connections=connections,
    import_id="1b7f0c52-93ad-4e0f-8a36-5d2c9e4b7f10",
    running={"status": "In Progress", "total": 100, "processed": 10},
    succeeded={"status": "Successful", "fields": {}},
)
