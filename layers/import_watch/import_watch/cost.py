"""What a watch cost, estimated: every price in one place, with its date. Pure."""

from __future__ import annotations

from import_watch.model import Watch

# List prices in us-east-1 in USD, beyond the free tier, as of 2026-11.
TRANSITION = 25.00 / 1e6
"""Step Functions Standard, one state transition."""
INVOCATION = 0.20 / 1e6
"""Lambda, one request."""
GIGABYTE_SECOND = 13.3334 / 1e6
"""Lambda on arm64, first tier."""
WRITE = 0.625 / 1e6
"""DynamoDB on demand, one write of up to 1 KB."""
READ = 0.125 / 1e6
"""DynamoDB on demand, one consistent read of up to 4 KB."""
EVENT = 1.00 / 1e6
"""EventBridge, one custom event."""
PUBLISH = 0.50 / 1e6
"""SNS, one request."""
PUT = 5.00 / 1e6
"""S3 Standard, one PUT."""

MEMORY_GB = 0.5
"""Memory of every function in the template."""
OTHER_SECONDS = 0.5
"""Billed time of register_watch and publish_outcome together, cold starts included."""
TRANSITIONS_PER_POLL = 3
"""Wait, PollVendor, NextAction."""
TRANSITIONS_PER_EXECUTION = 4
"""RegisterWatch, its NextAction, PublishOutcome, OutcomePublished."""
WRITES_PER_POLL = 3
"""The item, and its move within the index: one removed, one put."""


def estimated_cost(watch: Watch) -> float:
    """Estimate what a watch has cost in USD, to a millionth; the vendor's charges and SNS deliveries are not in it."""
    transitions = TRANSITIONS_PER_EXECUTION * watch.executions + TRANSITIONS_PER_POLL * watch.polls
    seconds = watch.poll_milliseconds / 1000 + OTHER_SECONDS * watch.executions
    cost = transitions * TRANSITION
    cost += (watch.polls + 2 * watch.executions) * INVOCATION + seconds * MEMORY_GB * GIGABYTE_SECOND
    cost += (WRITES_PER_POLL * watch.polls + 5) * WRITE + 2 * READ
    cost += EVENT + PUBLISH + 3 * PUT
    return round(cost, 6)
