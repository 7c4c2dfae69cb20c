"""Archives the log and the last answer of a watch that has ended: best effort, which can never change the outcome."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from import_watch.model import (
    Ending,
    FailedPoll,
    LogRecord,
    LogReference,
    LogStatus,
    MissingLog,
    Observation,
    Watch,
)
from import_watch.observability import logger
from import_watch.watches import Conflict, Watches

if TYPE_CHECKING:
    from import_watch.connections import Connection
    from import_watch.log_archive import LogArchive
    from import_watch.vendor import Answer

LOG_SECONDS = 40.0
"""Time that the log of an ended import may take; with one S3 call that hangs, still under a minute."""


class Archiving:
    """Archives for one vendor, and records in the table where things are.

    Parameters
    ----------
    bucket : str
    watches : Watches
    keeps_log : bool
        Whether the vendor keeps a log at all.
    """

    def __init__(self, bucket: str, watches: Watches, *, keeps_log: bool) -> None:
        self._bucket = bucket
        self._watches = watches
        self._keeps_log = keeps_log

    def keep(self, watch: Watch, answer: Answer) -> str | None:
        """Archive the answer that decided an outcome, while its log is still looked for, and give where."""
        return self._logs().keep(watch, answer)

    def archive(
        self,
        watch: Watch,
        ending: Ending,
        answer: Answer | None,
        polled: Observation | FailedPoll | None,
        connection: Connection | None,
    ) -> None:
        """Archive what the last poll of a watch brought, and record where.

        Parameters
        ----------
        watch : Watch
            As it ended.
        answer, polled, connection
            The last answer, what it means, and whom it came from; None where there was none.
        """
        from import_watch.log_archive import Archived

        if watch.kept_answer is not None and not isinstance(polled, Observation):
            answer = None
        left = LOG_SECONDS - (time.time() - ending.detected_at)
        try:
            archived = self._logs().archive(watch, answer, self._reference(watch, polled), connection, left)
        except Exception as error:  # noqa: BLE001
            # The outcome stands in the table by now: whatever happens to the log, people are to be told of it.
            logger.exception("the archive failed")
            reason = f"the archive failed: {type(error).__name__}"
            archived = Archived(LogRecord(LogStatus.UNAVAILABLE, reason=reason), None)
        if archived.log.reason:
            logger.warning("the log was not archived", logStatus=archived.log.status.value, reason=archived.log.reason)
        try:
            self._watches.record_log(watch.watch_id, archived.log, archived.answer or watch.kept_answer)
        except Conflict:
            logger.info("the log had been recorded before")

    def _logs(self) -> LogArchive:
        # Only the last polls of a watch pay for loading the archive.
        from import_watch.log_archive import LogArchive

        return LogArchive(self._bucket)

    def _reference(self, watch: Watch, polled: Observation | FailedPoll | None) -> LogReference:
        if not self._keeps_log:
            return None
        if isinstance(polled, Observation) and polled.log is not None:
            return polled.log
        return MissingLog(watch.log_missing or "no answer of the vendor named a log", expected=False)
