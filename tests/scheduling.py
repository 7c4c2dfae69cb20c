"""Order of the suite on several workers: by file, or by group where files share a stack, and the longest first."""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadGroupScheduling

LONGEST_FIRST = (
    "storm",
    "tests/conformance/test_vendors.py",
    "packaging",
    "stack",
    "tests/resilience/model/test_invariants.py",
    "faults",
    "rate-limit-stack",
    "permissions-stack",
    "operating-page",
    "upgrade",
    "command-line",
    "interpreters",
    "broken-stack",
    "customer-key",
)
"""What takes longest, so that no worker begins it when the others have nothing left to do."""


class ByFileOrGroup(LoadGroupScheduling):  # type: ignore[misc]
    """Hands whole files to the workers, not single tests: ten thousand of them would keep the coordinator busy."""

    def _split_scope(self, nodeid: str) -> str:
        """Give the group of a test, else its file."""
        scope: str = super()._split_scope(nodeid)
        return scope.partition("::")[0] if scope == nodeid else scope


def rank(item: pytest.Item) -> int:
    """Give the place of a test's group or file among what takes longest; all others come after them."""
    group = item.get_closest_marker("xdist_group")
    scope = group.args[0] if group else item.nodeid.partition("::")[0]
    return LONGEST_FIRST.index(scope) if scope in LONGEST_FIRST else len(LONGEST_FIRST)
