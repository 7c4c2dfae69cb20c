"""The stores in memory, with the conditions of the real ones: `test_memory` compares each with a table of moto."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from import_watch.aws.connection_store import MAX_JOB_TYPES, ConnectionState, ConnectionStore
from import_watch.aws.dynamodb import PageToken
from import_watch.aws.sweep_cursor_store import SweepCursor, SweepCursorStore
from import_watch.aws.task_tokens import TaskTokens
from import_watch.aws.watch_items import INDEX_SECONDS, active_partition, indexed_time
from import_watch.aws.watch_store import WatchStore
from import_watch.aws.watch_writer import Conflict
from import_watch.model.observation import LogRecord
from import_watch.model.outcome import WatchResult
from import_watch.model.record import StartRecord, StoredWatch
from import_watch.model.watch import FIXED_FIELDS, Start, Watch, attempt_key, callbacks_key, connection_key, key_parts
from import_watch.scheduling.history import remembering
from import_watch.scheduling.running_time import RunningTime

Tokens = tuple[str, ...]
"""Content of a companion item: task tokens, each with the attempt that it waits for."""


@dataclass
class MemoryWatchStore(WatchStore):
    """The table of watches: every method one step, as it is one request of the real one.

    The real one sends two requests in a row to start an attempt, and to change one that a later attempt has replaced.
    Each of these is a method here as well: `replace_attempt`, and the parameter `key`.
    """

    items: dict[str, StoredWatch | Tokens] = field(default_factory=dict)

    def get(self, watch_id: str) -> StoredWatch | None:
        found = self.items.get(watch_id)
        return found if isinstance(found, StoredWatch) else None

    def get_state(self, watch_id: str) -> StoredWatch | None:
        return _state(self.get(watch_id))

    def with_start(self, record: StoredWatch) -> StoredWatch:
        """Record with its start as it is now: the real one reads it with a second request."""
        moved = self.get(attempt_key(record.watch.watch_id, record.watch.attempt))
        now = moved or self.get(record.watch.watch_id)
        assert now is not None
        assert now.start is not None
        before = now.owners[: now.owners.index(record.execution)] if record.execution in now.owners else now.owners
        return replace(record, start=replace(now.start, owners=tuple(dict.fromkeys((*before, record.execution)))))

    def register(
        self,
        watch: Watch,
        execution: str,
        start: Start,
        *,
        keeps_log: bool,
        result: WatchResult | None = None,
        start_events: Sequence[str] = (),
    ) -> None:
        if watch.watch_id in self.items:
            raise Conflict(self.get(watch.watch_id))
        new = self._new(watch, execution, start, keeps_log=keeps_log, start_events=start_events)
        self.items[watch.watch_id] = replace(new, result=result, unpublished=result is not None)
        self._add_task_token(watch, start)

    def start_attempt(
        self,
        watch: Watch,
        execution: str,
        start: Start,
        *,
        ended: StoredWatch,
        keeps_log: bool,
        start_events: Sequence[str],
    ) -> None:
        self.replace_attempt(self.get_state(watch.watch_id), ended, watch, execution, start, keeps_log, start_events)

    def replace_attempt(
        self,
        read: StoredWatch | None,
        ended: StoredWatch,
        watch: Watch,
        execution: str,
        start: Start,
        keeps_log: bool,
        start_events: Sequence[str],
    ) -> None:
        """Start an attempt in place of the one that was read just before."""
        record, moved = self.get(watch.watch_id), attempt_key(watch.watch_id, watch.attempt - 1)
        if record is None or record.result is None or record.watch.generation != watch.generation - 1:
            raise Conflict(record)
        if replace(record, start=None) != read or record.event_revision != ended.event_revision:
            raise Conflict(record)
        if (left := self.get(moved)) is not None and not left.is_settled:
            raise Conflict(record)
        self.items[moved] = replace(record, is_earlier_attempt=True)
        new = self._new(watch, execution, start, keeps_log=keeps_log, start_events=start_events)
        self.items[watch.watch_id] = replace(new, event_revision=ended.event_revision + 1)
        self._add_task_token(watch, start)

    def add_start_event(self, record: StoredWatch, events: Sequence[str], start: Start) -> None:
        now = self.get(record.watch.watch_id)
        if now is None or now.watch.generation < record.watch.generation:
            raise Conflict(now)
        if (now.result is None, now.event_revision) != (record.result is None, record.event_revision):
            raise Conflict(now)
        if start.task_token is not None and now.unpublished != record.unpublished:
            raise Conflict(now)
        assert now.start is not None
        started = replace(now.start, start_events=tuple(events))
        now = replace(now, start=started, event_revision=now.event_revision + 1)
        if start.task_token is not None:
            now = replace(now, callbacks=now.callbacks + 1, unpublished=now.unpublished or now.result is not None)
        self.items[record.watch.watch_id] = now
        self._add_task_token(record.watch, start)

    def record_stop(self, watch: Watch, reason: str) -> None:
        record = self.get(watch.watch_id)
        if record is None or record.result is not None or record.watch.generation != watch.generation:
            raise Conflict(_state(record))
        if record.watch.awaiting_log is not None:
            raise Conflict(_state(record))
        self.items[watch.watch_id] = replace(record, stop_reason=reason)

    def save(self, watch: Watch, before: Watch | None = None) -> None:
        with _without_start():
            record = self._next(watch, watch.generation, before)
        self.items[watch.watch_id] = replace(record, watch=_written(watch, record))

    def transfer_ownership(self, watch: Watch, execution: str, before: Watch | None = None) -> None:
        record = self._next(watch, watch.generation - 1, before)
        owned = record.owned_by(execution, _written(watch, record))
        self.items[watch.watch_id] = replace(owned, stop_reason=None)

    def end(self, watch: Watch, result: WatchResult, before: Watch | None = None) -> None:
        with _without_start():
            record = self._owned(watch, watch.generation, before)
        self.items[watch.watch_id] = replace(record, watch=_written(watch, record), result=result, unpublished=True)

    def record_log(self, watch: Watch, log: LogRecord, response: str | None, key: str | None = None) -> None:
        def change(record: StoredWatch) -> StoredWatch | None:
            if record.log is not None:
                return None
            return replace(record, log=log, response=record.response if response is None else response)

        self._change_attempt(watch, change, key)

    def record_published(self, watch: Watch, now: float, key: str | None = None) -> None:
        self._change_attempt(
            watch, lambda record: replace(record, published_at=now) if record.published_at is None else None, key
        )

    def record_event_sent(self, watch: Watch, now: float, key: str | None = None) -> None:
        self._change_attempt(
            watch,
            lambda record: replace(record, event_sent_at=now) if record.event_sent_at is None else None,
            key,
        )

    def record_settled(self, record: StoredWatch, now: float, key: str | None = None) -> None:  # noqa: ARG002
        def change(stored: StoredWatch) -> StoredWatch | None:
            if stored.published_at is None or stored.callbacks != record.callbacks:
                return None
            sent_at = stored.event_sent_at if record.event_sent_at is None else record.event_sent_at
            return replace(stored, unpublished=False, event_sent_at=sent_at)

        self._change_attempt(record.watch, change, key)

    def owners(self, watch_ids: Iterable[str]) -> dict[str, str]:
        return {key: record.execution for key, record in self._records() if key in set(watch_ids)}

    def active(
        self, token: PageToken | None = None, until: float | None = None
    ) -> Iterator[tuple[str, float, PageToken]]:
        due = {
            key: (active_partition(key), indexed_time(key, record.watch.next_poll_at, INDEX_SECONDS))
            for key, record in self._records()
            if record.result is None and record.watch.next_poll_at is not None
        }
        return _after(token, {key: place for key, place in due.items() if until is None or place[1] <= until})

    def unpublished(self, token: PageToken | None = None) -> Iterator[tuple[str, float, PageToken]]:
        detected = {
            key: ("", record.result.detected_at)
            for key, record in self._records()
            if record.result is not None and record.unpublished
        }
        return _after(token, detected)

    def _records(self) -> Iterator[tuple[str, StoredWatch]]:
        return ((key, item) for key, item in self.items.items() if isinstance(item, StoredWatch))

    def _new(
        self, watch: Watch, execution: str, start: Start, *, keeps_log: bool, start_events: Sequence[str]
    ) -> StoredWatch:
        return StoredWatch(
            watch,
            execution,
            StartRecord(start.metadata, start.ignored_fields, tuple(start_events), (execution,)),
            start.correlation_id,
            keeps_log=keeps_log,
            callbacks=0 if start.task_token is None else 1,
        )

    def _add_task_token(self, watch: Watch, start: Start) -> None:
        if start.task_token is not None:
            key, entry = callbacks_key(watch.watch_id), f"{watch.attempt}:{start.task_token}"
            self.items[key] = tuple(sorted({*_tokens(self.items, watch.watch_id), entry}))

    def _change_attempt(
        self, watch: Watch, change: Callable[[StoredWatch], StoredWatch | None], key: str | None
    ) -> None:
        """Change an attempt that has ended, in the item of a key; by default in the one that it is in."""
        if key is None:
            latest = self.get(watch.watch_id)
            replaced = latest is not None and latest.watch.attempt > watch.attempt
            key = attempt_key(watch.watch_id, watch.attempt) if replaced else watch.watch_id
        record = self.get(key)
        same = record is not None and record.watch.attempt == watch.attempt
        changed = change(record) if record is not None and record.result is not None and same else None
        if changed is None:
            raise Conflict(_state(record))
        self.items[key] = changed

    def _next(self, watch: Watch, owner: int, before: Watch | None) -> StoredWatch:
        record = self._owned(watch, owner, before)
        if record.watch.polls > watch.polls:
            raise Conflict(record)
        return record

    def _owned(self, watch: Watch, owner: int, before: Watch | None) -> StoredWatch:
        record = self.get(watch.watch_id)
        if record is None or record.result is not None or record.watch.generation != owner:
            raise Conflict(record)
        if _awaited(record.watch) != _awaited(before or watch):
            raise Conflict(record)
        return record


@dataclass
class MemoryTaskTokens(TaskTokens):
    """Task tokens, in the companion items of the same table."""

    items: dict[str, StoredWatch | Tokens] = field(default_factory=dict)

    def waiting(self, watch_id: str, attempt: int) -> list[str]:
        return [entry for entry in _tokens(self.items, watch_id) if int(entry.partition(":")[0]) == attempt]

    def delete(self, watch_id: str, entry: str) -> None:
        left = tuple(one for one in _tokens(self.items, watch_id) if one != entry)
        self.items[callbacks_key(watch_id)] = left
        if not left:
            del self.items[callbacks_key(watch_id)]


def _tokens(items: Mapping[str, StoredWatch | Tokens], watch_id: str) -> Tokens:
    found = items.get(callbacks_key(watch_id), ())
    return found if isinstance(found, tuple) else ()


def _state(record: StoredWatch | None) -> StoredWatch | None:
    """Record without its start."""
    return record and replace(record, start=None)


@contextmanager
def _without_start() -> Iterator[None]:
    """Conflicts of a single write have only the item that it would have changed."""
    try:
        yield
    except Conflict as conflict:
        raise Conflict(_state(conflict.record)) from None


def _written(watch: Watch, record: StoredWatch) -> Watch:
    """Watch as a write leaves it: some fields are never written again."""
    return replace(watch, **{name: getattr(record.watch, name) for name in FIXED_FIELDS})


def _awaited(watch: Watch) -> tuple[float, int] | None:
    return None if watch.awaiting_log is None else (watch.awaiting_log.detected_at, watch.log_polls)


def _after(token: PageToken | None, places: Mapping[str, tuple[str, float]]) -> Iterator[tuple[str, float, PageToken]]:
    """Keys in the order of their partitions and times, after a position."""
    for place, key in sorted((place, key) for key, place in places.items()):
        if token is None or (place, key) > token["after"]:
            yield key, place[1], {"after": (place, key)}


@dataclass
class MemoryConnectionStore(ConnectionStore):
    """What connections share."""

    items: dict[str, ConnectionState] = field(default_factory=dict)

    def get(self, vendor: str, connection: str, *, consistent: bool = False) -> ConnectionState:  # noqa: ARG002
        return self._item(vendor, connection)

    def known(self, after: tuple[str, str] | None = None) -> Iterator[tuple[str, str]]:
        for key in sorted(self.items):
            if after is None or key > connection_key(*after):
                vendor, connection = key_parts(key)
                yield vendor, connection

    def watch_began(self, vendor: str, connection: str) -> ConnectionState:
        self._add(vendor, connection, 1)
        return self.get(vendor, connection)

    def watch_withdrawn(self, vendor: str, connection: str) -> None:
        self._add(vendor, connection, -1)

    def watch_ended(self, watch: Watch, running_time: RunningTime | None) -> None:
        """End and running time are one step here: what the real one reads in between is checked as it writes."""
        self._add(watch.vendor, watch.connection, -1)
        if running_time is None:
            return
        item = self._item(watch.vendor, watch.connection)
        times = dict(item.running_times)
        times[running_time.job_type] = remembering(times.pop(running_time.job_type, ()), running_time.seconds)
        kept = dict(list(times.items())[-MAX_JOB_TYPES:])
        self._put(watch.vendor, watch.connection, replace(item, running_times=kept, revision=item.revision + 1))

    def throttled(self, watch: Watch, until: float) -> None:
        item = self._item(watch.vendor, watch.connection)
        if item.throttled_until is None or item.throttled_until < until:
            self._put(watch.vendor, watch.connection, replace(item, throttled_until=until))

    def limit_read(self, watch: Watch, per_minute: float | None) -> None:
        item = self._item(watch.vendor, watch.connection)
        self._put(watch.vendor, watch.connection, replace(item, requests_per_minute=per_minute))

    def repair(self, vendor: str, connection: str, counted: int, seen: int) -> bool:
        item = self._item(vendor, connection)
        if item.active_watches != seen:
            return False
        self._put(vendor, connection, replace(item, active_watches=counted))
        return True

    def _add(self, vendor: str, connection: str, more: int) -> None:
        item = self._item(vendor, connection)
        self._put(vendor, connection, replace(item, active_watches=item.active_watches + more))

    def _item(self, vendor: str, connection: str) -> ConnectionState:
        return self.items.get(connection_key(vendor, connection), ConnectionState())

    def _put(self, vendor: str, connection: str, item: ConnectionState) -> None:
        self.items[connection_key(vendor, connection)] = item


@dataclass
class MemorySweepCursorStore(SweepCursorStore):
    """Where sweeps stop."""

    items: dict[str, SweepCursor] = field(default_factory=dict)

    def get(self) -> SweepCursor:
        return self.items.get("sweep", SweepCursor())

    def keep(self, token: SweepCursor) -> None:
        self.items["sweep"] = token


class Uncounted(MemoryConnectionStore):
    """Always one watch: the number has no effect where the vendor has no known limit."""

    def _item(self, vendor: str, connection: str) -> ConnectionState:  # noqa: ARG002
        return ConnectionState(active_watches=1)

    def _put(self, vendor: str, connection: str, item: ConnectionState) -> None:
        """Store nothing."""
