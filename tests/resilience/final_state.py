"""The state after a storm."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from local.outcomes import Message
from tests.resilience.calls import Operation


@dataclass(frozen=True, slots=True)
class Stop:
    """An execution that was stopped: `generation` is the one in which it owned its watch at that moment."""

    import_id: str
    execution: str
    generation: int
    at: float


@dataclass(frozen=True, slots=True)
class LastState:
    """The state that an execution was in when it was stopped, and whether an outcome awaited its log then."""

    name: str
    awaits_log: bool


@dataclass(slots=True)
class FinalState:
    """What is observed after the storm.

    Parameters
    ----------
    messages : dict of str to list of Message
        What the subscriber got, by watch.
    items : dict of str to dict
        The table.
    polled_at : dict of str to list of float
        Times of the requests to the vendor, by import, on the stack's clock.
    published : dict of str to list of float
        Times at which SNS accepted an outcome, by import, in the machine's monotonic seconds.
    stops : list of Stop
    last_states : dict of str to LastState
        Where each stopped execution was, by its ARN.
    restarts : list of tuple of float and list of str
        When the emulator was stopped (the machine's monotonic seconds), and the imports that were active then.
    recovered : Counter
        Results that `recover_watches` logged.
    handed_over : int
    operations : frozenset of Operation
        Of the calls of the functions.
    struck : Counter
        Faults injected on our side, by kind.
    outages : Counter
        Outages, by name.
    vendor_faults : dict of str to int
        Polls to which the vendor responded with a fault, by import.
    kept : dict of str to str
        All the text in which no secret may be, by where it was found.
    seconds : float
        How long it took, on the machine's clock.
    """

    messages: dict[str, list[Message]]
    items: dict[str, dict[str, Any]]
    polled_at: dict[str, list[float]]
    published: dict[str, list[float]]
    stops: list[Stop]
    last_states: dict[str, LastState]
    restarts: list[tuple[float, list[str]]]
    recovered: Counter[str]
    handed_over: int
    operations: frozenset[Operation]
    struck: Counter[str]
    outages: Counter[str]
    vendor_faults: dict[str, int]
    kept: dict[str, str]
    seconds: float
    unsettled: str = ""
    executions: int = 0
