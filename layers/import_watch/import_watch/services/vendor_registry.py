"""The vendors that exist, found by their folders, and start events read for them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from import_watch.lifecycle.start_event import StartEvent, parse, parse_change
from import_watch.model.serialization import JSON
from import_watch.vendors.adapter import Adapter

MAX_DIGITS = 262_144
"""Maximum digits of a number in an event: an execution's input has no more bytes, and parsing them takes 0.2 s."""
MAX_NESTING = 10_000
"""Maximum nesting of an event that is parsed: the parser's own stack has room for twice as many levels."""


class VendorRegistry:
    """The vendors that exist: one folder `poll_<vendor>` each, in the function's own package.

    Parameters
    ----------
    folder : Path
        The folder of those folders; it must be on the module search path.
    """

    def __init__(self, folder: Path) -> None:
        prefix = "poll_"
        self.names = tuple(
            sorted(path.parent.name.removeprefix(prefix) for path in folder.glob(f"{prefix}*/adapter.py"))
        )

    def adapter(self, vendor: str) -> Adapter:
        """Adapter of one of `names`; no other is loaded."""
        adapter: Adapter = importlib.import_module(f"poll_{vendor}.adapter").ADAPTER
        return adapter

    def parse(self, event: JSON) -> StartEvent:
        """Read a start event for one of these vendors."""
        return parse(event, self.names, self.adapter)

    def parse_change(self, event: JSON) -> StartEvent:
        """Read an `ImportChanged` event for one of these vendors."""
        return parse_change(event, self.names, self.adapter)


def accept_any_event() -> None:
    """Let this process read numbers and nesting of any start event, before its runtime reads the first one.

    A function that cannot read its event fails before its handler is called, and so does every function that gets the
    same event.
    """
    sys.set_int_max_str_digits(MAX_DIGITS)
    sys.setrecursionlimit(max(MAX_NESTING, sys.getrecursionlimit()))
