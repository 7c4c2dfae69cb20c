"""Names the executions that carry a watch on: the same name whoever names it, so that none is started twice. Pure."""

from __future__ import annotations

import hashlib
from typing import Final

from import_watch.model.serialization import JSON
from import_watch.model.timestamps import iso
from import_watch.model.watch import Watch

RESUME: Final = "resume"
"""Key of an execution's input that carries a watch on, in place of a start event."""


def successor_name(watch: Watch) -> str:
    """Give the name of the execution that owns a watch in its present generation.

    The time of registration is in it: a watch may be registered anew once it has expired, and AWS gives a name to one
    execution only, for 90 days.
    """
    seed = f"{watch.watch_id}/{iso(watch.registered_at)}"
    return f"{hashlib.sha256(seed.encode()).hexdigest()[:40]}-{watch.generation}"


def sibling_arn(execution: str, name: str) -> str:
    """Give the ARN of an execution of the same state machine by its name."""
    return f"{execution.rpartition(':')[0]}:{name}"


def executions_of(state_machine: str) -> str:
    """Give what `sibling_arn` takes, by the ARN of the state machine."""
    return state_machine.replace(":stateMachine:", ":execution:", 1) + ":"


def resume_input(watch: Watch) -> dict[str, JSON]:
    """Give the input of the execution that owns a watch in its present generation."""
    return {RESUME: {"watchId": watch.watch_id, "generation": watch.generation}}
