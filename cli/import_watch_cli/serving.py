"""Serves the live page of a stack until it is interrupted."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec

from import_watch_cli.errors import CommandError
from import_watch_cli.output import Output
from import_watch_cli.stack import Stack


def serve(stack: Stack, output: Output, port: int, *, opens_browser: bool) -> int:
    """Serve the page on the loopback address.

    Raises
    ------
    CommandError
        If the packages of the page are not installed, or the port cannot be used.
    """
    if find_spec("uvicorn") is None or find_spec("starlette") is None:
        raise CommandError("The packages of the live page are not installed: install import-watch again.")

    def announce(url: str) -> None:
        if output.as_json:
            output.value({"url": url})
        else:
            output.line(f"The page of stack {stack.name} is at {url} until Ctrl-C.")
        # The command does not end here: a program that reads the address would wait for it.
        sys.stdout.flush()

    # The other commands start without a web server.
    server = import_module("import_watch_cli.page.server")
    server.serve(stack, port, open_browser=opens_browser, announce=announce)
    return 0
