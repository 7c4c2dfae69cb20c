"""The logger of every function, and its metrics: JSON lines that carry the watch, and never a secret.

A metric is a line of the embedded metric format, which CloudWatch reads out of the log: nothing is called for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, StrEnum
from typing import Any

from aws_lambda_powertools import Logger

# The package has loaded its metrics with its logger: there is nothing to be gained by loading them later.
from aws_lambda_powertools.metrics import EphemeralMetrics

from import_watch.model.watch import Watch, key_parts

NAMESPACE = "ImportWatch"

logger = Logger(log_uncaught_exceptions=False)


class Metric(Enum):
    """Every metric that there is: its name, its unit, and its dimensions.

    Every metric has the dimension `service` besides, which is the stack's name. A dimension has a bound: `vendor` is
    one of the vendor folders, or `invalid` for a start event that named none; every other one is an enum of ours.
    What a vendor or a start event says is never a dimension, and neither is a connection.
    """

    WATCHES_STARTED = ("WatchesStarted", "Count", ("vendor",))
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
    RECOVERIES = ("Recoveries", "Count", ("result",))

    def __init__(self, label: str, unit: str, dimensions: tuple[str, ...]) -> None:
        self.label = label
        self.unit = unit
        self.dimensions = dimensions


def emit_metrics(values: Mapping[Metric, float], *, vendor: str | None = None, **dimensions: StrEnum) -> None:
    """Write metrics that share their dimensions, as one line.

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
    told = ({} if vendor is None else {"vendor": vendor}) | {name: one.value for name, one in dimensions.items()}
    metrics = EphemeralMetrics(namespace=NAMESPACE, service=logger.service)
    for metric, value in values.items():
        if set(metric.dimensions) != told.keys():
            raise ValueError(f"{metric.label} has the dimensions {metric.dimensions}, not {tuple(told)}")
        metrics.add_metric(metric.label, metric.unit, value)
    for name, dimension in told.items():
        metrics.add_dimension(name, dimension)
    keys = logger.get_current_keys()
    for name in ("correlationId", "watchId"):
        if keys.get(name) is not None:
            metrics.add_metadata(name, keys[name])
    metrics.flush_metrics()


def vendor_of(watch_id: str) -> str:
    """Give the vendor of a watch as a dimension: what stands first in its id is never what a start event made up."""
    return key_parts(watch_id)[0]


def bind_log_context(
    execution: str | None,
    *,
    correlation: str | None = None,
    watch_id: str | None = None,
    generation: int | None = None,
    poll: int | None = None,
) -> None:
    """Put what is known of a watch on every log line from here on; what was put before is dropped.

    Parameters
    ----------
    execution : str or None
        ARN of the execution that is at work, or is looked after; None for a sweep.
    correlation : str, optional
        What all lines of an import are found by (see `Watch`), if it is known yet.
    watch_id, generation, poll : optional
        Of the watch; `poll` is the number of its last poll, or of the one being made.
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
    """Put a watch and its execution on every log line from here on; `poll` where it is not the last one."""
    bind_log_context(
        execution,
        correlation=watch.correlation,
        watch_id=watch.watch_id,
        generation=watch.generation,
        poll=watch.polls if poll is None else poll,
    )


def bind_state_log_context(watch: Mapping[str, Any], execution: str) -> None:
    """Put a watch on every log line from here on, as the state machine holds it; its id and generation suffice."""
    bind_log_context(
        execution,
        correlation=watch.get("correlation"),
        watch_id=watch["watchId"],
        generation=watch["generation"],
        poll=watch.get("polls"),
    )
