"""The version of this installation."""

from __future__ import annotations

import re
from importlib import metadata

from import_watch_cli.checkout import own_checkout

VERSION = re.compile(r'^  Version:\n    Description: .*\n    Value: "([^"]+)"', re.MULTILINE)


def version() -> str:
    """Version of the checkout, else of the installed package."""
    root = own_checkout()
    if root is not None:
        found = VERSION.search((root / "template.yaml").read_text("utf-8"))
        return found[1] if found else "unknown"
    return metadata.version("import-watch")
