"""What a container keeps of a connection: a read saved, unless another container may have learned of throttling."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from import_watch.model.watch import Watch
from import_watch.services.shared_states import MAX_AGE, MAX_STATES, SharedStates

from tests.unit.aws_fixtures import NOW, a_watch, aws_account, connection_store, watch_table

POLLED = a_watch(polls=3)


class Container:
    """The states that a container keeps, its clock, and the other containers that write to the table."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = NOW
        monkeypatch.setattr(time, "time", lambda: self.now)
        self.others = connection_store()
        self.states = SharedStates(connection_store())

    def active(self, watch: Watch = POLLED) -> int:
        return self.states.get(watch).active_watches

    def start_another(self, watch: Watch = POLLED) -> None:
        self.others.watch_began(watch.vendor, watch.connection)


@pytest.fixture
def container(monkeypatch: pytest.MonkeyPatch) -> Iterator[Container]:
    with aws_account(monkeypatch):
        watch_table()
        yield Container(monkeypatch)


def test_a_state_is_kept_for_some_seconds(container: Container) -> None:
    container.start_another()
    seen = [container.active()]
    container.start_another()
    for seconds in (MAX_AGE - 0.1, 0.1):
        container.now += seconds
        seen.append(container.active())
    assert seen == [1, 1, 2]


def test_throttling_elsewhere_is_known_after_as_many_seconds(container: Container) -> None:
    container.states.get(POLLED)
    container.others.throttled(POLLED, NOW + 60)
    container.now += MAX_AGE
    assert container.states.get(POLLED).throttled_until == NOW + 60


def throttled(states: SharedStates) -> None:
    states.responded(POLLED, throttled=True)


def throttled_and_deferred(states: SharedStates) -> None:
    """The poll that follows reads the state and is deferred, so that the last response is still the throttled one."""
    states.responded(POLLED, throttled=True)
    states.get(POLLED)


@pytest.mark.parametrize(
    ("event", "watch"),
    [
        pytest.param(throttled, POLLED, id="after the vendor throttled any watch of the connection"),
        pytest.param(throttled_and_deferred, POLLED, id="until it has responded otherwise"),
        pytest.param(lambda states: states.changed(POLLED), POLLED, id="after this container has changed it"),
        pytest.param(lambda _: None, a_watch(polls=0), id="before the first poll of a watch"),
        pytest.param(
            lambda _: None, a_watch(polls=3, failures=1), id="after a failed poll of the watch, in any container"
        ),
    ],
)
def test_it_is_read_where_it_may_have_changed(
    container: Container, event: Callable[[SharedStates], Any], watch: Watch
) -> None:
    container.active()
    event(container.states)
    container.start_another()
    assert container.active(watch) == 1


def test_it_is_kept_again_once_the_vendor_throttles_no_more(container: Container) -> None:
    container.states.responded(POLLED, throttled=True)
    container.active()
    container.states.responded(POLLED, throttled=False)
    container.start_another()
    assert container.active() == 0


def test_other_connections_are_kept_apart(container: Container) -> None:
    other = a_watch(connection="other", polls=3)
    container.active()
    container.start_another(other)
    assert (container.active(), container.active(other)) == (0, 1)


def test_a_clock_that_is_set_back_keeps_nothing_longer(container: Container) -> None:
    container.active()
    container.start_another()
    container.now -= 3_600
    assert container.active() == 1


def test_as_many_seconds_are_used_as_a_secret_is_kept_for(container: Container) -> None:
    states = SharedStates(connection_store(), 0)
    states.get(POLLED)
    container.start_another()
    assert states.get(POLLED).active_watches == 1


def test_a_container_keeps_a_limited_number_of_connections(container: Container) -> None:
    container.active()
    container.start_another()
    for number in range(MAX_STATES):
        container.active(a_watch(connection=str(number), polls=3))
    assert container.active() == 1
