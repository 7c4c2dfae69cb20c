"""The resolution of a percentage is inferred from the reported values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from import_watch.model.observation import ImportState, Observation, ReportedProgress
from import_watch.model.watch import Start, Tolerance, Watch

from tests.support.lifecycle import Wait, advance, start_watch
from tests.unit.aws_fixtures import NOW


def after(*reported: ReportedProgress | None) -> Watch:
    step = start_watch(Start("egain", "1"), NOW, Tolerance())
    for number, progress in enumerate(reported):
        following = advance(
            step.watch, Observation(ImportState.RUNNING, progress=progress), NOW + 60 * (number + 1), Tolerance()
        )
        assert isinstance(following, Wait)
        step = following
    return step.watch


def resolution(*percentages: float) -> float | None:
    progress = after(*(ReportedProgress(percentage / 100) for percentage in percentages)).progress
    assert progress is not None
    return progress.resolution


@pytest.mark.parametrize(
    ("seen", "expected"),
    [((10, 20, 30), 0.10), ((0, 10), 0.10), ((40, 60), 0.20), ((25, 50), 0.25), ((37,), 0.01), ((12.5, 25), 0.01)],
)
def test_it_is_the_greatest_common_step_of_all_values(seen: tuple[float, ...], expected: float) -> None:
    assert resolution(*seen) == expected


def test_a_value_between_the_steps_makes_it_fine_permanently() -> None:
    assert resolution(10, 20, 33, 40, 50) == 0.01


def test_it_is_kept_while_no_progress_is_reported() -> None:
    watch = after(ReportedProgress(0.1), ReportedProgress(0.13), None, ReportedProgress(0.2))
    assert watch.progress == ReportedProgress(0.2, 0.01)


@given(fraction=st.floats(0, 1), total=st.integers(1, 10**9))
def test_progress_by_items_keeps_the_step_of_one_item(fraction: float, total: int) -> None:
    assert after(ReportedProgress(fraction, 1 / total)).progress == ReportedProgress(fraction, 1 / total)


@given(percentages=st.lists(st.floats(0, 100), min_size=1, max_size=8))
def test_it_is_always_a_share_that_the_schedule_can_use(percentages: list[float]) -> None:
    found = resolution(*percentages)
    assert found is not None
    assert 0.01 <= found <= 1


def test_a_newly_inferred_step_is_no_change_of_progress() -> None:
    watch = after(ReportedProgress(0.25), ReportedProgress(0.3), ReportedProgress(0.3))
    assert watch.progress_changed_at == NOW + 120
