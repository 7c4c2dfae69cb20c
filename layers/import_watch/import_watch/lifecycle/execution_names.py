"""Names of the executions that resume a watch: every caller gets the same name, so none is started twice. Pure."""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

from import_watch.model.serialization import JSON
from import_watch.model.timestamps import iso
from import_watch.model.watch import Watch

RESUME: Final = "resume"
"""Key in the input of an execution that resumes a watch, instead of a start event."""


class Resumed(NamedTuple):
    """What an execution resumes: a watch, and the generation and attempt in which the execution owns it."""

    watch_id: str
    generation: int
    attempt: int = 1


class Successor(NamedTuple):
    """The execution that owns a watch in its present generation."""

    name: str
    arn: str
    input: dict[str, JSON]

    def for_state_machine(self) -> dict[str, JSON]:
        """What the state machine starts it with."""
        return {"name": self.name, "input": self.input}


def successor_of(watch: Watch, execution: str) -> Successor:
    """Successor of an execution, by the watch as it is handed over.

    Parameters
    ----------
    watch : Watch
        With the generation of the successor.
    execution : str
        ARN of the execution that hands it over, or of any other one of the same state machine.
    """
    name = successor_name(watch)
    return Successor(name, sibling_arn(execution, name), resume_input(watch))


def successor_name(watch: Watch) -> str:
    """Name of the execution that owns a watch in its present generation.

    It contains the time of registration: a watch may be registered again once it has expired, and AWS accepts a name
    only once in 90 days.
    """
    seed = f"{watch.watch_id}/{iso(watch.registered_at)}"
    attempt = f"-{watch.attempt}" if watch.attempt > 1 else ""
    return f"{hashlib.sha256(seed.encode()).hexdigest()[:40]}{attempt}-{watch.generation}"


def sibling_arn(execution: str, name: str) -> str:
    """ARN of another execution of the same state machine."""
    return f"{execution.rpartition(':')[0]}:{name}"


def executions_of(state_machine: str) -> str:
    """Prefix of the ARNs of a state machine's executions."""
    return state_machine.replace(":stateMachine:", ":execution:", 1) + ":"


def resume_input(watch: Watch) -> dict[str, JSON]:
    """Input of the execution that owns a watch in its present generation."""
    resumed: dict[str, JSON] = {"watchId": watch.watch_id, "generation": watch.generation}
    return {RESUME: resumed if watch.attempt == 1 else {**resumed, "attempt": watch.attempt}}


def resumed_watch(given: JSON) -> Resumed | None:
    """What an execution's input resumes; None where it is a start event."""
    resumed = given.get(RESUME) if isinstance(given, dict) else None
    if not isinstance(resumed, dict):
        return None
    watch_id, generation, attempt = resumed.get("watchId"), resumed.get("generation"), resumed.get("attempt", 1)
    if not isinstance(watch_id, str) or not watch_id:
        return None
    if not isinstance(generation, int) or not isinstance(attempt, int):
        return None
    return Resumed(watch_id, generation, attempt)
