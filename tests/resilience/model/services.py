"""Performs operations as the services do that the functions call."""

from __future__ import annotations

import json
from typing import Any

from import_watch.aws.executions import ExecutionStatus
from import_watch.aws.task_tokens import TokenResult
from import_watch.lifecycle.execution_names import resume_input, successor_name
from import_watch.model.record import StoredWatch
from import_watch.model.watch import attempt_key, callbacks_key
from import_watch.notifications.notification import stall_notification

from tests.resilience.model import flow
from tests.resilience.model.executions import Executions
from tests.resilience.model.functions import EXECUTIONS
from tests.resilience.model.invariants import (
    Broken,
    check_awaited,
    check_joined,
    check_message,
    check_moved,
    check_write,
    demand,
)
from tests.resilience.model.invocations import Invocations, Numbers
from tests.resilience.model.memory import (
    MemoryConnectionStore,
    MemorySweepCursorStore,
    MemoryTaskTokens,
    Uncounted,
)
from tests.resilience.model.replay import Operation
from tests.resilience.model.world import NOW, WATCH, Message, Run, Scenario, Step, World, is_alive

LISTINGS = ("active", "unpublished")


class Services:
    """The table, the topic, the vendor and Step Functions.

    Parameters
    ----------
    scenario : Scenario
    invocations : Invocations
    executions : Executions
    """

    def __init__(self, scenario: Scenario, invocations: Invocations, executions: Executions) -> None:
        self._scenario = scenario
        self._invocations = invocations
        self._executions = executions
        self._contents = Numbers()
        self._stores: dict[str, Any] = {
            "watches": scenario.watches(),
            "states": MemoryConnectionStore() if scenario.exact else Uncounted(),
            "cursors": MemorySweepCursorStore(),
            "tokens": MemoryTaskTokens(),
        }
        self._performed: dict[tuple[int, int], tuple[int, int]] = {}
        self._done = invocations.results.of(None)
        self.nothing = self._contents.of({})

    def record(self, world: World) -> StoredWatch | None:
        """The watch as it is in the table, in its latest attempt."""
        found = self._contents.values[world.watches].get(WATCH)
        return found if isinstance(found, StoredWatch) else None

    def records(self, world: World) -> list[StoredWatch]:
        """All attempts of all watches; invalid events have a watch of their own."""
        return [item for item in self._contents.values[world.watches].values() if isinstance(item, StoredWatch)]

    def tokens(self, world: World) -> list[str]:
        """Task tokens that wait."""
        items = self._contents.values[world.watches].values()
        return [entry for item in items if not isinstance(item, StoredWatch) for entry in item]

    def active_watches(self, world: World) -> int:
        """Sum of the connections' counts."""
        return sum(state.active_watches for state in self._contents.values[world.states].values())

    def perform(
        self, world: World, number: int, writer: str | None, now: float, *, repeated: bool = False
    ) -> tuple[World, int]:
        """Perform an operation and return its result by number; a broken invariant is raised."""
        try:
            return self._perform(world, number, writer, now, repeated=repeated)
        except Broken as broken:
            broken.during = Step(writer or "recovery", number, "")
            raise

    def _perform(
        self, world: World, number: int, writer: str | None, now: float, *, repeated: bool
    ) -> tuple[World, int]:
        operation: Operation = self._invocations.operations.values[number]
        port, method = operation.port, operation.method
        if method in LISTINGS and not self._scenario.exact and now == NOW:
            key = WATCH if method == "active" else attempt_key(WATCH, 1)
            listed: list[Any] = [(key, NOW, {})] if method == "active" or self._scenario.more else []
            return world, self._invocations.results.of(listed)
        if (port, method) == ("tokens", "send"):
            return self._call_back(world, *operation.arguments)
        if port in self._stores:
            before: int = getattr(world, "watches" if port == "tokens" else port)
            if (number, before) not in self._performed:
                self._performed[number, before] = self._stored(operation, before)
            stored, result = self._performed[number, before]
            if stored != before and port == "watches":
                world = self._check(world, operation, stored, writer)
            return _with_store(world, port, stored), result
        if port == "vendor":
            _, attempt, generation, polls = operation.arguments
            by_number = self._scenario.exact and attempt == 1
            earlier_polls = world.polls_made if by_number else polls + (generation + 1) % 2 * (polls > 0)
            counts = by_number and earlier_polls < len(self._scenario.vendor)
            world = world._replace(polls_made=world.polls_made + 1) if counts else world
            return world, self._invocations.results.of(self._scenario.response(attempt, earlier_polls))
        if port in ("topic", "bus"):
            return self._publish(world, port, operation.arguments[0], repeated=repeated), self._done
        if port == "stalled":
            return self._publish_stalled(world, operation.arguments[0]), self._done
        if method == "stop":
            return self._executions.stopped(world, operation.arguments[0]), self._done
        if method == "status":
            status = next((run.status for run in world.runs if run.name == operation.arguments[0]), "MISSING")
            return world, self._invocations.results.of(ExecutionStatus(status))
        if method == "running":
            return world, self._invocations.results.of([run.name for run in world.runs if is_alive(run)])
        if method == "start":
            return self._started_by_recovery(world, operation, now), self._done
        assert port == "archive"
        return world, self._done

    def _stored(self, operation: Operation, before: int) -> tuple[int, int]:
        store = self._stores[operation.port]
        store.items = dict(self._contents.values[before])
        arguments = operation.arguments
        try:
            if operation.method == "register":
                *given, keeps_log, result, events = arguments
                result = store.register(*given, keeps_log=keeps_log, result=result, start_events=events)
            else:
                result = getattr(store, operation.method)(*arguments)
        except Exception as error:  # noqa: BLE001
            result = error
        if operation.method in (*LISTINGS, "known"):
            result = list(result)
        return self._contents.of(dict(sorted(store.items.items()))), self._invocations.results.of(result)

    def _check(self, world: World, operation: Operation, stored: int, writer: str | None) -> World:
        """Check a write that went through; the moment has its start event from then on."""
        alive = {run.name: is_alive(run) for run in world.runs}
        items, earlier = self._contents.values[stored], self._contents.values[world.watches]
        changed = [
            (earlier.get(key), item)
            for key, item in items.items()
            if isinstance(item, StoredWatch) and item is not earlier.get(key) and item != earlier.get(key)
        ]
        demand(2, earlier.keys() - items.keys() == set(), "an item has vanished")
        method = operation.method
        event = None if writer is None else self._scenario.event_of(writer)
        woken = event is not None and event.changed
        for before, after in changed:
            if after.is_earlier_attempt:
                check_moved(method, earlier.get(after.watch.watch_id) if before is None else before, after)
                continue
            check_write(method, before, after, writer, alive, sure=not world.doubt, woken=woken)
            check_joined(after, items.get(callbacks_key(after.watch.watch_id), ()))
            if self._scenario.outcome_stands and (before is None or before.watch.attempt == after.watch.attempt):
                check_awaited(before, after)
        if method == "end" and woken and changed and writer is not None:
            held = next(json.loads(run.data) for run in world.runs if run.name == writer) if alive[writer] else {}
            demand(2, "detail" not in held, "an ImportChanged has ended the watch, and not a poll")
        return self._taken(world, operation)

    def _taken(self, world: World, operation: Operation) -> World:
        """Keep which start event was registered: the first time, and that it never starts an attempt again."""
        method, given = operation.method, operation.arguments
        if method not in ("register", "replace_attempt", "add_start_event"):
            return world
        event = given[1 if method == "add_start_event" else -1][-1]
        if method != "add_start_event":
            demand(3, event not in world.taken, f"a duplicate of the event {event} has started an attempt")
        return world._replace(taken=tuple(sorted({*world.taken, event})))

    def check_poll(self, world: World, run: Run) -> None:
        """Check, where nothing went wrong, that the execution that polls is the owner of the watch."""
        record = self.record(world)
        if world.faults != self._scenario.faults or world.doubt or record is None or record.result is not None:
            return
        owner = next((other for other in world.runs if other.name == record.execution), None)
        takes_over = owner is None or not is_alive(owner) or owner.state == "RegisterWatch"
        demand(4, run.name == record.execution or takes_over, f"{run.name} polls what {record.execution} owns")

    def _publish(self, world: World, port: str, event: dict[str, Any], *, repeated: bool) -> World:
        message, messages = _message(event), dict(world.published if port == "topic" else world.sent)
        check_message(self.records(world), messages, message)
        if world.faults == self._scenario.faults and not repeated:
            how = "published" if port == "topic" else "sent as an event"
            demand(2, message not in messages, f"the outcome was {how} twice, though nothing went wrong")
        messages[message] = min(messages.get(message, 0) + 1, 2)
        counted = tuple(sorted(messages.items()))
        return world._replace(published=counted) if port == "topic" else world._replace(sent=counted)

    def _publish_stalled(self, world: World, event: dict[str, Any]) -> World:
        """Check that each attempt has one message about its import without progress."""
        record = next(
            record for record in self.records(world) if stall_notification(record, "", 0)["id"] == event["id"]
        )
        message = (record.watch.watch_id, record.watch.attempt, event["id"])
        others = [one for one in world.stalled if one[:2] == message[:2]]
        demand(2, others in ([], [message]), f"a second ImportStalled of attempt {record.watch.attempt}")
        return world._replace(stalled=tuple(sorted({*world.stalled, message})))

    def _call_back(self, world: World, entry: str, event: dict[str, Any]) -> tuple[World, int]:
        """Send an outcome to a task token; once it has one, Step Functions does not know it any more."""
        message, (joined, _, token) = _message(event), entry.partition(":")
        demand(2, int(joined) == message.attempt, f"{token} of attempt {joined} gets {message.outcome} of another")
        first = dict(world.called_back).get(token)
        demand(2, first in (None, message), f"{token} gets {message} after {first}")
        done = TokenResult.SENT if first is None else TokenResult.EXPIRED
        called_back = tuple(sorted({*world.called_back, (token, message)}))
        return world._replace(called_back=called_back), self._invocations.results.of(done)

    def _started_by_recovery(self, world: World, operation: Operation, now: float) -> World:
        watch = operation.arguments[0]
        name = f"{EXECUTIONS}{successor_name(watch)}"
        if any(run.name == name for run in world.runs):
            return world
        return self._executions.started(world, name, flow.text(resume_input(watch)), now)


def _with_store(world: World, port: str, stored: int) -> World:
    if port in ("watches", "tokens"):
        return world._replace(watches=stored)
    return world._replace(states=stored) if port == "states" else world._replace(cursors=stored)


def _message(event: dict[str, Any]) -> Message:
    data = event["data"]
    return Message(event["subject"], data["watch"]["attempt"], event["id"], data["outcome"], str(data["reason"]))
