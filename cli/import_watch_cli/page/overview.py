"""What the list shows of a stack: read once for all open windows, and kept while AWS does not respond."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from threading import Lock

from botocore.exceptions import BotoCoreError, ClientError
from import_watch.model.record import StoredWatch
from import_watch.notifications.cost import estimated_cost, price

from import_watch_cli.errors import CommandError, sentence_of
from import_watch_cli.page.words import short_duration
from import_watch_cli.rows import WatchRow
from import_watch_cli.watches import Watches

WINDOW_SECONDS = 86_400.0
"""Time over which ended imports are counted, in seconds."""
ACTIVE_SECONDS = 1.5
ENDED_SECONDS = 15.0
"""Minimum seconds between two readings of the ended watches, unless an active one has ended."""
INDEX_SECONDS = 120.0
"""Seconds by which an entry may appear late in the index of ended watches."""
MAX_ENDED = 5_000
"""Maximum ended watches that are counted."""
WAIT_SECONDS, FIRST_WAIT_SECONDS = 2.5, 20.0
"""Maximum seconds that a response waits for a reading: where there is an earlier one, and for the first."""
POLLS_PER_EXECUTION = 200
"""Polls after which a watch is handed over, for the cost of ended watches: the index has only their polls."""
DEFAULT_POLL_SECONDS = 0.3
"""Billed time of a poll where no active watch shows the present one."""


@dataclass(frozen=True, slots=True)
class Overview:
    """The latest reading of a stack.

    Parameters
    ----------
    read_at : float or None
        Epoch seconds; None before the first success.
    active : tuple of StoredWatch
    ended : tuple of WatchRow
        Those of the last 24 hours, the latest first.
    ended_is_partial : bool
        Whether there are more of them than are counted.
    latencies : mapping of str to float
        Seconds of the last poll of active watches, by watch id.
    cost_usd : float
        Estimated cost of all of them.
    failure : str or None
        Why the latest reading failed.
    failing_since : float or None
        Epoch seconds of the first of consecutive failures.
    """

    read_at: float | None = None
    active: tuple[StoredWatch, ...] = ()
    ended: tuple[WatchRow, ...] = ()
    ended_is_partial: bool = False
    latencies: Mapping[str, float] = field(default_factory=dict)
    cost_usd: float = 0.0
    failure: str | None = None
    failing_since: float | None = None


class OverviewReader:
    """Reads the overview when a window needs it, in one thread.

    Parameters
    ----------
    watches : Watches
    region : str
        Of the stack, for messages.
    clock : callable
        Returns epoch seconds.
    active_seconds : float
        Minimum seconds between two readings of the active watches.
    """

    def __init__(
        self,
        watches: Watches,
        region: str,
        clock: Callable[[], float] = time.time,
        active_seconds: float = ACTIVE_SECONDS,
    ) -> None:
        self._watches = watches
        self._region = region
        self._clock = clock
        self._active_seconds = active_seconds
        self._lock = Lock()
        self._thread = ThreadPoolExecutor(1, "overview")
        self._overview = Overview()
        self._tried_at = float("-inf")
        self._ended_at = float("-inf")
        self._reading: Future[None] | None = None

    def latest(self) -> Overview:
        """The latest overview: a new one, unless the last one is recent or AWS takes long to respond."""
        with self._lock:
            if self._reading is None and self._clock() - self._tried_at >= self._active_seconds:
                self._tried_at = self._clock()
                self._reading = self._thread.submit(self._read)
            reading, known = self._reading, self._overview.read_at is not None
        if reading is None:
            return self._overview
        done, _ = wait([reading], WAIT_SECONDS if known else FIRST_WAIT_SECONDS)
        if done:
            reading.result()
            return self._overview
        waited = short_duration(self._clock() - self._tried_at)
        return replace(
            self._overview,
            failure=self._overview.failure or f"AWS has not responded for {waited}: check the network.",
            failing_since=self._overview.failing_since or self._tried_at,
        )

    def expire(self) -> None:
        """Have the next call read again: a person has changed something."""
        with self._lock:
            self._tried_at = self._ended_at = float("-inf")

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _read(self) -> None:
        before = self._overview
        try:
            overview = self._next(before)
        except (BotoCoreError, ClientError, CommandError) as error:
            text = str(error) if isinstance(error, CommandError) else sentence_of(error, self._region)
            overview = replace(before, failure=text, failing_since=before.failing_since or self._clock())
        except BaseException:
            with self._lock:
                self._reading = None
            raise
        with self._lock:
            self._overview, self._reading = overview, None

    def _next(self, before: Overview) -> Overview:
        now = self._clock()
        active = tuple(self._watches.active_records())
        ended, is_partial = before.ended, before.ended_is_partial
        has_ended = {one.watch.watch_id for one in before.active} - {one.watch.watch_id for one in active}
        if has_ended or now - self._ended_at >= ENDED_SECONDS:
            ended, is_partial = self._ended(before.ended, now)
            self._ended_at = now
        mean = _mean_poll_seconds(active)
        return Overview(
            read_at=now,
            active=active,
            ended=ended,
            ended_is_partial=is_partial,
            latencies=_latencies(before, active),
            cost_usd=sum(estimated_cost(one.watch) for one in active) + sum(_cost(row, mean) for row in ended),
        )

    def _ended(self, known: tuple[WatchRow, ...], now: float) -> tuple[tuple[WatchRow, ...], bool]:
        """Ended watches of the window: the known ones, and those that may have appeared since."""
        begins = now - WINDOW_SECONDS
        since = max(begins, (known[0].ended_at or begins) - INDEX_SECONDS) if known else begins
        new = self._watches.ended(since=since, limit=MAX_ENDED)
        rows = {(row.watch_id, row.attempt): row for row in (*new, *known) if (row.ended_at or 0.0) >= begins}
        latest = sorted(rows.values(), key=lambda row: -(row.ended_at or 0.0))
        return tuple(latest[:MAX_ENDED]), len(latest) >= MAX_ENDED


def _latencies(before: Overview, active: tuple[StoredWatch, ...]) -> dict[str, float]:
    """Seconds of the last poll: what it added since the reading before, else the mean of the watch."""
    seen = {one.watch.watch_id: one.watch for one in before.active}
    found: dict[str, float] = {}
    for watch in (one.watch for one in active):
        earlier = seen.get(watch.watch_id)
        if earlier is not None and watch.polls > earlier.polls:
            milliseconds = watch.poll_milliseconds - earlier.poll_milliseconds
            found[watch.watch_id] = max(0, milliseconds) / 1000 / (watch.polls - earlier.polls)
        elif watch.watch_id in before.latencies:
            found[watch.watch_id] = before.latencies[watch.watch_id]
        elif watch.polls:
            found[watch.watch_id] = watch.poll_milliseconds / 1000 / watch.polls
    return found


def _mean_poll_seconds(active: tuple[StoredWatch, ...]) -> float:
    polls = sum(one.watch.polls for one in active)
    return sum(one.watch.poll_milliseconds for one in active) / 1000 / polls if polls else DEFAULT_POLL_SECONDS


def _cost(row: WatchRow, poll_seconds: float) -> float:
    return price(row.polls, 1 + row.polls // POLLS_PER_EXECUTION, row.polls * poll_seconds)
