"""The imports of a busy few minutes: three vendors, one of them out of order for a while, and what people do wrong."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from local.scenarios import EGAIN_LOG
from local.simulators.script import Step

SECONDS = 180.0
"""How long imports are started."""
EVERY = 1.6
"""Seconds from one to the next."""
OUTAGE = (60.0, 100.0)
"""When eGain is out of order, in seconds from the beginning."""
SEED = 19
DOCUMENT360_LOG = {"messages": [{"message_type": 2, "message": "Imported.", "cancel_operation": False}]}


@dataclass(frozen=True, slots=True)
class Planned:
    """An import, when it is started, and whether somebody stops the execution that watches it."""

    at: float
    detail: dict[str, Any]
    steps: tuple[Step, ...]
    is_stopped: bool = False


def planned() -> Iterator[Planned]:
    """Give the imports in the order of time, the same every time."""
    dice = random.Random(SEED)  # noqa: S311
    for number in range(int(SECONDS / EVERY)):
        at = number * EVERY
        seconds = min(60.0, dice.lognormvariate(2.4, 0.7))
        if number % 29 == 7:
            yield Planned(at, {"vendor": "egain", "importId": "", "connection": "default"}, ())
        elif number % 31 == 11:
            yield Planned(at, _detail("voyado", _digits(dice), connection="nobody-made-it"), ())
        elif number % 3 == 0:
            yield _document360(at, seconds, dice)
        elif number % 3 == 1:
            yield _egain(at, seconds, dice)
        else:
            yield _voyado(at, seconds, dice)


def _document360(at: float, seconds: float, dice: random.Random) -> Planned:
    log = None if dice.random() < 0.15 else DOCUMENT360_LOG
    last: Step = {"status": "Completed", "log": log}
    if dice.random() < 0.12:
        last = {"status": "Error", "errors": ["The archive holds no project file."], "log": DOCUMENT360_LOG}
    steps = ({"seconds": 2, "status": "Queued"}, {"seconds": seconds, "status": "InProgress"}, last)
    return Planned(at, _detail("document360", _uuid(dice)), steps)


def _egain(at: float, seconds: float, dice: random.Random) -> Planned:
    errors = 5 if dice.random() < 0.3 else 0
    results = {"successful": 800 - errors, "warnings": 0, "errors": errors}
    last: Step = {"status": "Successful", "total": 800, "fields": {**EGAIN_LOG, "results": results}}
    if dice.random() < 0.1:
        last = {"status": "Cancelled", "total": 800, "processed": 310, "fields": EGAIN_LOG}
    running: Step = {"seconds": seconds, "status": "In Progress", "total": 800, "fields": EGAIN_LOG}
    begins, ends = OUTAGE
    if at < ends and at + seconds > begins:
        before = max(0.0, begins - at)
        down: Step = {"seconds": ends - max(begins, at), "fault": {"status": 503, "body": "Out of order"}}
        return Planned(at, _detail("egain", _uuid(dice)), ({**running, "seconds": before}, down, running, last))
    return Planned(at, _detail("egain", _uuid(dice)), (running, last))


def _voyado(at: float, seconds: float, dice: random.Random) -> Planned:
    running: Step = {"seconds": seconds, "status": "IN_PROGRESS"}
    luck = dice.random()
    if luck < 0.08:
        return Planned(at, _detail("voyado", _digits(dice)), ({"status": "ON_HOLIDAY"},))
    if luck < 0.16:
        slow: Step = {"polls": 1, "fault": {"status": 429, "headers": {"Retry-After": "8"}, "body": "Too many"}}
        return Planned(at, _detail("voyado", _digits(dice)), (running, slow, {"status": "SUCCESS"}))
    if luck < 0.22:
        return Planned(at, _detail("voyado", _digits(dice)), ({**running, "seconds": 600},), is_stopped=True)
    steps = ({"seconds": 3, "status": "WAITING"}, running, {"status": "SUCCESS"})
    return Planned(at, _detail("voyado", _digits(dice)), steps)


def _detail(vendor: str, import_id: str, **more: Any) -> dict[str, Any]:
    return {"vendor": vendor, "importId": import_id, **more}


def _uuid(dice: random.Random) -> str:
    return str(uuid.UUID(int=dice.getrandbits(128), version=4))


def _digits(dice: random.Random) -> str:
    return str(dice.randrange(10**18, 10**19))
