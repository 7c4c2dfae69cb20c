"""The emulator's process: ends when its standard input is closed, so that it never outlives whoever started it.

Run as a file, isolated (`python -I`), so that nothing of this project is on the emulator's module search path.
"""

import os
import signal
import sys
import threading

from ministack.app import main


def _end_with_parent() -> None:
    # Not through sys.stdin: a thread that is inside its buffer when the interpreter ends would crash it.
    while os.read(0, 1):
        continue
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.argv = ["ministack"]
    main()
