"""The list of the page: which watches a request selects, and what is shown of them. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from import_watch.model.outcome import COMPLETED, Outcome
from import_watch.model.record import StoredWatch

from import_watch_cli.page.overview import Overview
from import_watch_cli.page.states import OUTCOMES, Shown, state_of
from import_watch_cli.page.words import count, dollars, percent, short_duration
from import_watch_cli.rows import WatchRow, row_of

ACTIVE, ENDED = "active", "ended"
LINES_PER_PAGE = 200
"""Active watches on one page."""
ENDED_PER_PAGE = 50
MAX_TEXT = 1_024
PERIODS = {"24h": ("last 24 hours", 86_400), "7d": ("last 7 days", 604_800), "30d": ("last 30 days", 2_592_000)}
DEFAULT_PERIOD, ALL = "24h", "all"
GROUPS: Mapping[str, tuple[str, tuple[Outcome, ...]]] = {
    "completed": ("completed", tuple(outcome for outcome in Outcome if outcome in COMPLETED)),
    "partial": ("completed in part", (Outcome.PARTIAL,)),
    "failed": ("failed", (Outcome.FAILED,)),
    "unknown": ("unknown", (Outcome.UNKNOWN,)),
    "cancelled": ("cancelled", (Outcome.CANCELLED,)),
}
"""Outcomes by the value of the filter."""
COUNTED = ("completed", "failed", "unknown", "cancelled")


@dataclass(frozen=True, slots=True)
class Query:
    """The selection of a request; every value that is not known is the default.

    Parameters
    ----------
    view : str
        `active` or `ended`.
    vendor, connection, outcome, text : str
        Empty for all.
    period : str
        A key of `PERIODS`, or `all`.
    before : float or None
        Epoch seconds: ended watches before it, for the next page.
    start : int
        Number of active watches on the pages before.
    """

    view: str = ACTIVE
    vendor: str = ""
    connection: str = ""
    outcome: str = ""
    text: str = ""
    period: str = DEFAULT_PERIOD
    before: float | None = None
    start: int = 0

    @classmethod
    def parse(cls, values: Mapping[str, str]) -> Query:
        """Read the query of a URL."""
        view = ENDED if values.get("view") == ENDED else ACTIVE
        outcome, period = values.get("outcome", ""), values.get("period", "")
        return cls(
            view=view,
            vendor=values.get("vendor", "")[:MAX_TEXT],
            connection=values.get("connection", "")[:MAX_TEXT],
            outcome=outcome if view == ENDED and outcome in GROUPS else "",
            text=values.get("q", "").strip()[:MAX_TEXT],
            period=period if period in PERIODS or period == ALL else DEFAULT_PERIOD,
            before=_time(values.get("before", "")),
            start=_number(values.get("start", "")),
        )

    def url(self, **changes: Any) -> str:
        """URL of this query with changes; it begins at the first page unless a change names another."""
        changed = replace(self, **{"before": None, "start": 0, **changes})
        ended = changed.view == ENDED
        values = {
            "view": ENDED if ended else "",
            "vendor": changed.vendor,
            "connection": changed.connection,
            "outcome": changed.outcome if ended else "",
            "period": changed.period if ended and changed.period != DEFAULT_PERIOD else "",
            "q": changed.text,
            "before": repr(changed.before) if ended and changed.before is not None else "",
            "start": str(changed.start) if not ended and changed.start else "",
        }
        given = {name: value for name, value in values.items() if value}
        return f"/?{urlencode(given)}" if given else "/"

    @property
    def is_filtered(self) -> bool:
        """Whether anything but the view and the period is chosen."""
        return bool(self.vendor or self.connection or self.outcome or self.text)

    def accepts(self, row: WatchRow) -> bool:
        """Whether a watch is selected, whatever its view."""
        if (self.vendor and row.vendor != self.vendor) or (self.connection and row.connection != self.connection):
            return False
        if self.outcome and row.outcome not in GROUPS[self.outcome][1]:
            return False
        wanted = self.text.casefold()
        named = (row.import_id, row.watch_id, row.correlation_id or "")
        return not wanted or any(wanted in name.casefold() for name in named)


@dataclass(frozen=True, slots=True)
class Line:
    """One watch of a list, as it is shown."""

    watch_id: str
    attempt: int
    element_id: str
    href: str
    steer_href: str
    import_id: str
    vendor_title: str
    connection: str
    state: Shown
    is_active: bool
    percent: int | None
    registered_at: float
    next_poll_at: float | None
    ended_at: float | None
    took: str | None
    polls: int
    note: str | None
    note_since: float | None


@dataclass(frozen=True, slots=True)
class Number:
    """One of the five numbers, which is also a filter."""

    figure: str
    label: str
    tone: str
    icon: str
    href: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Health:
    """A vendor, as its active watches see it."""

    element_id: str
    title: str
    tone: str
    icon: str
    active: int
    failing: int
    latency: str | None
    error: str | None
    since: float | None


@dataclass(frozen=True, slots=True)
class Empty:
    """What stands in place of an empty list: a sentence, and a command or a link that leads on."""

    title: str
    text: str
    command: str | None = None
    href: str | None = None
    link: str | None = None


def line_of(row: WatchRow, title: Callable[[str], str]) -> Line:
    """Line of a watch.

    Parameters
    ----------
    row : WatchRow
    title : callable
        Returns the name of a vendor for a person.
    """
    is_active = row.outcome is None
    note = row.error if is_active and row.failures else row.reason
    return Line(
        watch_id=row.watch_id,
        attempt=row.attempt,
        element_id=element_id("watch", f"{row.watch_id}#{row.attempt}"),
        # Without its number, an address is that of the latest attempt.
        href=watch_href(row.watch_id, None if is_active else row.attempt),
        steer_href=f"/steer?{urlencode({'id': row.watch_id})}",
        import_id=row.import_id,
        vendor_title=title(row.vendor),
        connection=row.connection,
        state=state_of(row),
        is_active=is_active,
        percent=None if row.fraction is None else percent(row.fraction),
        registered_at=row.registered_at,
        next_poll_at=row.next_poll_at,
        ended_at=row.ended_at,
        took=None if row.ended_at is None else short_duration(row.ended_at - row.registered_at),
        polls=row.polls,
        note=note,
        note_since=row.failing_since if is_active else None,
    )


def watch_href(watch_id: str, attempt: int | None = None) -> str:
    """Address of the page of a watch, or of one attempt."""
    return f"/watch?{urlencode({'id': watch_id} | ({'attempt': str(attempt)} if attempt is not None else {}))}"


def active_rows(overview: Overview, query: Query) -> list[WatchRow]:
    """The selected active watches: those whose polls fail, then the newest first, so that no row moves."""
    rows = [row for row in map(row_of, overview.active) if query.accepts(row)]
    return sorted(rows, key=lambda row: (not row.failures, -row.registered_at, row.watch_id))


UNREAD = "–"
"""In place of a number that could not be read: 0 would be wrong."""


def numbers(overview: Overview, query: Query) -> list[Number]:
    """The five numbers; none of them is known before the first reading."""
    is_read = overview.read_at is not None
    found = [
        Number(
            f"{len(overview.active):,}" if is_read else UNREAD,
            "active",
            "running",
            "running",
            Query().url(),
            query.view == ACTIVE and not query.is_filtered,
        )
    ]
    for name in COUNTED:
        label, outcomes = GROUPS[name]
        shown = OUTCOMES[outcomes[0]]
        amount = sum(row.outcome in outcomes for row in overview.ended)
        figure = f"{amount:,}{'+' if overview.ended_is_partial else ''}" if is_read else UNREAD
        is_current = query.view == ENDED and query.outcome == name
        href = Query(view=ENDED, outcome=name).url()
        found.append(Number(figure, label, shown.tone, shown.icon, href, is_current))
    return found


def health(active: Sequence[StoredWatch], latencies: Mapping[str, float], title: Callable[[str], str]) -> list[Health]:
    """Vendors with active watches: the last latency, or the error of the last poll and since when polls fail."""
    vendors: dict[str, list[StoredWatch]] = {}
    for record in active:
        vendors.setdefault(record.watch.vendor, []).append(record)
    return [_health(vendor, vendors[vendor], latencies, title) for vendor in sorted(vendors)]


def _health(
    vendor: str, records: Sequence[StoredWatch], latencies: Mapping[str, float], title: Callable[[str], str]
) -> Health:
    failing = [record.watch for record in records if record.watch.failures]
    polled = [record.watch for record in records if not record.watch.failures and record.watch.watch_id in latencies]
    last = max(polled, key=lambda watch: watch.last_poll_at or 0.0, default=None)
    error = max(failing, key=lambda watch: watch.last_poll_at or 0.0, default=None)
    tone, icon = ("ok", "ok") if last else ("queued", "queued")
    if failing:
        tone, icon = ("unknown" if len(failing) < len(records) else "failed"), "alert"
    return Health(
        element_id=element_id("vendor", vendor),
        title=title(vendor),
        tone=tone,
        icon=icon,
        active=len(records),
        failing=len(failing),
        latency=None if last is None else seconds_text(latencies[last.watch_id]),
        error=None if error is None else (error.last_trouble or "the last poll failed"),
        since=min((watch.failing_since for watch in failing if watch.failing_since is not None), default=None),
    )


def seconds_text(seconds: float) -> str:
    """Latency for a person: `0.3 s`; shorter ones in milliseconds."""
    return f"{seconds:.1f} s" if seconds >= 0.1 else f"{round(seconds * 1000)} ms"


def cost(overview: Overview) -> dict[str, str]:
    """Estimated cost of what is counted."""
    if overview.read_at is None:
        return {"figure": UNREAD}
    return {"figure": dollars(overview.cost_usd) + ("+" if overview.ended_is_partial else "")}


def choices(query: Query, overview: Overview, titles: Mapping[str, str]) -> list[dict[str, Any]]:
    """Filters of the view, each with its options and the chosen one."""
    known = [*map(row_of, overview.active), *overview.ended]
    vendors = {*titles, query.vendor, *(row.vendor for row in known)} - {""}
    connections = {"default", query.connection, *(row.connection for row in known)} - {""}
    found = [
        _choice("vendor", "Vendor", "every vendor", query.vendor, ((one, titles.get(one, one)) for one in vendors)),
        _choice("connection", "Connection", "every connection", query.connection, ((one, one) for one in connections)),
    ]
    if query.view == ENDED:
        outcomes = [{"value": name, "text": text} for name, (text, _) in GROUPS.items()]
        periods = [{"value": name, "text": text} for name, (text, _) in PERIODS.items() if name != DEFAULT_PERIOD]
        periods.append({"value": ALL, "text": "all that are kept"})
        found.append(
            {"name": "outcome", "label": "Outcome", "any": "every outcome", "value": query.outcome, "options": outcomes}
        )
        found.append(
            {
                "name": "period",
                "label": "Period",
                "any": PERIODS[DEFAULT_PERIOD][0],
                "value": query.period,
                "options": periods,
            }
        )
    return found


def empty(query: Query, overview: Overview, bus: str, *, is_read: bool = True) -> Empty:
    """What stands in place of an empty list, which may be one that could not be read."""
    if not is_read:
        text = "The reason is above. This page tries again by itself."
        return Empty(f"The {query.view} imports could not be read", text)
    if query.is_filtered:
        period = "" if query.view == ACTIVE or query.period == ALL else f" of the {PERIODS[query.period][0]}"
        kind = "active import" if query.view == ACTIVE else f"ended import{period}"
        href = Query(view=query.view, period=query.period).url()
        return Empty("Nothing matches", f"No {kind} matches these filters.", href=href, link="Remove the filters")
    if query.view == ENDED:
        text = "Imports are listed here with their outcome and their log as soon as they end."
        if query.period == ALL:
            return Empty("No import has ended", text)
        title = f"No import has ended in the {PERIODS[query.period][0]}"
        return Empty(title, text, href=query.url(period=ALL), link="Show all that are kept")
    ended = f"{count(len(overview.ended), 'import')} ended in the last 24 hours. " if overview.ended else ""
    text = f"{ended}An ImportStarted event on the bus {bus} starts a watch, and so does this command:"
    return Empty("No import is running", text, command="import-watch start VENDOR IMPORT_ID")


def _choice(name: str, label: str, default: str, value: str, options: Iterable[tuple[str, str]]) -> dict[str, Any]:
    ordered = sorted(options, key=lambda option: option[1].casefold())
    listed = [{"value": key, "text": text} for key, text in ordered]
    return {"name": name, "label": label, "any": default, "value": value, "options": listed}


def element_id(kind: str, key: str) -> str:
    """Id of an element; a key from elsewhere may contain any character."""
    return f"{kind}-{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def _time(text: str) -> float | None:
    try:
        time = float(text)
    except ValueError:
        return None
    return time if 0 < time < 1e11 else None


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 7 else 0
