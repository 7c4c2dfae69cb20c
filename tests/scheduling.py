"""Order of the suite on several workers: by file, or by group where files share a stack, and the longest first."""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadGroupScheduling

SLOWEST_FIRST = (
    "storm",
    "tests/conformance/test_vendors.py",
    "packaging",
    "stack",
    "tests/resilience/model/test_invariants.py",
    "faults",
    "rate-limit-stack",
    "permissions-stack",
    "operating-page",
    "page",
    "demo",
    "upgrade",
    "cli-commands",
    "cli-local",
    "command-line",
    "website",
    "interpreters",
    "broken-stack",
    "customer-key",
)
"""The slowest groups and files: a worker must not start one when the others have no work left."""


class ByFileOrGroup(LoadGroupScheduling):  # type: ignore[misc]
    """Distributes whole files to the workers: ten thousand single tests would keep the coordinator busy."""

    def _split_scope(self, nodeid: str) -> str:
        """Group of a test, else its file."""
        scope: str = super()._split_scope(nodeid)
        return scope.partition("::")[0] if scope == nodeid else scope


def rank(item: pytest.Item) -> int:
    """Position of a test's group or file among the slowest; all others follow them."""
    group = item.get_closest_marker("xdist_group")
    scope = group.args[0] if group else item.nodeid.partition("::")[0]
    return SLOWEST_FIRST.index(scope) if scope in SLOWEST_FIRST else len(SLOWEST_FIRST)
