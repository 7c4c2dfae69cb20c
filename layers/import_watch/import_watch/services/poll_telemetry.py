"""Logs and measures one poll, and the deferral of one."""

from __future__ import annotations

from import_watch.model.observation import FailedPoll, ImportState, PollError
from import_watch.model.watch import Watch
from import_watch.observability import Metric, emit_metrics, logger
from import_watch.scheduling.rate_limit import RateShare
from import_watch.services.reply import Reply

VENDOR_SIDE_ERRORS = (PollError.UNAVAILABLE, PollError.UNREADABLE, PollError.THROTTLED)
"""Errors that other connections of the vendor are likely to have as well."""


def emit_poll_metrics(watch: Watch, reply: Reply) -> None:
    """Log and measure a poll.

    Parameters
    ----------
    watch : Watch
        With the poll in it.
    reply : Reply
    """
    polled, milliseconds = reply.polled, reply.request_milliseconds
    # With every poll, also where it is 0: an alarm compares the two.
    failed = isinstance(polled, FailedPoll) and polled.error in VENDOR_SIDE_ERRORS
    values = {Metric.POLLS: 1.0, Metric.POLLS_FAILED: float(failed)}
    if milliseconds is not None:
        values[Metric.VENDOR_LATENCY] = milliseconds
    if isinstance(polled, FailedPoll):
        logger.warning(
            "poll failed",
            error=polled.error.value,
            detail=polled.detail,
            failures=watch.failures,
            milliseconds=milliseconds,
        )
        emit_metrics({Metric.VENDOR_ERRORS: 1}, vendor=watch.vendor, error=polled.error)
    elif polled.state is ImportState.UNRECOGNISED:
        logger.warning(
            "the vendor's status is not in its status map",
            vendorStatus=polled.vendor_status,
            milliseconds=milliseconds,
        )
        values[Metric.UNRECOGNISED_STATUS] = 1
    else:
        logger.info(
            "polled", importState=polled.state.value, vendorStatus=polled.vendor_status, milliseconds=milliseconds
        )
    missing = None if isinstance(polled, FailedPoll) else polled.missing_details
    if missing is not None:
        logger.warning("the details of the import are missing", detail=missing.reason)
        if missing.throttled:
            emit_metrics({Metric.VENDOR_ERRORS: 1}, vendor=watch.vendor, error=PollError.THROTTLED)
    emit_metrics(values, vendor=watch.vendor)


def emit_deferral_metrics(watch: Watch, share: RateShare) -> None:
    """Log and measure a poll that was deferred."""
    logger.info("deferred: the rate limit of the connection allows no poll now", active=share.active)
    emit_metrics({Metric.RATE_LIMIT_WAITS: 1}, vendor=watch.vendor)
