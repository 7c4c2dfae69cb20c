"""The command line of the embedded default, `python -m local`."""

from __future__ import annotations

import signal


def main() -> None:
    """Load the commands, and run one."""
    interrupted = signal.getsignal(signal.SIGINT)
    if interrupted is signal.default_int_handler:
        # Until the commands are loaded nothing has started: Ctrl-C ends the process, without a traceback.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from local.commands import main as run

    signal.signal(signal.SIGINT, interrupted)
    run()


if __name__ == "__main__":
    main()
