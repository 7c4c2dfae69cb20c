"""How fast a clock the machine can keep up with just now."""

from __future__ import annotations

import subprocess
import sys
import time

from local.emulator import REGION
from local.paths import ROOT

FASTEST, SLOWEST = 16.0, 2.0
"""The stack's seconds in one of the machine's: the fastest on a machine that has two cores for the storm."""
COLD_START_SECONDS = 1.0
"""The machine's seconds in which such a machine, and no slower one, imports at once what two functions import."""
START_TIMEOUT_SECONDS = 150
"""Time limit of the start of a function."""


def sustainable_speed() -> float:
    """Speed that the machine can keep up with, by the time that it needs now to start two functions at once.

    Grace periods are counted in seconds of the stack's clock. On a busy machine, a fast clock would let them expire
    where no script intends it.
    """
    imports = (
        "import import_watch.services.polling, import_watch.http_client.client; "
        "from import_watch import bootstrap; bootstrap.watch_store()"
    )
    environment = {
        "PYTHONPATH": str(ROOT / "layers" / "import_watch"),
        "AWS_DEFAULT_REGION": REGION,
        "TABLE_NAME": "none",
        "RETENTION_DAYS": "1",
        "RECOVERY_GRACE_SECONDS": "300",
    }
    began = time.monotonic()
    for process in [subprocess.Popen([sys.executable, "-c", imports], env=environment) for _ in range(2)]:
        if process.wait(timeout=START_TIMEOUT_SECONDS):
            raise RuntimeError("what a function imports cannot be imported")
    return min(FASTEST, max(SLOWEST, FASTEST * COLD_START_SECONDS / (time.monotonic() - began)))
