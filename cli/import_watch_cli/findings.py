"""What a check of a connection or of the stack found, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from import_watch.model.serialization import JSON

from import_watch_cli.output import Output

SOMETHING_TO_DO = 1


class Level(StrEnum):
    """How much a finding matters."""

    GOOD = "GOOD"
    WARNING = "WARNING"
    PROBLEM = "PROBLEM"


MARKS = {Level.GOOD: ("✓", "green"), Level.WARNING: ("!", "yellow"), Level.PROBLEM: ("✗", "red")}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked.

    Parameters
    ----------
    check : str
        Its name, which does not change.
    level : Level
    text : str
        What was found.
    fix : str or None
        What to do about it.
    """

    check: str
    level: Level
    text: str
    fix: str | None = None

    def to_json(self) -> dict[str, JSON]:
        """Stable form for programs."""
        return {"check": self.check, "level": self.level.value, "text": self.text, "fix": self.fix}


def report(output: Output, findings: Iterable[Finding]) -> int:
    """Print findings as they are made; the exit status is 1 where there is something to do."""
    status = 0
    for finding in findings:
        if finding.level is not Level.GOOD:
            status = SOMETHING_TO_DO
        if output.as_json:
            output.value(finding.to_json())
        elif finding.level is not Level.GOOD or not output.quiet:
            mark, style = MARKS[finding.level]
            output.parts((mark, style), (f" {finding.text}", ""))
            if finding.fix:
                output.line(f"  {finding.fix}")
    return status
