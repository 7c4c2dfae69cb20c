"""The storm as a value: its imports and the faults of each, all of it from one seed. Pure.

A fault of one import is tied to what is done for that import (its second saved poll, its first publish), not to a
time. So a seed gives the same faults again on a machine that is faster or slower; how they interleave is the
machine's.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from import_watch.model.watch import watch_id

from tests.resilience.calls import WRITES, Operation
from tests.resilience.proxy import Fault, Harm
from tests.resilience.scripts import MAKERS, Script

CONNECTIONS: Mapping[str, tuple[str, ...]] = {
    "document360": ("calm-d", "d-1", "d-2", "d-3"),
    "egain": ("calm-e", "e-1", "e-2"),
    "voyado": ("calm-v", "v-1", "v-2"),
}
"""The connections by vendor. The secret of a *calm* one can always be read, and its vendor never refuses."""
LIMITS = (15, 20, 30)
"""Requests per minute that the connections name, alternately."""
CALM_KINDS = ("always gets invalid data", "is away twice")
"""Kinds to which a further failed poll would give another outcome."""
REFUSALS = (
    Fault(Harm.REFUSED, 500, "InternalServerError"),
    Fault(Harm.REFUSED, 503, "ServiceUnavailable"),
    Fault(Harm.REFUSED, 400, "ThrottlingException"),
)
HARMS = (*REFUSALS, Fault(Harm.CUT), Fault(Harm.RESPONSE_LOST))
FINAL = Fault(Harm.REFUSED, 400, "AccessDeniedException")
"""Not retried by the SDK: the function fails at once."""
KILLS = (Fault(Harm.KILLED_BEFORE), Fault(Harm.KILLED_AFTER))
MAX_WAVE_SHARE = 100
"""Imports that go through the storm on one stack."""
EXCEEDING_EVERY = 3
"""In a large storm, one of this number of started imports exceeds a limit, while there are such."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault that strikes the `nth` call of one operation for one import, and the `times - 1` after it."""

    operation: Operation
    nth: int
    fault: Fault
    times: int = 1


@dataclass(frozen=True, slots=True)
class Signal:
    """Something that is done from outside after the `nth` saved poll of an import: `stop` or `duplicate`."""

    what: str
    nth: int
    delay: float


@dataclass(frozen=True, slots=True)
class PlannedImport:
    """One import of the storm.

    Parameters
    ----------
    times : int
        How often its start event is sent at first.
    again_after_end : bool
        Whether it is sent once more after the outcome.
    """

    import_id: str
    vendor: str
    connection: str
    script: Script
    faults: tuple[Planned, ...]
    signals: tuple[Signal, ...]
    times: int
    again_after_end: bool

    @property
    def watch_id(self) -> str:
        """The key of its watch."""
        return watch_id(self.vendor, self.connection, self.import_id)

    @property
    def start(self) -> dict[str, object]:
        """The detail of its start event."""
        start: dict[str, object] = {
            "vendor": self.vendor,
            "importId": self.import_id,
            "connection": self.connection,
            "correlationId": f"storm-{self.import_id}",
        }
        if self.script.timeout_seconds is not None:
            start["timeoutSeconds"] = self.script.timeout_seconds
        return start


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which a service fails, or in which a connection's vendor refuses connections.

    Parameters
    ----------
    operations : frozenset of Operation
        Which calls fail; empty where it is the vendor that refuses.
    faults : tuple of Fault
    share : float
        Share of the calls that fail.
    before, seconds : float
        The machine's seconds without an outage before it, and its duration.
    """

    name: str
    operations: frozenset[Operation]
    faults: tuple[Fault, ...]
    share: float
    before: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Plan:
    """The storm.

    Parameters
    ----------
    restarts : tuple of int
        The emulator is restarted when this number of outcomes has been published.
    outages : tuple of Outage
        One after the other, from the beginning again after the last.
    worker_kills : tuple of float
        The machine's seconds between two function workers that are killed at any moment, likewise.
    """

    imports: tuple[PlannedImport, ...]
    restarts: tuple[int, ...]
    outages: tuple[Outage, ...]
    worker_kills: tuple[float, ...]


def limit_of(connection: str) -> int:
    """Requests per minute that a connection names."""
    names = [name for names in CONNECTIONS.values() for name in names]
    return LIMITS[names.index(connection) % len(LIMITS)]


def make_waves(count: int, seed: int) -> tuple[Plan, ...]:
    """Storm of a seed: consecutive waves, each with its own stack.

    The emulator stores its complete state when it is restarted, which takes minutes if there is too much.

    Parameters
    ----------
    count : int
        Imports; with fewer than there are kinds of scripts, not every kind comes.
    seed : int
    """
    waves = -(-count // MAX_WAVE_SHARE)
    edges = [count * wave // waves for wave in range(waves + 1)]
    return tuple(make_plan(after - before, seed, before) for before, after in pairwise(edges))


def make_plan(count: int, seed: int, first: int = 0) -> Plan:
    """One wave of a seed; `first` is the number of its first import."""
    random = Random(zlib.crc32(f"storm {count} {seed} {first}".encode()))
    kinds = [maker for _ in range(count // len(MAKERS) + 1) for maker in random.sample(MAKERS, len(MAKERS))][:count]
    imports = [_import(number, random, *kind) for number, kind in enumerate(kinds, first)]
    # Those that end by a grace period or the timeout take longest: their number decides how long the storm takes.
    imports.sort(key=lambda one: not one.script.exceeds_limit)
    if count > len(MAKERS) * 3:
        exceeding = [one for one in imports if one.script.exceeds_limit]
        others = imports[len(exceeding) :]
        imports = others
        for index, one in enumerate(exceeding):
            imports.insert(index * EXCEEDING_EVERY, one)
    restarts = max(1, count // 50)
    step = count / (restarts + 1)
    return Plan(
        imports=tuple(imports),
        restarts=tuple(round(step * (index + random.uniform(0.4, 1.2))) for index in range(restarts)),
        outages=tuple(_outages(random)),
        worker_kills=tuple(random.uniform(4, 10) for _ in range(50)),
    )


def _import(number: int, random: Random, make: object, vendors: tuple[str, ...]) -> PlannedImport:
    assert callable(make)
    vendor = random.choice(vendors)
    script: Script = make(vendor, random)
    connections = CONNECTIONS[vendor]
    connection = connections[0] if script.kind in CALM_KINDS else random.choice(connections)
    signals = []
    if random.random() < 0.12:
        signals.append(Signal("stop", random.randint(1, 5), random.uniform(0, 0.5)))
    if random.random() < 0.2:
        signals.append(Signal("duplicate", random.randint(1, 6), random.uniform(0, 0.5)))
    if signals and random.random() < 0.25:
        # A start event that comes just after a person stopped the execution.
        signals.append(Signal("duplicate", signals[0].nth, signals[0].delay))
    import_id = f"00000000-0000-4000-8000-{number:012x}" if vendor == "egain" else f"{9 * 10**18 + number}"
    return PlannedImport(
        import_id=import_id,
        vendor=vendor,
        connection=connection,
        script=script,
        faults=tuple(_fault(random) for _ in range(random.choice((0, 1, 1, 2)))),
        signals=tuple(signals),
        times=2 if random.random() < 0.15 else 1,
        again_after_end=random.random() < 0.1,
    )


def _fault(random: Random) -> Planned:
    operation = random.choice(
        (
            Operation.REGISTER,
            Operation.SAVE,
            Operation.SAVE,
            Operation.TRANSFER_OWNERSHIP,
            Operation.END,
            Operation.PUBLISH,
            Operation.PUBLISH,
            Operation.RECORD_PUBLISHED,
            Operation.RECORD_LOG,
            Operation.ARCHIVE,
        )
    )
    nth = random.randint(1, 4) if operation is Operation.SAVE else 1
    if random.random() < 0.5:
        return Planned(operation, nth, random.choice(KILLS))
    fault = random.choice((*HARMS, FINAL))
    if fault is FINAL:
        # A task is tried seven times: other faults must be left some.
        return Planned(operation, nth, fault, random.randint(1, 2))
    return Planned(operation, nth, fault, random.randint(1, 4) if fault.harm is Harm.REFUSED else 1)


def _outages(random: Random) -> list[Outage]:
    kinds: list[tuple[str, frozenset[Operation], tuple[Fault, ...]]] = [
        ("DynamoDB writes fail", WRITES, (*HARMS, FINAL)),
        ("SNS publishes fail", frozenset({Operation.PUBLISH}), (*HARMS, FINAL)),
        ("S3 puts fail", frozenset({Operation.ARCHIVE}), HARMS),
        ("secret reads fail", frozenset({Operation.READ_SECRET}), (*REFUSALS, Fault(Harm.CUT))),
        ("Step Functions calls fail", frozenset({Operation.START, Operation.DESCRIBE}), HARMS),
        ("the vendor refuses connections", frozenset(), ()),
    ]
    return [
        Outage(name, operations, faults, random.uniform(0.5, 1), random.uniform(1.5, 4), random.uniform(0.7, 1.8))
        for _ in range(10)
        for name, operations, faults in random.sample(kinds, len(kinds))
    ]
