"""The schedule's benchmark: that it can be repeated, measures what ships, and does not flatter us."""

from __future__ import annotations

import math
import random
from dataclasses import asdict, replace
from functools import partial
from itertools import islice, pairwise
from pathlib import Path

import pytest
from import_watch.model.watch import Start, Tolerance, Watch
from import_watch.notifications.cost import price
from import_watch.scheduling.interval import DEFAULT_POLICY, PRESETS

from benchmarks.schedule import pages
from benchmarks.schedule.bill import MONTHLY, ways
from benchmarks.schedule.driver import Watching, follow, follow_by_peer
from benchmarks.schedule.figures import COLUMNS, POLLS_PER_EXECUTION, Figures, dominates, frontier, quantile
from benchmarks.schedule.imports import SCENARIOS, Import, imports
from benchmarks.schedule.measured import Measured
from benchmarks.schedule.observed import polled
from benchmarks.schedule.optimum import Checks, Optimum, ours, poll_times
from benchmarks.schedule.peers import PEERS, Peer
from benchmarks.schedule.running_times import CHOSEN, MAX_SECONDS, MIN_SECONDS, POWER_LAWS, SAME_MEAN, RunningTimes
from benchmarks.schedule.runs import OURS, SCHEDULES, run
from benchmarks.schedule.targets import OF_OPTIMUM, SIXTY
from tests.support.lifecycle import End, Wait, advance, start_watch

# ------------------------------------------------------------ it can be repeated


def test_a_seed_determines_the_figures() -> None:
    schedules = (OURS, "Google Python")
    once, again, other = (run(seed, 5, schedules, processes=1) for seed in (7, 7, 8))
    assert once == again
    assert once.pooled != other.pooled


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_an_import_does_not_depend_on_the_number_of_others(scenario: str) -> None:
    assert imports(scenario, 3, 1) == imports(scenario, 9, 1)[:3]


# ------------------------------------------------------------ the imports are as documented


def by_name(times: RunningTimes) -> str:
    return times.name


@pytest.mark.parametrize("times", [CHOSEN, SAME_MEAN, *POWER_LAWS], ids=by_name)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_running_times_follow_the_distribution_of_the_optimum(scenario: str, times: RunningTimes) -> None:
    seconds = [simulated.seconds for simulated in imports(scenario, 2_000, 5, times)]
    assert min(seconds) >= MIN_SECONDS
    assert max(seconds) <= MAX_SECONDS
    for time in (60, 900, 7_200, 43_200):
        assert sum(each <= time for each in seconds) / len(seconds) == pytest.approx(times.ended_by(time), abs=0.04)


@pytest.mark.parametrize("times", [CHOSEN, SAME_MEAN, *POWER_LAWS], ids=by_name)
def test_the_distribution_and_its_mean_agree(times: RunningTimes) -> None:
    steps = [MIN_SECONDS * (MAX_SECONDS / MIN_SECONDS) ** (step / 5_000) for step in range(5_001)]
    added = (math.sqrt(one * other) * (times.ended_by(other) - times.ended_by(one)) for one, other in pairwise(steps))
    assert math.fsum(added) == pytest.approx(times.mean_up_to(MAX_SECONDS), rel=1e-3)
    assert (times.ended_by(MIN_SECONDS), times.ended_by(MAX_SECONDS)) == pytest.approx((0, 1), abs=1e-9)


def test_the_power_law_beside_what_was_chosen_has_its_mean() -> None:
    assert SAME_MEAN.mean_up_to(MAX_SECONDS) == pytest.approx(CHOSEN.mean_up_to(MAX_SECONDS), rel=1e-9)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_progress_never_decreases_and_the_end_is_visible(scenario: str) -> None:
    for simulated in imports(scenario, 20, 3):
        moments = [simulated.starts + simulated.seconds * step / 200 for step in range(201)]
        fractions = [
            response.fraction for time in moments if (response := simulated.response(time)).fraction is not None
        ]
        assert fractions == sorted(fractions)
        assert all(0 <= fraction <= 1 for fraction in fractions)
        assert not simulated.response(simulated.ends - 1e-3).ended
        assert simulated.response(simulated.ends).ended or simulated.refused(simulated.ends) is not None


# ------------------------------------------------------------ it measures what ships


def waits_of_the_product(simulated: Import) -> list[int]:
    """Follow an import as the poll function does: by `lifecycle`, with a watch."""
    histories = {simulated.scenario: simulated.history} if simulated.history else {}
    start = Start("egain", str(simulated.number), timeout_seconds=10 * 86_400)
    step: Wait | End = start_watch(start, 0.0, Tolerance(), histories=histories)
    now, waits = 0.0, []
    watch: Watch = replace(step.watch, watch_id=f"benchmark#{simulated.scenario}#{simulated.number}")
    while isinstance(step, Wait):
        waits.append(step.seconds)
        now += step.seconds
        step = advance(watch, polled(simulated, simulated.response(now)), now, Tolerance())
        watch = step.watch
    return waits


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_benchmark_waits_as_the_product_does_poll_by_poll(scenario: str) -> None:
    shown = 0
    for simulated in imports(scenario, 24, 11):
        watching, now = Watching(simulated, DEFAULT_POLICY), 0.0
        waits = [watching.first()]
        while True:
            now += waits[-1]
            response = simulated.response(now)
            if response.ended:
                break
            waits.append(watching.after(response, now))
        if len(waits) <= 250:
            shown += 1
            assert waits == waits_of_the_product(simulated)
            assert follow(simulated, DEFAULT_POLICY).polls == len(waits)
    assert shown >= 15


def test_lag_is_counted_from_the_end_to_the_poll_that_sees_it() -> None:
    simulated = Import("status only", 1, 100.0)
    by_ten = replace(PEERS[0], first=10.0, waits=lambda _: iter([60.0, 60.0]))
    assert follow_by_peer(simulated, by_ten, 0) == (3, 30.0, 100.0, 130.0)


# ------------------------------------------------------------ the peers are as sourced

FIRST_WAITS: dict[str, list[float | tuple[float, float]]] = {
    "fixed 60 s": [60, 60, 60],
    "Azure SDK for Python, 30 s": [30, 30, 30],
    "botocore waiter, 15 s": [0, 15, 15],
    "exponential, 5 s × 1.5 to 300 s": [0, 5, 7.5, 11.25],
    "Lambda durable functions": [0, (1, 5), (1, 7.5), (1, 11.25)],
    "gcloud": [1, (2, 3), (2.8, 3.8), (3.92, 4.92)],
    "Smithy waiter": [0, 2, (2, 4), (2, 8)],
    "Google Java": [0, 5, 7.5, 11.25],
    "Google Python": [0, (0, 1), (0, 1.5), (0, 2.25)],
    "Temporal retry": [0, 1, 2, 4],
}
MAX_WAITS = {
    "fixed 60 s": 60,
    "Azure SDK for Python, 30 s": 30,
    "botocore waiter, 15 s": 15,
    "exponential, 5 s × 1.5 to 300 s": 300,
    "Lambda durable functions": 300,
    "gcloud": 181,
    "Smithy waiter": 120,
    "Google Java": 45,
    "Google Python": 20,
    "Temporal retry": 100,
}


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_a_peer_waits_as_its_source_defines(peer: Peer) -> None:
    waits = list(islice(peer.all_waits(random.Random(1)), 400))
    for wait, expected in zip(waits, FIRST_WAITS[peer.name], strict=False):
        least, most = expected if isinstance(expected, tuple) else (expected, expected)
        assert least <= wait <= most
    longest = MAX_WAITS[peer.name]
    assert 0.95 * longest <= max(waits) <= longest


def test_retry_after_is_honoured_by_the_peer_that_does() -> None:
    class Refusing(Import):
        __slots__ = ()

        def refused(self, now: float) -> float | None:
            return 47.0 if now < 40 else None

    azure, other = PEERS[1], PEERS[0]
    simulated = Refusing("throttled", 1, 60.0)
    assert azure.honours_retry_after
    assert follow_by_peer(simulated, azure, 0).watched == 30 + 47
    assert follow_by_peer(simulated, other, 0).watched == 60


# ------------------------------------------------------------ nothing is left out


def test_every_preset_is_measured() -> None:
    assert len(SCHEDULES) == len(PRESETS) + len(PEERS) == len(set(SCHEDULES))


# ------------------------------------------------------------ the optimum is one


@pytest.fixture(scope="module")
def optimum() -> Optimum:
    return Optimum()


def loss(checks: Checks, second: float) -> float:
    return checks.polls + second * checks.lag


def evenly(every: float, _age: float, _polls: int) -> float:
    return every


def by_age(share: float, most: float, age: float, _polls: int) -> float:
    return min(most, max(5.0, share * age))


def by_root(times: float, age: float, _polls: int) -> float:
    return times * math.sqrt(age + 10)


@pytest.mark.parametrize("second", [0.2, 1.0, 5.0])
def test_no_simple_schedule_loses_less_than_the_optimum(optimum: Optimum, second: float) -> None:
    least = loss(optimum.at_price(second), second)
    simple = [optimum.evaluate(poll_times(partial(evenly, every))) for every in (15, 30, 60, 120, 300)]
    simple += [
        optimum.evaluate(poll_times(partial(by_age, share, most)))
        for share in (0.02, 0.1, 0.3)
        for most in (30, 60, 120, 600, MAX_SECONDS)
    ]
    simple += [optimum.evaluate(poll_times(partial(by_root, times))) for times in (0.5, 1, 2, 4)]
    simple += [ours(optimum, policy, watches=1) for policy in PRESETS.values()]
    assert least <= min(loss(checks, second) for checks in simple)


def test_at_equal_lag_our_polls_are_close_to_the_optimum(optimum: Optimum) -> None:
    own = ours(optimum, DEFAULT_POLICY, watches=10)
    best = optimum.at_lag(own.lag)
    assert best.polls < own.polls < 1.01 * OF_OPTIMUM * best.polls


def test_the_optimum_of_an_even_distribution_is_the_known_one() -> None:
    # Running times spread evenly over 1,000 s, a poll at 1 and a second at 0.05: each wait 20 s shorter than the last.
    even = Optimum(1_000, lambda time: min(time, 1_000) / 1_000, lambda time: min(time, 1_000) ** 2 / 2_000)
    expected = [100 * check + 10 * check * (10 - check) for check in range(1, 11)]
    found = even.at_price(0.05)
    assert loss(found, 0.05) == pytest.approx(loss(even.evaluate(expected), 0.05), rel=1e-3)
    assert len(found.times) == len(expected)
    assert list(found.times) == pytest.approx(expected, abs=15)


def test_a_schedule_that_stops_too_soon_is_not_compared(optimum: Optimum) -> None:
    with pytest.raises(ValueError, match="before the longest import ends"):
        optimum.evaluate([60.0, 3_600.0])


def test_a_lag_that_is_never_best_is_refused(optimum: Optimum) -> None:
    with pytest.raises(ValueError, match="is never best"):
        optimum.at_lag(MAX_SECONDS)


# ------------------------------------------------------------ figures and pages

SOME = Figures(10, 20, 15, 50, 60, 0.1, 1.0, 1.0, 600)


def test_domination_needs_no_worse_value_in_any_column() -> None:
    assert dominates(SOME, replace(SOME, polls=11))
    assert not dominates(SOME, SOME)
    for column in COLUMNS:
        assert not dominates(replace(SOME, **{column: 1.1 * asdict(SOME)[column]}), replace(SOME, executions=2))


def test_a_quantile_covers_at_least_its_share() -> None:
    ordered = [float(value) for value in range(1, 101)]
    assert [quantile(ordered, share) for share in (0.0, 0.5, 0.95, 0.99, 1.0)] == [1, 50, 95, 99, 100]


def test_the_frontier_holds_those_that_no_other_beats_in_both() -> None:
    schedules = {
        "few": replace(SOME, polls=5, lag_p95=90),
        "beaten": replace(SOME, polls=20, lag_p95=60),
        "some": SOME,
    }
    assert frontier(schedules) == ["few", "some"]


def test_polls_per_execution_are_those_of_the_template() -> None:
    template = (pages.DOCS.parent / "template.yaml").read_text()
    assert f"MaxPollsPerExecution:\n    Type: Number\n    Default: {POLLS_PER_EXECUTION}\n" in template


@pytest.fixture(scope="module")
def measured() -> Measured:
    """What a run of a few imports measures."""
    results = run(2, 3, processes=1)
    return Measured(results, {OURS: {"polls": 92.1, "lag": 22.0, "best": 73.7}}, {}, {}, {})


@pytest.mark.parametrize(
    ("figure", "found"), [("92.1", 0), ("92.9", 0), ("92.0", 0), ("94.0", 1), ("9.21", 1), ("none", 1)]
)
def test_a_figure_of_a_page_may_differ_by_rounding_alone(measured: Measured, figure: str, found: int) -> None:
    page = pages.refreshed("<!-- figures: optimum -->\n<!-- end -->\n", measured)
    assert "92.1" in page
    assert len(pages.differences(page.replace("92.1", figure), measured)) == found


def test_a_line_too_many_or_too_few_in_a_page_is_found(measured: Measured) -> None:
    page = pages.refreshed("<!-- figures: pooled -->\n<!-- end -->\n", measured)
    line = next(line for line in page.splitlines(keepends=True) if "gcloud" in line)
    assert pages.differences(page, measured) == []
    assert pages.differences(page.replace(line, ""), measured)
    assert pages.differences(page.replace(line, line + line), measured)


def test_a_page_that_names_unknown_figures_is_refused(measured: Measured) -> None:
    with pytest.raises(ValueError, match="no figures are called 'unknown'"):
        pages.refreshed("<!-- figures: unknown -->\n<!-- end -->", measured)


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: page.name)
def test_every_page_has_marks_for_figures(page: Path) -> None:
    assert "<!-- figures: " in page.read_text()


def test_a_month_is_priced_by_hand() -> None:
    pooled = {**dict.fromkeys((OURS, SIXTY, "Lambda durable functions"), SOME)}
    import_watch, a_minute, http, durable = ways(pooled)
    assert import_watch.per_import == a_minute.per_import == price(10, 1, 2.0)
    assert http.per_import == pytest.approx((3 + 30) * 25e-6 + 1.5e-6)
    assert durable.per_import == pytest.approx(
        13 * 8.25e-6 + 11 * 0.2e-6 + 10 * 0.2 * 0.5 * 13.3334e-6 + 1.5e-6, rel=1e-6
    )
    assert http.per_poll == pytest.approx(75e-6)
    assert MONTHLY == (100, 10_000, 1_000_000)
