"""Registers a start event as a watch: once, however often the event comes."""

from __future__ import annotations

import hashlib
import importlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from import_watch import messages
from import_watch.lifecycle import Tolerance, begin
from import_watch.model import JSON, Ending, Outcome, Reason, Start, Watch
from import_watch.start_event import InvalidStart, parse
from import_watch.vendor import Adapter
from import_watch.watches import Conflict, Watches

Action = Literal["WAIT", "PUBLISH", "ALREADY_WATCHED"]


@dataclass(frozen=True, slots=True)
class Registration:
    """What became of a start event: `action` is what the state machine does next."""

    action: Action
    watch: Watch
    seconds: int = 0


class Vendors:
    """The vendors that there are: one folder `poll_<vendor>` each, in the function's own package.

    Parameters
    ----------
    folder : Path
        Where those folders are; it must be on the module search path.
    """

    def __init__(self, folder: Path) -> None:
        prefix = "poll_"
        self.names = tuple(
            sorted(path.parent.name.removeprefix(prefix) for path in folder.glob(f"{prefix}*/adapter.py"))
        )

    def adapter(self, vendor: str) -> Adapter:
        """Give the adapter of one of `names`, loading no other."""
        adapter: Adapter = importlib.import_module(f"poll_{vendor}.adapter").ADAPTER
        return adapter


def register(
    event: JSON, execution: str, now: float, vendors: Vendors, watches: Watches, tolerance: Tolerance
) -> Registration:
    """Register a start event.

    Parameters
    ----------
    event : JSON
        The whole EventBridge event, untrusted.
    execution : str
        ARN of the execution that the event started.
    now : float
        Epoch seconds.

    Returns
    -------
    Registration
        WAIT for a new watch; PUBLISH for an event that cannot be watched; ALREADY_WATCHED for a duplicate. An
        execution that registers a second time, because the answer to the first was lost, gets the same again.
    """
    start = parse(event, vendors.names, vendors.adapter)
    if isinstance(start, InvalidStart):
        return _register_invalid(event, start, execution, now, watches)
    first = begin(start, now, tolerance)
    try:
        watches.register(first.watch, execution, start, keeps_log=vendors.adapter(start.vendor).keeps_log)
    except Conflict as conflict:
        record = conflict.record
        if record is None or record.execution != execution:
            return Registration("ALREADY_WATCHED", first.watch)
        # Ours, from an attempt whose answer was lost: had it ended by then, its outcome is still to be told.
        return Registration("PUBLISH" if record.ending else "WAIT", record.watch, first.seconds)
    return Registration("WAIT", first.watch, first.seconds)


def _register_invalid(event: JSON, invalid: InvalidStart, execution: str, now: float, watches: Watches) -> Registration:
    """Record an event that cannot be watched under its own id, so that it never ends a real watch."""
    start: Start = invalid.start
    watch = replace(
        begin(start, now, Tolerance()).watch, watch_id=f"invalid#{_event_id(event)}", next_poll_at=None, deadline=now
    )
    ending = Ending(
        outcome=Outcome.UNKNOWN,
        reason=Reason.INVALID_EVENT.value,
        message=messages.invalid_event(invalid.faults),
        detected_at=now,
        started_at=start.started_at,
    )
    try:
        watches.register(watch, execution, start, keeps_log=False, ending=ending)
    except Conflict as conflict:
        if conflict.record is None or conflict.record.execution != execution:
            return Registration("ALREADY_WATCHED", watch)
    return Registration("PUBLISH", watch)


def _event_id(event: JSON) -> str:
    told = event.get("id") if isinstance(event, dict) else None
    if isinstance(told, str) and 1 <= len(told) <= 100 and told.isascii() and told.isprintable():
        return told
    return hashlib.sha256(json.dumps(event, sort_keys=True).encode()).hexdigest()[:32]
