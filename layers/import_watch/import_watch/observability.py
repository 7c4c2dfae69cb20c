"""The logger of every function: JSON lines that carry the watch they speak of, and never a secret."""

from __future__ import annotations

from aws_lambda_powertools import Logger

logger = Logger(service="import-watch", log_uncaught_exceptions=False)


def speak_of(watch_id: str, execution: str, **more: object) -> None:
    """Put the watch and its execution on every log line from here on; what an earlier invocation put is dropped."""
    logger.clear_state()
    logger.append_keys(watchId=watch_id, execution=execution, **more)
