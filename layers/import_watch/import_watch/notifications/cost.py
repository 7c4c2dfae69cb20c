"""Estimated cost of a watch: every price in one place, with its date. Pure."""

from __future__ import annotations

from import_watch.model.watch import Watch

# List prices in us-east-1 in USD, beyond the free tier, by copies of the AWS price list from
# 2024-11 to 2026-09 that were read in 2026-11.
TRANSITION = 25.00 / 1e6
"""Step Functions Standard, one state transition: https://aws.amazon.com/step-functions/pricing/"""
INVOCATION = 0.20 / 1e6
"""Lambda, one request: https://aws.amazon.com/lambda/pricing/"""
GIGABYTE_SECOND = 13.3334 / 1e6
"""Lambda on arm64, first tier: https://aws.amazon.com/lambda/pricing/"""
WRITE = 0.625 / 1e6
"""DynamoDB on demand, one write of up to 1 KB: https://aws.amazon.com/dynamodb/pricing/on-demand/"""
READ = 0.125 / 1e6
"""DynamoDB on demand, one consistent read of up to 4 KB; an eventually consistent read costs half:
https://aws.amazon.com/dynamodb/pricing/on-demand/"""
EVENT = 1.00 / 1e6
"""EventBridge, one custom event of up to 64 KB on a bus with rules: https://aws.amazon.com/eventbridge/pricing/"""
PUBLISH = 0.50 / 1e6
"""SNS, one request: https://aws.amazon.com/sns/pricing/"""
PUT = 5.00 / 1e6
"""S3 Standard, one PUT: https://aws.amazon.com/s3/pricing/"""

MEMORY_GB = 0.5
"""Memory of every function in the template."""
OTHER_SECONDS = 0.5
"""Billed time of register_watch and publish_outcome together, cold starts included."""
HAND_OVER_SECONDS = 0.25
"""Billed time of register_watch where it resumes a watch."""
TRANSITIONS_PER_POLL = 3
"""Wait, PollVendor, NextAction."""
TRANSITIONS_PER_WATCH = 4
"""RegisterWatch, its NextAction, PublishOutcome, OutcomePublished."""
TRANSITIONS_PER_HAND_OVER = 4
"""HandOver, HandedOver; RegisterWatch and its NextAction in the successor."""
WRITES_PER_POLL = 1.2
"""The item of less than 1 KB; and once in a quarter of an hour its move within the index, which is two writes
(`python -m benchmarks.table_writes` counts 1.1)."""
WRITES_PER_WATCH = 18
"""Besides its polls: the item and that of its start at the registration, in a transaction, in which each counts twice,
and an index entry; the connection's shared state at the start and at the end. The last poll also writes entries of two
indexes; from then on the item has between 1 and 2 KB, so that this write and each further one count twice: the location
of the log, the publication to the topic, and that nothing is left to be published, which also removes an index entry.
The item of the start gets its expiry."""
WRITES_PER_HAND_OVER = 3
"""The item counts twice, in a transaction with the list of owners."""
EVENTS_PER_WATCH = 2
"""The start event, and the outcome as an event, which the parameter OutcomeEvents may exclude."""
READS_PER_WATCH = 4
"""The watch, its start, and its connection's shared state, when it ends and when its outcome is published."""
READS_PER_HAND_OVER = 2.5
"""The watch, its start, and an eventually consistent read of the connection's shared state."""
READS_PER_POLL = 0.5
"""An eventually consistent read of the connection's shared state."""


def estimated_cost(watch: Watch) -> float:
    """Estimated cost of a watch in USD, to a millionth, without the vendor's charges and SNS deliveries."""
    return round(price(watch.polls, watch.executions, watch.poll_milliseconds / 1000), 6)


def price(polls: float, executions: float, poll_seconds: float) -> float:
    """Cost of a watch in USD.

    Parameters
    ----------
    polls : float
        Polls of the watch; a mean over many watches is also valid.
    executions : float
        Executions that owned it: each but the first got it by a hand-over, or took it over.
    poll_seconds : float
        Billed time of all its polls together.
    """
    handed_over = executions - 1
    transitions = TRANSITIONS_PER_WATCH + TRANSITIONS_PER_HAND_OVER * handed_over + TRANSITIONS_PER_POLL * polls
    invocations = polls + 2 + handed_over
    seconds = poll_seconds + OTHER_SECONDS + HAND_OVER_SECONDS * handed_over
    reads = READS_PER_WATCH + READS_PER_HAND_OVER * handed_over + READS_PER_POLL * polls
    return (
        transitions * TRANSITION
        + invocations * INVOCATION
        + seconds * MEMORY_GB * GIGABYTE_SECOND
        + (WRITES_PER_POLL * polls + WRITES_PER_HAND_OVER * handed_over + WRITES_PER_WATCH) * WRITE
        + reads * READ
        + EVENTS_PER_WATCH * EVENT
        + PUBLISH
        + 3 * PUT
    )
