"""Registers a start event as a watch: once, however often the event comes; and carries on one that is there."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from import_watch.aws.connection_store import ConnectionState, ConnectionStore
from import_watch.aws.executions import Executions
from import_watch.aws.watch_store import Conflict, WatchStore
from import_watch.lifecycle.start_event import REDRIVEN, InvalidStart, correlation_of, event_id, parse
from import_watch.lifecycle.transitions import hand_over, resume_delay, start_watch
from import_watch.model.outcome import Outcome, Reason, WatchResult
from import_watch.model.record import StoredWatch
from import_watch.model.serialization import JSON
from import_watch.model.watch import Start, Tolerance, Watch, watch_id
from import_watch.notifications import messages
from import_watch.observability import Metric, emit_metrics
from import_watch.scheduling.history import history_of
from import_watch.scheduling.interval import DEFAULT_POLICY, Policy
from import_watch.scheduling.rate_limit import RateShare, share_of
from import_watch.services.vendor_registry import VendorRegistry
from import_watch.vendors.adapter import Adapter

MAX_DIGITS = 262_144
"""Digits of a number in an event: an execution's input has no more bytes, and reading them takes 0.2 s."""
MAX_NESTING = 10_000
"""Levels of an event that are read: the parser's own stack has room for twice as many."""
ENVELOPE = frozenset({"version", "id", "account", "time", "region", "resources"})
"""What EventBridge sets anew in an event that is put back on the bus."""
Action = Literal["WAIT", "PUBLISH", "ALREADY_WATCHED", "SUPERSEDED"]


@dataclass(frozen=True, slots=True)
class Registration:
    """What became of a start event: `action` is what the state machine does next."""

    action: Action
    watch: Watch
    seconds: int = 0


class Registrar:
    """Registers start events.

    Parameters
    ----------
    vendors : Vendors
    watches : Watches
    states : ConnectionStates
    executions : Executions
        Asked only of a watch that somebody else owns.
    tolerance : Tolerance
    policy_of : callable
        Gives a vendor's schedule policy.
    """

    def __init__(
        self,
        vendors: VendorRegistry,
        watches: WatchStore,
        states: ConnectionStore,
        executions: Executions,
        tolerance: Tolerance,
        policy_for: Callable[[str], Policy] = lambda _vendor: DEFAULT_POLICY,
    ) -> None:
        self._vendors = vendors
        self._watches = watches
        self._states = states
        self._executions = executions
        self._tolerance = tolerance
        self._policy_for = policy_for

    def register(self, event: JSON, execution: str, now: float) -> Registration:
        """Register a start event.

        Parameters
        ----------
        event : JSON
            The whole EventBridge event, untrusted.
        execution : str
            ARN of the execution that owns the watch: the one that the event started.
        now : float
            Epoch seconds.

        Returns
        -------
        Registration
            WAIT for a new watch, or one whose execution has died and that is carried on from where it was; PUBLISH
            for an event that cannot be watched, and an outcome that nobody lives to publish; ALREADY_WATCHED for a
            duplicate. An execution that registers a second time, because the answer to the first was lost, gets the
            same again.
        """
        start = parse(event, self._vendors.names, self._vendors.adapter)
        if isinstance(start, InvalidStart):
            return self._register_invalid(event, start, execution, now)
        adapter = self._vendors.adapter(start.vendor)
        shared = self._states.watch_began(start.vendor, start.connection)
        share = self._share(adapter, shared, now)
        histories = {kind: history_of(times) for kind, times in shared.running_times.items() if times}
        first = start_watch(start, now, self._tolerance, self._policy_for(start.vendor), share, histories)
        watch = replace(first.watch, correlation=correlation_of(event))
        try:
            self._watches.register(watch, execution, start, keeps_log=adapter.keeps_log)
        except Conflict as conflict:
            self._states.watch_withdrawn(start.vendor, start.connection)
            return self._resolve_duplicate(conflict.record, watch, execution, now)
        emit_metrics({Metric.WATCHES_STARTED: 1}, vendor=start.vendor)
        return Registration("WAIT", watch, first.seconds)

    @property
    def vendors(self) -> tuple[str, ...]:
        """Names of the vendors that there are."""
        return self._vendors.names

    def resume(self, watch_id: str, generation: int, execution: str, now: float) -> Registration:
        """Carry on a watch that was passed on to an execution.

        Parameters
        ----------
        watch_id : str
        generation : int
            The one in which this execution owns the watch.
        execution : str
            ARN of this execution.
        now : float
            Epoch seconds.

        Returns
        -------
        Registration
            WAIT; PUBLISH for a watch that has ended since; SUPERSEDED where another execution owns it by now.

        Raises
        ------
        LookupError
            If there is no such watch.
        """
        record = self._watches.get(watch_id)
        if record is None:
            raise LookupError(f"there is no watch {watch_id}")
        if record.watch.generation != generation or record.execution != execution:
            return Registration("SUPERSEDED", record.watch)
        return self._owned(record, now)

    def key_of(self, event: JSON) -> str:
        """Give the id of the watch that a start event makes."""
        start = parse(event, self._vendors.names, self._vendors.adapter)
        if isinstance(start, InvalidStart):
            return _invalid_id(event)
        return watch_id(start.vendor, start.connection, start.key_id or start.import_id)

    def _owned(self, record: StoredWatch, now: float) -> Registration:
        if record.result is not None:
            return Registration("PUBLISH", record.watch)
        watch = record.watch
        shared = self._states.get(watch.vendor, watch.connection)
        return Registration("WAIT", watch, self._rest(watch, shared, now))

    def _rest(self, watch: Watch, shared: ConnectionState, now: float) -> int:
        share = self._share(self._vendors.adapter(watch.vendor), shared, now)
        return resume_delay(watch, now, share, self._policy_for(watch.vendor))

    @staticmethod
    def _share(adapter: Adapter, shared: ConnectionState, now: float) -> RateShare:
        limit = shared.requests_per_minute or adapter.requests_per_minute
        return share_of(shared.active_watches, limit, shared.throttled_until, now)

    def _resolve_duplicate(self, record: StoredWatch | None, watch: Watch, execution: str, now: float) -> Registration:
        if record is None or (record.execution != execution and record.published_at is not None):
            return Registration("ALREADY_WATCHED", watch)
        if record.execution == execution:
            return self._owned(record, now)
        status = self._executions.status(record.execution)
        if status.is_alive:
            return Registration("ALREADY_WATCHED", record.watch)
        latest = self._watches.reload_if_same_owner(record, owner_is_over=status.is_over)
        if latest is None or latest.published_at is not None:
            return Registration("ALREADY_WATCHED", record.watch)
        if latest.result is not None:
            return Registration("PUBLISH", latest.watch)
        carried_on = hand_over(latest.watch)
        try:
            self._watches.transfer_ownership(carried_on, execution)
        except Conflict:
            return Registration("ALREADY_WATCHED", latest.watch)
        return self._owned(replace(latest, watch=carried_on), now)

    def _register_invalid(self, event: JSON, invalid: InvalidStart, execution: str, now: float) -> Registration:
        """Record an event that cannot be watched under its own id, so that it never ends a real watch."""
        start: Start = invalid.start
        watch = replace(
            start_watch(start, now, Tolerance()).watch,
            watch_id=_invalid_id(event),
            next_poll_at=None,
            deadline=now,
            correlation=correlation_of(event),
        )
        result = WatchResult(
            outcome=Outcome.UNKNOWN,
            reason=Reason.INVALID_EVENT.value,
            message=messages.invalid_event(invalid.faults),
            detected_at=now,
            started_at=start.started_at,
        )
        try:
            self._watches.register(watch, execution, start, keeps_log=False, result=result)
        except Conflict as conflict:
            if conflict.record is None or conflict.record.execution != execution:
                return Registration("ALREADY_WATCHED", watch)
        return Registration("PUBLISH", watch)


def read_any_event() -> None:
    """Have this process read numbers and nesting of any start event, before its runtime reads the first one.

    A function that cannot read its event fails before it is called, and so does every other one that is given it.
    """
    sys.set_int_max_str_digits(MAX_DIGITS)
    sys.setrecursionlimit(max(MAX_NESTING, sys.getrecursionlimit()))


def _invalid_id(event: JSON) -> str:
    """Give the id of the watch of an event that cannot be watched: by its own id, and by its content.

    Its id alone is not enough: whoever puts an event on the bus may name another one as the event that is put back,
    and whoever starts an execution chooses what id stands in its input. An event that is put back has the content that
    it had first.
    """
    told = event_id(event)
    content = _without_error(event)
    if told is None:
        return f"invalid#{_digest(content)}"
    resources = content.get("resources")
    named = [one for one in resources if not _is_mark(one)] if isinstance(resources, list) else resources
    content = {name: value for name, value in content.items() if name not in ENVELOPE} | {"resources": named or None}
    return f"invalid#{told}#{_digest(content)}"


def _without_error(event: JSON) -> JSON:
    """Give an event as it came, without the error that the state machine adds when register_watch fails with it."""
    error = event.get("error") if isinstance(event, Mapping) else None
    if not isinstance(error, Mapping) or not error.keys() <= {"Error", "Cause"}:
        return event
    return {name: value for name, value in event.items() if name != "error"}


def _is_mark(resource: JSON) -> bool:
    return isinstance(resource, str) and resource.startswith(REDRIVEN)


def _digest(value: JSON) -> str:
    """Give 32 hexadecimal digits of the hash of a JSON value.

    It is not written as JSON for that: a deep value, a long number and half of a surrogate pair cannot be.
    """
    digest = hashlib.sha256()
    rest = [value]
    while rest:
        part = rest.pop()
        if isinstance(part, Mapping):
            written = f"object {len(part)}"
            for name, member in sorted(part.items(), key=lambda item: str(item[0])):
                rest += (member, name)
        elif isinstance(part, list):
            written = f"list {len(part)}"
            rest += part
        elif isinstance(part, str):
            written = f"text {len(part)} {part}"
        elif isinstance(part, int) and not isinstance(part, bool):
            written = f"{part:x}"
        else:
            written = repr(part)
        digest.update(f"{written}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:32]
