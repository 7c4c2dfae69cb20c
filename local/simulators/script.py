"""Scripts: the responses of a vendor about an import, by time and number of polls. Pure.

A script is a list of steps. A step lasts for `seconds`, or for a number of `polls`; the last one never ends. The clock
starts with the first poll. A step also has fields of the vendor (`status`, `progress`, `log`, …), or a `fault`: an HTTP
response without information about the import, or a connection that is cut; or `unknown`, where the vendor does not know
the import.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Step = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Moment:
    """The position in a script at one poll.

    Parameters
    ----------
    step : Step
    share : float
        Share of a timed step that has passed, 0 to 1; 1 in the last step.
    step_began_at : float
        Epoch seconds.
    began_at : float
        Epoch seconds of the first poll.
    """

    step: Step
    share: float
    step_began_at: float
    began_at: float


@dataclass(slots=True)
class Import:
    """One scripted import, the times of its polls, and the number of responses that were a fault."""

    steps: list[Step]
    polled_at: list[float] = field(default_factory=list)
    faults: int = 0
    _step: int = 0
    _step_began_at: float = 0.0
    _polls_in_step: int = 0

    def poll(self, now: float) -> Moment:
        """Count a poll and return the position in the script.

        Parameters
        ----------
        now : float
            Epoch seconds, not earlier than the previous poll.
        """
        if not self.polled_at:
            self._step_began_at = now
        self.polled_at.append(now)
        while self._step < len(self.steps) - 1 and self._step_is_over(now):
            # A timed step ends on time, however late the next poll is.
            self._step_began_at = self._step_began_at + self._current.get("seconds", 0) if self._is_timed else now
            self._step += 1
            self._polls_in_step = 0
        self._polls_in_step += 1
        self.faults += "fault" in self._current
        share = (now - self._step_began_at) / self._current["seconds"] if self._is_timed else 1.0
        return Moment(self._current, min(1.0, share), self._step_began_at, self.polled_at[0])

    @property
    def _current(self) -> Step:
        return self.steps[self._step]

    @property
    def _is_timed(self) -> bool:
        return "seconds" in self._current and self._step < len(self.steps) - 1

    def _step_is_over(self, now: float) -> bool:
        if self._is_timed:
            return now - self._step_began_at >= float(self._current["seconds"])
        return self._polls_in_step >= int(self._current.get("polls", 1))
