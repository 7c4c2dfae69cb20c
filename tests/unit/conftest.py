"""Unit tests touch no network: opening a socket fails the test."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _no_network(socket_disabled: None) -> None:
    """Block sockets for every test of this folder."""


@pytest.fixture(autouse=True)
def _interpreter_limits() -> Iterator[None]:
    """Start every test with the default limits of the interpreter: functions that read any event raise them."""
    digits, levels = sys.get_int_max_str_digits(), sys.getrecursionlimit()
    sys.set_int_max_str_digits(sys.int_info.default_max_str_digits)
    sys.setrecursionlimit(1_000)
    yield
    sys.set_int_max_str_digits(digits)
    sys.setrecursionlimit(levels)
