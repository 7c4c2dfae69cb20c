"""How the page shows a state, an outcome or a failed poll: a word, a colour and an icon. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from import_watch.model.observation import ImportState, Severity
from import_watch.model.outcome import Outcome
from import_watch.model.record import StoredWatch

from import_watch_cli.page.words import count
from import_watch_cli.rows import AWAITING_LOG, REGISTERED, WatchRow


@dataclass(frozen=True, slots=True)
class Shown:
    """How something is shown.

    Parameters
    ----------
    label : str
        The word, which is enough alone: colour and icon only repeat it.
    tone : str
        Name of its colours in the style sheet.
    icon : str
        Name of its icon in the templates.
    """

    label: str
    tone: str
    icon: str


OUTCOMES = {
    Outcome.SUCCEEDED: Shown("Succeeded", "ok", "ok"),
    Outcome.PARTIAL: Shown("Partial", "partial", "warn"),
    Outcome.FAILED: Shown("Failed", "failed", "failed"),
    Outcome.UNKNOWN: Shown("Unknown", "unknown", "unknown"),
    Outcome.CANCELLED: Shown("Cancelled", "cancelled", "cancelled"),
}
STATES = {
    REGISTERED: Shown("Registered", "queued", "queued"),
    AWAITING_LOG: Shown("Awaiting log", "running", "log"),
    ImportState.QUEUED.value: Shown("Queued", "queued", "queued"),
    ImportState.RUNNING.value: Shown("Running", "running", "running"),
    ImportState.SUCCEEDED.value: OUTCOMES[Outcome.SUCCEEDED],
    ImportState.PARTIAL.value: OUTCOMES[Outcome.PARTIAL],
    ImportState.FAILED.value: OUTCOMES[Outcome.FAILED],
    ImportState.EXPIRED.value: Shown("Expired", "failed", "failed"),
    ImportState.CANCELLED.value: OUTCOMES[Outcome.CANCELLED],
    ImportState.REVERTED.value: Shown("Reverted", "cancelled", "cancelled"),
    ImportState.RESULT_EXPIRED.value: Shown("Result expired", "unknown", "unknown"),
    ImportState.NOT_FOUND.value: Shown("Not found", "unknown", "unknown"),
    ImportState.UNRECOGNISED.value: Shown("Unmapped", "unknown", "unknown"),
}
POLL_FAILED = Shown("Poll failed", "unknown", "alert")
SEVERITIES = {
    Severity.ERROR: Shown("Error", "failed", "failed"),
    Severity.WARNING: Shown("Warning", "unknown", "alert"),
    Severity.INFO: Shown("Info", "queued", "log"),
}


def state_of(row: WatchRow) -> Shown:
    """State of an active watch, or outcome of an ended one."""
    if row.outcome is not None:
        return outcome_shown(row.outcome)
    if row.failures:
        return Shown(f"{count(row.failures, 'poll')} failed", POLL_FAILED.tone, POLL_FAILED.icon)
    return state_shown(row.state)


def outcome_shown(outcome: str) -> Shown:
    """Outcome of a watch; a later release may have another one."""
    return OUTCOMES[Outcome(outcome)] if outcome in set(Outcome) else Shown(outcome, "unknown", "unknown")


def state_shown(state: str | None) -> Shown:
    """State of an import; None for a failed poll."""
    return POLL_FAILED if state is None else STATES.get(state) or Shown(state, "queued", "queued")


def event_tone(kind: str) -> str:
    """Colour of an event of the story."""
    if kind in STATES or kind in set(Outcome):
        return (STATES.get(kind) or outcome_shown(kind)).tone
    tones = {"poll failed": "unknown", "execution ended": "failed", "stop requested": "unknown", "stopped": "unknown"}
    return tones.get(kind, "queued")


def active_sentence(record: StoredWatch, title: str, now: float) -> str:
    """Sentence for a person about an import whose watch is active.

    Parameters
    ----------
    record : StoredWatch
    title : str
        Name of the vendor for a person.
    now : float
        Epoch seconds.
    """
    watch = record.watch
    what = f"Import {watch.import_id}"
    if watch.awaiting_log is not None:
        outcome = outcome_shown(watch.awaiting_log.outcome.value).label.lower()
        return f"{what} at {title} has ended as {outcome}; its log is not there yet."
    if watch.failures:
        polls = "The last poll" if watch.failures == 1 else f"The last {watch.failures} polls"
        return f"{polls} of import {watch.import_id} at {title} failed: {watch.last_trouble or 'no reason is stored'}."
    done = f", {watch.progress.fraction:.0%} done" if watch.progress is not None else ""
    match watch.import_state:
        case ImportState.RUNNING if watch.stalled_at is not None:
            return f"{what} is running at {title}{done}, but has made no progress for a long time."
        case ImportState.RUNNING:
            return f"{what} is running at {title}{done}."
        case ImportState.QUEUED if watch.announced_start is not None and watch.announced_start > now:
            return f"{what} is scheduled at {title} and has not started yet."
        case ImportState.QUEUED:
            return f"{what} is queued at {title}."
        case ImportState.NOT_FOUND:
            return f"{title} does not know import {watch.import_id} yet."
        case ImportState.UNRECOGNISED:
            return f"{title} reports a status of import {watch.import_id} that is not mapped: {watch.vendor_status}."
        case _:
            return f"{what} at {title} is being watched; it was not polled yet."
