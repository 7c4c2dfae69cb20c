"""The message of a notification, one sentence for a person: what happened, and what to do next. Pure."""

from __future__ import annotations

from dataclasses import replace

from import_watch.model.observation import ImportState
from import_watch.model.outcome import Outcome, Reason, WatchResult
from import_watch.model.timestamps import iso
from import_watch.model.watch import MAX_TIMEOUT_SECONDS, Watch


def sentence(watch: Watch, result: WatchResult) -> str:
    """Sentence for a person about the result of a watch.

    Parameters
    ----------
    watch : Watch
        As it ended.
    result : WatchResult
        With the facts that its sentence needs.
    """
    text = _ended(watch, result) if result.outcome is not Outcome.UNKNOWN else _unknown(watch, result)
    if result.missing_details is not None:
        why = f"its details could not be read ({result.missing_details.rstrip('.')})"
        is_success = result.outcome is Outcome.SUCCEEDED
        more = (
            f", but {why}: check {_vendor(watch)} for errors."
            if is_success
            else f"; {why}, so not all errors are listed."
        )
        text = text.rstrip(".") + more
    if result.missing_log is None:
        return text
    because = f" ({result.missing_log.rstrip('.')})" if result.missing_log else ""
    text = text.rstrip(".")
    if result.outcome is Outcome.SUCCEEDED:
        return f"{text}, but its log is not available{because}: check {_vendor(watch)} for what was imported."
    return f"{text}; its log is not available{because}."


def with_message(watch: Watch, result: WatchResult) -> WatchResult:
    """Result with its sentence."""
    return replace(result, message=sentence(watch, result))


def with_messages(watch: Watch, result: WatchResult | None) -> tuple[Watch, WatchResult | None]:
    """Watch and result with the sentences of the result, and of one that awaits its log."""
    if watch.awaiting_log is not None and not watch.awaiting_log.message:
        watch = replace(watch, awaiting_log=with_message(watch, watch.awaiting_log))
    return watch, None if result is None else with_message(watch, result)


def stalled(watch: Watch, seconds: float) -> str:
    """Sentence about an import that makes no progress, and whose watch continues."""
    done = f"{watch.progress.fraction:.0%} done, " if watch.progress is not None else ""
    seen = f"{done}last status {watch.vendor_status!r}" if watch.vendor_status else f"{done}no status"
    return (
        f"{_what(watch, watch.job_type)} has made no progress for {duration(seconds)} ({seen}): check it at the "
        "vendor; Import Watch continues to watch it."
    )


def duration(seconds: float) -> str:
    """Seconds as text for a person: at most two units, the largest first."""
    left = max(0, round(seconds))
    parts = []
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")):
        count, left = divmod(left, size)
        if count:
            parts.append(_count(count, unit))
    return " ".join(parts[:2]) or "0 seconds"


def _ended(watch: Watch, result: WatchResult) -> str:
    what, has_log = _what(watch, result.job_type), bool(result.has_log)
    match result.outcome:
        case Outcome.SUCCEEDED:
            warnings = result.counts.get("warnings", 0)
            if not warnings:
                return f"{what} completed."
            return f"{what} completed with {_count(warnings, 'warning')}{'; see its log' if has_log else ''}."
        case Outcome.PARTIAL:
            errors = result.counts.get("errors", 0)
            if _is_validation(result.job_type):
                where = "see its log, and " if has_log else ""
                found = _count(errors, "error") if errors else "errors"
                return f"{what} found {found}: {where}fix them before you import."
            where = "see its log" if has_log else f"check {_vendor(watch)}"
            how = f"completed, but with {_count(errors, 'error')}" if errors else "completed only in part"
            return f"{what} {how}: {where} for what was left out."
        case Outcome.CANCELLED if watch.import_state is ImportState.REVERTED:
            return f"{what} was reverted after it had run; start it again if that was not intended."
        case Outcome.CANCELLED:
            kept = " (what it had completed by then remains)" if result.counts.get("processed") else ""
            return f"{what} was cancelled before it could complete{kept}; start it again if that was not intended."
        case _:
            because = f": {result.reason.rstrip('.')}" if result.reason else ""
            advice = {
                True: "it is worth starting it again",
                False: "fix the cause before you start it again",
                None: f"{'see its log' if has_log else 'check it there'} before you start it again",
            }[result.retryable]
            how = "expired before it could complete" if watch.import_state is ImportState.EXPIRED else "failed"
            return f"{what} {how}{because}; {advice}."


def _unknown(watch: Watch, result: WatchResult) -> str:
    vendor, connection, import_id = _vendor(watch), watch.connection, watch.import_id
    detail, grace = result.detail or "", duration(result.grace_seconds or 0)
    check = "check it at the vendor" + _or_watch_again(watch)
    match Reason(result.reason or Reason.WATCH_BROKEN):
        case Reason.NOT_FOUND if watch.import_state is ImportState.RESULT_EXPIRED:
            return (
                f"{_what(watch, result.job_type)} has ended, but {vendor} no longer has its result: check there what "
                "was imported."
            )
        case Reason.NOT_FOUND:
            problem = f"; its response: {result.problems[0].text.rstrip('.')[:200]}" if result.problems else ""
            return (
                f"{vendor} does not know import {import_id} (polled for {grace}{problem}): check the id, and that "
                f"connection {connection!r} leads to the account in which the import was started."
            )
        case Reason.UNRECOGNISED_STATUS:
            return (
                f"{_what(watch, result.job_type)} has had the status {result.vendor_status!r}, which Import Watch does "
                f"not know, for {grace}: check the import at the vendor, and add the status to the vendor's status map."
            )
        case Reason.UNAUTHORIZED:
            return (
                f"{vendor} refuses the credentials of connection {connection!r} ({detail}): put valid ones into its "
                f"secret, then {_watch_or_check(watch)}."
            )
        case Reason.MISCONFIGURED:
            return (
                f"Connection {connection!r} of {vendor} cannot work as it is configured ({detail.rstrip('.')}): fix "
                f"it, then {_watch_or_check(watch)}."
            )
        case Reason.VENDOR_UNAVAILABLE:
            return (
                f"{vendor} could not be polled for {grace} (last error: {detail}), so the result of import "
                f"{import_id} is unknown: {check}."
            )
        case Reason.UNREADABLE_ANSWER:
            return (
                f"For {grace} every response of {vendor} was unreadable (last error: {detail}), so the result of "
                f"import {import_id} is unknown: check that the base URL of connection {connection!r} is the vendor's "
                f"API, then {_watch_or_check(watch)}."
            )
        case Reason.TIMED_OUT:
            return _timed_out(watch, result)
        case Reason.INVALID_EVENT:
            return f"The event is invalid; fix and resend it: {detail}."
        case Reason.WATCH_STOPPED:
            why = f" ({detail.rstrip('.')})" if detail else ""
            return f"The watch of import {import_id} at {vendor} was stopped before the import had ended{why}: {check}."
        case Reason.WATCH_BROKEN:
            return (
                f"Import Watch itself failed while it watched import {import_id} at {vendor} ({detail}): look at the "
                f"execution of the state machine, and {check}."
            )


def _watch_or_check(watch: Watch) -> str:
    """What to do about the import once the cause is removed."""
    if watch.is_last_attempt:
        return f"check import {watch.import_id} at the vendor"
    return f"send a new start event to watch import {watch.import_id} again"


def _or_watch_again(watch: Watch, how: str = "to watch it again") -> str:
    return "" if watch.is_last_attempt else f", or send a new start event {how}"


def _timed_out(watch: Watch, result: WatchResult) -> str:
    waited = duration(watch.deadline - watch.registered_at)
    text = f"{_what(watch, result.job_type)} had not ended after {waited}, so its watch ended"
    if watch.last_trouble is not None:
        again = _or_watch_again(watch)
        return f"{text} (the last poll failed: {watch.last_trouble}); check it at the vendor{again}."
    if watch.import_state is ImportState.QUEUED and watch.announced_start is not None:
        is_soon = watch.announced_start - result.detected_at < MAX_TIMEOUT_SECONDS
        how = "with timeoutSeconds beyond that" if is_soon else "nearer to that time"
        advice = "check it there" if watch.is_last_attempt else f"send a new start event {how}"
        return f"{text}; it is scheduled for {iso(watch.announced_start)}: {advice}."
    seen = f"last status {watch.vendor_status!r}" if watch.vendor_status else "no status"
    if watch.progress is not None:
        seen += f", {watch.progress.fraction:.0%} done"
    is_longest = watch.deadline - watch.registered_at >= MAX_TIMEOUT_SECONDS
    how = "to watch it again" if is_longest else "with a longer timeoutSeconds"
    return f"{text} ({seen}); check it at the vendor{_or_watch_again(watch, how)}."


def _what(watch: Watch, job_type: str | None) -> str:
    if (job_type or "import").lower() == "import":
        return f"Import {watch.import_id} at {_vendor(watch)}"
    if _is_validation(job_type):
        return f"Validation {watch.import_id} at {_vendor(watch)}"
    return f"Import {watch.import_id} ({job_type}) at {_vendor(watch)}"


def _is_validation(job_type: str | None) -> bool:
    return (job_type or "").lower() == "validation"


def _vendor(watch: Watch) -> str:
    return watch.vendor_title or watch.vendor


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
