"""The one body that every poll function runs: one vendor call, one conditional write, and what comes next.

The vendor is the adapter that lies beside it in the function's own folder (`adapter.py`).
"""

from __future__ import annotations

import importlib
import time
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from import_watch import settings
from import_watch.connections import Connection, Connections
from import_watch.encoding import from_json, to_json
from import_watch.http import Client
from import_watch.lifecycle import End, Tolerance, advance
from import_watch.model import (
    JSON,
    Ending,
    FailedPoll,
    ImportState,
    LogRecord,
    LogReference,
    LogStatus,
    MissingLog,
    Observation,
    Trouble,
    Watch,
)
from import_watch.observability import count, logger, speak_of
from import_watch.vendor import Adapter, Answer
from import_watch.watches import Conflict, Record, Watches

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from import_watch.log_archive import LogArchive

LOG_SECONDS = 40.0
"""Time that the log of an ended import may take; with one S3 call that hangs, still under a minute."""


class Poller:
    """Polls the imports of one vendor.

    Parameters
    ----------
    adapter : Adapter
    connections : Connections
    client : Client
    watches : Watches
    archive_bucket : str
    tolerance : Tolerance
    """

    def __init__(
        self,
        adapter: Adapter,
        connections: Connections,
        client: Client,
        watches: Watches,
        archive_bucket: str,
        tolerance: Tolerance,
    ) -> None:
        self._adapter = adapter
        self._connections = connections
        self._client = client
        self._watches = watches
        self._archive_bucket = archive_bucket
        self._tolerance = tolerance

    def poll(self, watch: Watch) -> dict[str, JSON]:
        """Poll once.

        Parameters
        ----------
        watch : Watch
            As the state machine carries it.

        Returns
        -------
        dict
            `action` WAIT (with `seconds`), PUBLISH or SUPERSEDED, and the `watch` as it is now.
        """
        began = time.monotonic()
        answer, polled, connection = self._ask(watch)
        step = advance(watch, polled, time.time(), self._tolerance)
        spent = round((time.monotonic() - began) * 1000)
        after = replace(step.watch, poll_milliseconds=watch.poll_milliseconds + spent)
        _tell(after, polled)
        if after.awaiting_log is not None and watch.awaiting_log is None and answer is not None:
            # This answer decided the outcome; the polls that look for the log may bring none.
            after = replace(after, kept_answer=self._archive_of_logs().keep(after, answer))
        try:
            if not isinstance(step, End):
                self._watches.save(after)
                return {"action": "WAIT", "seconds": step.seconds, "watch": to_json(after)}
            self._watches.end(after, step.ending)
            ending = step.ending
        except Conflict as conflict:
            decided = _decided_before(watch, conflict.record)
            if decided is None:
                logger.info("superseded: another execution owns this watch")
                return {"action": "SUPERSEDED", "watch": to_json(watch)}
            after, ending = decided
        self._archive(after, ending, answer, polled, connection)
        return {"action": "PUBLISH", "watch": to_json(after)}

    def _ask(self, watch: Watch) -> tuple[Answer | None, Observation | FailedPoll, Connection | None]:
        """Ask once; and where the credentials are refused, once more with those that may have replaced them."""
        answer, polled, connection = self._ask_once(watch, fresh=False)
        if isinstance(polled, FailedPoll) and polled.trouble is Trouble.UNAUTHORIZED:
            answer, polled, connection = self._ask_once(watch, fresh=True)
        return answer, polled, connection

    def _ask_once(
        self, watch: Watch, *, fresh: bool
    ) -> tuple[Answer | None, Observation | FailedPoll, Connection | None]:
        connection = self._connections.get(watch.connection, fresh=fresh)
        if isinstance(connection, FailedPoll):
            return None, connection, None
        answer, polled = self._client.ask(connection, watch.import_id, fresh=fresh)
        return answer, polled, connection

    def _archive(
        self,
        watch: Watch,
        ending: Ending,
        answer: Answer | None,
        polled: Observation | FailedPoll,
        connection: Connection | None,
    ) -> None:
        from import_watch.log_archive import Archived

        if watch.kept_answer is not None and isinstance(polled, FailedPoll):
            answer = None
        left = LOG_SECONDS - (time.time() - ending.detected_at)
        reference = self._log_reference(watch, polled)
        try:
            archived = self._archive_of_logs().archive(watch, answer, reference, connection, left)
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

    def _archive_of_logs(self) -> LogArchive:
        # Only the last polls of a watch pay for loading the archive.
        from import_watch.log_archive import LogArchive

        return LogArchive(self._archive_bucket)

    def _log_reference(self, watch: Watch, polled: Observation | FailedPoll) -> LogReference:
        if not self._adapter.keeps_log:
            return None
        if isinstance(polled, Observation) and polled.log is not None:
            return polled.log
        return MissingLog(watch.log_missing or "no answer of the vendor named a log", expected=False)


def handler(event: dict[str, JSON], _context: LambdaContext) -> dict[str, JSON]:
    """Handle one invocation by the state machine: `{"watch": …, "execution": …}`."""
    watch = from_json(Watch, event["watch"])
    speak_of(watch.watch_id, event["execution"], generation=watch.generation, poll=watch.polls + 1)
    return _poller().poll(watch)


@cache
def _poller() -> Poller:
    adapter: Adapter = importlib.import_module("adapter").ADAPTER
    hosts = settings.hosts()
    return Poller(
        adapter=adapter,
        connections=Connections(
            prefix=settings.text("SECRET_PREFIX"),
            adapter=adapter,
            hosts=hosts,
            cache_seconds=settings.whole("SECRET_CACHE_SECONDS"),
        ),
        client=Client(adapter, private_addresses=hosts.loopback_http),
        watches=Watches(settings.text("TABLE_NAME"), settings.retention_seconds()),
        archive_bucket=settings.text("ARCHIVE_BUCKET"),
        tolerance=settings.tolerance(),
    )


def _decided_before(watch: Watch, record: Record | None) -> tuple[Watch, Ending] | None:
    """Give the end that this very execution wrote in an attempt whose answer was lost; None if it did not."""
    if record is None or record.ending is None or record.watch.generation != watch.generation:
        return None
    return record.watch, record.ending


def _tell(watch: Watch, polled: Observation | FailedPoll) -> None:
    if isinstance(polled, FailedPoll):
        logger.warning("poll failed", trouble=polled.trouble.value, detail=polled.detail, failures=watch.failures)
    elif polled.state is ImportState.UNRECOGNISED:
        logger.warning("the vendor gives a status that nobody has mapped", vendorStatus=polled.vendor_status)
        count("UnrecognisedStatus", watch.vendor)
    else:
        logger.info("polled", importState=polled.state.value, vendorStatus=polled.vendor_status)
