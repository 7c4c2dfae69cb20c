"""Lists of watches as text for a person."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from import_watch_cli.checkout import vendor_registry
from import_watch_cli.display import COLOURS, RUNNING_COLOUR, WARNING_COLOUR, percentage
from import_watch_cli.durations import counted, date_time, due, duration
from import_watch_cli.output import Cell, Output
from import_watch_cli.rows import AWAITING_LOG, WatchRow, is_invalid

BAR = 12
"""Characters of a progress bar."""
NOTHING = "–"
ACTIVE_HEADINGS = ("IMPORT", "VENDOR", "STATE", "PROGRESS", "RUNNING", "NEXT POLL", "POLLS", "")
ENDED_HEADINGS = ("IMPORT", "VENDOR", "OUTCOME", "ENDED", "POLLS", "REASON")


def print_active(output: Output, rows: Sequence[WatchRow]) -> None:
    """Print active watches: a table, or two lines each on a narrow terminal."""
    now = time.time()
    if not rows:
        return
    if output.is_wide:
        output.table(ACTIVE_HEADINGS, [_active_cells(row, now) for row in rows], right=(6,))
        return
    for row in rows:
        name, vendor, state, progress, running, following, _polls, error = _active_cells(row, now)
        output.parts(name, ("  ", ""), vendor)
        done = () if progress[0] == NOTHING else (("  ", ""), progress)
        output.parts(
            ("  ", ""), state, *done, (f"  {running[0]}  next poll {following[0]}  {counted(row.polls, 'poll')}", "")
        )
        if error[0]:
            output.parts(("  ", ""), error)


def print_ended(output: Output, rows: Sequence[WatchRow]) -> None:
    """Print ended watches: a table, or two lines each on a narrow terminal."""
    if not rows:
        return
    if output.is_wide:
        output.table(ENDED_HEADINGS, [_ended_cells(output, row) for row in rows], right=(4,))
        return
    for row in rows:
        name, vendor, outcome, ended, _polls, reason = _ended_cells(output, row)
        output.parts(name, ("  ", ""), vendor)
        output.parts(("  ", ""), outcome, (f"  {ended[0]}  {counted(row.polls, 'poll')}", ""))
        if reason[0]:
            output.parts(("  ", ""), reason)


def vendor_title(vendor: str) -> str:
    """Name of a vendor for people."""
    registry = vendor_registry()
    return registry.adapter(vendor).title if vendor in registry.names else vendor or NOTHING


def state_cell(row: WatchRow) -> Cell:
    """State of an active watch, or the outcome of an ended one."""
    if row.outcome is not None:
        return row.outcome, COLOURS.get(row.outcome, "")
    if row.failures:
        return (f"{row.failures} POLLS FAILED" if row.failures > 1 else "POLL FAILED"), WARNING_COLOUR
    if row.state == AWAITING_LOG:
        return "LOG AWAITED", ""
    return row.state, RUNNING_COLOUR if row.state == "RUNNING" else ""


def progress_bar(fraction: float, width: int = BAR) -> str:
    """Bar of a progress, with its percentage."""
    done = math.floor(max(0.0, min(1.0, fraction)) * width)
    return f"{'█' * done}{'░' * (width - done)} {percentage(fraction):>5}"


def next_poll(at: float | None, now: float) -> str:
    """When the next poll is, for a person."""
    if at is None:
        return NOTHING
    return due(at - now)


def _active_cells(row: WatchRow, now: float) -> list[Cell]:
    since = f", for {duration(now - row.failing_since)}" if row.failing_since is not None else ""
    return [
        (_name(row), ""),
        (vendor_title(row.vendor), ""),
        state_cell(row),
        (NOTHING if row.fraction is None else progress_bar(row.fraction), ""),
        (duration(now - row.registered_at), ""),
        (next_poll(row.next_poll_at, now), ""),
        (str(row.polls), ""),
        (f"{row.error}{since}" if row.error else "", WARNING_COLOUR),
    ]


def _ended_cells(output: Output, row: WatchRow) -> list[Cell]:
    return [
        (_name(row), ""),
        (vendor_title(row.vendor), ""),
        state_cell(row),
        (NOTHING if row.ended_at is None else date_time(row.ended_at, utc=output.utc), ""),
        (str(row.polls), ""),
        (row.reason or "", ""),
    ]


def _name(row: WatchRow) -> str:
    # An invalid event may have the import id of a watch, which `show` would find in its place.
    name = row.watch_id if is_invalid(row.watch_id) else row.import_id or row.watch_id
    name += f" (connection {row.connection})" if row.connection not in ("", "default") else ""
    return name + (f" (attempt {row.attempt})" if row.attempt > 1 else "")
