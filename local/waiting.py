"""Waits for a condition, with a deadline, instead of a fixed time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")
GROWTH = 1.05
MAX_PAUSE = 0.25


def wait_until(condition: Callable[[], Found | None], seconds: float, what: str, pause: float = 0.05) -> Found:
    """Call a condition until its result is true, and return the result.

    Parameters
    ----------
    condition : callable
    seconds : float
        The deadline from now.
    what : str
        The condition in words, for the error.
    pause : float
        Seconds between the first two calls; the pause grows up to `MAX_PAUSE`.

    Raises
    ------
    TimeoutError
        If the deadline passes first.
    """
    ends = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > ends:
            raise TimeoutError(f"timed out after {seconds:g} s: {what}")
        time.sleep(pause)
        pause = max(pause, min(pause * GROWTH, MAX_PAUSE))
    return found
