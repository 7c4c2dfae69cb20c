"""Waits for the outcome of a watch, with its progress."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from import_watch.model.outcome import COMPLETED, Outcome
from import_watch.model.record import StoredWatch

from import_watch_cli.durations import counted, short_duration
from import_watch_cli.errors import CommandError
from import_watch_cli.list_text import next_poll, progress_bar, state_cell, vendor_title
from import_watch_cli.output import Cell, Output
from import_watch_cli.rows import row_of
from import_watch_cli.stack import Stack
from import_watch_cli.story_text import next_steps, print_outcome
from import_watch_cli.watches import Watches

NOT_COMPLETED, NOT_KNOWN, NOT_ENDED = 1, 2, 4
"""Exit statuses: of a failed or cancelled import, of an unknown outcome, and of a watch that did not end in time."""
INTERRUPTED = 130
MAX_SECONDS = 31 * 86_400.0
"""Longer than any watch."""
REGISTRATION_SECONDS = 60.0
PAUSE_SECONDS, LOCAL_PAUSE_SECONDS = 3.0, 0.3
DRAW_SECONDS = 1.0


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
    """

    stack: Stack
    output: Output
    watch_id: str
    attempt: int = 1
    seconds: float = MAX_SECONDS

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
            name = self.watch_id.rpartition("#")[2]
            self.output.note(f"Not waiting any longer: the import and its watch continue. import-watch show {name}")
            return INTERRUPTED
        return self._report(record)

    def _until_ended(self) -> StoredWatch:
        store = Watches(self.stack).store
        began = time.monotonic()
        pause = LOCAL_PAUSE_SECONDS if self.stack.is_local else PAUSE_SECONDS
        with _Progress(self.output) as progress:
            while True:
                record = store.get(self.watch_id)
                waited = time.monotonic() - began
                present = record is not None and record.watch.attempt >= self.attempt
                if record is not None and present:
                    if record.result is not None:
                        return record
                    progress.show(record)
                elif waited > REGISTRATION_SECONDS:
                    raise CommandError(
                        f"The start event was sent, and after {short_duration(waited)} no watch is registered: "
                        "`import-watch doctor` finds out why."
                    )
                if waited > self.seconds:
                    raise CommandError(
                        f"The import has not ended after {short_duration(waited)}; its watch continues: "
                        "`import-watch wait` waits again.",
                        NOT_ENDED,
                    )
                progress.pause(min(pause, max(0.05, self.seconds - waited)))

    def _report(self, record: StoredWatch) -> int:
        result = record.result
        if self.output.as_json:
            self.output.value({**row_of(record).to_json(), "message": result.message if result else None})
        else:
            print_outcome(self.output, record)
            for step in next_steps(record):
                self.output.note(f"  {step}")
        return status_of(record)


def status_of(record: StoredWatch) -> int:
    """Exit status of an outcome."""
    if record.result is None:
        return NOT_ENDED
    if record.result.outcome in COMPLETED:
        return 0
    return NOT_KNOWN if record.result.outcome is Outcome.UNKNOWN else NOT_COMPLETED


class _Progress:
    """One line that is drawn again on a terminal; elsewhere a line for each change. It is no result: a note."""

    def __init__(self, output: Output, clock: Callable[[], float] = time.time) -> None:
        self._output = output
        self._clock = clock
        self._shown = ""
        self._fraction: float | None = None
        self._record: StoredWatch | None = None
        self._live = None
        if output.is_terminal and not output.quiet and not output.as_json:
            from rich.live import Live

            self._live = Live(console=output.console, auto_refresh=False, transient=True)

    def __enter__(self) -> _Progress:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, record: StoredWatch) -> None:
        """Show the state of the watch."""
        self._record = record
        progress = record.watch.progress
        if progress is not None:
            # Another count of the items may make the share smaller; what was done stays done.
            self._fraction = max(self._fraction or 0.0, progress.fraction)
        if self._live is not None:
            self._draw()
            return
        state, done = state_cell(row_of(record))[0], ""
        if self._fraction is not None:
            done = f" {self._fraction:.0%}"
        if (text := f"{state}{done}") != self._shown:
            self._shown = text
            watch = record.watch
            error = f"  {watch.last_trouble}" if watch.last_trouble else ""
            self._output.note(
                f"{self._elapsed(record):>9}  {watch.import_id}  {text}  {counted(watch.polls, 'poll')}{error}"
            )

    def pause(self, seconds: float) -> None:
        """Wait until the next look at the table, and keep the elapsed time up to date."""
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            time.sleep(min(left, DRAW_SECONDS))
            if self._live is not None and self._record is not None:
                self._draw()

    def _draw(self) -> None:
        from rich.text import Text

        from import_watch_cli.output import printable

        if self._record is None or self._live is None:
            return
        watch, now = self._record.watch, self._clock()
        cells: list[Cell] = [
            (f"{watch.import_id} at {vendor_title(watch.vendor)}  ", ""),
            state_cell(row_of(self._record)),
            (f"  {progress_bar(self._fraction)}" if self._fraction is not None else "", ""),
            (f"  {self._elapsed(self._record)}  next poll {next_poll(watch.next_poll_at, now)}", ""),
        ]
        self._live.update(Text.assemble(*((printable(text), style) for text, style in cells)), refresh=True)

    def _elapsed(self, record: StoredWatch) -> str:
        return short_duration(self._clock() - record.watch.registered_at)
