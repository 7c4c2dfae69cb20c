"""Archives the log and the last response of an ended watch: best effort, which can never change the outcome."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from import_watch.aws.watch_store import WatchStore
from import_watch.aws.watch_writer import Conflict
from import_watch.model.observation import (
    FINISHED,
    FailedPoll,
    LogRecord,
    LogReference,
    LogStatus,
    MissingLog,
    Observation,
    StoredLog,
)
from import_watch.model.outcome import WatchResult
from import_watch.model.watch import Watch
from import_watch.observability import logger

if TYPE_CHECKING:
    from import_watch.aws.log_archive import Downloads, LogArchive
    from import_watch.services.reply import Reply
    from import_watch.vendors.connection import Connection
    from import_watch.vendors.response_body import HttpResponse

LOG_SECONDS = 40.0
"""Time from the detection of an outcome that archiving may take."""
ARCHIVE_FAILED = "the archive failed for a reason that the log of the function has"
MIN_LOG_SECONDS = 5.0
"""Minimum of that time, where polls for a late log have used it up."""


class Archiving:
    """Archives logs and responses of one vendor, and records their locations in the table.

    Parameters
    ----------
    bucket : str
    watches : WatchStore
    keeps_log : bool
        Whether the vendor keeps a log at all, where the connection is not known.
    downloads : callable, optional
        Returns the source of a log behind a URL: see `LogArchive`.
    """

    def __init__(
        self, bucket: str, watches: WatchStore, *, keeps_log: bool, downloads: Downloads | None = None
    ) -> None:
        self._bucket = bucket
        self._watches = watches
        self._keeps_log = keeps_log
        self._downloads = downloads

    def keep(self, watch: Watch, response: HttpResponse, log: LogReference) -> Watch:
        """Archive the response that decided an outcome while more is awaited: later polls may bring none.

        Parameters
        ----------
        watch : Watch
        response : HttpResponse
        log : LogReference
            As the response has it; a log in it is archived as well.

        Returns
        -------
        Watch
            With their locations; without those that could not be archived.
        """
        try:
            location, record = self._logs().keep(watch, response, log)
        except Exception:  # noqa: BLE001
            # The outcome is known and not written yet: no failure of the archive may prevent that.
            logger.exception("the archive failed")
            return replace(watch, kept_answer=None)
        return replace(watch, kept_answer=location, kept_log=record or watch.kept_log)

    def fetch(
        self, watch: Watch, log: StoredLog, connection: Connection | None, seconds: float
    ) -> LogRecord | MissingLog:
        """Copy a log that the vendor keeps, before the outcome is written.

        Parameters
        ----------
        watch : Watch
        log : StoredLog
            Location that the vendor names.
        connection : Connection or None
            Names the buckets that a log may be copied from.
        seconds : float
            Time limit, which is met to within a second.

        Returns
        -------
        LogRecord
            ARCHIVED, VENDOR_ONLY where it may not or cannot be copied, or UNAVAILABLE where another attempt would fail,
            too.
        MissingLog
            Where a later attempt may find it: always `expected`, and with its `source`.
        """
        try:
            return self._logs().fetch(watch, log, connection, seconds)
        except Exception:  # noqa: BLE001
            logger.exception("the archive failed")
            from import_watch.aws.log_archive import source_of

            return LogRecord(LogStatus.UNAVAILABLE, source=source_of(log.location), reason=ARCHIVE_FAILED)

    def archive(self, watch: Watch, result: WatchResult, reply: Reply | None) -> None:
        """Archive the log and the last response of a watch that has ended, and record their locations.

        Parameters
        ----------
        watch : Watch
            As it ended.
        result : WatchResult
        reply : Reply or None
            Of its last poll; None where that was deferred.
        """
        from import_watch.aws.log_archive import Archived

        polled, response = (reply.polled, reply.response) if reply else (None, None)
        connection = reply.connection if reply else None
        decides = isinstance(polled, Observation) and polled.state in FINISHED
        if watch.kept_answer is not None and not decides:
            response = None  # the response that decided the outcome is archived already
        spent = max(0.0, time.time() - result.detected_at)
        left = max(MIN_LOG_SECONDS, LOG_SECONDS - spent)
        try:
            archived = self._logs().archive(
                watch, response, self._reference(watch, polled, connection), connection, left
            )
        except Exception:  # noqa: BLE001
            # The outcome is in the table by now, and it must be published, whatever happens to the log.
            logger.exception("the archive failed")
            archived = Archived(LogRecord(LogStatus.UNAVAILABLE, reason=ARCHIVE_FAILED), None)
        if archived.log.reason:
            logger.warning("the log was not archived", logStatus=archived.log.status.value, reason=archived.log.reason)
        try:
            self._watches.record_log(watch, archived.log, archived.response or watch.kept_answer)
        except Conflict:
            logger.info("the log had been recorded before")

    def _logs(self) -> LogArchive:
        # Only the last polls of a watch need the archive, so the others do not load it.
        from import_watch.aws.log_archive import LogArchive

        return LogArchive(self._bucket, downloads=self._downloads)

    def _reference(
        self, watch: Watch, polled: Observation | FailedPoll | None, connection: Connection | None
    ) -> LogReference:
        keeps_log = connection.keeps_log if connection else None
        if not (self._keeps_log if keeps_log is None else keeps_log):
            return None
        if isinstance(polled, Observation) and polled.log is not None and not _is_missing(polled.log):
            return polled.log
        if watch.kept_log is not None:
            return watch.kept_log
        if isinstance(polled, Observation) and polled.log is not None:
            return polled.log
        reason = watch.log_missing or "no response of the vendor named a log"
        return MissingLog(reason, expected=False, source=watch.log_source)


def _is_missing(log: LogReference) -> bool:
    return isinstance(log, MissingLog) or (isinstance(log, LogRecord) and log.status is LogStatus.UNAVAILABLE)
