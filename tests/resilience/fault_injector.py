"""Decides which calls of the functions fail, and counts the injected faults and the completed operations."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from random import Random

from tests.resilience.calls import Call, Operation
from tests.resilience.plan import Outage, Planned, PlannedImport, Signal
from tests.resilience.proxy import Fault, Harm


class FaultInjector:
    """Decides for the proxy, and records its calls; safe to use from its threads.

    Parameters
    ----------
    seed : int
    """

    def __init__(self, seed: int) -> None:
        self._lock = threading.Lock()
        self._random = Random(seed)
        self._planned: dict[tuple[str, Operation], tuple[Planned, ...]] = {}
        self._signals: dict[str, tuple[Signal, ...]] = {}
        self._calls: Counter[tuple[str, Operation]] = Counter()
        self._saved: Counter[str] = Counter()
        self._due: list[tuple[float, str, Signal]] = []
        self._outage: Outage | None = None
        self.operations: set[Operation] = set()
        """Operations of the calls so far."""
        self.struck: Counter[str] = Counter()
        """Injected faults, by kind."""
        self.outages: Counter[str] = Counter()
        """Outages, by name."""
        self.published: dict[str, list[float]] = defaultdict(list)
        """The machine's monotonic seconds at which SNS took an outcome, by import."""

    def expect(self, one: PlannedImport) -> None:
        """Have the faults and signals of an import ready."""
        with self._lock:
            by_operation: dict[Operation, list[Planned]] = defaultdict(list)
            for planned in one.faults:
                by_operation[planned.operation].append(planned)
            self._planned |= {(one.import_id, operation): tuple(faults) for operation, faults in by_operation.items()}
            self._signals[one.import_id] = one.signals

    def change(self, outage: Outage | None) -> None:
        """Begin an outage, or end it."""
        with self._lock:
            self._outage = outage

    def calm(self) -> None:
        """Have nothing fail any more."""
        with self._lock:
            self._outage = None
            self._planned.clear()
            self._signals.clear()
            self._due.clear()

    def count(self, what: str, times: int = 1) -> None:
        """Count a fault that was injected elsewhere."""
        with self._lock:
            self.struck[what] += times

    def due_signals(self) -> list[tuple[str, Signal]]:
        """Take the signals that are due: imports, and the signal for each."""
        now = time.monotonic()
        with self._lock:
            due = [(import_id, signal) for at, import_id, signal in self._due if at <= now]
            self._due = [one for one in self._due if one[0] > now]
        return due

    def decide(self, call: Call) -> Fault | None:
        """Fault for a call, if any."""
        with self._lock:
            self.operations.add(call.operation)
            if call.import_id is not None:
                key = (call.import_id, call.operation)
                self._calls[key] += 1
                fault = _planned_for(self._planned.get(key, ()), self._calls[key])
                if fault is not None:
                    return fault
            outage = self._outage
            if outage is None or call.operation not in outage.operations or self._random.random() > outage.share:
                return None
            if call.secret is not None and "/calm-" in call.secret:
                return None
            return self._random.choice(outage.faults)

    def record(self, call: Call, fault: Fault | None, status: int) -> None:
        """Record the result of a call."""
        with self._lock:
            if fault is not None:
                how = f"{fault.harm} ({fault.status})" if fault.harm is Harm.REFUSED else str(fault.harm)
                self.struck[f"{call.operation}: {how}"] += 1
            if call.import_id is None or not 200 <= status < 300:
                return
            if call.operation is Operation.PUBLISH:
                self.published[call.import_id].append(time.monotonic())
            elif call.operation in (Operation.SAVE, Operation.TRANSFER_OWNERSHIP):
                self._saved[call.import_id] += 1
                nth = self._saved[call.import_id]
                self._due += [
                    (time.monotonic() + signal.delay, call.import_id, signal)
                    for signal in self._signals.get(call.import_id, ())
                    if signal.nth == nth
                ]


def _planned_for(planned: Iterable[Planned], nth: int) -> Fault | None:
    return next((one.fault for one in planned if one.nth <= nth < one.nth + one.times), None)
