"""The logger of every function, and its metrics: JSON lines that carry the watch, and never a secret."""

from __future__ import annotations

from aws_lambda_powertools import Logger

logger = Logger(service="import-watch", log_uncaught_exceptions=False)


def count(metric: str, vendor: str) -> None:
    """Count one occurrence of something at a vendor, as a CloudWatch metric in the log (EMF)."""
    # Few invocations have anything to count.
    from aws_lambda_powertools.metrics import MetricUnit, single_metric

    with single_metric(namespace="ImportWatch", name=metric, unit=MetricUnit.Count, value=1) as found:
        found.add_dimension(name="vendor", value=vendor)


def speak_of(watch_id: str, execution: str, **more: object) -> None:
    """Put the watch and its execution on every log line from here on; what an earlier invocation put is dropped."""
    logger.clear_state()
    logger.append_keys(watchId=watch_id, execution=execution, **more)
