"""The result of the status request of a poll."""

from __future__ import annotations

from dataclasses import dataclass

from import_watch.model.observation import FailedPoll, Observation
from import_watch.vendors.connection import Connection
from import_watch.vendors.response_body import HttpResponse


@dataclass(frozen=True, slots=True)
class Reply:
    """The result of a status request.

    Parameters
    ----------
    polled : Observation or FailedPoll
        The meaning of the response.
    response : HttpResponse or None
        As it was received, redacted; None where none was received.
    connection : Connection or None
        The one that was used; None where it could not be read.
    received_at : float
        Epoch seconds.
    request_milliseconds : float or None
        Time that the vendor took; None where no request was sent.
    milliseconds : int
        Time of the whole step, the log's copy included.
    """

    polled: Observation | FailedPoll
    response: HttpResponse | None
    connection: Connection | None
    received_at: float
    request_milliseconds: float | None
    milliseconds: int
