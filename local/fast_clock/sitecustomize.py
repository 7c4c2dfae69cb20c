"""Python loads this first in a process with the environment of `local.clock`, whose time then runs faster.

Only `time.time()` changes. Sockets and threads use the monotonic clock, and AWS requests are signed with `datetime`.
"""

import os
import time

_machine_time = time.time
_origin, _speed = float(os.environ["FAST_CLOCK_ORIGIN"]), float(os.environ["FAST_CLOCK_SPEED"])


def _fast_time() -> float:
    return _origin + (_machine_time() - _origin) * _speed


time.time = _fast_time
