"""Recognises the errors with which a service of AWS limits the rate of requests."""

from __future__ import annotations

from botocore.exceptions import ClientError

THROTTLING_ERRORS = frozenset(
    {
        *("Throttling", "ThrottlingException", "ThrottledException", "TooManyRequestsException"),
        *("RequestLimitExceeded", "ProvisionedThroughputExceededException"),
    }
)


def is_throttling(error: Exception) -> bool:
    """Whether a service refused a request because there were too many: later ones may succeed."""
    return isinstance(error, ClientError) and error.response["Error"]["Code"] in THROTTLING_ERRORS
