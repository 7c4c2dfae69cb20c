"""The page of one watch: its sentence, facts, polls, events, problems, log and attempts."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from import_watch.model.outcome import Reason
from import_watch.model.record import StoredWatch
from import_watch.model.watch import attempt_key
from import_watch.notifications.messages import duration

from import_watch_cli.errors import CommandError, sentence_of
from import_watch_cli.page import geometry
from import_watch_cli.page.listing import Line, line_of, watch_href
from import_watch_cli.page.logs import Excerpt, excerpt
from import_watch_cli.page.states import (
    OUTCOMES,
    SEVERITIES,
    active_sentence,
    event_tone,
    outcome_shown,
    state_of,
    state_shown,
)
from import_watch_cli.page.words import count, dollars, percent, short_duration
from import_watch_cli.rows import row_of
from import_watch_cli.stack import Stack
from import_watch_cli.story import Poll, Story
from import_watch_cli.story_text import reference
from import_watch_cli.watches import MAX_KEY_BYTES, Watches

MAX_READ = 16
"""Watches whose last reading is kept, for when AWS does not respond."""
MAX_POLLS = 500
"""Maximum polls in the table of one watch, the latest ones."""
LINK_TEXTS = {"execution": "Execution in the AWS console", "log": "Log in the AWS console"}
STORY_REUSED = 10
"""A story of an active watch is read again after this number of times the time that it took to read."""
MAX_COUNTS = 6
"""Maximum counts of the vendor that are shown."""
StoryOf = Callable[[Stack, StoredWatch], Story]


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of one watch.

    Parameters
    ----------
    record : StoredWatch
    story : Story or None
        None where it could not be read.
    log : Excerpt
    read_at, story_at : float
        Epoch seconds at which the watch, and its story, were read.
    story_seconds : float
        Time that reading the story took.
    story_failure, failure : str or None
        Why the story, or the watch, could not be read.
    failing_since : float or None
    """

    record: StoredWatch
    story: Story | None
    log: Excerpt
    read_at: float
    story_at: float
    story_seconds: float
    story_failure: str | None = None
    failure: str | None = None
    failing_since: float | None = None

    def is_story_recent(self, record: StoredWatch, now: float) -> bool:
        """Whether the story of an active watch is recent enough: that of a long one has many executions to read."""
        is_active = record.result is None and self.story is not None and record.watch.attempt == self.story.row.attempt
        return is_active and now - self.story_at < STORY_REUSED * self.story_seconds


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and a value: a text, or a time since or until which the browser counts."""

    name: str
    text: str = ""
    since: float | None = None
    until: float | None = None
    mono: bool = False


class WatchReader:
    """Reads single watches; a story is read again only where its watch has changed.

    Parameters
    ----------
    stack : Stack
    watches : Watches
    story_of : callable
        Returns the story of a stored watch.
    clock : callable
        Returns epoch seconds.
    """

    def __init__(
        self, stack: Stack, watches: Watches, story_of: StoryOf, clock: Callable[[], float] = time.time
    ) -> None:
        self._stack = stack
        self._watches = watches
        self._story_of = story_of
        self._clock = clock
        self._lock = Lock()
        self._kept: OrderedDict[tuple[str, int | None], Reading] = OrderedDict()

    def record(self, watch_id: str, attempt: int | None) -> StoredWatch | None:
        """The watch with an id, or an earlier attempt of it; None where there is none."""
        keys = [watch_id] if attempt is None else [watch_id, attempt_key(watch_id, attempt)]
        found = self._watches.whole(key for key in keys if 0 < len(key.encode()) <= MAX_KEY_BYTES)
        return next((one for one in found if _is(one, watch_id, attempt)), None)

    def read(self, watch_id: str, attempt: int | None) -> Reading | None:
        """Latest reading of a watch; None where there is none.

        Raises
        ------
        BotoCoreError, ClientError
            If it cannot be read and was not read before.
        """
        key = (watch_id, attempt)
        with self._lock:
            before = self._kept.get(key)
        try:
            record = self.record(watch_id, attempt)
        except (BotoCoreError, ClientError) as error:
            if before is None:
                raise
            since = before.failing_since or self._clock()
            return self._keep(key, replace(before, failure=sentence_of(error, self._stack.region), failing_since=since))
        if record is None:
            return None
        now = self._clock()
        if before is not None and before.record == record and before.story is not None:
            return self._keep(key, replace(before, read_at=now, failure=None, failing_since=None))
        if before is not None and before.is_story_recent(record, now):
            return self._keep(key, replace(before, record=record, read_at=now, failure=None, failing_since=None))
        story, failure = self._story(record)
        story_seconds = self._clock() - now
        has_log = before is not None and before.log.lines is not None and before.record.log == record.log
        log = before.log if before is not None and has_log else excerpt(self._stack, record)
        return self._keep(key, Reading(record, story, log, now, now, story_seconds, failure))

    def _story(self, record: StoredWatch) -> tuple[Story | None, str | None]:
        try:
            return self._story_of(self._stack, record), None
        except (BotoCoreError, ClientError) as error:
            return None, f"The polls could not be read. {sentence_of(error, self._stack.region)}"
        except CommandError as error:
            return None, f"The polls could not be read. {error}"

    def _keep(self, key: tuple[str, int | None], reading: Reading) -> Reading:
        with self._lock:
            self._kept[key] = reading
            self._kept.move_to_end(key)
            while len(self._kept) > MAX_READ:
                self._kept.popitem(last=False)
        return reading


def context(reading: Reading, title: Callable[[str], str], now: float) -> dict[str, Any]:
    """What the template of a watch shows.

    Parameters
    ----------
    reading : Reading
    title : callable
        Returns the name of a vendor for a person.
    now : float
        Epoch seconds.
    """
    record, story = reading.record, reading.story
    watch, result = record.watch, record.result
    line = line_of(row_of(record), title)
    polls = list(story.polls) if story else []
    ends = line.ended_at if line.ended_at is not None else now
    notes = " ".join(story.notes) if story and story.notes else None
    vendor = watch.vendor_title or line.vendor_title
    return {
        "line": line,
        "reference": reference(record),
        "title": f"{line.state.label}: {watch.import_id}",
        "sentence": result.message if result is not None else active_sentence(record, vendor, now),
        "facts": _facts(record, line, story, now),
        "problems": [
            {"severity": shown.label, "tone": shown.tone, "icon": shown.icon, "text": problem.text}
            for problem in (result.problems if result is not None else ())
            for shown in (SEVERITIES[problem.severity],)
        ],
        "timeline": geometry.timeline(polls, watch.registered_at, ends),
        "chart": geometry.chart(polls, watch.registered_at, ends),
        "polls": [_poll(poll) for poll in polls[-MAX_POLLS:]],
        "polls_summary": f"All {count(len(polls), 'poll')}"
        if len(polls) <= MAX_POLLS
        else f"The last {MAX_POLLS} of {count(len(polls), 'poll')}",
        "no_polls": "It was not polled yet." if not watch.polls else "Its polls are no longer stored.",
        "story_failure": reading.story_failure or notes,
        "events": [
            {"at": event.at, "kind": _kind(event.kind), "text": event.text, "tone": event_tone(event.kind)}
            for event in (story.events if story else ())
        ],
        "attempts": _attempts(story, line),
        "latest_href": watch_href(watch.watch_id),
        "is_latest": not story or all(row.attempt <= line.attempt for row in story.attempts),
        "links": [
            {"text": LINK_TEXTS.get(name, name), "href": href}
            for name, href in (story.links if story else {}).items()
            if href.startswith("https://")
        ],
        "log": {
            "lines": reading.log.lines,
            "summary": reading.log.summary,
            "href": line.href.replace("/watch?", "/log?", 1),
            "source": record.log.source if record.log else None,
        },
    }


def _is(record: StoredWatch, watch_id: str, attempt: int | None) -> bool:
    return record.watch.watch_id == watch_id and attempt in (None, record.watch.attempt)


def _facts(record: StoredWatch, line: Line, story: Story | None, now: float) -> list[Fact]:
    watch, result = record.watch, record.result
    facts = [Fact("Vendor", line.vendor_title), Fact("Connection", watch.connection or "–")]
    if result is None:
        facts.append(Fact("Running", since=watch.registered_at))
        if watch.next_poll_at is not None:
            facts.append(Fact("Next poll", until=watch.next_poll_at))
        if watch.vendor_status:
            facts.append(Fact("Status at the vendor", watch.vendor_status))
        facts.append(Fact("Ends at the latest in", short_duration(watch.deadline - now)))
        if record.stop_reason:
            facts.append(Fact("Stop requested", record.stop_reason))
    else:
        facts.append(Fact("Took", line.took or "–"))
        if result.detection_lag_seconds is not None:
            facts.append(Fact("Detected", f"within {duration(result.detection_lag_seconds)}"))
        if result.reason:
            facts.append(Fact("Reason", result.reason))
        if record.stop_reason and result.reason == Reason.WATCH_STOPPED:
            facts.append(Fact("Stopped because", record.stop_reason))
        facts += [Fact(name.capitalize(), f"{number:,}") for name, number in list(result.counts.items())[:MAX_COUNTS]]
        facts.append(Fact("Notification", "not published yet" if record.published_at is None else "published"))
    failed = f", {watch.vendor_errors:,} failed" if watch.vendor_errors else ""
    facts.append(Fact("Polls", f"{watch.polls:,}{failed}"))
    if watch.executions > 1:
        facts.append(Fact("Executions", f"{watch.executions:,}"))
    if story is not None:
        facts.append(Fact("Cost, estimated", dollars(story.cost_usd)))
    if record.ignored_fields:
        facts.append(Fact("Ignored fields of the start event", ", ".join(record.ignored_fields)))
    if record.correlation_id:
        facts.append(Fact("Correlation id", record.correlation_id, mono=True))
    facts.append(Fact("Watch id", watch.watch_id, mono=True))
    return facts


def _poll(poll: Poll) -> dict[str, Any]:
    return {
        "at": poll.at,
        "state": state_shown(poll.state),
        "progress": "" if poll.fraction is None else f"{percent(poll.fraction)} %",
        "vendor_status": poll.vendor_status or "",
        "next": "" if poll.seconds is None else f"in {short_duration(poll.seconds)}",
        "error": poll.error or "",
    }


def _kind(kind: str) -> str:
    """Name of an event: the words of the page for states and outcomes, the story's own for others."""
    if kind in {outcome.value for outcome in OUTCOMES}:
        return outcome_shown(kind).label
    return state_shown(kind).label if kind.isupper() else kind.capitalize()


def _attempts(story: Story | None, line: Line) -> list[dict[str, Any]]:
    rows = story.attempts if story else ()
    if len(rows) < 2:
        return []
    return [
        {
            "number": row.attempt,
            "is_shown": row.attempt == line.attempt,
            "href": watch_href(row.watch_id, row.attempt),
            "state": state_of(row),
            "at": row.ended_at or row.registered_at,
        }
        for row in rows
    ]
