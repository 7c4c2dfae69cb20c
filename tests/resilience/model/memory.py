"""The stores in memory, with the conditions of the real ones: `test_memory` compares each with a table of moto."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from import_watch.aws.connection_store import MAX_JOB_TYPES, ConnectionState, ConnectionStore
from import_watch.aws.dynamodb import PageToken
from import_watch.aws.sweep_cursor_store import SweepCursor, SweepCursorStore
from import_watch.aws.watch_store import Conflict, WatchStore
from import_watch.model.observation import LogRecord
from import_watch.model.outcome import WatchResult
from import_watch.model.record import StoredWatch
from import_watch.model.watch import Start, Watch, connection_key, key_parts
from import_watch.scheduling.history import remembering
from import_watch.scheduling.running_time import RunningTime


@dataclass
class MemoryWatchStore(WatchStore):
    """The table of watches: every method one step, as it is one request of the real one."""

    items: dict[str, StoredWatch] = field(default_factory=dict)

    def get(self, watch_id: str) -> StoredWatch | None:
        return self.items.get(watch_id)

    def register(
        self, watch: Watch, execution: str, start: Start, *, keeps_log: bool, result: WatchResult | None = None
    ) -> None:
        if watch.watch_id in self.items:
            raise Conflict(self.items[watch.watch_id])
        self.items[watch.watch_id] = StoredWatch(
            watch, execution, start.metadata, start.correlation_id, keeps_log=keeps_log, result=result
        )

    def save(self, watch: Watch, before: Watch | None = None) -> None:
        self.items[watch.watch_id] = replace(self._next(watch, watch.generation, before), watch=watch)

    def transfer_ownership(self, watch: Watch, execution: str, before: Watch | None = None) -> None:
        record = self._next(watch, watch.generation - 1, before)
        self.items[watch.watch_id] = replace(record, watch=watch, execution=execution)

    def end(self, watch: Watch, result: WatchResult, before: Watch | None = None) -> None:
        self.items[watch.watch_id] = replace(self._owned(watch, watch.generation, before), watch=watch, result=result)

    def record_log(self, watch_id: str, log: LogRecord, response: str | None) -> None:
        record = self._ended(watch_id)
        if record.log is not None:
            raise Conflict(record)
        self.items[watch_id] = replace(record, log=log, response=record.response if response is None else response)

    def record_published(self, watch_id: str, now: float) -> None:
        record = self._ended(watch_id)
        if record.published_at is not None:
            raise Conflict(record)
        self.items[watch_id] = replace(record, published_at=now)

    def active(self, token: PageToken | None = None) -> Iterator[tuple[str, float, PageToken]]:
        due = {
            key: record.watch.next_poll_at
            for key, record in self.items.items()
            if record.result is None and record.watch.next_poll_at is not None
        }
        return _after(token, due)

    def unpublished(self, token: PageToken | None = None) -> Iterator[tuple[str, float, PageToken]]:
        detected = {
            key: record.result.detected_at
            for key, record in self.items.items()
            if record.result is not None and record.published_at is None
        }
        return _after(token, detected)

    def _next(self, watch: Watch, owner: int, before: Watch | None) -> StoredWatch:
        record = self._owned(watch, owner, before)
        if record.watch.polls > watch.polls:
            raise Conflict(record)
        return record

    def _owned(self, watch: Watch, owner: int, before: Watch | None) -> StoredWatch:
        record = self.items.get(watch.watch_id)
        if record is None or record.result is not None or record.watch.generation != owner:
            raise Conflict(record)
        if _awaited(record.watch) != _awaited(before or watch):
            raise Conflict(record)
        return record

    def _ended(self, watch_id: str) -> StoredWatch:
        record = self.items.get(watch_id)
        if record is None or record.result is None:
            raise Conflict(record)
        return record


def _awaited(watch: Watch) -> tuple[float, int] | None:
    return None if watch.awaiting_log is None else (watch.awaiting_log.detected_at, watch.log_polls)


def _after(token: PageToken | None, times: Mapping[str, float]) -> Iterator[tuple[str, float, PageToken]]:
    """Keys in the order of their times, after a position."""
    start = (float(token["time"]), str(token["key"])) if token else None
    for time, key in sorted((time, key) for key, time in times.items()):
        if start is None or (time, key) > start:
            yield key, time, {"time": time, "key": key}


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
