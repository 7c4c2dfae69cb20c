"""Reads the watches of a stack: the active ones, the ended ones, and one by its id."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from functools import cached_property
from itertools import islice
from typing import Any

from import_watch.aws.connection_store import ConnectionStore
from import_watch.aws.ended_watches import ended_watches
from import_watch.aws.watch_store import WatchStore
from import_watch.model.outcome import Outcome
from import_watch.model.record import StoredWatch
from import_watch.model.watch import attempt_key, watch_id

from import_watch_cli.checkout import vendor_registry
from import_watch_cli.errors import CommandError, code_of
from import_watch_cli.rows import WATCH_KEY_PARTS, WatchRow, row_of, row_of_index
from import_watch_cli.stack import Stack

LAST_KEY = "\U0010ffff"
"""After every key."""
DEFAULT_CONNECTION = "default"
PAGE_SIZE = 1_000
"""Ended watches of one page of the whole list."""
MORE_ACTIVE = 1_000
"""Active watches that are read in addition to those of a list, to find the next ones."""
MAX_KEY_BYTES = 2_048
"""DynamoDB refuses longer keys."""


class Watches:
    """The watches of a stack.

    Parameters
    ----------
    stack : Stack
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._table = stack.output("WatchTableName")

    @cached_property
    def store(self) -> WatchStore:
        """The table of watches; nothing that is written through it sets an expiry."""
        return WatchStore(self._table, 0, self._stack.client("dynamodb"))

    @cached_property
    def connections(self) -> ConnectionStore:
        """What the watches of a connection share."""
        return ConnectionStore(self._table, self._stack.client("dynamodb"))

    def active(self, vendor: str | None = None, limit: int | None = None) -> list[WatchRow]:
        """Active watches, the next poll first.

        Parameters
        ----------
        vendor : str, optional
            The only vendor.
        limit : int, optional
            Maximum number of watches.
        """
        return [row_of(record) for record in self.active_records(vendor, limit)]

    def active_records(self, vendor: str | None = None, limit: int | None = None) -> list[StoredWatch]:
        """Active watches as they are stored, the next poll first.

        The index has the times of the polls to a quarter of an hour. So more watches than wanted are read; where still
        more are active, those of the list may not be the very next ones.
        """
        most = None if limit is None else limit + MORE_ACTIVE
        keys = islice((key for key in self.active_ids() if vendor is None or _vendor_of(key) == vendor), most)
        found = self.store.get_many(keys)
        # The index is eventually consistent: one of them may have ended.
        active = [record for record in found.values() if record.result is None]
        return sorted(active, key=lambda record: record.watch.next_poll_at or 0.0)[:limit]

    def active_ids(self) -> Iterator[str]:
        """Ids of the active watches, the next poll first."""
        return self.store.active_by_time()

    def ended(
        self,
        outcomes: Collection[Outcome] | None = None,
        since: float | None = None,
        vendor: str | None = None,
        limit: int = 50,
        before: float | None = None,
    ) -> list[WatchRow]:
        """Ended watches, the latest first.

        Parameters
        ----------
        outcomes : collection of Outcome, optional
            The only outcomes.
        since, before : float, optional
            Epoch seconds between which their outcome was detected.
        vendor : str, optional
            The only vendor.
        limit : int
            Maximum number of watches; `before` the last one continues the list.

        Raises
        ------
        CommandError
            If the stack is of a release without an index of ended watches.
        """
        after = None if before is None else (before, LAST_KEY)
        return [row_of_index(entry) for entry in self._ended_entries(outcomes, since, vendor, limit, after)]

    def all_ended(
        self, outcomes: Collection[Outcome] | None = None, since: float | None = None, vendor: str | None = None
    ) -> Iterator[WatchRow]:
        """All ended watches, the latest first, read in pages; the arguments and errors are those of `ended`."""
        after: tuple[float, str] | None = None
        while True:
            page = self._ended_entries(outcomes, since, vendor, PAGE_SIZE, after)
            yield from map(row_of_index, page)
            if len(page) < PAGE_SIZE:
                return
            after = (page[-1]["detectedAt"], page[-1]["watchId"])

    def _ended_entries(
        self,
        outcomes: Collection[Outcome] | None,
        since: float | None,
        vendor: str | None,
        limit: int,
        after: tuple[float, str] | None,
    ) -> list[dict[str, Any]]:
        try:
            return ended_watches(
                self._stack.client("dynamodb"),
                self._table,
                outcomes=tuple(Outcome) if outcomes is None else tuple(outcomes),
                since=since or 0.0,
                vendor=vendor,
                after=after,
                limit=limit,
            )
        except self._stack.client("dynamodb").exceptions.ClientError as error:
            if code_of(error) in ("ValidationException", "ResourceNotFoundException") and "index" in str(error):
                self._stack.require((0, 3, 0), "A list of ended watches")
            raise

    def find(self, text: str, attempt: int | None = None) -> list[StoredWatch]:
        """Watches that an id names: of a watch id the one, of an import id alone one for each connection that has it.

        Every possible key is read; the table is not searched.

        Parameters
        ----------
        text : str
            A watch id, the key of an earlier attempt, or an import id.
        attempt : int, optional
            An earlier attempt instead of the latest one.
        """
        text = text.strip()
        keys = (_watch_key(text), *self._keys_of_import(text))
        found = self.whole(key for key in keys if key and len(key.encode()) <= MAX_KEY_BYTES)
        if attempt is None:
            return found
        earlier = self.whole(
            attempt_key(record.watch.watch_id, attempt) for record in found if record.watch.attempt != attempt
        )
        return [record for record in (*found, *earlier) if record.watch.attempt == attempt]

    def whole(self, keys: Iterable[str]) -> list[StoredWatch]:
        """Watches that exist, of these keys, with the records of their starts."""
        return [record for key in self.store.get_many(keys) if (record := self.store.get(key)) is not None]

    def attempts(self, record: StoredWatch) -> list[WatchRow]:
        """All attempts of a watch that are still stored, the first one first."""
        key = record.watch.watch_id
        latest = self.store.get_many([key]).get(key) or record
        earlier = self.store.get_many(attempt_key(key, attempt) for attempt in range(1, latest.watch.attempt))
        return sorted([row_of(one) for one in (*earlier.values(), latest)], key=lambda row: row.attempt)

    def known_connections(self) -> list[tuple[str, str]]:
        """Vendor and name of every connection that had a watch, and of the default ones."""
        registry = vendor_registry()
        known = dict.fromkeys(self.connections.known())
        return list(known | dict.fromkeys((vendor, DEFAULT_CONNECTION) for vendor in registry.names))

    def _keys_of_import(self, text: str) -> Iterator[str]:
        registry = vendor_registry()
        for vendor, connection in self.known_connections():
            if vendor not in registry.names:
                yield watch_id(vendor, connection, text)
                continue
            adapter = registry.adapter(vendor)
            import_id = adapter.import_id(text)
            if import_id is not None:
                yield watch_id(vendor, connection, adapter.key_id(import_id))


def one_watch(stack: Stack, text: str, attempt: int | None = None) -> StoredWatch:
    """The watch that an id names.

    Raises
    ------
    CommandError
        If there is none, or an import id has one in several connections.
    """
    from import_watch.model.text import clean

    found = Watches(stack).find(text, attempt)
    shown = clean(text)[:200]
    if not found:
        of_attempt = f", attempt {attempt}," if attempt is not None else ""
        raise CommandError(
            f"No watch for import {shown}{of_attempt} in stack {stack.name}. Was its start event sent to "
            f"{stack.output('ImportBusName')}? `import-watch list --ended` shows the latest."
        )
    if len(found) > 1:
        ids = ", ".join(f"'{record.watch.watch_id}'" for record in found)
        raise CommandError(f"Import {shown} has several watches: name one of {ids}.")
    return found[0]


def _watch_key(text: str) -> str | None:
    """Key that a text may be: of a watch, or of an earlier attempt, and of nothing else in the table."""
    parts = text.split("#")
    if len(parts) == WATCH_KEY_PARTS or (len(parts) == 2 and parts[0] == "invalid"):
        return text
    return text if len(parts) == WATCH_KEY_PARTS + 1 and parts[-1].isdecimal() else None


def _vendor_of(key: str) -> str:
    return key.partition("#")[0]
