"""What must hold of every write, every message and every end: invariants 1 to 4."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from import_watch.model.record import StoredWatch

from tests.resilience.model.world import Message


class Broken(Exception):
    """An invariant that does not hold, by its number."""

    def __init__(self, invariant: int, what: str) -> None:
        super().__init__(f"invariant {invariant} is broken: {what}")
        self.invariant = invariant
        self.during: Any = None


def demand(invariant: int, kept: bool, what: str) -> None:
    """Raise Broken unless the invariant holds."""
    if not kept:
        raise Broken(invariant, what)


def check_write(
    method: str,
    before: StoredWatch | None,
    after: StoredWatch,
    writer: str | None,
    alive: Mapping[str, bool],
    *,
    sure: bool,
    woken: bool = False,
) -> None:
    """Check a write of an item that is the latest attempt of its watch.

    Parameters
    ----------
    method : str
        Of the table of watches.
    before, after : Record or None, Record
    writer : str or None
        The execution whose function writes; None for recovery.
    alive : mapping of str to bool
        Executions, and whether each is alive.
    sure : bool
        Whether every reported status of an execution was right.
    woken : bool
        Whether an `ImportChanged` started the execution that writes.
    """
    now = after.watch
    if before is None:
        demand(4, now.executions == 1, f"{now.executions} executions in generation 1")
        demand(3, method == "register", f"{method} made a watch")
        demand(3, now.generation == 1 and writer in (after.execution, None), "a new watch is not its maker's")
        return
    was = before.watch
    demand(3, method != "register", "a watch was registered twice")
    if method == "replace_attempt":
        demand(2, before.result is not None, "an attempt was replaced that had not ended")
        demand(3, now.attempt == was.attempt + 1, f"attempt {now.attempt} follows {was.attempt}")
        demand(4, now.generation == was.generation + 1, f"from generation {was.generation} to {now.generation}")
        demand(4, now.executions == 1 and after.owners == (after.execution,), "an attempt has owners of another")
        demand(3, writer in (after.execution, None), "a new attempt is not its maker's")
        unset = (after.result, after.log, after.response, after.published_at, after.event_sent_at, now.polls)
        demand(2, unset == (None, None, None, None, None, 0), "an attempt inherits from another")
        return
    demand(3, now.attempt == was.attempt, f"{method} changed attempt {was.attempt} to {now.attempt}")
    demand(3, now.registered_at == was.registered_at, "the watch began again")
    demand(3, method == "end" or now.polls >= was.polls, f"the watch went back from poll {was.polls} to {now.polls}")
    demand(3, (after.metadata, after.correlation_id) == (before.metadata, before.correlation_id), "changed fields")
    demand(2, before.result is None or (after.result, now) == (before.result, was), "an outcome was changed")
    demand(2, before.published_at in (None, after.published_at), "a publication was forgotten")
    hand_over = method == "transfer_ownership"
    demand(4, now.generation - was.generation == hand_over, f"from generation {was.generation} to {now.generation}")
    demand(4, now.executions - was.executions == hand_over, f"{now.executions} executions after {was.executions}")
    demand(4, hand_over or after.execution == before.execution, "the owner changed within a generation")
    demand(2, before.event_sent_at in (None, after.event_sent_at), "that an event was sent was forgotten")
    if hand_over and woken:
        # It may poll sooner than planned, and not sooner than the vendor allows.
        sooner = now.next_poll_at is not None and now.next_poll_at < (was.not_before or 0.0)
        demand(5, not sooner, f"a poll is planned at {now.next_poll_at}, before {was.not_before}")
        demand(2, was.awaiting_log is None, "a watch was woken that awaits its log")
        return
    owner_lives = alive.get(before.execution, False)
    if method in ("save", "end") and writer is not None:
        demand(4, writer == before.execution, f"{writer} wrote what {before.execution} owns")
    elif method in ("transfer_ownership", "end") and writer != before.execution and sure:
        # A successor may be started just after a failed request for its status; then it has not polled yet.
        successor = was.generation > 1 and was.execution_polls == 0
        demand(3, not owner_lives or successor, f"the watch was taken from {before.execution}, which lives")


def check_awaited(before: StoredWatch | None, after: StoredWatch) -> None:
    """Check that an outcome that awaits its log is not forgotten, where later polls bring no information."""
    if before is None or before.watch.awaiting_log is None:
        return
    kept = after.result or after.watch.awaiting_log
    was = before.watch.awaiting_log.outcome
    demand(2, kept is not None and kept.outcome is was, f"{was.value} was known, and is forgotten")


def check_moved(method: str, before: Any, after: StoredWatch) -> None:
    """Check a write of an attempt that a later one has replaced: as it is moved, and afterwards."""
    demand(2, isinstance(before, StoredWatch) and before.result is not None, "an attempt was moved that had not ended")
    assert isinstance(before, StoredWatch)
    if method == "replace_attempt":
        demand(2, replace(before, is_earlier_attempt=True) == after, "an attempt was changed as it was moved")
    demand(2, (after.result, after.watch) == (before.result, before.watch), "an outcome was changed")
    demand(2, before.published_at in (None, after.published_at), "a publication was forgotten")
    demand(2, before.event_sent_at in (None, after.event_sent_at), "that an event was sent was forgotten")


def check_joined(record: StoredWatch, tokens: tuple[str, ...]) -> None:
    """Check that no task token waits for an attempt that does not exist."""
    for entry in tokens:
        demand(1, int(entry.partition(":")[0]) <= record.watch.attempt, f"{entry} waits for no attempt")


def check_message(records: Iterable[StoredWatch], messages: Iterable[Message], message: Message) -> None:
    """Check a message against the table at that moment, and against those before it."""
    attempt = (message.subject, message.attempt)
    record = next((one for one in records if (one.watch.watch_id, one.watch.attempt) == attempt), None)
    demand(2, record is not None and record.result is not None, "an outcome was published that is not written")
    assert record is not None
    assert record.result is not None
    written = (record.result.outcome.value, str(record.result.reason))
    demand(2, message[3:] == written, f"{message[3:]} was published, {written} is written")
    for earlier in messages:
        same = (earlier.subject, earlier.attempt) == attempt
        demand(2, same == (earlier.id == message.id), f"{message} was published after {earlier}")
        demand(2, not same or earlier == message, f"{message} was published after {earlier}")


def check_end(
    records: Collection[StoredWatch], messages: Collection[Message], events: Collection[Message] | None, *, over: bool
) -> None:
    """Check what is left when executions have ended and recovery has swept."""
    demand(1, len(records) > 0, "an accepted start event left no watch")
    for record in records:
        attempt = (record.watch.watch_id, record.watch.attempt)
        which = f"attempt {record.watch.attempt}"
        demand(1, record.result is not None, "the watch never ends")
        demand(1, attempt in {message[:2] for message in messages}, f"the outcome of {which} was never published")
        demand(1, record.published_at is not None, "that the outcome was published was never written")
        demand(1, not record.unpublished, f"{which} is never settled")
        if events is not None:
            demand(1, attempt in {message[:2] for message in events}, f"the outcome of {which} was never an event")
        if not record.is_earlier_attempt:
            attempts = {one.watch.attempt for one in records if one.watch.watch_id == record.watch.watch_id}
            demand(1, attempts == set(range(1, record.watch.attempt + 1)), f"only attempts {attempts} are left")
    demand(1, over, "an execution never ends")


def check_tokens(tokens: Collection[str], called_back: Collection[str], waiting: Collection[str]) -> None:
    """Check that every task token of an accepted start event has an outcome, and that none is kept."""
    for token in tokens:
        demand(1, token in called_back, f"{token} never gets an outcome")
    demand(1, not waiting, f"{', '.join(waiting)} is never deleted")
