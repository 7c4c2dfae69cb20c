"""What a function returns to the state machine: the next action, and the watch that it applies to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from import_watch.model.serialization import JSON
from import_watch.model.watch import Watch


class NextAction(StrEnum):
    """Actions that the state machine reads, and that the functions return."""

    WAIT = "WAIT"
    STALLED = "STALLED"
    HAND_OVER = "HAND_OVER"
    PUBLISH = "PUBLISH"
    ALREADY_WATCHED = "ALREADY_WATCHED"
    SUPERSEDED = "SUPERSEDED"
    NOT_WOKEN = "NOT_WOKEN"
    PUBLISHED = "PUBLISHED"
    ALREADY_PUBLISHED = "ALREADY_PUBLISHED"
    NOT_PUBLISHED = "NOT_PUBLISHED"


LEGACY_ACTIONS = {NextAction.STALLED: NextAction.WAIT, NextAction.HAND_OVER: NextAction.SUPERSEDED}
"""Replacements for actions that the definition of release 0.1.0 does not support."""


@dataclass(frozen=True, slots=True)
class Step:
    """The next action of the state machine.

    Parameters
    ----------
    action : NextAction
    watch : Watch
    seconds : int or None
        With WAIT and STALLED, until the next poll.
    successor : mapping or None
        With HAND_OVER, `name` and `input` of the execution to start.
    """

    action: NextAction
    watch: Watch
    seconds: int | None = None
    successor: Mapping[str, JSON] | None = None

    def in_supported_actions(self, supported: Collection[str]) -> Step:
        """The same step, in actions that the execution's definition supports: it may be that of release 0.1.0.

        An execution without support for a hand-over ends, and `recover_watches` starts the successor that the table
        names.
        """
        if self.action in supported:
            return self
        return replace(self, action=LEGACY_ACTIONS.get(self.action, self.action))
