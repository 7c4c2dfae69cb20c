"""What a vendor folder would make of the response of a simulated import."""

from __future__ import annotations

from import_watch.model.observation import FailedPoll, ImportState, Observation, PollError, ReportedProgress

from benchmarks.schedule.imports import Import, Response


def polled(simulated: Import, response: Response) -> Observation | FailedPoll:
    """Observation or failed poll that a vendor folder would make of a response."""
    if response.refused is not None:
        return FailedPoll(PollError.THROTTLED, "slow down", retry_after=response.refused or None)
    if response.ended:
        return Observation(ImportState.SUCCEEDED)
    progress = None if response.fraction is None else ReportedProgress(response.fraction, response.resolution)
    started = response.announced_start if response.queued else response.running_since
    state = ImportState.QUEUED if response.queued else ImportState.RUNNING
    return Observation(state, progress=progress, started_at=started, job_type=simulated.scenario)
