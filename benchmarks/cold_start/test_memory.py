"""CPU time is converted to the seconds and the price of a memory size."""

from __future__ import annotations

import pytest
from import_watch.notifications.cost import MEMORY_GB

from benchmarks.cold_start.memory import SIZES, sizes
from tests.sam_template import STACK


def test_a_share_of_a_vcpu_takes_as_much_longer() -> None:
    by_size = {size.megabytes: size for size in sizes(0.004, 0.4)}
    assert by_size[1_769].warm_seconds == pytest.approx(0.204)
    assert by_size[512].warm_seconds == pytest.approx(0.2 + 0.004 * 1_769 / 512)
    assert by_size[512].cold_seconds == pytest.approx(0.2 + 0.4 * 1_769 / 512)
    assert by_size[1_024].warm_price == pytest.approx(1_000 * (0.2e-6 + (0.2 + 0.004 * 1_769 / 1_024) * 13.3334e-6))


def test_the_template_s_size_is_one_of_them() -> None:
    size = STACK["Globals"]["Function"]["MemorySize"]
    assert size in SIZES
    assert size == MEMORY_GB * 1_024
