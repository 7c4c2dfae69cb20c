"""Checks the final state of a storm against its plan, and computes the figures of the storm. Pure.

The rule for an outcome. An import must have exactly the outcome of its script, whatever faults it met, with this
exception: where `StopExecution` was accepted for the execution that owned the watch,

- the outcome is WATCH_STOPPED if the watch ended in the generation that was stopped, unless the execution was in a
  task at that moment: the result of the function that ran then may also be the outcome;
- it is that of the script if it was known already and only awaited its log;
- it is that of the script if a start event, or a hand-over that had begun, resumed the watch: then its generation is
  a later one.

And where own downtime (an execution that died, a wait for the rate limit) extended the errors of a vendor beyond the
grace period, so that no poll in all that time had a good response, the grace period may have expired. With an unmapped
status or an unknown import it must have. Own downtime does not count for the grace period of failed polls, but it is
not visible from outside: there the outcome of the script is right as well, and it is the only right one where the
observed waits, each limited to its maximum without own downtime, sum up to less than the grace period.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from operator import sub

from import_watch.lifecycle.transitions import ON_TIME_SECONDS
from import_watch.scheduling.poll_delay import backoff

from local.clock import Clock
from local.simulators.script import Import, Step
from tests.leaks import secrets_in
from tests.resilience.calls import WRITES
from tests.resilience.final_state import FinalState, Stop
from tests.resilience.plan import Plan, PlannedImport, limit_of
from tests.resilience.scripts import GRACE_SECONDS, Expected

STOPPED = Expected("UNKNOWN", "WATCH_STOPPED")
WAITING = "WaitForPoll"
MINUTE = 60.0
LATE_BY = 16.0
"""Seconds of the stack's clock by which a poll is counted later than it was requested: one of the machine's."""
MAX_CYCLE_SECONDS = 150.0
"""Maximum of a cycle in seconds."""
FAILED_POLLS = ("VENDOR_UNAVAILABLE", "UNREADABLE_ANSWER")
"""Reasons to which consecutive failed polls lead, whichever they are."""


@dataclass(frozen=True, slots=True)
class Findings:
    """Result of a storm: `wrong` is empty if everything was right; `table` holds rows of a name and a figure."""

    wrong: tuple[str, ...]
    table: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        """The table for a person."""
        width = max(len(name) for name, _ in self.table)
        return "\n".join(f"{name:<{width}}  {figure}" for name, figure in self.table)


@dataclass(frozen=True, slots=True)
class Wave:
    """One wave of a storm: its plan, its final state, and the clock of its stack."""

    plan: Plan
    after: FinalState
    clock: Clock


def judge(waves: Sequence[Wave]) -> Findings:
    """Check a storm."""
    judged = [(wave.after, one, list(_faults_of(one, wave.after))) for wave in waves for one in wave.plan.imports]
    wrong = [f"{one.watch_id} ({one.script.kind}): {fault}" for _, one, faults in judged for fault in faults]
    wrong += [fault for wave in waves for fault in _faults_of_wave(wave)]
    after = [wave.after for wave in waves]
    # Without them, no fault that is planned for such a call would have been injected.
    unseen = WRITES.difference(*(one.operations for one in after))
    wrong += [f"no call was recognised as {str(operation)!r}" for operation in sorted(unseen)]
    published = [messages for one in after for messages in one.messages.values()]
    messages = sum(map(len, published))
    recovered, struck, outages = (
        sum((getattr(one, name) for one in after), Counter[str]()) for name in ("recovered", "struck", "outages")
    )
    kinds = Counter(one.script.kind for _, one, _ in judged)
    vendor_faults = Counter[str]()
    for seen, one, _ in judged:
        vendor_faults[one.script.kind] += seen.vendor_faults.get(one.import_id, 0)
    speeds = sorted(wave.clock.speed for wave in waves)
    busiest = [most / limit_of(name) for wave in waves for name, most in _busiest_minutes(wave).items()]
    stopped = sum(_is_stopped(first.event) for first, *_ in published)
    rows: list[tuple[str, object]] = [
        ("imports", len(judged)),
        ("outcomes right", f"{sum(not faults for *_, faults in judged)} of {len(judged)}"),
        ("  of these stopped by a person", stopped),
        ("outcome ids", len({message.event["id"] for messages in published for message in messages})),
        ("messages to the subscriber", f"{messages}, {messages - len(published)} of them repeats under the same id"),
        ("polls the vendors saw", sum(len(times) for one in after for times in one.polled_at.values())),
        ("executions", sum(one.executions for one in after)),
        ("hand-overs", sum(one.handed_over for one in after)),
        ("takeovers by recover_watches", recovered["TAKEN_OVER"]),
        ("successors started by recover_watches", recovered["STARTED"]),
        ("outcomes published by recover_watches", recovered["PUBLISHED"]),
        ("connection counts repaired", recovered["COUNTS_REPAIRED"]),
        ("busiest minute of a connection", f"{max(busiest, default=0):.0%} of its limit"),
        *_recovery_rows("recovery from a stopped execution", [pair for wave in waves for pair in _after_stops(wave)]),
        *_recovery_rows(
            "recovery from a restart of the emulator", [pair for wave in waves for pair in _after_restarts(wave)]
        ),
        ("waves", len(waves)),
        (
            "seconds",
            f"{sum(one.seconds for one in after):.0f}, with clocks {speeds[0]:.1f} to {speeds[-1]:.1f} as fast",
        ),
        *_counted("faults on our side", struck),
        *_counted("polls to which the vendor responded with a fault, by import", vendor_faults),
        *_counted("outages", outages),
        *_counted("imports, by script", kinds),
    ]
    return Findings(tuple(wrong), tuple((name, str(figure)) for name, figure in rows))


def _counted(name: str, counts: Counter[str]) -> Iterator[tuple[str, object]]:
    yield name, counts.total()
    for what, times in sorted((+counts).items()):
        yield f"  {what}", times


def _faults_of_wave(wave: Wave) -> Iterator[str]:
    after = wave.after
    if after.unsettled:
        yield after.unsettled
    yield from _faults_of_table(after)
    for location, text in after.kept.items():
        if secrets_in(text):
            yield f"a secret is in {location}"
    if "poll failed" not in after.kept["the logs of the functions"]:
        yield "the functions' logs were not read"
    for name, most in _busiest_minutes(wave).items():
        if most > limit_of(name):
            yield f"connection {name} got {most} requests in a minute: its limit is {limit_of(name)}"


def _faults_of(one: PlannedImport, after: FinalState) -> Iterator[str]:
    stops = [stop for stop in after.stops if stop.import_id == one.import_id]
    messages = after.messages.get(one.watch_id, [])
    if not messages:
        yield "no outcome was published"
        return
    ids = {message.event["id"] for message in messages}
    if len(ids) != 1:
        yield f"was published under {len(ids)} ids"
    results = {(message.event["data"]["outcome"], message.event["data"]["reason"]) for message in messages}
    if len(results) != 1:
        yield f"was published as {sorted(results, key=str)}"
    data = messages[0].event["data"]
    seen = Expected(data["outcome"], data["reason"])
    allowed = _allowed(one, after, stops)
    if seen not in allowed:
        expected = " or ".join(f"{each.outcome}/{each.reason}" for each in allowed)
        yield f"is {seen.outcome}/{seen.reason}, not {expected}: {data['message']}"
    if data["correlationId"] != f"storm-{one.import_id}":
        yield f"was published with the correlation id {data['correlationId']!r}"
    if len(after.published.get(one.import_id, [])) != len(messages):
        yield f"was published {len(after.published.get(one.import_id, []))} times and got {len(messages)} times"


def _allowed(one: PlannedImport, after: FinalState, stops: Sequence[Stop]) -> tuple[Expected, ...]:
    """Outcomes that an import may have."""
    final = int(after.items[one.watch_id]["generation"])
    last = [after.last_states[stop.execution] for stop in stops if stop.generation == final]
    seen = _seen(one, after)
    if not last or any(state.awaits_log for state in last):
        return seen
    if any(state.name == WAITING for state in last):
        return (STOPPED,)
    return (*seen, STOPPED)


def _seen(one: PlannedImport, after: FinalState) -> tuple[Expected, ...]:
    """Outcomes that an import may have that was not stopped: its script's, unless a grace period expired before."""
    script = one.script.expected
    played, times = Import(list(one.script.steps)), after.polled_at.get(one.import_id, [])
    met = [_error_of(played.poll(time).step) for time in times]
    reasons = list(takewhile(bool, reversed(met)))
    if one.script.exceeds_limit or not reasons or len({reason in FAILED_POLLS for reason in reasons}) > 1:
        return (script,)
    times = times[-len(reasons) :]
    began = times[0]
    if reasons[-1] == "NOT_FOUND":
        # Its grace period begins with the watch.
        began = float(after.items[one.watch_id].get("registeredAt", began))
    if times[-1] - began < GRACE_SECONDS - LATE_BY:
        return (script,)
    unlike = [reason for reason in reasons if reason != "UNREADABLE_ANSWER"]
    expired = Expected("UNKNOWN", unlike[0] if unlike else "UNREADABLE_ANSWER")
    if expired.reason not in FAILED_POLLS:
        return (expired,)
    waited = enumerate(map(sub, times[1:], times), 1)
    tolerated = sum(min(gap, backoff(failures) + MAX_CYCLE_SECONDS + ON_TIME_SECONDS) for failures, gap in waited)
    return (script,) if tolerated < GRACE_SECONDS - LATE_BY else (expired, script)


def _error_of(step: Step) -> str | None:
    """Reason with which a watch ends if its vendor responds like this for too long; None for a good response."""
    if "fault" in step:
        # As scripts have them: a response with status 200 is one that cannot be read.
        return "UNREADABLE_ANSWER" if step["fault"].get("status") == 200 else "VENDOR_UNAVAILABLE"
    if step.get("unknown"):
        return "NOT_FOUND"
    return "UNRECOGNISED_STATUS" if step.get("status") == "Paused" else None


def _is_stopped(event: dict[str, object]) -> bool:
    data = event["data"]
    return isinstance(data, dict) and data["reason"] == STOPPED.reason


def _faults_of_table(after: FinalState) -> Iterator[str]:
    for key, item in after.items.items():
        if str(item.get("active")).startswith("ACTIVE"):
            yield f"{key} is still active"
        if "unpublished" in item:
            yield f"{key} is not published"
        if int(item.get("activeWatches", 0)) != 0:
            yield f"{key} counts {item['activeWatches']} active watches"


def _busiest_minutes(wave: Wave) -> dict[str, int]:
    """Maximum of the requests in any minute of the stack's clock, by connection."""
    requests: dict[str, list[float]] = defaultdict(list)
    for one in wave.plan.imports:
        requests[one.connection] += wave.after.polled_at.get(one.import_id, [])
    busiest = {}
    for name, times in requests.items():
        times.sort()
        busiest[name] = max((bisect_right(times, time + MINUTE) - index for index, time in enumerate(times)), default=0)
    return busiest


def _after_stops(wave: Wave) -> Iterator[tuple[float, float]]:
    for stop in wave.after.stops:
        yield from _to_next_sign(stop.import_id, stop.at, wave)


def _after_restarts(wave: Wave) -> Iterator[tuple[float, float]]:
    for at, under_way in wave.after.restarts:
        for import_id in under_way:
            yield from _to_next_sign(import_id, at, wave)


def _to_next_sign(import_id: str, at: float, wave: Wave) -> Iterator[tuple[float, float]]:
    """Seconds from a moment to the next poll or publish of a watch: the machine's, and the stack's."""
    polls = [wave.clock.machine_seconds(time) for time in wave.after.polled_at[import_id]]
    later = [sign for sign in polls + wave.after.published.get(import_id, []) if sign > at]
    if later:
        yield min(later) - at, (min(later) - at) * wave.clock.speed


def _recovery_rows(name: str, pairs: Sequence[tuple[float, float]]) -> Iterator[tuple[str, object]]:
    if not pairs:
        yield name, "none"
        return
    machine, stack = (", ".join(f"{each:.1f}" for each in _quantiles(seconds)) for seconds in zip(*pairs, strict=True))
    yield f"{name} ({len(pairs)}): p50, p95, max", f"{machine} s ({stack} s of the stack's clock)"


def _quantiles(seconds: Iterable[float]) -> tuple[float, float, float]:
    ordered = sorted(seconds)
    p50, p95, most = (ordered[max(0, math.ceil(share * len(ordered)) - 1)] for share in (0.5, 0.95, 1.0))
    return p50, p95, most
