"""The vendors that exist, found by their folders, and start events read for them."""

from __future__ import annotations

import importlib
from pathlib import Path

from import_watch.lifecycle.start_event import StartEvent, parse
from import_watch.model.serialization import JSON
from import_watch.vendors.adapter import Adapter


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
