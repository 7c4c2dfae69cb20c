"""Lists watches: which ones, and how they are printed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from import_watch.model.outcome import Outcome

from import_watch_cli.checkout import vendor_registry
from import_watch_cli.durations import age_in
from import_watch_cli.errors import CommandError
from import_watch_cli.list_text import print_active, print_ended
from import_watch_cli.output import Output
from import_watch_cli.rows import FAILED, WatchRow
from import_watch_cli.stack import Stack
from import_watch_cli.watches import Watches

DAY = 86_400
MAX_COUNTED = 1_000
LISTED = 50
"""Watches of each kind that a person sees without --limit."""


@dataclass(frozen=True)
class Listing:
    """A list of watches.

    Parameters
    ----------
    active, ended, failed : bool
    since : str or None
        An age.
    vendor : str or None
    outcomes : sequence of str
    limit : int or None
        Maximum of each kind; by default 50 for people, and everything for programs.
    """

    active: bool = False
    ended: bool = False
    failed: bool = False
    since: str | None = None
    vendor: str | None = None
    outcomes: Sequence[str] = ()
    limit: int | None = None

    def validate(self) -> None:
        """Check the options, before a stack is read.

        Raises
        ------
        CommandError
            If one is invalid.
        """
        names = vendor_registry().names
        if self.vendor is not None and self.vendor not in names:
            raise CommandError(f"--vendor must be one of {', '.join(names)}.")
        if wrong := [one for one in self.outcomes if one.upper() not in Outcome.__members__]:
            raise CommandError(f"--outcome must be one of {', '.join(Outcome)}, not {wrong[0]!r}.")
        if self.since is not None:
            age_in(self.since)

    def run(self, stack: Stack, output: Output) -> int:
        """Print the list."""
        watches = Watches(stack)
        lists_ended = self.ended or self.failed or bool(self.outcomes) or self.since is not None
        lists_active = self.active or not lists_ended
        if output.as_json and self.limit is None:
            # A program that counts them cannot see that a list was cut.
            for row in chain(
                watches.active(self.vendor) if lists_active else (), self._all_ended(watches) if lists_ended else ()
            ):
                output.value(row.to_json())
            return 0
        limit = LISTED if self.limit is None else self.limit
        active = watches.active(self.vendor, limit + 1) if lists_active else []
        ended = self._ended(watches, limit + 1) if lists_ended else []
        more = max(len(active), len(ended)) > limit
        active, ended = active[:limit], ended[:limit]
        if output.as_json:
            for row in (*active, *ended):
                output.value(row.to_json())
        else:
            if not output.quiet:
                output.line(self._title(stack, watches, active, ended, more=more))
                output.line()
            print_active(output, active)
            if active and ended:
                output.line()
            print_ended(output, ended)
        if more:
            output.note(f"These are the first {limit}: --limit lists more.")
        return 0

    def _ended(self, watches: Watches, limit: int) -> list[WatchRow]:
        outcomes, since = self._selected()
        return watches.ended(outcomes, since, self.vendor, limit) if outcomes else []

    def _all_ended(self, watches: Watches) -> Iterable[WatchRow]:
        outcomes, since = self._selected()
        return watches.all_ended(outcomes, since, self.vendor) if outcomes else ()

    def _selected(self) -> tuple[set[Outcome], float | None]:
        """Outcomes that are listed, and the time since which."""
        outcomes = {Outcome(one.upper()) for one in self.outcomes} or (set(FAILED) if self.failed else set(Outcome))
        if self.failed:
            outcomes &= set(FAILED)
        return outcomes, None if self.since is None else time.time() - age_in(self.since)

    def _title(
        self, stack: Stack, watches: Watches, active: Sequence[WatchRow], ended: Sequence[WatchRow], *, more: bool
    ) -> str:
        title = f"Stack {stack.name} ({stack.place})"
        if ended or self.ended or self.failed or self.outcomes or self.since:
            kind = "failed" if self.failed else "ended"
            counted = f"{len(ended)}{'+' if more else ''} {kind}"
            return f"{title} · {len(active)} active, {counted}" if self.active else f"{title} · {counted}"
        count = f"{len(active)}{'+' if more else ''} active"
        try:
            latest = len(watches.ended(since=time.time() - DAY, limit=MAX_COUNTED))
        except CommandError:
            return f"{title} · {count}"  # the stack is of a release without an index of ended watches
        several = "+" if latest == MAX_COUNTED else ""
        return f"{title} · {count}, {latest}{several} ended in the last 24 hours"
