"""The one sentence that a person reads: what happened, and what to do next. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from import_watch.model.observation import (
    FailedPoll,
    ImportState,
    InlineLog,
    LogRecord,
    LogReference,
    LogStatus,
    Observation,
    StoredLog,
)
from import_watch.model.outcome import Outcome, WatchResult
from import_watch.model.timestamps import iso
from import_watch.model.watch import Watch


def ended(watch: Watch, outcome: Outcome, seen: Observation) -> str:
    """Say how an import ended by its vendor's word."""
    what, has_log = _what(watch), _has_log(seen.log)
    match outcome:
        case Outcome.SUCCEEDED:
            warnings = seen.counts.get("warnings", 0)
            if not warnings:
                return f"{what} completed."
            return f"{what} completed with {_count(warnings, 'warning')}{'; see its log' if has_log else ''}."
        case Outcome.PARTIAL:
            errors = seen.counts.get("errors", 0)
            if _is_validation(watch):
                where = "see its log, and " if has_log else ""
                return f"{what} found {_count(errors, 'error')}: {where}fix them before you import."
            where = "see its log" if has_log else f"look at {_vendor(watch)}"
            return f"{what} completed, but with {_count(errors, 'error')}: {where} for what was left out."
        case Outcome.CANCELLED:
            kept = " (what it had completed by then remains)" if seen.counts.get("processed") else ""
            return f"{what} was cancelled before it could complete{kept}; start it again if that was not meant."
        case _:
            because = f": {seen.reason.rstrip('.')}" if seen.reason else ""
            advice = {
                True: "it is worth starting it again",
                False: "fix the cause before you start it again",
                None: f"{'see its log' if has_log else 'look at it there'} before you start it again",
            }[seen.retryable]
            return f"{what} failed{because}; {advice}."


def without_log(watch: Watch, result: WatchResult, missing: str | None) -> str:
    """Add to the message of a finished import that its log is not available."""
    because = f" ({missing.rstrip('.')})" if missing else ""
    message = result.message.rstrip(".")
    if result.outcome is Outcome.SUCCEEDED:
        return f"{message}, but its log is not available{because}: look at {_vendor(watch)} for what was imported."
    return f"{message}; its log is not available{because}."


def not_found(watch: Watch, seconds: float, seen: Observation) -> str:
    """Say that the vendor does not know the import, in its own words if it has any."""
    said = f"; it says: {seen.problems[0].text.rstrip('.')[:200]}" if seen.problems else ""
    return (
        f"{_vendor(watch)} does not know import {watch.import_id} (asked for {duration(seconds)}{said}): check the id, "
        f"and that connection {watch.connection!r} leads to the account that the import was started in."
    )


def unrecognised(watch: Watch, seconds: float) -> str:
    """Say that the vendor gives a status that nobody has mapped."""
    return (
        f"{_what(watch)} has had the status {watch.vendor_status!r} for {duration(seconds)}, which Import Watch does "
        "not know: look at the import at the vendor, and have the status added to the vendor's status map."
    )


def unauthorized(watch: Watch, detail: str) -> str:
    """Say that the vendor refuses the credentials."""
    return (
        f"{_vendor(watch)} refuses the credentials of connection {watch.connection!r} ({detail}): put valid ones into "
        f"its secret before the next import, and look at import {watch.import_id} at the vendor."
    )


def misconfigured(watch: Watch, detail: str) -> str:
    """Say that the connection cannot work as it is set."""
    return (
        f"Connection {watch.connection!r} of {_vendor(watch)} cannot work as it is set ({detail.rstrip('.')}): mend it "
        f"before the next import, and look at import {watch.import_id} at the vendor."
    )


def vendor_unavailable(watch: Watch, detail: str, seconds: float) -> str:
    """Say that no poll has gone through for too long."""
    return (
        f"{_vendor(watch)} could not be asked for {duration(seconds)} (last: {detail}), so how import "
        f"{watch.import_id} ends is unknown: look at it at the vendor."
    )


def unreadable(watch: Watch, detail: str, seconds: float) -> str:
    """Say that every answer was unreadable for too long."""
    return (
        f"For {duration(seconds)} every answer of {_vendor(watch)} was unreadable (last: {detail}), so how import "
        f"{watch.import_id} ends is unknown: check that the base URL of connection {watch.connection!r} is the "
        "vendor's API."
    )


def timed_out(watch: Watch, seconds: float, polled: Observation | FailedPoll | None) -> str:
    """Say that the watch was given up, and what was seen last."""
    message = f"{_what(watch)} had not ended after {duration(seconds)}, so its watch was given up"
    if isinstance(polled, FailedPoll):
        polled = None  # its cause is in the watch
    if polled is None and watch.last_trouble is not None:
        return f"{message} (the last poll failed: {watch.last_trouble}); look at the import at the vendor."
    if polled is not None and polled.state is ImportState.QUEUED and polled.started_at is not None:
        starts = iso(polled.started_at)
        return f"{message}; it is scheduled for {starts}: set timeoutSeconds in the start event beyond that."
    last = watch if polled is None else polled
    seen = f"last status {last.vendor_status!r}" if last.vendor_status else "no status"
    if last.progress is not None:
        seen += f", {last.progress.fraction:.0%} done"
    return f"{message} ({seen}); look at it at the vendor, or set a longer timeoutSeconds."


def invalid_event(faults: Iterable[str]) -> str:
    """Name every field of a start event that is at fault, and its fix."""
    return f"The ImportStarted event cannot be watched; mend it and send it again: {'; '.join(faults)}."


def watch_broken(watch: Watch, why: str) -> str:
    """Say that our own machinery failed."""
    return (
        f"Import Watch itself failed while it watched import {watch.import_id} at {_vendor(watch)} ({why}): look at "
        "the import at the vendor, and at the execution of the state machine."
    )


def stalled(watch: Watch, seconds: float) -> str:
    """Say that an import does not get on, and that its watch does."""
    done = f"{watch.progress.fraction:.0%} done, " if watch.progress is not None else ""
    seen = f"{done}last status {watch.vendor_status!r}" if watch.vendor_status else f"{done}no status"
    return (
        f"{_what(watch)} has not got on for {duration(seconds)} ({seen}): look at it at the vendor; Import Watch goes "
        "on watching it."
    )


def watch_stopped(watch: Watch) -> str:
    """Say that a person stopped the execution that watched."""
    return (
        f"The watch of import {watch.import_id} at {_vendor(watch)} was stopped before the import had ended: look at "
        "the import at the vendor."
    )


def duration(seconds: float) -> str:
    """Write seconds for a person: at most two units, the largest first."""
    left = max(0, round(seconds))
    parts = []
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")):
        count, left = divmod(left, size)
        if count:
            parts.append(_count(count, unit))
    return " ".join(parts[:2]) or "0 seconds"


def _has_log(log: LogReference) -> bool:
    """Whether a person finds a log: in the archive, or where the vendor says."""
    if isinstance(log, LogRecord):
        return log.status in (LogStatus.ARCHIVED, LogStatus.VENDOR_ONLY)
    return isinstance(log, InlineLog | StoredLog)


def _what(watch: Watch) -> str:
    kind = (watch.job_type or "import").lower()
    if kind == "import":
        return f"Import {watch.import_id} at {_vendor(watch)}"
    if _is_validation(watch):
        return f"Validation {watch.import_id} at {_vendor(watch)}"
    return f"Import {watch.import_id} ({watch.job_type}) at {_vendor(watch)}"


def _is_validation(watch: Watch) -> bool:
    return (watch.job_type or "").lower() == "validation"


def _vendor(watch: Watch) -> str:
    return watch.vendor_title or watch.vendor


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
