"""Words that a shell offers while a command is typed; an error offers none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

MAX_IDS = 200


def active_ids(parameters: Mapping[str, Any], incomplete: str) -> list[tuple[str, str]]:
    """Ids of active watches, each with its vendor and its state.

    Parameters
    ----------
    parameters : mapping
        The options that are typed already.
    incomplete : str
        The beginning of the id.
    """
    try:
        from import_watch_cli.stack import find_stack
        from import_watch_cli.watches import Watches

        places = (parameters.get(name) for name in ("stack", "profile", "region", "local"))
        rows = Watches(find_stack(*places)).active(limit=MAX_IDS)
    except Exception:  # noqa: BLE001
        # A shell would print an error into the line that is being typed.
        return []
    count = Counter(row.import_id for row in rows)
    words = [
        (row.import_id if count[row.import_id] == 1 and "#" not in incomplete else row.watch_id, row) for row in rows
    ]
    return [(word, f"{row.vendor}, {row.state}") for word, row in words if word.startswith(incomplete)]


def vendors(incomplete: str) -> list[str]:
    """Names of the vendors."""
    from import_watch_cli.checkout import vendor_registry

    return [name for name in vendor_registry().names if name.startswith(incomplete)]
