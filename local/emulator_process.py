"""The emulator's process, which ends with its standard input, so it never outlives the process that started it.

Run as a file, isolated (`python -I`), so that nothing of this project is on the emulator's module search path. It
listens only on the socket that it gets. Started by its own command, it would also take port 443 if it uses TLS, and
fail where another process uses that port.
"""

import asyncio
import os
import resource
import signal
import sys
import threading

from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack.app import app

KEEP_ALIVE_SECONDS = 75
OPEN_FILES = 10_240
"""Maximum open files: a burst of imports opens more connections than the default limit of many machines; macOS allows
this number."""


def _end_with_parent() -> None:
    # Not through sys.stdin: a thread that reads its buffer when the interpreter ends would crash the interpreter.
    while os.read(0, 1):
        continue
    os.kill(os.getpid(), signal.SIGTERM)


def _serve(descriptor: int) -> None:
    config = Config()
    config.bind = [f"fd://{descriptor}"]
    config.keep_alive_timeout = KEEP_ALIVE_SECONDS
    config.certfile = os.environ.get("MINISTACK_SSL_CERT")
    config.keyfile = os.environ.get("MINISTACK_SSL_KEY")
    asyncio.run(serve(app, config))


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    few, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if most == resource.RLIM_INFINITY else min(OPEN_FILES, most)
    if few != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(few, wanted), most))
    _serve(int(sys.argv[1]))
