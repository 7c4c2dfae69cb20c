"""Recognises the errors with which a service of AWS limits the rate of requests."""

from __future__ import annotations

from botocore.exceptions import ClientError

THROTTLING_ERRORS = frozenset(
    {
        *("Throttling", "ThrottlingException", "ThrottledException", "TooManyRequestsException"),
        *("RequestLimitExceeded", "ProvisionedThroughputExceededException"),
        # As reasons of a cancelled transaction.
        *("ThrottlingError", "ProvisionedThroughputExceeded"),
    }
)


def is_throttling(error: Exception) -> bool:
    """Whether a service refused a request because there were too many: later ones may succeed."""
    cause = error if isinstance(error, ClientError) else error.__cause__
    if not isinstance(cause, ClientError):
        return False
    reasons = cause.response.get("CancellationReasons", [])
    return not THROTTLING_ERRORS.isdisjoint({cause.response["Error"]["Code"], *(one.get("Code") for one in reasons)})
