"""A moment of the model as a value, and what there is to interleave."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from import_watch.aws.executions import ExecutionStatus
from import_watch.model.observation import FINISHED, FailedPoll, ImportState, MissingLog, Observation
from import_watch.services.publication import Publisher
from import_watch.services.recovery import Recovery
from import_watch.services.waking import Waker

from tests.resilience.model.functions import EXECUTIONS, VENDOR
from tests.resilience.model.memory import MemoryWatchStore
from tests.resilience.model.replay import ReplayedTaskTokens

NOW = 1_767_225_600.0
IMPORT = "5512340987651234567"
WATCH = f"{VENDOR}#default#{IMPORT}"
RUNNING = ExecutionStatus.RUNNING.value
RUNNING_THEN = (ImportState.RUNNING, ImportState.SUCCEEDED, ImportState.FAILED)
"""Responses of the vendor; the last one repeats. One that changes the state shows which response was used."""
SILENT = (ImportState.NOT_FOUND, ImportState.UNRECOGNISED)
"""States without information about the end of an import."""


class Run(NamedTuple):
    """An execution: where it stands, what it holds, and the function that it waits for (-1: none)."""

    name: str
    given: str
    status: str
    state: str
    data: str
    failures: int
    point: int


class Event(NamedTuple):
    """An event on the bus: its id, and what is in it.

    Parameters
    ----------
    id : str
    deliveries : int
    watch_again : bool
    token : bool
        Whether it has a task token.
    invalid : bool
    changed : bool
        Whether it is an `ImportChanged`.
    """

    id: str
    deliveries: int = 1
    watch_again: bool = False
    token: bool = False
    invalid: bool = False
    changed: bool = False


class Message(NamedTuple):
    """An outcome that was published, and to which attempt of which watch it belongs."""

    subject: str
    attempt: int
    id: str
    outcome: str
    reason: str


class World(NamedTuple):
    """A moment. Stores are numbers of their contents.

    `published` has every message with its count, up to 2, `sent` those of the event bus, `stalled` those about imports
    without progress. `called_back` has every task token with the message that it was sent. `taken` are the ids of start
    events that have been registered. `deliveries` are those left, of every event. `others` are functions that no
    execution waits for: recovery, and strays, whose execution has given them up or died. None of them needs to
    continue: that is how they die.
    """

    watches: int
    states: int
    cursors: int
    polls_made: int
    published: tuple[tuple[Message, int], ...]
    sent: tuple[tuple[Message, int], ...]
    stalled: tuple[tuple[str, int, str], ...]
    called_back: tuple[tuple[str, Message], ...]
    taken: tuple[str, ...]
    runs: tuple[Run, ...]
    others: tuple[tuple[str, str, int], ...]
    deliveries: tuple[int, ...]
    faults: int
    doubt: bool


class Step(NamedTuple):
    """What was done from a moment: by whom, which operation (a number, or None), and how it went."""

    who: str
    operation: int | None
    how: str
    result: int | None = None


@dataclass(frozen=True)
class Scenario:
    """What is interleaved.

    Parameters
    ----------
    starts : int
        Deliveries of the start event.
    token : bool
        Whether it has a task token.
    more : tuple of Event
        Further events, which are delivered at any moment after the first.
    sweeps : int
        Scheduled recoveries, at any moments, also at once.
    deliveries : int
        Of each event about an execution that died.
    faults : int
        Of any kind, at any moments.
    hand_over_polls, max_takeovers : int
        As the real settings.
    vendor, vendor_again : tuple of ImportState or FailedPoll
        Its responses, in the first attempt and in later ones; the last one repeats.
    log_missing : bool
        Whether a finished import does not show its log yet, so that the log is awaited.
    exact : bool
        Whether every operation is a step.
    sends_events, stalls, lists : bool
        Whether outcomes are sent to the event bus, whether imports are stalled, and whether sweeps list the running
        executions.
    watches, publisher, recovery, waker, task_tokens : type
        Classes with a mistake show that the search finds it.
    """

    starts: int = 1
    token: bool = False
    more: tuple[Event, ...] = ()
    sweeps: int = 0
    deliveries: int = 0
    faults: int = 0
    hand_over_polls: int = 9
    max_takeovers: int = 3
    vendor: tuple[ImportState | FailedPoll, ...] = RUNNING_THEN
    vendor_again: tuple[ImportState | FailedPoll, ...] = RUNNING_THEN
    log_missing: bool = False
    exact: bool = False
    sends_events: bool = False
    stalls: bool = False
    lists: bool = False
    watches: type[MemoryWatchStore] = MemoryWatchStore
    publisher: type[Publisher] = Publisher
    recovery: type[Recovery] = Recovery
    waker: type[Waker] = Waker
    task_tokens: type[ReplayedTaskTokens] = ReplayedTaskTokens

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """All events; that which is delivered first is the first one."""
        return (Event("start", self.starts, token=self.token), *self.more)

    def event_of(self, execution: str) -> Event | None:
        """Event that started an execution; None where it resumes a watch."""
        name = execution.removeprefix(EXECUTIONS).rpartition("-")[0]
        return next((event for event in self.events if event.id == name), None)

    def response(self, attempt: int, earlier_polls: int) -> Observation | FailedPoll:
        """Response of the vendor, by the number of polls before."""
        responses = self.vendor if attempt == 1 else self.vendor_again
        seen = responses[min(earlier_polls, len(responses) - 1)]
        if isinstance(seen, FailedPoll):
            return seen
        log = MissingLog("not yet", expected=True) if self.log_missing and seen in FINISHED else None
        return Observation(seen, vendor_status=seen.value, job_type="IMPORT", log=log)

    @property
    def outcome_stands(self) -> bool:
        """Whether the vendor never reports two different ends of the import, or that it runs again."""
        ends = next((index for index, seen in enumerate(self.vendor) if seen in FINISHED), len(self.vendor))
        reported = {seen for seen in self.vendor[ends:] if not isinstance(seen, FailedPoll) and seen not in SILENT}
        return len(reported) <= 1


def with_run(world: World, run: Run) -> World:
    """Put an execution in the place of the one of its name."""
    return world._replace(runs=tuple(run if other.name == run.name else other for other in world.runs))


def token_of(event: str) -> str:
    """Task token of an event."""
    return f"token-of-{event}"


def is_alive(run: Run) -> bool:
    """Whether an execution still runs."""
    return run.status == RUNNING
