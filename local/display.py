"""Shows watches: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from local.progress import Standing

COLOURS = {
    "SUCCEEDED": "green",
    "PARTIAL": "yellow",
    "FAILED": "red",
    "CANCELLED": "magenta",
    "UNKNOWN": "red",
}
PLAIN_WIDTH = 24


class Display:
    """Shows the state of watches; a context manager.

    Parameters
    ----------
    console : Console
    clock : callable
        Returns epoch seconds.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.time) -> None:
        self._console = console
        self._clock = clock
        self._began = clock()
        self._shown: dict[str, Standing] = {}
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None

    def show(self, watches: Mapping[str, Standing]) -> None:
        """Show the state of watches by their names: all of them in the table, the changed ones as lines."""
        if self._live is not None:
            self._live.update(self._table(watches), refresh=True)
            return
        for name, standing in watches.items():
            if self._shown.get(name) != standing:
                self._shown[name] = standing
                self._console.print(self._line(name, standing), soft_wrap=True, highlight=False)

    def __enter__(self) -> Display:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()

    def _table(self, watches: Mapping[str, Standing]) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column("Import", no_wrap=True)
        table.add_column("State", no_wrap=True, min_width=22)
        table.add_column("Progress", no_wrap=True, min_width=16)
        table.add_column("Polls", justify="right")
        table.add_column("Next poll", justify="right", min_width=9)
        for name, standing in watches.items():
            bar = "" if standing.fraction is None else ProgressBar(total=1.0, completed=standing.fraction, width=16)
            state = standing.state + (" (poll failed)" if standing.error else "")
            colour = COLOURS.get(standing.state, "")
            table.add_row(name, Text(state, style=colour), bar, str(standing.polls), self._next_poll(standing))
        return table

    def _line(self, name: str, standing: Standing) -> str:
        elapsed = f"{self._clock() - self._began:5.1f} s"
        state = standing.state if standing.fraction is None else f"{standing.state} {standing.fraction:.0%}"
        line = f"{elapsed}  {name:<{PLAIN_WIDTH}}{state:<{PLAIN_WIDTH}} polls {standing.polls}"
        if standing.error:
            line += f"  poll failed: {standing.error}"
        return line if standing.next_poll_at is None else f"{line}  next in {self._next_poll(standing)}"

    def _next_poll(self, standing: Standing) -> str:
        if standing.next_poll_at is None:
            return ""
        return f"{max(0.0, standing.next_poll_at - self._clock()):.0f} s"
