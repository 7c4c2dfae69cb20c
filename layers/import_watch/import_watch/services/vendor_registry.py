"""The vendors there are, found by their folders."""

from __future__ import annotations

import importlib
from pathlib import Path

from import_watch.vendors.adapter import Adapter


class VendorRegistry:
    """The vendors that there are: one folder `poll_<vendor>` each, in the function's own package.

    Parameters
    ----------
    folder : Path
        Where those folders are; it must be on the module search path.
    """

    def __init__(self, folder: Path) -> None:
        prefix = "poll_"
        self.names = tuple(
            sorted(path.parent.name.removeprefix(prefix) for path in folder.glob(f"{prefix}*/adapter.py"))
        )

    def adapter(self, vendor: str) -> Adapter:
        """Give the adapter of one of `names`, loading no other."""
        adapter: Adapter = importlib.import_module(f"poll_{vendor}.adapter").ADAPTER
        return adapter
