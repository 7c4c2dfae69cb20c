"""Reads the details of an ended import: page by page, with limits on their number and time.

Details are as untrusted as any response, and best effort as a log is: what cannot be read is recorded as missing, so
that no missing error is taken for none.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from import_watch.http_client.retry_after import retry_after
from import_watch.model.observation import FailedPoll, MissingDetails, Observation, PollError
from import_watch.observability import logger
from import_watch.vendors.adapter import Api
from import_watch.vendors.details import CURSOR, MAX_CURSOR, MAX_PAGES, Details, with_page
from import_watch.vendors.request import RequestSpec
from import_watch.vendors.response import parse_page
from import_watch.vendors.response_body import HttpResponse

PASSING = (PollError.UNAVAILABLE, PollError.THROTTLED, PollError.UNREADABLE)
"""Errors after which the details are requested again: the status request has shown that the credentials are valid."""
Send = Callable[[RequestSpec, Mapping[str, str], float], HttpResponse | FailedPoll]


def read_details(
    title: str, api: Api, details: Details, seen: Observation, send: Send, seconds: float, clock: Callable[[], float]
) -> Observation:
    """Observation of an ended import with its details.

    Parameters
    ----------
    title : str
        The vendor's name for people.
    api : Api
    details : Details
    seen : Observation
    send : callable
        Sends a request with further values and a time limit.
    seconds : float
        Time limit for all pages.
    clock : callable
        Returns epoch seconds.

    Returns
    -------
    Observation
        With the pages that were read, and why others are missing.
    """
    given = dict(seen.details or {})
    absent = [name for name in details.values if not given.get(name)]
    if absent:
        return _without(seen, f"the response has no {' and no '.join(absent)}")
    ends, cursor, cursors = time.monotonic() + seconds, details.first_cursor, set[str | None]()
    for _ in range(MAX_PAGES):
        values = given if cursor is None else {**given, CURSOR: cursor}
        if any(len(value) > MAX_CURSOR for value in values.values()):
            return _without(seen, f"a value for their request has more than {MAX_CURSOR:,} characters")
        if (left := ends - time.monotonic()) <= 0:
            late = f"they took more than {seconds:.0f} s" if seconds > 0 else "no time was left for them"
            return _without(seen, late)
        response = send(details.request_for(cursor), values, left)
        if isinstance(response, FailedPoll):
            return _after_failure(seen, response, response.retry_after)
        following = _with_next(title, api, details, response, seen)
        if isinstance(following, FailedPoll):
            return _after_failure(seen, following, retry_after(response, clock()))
        seen, next_cursor = following
        cursors.add(cursor)
        cursor = next_cursor
        if cursor is None:
            return seen
        if cursor in cursors:
            return _without(seen, "a page names itself, or one before it, as the next one")
    return _without(seen, f"they have more than {MAX_PAGES} pages")


def _with_next(
    title: str, api: Api, details: Details, response: HttpResponse, seen: Observation
) -> tuple[Observation, str | None] | FailedPoll:
    """Observation with one more page, and the cursor of the next one."""
    try:
        page = parse_page(title, api, details, response, seen)
        return page if isinstance(page, FailedPoll) else (with_page(seen, page), page.cursor or None)
    except Exception:  # noqa: BLE001
        # A fault of the adapter with a page must not take away the outcome that the status response has.
        logger.exception("a page of details could not be read")
        return FailedPoll(PollError.MISCONFIGURED, "a page of them could not be read, for a cause that is in the log")


def _after_failure(seen: Observation, failed: FailedPoll, hint: float | None) -> Observation:
    error = failed.error
    missing = MissingDetails(failed.detail, error in PASSING, throttled=error is PollError.THROTTLED)
    return replace(seen, missing_details=missing, retry_after=hint)


def _without(seen: Observation, reason: str) -> Observation:
    """Observation whose details no later poll would read either."""
    return replace(seen, missing_details=MissingDetails(reason, expected=False))
