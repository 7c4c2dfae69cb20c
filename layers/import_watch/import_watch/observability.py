"""The logger of every function, and its metrics: JSON lines that carry the watch, and never a secret.

A metric is a line of the embedded metric format, which CloudWatch reads from the log: no API call is needed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import Enum, StrEnum
from typing import Any

from aws_lambda_powertools import Logger

# The package loads its metrics together with its logger, so loading them later would save nothing.
from aws_lambda_powertools.metrics import EphemeralMetrics

from import_watch.model.watch import Watch, key_parts

NAMESPACE = "ImportWatch"

logger = Logger(log_uncaught_exceptions=False)


class Metric(Enum):
    """All metrics, each with its name, its unit and its dimensions.

    Every metric also has the dimension `service`: the stack's name. The values of a dimension are limited: `vendor` is
    one of the vendor folders, or `invalid` for an invalid start event; every other dimension is an enum of this
    package. Values from a vendor or a start event are never a dimension, and neither is a connection.
    """

    WATCHES_STARTED = ("WatchesStarted", "Count", ("vendor",))
    START_EVENTS_IGNORED = ("StartEventsIgnored", "Count", ("reason",))
    POLLS = ("Polls", "Count", ("vendor",))
    POLLS_FAILED = ("PollsFailed", "Count", ("vendor",))
    POLL_WRITE_FAILURES = ("PollWriteFailures", "Count", ())
    VENDOR_LATENCY = ("VendorLatency", "Milliseconds", ("vendor",))
    VENDOR_ERRORS = ("VendorErrors", "Count", ("vendor", "error"))
    UNRECOGNISED_STATUS = ("UnrecognisedStatus", "Count", ("vendor",))
    RATE_LIMIT_WAITS = ("RateLimitWaits", "Count", ("vendor",))
    IMPORTS_STALLED = ("ImportsStalled", "Count", ("vendor",))
    WATCHES_ENDED = ("WatchesEnded", "Count", ("vendor", "outcome"))
    OUTCOMES_UNKNOWN = ("OutcomesUnknown", "Count", ("reason",))
    DETECTION_LAG = ("DetectionLag", "Seconds", ("vendor",))
    PUBLICATION_DELAY = ("PublicationDelay", "Seconds", ("vendor",))
    IMPORT_DURATION = ("ImportDuration", "Seconds", ("vendor",))
    LOG_ARCHIVE_FAILURES = ("LogArchiveFailures", "Count", ("vendor",))
    ESTIMATED_COST = ("EstimatedCost", "None", ("vendor",))
    SWEEPS = ("Sweeps", "Count", ())
    OUTCOMES_UNPUBLISHED = ("OutcomesUnpublished", "Count", ())
    ACTIVE_WATCHES = ("ActiveWatches", "Count", ("vendor",))
    CALLBACKS = ("Callbacks", "Count", ("result",))
    WAKES = ("Wakes", "Count", ("result",))
    RECOVERIES = ("Recoveries", "Count", ("result",))

    def __init__(self, label: str, unit: str, dimensions: tuple[str, ...]) -> None:
        self.label = label
        self.unit = unit
        self.dimensions = dimensions


BASIC: Mapping[Metric, Mapping[str, str]] = {
    Metric.SWEEPS: {},
    Metric.OUTCOMES_UNPUBLISHED: {},
    Metric.POLL_WRITE_FAILURES: {},
    Metric.OUTCOMES_UNKNOWN: {"reason": "WATCH_BROKEN"},
}
"""Metrics, and their dimensions, of the alarms that the template keeps with the parameter `Detail` set to `basic`."""


def emit_metrics(values: Mapping[Metric, float], *, vendor: str | None = None, **dimensions: StrEnum) -> None:
    """Write metrics that share their dimensions, as one line; with the detail `basic`, only those in `BASIC`.

    Parameters
    ----------
    values : mapping of Metric to float
    vendor : str, optional
        See `vendor_of`.
    **dimensions : StrEnum
        The other dimensions, by name.

    Raises
    ------
    ValueError
        If a metric does not have exactly these dimensions.
    """
    dimension_values = ({} if vendor is None else {"vendor": vendor}) | {
        name: one.value for name, one in dimensions.items()
    }
    for metric in values:
        if set(metric.dimensions) != dimension_values.keys():
            raise ValueError(f"{metric.label} has the dimensions {metric.dimensions}, not {tuple(dimension_values)}")
    if os.environ.get("METRIC_DETAIL") == "basic":
        values = {metric: value for metric, value in values.items() if BASIC.get(metric) == dimension_values}
    if not values:
        return
    metrics = EphemeralMetrics(namespace=NAMESPACE, service=logger.service)
    for metric, value in values.items():
        metrics.add_metric(metric.label, metric.unit, value)
    for name, dimension in dimension_values.items():
        metrics.add_dimension(name, dimension)
    keys = logger.get_current_keys()
    for name in ("correlationId", "watchId"):
        if keys.get(name) is not None:
            metrics.add_metadata(name, keys[name])
    metrics.flush_metrics()


def vendor_of(watch_id: str) -> str:
    """Vendor of a watch as a dimension: the first part of a watch's id is always a known vendor or `invalid`."""
    return key_parts(watch_id)[0]


def bind_log_context(
    execution: str | None,
    *,
    correlation: str | None = None,
    watch_id: str | None = None,
    generation: int | None = None,
    poll: int | None = None,
) -> None:
    """Add what is known about a watch to every later log line, in place of the context before.

    Parameters
    ----------
    execution : str or None
        ARN of the execution that runs, or that is recovered; None for a sweep.
    correlation : str, optional
        Correlation id of all log lines of an import (see `Watch`), if it is known yet.
    watch_id, generation, poll : optional
        Of the watch; `poll` is the number of its last poll, or of the poll in progress.
    """
    logger.clear_state()
    keys = {
        "correlationId": correlation or watch_id,
        "watchId": watch_id,
        "vendor": None if watch_id is None else vendor_of(watch_id),
        "execution": execution,
        "generation": generation,
        "poll": poll,
    }
    logger.append_keys(**{name: value for name, value in keys.items() if value is not None})


def bind_watch_log_context(watch: Watch, execution: str, *, poll: int | None = None) -> None:
    """Add a watch and its execution to every later log line; `poll` where it is not the watch's last one."""
    bind_log_context(
        execution,
        correlation=watch.correlation,
        watch_id=watch.watch_id,
        generation=watch.generation,
        poll=watch.polls if poll is None else poll,
    )


def bind_state_log_context(watch: Mapping[str, Any], execution: str) -> None:
    """Add a watch, in the state machine's form, to every later log line; its id and generation are enough."""
    bind_log_context(
        execution,
        correlation=watch.get("correlation"),
        watch_id=watch["watchId"],
        generation=watch["generation"],
        poll=watch.get("polls"),
    )
