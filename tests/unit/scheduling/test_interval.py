"""The poll schedule: hand-computed examples, and its bounds for any arguments."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from import_watch.scheduling.interval import DEFAULT_POLICY, History, Policy, Progress, first_wait, jitter_of, next_wait

DAY = 86_400
FLOOR = 5
ALMOST_ONE = math.nextafter(1.0, 0.0)

AGES = st.floats(0, 60 * DAY)
JITTERS = st.floats(0, 1, exclude_max=True)
SPANS = st.floats(0, 60 * DAY)
FRACTIONS = st.floats(0, 1)
RESOLUTIONS = st.floats(1e-9, 1)
PROGRESSES = st.builds(Progress, FRACTIONS, RESOLUTIONS, SPANS)
HISTORIES = st.builds(History, st.integers(0, 1_000), st.floats(-10, 800), st.floats(0, 100))
ALL_AGES = st.floats(-60 * DAY, 1_000 * DAY)
ANY_PROGRESSES = st.builds(
    Progress, st.floats(-1, 2), st.floats(-1, 2), st.floats(allow_nan=False, allow_infinity=False)
)
"""Also such as no vendor's response is read as, and stalled for longer than the import is old."""


def ceiling_at(age: float) -> float:
    return max(60.0, 0.002 * age)


@pytest.mark.parametrize(
    ("age", "seconds"),
    [(-3_600, 5), (0, 5), (30, 5), (50, 5), (51, 6), (123, 13), (300, 30), (599, 60)],
)
def test_without_evidence_it_waits_a_tenth_of_the_age_or_floor(age: float, seconds: int) -> None:
    assert next_wait(age) == seconds


@pytest.mark.parametrize("age", [600, 601, 3_600, 30_000])
def test_without_evidence_it_waits_a_minute_at_most(age: float) -> None:
    assert next_wait(age) == 60


@pytest.mark.parametrize(("age", "seconds"), [(30_100, 61), (DAY, 173), (10 * DAY, 1_728), (30 * DAY, 5_184)])
def test_at_long_ages_the_ceiling_is_a_share_of_the_age(age: float, seconds: int) -> None:
    assert next_wait(age) == seconds


@pytest.mark.parametrize(("age", "seconds"), [(0, 5), (14, 5), (40, 14), (100, 35), (172, 60), (3_600, 60), (DAY, 173)])
def test_queued_without_an_announced_start_it_waits_a_third_of_the_age(age: float, seconds: int) -> None:
    assert next_wait(age, queued=True) == seconds


@pytest.mark.parametrize(
    ("age", "progress", "seconds"),
    [
        pytest.param(600, Progress(0.94), 19, id="0.58 of the earliest rest: (1 - .95) / .95 * 600 * .58"),
        pytest.param(600, Progress(0.25), 300, id="at most half of the age"),
        pytest.param(7_200, Progress(0.25), 1_200, id="at most 1,200 s"),
        pytest.param(600, Progress(1.0), 12, id="0.45 times the square root of the age where it is as good as done"),
        pytest.param(600, Progress(0.99, 0.01, 400), 40, id="twice the square root of the time without a change"),
        pytest.param(7_200, Progress(0.99, 0.01, 7_000), 60, id="which stretches it to the ceiling at most"),
        pytest.param(DAY, Progress(0.99, 0.01, DAY), 173, id="or to the share of the age that replaces it"),
        pytest.param(600, Progress(0.5, 0.25), 60, id="four steps, two done: (1 - .75) / .75 * 600 * .3"),
        pytest.param(600, Progress(0.25, 0.25), 180, id="one step is evidence"),
        pytest.param(600, Progress(0.2, 0.25), 60, id="less than one step is none"),
        pytest.param(600, Progress(0.0), 60, id="nor is no progress at all"),
    ],
)
def test_progress_decides_the_wait_of_a_running_import(age: float, progress: Progress, seconds: int) -> None:
    assert next_wait(age, progress=progress) == seconds


@pytest.mark.parametrize(
    ("age", "history", "seconds"),
    [
        pytest.param(600, History(5, math.log(3_600.5), 0), 98, id="4 times the square root of the age"),
        pytest.param(64, History(5, math.log(3_600.5), 0), 26, id="at most 0.4 of the age"),
        pytest.param(2_800, History(5, math.log(3_600.5), 0), 81, id="until 0.8 of the quantile: 2880.4 - 2800"),
        pytest.param(1_200, History(5, math.log(3_600), 0.5), 66, id="the quantile is 1.645 sigma below the median"),
        pytest.param(100_000, History(5, math.log(1e6), 0), 1_200, id="at most 1,200 s"),
        pytest.param(400, History(5, math.log(600), 0.25), 22, id="by the spread while most imports end"),
        pytest.param(3_600, History(5, math.log(4_000), 0.5), 84, id="then at most 1.4 times the ceiling"),
        pytest.param(3_600, History(5, math.log(600), 0.5), 60, id="once most have ended, as if nothing were known"),
        pytest.param(600, History(4, math.log(3_600.5), 0), 60, id="four imports are too little evidence"),
    ],
)
def test_history_decides_the_wait_of_a_running_import(age: float, history: History, seconds: int) -> None:
    assert next_wait(age, history=history) == seconds


def test_progress_counts_for_more_than_history() -> None:
    assert next_wait(600, history=History(50, math.log(DAY), 0), progress=Progress(0.94)) == 19


def test_history_and_progress_do_not_count_for_a_queued_import() -> None:
    evidence = next_wait(600, queued=True, history=History(50, math.log(DAY), 0), progress=Progress(1.0))
    assert evidence == 60


@pytest.mark.parametrize(
    ("age", "starts_in", "seconds"),
    [
        pytest.param(3_600, 800, 800, id="until the start"),
        pytest.param(3_600, 800.2, 801, id="rounded up"),
        pytest.param(600, 2, 5, id="the floor at least"),
        pytest.param(600, 0, 60, id="a start that is due is ignored"),
        pytest.param(600, -10, 60, id="nor one that is past"),
        pytest.param(600, 1_800, 300, id="at most half of the age"),
        pytest.param(5, 1_800, 5, id="at most the floor where the age is less"),
        pytest.param(1_800, 29 * DAY, 900, id="at most 900 s"),
        pytest.param(30 * DAY, 29 * DAY, 900, id="at most 900 s at any age"),
    ],
)
def test_an_announced_start_is_waited_for_within_bounds(age: float, starts_in: float, seconds: int) -> None:
    assert next_wait(age, queued=True, starts_in=starts_in, jitter=0.0) == seconds


def test_jitter_never_polls_before_an_announced_start() -> None:
    assert next_wait(3_600, queued=True, starts_in=800, jitter=ALMOST_ONE) == 800


def test_an_announced_start_is_ignored_once_the_import_runs() -> None:
    assert next_wait(600, starts_in=1_800) == 60


@pytest.mark.parametrize(
    ("retry_after", "jitter", "seconds"), [(120, 0.0, 120), (10, 0.0, 60), (0, 0.0, 60), (110, 0.5, 116)]
)
def test_retry_after_only_lengthens(retry_after: float, jitter: float, seconds: int) -> None:
    assert next_wait(600, retry_after=retry_after, jitter=jitter) == seconds


def test_retry_after_may_exceed_the_time_until_a_known_start() -> None:
    assert next_wait(600, queued=True, starts_in=60, retry_after=300) == 300


@pytest.mark.parametrize(("age", "jitter", "seconds"), [(500, 0.0, 50), (500, 0.5, 48), (500, 0.99, 46), (50, 0.9, 5)])
def test_jitter_shortens_a_wait_by_a_tenth_at_most_to_the_floor(age: float, jitter: float, seconds: int) -> None:
    assert next_wait(age, jitter=jitter) == seconds


def test_the_policy_moves_every_bound() -> None:
    policy = Policy(
        floor=20,
        ratio=0.5,
        ceiling=100,
        ceiling_ratio=0.01,
        queued_ratio=0.6,
        progress_ratio=0.75,
        progress_ceiling=200,
        history_ratio=0.9,
        history_ceiling=300,
        root_factor=10,
    )
    nothing = [next_wait(age, policy=policy) for age in (10, 150, 1_000, 20_000)]
    queued = [next_wait(age, queued=True, policy=policy) for age in (100, 1_000)]
    progress = [next_wait(age, progress=Progress(0.05), policy=policy) for age in (100, 1_000)]
    history = [next_wait(age, history=History(5, 10, 0), policy=policy) for age in (100, 1_000)]
    near_end = next_wait(100, progress=Progress(1.0), policy=policy)
    assert (nothing, queued, progress, history, near_end) == (
        [20, 75, 100, 200],
        [60, 100],
        [75, 200],
        [90, 300],
        45,
    )


@given(age=ALL_AGES, queued=st.booleans(), starts_in=st.none() | st.floats(max_value=0), jitter=JITTERS)
def test_without_evidence_age_and_ceiling_bound_the_wait(
    age: float, queued: bool, starts_in: float | None, jitter: float
) -> None:
    share = 0.35 if queued else 0.10
    seconds = next_wait(age, queued=queued, starts_in=starts_in, jitter=jitter)
    assert FLOOR <= seconds <= max(FLOOR, math.ceil(min(share * age, ceiling_at(age))))


@given(
    age=ALL_AGES,
    starts_in=st.floats(0, exclude_min=True),
    progress=st.none() | ANY_PROGRESSES,
    history=st.none() | HISTORIES,
    jitter=JITTERS,
)
def test_an_announced_start_is_polled_again_before_it_comes(
    age: float, starts_in: float, progress: Progress | None, history: History | None, jitter: float
) -> None:
    seconds = next_wait(age, queued=True, starts_in=starts_in, progress=progress, history=history, jitter=jitter)
    assert seconds <= math.ceil(min(900, max(FLOOR, 0.5 * age)))


@given(age=AGES, starts_in=SPANS, jitter=JITTERS)
def test_an_announced_start_of_a_running_import_is_no_evidence(age: float, starts_in: float, jitter: float) -> None:
    assert next_wait(age, starts_in=starts_in, jitter=jitter) == next_wait(age, jitter=jitter)


@given(
    age=ALL_AGES,
    queued=st.booleans(),
    starts_in=st.none() | st.floats(),
    progress=st.none() | ANY_PROGRESSES,
    history=st.none() | HISTORIES,
    jitter=JITTERS,
)
def test_with_any_evidence_age_and_ceiling_bound_the_wait(
    age: float,
    queued: bool,
    starts_in: float | None,
    progress: Progress | None,
    history: History | None,
    jitter: float,
) -> None:
    seconds = next_wait(age, queued=queued, starts_in=starts_in, progress=progress, history=history, jitter=jitter)
    assert FLOOR <= seconds <= math.ceil(max(FLOOR, 0.5 * age))
    assert seconds <= math.ceil(max(900 if queued else 1_200, ceiling_at(age)))


@given(
    age=st.floats(-DAY, 60 * DAY),
    queued=st.booleans(),
    starts_in=st.none() | st.floats(-DAY, DAY),
    progress=st.none() | PROGRESSES,
    history=st.none() | HISTORIES,
    retry_after=st.none() | st.floats(-DAY, DAY),
    jitter=JITTERS,
)
def test_no_wait_is_below_the_floor(
    age: float,
    queued: bool,
    starts_in: float | None,
    progress: Progress | None,
    history: History | None,
    retry_after: float | None,
    jitter: float,
) -> None:
    seconds = next_wait(
        age,
        queued=queued,
        starts_in=starts_in,
        progress=progress,
        history=history,
        retry_after=retry_after,
        jitter=jitter,
    )
    assert seconds >= FLOOR


@given(
    age=AGES,
    queued=st.booleans(),
    starts_in=st.none() | SPANS,
    progress=st.none() | PROGRESSES,
    retry_after=st.floats(0, DAY),
    jitter=JITTERS,
)
def test_whatever_else_is_known_retry_after_only_lengthens(
    age: float, queued: bool, starts_in: float | None, progress: Progress | None, retry_after: float, jitter: float
) -> None:
    without_hint = next_wait(age, queued=queued, starts_in=starts_in, progress=progress, jitter=jitter)
    with_hint = next_wait(
        age, queued=queued, starts_in=starts_in, progress=progress, jitter=jitter, retry_after=retry_after
    )
    assert with_hint >= max(without_hint, retry_after)


@given(age=AGES, queued=st.booleans(), progress=st.none() | PROGRESSES, history=st.none() | HISTORIES, jitter=JITTERS)
def test_jitter_only_shortens_and_by_a_tenth_at_most(
    age: float, queued: bool, progress: Progress | None, history: History | None, jitter: float
) -> None:
    without = next_wait(age, queued=queued, progress=progress, history=history)
    shortened = next_wait(age, queued=queued, progress=progress, history=history, jitter=jitter)
    # `without` was rounded up, so what was shortened may be up to a second less.
    assert 0.9 * (without - 1) <= shortened <= without


@pytest.mark.parametrize("jitter", [0.0, ALMOST_ONE, None], ids=["none", "most", "real"])
def test_an_import_of_24_hours_takes_at_most_1200_polls(jitter: float | None) -> None:
    age, polls = 0.0, 0
    while age < DAY:
        age += next_wait(age, jitter=jitter_of("voyado#default#1", polls) if jitter is None else jitter)
        polls += 1
    assert 500 < polls <= 1_200


@pytest.mark.parametrize(("age", "seconds"), [(0, 5), (0.5, 5), (1.5, 4), (4.2, 1), (5, 0), (3_600, 0), (-60, 5)])
def test_the_first_poll_is_one_floor_after_the_import_s_start(age: float, seconds: int) -> None:
    assert first_wait(age) == seconds


def test_the_first_poll_follows_the_policy_s_floor() -> None:
    assert first_wait(5, Policy(floor=20)) == 15


@given(st.text(), st.integers(0, 10_000))
def test_jitter_is_at_least_0_and_less_than_1(watch_id: str, poll: int) -> None:
    assert 0 <= jitter_of(watch_id, poll) < 1


def test_jitter_is_the_same_on_every_machine_and_every_time() -> None:
    assert [round(jitter_of("voyado#default#1", poll), 6) for poll in (1, 2, 1)] == [0.760957, 0.358509, 0.760957]


@pytest.mark.parametrize("vary", ["watch", "poll"])
def test_jitter_is_spread_evenly_over_watches_and_over_polls(vary: str) -> None:
    drawn = [jitter_of(f"egain#default#{n}", 1) if vary == "watch" else jitter_of("a", n) for n in range(1_000)]
    tenths = [sum(int(u * 10) == tenth for u in drawn) for tenth in range(10)]
    assert min(tenths) > 60
    assert max(tenths) < 140


def test_the_default_policy_is_the_design_s() -> None:
    assert (
        Policy(
            floor=5,
            ratio=0.10,
            ceiling=60,
            ceiling_ratio=0.002,
            queued_ratio=0.35,
            progress_ratio=0.50,
            progress_ceiling=1_200,
            history_ratio=0.40,
            history_ceiling=1_200,
            root_factor=1,
            jitter=0.10,
        )
        == DEFAULT_POLICY
    )
