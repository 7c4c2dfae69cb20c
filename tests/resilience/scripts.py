"""The scripts of the storm's imports at their vendors, and the outcome that each must have. Pure.

Times are seconds of the stack's clock. A script *exceeds a limit* if its watch ends by a grace period or the
timeout: no other import may end so.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TypeAlias
from urllib.parse import quote

from local.scenarios import EGAIN_LOG
from local.simulators import document360, egain, voyado
from local.simulators.script import Step

GRACE_SECONDS = 420
"""Grace period of every error, in seconds. Consecutive failed polls come 30, 90, 210 and 450 s after the first."""
LATE = "starts after its start event"
TIMEOUT = 150
"""Seconds of the watches that are to time out."""

Steps: TypeAlias = tuple[Step, ...]

WAITING: dict[str, Step] = {
    "document360": {"status": "Queued"},
    "egain": {"status": "Scheduled", "startsIn": 15, "total": 0},
    "voyado": {"status": "WAITING"},
}
RUNNING: dict[str, Step] = {
    "document360": {"status": "InProgress"},
    "egain": {"status": "In Progress", "fields": EGAIN_LOG},
    "voyado": {"status": "IN_PROGRESS"},
}
SUCCEEDED: dict[str, Step] = {
    "document360": {"status": "Completed", "log": {"articles": 9, "messages": []}},
    "egain": {
        "status": "Successful",
        "total": 400,
        "fields": {**EGAIN_LOG, "results": {"successful": 400, "warnings": 0, "errors": 0}},
    },
    "voyado": {"status": "SUCCESS"},
}
FAILED: dict[str, Step] = {
    "document360": {"status": "Error", "errors": ["The archive holds no project file."], "log": {"messages": []}},
    "egain": {"status": "Failed", "total": 400, "processed": 100, "fields": {**EGAIN_LOG, "error": "No database"}},
    "voyado": {"status": "FAILURE", "message": "The feed is not well formed."},
}
CANCELLED: dict[str, Step] = {
    "egain": {"status": "Cancelled", "total": 400, "processed": 100, "fields": EGAIN_LOG},
    "voyado": {"status": "ABORTED", "message": "Aborted by an operator."},
}
REASON_OF_FAILED = {
    "document360": "The archive holds no project file.",
    "egain": "No database",
    "voyado": "The feed is not well formed.",
}
PARTIAL: dict[str, Step] = {
    "document360": {**SUCCEEDED["document360"], "errors": ["3 articles could not be imported."]},
    "egain": {
        "status": "Successful",
        "total": 400,
        "fields": {**EGAIN_LOG, "results": {"successful": 395, "warnings": 0, "errors": 5}},
    },
}
NO_LOG: Step = {"status": "Completed", "log": None, "errors": ["Element 'ImportLog' not found."]}
NOT_KNOWN: Step = {"unknown": True}
RESET: Step = {"fault": {"reset": True}}
AWAY: Step = {"fault": {"status": 503, "body": "The service is busy"}}
CREDENTIALS = {"document360": document360.API_TOKEN, "egain": egain.CLIENT_SECRET, "voyado": voyado.API_KEY}


def invalid_data(vendor: str) -> tuple[Step, ...]:
    """Responses without information about an import; some echo our credentials, which must be stored nowhere."""
    credential = CREDENTIALS[vendor]
    page = f"<html><body>Sign in as {html.escape(credential)}</body></html>"
    return (
        {"fault": {"status": 200, "body": page}},
        {"fault": {"status": 500, "body": f"stack trace: {credential} {quote(credential)} {json.dumps(credential)}"}},
        {"fault": {"status": 200, "body": '{"status": ['}},
        {"fault": {"status": 200, "body": '{"status": {"a": [1, null]}, "success": "perhaps"}'}},
        {"fault": {"status": 502, "body": "\x00\x01\x02"}},
    )


HANGING: Step = {"fault": {"hang": 11, "status": 503, "body": ""}}
"""Longer than most responses take, and within the time of an exchange, on the machine's clock."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The outcome that a script must lead to; `reason` as the notification has it."""

    outcome: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """The course of one import.

    Parameters
    ----------
    kind : str
        For the table.
    steps : tuple of Step
    expected : Expected
    exceeds_limit : bool
        Whether its watch ends by a grace period or the timeout.
    timeout_seconds : int or None
        For the start event.
    """

    kind: str
    steps: Steps
    expected: Expected
    exceeds_limit: bool = False
    timeout_seconds: int | None = None


def _polls(step: Step, polls: int) -> Step:
    return {"polls": polls, **step}


def _running(vendor: str, random: Random) -> Step:
    return _polls(RUNNING[vendor], random.randint(2, 7))


def _ends(kind: str, last: dict[str, Step], outcome: str) -> Callable[[str, Random], Script]:
    def make(vendor: str, random: Random) -> Script:
        reason = REASON_OF_FAILED[vendor] if outcome == "FAILED" else None
        steps = (_polls(WAITING[vendor], random.randint(1, 2)), _running(vendor, random), last[vendor])
        return Script(kind, steps, Expected(outcome, reason))

    return make


def _tolerates(kind: str, error: Callable[[str, Random], Steps]) -> Callable[[str, Random], Script]:
    """Import that runs, has a tolerated error, runs again and succeeds."""

    def make(vendor: str, random: Random) -> Script:
        steps = (_running(vendor, random), *error(vendor, random), _running(vendor, random), SUCCEEDED[vendor])
        return Script(kind, steps, Expected("SUCCEEDED"))

    return make


def _throttled(_vendor: str, random: Random) -> Steps:
    hints: tuple[dict[str, str], ...] = ({}, {"Retry-After": "20"}, {"X-RateLimit-Reset": "15"})
    headers = random.choice(hints)
    return ({"polls": random.randint(1, 2), "fault": {"status": 429, "headers": headers, "body": "Too many requests"}},)


def _away_in_two_outages(vendor: str, _random: Random) -> Script:
    """Import whose vendor is away twice, with a good response in between that starts the count again.

    There is more than one good response: a function that is killed loses one, and a function that cannot hand over or
    end the watch is tried again, with another.
    """
    outage, back = {"polls": 3, **AWAY}, _polls(RUNNING[vendor], 3)
    steps = (RUNNING[vendor], outage, back, outage, RUNNING[vendor], SUCCEEDED[vendor])
    return Script("is away twice", steps, Expected("SUCCEEDED"))


def _late(vendor: str, random: Random) -> Script:
    steps = (_polls(NOT_KNOWN, random.randint(1, 3)), _running(vendor, random), SUCCEEDED[vendor])
    return Script(LATE, steps, Expected("SUCCEEDED"))


def _without_log(_vendor: str, random: Random) -> Script:
    return Script("has no log", (_running("document360", random), NO_LOG), Expected("SUCCEEDED"))


def _unending(kind: str, last: Callable[[str], Steps], reason: str) -> Callable[[str, Random], Script]:
    def make(vendor: str, random: Random) -> Script:
        return Script(kind, (_running(vendor, random), *last(vendor)), Expected("UNKNOWN", reason), exceeds_limit=True)

    return make


def _never(_vendor: str, _random: Random) -> Script:
    return Script("never exists", (NOT_KNOWN,), Expected("UNKNOWN", "NOT_FOUND"), exceeds_limit=True)


def _timed_out(vendor: str, _random: Random) -> Script:
    expected = Expected("UNKNOWN", "TIMED_OUT")
    return Script("never ends", (RUNNING[vendor],), expected, exceeds_limit=True, timeout_seconds=TIMEOUT)


MAKERS: tuple[tuple[Callable[[str, Random], Script], tuple[str, ...]], ...] = (
    (_ends("succeeds", SUCCEEDED, "SUCCEEDED"), tuple(SUCCEEDED)),
    (_ends("fails", FAILED, "FAILED"), tuple(FAILED)),
    (_ends("is cancelled", CANCELLED, "CANCELLED"), tuple(CANCELLED)),
    (_ends("completes with errors", PARTIAL, "PARTIAL"), tuple(PARTIAL)),
    (_tolerates("is reset", lambda _vendor, random: ({"polls": random.randint(1, 3), **RESET},)), tuple(RUNNING)),
    (
        _tolerates("gets invalid data", lambda vendor, random: tuple(random.sample(invalid_data(vendor), 2))),
        tuple(RUNNING),
    ),
    (_tolerates("is throttled", _throttled), tuple(RUNNING)),
    (_tolerates("hangs", lambda _vendor, _random: (HANGING,)), tuple(RUNNING)),
    (
        _tolerates("has an unmapped status", lambda _vendor, _random: ({"polls": 2, "status": "Paused"},)),
        tuple(RUNNING),
    ),
    (_late, tuple(RUNNING)),
    (_away_in_two_outages, tuple(RUNNING)),
    (_without_log, ("document360",)),
    # Away for longer than the grace period; comes back after the watch has ended.
    (
        _unending(
            "is away for too long",
            lambda v: ({"seconds": 10 * GRACE_SECONDS, **AWAY}, SUCCEEDED[v]),
            "VENDOR_UNAVAILABLE",
        ),
        tuple(RUNNING),
    ),
    (_unending("always gets invalid data", lambda v: (invalid_data(v)[0],), "UNREADABLE_ANSWER"), tuple(RUNNING)),
    (
        _unending("always has an unmapped status", lambda _v: ({"status": "Paused"},), "UNRECOGNISED_STATUS"),
        tuple(RUNNING),
    ),
    (_never, tuple(RUNNING)),
    (_timed_out, tuple(RUNNING)),
)
"""Every kind of script, and the vendors that it can be played at."""
