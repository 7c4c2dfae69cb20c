"""Requests the status of an import: once more where credentials are refused, and with the details and log of an end."""

from __future__ import annotations

import time
from dataclasses import replace

from import_watch.aws.secrets import Connections
from import_watch.http_client.client import Client
from import_watch.lifecycle.transitions import MAX_LOG_WAIT
from import_watch.model.observation import FINISHED, FailedPoll, Observation, PollError, StoredLog
from import_watch.model.watch import Watch
from import_watch.observability import logger
from import_watch.services.archiving import LOG_SECONDS, Archiving
from import_watch.services.reply import Reply
from import_watch.vendors.connection import Connection
from import_watch.vendors.response_body import HttpResponse

DETAILS_SHARE = 0.5
"""Part of the time for details and log that the details may use, where there is a log."""


class StatusRequests:
    """Sends the status requests of one vendor.

    Parameters
    ----------
    connections : Connections
    client : Client
    archiving : Archiving
    """

    def __init__(self, connections: Connections, client: Client, archiving: Archiving) -> None:
        self._connections = connections
        self._client = client
        self._archiving = archiving
        self._warned: set[str] = set()

    def send(self, watch: Watch, connection: Connection | FailedPoll) -> Reply:
        """Request the status of a watch's import once; once more where its credentials may have been replaced.

        Parameters
        ----------
        watch : Watch
        connection : Connection or FailedPoll
            The latter is the reply where the connection could not be read.
        """
        began = time.monotonic()
        refused_before = watch.unauthorized_polls is not None
        response, polled = self._request(watch, connection, force_refresh=refused_before)
        # With a Retry-After, the next poll reads the secret again.
        refused = isinstance(polled, FailedPoll) and polled.error is PollError.UNAUTHORIZED and not polled.retry_after
        if refused and not refused_before:
            connection = self._connections.get(watch.connection, force_refresh=True)
            response, polled = self._request(watch, connection, force_refresh=True)
        spent, received_at = time.monotonic() - began, time.time()
        used = connection if isinstance(connection, Connection) else None
        polled = self._completed(watch, polled, used, received_at)
        return Reply(
            polled=polled,
            response=response,
            connection=used,
            received_at=received_at,
            request_milliseconds=round(spent * 1000, 1) if used else None,
            milliseconds=round((time.monotonic() - began) * 1000),
        )

    def _request(
        self, watch: Watch, connection: Connection | FailedPoll, *, force_refresh: bool
    ) -> tuple[HttpResponse | None, Observation | FailedPoll]:
        if isinstance(connection, FailedPoll):
            return None, connection
        if connection.deprecation and connection.name not in self._warned:
            self._warned.add(connection.name)  # once by a process: a watch has hundreds of polls
            logger.warning("the API of this connection will end", detail=connection.deprecation)
        return self._client.request_status(connection, watch.import_id, force_refresh=force_refresh)

    def _completed(
        self, watch: Watch, polled: Observation | FailedPoll, connection: Connection | None, now: float
    ) -> Observation | FailedPoll:
        """Observation of a finished import with its details and its stored log, before its result is written.

        What is not available yet may be so at a later poll. One time limit holds for both, in this poll and in all.
        """
        if not isinstance(polled, Observation) or polled.state not in FINISHED:
            return polled
        detected_at = now if watch.awaiting_log is None else watch.awaiting_log.detected_at
        ends = now + min(LOG_SECONDS, detected_at + MAX_LOG_WAIT - now)
        if polled.details is not None and connection is not None:
            # A log that is waiting has a part of the time for itself: details of many pages must not use it up.
            share = DETAILS_SHARE if isinstance(polled.log, StoredLog) else 1.0
            polled = self._client.with_details(connection, watch.import_id, polled, (ends - now) * share)
        if isinstance(polled.log, StoredLog) and watch.kept_log is not None:
            return replace(polled, log=watch.kept_log)
        if isinstance(polled.log, StoredLog):
            log = self._archiving.fetch(watch, polled.log, connection, ends - time.time())
            polled = replace(polled, log=log)
        return polled
