"""A moment of the model as a value, and what there is to interleave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from import_watch.aws.executions import ExecutionStatus
from import_watch.model.observation import FINISHED, FailedPoll, ImportState, MissingLog, Observation
from import_watch.services.publication import Publisher
from import_watch.services.recovery import Recovery

from tests.resilience.model.functions import VENDOR
from tests.resilience.model.memory import MemoryWatchStore

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


class World(NamedTuple):
    """A moment. Stores are numbers of their contents, `published` counts messages and has the first.

    `others` are functions that no execution waits for: recovery, and strays, whose execution has given them up or
    died. None of them needs to continue: that is how they die.
    """

    watches: int
    states: int
    cursors: int
    polls_made: int
    published: tuple[int, tuple[str, str, str] | None]
    runs: tuple[Run, ...]
    others: tuple[tuple[str, str, int], ...]
    starts: int
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
    sweeps : int
        Scheduled recoveries, at any moments, also at once.
    deliveries : int
        Of each event about an execution that died.
    faults : int
        Of any kind, at any moments.
    hand_over_polls, max_takeovers : int
        As the real settings.
    vendor : tuple of ImportState or FailedPoll
        Its responses; the last one repeats.
    log_missing : bool
        Whether a finished import does not show its log yet, so that the log is awaited.
    """

    starts: int = 1
    sweeps: int = 0
    deliveries: int = 0
    faults: int = 0
    hand_over_polls: int = 9
    max_takeovers: int = 3
    vendor: tuple[ImportState | FailedPoll, ...] = RUNNING_THEN
    log_missing: bool = False
    exact: bool = False
    watches: type[MemoryWatchStore] = MemoryWatchStore
    publisher: type[Publisher] = Publisher
    recovery: type[Recovery] = Recovery

    def response(self, earlier_polls: int) -> Observation | FailedPoll:
        """Response of the vendor, by the number of polls before."""
        seen = self.vendor[min(earlier_polls, len(self.vendor) - 1)]
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


def is_alive(run: Run) -> bool:
    """Whether an execution still runs."""
    return run.status == RUNNING
