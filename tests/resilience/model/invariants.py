"""What must hold of every write, every message and every end: invariants 1 to 4."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from import_watch.model.record import StoredWatch


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
) -> None:
    """Check a write that went through.

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
    """
    now = after.watch
    demand(4, now.executions == now.generation, f"{now.executions} executions in generation {now.generation}")
    if before is None:
        demand(3, method == "register", f"{method} made a watch")
        demand(3, now.generation == 1 and writer in (after.execution, None), "a new watch is not its maker's")
        return
    was = before.watch
    demand(3, method != "register", "a watch was registered twice")
    demand(3, now.registered_at == was.registered_at, "the watch began again")
    demand(3, method == "end" or now.polls >= was.polls, f"the watch went back from poll {was.polls} to {now.polls}")
    demand(3, (after.metadata, after.correlation_id) == (before.metadata, before.correlation_id), "changed fields")
    demand(2, before.result is None or (after.result, now) == (before.result, was), "an outcome was changed")
    demand(2, before.published_at in (None, after.published_at), "a publication was forgotten")
    hand_over = method == "transfer_ownership"
    demand(4, now.generation - was.generation == hand_over, f"from generation {was.generation} to {now.generation}")
    demand(4, hand_over or after.execution == before.execution, "the owner changed within a generation")
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


def check_message(
    record: StoredWatch | None, first: tuple[str, str, str] | None, published: tuple[str, str, str]
) -> None:
    """Check a message against the table at that moment, and against the first message."""
    demand(2, record is not None and record.result is not None, "an outcome was published that is not written")
    assert record is not None
    assert record.result is not None
    written = (record.result.outcome.value, str(record.result.reason))
    demand(2, published[1:] == written, f"{published[1:]} was published, {written} is written")
    demand(2, first in (None, published), f"{published} was published after {first}")


def check_end(record: StoredWatch | None, published: int, *, over: bool) -> None:
    """Check what is left when executions have ended and recovery has swept."""
    demand(1, record is not None, "an accepted start event left no watch")
    assert record is not None
    demand(1, record.result is not None, "the watch never ends")
    demand(1, published > 0, "the outcome was never published")
    demand(1, record.published_at is not None, "that the outcome was published was never written")
    demand(1, over, "an execution never ends")
