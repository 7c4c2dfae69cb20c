"""What others do by default when they wait for a job: ten schedules, each with the source of its figures.

A peer is a first wait and those that follow. Each is simulated as it would be at its best: it never gives up (most do,
after 10 to 60 minutes: their limits stand in the comments), and a request that is refused changes nothing for it,
unless it is known to honour Retry-After.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, repeat


@dataclass(frozen=True, slots=True)
class Peer:
    """Another's schedule.

    Parameters
    ----------
    name : str
        For tables.
    first : float
        Seconds before its first poll.
    waits : callable
        Gives the seconds before each of the polls after it; the random numbers are its jitter.
    honours_retry_after : bool
        Whether Retry-After takes the place of a wait.
    """

    name: str
    first: float
    waits: Callable[[random.Random], Iterator[float]]
    honours_retry_after: bool = False

    def all_waits(self, chance: random.Random) -> Iterator[float]:
        """Seconds before each of its polls, without end."""
        return chain((self.first,), self.waits(chance))


def every(seconds: float) -> Callable[[random.Random], Iterator[float]]:
    """Wait the same always."""
    return lambda _: repeat(seconds)


def growing(first: float, factor: float, most: float) -> Callable[[random.Random], Iterator[float]]:
    """Wait longer by a factor each time, without jitter."""
    return lambda _: _grow(first, factor, most)


def full_jitter(
    first: float, factor: float, most: float, least: float = 0.0
) -> Callable[[random.Random], Iterator[float]]:
    """Wait for a time drawn evenly between the least and one that grows by a factor."""

    def waits(chance: random.Random) -> Iterator[float]:
        return (chance.uniform(least, max(least, wait)) for wait in _grow(first, factor, most))

    return waits


def _grow(first: float, factor: float, most: float) -> Iterator[float]:
    wait = min(first, most)
    while True:
        yield wait
        wait = min(wait * factor, most)


def _gcloud(chance: random.Random) -> Iterator[float]:
    return (wait + chance.uniform(0, 1) for wait in _grow(2, 1.4, 180))


PEERS = (
    # AWS Step Functions developer guide, sample project "Poll for Job Status": its example input has "wait_time": 60,
    # and the machine waits before it polls (awsdocs/aws-step-functions-developer-guide,
    # doc_source/sample-project-job-poller.md). Airflow: BaseSensorOperator(poke_interval=60), in every version read.
    # Copies of the sample in public code have 3, 10, 20 and 30 s.
    Peer("fixed 60 s", 60, every(60)),
    # azure-core: LROBasePolling(timeout=30), ARMPolling(timeout=30): sleep, then poll; int(Retry-After) instead where
    # sent (sdk/core/azure-core/azure/core/polling/base_polling.py). azure-mgmt-core's reference has the same 30; the
    # JavaScript SDK's is 2 s.
    Peer("Azure SDK for Python, 30 s", 30, every(30), honours_retry_after=True),
    # botocore 1.43.106, data/*/*/waiters-2.json: 622 waiters; a delay of 15 s is the most common (228; 30 s: 101,
    # 5 s: 74). A waiter polls, then sleeps (botocore/waiter.py). Most give up after 40 to 60 polls.
    Peer("botocore waiter, 15 s", 0, every(15)),
    # What is written by hand around boto3: durable functions' figures (below) without their jitter. No document has it.
    Peer("exponential, 5 s × 1.5 to 300 s", 0, growing(5, 1.5, 300)),
    # aws-durable-execution-sdk-java, WaitStrategies.Presets.DEFAULT: 5 s, × 1.5, 300 s, full jitter, 60 attempts. A
    # wait is 1 s at least (docs.aws.amazon.com/durable-execution, "Wait Operations"). waitForCondition checks first.
    Peer("Lambda durable functions", 0, full_jitter(5, 1.5, 300, least=1)),
    # googlecloudsdk/api_lib/util/waiter.py, WaitFor: pre_start_sleep_ms=1000, sleep_ms=2000,
    # exponential_sleep_multiplier=1.4, wait_ceiling_ms=180000, jitter_ms=1000 (added). It gives up after
    # max_wait_ms: 300000 in older versions, 1800000 in newer ones.
    Peer("gcloud", 1, _gcloud),
    # Smithy 2.0, "Waiters", Waiter retries: minDelay 2, maxDelay 120, delay = random(minDelay, minDelay * 2^(n-1)).
    # The operation is called first.
    Peer("Smithy waiter", 0, full_jitter(2, 2, 120, least=2)),
    # google-cloud-java, generated *StubSettings: OperationTimedPollAlgorithm with initial 5000 ms, × 1.5, 45000 ms,
    # total 300000 ms. (gax's own documentation lets one set others; the generated clients that were read all have
    # these.) The first poll follows the call at once.
    Peer("Google Java", 0, growing(5, 1.5, 45)),
    # google-api-core, future/polling.py: DEFAULT_POLLING = Retry(initial=1, maximum=20, multiplier=1.5, timeout=900);
    # retry_base.py draws from uniform(0, delay). Older versions drew from uniform(0, 2 * delay), cut at the maximum.
    Peer("Google Python", 0, full_jitter(1, 1.5, 20)),
    # docs.temporal.io, "What is a Temporal Retry Policy?": initial interval 1 s, coefficient 2.0, maximum interval
    # 100 × the initial one, no limit of attempts: for an activity that fails until the job is done. One SDK's page
    # gives the first retry initial × 2; the server's rule, taken here, gives it the initial interval.
    Peer("Temporal retry", 0, growing(1, 2, 100)),
)
