"""Follows an import to its end: by Import Watch's own schedule under a policy, or by a peer's."""

from __future__ import annotations

import math
import random
from itertools import islice
from typing import NamedTuple

from import_watch.model.observation import MAX_RETRY_AFTER
from import_watch.scheduling.interval import Policy, Progress, first_wait, jitter_of, next_wait
from import_watch.scheduling.poll_delay import backoff

from benchmarks.schedule.imports import Import, Response
from benchmarks.schedule.peers import Peer

MAX_POLLS = 100_000
"""Bound of every loop: more than any schedule here needs for the longest import."""


class Run(NamedTuple):
    """How an import was followed: the polls it took, and the seconds from its end to the poll that saw it."""

    polls: int
    lag: float
    seconds: float
    watched: float


class Watching:
    """What Import Watch keeps of an import between two polls, and what follows for the next wait.

    It keeps what `lifecycle.transitions` and `scheduling.poll_delay` keep of a watch, at a tenth of the time: a
    benchmark makes millions of polls. `test_schedule.py` holds the two to the same waits, poll by poll.

    Parameters
    ----------
    watched : Import
    policy : Policy
    """

    def __init__(self, watched: Import, policy: Policy) -> None:
        self._policy = policy
        self._id = f"benchmark#{watched.scenario}#{watched.number}"
        self._history = watched.history
        self._polls = 0
        self._failures = 0
        self._running = self._queued = False
        self._announced: float | None = None
        self._starts_at: float | None = None
        self._since = 0.0
        self._reported_start: float | None = None
        self._fraction: float | None = None
        self._resolution: float | None = None
        self._changed_at = 0.0
        self._step = 0

    def first(self) -> int:
        """Seconds to the first poll."""
        return first_wait(0.0, self._policy)

    def after(self, response: Response, now: float) -> int:
        """Seconds to the next poll, after one that did not see the end."""
        self._polls += 1
        if response.refused is not None:
            self._failures += 1
            scheduled = self._scheduled(now)
            if response.refused > 0:
                return max(scheduled, min(self._scheduled(now, response.refused), MAX_RETRY_AFTER))
            return max(scheduled, backoff(self._failures))
        self._failures = 0
        self._running, self._queued = not response.queued, response.queued
        if response.queued:
            defer_poll = self._announced is not None and response.announced_start != self._announced
            self._starts_at = None if defer_poll else response.announced_start
            self._announced = response.announced_start
            self._since = now
        else:
            self._starts_at = self._announced = None
            self._reported_start = response.running_since if self._reported_start is None else self._reported_start
        if response.fraction is not None and response.fraction != self._fraction:
            self._changed_at = now
        self._fraction, self._resolution = response.fraction, response.resolution
        if response.fraction is not None and response.resolution is None:
            self._step = math.gcd(self._step, round(response.fraction * 100), 100)
            self._resolution = self._step / 100
        return self._scheduled(now)

    def _scheduled(self, now: float, retry_after: float | None = None) -> int:
        since = 0.0
        if self._running:
            since = self._since if self._reported_start is None else self._reported_start
        age = now - since
        progress = None
        if self._running and self._fraction is not None and self._resolution is not None:
            stood_still = min(now - self._changed_at, age)
            progress = Progress(self._fraction, self._resolution, stood_still)
        return next_wait(
            age,
            queued=self._queued,
            starts_in=None if self._starts_at is None else self._starts_at - now,
            progress=progress,
            history=self._history if self._running else None,
            retry_after=retry_after,
            jitter=jitter_of(self._id, self._polls),
            policy=self._policy,
        )


def follow(watched: Import, policy: Policy) -> Run:
    """Follow an import by Import Watch's schedule."""
    watching = Watching(watched, policy)
    now = float(watching.first())
    for polls in range(1, MAX_POLLS):
        response = watched.response(now)
        if response.ended:
            return Run(polls, now - watched.ends, watched.seconds, now)
        now += watching.after(response, now)
    raise RuntimeError(f"{watched.scenario} {watched.number} has no end")


def follow_by_peer(watched: Import, peer: Peer, seed: int) -> Run:
    """Follow an import by a peer's schedule, with jitter of its own for each import."""
    chance = random.Random(f"{seed}/{watched.scenario}/{watched.number}/{peer.name}")
    now, retry_after = 0.0, 0.0
    for polls, wait in enumerate(islice(peer.all_waits(chance), MAX_POLLS), 1):
        now += retry_after or wait
        retry_after = 0.0
        refused = watched.refused(now)
        if refused is None and now >= watched.ends:
            return Run(polls, now - watched.ends, watched.seconds, now)
        if refused and peer.honours_retry_after:
            retry_after = float(int(refused))
    raise RuntimeError(f"{watched.scenario} {watched.number} has no end for {peer.name}")
