"""The story of a watch as text for a person."""

from __future__ import annotations

import time

from import_watch.model.outcome import COMPLETED, Outcome, Reason
from import_watch.model.record import StoredWatch
from import_watch.model.watch import MAX_TIMEOUT_SECONDS

from import_watch_cli.display import COLOURS, RUNNING_COLOUR, folded, result, suggestions
from import_watch_cli.durations import age_of, clock_time, counted, date_time, duration
from import_watch_cli.list_text import next_poll, progress_bar, vendor_title
from import_watch_cli.output import WIDE, Output
from import_watch_cli.rows import is_invalid
from import_watch_cli.story import Event, Story
from import_watch_cli.watches import DEFAULT_CONNECTION

KIND_WIDTH = 18
MIN_TEXT, INDENT = 40, 4
PROBLEMS = 5


def print_story(output: Output, story: Story, stack_options: str = "") -> None:
    """Print what happened to a watch, and what to look at next; `stack_options` name its stack in commands."""
    record, row = story.record, story.row
    of_attempt = f", attempt {row.attempt}" if row.attempt > 1 else ""
    output.line(
        f"Import {row.import_id or '(no id)'} at {vendor_title(row.vendor)}, connection {row.connection or '–'}"
    )
    output.line(f"Watch {row.watch_id}{of_attempt}")
    print_state(output, record)
    output.line()
    for event in story.events:
        _print_event(output, event)
    ended = record.result
    if ended is not None and ended.problems:
        output.line()
        shown = ended.problems[:PROBLEMS]
        output.line(f"Messages of the vendor ({len(shown)} of {len(ended.problems)}):")
        for problem in shown:
            output.line(f"  {problem.severity.value}: {problem.text}")
    output.line()
    output.line(_figures(story))
    for earlier in story.attempts:
        if earlier.attempt != row.attempt:
            reason = f" ({earlier.reason})" if earlier.reason else ""
            at = f", {date_time(earlier.ended_at, utc=output.utc)}" if earlier.ended_at is not None else ""
            output.line(f"Attempt {earlier.attempt}: {earlier.outcome or earlier.state}{reason}{at}")
    if record.log is not None and record.log.location is not None:
        output.line(f"Log: import-watch log {reference(record, stack_options)}")
    for name, address in story.links.items():
        output.line(f"Console, {name}: {address}")
    for note in story.notes:
        output.note(note)


def print_state(output: Output, record: StoredWatch) -> None:
    """Print the outcome of an ended watch, or the state of an active one."""
    watch, ended, now = record.watch, record.result, time.time()
    if ended is None:
        state = watch.import_state.value if watch.import_state else "not polled yet"
        if watch.awaiting_log is not None:
            state = f"{watch.awaiting_log.outcome.value}, log awaited"
        elif watch.failures:
            state = f"{counted(watch.failures, 'poll')} failed"
        done = f"  {progress_bar(watch.progress.fraction)}" if watch.progress else ""
        following = next_poll(watch.next_poll_at, now)
        details = f"{done}  watched for {duration(now - watch.registered_at)}, next poll {following}"
        output.parts((state, style_of(state)), (details, ""))
        if watch.failures and watch.last_trouble:
            since = f", since {duration(now - watch.failing_since)}" if watch.failing_since is not None else ""
            output.line(f"  {watch.last_trouble}{since}")
        return
    print_outcome(output, record)
    lag = ended.detection_lag_seconds
    facts = [f"detected {date_time(ended.detected_at, utc=output.utc)}"]
    facts += [f"{duration(lag)} after the end"] if lag is not None else []
    if record.log is not None:
        size = f" ({size_text(record.log.bytes)})" if record.log.bytes is not None else ""
        facts.append(f"log {record.log.status.value.lower().replace('_', ' ')}{size}")
    facts += [] if record.published_at is not None else ["not published yet"]
    output.line("  " + " · ".join(facts))


def print_outcome(output: Output, record: StoredWatch) -> None:
    """Print the outcome of an ended watch, with its message on lines of its own."""
    ended = record.result
    if ended is None:
        return
    # A vendor's own reason is in the message already.
    reason = ended.reason if ended.outcome is Outcome.UNKNOWN else None
    seconds = ended.detected_at - record.watch.registered_at
    width = output.terminal.width if output.terminal.is_terminal else len(ended.message) + WIDE
    lines = result(ended.outcome.value, width=width, seconds=seconds, reason=reason, message=ended.message)
    output.terminal.write(*lines)


def style_of(kind: str) -> str:
    """Style of an outcome or a state."""
    return RUNNING_COLOUR if kind == "RUNNING" else COLOURS.get(kind, "")


def print_next_steps(output: Output, record: StoredWatch, stack_options: str = "") -> None:
    """Print commands that a person may want after an outcome; `stack_options` name the stack in them."""
    name = reference(record, stack_options)
    commands = {f"import-watch show {name}": "every poll"}
    if record.log is not None and record.log.location is not None:
        commands[f"import-watch log {name}"] = "its log"
    if record.result is not None and record.result.outcome not in COMPLETED and _has_next_attempt(record):
        longer = longer_timeout(record)
        option, purpose = (
            ("", "watch it again") if longer is None else (f" --watch-for {longer}", "watch it for longer")
        )
        commands[f"import-watch again {name}{option} --wait"] = purpose
    output.terminal.write("", *suggestions(commands, output.terminal.width))


def reference(record: StoredWatch, stack_options: str = "") -> str:
    """Arguments of a command that name a watch, and find no other one.

    Parameters
    ----------
    record : StoredWatch
    stack_options : str
        Options that name its stack, after a blank.
    """
    watch = record.watch
    is_short = watch.import_id and watch.connection == DEFAULT_CONNECTION and not is_invalid(watch.watch_id)
    attempt = f" --attempt {watch.attempt}" if record.is_earlier_attempt else ""
    return shell_word(watch.import_id if is_short else watch.watch_id) + attempt + stack_options


def _has_next_attempt(record: StoredWatch) -> bool:
    watch = record.watch
    return not (record.is_earlier_attempt or watch.is_last_attempt or is_invalid(watch.watch_id))


def longer_timeout(record: StoredWatch) -> str | None:
    """Age for `--watch-for` that is longer than a watch could last that has timed out; None where there is none."""
    watch, ended = record.watch, record.result
    lasted = watch.deadline - watch.registered_at
    if ended is None or ended.reason != Reason.TIMED_OUT or lasted >= MAX_TIMEOUT_SECONDS:
        return None
    # A scheduled import has as much time again, from its start.
    until_start = 0.0 if watch.announced_start is None else watch.announced_start - ended.detected_at
    return age_of(min(round(lasted + max(lasted, until_start)), MAX_TIMEOUT_SECONDS))


def shell_word(text: str) -> str:
    """Text as one word of a shell."""
    from shlex import quote

    return quote(text)


def size_text(count: int) -> str:
    """Number of bytes for a person."""
    for unit, size in (("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1_000)):
        if count >= size:
            return f"{count / size:.1f} {unit}".replace(".0 ", " ")
    return f"{count} bytes"


def _print_event(output: Output, event: Event) -> None:
    at = " " * 8 if event.at is None else clock_time(event.at, utc=output.utc)
    kind = f"{event.kind} ".ljust(KIND_WIDTH)
    first, *others = [event.text]
    if output.terminal.is_terminal:
        # In a column of its own, or below where there is no room for one.
        room = output.terminal.width - len(at) - len(kind) - 2
        if room >= MIN_TEXT:
            first, *others = folded(event.text, room) or [""]
        else:
            first, others = "", folded(event.text, output.terminal.width - INDENT)
    output.parts((f"{at}  ", ""), (kind, style_of(event.kind)), (first, ""))
    blanks = " " * (len(at) + len(kind) + 2 if first else INDENT)
    for line in others:
        output.line(blanks + line)


def _figures(story: Story) -> str:
    watch = story.record.watch
    failed = f", {watch.vendor_errors} failed" if watch.vendor_errors else ""
    executions = counted(watch.executions, "execution")
    return f"{counted(watch.polls, 'poll')}{failed} · {executions} · ${story.cost_usd:.4f}"
