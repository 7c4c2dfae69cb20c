"""Says whether a storm was come through, and in which figures. Pure: it judges an aftermath by its plan.

The rule for an outcome. An import must have exactly the outcome of its script, whatever struck it, but for this: where
`StopExecution` was accepted for the execution that owned the watch,

- the outcome is WATCH_STOPPED if the watch ended in the generation that was stopped, unless the execution was just then
  in a task: what a function that was under way saw of the end may then be the outcome;
- it is that of the script if it was known already and only awaited its log;
- it is that of the script if a start event, or a hand-over that was under way, carried the watch on: then its
  generation is a later one.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from local.clock import Clock
from tests.leaks import SECRETS
from tests.resilience.aftermath import Aftermath, Stop
from tests.resilience.plan import Plan, PlannedImport, limit_of
from tests.resilience.scripts import Expected

STOPPED = Expected("UNKNOWN", "WATCH_STOPPED")
WAITING = "WaitForPoll"
MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a storm: `wrong` is empty if it was come through; `table` holds rows of a name and a figure."""

    wrong: tuple[str, ...]
    table: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        """The table for a person."""
        width = max(len(name) for name, _ in self.table)
        return "\n".join(f"{name:<{width}}  {figure}" for name, figure in self.table)


def judge(plan: Plan, after: Aftermath, clock: Clock) -> Verdict:
    """Judge a storm.

    Parameters
    ----------
    plan : Plan
    after : Aftermath
    clock : Clock
        The stack's.
    """
    stops: dict[str, list[Stop]] = defaultdict(list)
    for stop in after.stops:
        stops[stop.import_id].append(stop)
    wrong = [after.unsettled] if after.unsettled else []
    right, kinds = 0, Counter[str]()
    for one in plan.imports:
        faults = list(_faults_of(one, after, stops[one.import_id]))
        wrong += [f"{one.watch_id} ({one.script.kind}): {fault}" for fault in faults]
        right += not faults
        kinds[one.script.kind] += 1
    wrong += _faults_of_table(after)
    wrong += [f"a secret is in {place}" for place, text in after.kept.items() if any(one in text for one in SECRETS)]
    if "poll failed" not in after.kept["the logs of the functions"]:
        wrong.append("the functions' logs were not read")
    busiest = _busiest_minutes(plan, after)
    wrong += [
        f"connection {name} was asked {most} times in a minute: its limit is {limit_of(name)}"
        for name, most in busiest.items()
        if most > limit_of(name)
    ]
    told = [message for messages in after.messages.values() for message in messages]
    vendor_faults = Counter[str]()
    for one in plan.imports:
        vendor_faults[one.script.kind] += after.vendor_faults.get(one.import_id, 0)
    vendor_faults = +vendor_faults
    table = [
        ("imports", str(len(plan.imports))),
        ("outcomes right", f"{right} of {len(plan.imports)}"),
        (
            "  of these stopped by a person",
            str(sum(_is_stopped(messages[0].event) for messages in after.messages.values())),
        ),
        ("outcome ids", str(len({message.event["id"] for message in told}))),
        (
            "messages to the subscriber",
            f"{len(told)}, {len(told) - len(after.messages)} of them repeats under the same id",
        ),
        ("polls the vendors saw", str(sum(len(times) for times in after.polled_at.values()))),
        ("executions", str(after.executions)),
        ("hand-overs", str(after.handed_over)),
        ("takeovers by recover_watches", str(after.recovered.get("TAKEN_OVER", 0))),
        ("successors started by recover_watches", str(after.recovered.get("STARTED", 0))),
        ("outcomes published by recover_watches", str(after.recovered.get("PUBLISHED", 0))),
        ("connection counts repaired", str(after.recovered.get("COUNTS_REPAIRED", 0))),
        (
            "busiest minute of a connection",
            f"{max((most / limit_of(name) for name, most in busiest.items()), default=0):.0%} of its limit",
        ),
        *_recovery_rows("recovery from a stopped execution", _after_stops(after, clock), clock.speed),
        *_recovery_rows("recovery from a restart of the emulator", _after_restarts(after, clock), clock.speed),
        ("seconds", f"{after.seconds:.0f}, with a clock {clock.speed:.1f} times the machine's"),
        ("faults on our side", str(after.struck.total())),
        *((f"  {what}", str(times)) for what, times in sorted(after.struck.items())),
        ("polls that the vendor answered with a fault", str(vendor_faults.total())),
        *((f"  import that {kind}", str(times)) for kind, times in sorted(vendor_faults.items())),
        ("spells", str(after.spells.total())),
        *((f"  {what}", str(times)) for what, times in sorted(after.spells.items())),
        ("scripts", str(len(kinds))),
        *((f"  {kind}", str(times)) for kind, times in sorted(kinds.items())),
    ]
    return Verdict(tuple(wrong), tuple(table))


def _faults_of(one: PlannedImport, after: Aftermath, stops: Sequence[Stop]) -> Iterator[str]:
    messages = after.messages.get(one.watch_id, [])
    if not messages:
        yield "nobody was told"
        return
    ids = {message.event["id"] for message in messages}
    if len(ids) != 1:
        yield f"was told under {len(ids)} ids"
    told = {(message.event["data"]["outcome"], message.event["data"]["reason"]) for message in messages}
    if len(told) != 1:
        yield f"was told as {sorted(told, key=str)}"
    data = messages[0].event["data"]
    seen = Expected(data["outcome"], data["reason"])
    allowed = _allowed(one, after, stops)
    if seen not in allowed:
        expected = " or ".join(f"{each.outcome}/{each.reason}" for each in allowed)
        yield f"is {seen.outcome}/{seen.reason}, not {expected}: {data['message']}"
    if data["correlationId"] != f"storm-{one.import_id}":
        yield f"came back with the correlation id {data['correlationId']!r}"
    if len(after.published.get(one.import_id, [])) != len(messages):
        yield f"was published {len(after.published.get(one.import_id, []))} times and got {len(messages)} times"


def _allowed(one: PlannedImport, after: Aftermath, stops: Sequence[Stop]) -> tuple[Expected, ...]:
    """Give the outcomes that an import may have."""
    final = int(after.items[one.watch_id]["generation"])
    last = [after.last_states[stop.execution] for stop in stops if stop.generation == final]
    if not last or any(state.awaits_log for state in last):
        return (one.script.expected,)
    if any(state.name == WAITING for state in last):
        return (STOPPED,)
    return (one.script.expected, STOPPED)


def _is_stopped(event: dict[str, object]) -> bool:
    data = event["data"]
    return isinstance(data, dict) and data["reason"] == STOPPED.reason


def _faults_of_table(after: Aftermath) -> Iterator[str]:
    for key, item in after.items.items():
        if item.get("active") == "ACTIVE":
            yield f"{key} is still active"
        if "unpublished" in item:
            yield f"{key} is not published"
        if int(item.get("activeWatches", 0)) != 0:
            yield f"{key} counts {item['activeWatches']} active watches"


def _busiest_minutes(plan: Plan, after: Aftermath) -> dict[str, int]:
    """Give the most requests in any minute of the stack's clock, by connection."""
    asked: dict[str, list[float]] = defaultdict(list)
    for one in plan.imports:
        asked[one.connection] += after.polled_at.get(one.import_id, [])
    busiest = {}
    for name, times in asked.items():
        times.sort()
        busiest[name] = max((bisect_right(times, time + MINUTE) - index for index, time in enumerate(times)), default=0)
    return busiest


def _after_stops(after: Aftermath, clock: Clock) -> list[float]:
    return [
        seconds for stop in after.stops if (seconds := _to_next_sign(stop.import_id, stop.at, after, clock)) is not None
    ]


def _after_restarts(after: Aftermath, clock: Clock) -> list[float]:
    return [
        seconds
        for at, under_way in after.restarts
        for import_id in under_way
        if (seconds := _to_next_sign(import_id, at, after, clock)) is not None
    ]


def _to_next_sign(import_id: str, at: float, after: Aftermath, clock: Clock) -> float | None:
    """Give the machine's seconds from a moment to the next poll or publish of a watch."""
    signs = [clock.machine_time(time) for time in after.polled_at[import_id]] + after.published.get(import_id, [])
    return min((sign - at for sign in signs if sign > at), default=None)


def _recovery_rows(name: str, seconds: Iterable[float], speed: float) -> Iterator[tuple[str, str]]:
    ordered = sorted(seconds)
    if not ordered:
        yield name, "none"
        return
    p50, p95, most = (_quantile(ordered, share) for share in (0.5, 0.95, 1.0))
    yield (
        f"{name} ({len(ordered)}): p50, p95, max",
        f"{p50:.1f}, {p95:.1f}, {most:.1f} s ({p50 * speed:.0f}, {p95 * speed:.0f}, {most * speed:.0f} s of its clock)",
    )


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
