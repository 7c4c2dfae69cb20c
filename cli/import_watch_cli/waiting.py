"""Waits for the outcome of a watch, with its progress."""

from __future__ import annotations

import signal
import sys
import threading
import time
from contextlib import nullcontext
from dataclasses import dataclass

from import_watch.model.outcome import COMPLETED, Outcome
from import_watch.model.record import StoredWatch
from import_watch.model.watch import key_parts

from import_watch_cli.display import Standing
from import_watch_cli.durations import duration
from import_watch_cli.errors import CommandError, is_passing
from import_watch_cli.list_text import vendor_title
from import_watch_cli.output import Output
from import_watch_cli.rows import REGISTERED, row_of
from import_watch_cli.stack import Stack
from import_watch_cli.story_text import print_next_steps, print_outcome, shell_word
from import_watch_cli.terminal import Terminal, WatchDisplay, lines_of_one
from import_watch_cli.watches import Watches

NOT_COMPLETED, NOT_KNOWN, NOT_ENDED = 1, 2, 4
"""Exit statuses: of a failed or cancelled import, of an unknown outcome, and of a watch that did not end in time."""
INTERRUPTED = 130
MAX_SECONDS = 31 * 86_400.0
"""Longer than any watch."""
REGISTRATION_SECONDS = 60.0
RETRY_SECONDS = 300.0
"""Seconds for which a watch is read again although AWS does not respond, or refuses requests for their number."""
PAUSE_SECONDS, LOCAL_PAUSE_SECONDS = 2.0, 0.3


@dataclass(frozen=True)
class Wait:
    """A wait for one watch.

    Parameters
    ----------
    stack : Stack
    output : Output
    watch_id : str
    attempt : int
        The first attempt whose outcome counts.
    seconds : float
        Time limit.
    stack_options : str
        Options that name the stack in a command, after a blank.
    """

    stack: Stack
    output: Output
    watch_id: str
    attempt: int = 1
    seconds: float = MAX_SECONDS
    stack_options: str = ""

    def run(self) -> int:
        """Wait, show the progress, print the outcome last, and return the exit status.

        Raises
        ------
        CommandError
            If the watch is not registered, or does not end in time.
        """
        # A shell that starts this in the background has SIGINT ignored: it could be ended only by killing it.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            record = self._until_ended()
        except KeyboardInterrupt:
            # Its record may not be there yet.
            name = shell_word(self.watch_id) + self.stack_options
            self.output.note(f"Not waiting any longer: the import and its watch continue. import-watch show {name}")
            return INTERRUPTED
        return self._report(record)

    def _until_ended(self) -> StoredWatch:
        from botocore.exceptions import BotoCoreError, ClientError

        store = Watches(self.stack).store
        began, is_new = time.monotonic(), False
        failing_since: float | None = None
        pause = LOCAL_PAUSE_SECONDS if self.stack.is_local else PAUSE_SECONDS
        vendor, *_, name = key_parts(self.watch_id)
        # What a program reads has the outcome alone.
        display = WatchDisplay(Terminal(sys.stderr), lines_of_one(vendor_title(vendor)))
        with nullcontext() if self.output.quiet else display:
            while True:
                try:
                    record = store.get(self.watch_id)
                except (BotoCoreError, ClientError) as error:
                    # A wait of many hours outlasts a network that is gone for a moment; a local stack is not gone so.
                    now = time.monotonic()
                    failing_since = now if failing_since is None else failing_since
                    is_over = now - failing_since >= RETRY_SECONDS or now - began > self.seconds
                    if self.stack.is_local or is_over or not is_passing(error):
                        raise
                    time.sleep(pause)
                    continue
                failing_since = None
                waited = time.monotonic() - began
                if record is not None and record.watch.attempt >= self.attempt:
                    is_new = is_new or record.result is None
                    if is_new and not self.output.quiet:
                        display.show({record.watch.import_id or name: standing_of(record)})
                    if record.result is not None:
                        return record
                elif waited > REGISTRATION_SECONDS:
                    raise CommandError(
                        f"The start event was sent, and after {duration(waited)} no watch is registered: "
                        "`import-watch doctor` finds out why."
                    )
                if waited > self.seconds:
                    raise CommandError(
                        f"The import has not ended after {duration(waited)}; its watch continues: "
                        "`import-watch wait` waits again.",
                        NOT_ENDED,
                    )
                time.sleep(min(pause, max(0.05, self.seconds - waited)))

    def _report(self, record: StoredWatch) -> int:
        if self.output.as_json:
            message = record.result.message if record.result else None
            self.output.value({**row_of(record).to_json(), "message": message})
            return status_of(record)
        print_outcome(self.output, record)
        if not self.output.quiet:
            print_next_steps(self.output, record, self.stack_options)
        return status_of(record)


def status_of(record: StoredWatch) -> int:
    """Exit status of an outcome."""
    if record.result is None:
        return NOT_ENDED
    if record.result.outcome in COMPLETED:
        return 0
    return NOT_KNOWN if record.result.outcome is Outcome.UNKNOWN else NOT_COMPLETED


def standing_of(record: StoredWatch) -> Standing:
    """State of a watch, as a terminal shows it."""
    watch, ended = record.watch, record.result
    awaited = watch.awaiting_log if ended is None else None
    state = watch.import_state.value if watch.import_state else REGISTERED
    return Standing(
        state=ended.outcome.value if ended else awaited.outcome.value if awaited else state,
        polls=watch.polls,
        next_poll_at=None if ended else watch.next_poll_at,
        fraction=watch.progress.fraction if watch.progress else None,
        error=None if ended else watch.last_trouble,
        since=watch.registered_at,
        ended_at=ended.detected_at if ended else None,
        awaits_log=awaited is not None,
        attempt=watch.attempt,
    )
