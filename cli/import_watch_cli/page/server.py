"""Serves the page on the loopback address: until Ctrl-C, or beside something else in a thread."""

from __future__ import annotations

import os
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable
from types import TracebackType

import uvicorn

from import_watch_cli.errors import CommandError
from import_watch_cli.page.app import create_app
from import_watch_cli.stack import Stack

__all__ = ["BackgroundPage", "create_app", "serve"]
HOST = "127.0.0.1"
START_SECONDS, END_SECONDS = 10.0, 5.0
KEEP_ALIVE_SECONDS = 30
MAX_CONNECTIONS = 200


class BackgroundPage:
    """The page in a thread of this process; a context manager that ends it.

    Parameters
    ----------
    stack : Stack
    port : int
        0 for a free one.
    create : callable
        Makes the application for a port, in place of `create_app`.

    Raises
    ------
    CommandError
        If the port is in use, or the server does not start.
    """

    def __init__(self, stack: Stack, port: int = 0, create: Callable[..., object] = create_app) -> None:
        self._socket = _listen(port)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://{HOST}:{self.port}/"
        self._server = _Server(_config(create(stack, port=self.port)))
        self._thread = threading.Thread(target=self._run, name="page", daemon=True)

    def start(self) -> BackgroundPage:
        """Serve, and return when it responds."""
        self._thread.start()
        if not self._server.is_ready.wait(START_SECONDS) or not self._thread.is_alive():
            self.stop()
            raise CommandError("The page's server did not start: try another --port.")
        return self

    def stop(self) -> None:
        """End the server."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(END_SECONDS)
        self._socket.close()

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])

    def __enter__(self) -> BackgroundPage:
        return self.start()

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()


def serve(
    stack: Stack, port: int = 0, *, open_browser: bool = False, announce: Callable[[str], None] | None = None
) -> None:
    """Serve the page until Ctrl-C or SIGTERM.

    Parameters
    ----------
    stack : Stack
    port : int
        0 for a free one.
    open_browser : bool
        Whether to open it in the person's browser.
    announce : callable, optional
        Gets the address once the page responds.

    Raises
    ------
    CommandError
        If the port is in use.
    """
    with _listen(port) as listener:
        number = listener.getsockname()[1]
        server = _Server(_config(create_app(stack, port=number)))
        url = f"http://{HOST}:{number}/"

        def ready() -> None:
            if announce is not None:
                announce(url)
            if open_browser and _has_screen():
                webbrowser.open(url)

        # The listening socket accepts connections already: a browser that is quicker than the server waits.
        ready()
        try:
            server.run(sockets=[listener])
        except KeyboardInterrupt:  # uvicorn raises the signal again once it has ended
            return


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_ready.set()


def _has_screen() -> bool:
    """Whether a browser can have a window: one without would take the terminal."""
    return sys.platform == "darwin" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port), backlog=128)
    except (OSError, OverflowError):
        raise CommandError(f"Port {port} of this machine cannot be used: name another --port, or none.") from None


def _config(application: object) -> uvicorn.Config:
    return uvicorn.Config(
        application,  # type: ignore[arg-type]
        lifespan="off",
        ws="none",
        http="h11",
        loop="asyncio",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=2,
    )
