"""One poll of a watch by the pure core alone, as `services.polling` puts it together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from import_watch.lifecycle import transitions
from import_watch.model.observation import FailedPoll, Observation
from import_watch.model.outcome import WatchResult
from import_watch.model.watch import History, Start, Tolerance, Watch
from import_watch.notifications.messages import with_message
from import_watch.scheduling.interval import DEFAULT_POLICY, Policy
from import_watch.scheduling.poll_delay import next_interval, rate_limit_delay
from import_watch.scheduling.rate_limit import UNSHARED, RateShare


@dataclass(frozen=True)
class Wait:
    """The watch continues: its next poll is in `seconds`."""

    watch: Watch
    seconds: int
    stalled: bool = False


@dataclass(frozen=True)
class End:
    """The watch has ended, with its sentence."""

    watch: Watch
    result: WatchResult


def start_watch(
    start: Start,
    now: float,
    tolerance: Tolerance,
    policy: Policy = DEFAULT_POLICY,
    share: RateShare = UNSHARED,
    histories: Mapping[str, History] | None = None,
) -> Wait:
    watch = transitions.start_watch(start, now, tolerance, policy, share, histories)
    assert watch.next_poll_at is not None
    return Wait(watch, round(watch.next_poll_at - now))


def advance(
    watch: Watch,
    polled: Observation | FailedPoll,
    now: float,
    tolerance: Tolerance,
    policy: Policy = DEFAULT_POLICY,
    share: RateShare = UNSHARED,
) -> Wait | End:
    transition = transitions.advance(watch, polled, now, tolerance)
    return _step(transition, now, next_interval(transition.watch, polled, now, policy, share))


def defer_poll(watch: Watch, now: float, share: RateShare, throttled_until: float | None = None) -> Wait | End | None:
    """The watch as it is deferred; None where it may poll."""
    seconds = rate_limit_delay(watch, now, share, throttled_until)
    return _step(transitions.defer_poll(watch, now, share), now, seconds) if seconds else None


def _step(transition: transitions.Transition, now: float, seconds: int) -> Wait | End:
    transition = transitions.schedule(transition, now, seconds)
    if transition.result is None:
        return Wait(transition.watch, seconds, transition.stalled)
    return End(transition.watch, with_message(transition.watch, transition.result))
